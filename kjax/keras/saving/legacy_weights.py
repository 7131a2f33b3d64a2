"""The weights of one layer in files before Keras 3: their order, and conversions between generations of layers."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from kjax.keras.core.pure import PureLayer
from kjax.keras.core.variable import Variable
from kjax.keras.models.model import Model
from kjax.keras.saving import eras
from kjax.keras.saving.hdf5 import Stored
from kjax.keras.saving.layout import graph_layers, module_at
from kjax.nn.module import OVERWRITE, PARAMS

Arrays = list[np.ndarray]


def listed(layer: Any) -> list[Variable]:
    """The weights of a layer or model in the order of these files: those that are trained, then the others."""
    if eras.is_old() and eras.era() != eras.TF_KERAS:
        return listed_then(layer)
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def listed_then(layer: Any) -> list[Variable]:
    """The weights of a layer, or of a model inside another, in the order of Keras 1 and 2: those that are trained, then the others.

    To freeze a model there did not freeze its layers: what they would train still came first.
    """
    entries = (
        entry for part in layer._flatten_layers() for entry in (*getattr(part, "_boxes", ()), *part._own_variables)
    )
    learned = {id(v) for collection, _, v in entries if collection in (PARAMS, OVERWRITE) and not v.frozen}
    first = [v for v in layer.weights if (v.trainable if layer.trainable else id(v) in learned)]
    return [*first, *(v for v in layer.weights if all(v is not other for other in first))]


def gathered_then(layer: Any) -> list[Variable]:
    """The weights in the order of ``get_weights`` of Keras 1 and 2, which goes through a model layer by layer."""
    if not isinstance(layer, Model):
        return listed_then(layer)
    found = {id(v): v for inner in graph_layers(layer) for v in listed_then(inner)}
    return list({**found, **{id(v): v for v in layer.weights}}.values())


def matched(
    layer: Any, variables: list[Variable], stored: Mapping[str, Stored], backend: str | None, reshape: bool = False
) -> list[tuple[Variable, Any]]:
    """Each variable with the array that it gets.

    Args:
        layer: the layer.
        variables: its variables in the order of the file.
        stored: the file's arrays, by name.
        backend: what the file says of the backend that wrote it.
        reshape: arrays of as many numbers in another shape fit.

    Raises:
        ValueError: other numbers or shapes than the layer has.
    """
    arrays = _converted(layer, variables, list(stored.values()), backend)
    label = f"layer {layer.name!r} ({type(layer).__name__})"
    if len(arrays) != len(variables):
        names = ", ".join(stored) or "none"
        raise ValueError(f"{label} has {len(variables)} weights, the file has {len(arrays)} for it ({names})")
    for i, (variable, array) in enumerate(zip(variables, arrays, strict=True)):
        if reshape and math.prod(array.shape) == variable.size and tuple(array.shape) != variable.shape:
            arrays[i] = np.reshape(array.read() if isinstance(array, Stored) else array, variable.shape)
        elif tuple(array.shape) != variable.shape:
            raise ValueError(
                f"{label}: weight {variable.name!r} has shape {variable.shape}, the file has {tuple(array.shape)}"
            )
    return list(zip(variables, arrays, strict=True))


def _converted(layer: Any, variables: list[Variable], stored: list[Stored], backend: str | None) -> list[Any]:
    """The arrays of a file in the form in which the layers of today have them, read where they had to be changed."""
    arrays: list[Any] = []
    for part in parts(layer, variables, stored, backend):
        arrays += part.stored if part.convert is None else part.convert([entry.read() for entry in part.stored])
        if part.convert is not None and backend == "theano" and eras.era() == eras.KERAS1:
            layer.kernels_are_mirrored = True
    return arrays


@dataclasses.dataclass(frozen=True)
class Part:
    """Variables that belong to one module, and what a file has of them.

    Attributes:
        variables: the variables.
        stored: the file's arrays: as many, or those of each gate.
        convert: makes of them the values of the variables; None where they are these.
    """

    variables: list[Variable]
    stored: list[Any]
    convert: Callable[[Arrays], Arrays] | None

    def apart(self, names: Sequence[str]) -> Iterator[tuple[Part, list[str]]]:
        """The variables one by one, each with its name in the file."""
        for variable, entry, name in zip(self.variables, self.stored, names, strict=True):
            yield Part([variable], [entry], None), [name]


def parts(layer: Any, variables: Sequence[Variable], stored: Sequence[Any], backend: str | None) -> list[Part]:
    """The variables of a layer, module by module, with the arrays of a file.

    Args:
        layer: the layer.
        variables: its variables in the order of the file.
        stored: entries with ``shape`` in that order.
        backend: what the file says of the backend that wrote it.
    """
    left, found = list(stored), []
    for module, run in _runs(layer, variables):
        count = _count_of_keras1(module, run, left) if eras.era() == eras.KERAS1 else len(run)
        some, left = left[:count], left[count:]
        found.append(Part(run, some, _conversion(module, run, some, backend) if len(some) == count else None))
    return [*found, Part([], left, None)] if left else found


def _count_of_keras1(module: Any, run: Sequence[Variable], stored: Sequence[Any]) -> int:
    """How many arrays Keras 1 kept of a module's variables: those of each gate apart, unless it ran them together."""
    gates = GATES_OF_KERAS1.get(type(module).__name__)
    if gates is None or not stored or stored[0].shape == run[0].shape:
        return len(run)
    together = math.prod(stored[0].shape) == run[0].size
    return len(run) if together else gates


