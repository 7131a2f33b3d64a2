"""Lists of weights as Keras 1 and 2 had them: in another order; in Keras 1 each gate's apart, kernels in the axes of then."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from kjax.keras.core import doors, values
from kjax.keras.core.pure import PureLayer
from kjax.keras.core.settings import settings
from kjax.keras.core.variable import Variable
from kjax.keras.saving.layout import module_at
from kjax.keras.saving.legacy_weights import GATES_OF_KERAS1, KERAS1, gathered_then

Arrays = list[np.ndarray]


def _gates(order: Sequence[int]) -> Callable[[Any, Arrays], Arrays]:
    """Arrays of all gates as W, U, b of one gate after the other.

    Args:
        order: places of the gates in the arrays of today.
    """

    def split(module: Any, arrays: Arrays) -> Arrays:
        parts = [np.split(array, len(order), axis=-1) for array in arrays]
        kernels = _channels_first((2, 3, 1, 0)) if arrays[0].ndim == 4 else None
        found = [part[gate] for gate in order for part in parts]
        return [kernels(module, [a])[0] if kernels and a.ndim == 4 else a for a in found]

    return split


def _channels_first(axes: Sequence[int]) -> Callable[[Any, Arrays], Arrays]:
    """The other way round than :mod:`legacy_weights` turns kernels of layers with the channels first."""
    back = tuple(int(place) for place in np.argsort(axes))

    def turn(module: Any, arrays: Arrays) -> Arrays:
        return [np.transpose(arrays[0], back), *arrays[1:]] if module.data_format == "channels_first" else arrays

    return turn


def _transposed(module: Any, arrays: Arrays) -> Arrays:
    axes = (2, 3, 0, 1) if module.data_format == "channels_first" else (0, 1, 3, 2)
    return [np.transpose(arrays[0], axes), *arrays[1:]]


_THEN: dict[str, Callable[[Any, Arrays], Arrays]] = {
    "LSTM": _gates((0, 2, 1, 3)),
    "GRU": _gates((0, 1, 2)),
    "ConvLSTM2D": _gates((0, 2, 1, 3)),
    "Conv1D": lambda module, arrays: [arrays[0][:, None], *arrays[1:]],
    "Conv2D": _channels_first((2, 3, 1, 0)),
    "Conv3D": _channels_first((2, 3, 4, 1, 0)),
    "Conv2DTranspose": _transposed,
}
"""What turns weights of today into those of then, by module."""


def _runs(layer: Any, variables: Sequence[Variable]) -> Iterator[tuple[Any, str, list[Variable]]]:
    """(module, name of what turns its weights or nothing, its variables) of each module whose weights come in a row."""
    owners: dict[int, tuple[Any, Any, bool]] = {}
    for part in layer._flatten_layers():
        if isinstance(part, PureLayer):
            inner = part.__dict__.get("_original", (part,))[0]
            together = getattr(inner, "__dict__", {}).get("consume_less") == "gpu"
            for _, path, variable in part._boxes:
                owner = (id(part), path[:-1]), module_at(part._module, path[:-1]), together
                owners.setdefault(id(variable), owner)
    nobody = None, None, False
    for _, group in itertools.groupby(variables, key=lambda v: owners.get(id(v), nobody)[0]):
        run = list(group)
        _, module, together = owners.get(id(run[0]), nobody)
        name = type(module).__name__
        known = name in _THEN and len(run) <= 3 and not (together and name in GATES_OF_KERAS1)
        yield module, name if known else "", run


def of_then(layer: Any) -> Arrays:
    """The weights of a layer or model as ``get_weights`` of Keras 1 or 2 listed them.

    Args:
        layer: the layer or model.
    """
    variables = gathered_then(layer)
    left, found = values.read(variables), []
    if settings.era != "1":
        return left
    for module, name, run in _runs(layer, variables):
        mine, left = left[: len(run)], left[len(run) :]
        found += _THEN[name](module, mine) if name else mine
    return found


def of_today(layer: Any, arrays: Sequence[Any]) -> tuple[list[Variable], list[Any]]:
    """Weights of a layer, and the values that ``set_weights`` is given for them in a script of Keras 1 or 2.

    Args:
        layer: the layer or model.
        arrays: values in the form of Keras 1, or of today.
    """
    variables, left, found = gathered_then(layer), list(arrays), []
    fit = [np.shape(a) for a in left] == [tuple(v.shape) for v in variables]
    if settings.era != "1" or (fit and not _is_ambiguous(layer, variables)):
        return variables, left
    for module, name, run in _runs(layer, variables):
        count = GATES_OF_KERAS1.get(name, len(run))
        mine, left = left[:count], left[count:]
        whole = name and len(mine) == count
        found += KERAS1[name](module, [np.asarray(a) for a in mine]) if whole else mine
    return variables, [*found, *left]


def _is_ambiguous(layer: Any, variables: Sequence[Variable]) -> bool:
    """Whether kernels of then may have the shapes of today."""
    return any(
        name == "Conv2DTranspose"
        or (name.startswith("Conv") and getattr(module, "data_format", "") == "channels_first")
        for module, name, _ in _runs(layer, variables)
    )


doors.older_weights.fill(of_then=of_then, of_today=of_today)
