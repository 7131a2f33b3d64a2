"""``multi_gpu_model`` of Keras 2, on JAX's devices."""

from __future__ import annotations

import warnings
from typing import Any


def multi_gpu_model(model: Any, gpus: Any = None, cpu_merge: bool = True, cpu_relocation: bool = False) -> Any:
    """A model that computes with the given one's weights on several GPUs.

    In Keras 2 this was a second model that cut each batch into parts. Here the compiled step is what is spread over
    devices (``keras.distribution.DataParallel``), so the model itself is returned; with fewer GPUs than asked for,
    it runs on what there is, which gives the same results.

    Args:
        model: the model.
        gpus: number of GPUs, or list of their indices; all by default.
        cpu_merge: accepted for Keras 2.
        cpu_relocation: accepted for Keras 2.

    Returns:
        The model.

    Raises:
        ValueError: fewer than two GPUs asked for.
    """
    import jax

    del cpu_merge, cpu_relocation
    wanted = len(gpus) if isinstance(gpus, (list, tuple)) else gpus
    if wanted is not None and wanted <= 1:
        raise ValueError(f"multi_gpu_model: `gpus` must be at least 2, received {gpus!r}")
    there = sum(device.platform == "gpu" for device in jax.devices())
    if wanted is None or there < wanted:
        warnings.warn(
            f"multi_gpu_model: {wanted or 'all'} GPUs were asked for and there are {there}; the model runs on "
            f"{jax.devices()[0].platform} with the same results.",
            stacklevel=2,
        )
    return model
