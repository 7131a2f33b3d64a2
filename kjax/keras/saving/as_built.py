"""What the config of a layer says in Keras that its arguments do not: what wrappers and ``build`` make of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kjax.keras.core import configs
from kjax.keras.core.expected import BUILT_AT_ONCE
from kjax.keras.core.settings import unique_name

Config = dict[str, Any]


def as_built(layer: Any, config: Config) -> Config:
    """A config as that of the real layer, which changes some arguments when it is made or built.

    Args:
        layer: the layer.
        config: its arguments, as Keras writes them.
    """
    change = _CHANGES.get(_builtin_name(type(layer)))
    return config if change is None else change(layer, config, _input_shape(layer))


def _builtin_name(cls: type) -> str:
    return next((base.__name__ for base in cls.__mro__ if base.__module__ == "kjax.keras.layers"), "")


def _input_shape(layer: Any) -> tuple[int | None, ...] | None:
    """The shape of the first input that the layer was built for; None before that."""
    known = layer._build_shapes or {}
    shape = known.get("input_shape") or next(iter(known.get("shapes_dict", {}).values()), None)
    return tuple(shape) if layer.built and shape is not None else None


def _axes_as_list(layer: Any, config: Config, shape: Any) -> Config:
    """``axis`` becomes a list in ``build``."""
    del layer
    axis = config["axis"]
    return config if shape is None or isinstance(axis, (list, tuple)) else {**config, "axis": [axis]}


def _attention_axes(layer: Any, config: Config, shape: Any) -> Config:
    """All axes between the batch and the features, where none were given."""
    del layer
    if shape is None:
        return config
    axes = config["attention_axes"]
    axes = range(1, len(shape) - 1) if axes is None else [a + len(shape) if a < 0 else a for a in axes]
    return {**config, "attention_axes": list(axes)}


def _built(entry: Mapping[str, Any], shape: Sequence[int | None] | None) -> Config:
    """The entry of a layer inside, with the shape that it was built for."""
    if shape is None or entry["class_name"] in BUILT_AT_ONCE:
        return dict(entry)
    return {**entry, "build_config": {"input_shape": tuple(shape)}}


def _with_layer(inner_shape: Callable[[Any], Any]) -> Callable[[Any, Config, Any], Config]:
    """``layer`` is built with the wrapper, for the shape that the wrapper hands on."""

    def change(layer: Any, config: Config, shape: Any) -> Config:
        del layer
        return {**config, "layer": _built(config["layer"], None if shape is None else inner_shape(shape))}

    return change


def _both_directions(layer: Any, config: Config, shape: Any) -> Config:
    """The layer is copied for each direction, under names of their own."""
    forward = config["layer"]
    backward = config["backward_layer"]
    zeros = {} if layer._module.keras2 else {"zero_output_for_mask": forward["config"].get("return_sequences", False)}
    if backward is None:
        turned = {"go_backwards": not forward["config"].get("go_backwards", False), **zeros}
        backward = _changed(forward, name=_prefixed("backward_", forward), **turned)
    else:
        backward = _changed(backward, **zeros)
    forward = _changed(forward, name=_prefixed("forward_", forward), **zeros)
    kept = {key: value for key, value in config.items() if key != "weights"}
    if "cell" in forward["config"] and "cell" in backward["config"]:
        inner = layer._given_layers["layer"]
        other = layer._given_layers.get("backward_layer") or inner
        forward = {**forward, "config": _cell(inner, forward["config"], shape)}
        backward = {**backward, "config": _cell(other, backward["config"], shape)}
    return {**kept, "layer": _built(forward, shape), "backward_layer": _built(backward, shape)}


def _prefixed(prefix: str, entry: Mapping[str, Any]) -> str:
    return prefix + entry["config"]["name"].removeprefix(prefix)


def _changed(entry: Mapping[str, Any], **arguments: Any) -> Config:
    known = {key: value for key, value in arguments.items() if key in entry["config"]}
    return {**entry, "config": {**entry["config"], **known}}


def _cell(layer: Any, config: Config, shape: Any) -> Config:
    """Several cells become one, and all are built for what they get at one time."""
    cell = config["cell"]
    if isinstance(cell, (list, tuple)):
        name = layer.__dict__.setdefault("_stack_name", unique_name("stacked_rnn_cells"))
        dtype = configs.serialize_argument(layer._dtype_policy)
        stacked = {"name": name, "trainable": True, "dtype": dtype, "cells": list(cell)}
        cell = {"module": "keras.layers", "class_name": "StackedRNNCells", "config": stacked, "registered_name": None}
    if shape is None:
        return {**config, "cell": cell}
    step = (shape[0], *shape[2:])
    if cell["class_name"] == "StackedRNNCells":
        cell = {**cell, "config": {**cell["config"], "cells": _chain(layer, cell["config"]["cells"], step)}}
    return {**config, "cell": _built(cell, step)}


def _chain(layer: Any, entries: Sequence[Mapping[str, Any]], shape: Any) -> list[Config]:
    """The entries of cells of which each takes the output of the one before."""
    result = []
    for entry, cell in zip(entries, layer._module.cell.cells, strict=True):
        result.append(_built(entry, shape))
        size = getattr(cell, "output_size", None) or cell.state_size
        shape = (shape[0], size[0] if isinstance(size, (list, tuple)) else size)
    return result


_CHANGES: dict[str, Callable[[Any, Config, Any], Config]] = {
    "LayerNormalization": _axes_as_list,
    "RMSNormalization": _axes_as_list,
    "MultiHeadAttention": _attention_axes,
    "Bidirectional": _both_directions,
    "TimeDistributed": _with_layer(lambda shape: (shape[0], *shape[2:])),
    "SpectralNormalization": _with_layer(lambda shape: shape),
    "RNN": _cell,
}
"""Built-in classes, and what becomes of their arguments."""
