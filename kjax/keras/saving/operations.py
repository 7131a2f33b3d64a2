"""Functions on symbolic tensors (``x + y``, ``ops.mean(x)``) as the operations that real Keras writes into graphs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kjax.keras.core.operation import Operation
from kjax.keras.core.settings import to_snake_case
from kjax.keras.ops.table import Entry, by_class
from kjax.nn.value import did_you_mean


def entry_of(operation: Operation) -> Entry | None:
    """What ``keras.ops`` knows of the function of an operation, or None."""
    entry = operation.entry
    return entry if isinstance(entry, Entry) and entry.class_name is not None else None


def operation_config(
    operation: Operation, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[Any, ...], dict[str, Any]]:
    """An operation as real Keras writes it, and the arguments that stay with its call.

    Args:
        operation: the operation.
        args: positional arguments of its only call.
        kwargs: keyword arguments of its only call.

    Raises:
        ValueError: a function that real Keras has no operation for.
    """
    entry = entry_of(operation)
    if entry is None:
        function = operation.function
        name = getattr(function, "__name__", repr(function))
        raise ValueError(
            f"the function {name!r} applied to a symbolic tensor ({operation.name!r}) cannot be written to a config: "
            "put it into a layer of your own class, or a Lambda layer with a registered function"
        )
    from kjax.keras.saving.serialization import serialize_keras_object

    config = {"name": operation.name}
    config |= {key: serialize_keras_object(value) for key, value in kwargs.items() if key in entry.arguments}
    rest = {key: value for key, value in kwargs.items() if key not in entry.arguments}
    found = {
        "module": f"keras.src.ops.{entry.module}",
        "class_name": entry.class_name,
        "config": config,
        "registered_name": entry.class_name,
    }
    return found, args, rest


def is_operation(config: Mapping[str, Any]) -> bool:
    """Whether an entry of a graph is an operation and not a layer."""
    if "module" in config:
        return str(config["module"]).startswith("keras.src.ops.")
    # Keras 3 writes no modules into .h5 files; layers have arguments there that operations do not.
    inner = config.get("config")
    return (
        config.get("class_name") in by_class()
        and isinstance(inner, Mapping)
        and "trainable" not in inner
        and "name" in inner
    )


def operation_from_config(config: Mapping[str, Any]) -> tuple[Operation, dict[str, Any]]:
    """The operation that real Keras, or :func:`operation_config`, wrote, and keyword arguments for its calls.

    Raises:
        ValueError: an operation that kjax does not have.
    """
    name = config["class_name"]
    entry = by_class().get(name)
    if entry is None:
        raise ValueError(
            f"the file uses Keras' operation {name!r}, which kjax cannot read; {did_you_mean(name, by_class())}"
        )
    inner = dict(config["config"])
    label = inner.pop("name", None) or to_snake_case(name)
    for key in inner:
        if key not in entry.arguments:
            raise ValueError(f"the operation {label!r} ({name}) has an argument {key!r}, which kjax cannot read")
    operation = Operation(entry.call, entry.name, entry)
    operation.name = label
    return operation, {key: _hashable(value) for key, value in inner.items()}


def _hashable(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return tuple(_hashable(item) for item in value)
    return value.item() if isinstance(value, np.generic) else value


def positional(operation: Operation, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arguments of a call as JSON gives them back, with the tuples that indexing needs."""
    entry = entry_of(operation)
    if entry is not None and entry.class_name == "GetItem" and len(args) == 2 and isinstance(args[1], list):
        return args[0], tuple(args[1])
    return args