def _runs(layer: Any, variables: Sequence[Variable]) -> Iterator[tuple[Any, list[Variable]]]:
    """The variables in runs of those that belong to one module, with the module."""
    owners: dict[int, tuple[Any, Any]] = {}
    for part in layer._flatten_layers():
        if isinstance(part, PureLayer):
            for _, path, variable in part._boxes:
                owners[id(variable)] = ((id(part), path[:-1]), module_at(part._module, path[:-1]))
    for _, group in itertools.groupby(variables, key=lambda v: owners.get(id(v), (None, None))[0]):
        run = list(group)
        yield owners.get(id(run[0]), (None, None))[1], run


def _conversion(
    layer: Any, variables: Sequence[Variable], stored: Sequence[Stored], backend: str | None
) -> Callable[[Arrays], Arrays] | None:
    """How the arrays of a file become those of the layer of today, or None where they are the same."""
    name = type(layer).__name__
    mirrored = FLIPPED.get(name, 0) if backend == "theano" else 0
    changed = KERAS1.get(name) if eras.era() == eras.KERAS1 else None
    if mirrored or changed is not None:

        def convert(arrays: Arrays) -> Arrays:
            arrays = arrays if changed is None else changed(layer, arrays)
            return [_flip(a) if i < mirrored and a.ndim > 2 else a for i, a in enumerate(arrays)]

        return convert
    if name in ("LSTM", "GRU") and len(variables) == len(stored) == 3 and stored[2].shape != variables[2].shape:
        # NVIDIA's library keeps a bias for the input and one for the state.
        size = int(np.prod(stored[2].shape))
        if name == "LSTM" and size == 2 * variables[2].size:
            return lambda arrays: cudnn_lstm(arrays, layer.units)
        if name == "GRU" and size == variables[2].size:
            return lambda arrays: cudnn_gru(arrays, layer.units)
    return None


def backend_of_keras1(names: Iterable[str]) -> str | None:
    """The backend that wrote a file of Keras 1, which the names of its weights tell: those of TensorFlow end in ``:0``.

    Args:
        names: of all weights of the file, ``dense_1_W:0``; the oldest files have no names but ``param_0``.
    """
    known = list(names)
    return None if not known else "tensorflow" if any(":" in name for name in known) else "theano"


FLIPPED = {"Conv1D": 1, "Conv2D": 1, "Conv3D": 1, "Conv2DTranspose": 1, "Conv3DTranspose": 1, "ConvLSTM2D": 2}
"""Layers whose first kernels Theano applied mirrored, and how many of them."""


def _flip(kernel: np.ndarray) -> np.ndarray:
    """A kernel mirrored along its spatial axes."""
    return np.ascontiguousarray(np.flip(kernel, axis=tuple(range(kernel.ndim - 2))))


def cudnn_lstm(arrays: Arrays, units: int) -> Arrays:
    """Weights of CuDNNLSTM as those of LSTM: blocks transposed, the two biases added."""
    kernel, recurrent, bias = arrays
    kernels = [_from_cudnn(block) for block in np.split(kernel, 4, axis=1)]
    recurrents = [block.T for block in np.split(recurrent, 4, axis=1)]
    return [
        np.hstack(kernels),
        np.hstack(recurrents),
        np.sum(np.split(bias, 2, axis=0), axis=0).reshape(4 * units),
    ]


