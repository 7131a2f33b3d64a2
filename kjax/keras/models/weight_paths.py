"""Where in a model each weight lies, as tf.keras names it: attributes from the model down to the weight."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from kjax.keras.core.layer import Layer
from kjax.keras.core.pure import PureLayer
from kjax.keras.core.variable import Variable

INNER: tuple[tuple[str, str], ...] = (
    (r"forward_.*", "forward_layer"),
    (r"backward_.*", "backward_layer"),
    (r"(lstm|gru|simple_rnn|conv_lstm\dd)_cell(_\d+)?", "cell"),
    (r"(query|key|value|attention_output)", r"_\1_dense"),
)
"""Layers inside those of Keras: how the paths of their weights begin, and the attributes that they were."""


def weight_paths(model: Any) -> dict[str, Variable]:
    """The variables of a model by ``'attribute.attribute.name'``, the nearest to the model first.

    Args:
        model: a built model. Layers of a graph are named by their names in the model itself, and in models inside of it by
            their numbers among those with weights.
    """
    found: dict[str, Variable] = {}
    seen: set[int] = {id(model)}
    level = list(_children(model, True))
    while level:
        below: list[tuple[str, Any]] = []
        for path, thing in level:
            if id(thing) in seen:
                continue
            seen.add(id(thing))
            if isinstance(thing, Variable):
                found[path] = thing
            else:
                below += [(f"{path}.{name}", child) for name, child in _children(thing, False)]
        level = below
    return found


def _children(thing: Any, outermost: bool) -> Iterator[tuple[str, Any]]:
    if isinstance(thing, (list, tuple)):
        yield from ((str(i), item) for i, item in enumerate(thing))
    elif isinstance(thing, dict):
        yield from ((str(key), item) for key, item in thing.items())
    elif getattr(thing, "is_functional", False) or hasattr(thing, "_stack"):
        layers = [layer for layer in thing.layers if layer.weights]
        yield from ((layer.name if outermost else f"layer_with_weights-{i}", layer) for i, layer in enumerate(layers))
    elif isinstance(thing, PureLayer):
        yield from ((_inner_path(thing, variable), variable) for variable in thing.weights)
    elif isinstance(thing, Layer):
        attributes = {name: value for name, value in thing.__dict__.items() if not name.startswith("_")}
        held = {id(value) for value in attributes.values()}
        yield from ((v.short_name, v) for v in thing.own_variables() if id(v) not in held)
        yield from ((name, value) for name, value in attributes.items() if isinstance(value, Variable))
        kinds = (Layer, list, tuple, dict)
        yield from ((name, value) for name, value in attributes.items() if isinstance(value, kinds))


def _inner_path(layer: Any, variable: Variable) -> str:
    parts = variable.path.split("/")
    parts = parts[parts.index(layer.name) + 1 :] if layer.name in parts else parts[-1:]
    return ".".join(_attribute(part) for part in parts)


def _attribute(part: str) -> str:
    for pattern, attribute in INNER:
        if re.fullmatch(pattern, part):
            return re.sub(pattern, attribute, part).replace("_attention_output_dense", "_output_dense")
    return part
