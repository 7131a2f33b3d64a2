"""Enumerations of TensorFlow."""

from __future__ import annotations


class Choice:
    """Members of TensorFlow's enumerations that say where variables lie; JAX decides that."""

    AUTO, NONE, ON_READ, ON_WRITE = "auto", "none", "on_read", "on_write"
    SUM, MEAN, ONLY_FIRST_REPLICA = "sum", "mean", "only_first_replica"


class ResizeMethod:
    """``tf.image.ResizeMethod``."""

    BILINEAR, NEAREST_NEIGHBOR, BICUBIC, AREA = "bilinear", "nearest", "bicubic", "area"
    LANCZOS3, LANCZOS5, GAUSSIAN, MITCHELLCUBIC = "lanczos3", "lanczos5", "gaussian", "mitchellcubic"
