"""Layers and functions of Keras 1 and 2 that have no class of their own today."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kjax.keras import layers
from kjax.keras.core import doors
from kjax.keras.core.derived import derive
from kjax.keras.core.layer import Layer
from kjax.keras.core.pictures import ImageMembers
from kjax.keras.core.settings import settings, unique_name
from kjax.keras.legacy import spellings
from kjax.keras.legacy.arguments import layer_call
from kjax.keras.legacy.form import is_converted, of_era
from kjax.keras.legacy.notes import note
from kjax.keras.legacy.recurrent import ConvRecurrent2D as ConvRecurrent2D
from kjax.keras.legacy.recurrent import Recurrent as Recurrent
from kjax.keras.models.sequential import joined
from kjax.nn.layers import keras1
from kjax.nn.layers.preprocessing import stretch
from kjax.nn.value import did_you_mean

Highway = derive(keras1.Highway)
MaxoutDense = derive(keras1.MaxoutDense)
ParametricSoftplus = derive(keras1.ParametricSoftplus)
SReLU = derive(keras1.SReLU)
RandomHeight = derive(stretch.RandomHeight, bases=(ImageMembers,))
RandomWidth = derive(stretch.RandomWidth, bases=(ImageMembers,))


def _older(name: str, today: str, **fixed: Any) -> Any:
    """A class of Keras 1 or 2 as a subclass of the one of today.

    Args:
        name: the old name.
        today: the class of today.
        **fixed: arguments that the old class had no choice in.
    """
    base = getattr(layers, today)

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        # Rows and columns were two arguments wherever this name was in use.
        args, kwargs = layer_call(today, args, kwargs, (), "2" if "Conv" in today or "Convolution" in name else "3")
        base.__init__(self, *args, **{**fixed, **kwargs})

    doc = f"``{name}`` of older scripts: a ``{today}`` today; arguments are taken in both spellings."
    return type(name, (base,), {"__init__": __init__, "__doc__": doc, "__module__": __name__})


AtrousConvolution1D = _older("AtrousConvolution1D", "Conv1D")
AtrousConvolution2D = _older("AtrousConvolution2D", "Conv2D")
AtrousConv1D, AtrousConv2D = AtrousConvolution1D, AtrousConvolution2D
SeparableConvolution2D = _older("SeparableConvolution2D", "SeparableConv2D")
TimeDistributedDense = _older("TimeDistributedDense", "Dense")
CuDNNLSTM = _older("CuDNNLSTM", "LSTM", **spellings.FIXED["CuDNNLSTM"])
CuDNNGRU = _older("CuDNNGRU", "GRU", **spellings.FIXED["CuDNNGRU"])


class Deconvolution2D(_older("Deconvolution2D", "Conv2DTranspose")):
    """``Deconvolution2D(nb_filter, nb_row, nb_col, output_shape, ...)`` of Keras 1: a ``Conv2DTranspose`` today.

    The output's shape follows from the other arguments today; where the given one differs within a stride, as ``same``
    padding allowed, ``output_padding`` makes up for it.

    Args:
        *args: number of filters, rows and columns of the kernel, and the shape of the output.
        output_shape: the same by name.
        **kwargs: as those of ``Conv2DTranspose``, in both spellings.
    """

    def __init__(self, *args: Any, output_shape: Any = None, **kwargs: Any) -> None:
        if len(args) > 3 and isinstance(args[3], (tuple, list)):
            output_shape, args = args[3], args[:3]
        super().__init__(*args, **kwargs)
        self._wanted = None if output_shape is None else tuple(output_shape)
        if self._wanted is not None:
            self._fit(self._wanted)

    @of_era
    def get_config(self) -> dict[str, Any]:
        """The arguments, in the form of the era."""
        config = super().get_config()
        return {**config, "output_shape": self._wanted} if is_converted() and settings.era == "1" else config

    def _fit(self, wanted: tuple[Any, ...]) -> None:
        channels_first = self.data_format == "channels_first"
        wanted = wanted[2:] if channels_first else wanted[1:-1]
        shape = self._batch_input_shape
        if shape is None or self.padding != "same" or None in wanted:
            return
        sizes = shape[2:] if channels_first else shape[1:-1]
        regular = [None if n is None else n * s for n, s in zip(sizes, self.strides, strict=True)]
        if any(r is not None and r != w for r, w in zip(regular, wanted, strict=True)):
            padding = [
                w - ((n - 1) * s + k - 2 * (k // 2)) if n is not None else 0
                for n, s, k, w in zip(sizes, self.strides, self.kernel_size, wanted, strict=True)
            ]
            self.output_padding = tuple(padding)


# -- merging -----------------------------------------------------------------------------------------------------

_MODES = {"sum": "Add", "mul": "Multiply", "ave": "Average", "max": "Maximum", "concat": "Concatenate"}


def _merging(
    mode: Any, concat_axis: int, dot_axes: Any, output_shape: Any, arguments: Any, name: str | None
) -> tuple[Any, str]:
    """The layer of today for a mode of Keras 1, and how it is written."""
    if callable(mode):
        return layers.Lambda(mode, output_shape=output_shape, arguments=arguments, name=name), "Lambda(function)"
    if mode in ("dot", "cos"):
        axes = dot_axes
        if isinstance(axes, (list, tuple)):  # [[1], [2]] in the first versions
            axes = tuple(a[0] if isinstance(a, (list, tuple)) else a for a in axes)
        return layers.Dot(axes, normalize=mode == "cos", name=name), f"Dot(axes, normalize={mode == 'cos'})"
    if mode == "concat":
        return layers.Concatenate(axis=concat_axis, name=name), "Concatenate(axis)"
    if mode in _MODES:
        return getattr(layers, _MODES[mode])(name=name), f"{_MODES[mode]}()"
    raise ValueError(f"merge: unknown mode {mode!r}; {did_you_mean(str(mode), [*_MODES, 'dot', 'cos'])}")


def merge(
    inputs: Sequence[Any],
    mode: Any = "sum",
    concat_axis: int = -1,
    dot_axes: Any = -1,
    output_shape: Any = None,
    output_mask: Any = None,
    arguments: Any = None,
    name: str | None = None,
) -> Any:
    """``merge`` of Keras 1: one tensor of several.

    Args:
        inputs: symbolic tensors.
        mode: ``'sum'``, ``'mul'``, ``'concat'``, ``'ave'``, ``'cos'``, ``'dot'``, ``'max'``, or a function of the list.
        concat_axis: axis of ``'concat'``.
        dot_axes: axis, or two axes, of ``'dot'`` and ``'cos'``.
        output_shape: accepted; shapes follow from the function.
        output_mask: accepted; masks follow from the layer.
        arguments: keyword arguments of a function.
        name: the layer's name.

    Raises:
        ValueError: an unknown mode.
    """
    del output_mask
    if name is None and settings.era == "1":
        name = unique_name("merge")
    layer, today = _merging(mode, concat_axis, dot_axes, output_shape, arguments, name)
    note(f"merge: `merge(tensors, mode={mode!r})` is `{today}(tensors)` today")
    return layer(list(inputs))


class Merge(Layer):
    """The layer ``Merge`` of Keras 1: as the first layer of a ``Sequential`` it joins models; called, it merges tensors.

    Args:
        layers: models or layers whose outputs are merged.
        mode: as in :func:`merge`; so are the other arguments.
    """

    def __init__(
        self,
        layers: Sequence[Any] | None = None,
        mode: Any = "sum",
        concat_axis: int = -1,
        dot_axes: Any = -1,
        output_shape: Any = None,
        output_mask: Any = None,
        arguments: Any = None,
        node_indices: Any = None,
        tensor_indices: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.inner, today = _merging(mode, concat_axis, dot_axes, output_shape, arguments, None)
        note(f"Merge: `Merge(models, mode={mode!r})` is `{today}(tensors)` in a functional model today")
        self.mode = mode
        self.branches: list[Any] = list(layers or ())

    def _members(self) -> Any:
        yield "inner", self.inner

    def join(self) -> tuple[list[Any], Any]:
        """The inputs of the branches and the merged output."""
        inputs, outputs = joined(self.branches)
        return inputs, self(outputs)

    def written_as(self) -> tuple[type, dict[str, Any]]:
        """What files hold in its place: class and config of the layer of today."""
        return type(self.inner), {**self.inner.get_config(), "name": self.name}

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """Merge."""
        return self.inner(list(inputs))

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """As that of the layer of today."""
        return self.inner.compute_mask(inputs, previous_mask)


def _find(name: str) -> Any:
    thing = globals().get(name)
    return thing if getattr(thing, "__module__", "").startswith("kjax.keras") else None


doors.older_layers.fill(find=_find)
