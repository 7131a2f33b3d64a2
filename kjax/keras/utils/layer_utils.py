"""``keras.utils.layer_utils``: models as text, their sources, and the number of their weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kjax.keras.utils.kernels import convert_all_kernels_in_model as convert_all_kernels_in_model
from kjax.keras.utils.kernels import convert_dense_weights_data_format as convert_dense_weights_data_format
from kjax.keras.utils.kernels import convert_kernel as convert_kernel


def count_params(weights: Iterable[Any]) -> int:
    """Number of elements of weights; one that appears twice counts once."""
    return sum(math.prod(w.shape) for w in {id(w): w for w in weights}.values())


def count_total_params(layers: Iterable[Any], layer_set: set[Any] | None = None) -> tuple[int, int]:
    """Numbers of elements of trained and of frozen weights, as Keras 1 counted them.

    Args:
        layers: layers and models; each counts once.
        layer_set: layers that count no more; those that are counted are added.
    """
    seen = set() if layer_set is None else layer_set
    new = [layer for layer in dict.fromkeys(layers) if layer not in seen]
    seen.update(new)
    counts = [
        count_total_params(layer.layers, seen)
        if hasattr(layer, "layers")
        else (count_params(layer.trainable_weights), count_params(layer.non_trainable_weights))
        for layer in new
    ]
    return sum(trained for trained, _ in counts), sum(frozen for _, frozen in counts)


def layer_from_config(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The layer of ``{'class_name': ..., 'config': ...}``, as ``keras.layers.deserialize`` makes it.

    Args:
        config: the class and its config.
        custom_objects: classes by name.
    """
    from kjax.keras.layers import deserialize

    return deserialize(config, custom_objects=custom_objects)


def print_summary(
    model: Any,
    line_length: int | None = None,
    positions: Any = None,
    print_fn: Callable[[str], Any] | None = None,
) -> None:
    """``model.summary()``, with the arguments of it."""
    model.summary(line_length=line_length, positions=positions, print_fn=print_fn)


def get_source_inputs(tensor: Any, layer: Any = None, node_index: int | None = None) -> list[Any]:
    """The symbolic inputs that a symbolic tensor is computed from, in the order of first use.

    Args:
        tensor: the tensor.
        layer: accepted for Keras 2.
        node_index: accepted for Keras 2.

    Raises:
        ValueError: something else than a symbolic tensor.
    """
    del layer, node_index
    if not is_keras_tensor(tensor):
        raise ValueError(f"get_source_inputs: expected a symbolic tensor, received {type(tensor).__name__}")
    found: dict[int, Any] = {}
    seen: set[int] = set()
    waiting = [tensor]
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        history = current._keras_history
        parents = history[0]._inbound_nodes[history[1]].sources if history else []
        if parents:
            waiting.extend(reversed(parents))
        else:
            found[id(current)] = current
    return list(found.values())


def is_keras_tensor(x: Any) -> bool:
    """Whether ``x`` is a symbolic tensor."""
    from kjax.keras.core.tensor import KerasTensor

    return isinstance(x, KerasTensor)