def _from_cudnn(block: np.ndarray) -> np.ndarray:
    return block.T.reshape(block.shape, order="F")


def cudnn_gru(arrays: Arrays, units: int) -> Arrays:
    """Weights of CuDNNGRU as those of GRU with ``reset_after``: blocks transposed, the two biases as rows."""
    kernel, recurrent, bias = arrays
    kernels = [_from_cudnn(block) for block in np.split(kernel, 3, axis=1)]
    recurrents = [block.T for block in np.split(recurrent, 3, axis=1)]
    return [np.hstack(kernels), np.hstack(recurrents), bias.reshape(2, 3 * units)]


def _lstm_of_keras1(layer: Any, arrays: Arrays) -> Arrays:
    """Twelve arrays W, U, b of the gates i, c, f, o as three of the gates i, f, c, o."""
    del layer
    if len(arrays) != 12:
        return arrays
    order = (0, 6, 3, 9)
    return [np.concatenate([arrays[i + k] for i in order], axis=-1) for k in range(3)]


def _gru_of_keras1(layer: Any, arrays: Arrays) -> Arrays:
    """Nine arrays W, U, b of the gates z, r, h as three."""
    del layer
    if len(arrays) != 9:
        return arrays
    return [np.concatenate([arrays[i + k] for i in (0, 3, 6)], axis=-1) for k in range(3)]


def _convlstm2d_of_keras1(layer: Any, arrays: Arrays) -> Arrays:
    """Twelve arrays as those of LSTM, whose kernels were kept as those of Conv2D."""
    if len(arrays) == 12:
        convert = _channels_first((2, 3, 1, 0))
        arrays = _lstm_of_keras1(layer, [convert(layer, [a])[0] if a.ndim == 4 else a for a in arrays])
    return arrays


def _conv1d_of_keras1(layer: Any, arrays: Arrays) -> Arrays:
    """Kernel (length, 1, channels, filters), or (filters, channels, length, 1) of Theano."""
    kernel = arrays[0]
    if kernel.ndim != 4:
        return arrays
    length = layer.kernel_size[0]
    if kernel.shape[:2] != (length, 1):
        kernel = np.transpose(kernel, (2, 3, 1, 0))
    return [kernel[:, 0], *arrays[1:]]


def _channels_first(axes: tuple[int, ...]) -> Callable[[Any, Arrays], Arrays]:
    """Kernels that were kept in Theano's order of axes by layers with the channels first."""

    def convert(layer: Any, arrays: Arrays) -> Arrays:
        if layer.data_format != "channels_first":
            return arrays
        return [np.transpose(arrays[0], axes), *arrays[1:]]

    return convert


def _transposed_conv2d_of_keras1(layer: Any, arrays: Arrays) -> Arrays:
    axes = (2, 3, 0, 1) if layer.data_format == "channels_first" else (0, 1, 3, 2)
    return [np.transpose(arrays[0], axes), *arrays[1:]]


GATES_OF_KERAS1 = {"LSTM": 12, "GRU": 9, "ConvLSTM2D": 12}
"""Layers of which Keras 1 kept the arrays of each gate apart, and how many these are."""

KERAS1: dict[str, Callable[[Any, Arrays], Arrays]] = {
    "LSTM": _lstm_of_keras1,
    "GRU": _gru_of_keras1,
    "ConvLSTM2D": _convlstm2d_of_keras1,
    "Conv1D": _conv1d_of_keras1,
    "Conv2D": _channels_first((2, 3, 1, 0)),
    "Conv3D": _channels_first((2, 3, 4, 1, 0)),
    "Conv2DTranspose": _transposed_conv2d_of_keras1,
}
"""Layers whose weights Keras 1 kept in another form."""


def converted(layer: Any, stored: Sequence[Any], backend: str | None) -> Arrays:
    """Arrays of a file as those of the layer's weights, whatever the generation that is being read.

    Args:
        layer: the built layer.
        stored: entries with ``shape`` and ``read()``, in the order of the file.
        backend: what the file says of the backend that wrote it.
    """
    variables = listed(layer)
    return [
        np.asarray(a.read() if hasattr(a, "read") else a) for a in _converted(layer, variables, list(stored), backend)
    ]
