"""The classic data sets, as ``keras.datasets``."""

from kjax.data.datasets import *  # noqa: F403
