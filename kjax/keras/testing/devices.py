"""Which devices tests run on."""

from __future__ import annotations

import jax


def uses_gpu() -> bool:
    """Whether JAX runs on a GPU."""
    return jax.default_backend() == "gpu"


def uses_tpu() -> bool:
    """Whether JAX runs on a TPU."""
    return jax.default_backend() == "tpu"


jax_uses_gpu = uses_gpu
jax_uses_tpu = uses_tpu


def tensorflow_uses_gpu() -> bool:
    """False: there is no other backend than JAX."""
    return False


tensorflow_uses_tpu = torch_uses_gpu = tensorflow_uses_gpu
