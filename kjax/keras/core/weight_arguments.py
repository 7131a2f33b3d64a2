"""The arguments of ``add_weight`` in the orders of all generations of Keras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kjax.nn.value import did_you_mean

_ORDERS = {
    "3": "shape initializer dtype trainable autocast regularizer constraint aggregation overwrite_with_gradient name",
    "2": "name shape dtype initializer regularizer trainable constraint",
    "1": "shape initializer name trainable regularizer constraint",
}
"""Positional arguments by generation: Keras 2 and tf.keras begin with the name, Keras 1 has it third."""

_IGNORED = frozenset(
    """use_resource partitioner collections getter
    experimental_autocast caching_device layout implementation""".split()
)
"""Arguments about devices and variables of TensorFlow, which mean nothing here."""

_NAMES = frozenset([*" ".join(_ORDERS.values()).split(), "synchronization"]) | _IGNORED
_TYPES = ("float", "int", "uint", "bool", "bfloat", "complex")


def weight_arguments(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of ``add_weight`` by their Keras 3 names.

    Raises:
        TypeError: too many, an unknown one, or one given twice.
    """
    order = _ORDERS[_generation(args)].split()
    if len(args) > len(order):
        raise TypeError(f"add_weight: at most {len(order)} positional arguments are known, received {len(args)}")
    given = dict(zip(order, args, strict=False))
    for name, value in kwargs.items():
        if name not in _NAMES:
            raise TypeError(f"add_weight: unknown argument {name!r}; {did_you_mean(name, _NAMES - _IGNORED)}")
        if name in given:
            raise TypeError(f"add_weight: argument `{name}` was given twice")
        given[name] = value
    if given.get("trainable", True) is None:
        given["trainable"] = True
    return {name: value for name, value in given.items() if name not in _IGNORED}


def _generation(args: tuple[Any, ...]) -> str:
    if args and isinstance(args[0], str):
        return "2"
    if len(args) > 1 and args[0] is None and not isinstance(args[1], str) and hasattr(args[1], "__iter__"):
        return "2"  # add_weight(None, shape)
    if len(args) > 2 and isinstance(args[2], str) and not args[2].startswith(_TYPES):
        return "1"
    return "3"
