"""Programs to run: ``python -m kjax.examples.cifar10``."""
