"""Measurements of kjax next to Keras 3 and hand-written JAX; ``scripts/bench`` runs them."""
