"""The version of kjax, read by the build and by ``kjax.__version__``."""

__version__ = "0.1.0"
