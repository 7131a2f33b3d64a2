"""``multi_gpu_model`` of Keras 2, on JAX's devices."""

from __future__ import annotations

from typing import Any


def multi_gpu_model(model: Any, gpus: Any = None, cpu_merge: bool = True, cpu_relocation: bool = False) -> Any:
    """A model with the weights of the given one whose batches are split over several devices.

    In Keras 2 it cut each batch into parts by layers of its own. Here the compiled steps of the new model are spread over
    devices, as :class:`kjax.keras.distribution.DataParallel` does for all models; what it computes is the same. It is
    compiled and trained on its own, and the given model has the trained weights.

    Args:
        model: a built model.
        gpus: number of devices, or a list of their numbers; all by default.
        cpu_merge: accepted for Keras 2.
        cpu_relocation: accepted for Keras 2.

    Returns:
        The new model.

    Raises:
        ValueError: fewer than two devices asked for, or more than there are.
    """
    import jax

    from kjax.keras.distribution import DataParallel
    from kjax.keras.models import Model

    del cpu_merge, cpu_relocation
    there = jax.devices()
    numbers = list(gpus) if isinstance(gpus, (list, tuple)) else list(range(len(there) if gpus is None else gpus))
    if len(numbers) <= 1:
        raise ValueError(
            f"multi_gpu_model: `gpus` must be at least 2 (or as many numbers of devices), received {gpus!r}; "
            f"this machine has {len(there)} ({there[0].platform})"
        )
    missing = [n for n in numbers if not 0 <= n < len(there)]
    if missing:
        raise ValueError(
            f"multi_gpu_model: with gpus={gpus!r} the devices {numbers} are needed, and this machine has "
            f"{len(there)} ({there[0].platform}); try fewer `gpus`"
        )
    inputs: Any = model.inputs[0] if len(model.inputs) == 1 else list(model.inputs)
    parallel = Model(inputs, model(inputs))
    parallel.distribution = DataParallel(devices=[f"{there[n].platform}:{there[n].id}" for n in numbers])
    return parallel
