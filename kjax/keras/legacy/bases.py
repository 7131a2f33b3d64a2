"""Base classes of Keras 2's families of layers: private there, but scripts made layers of their own from them.

The layers of kjax are no subclasses of these, but count as such (``isinstance(layer, _Conv)``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from kjax.keras import activations, backend, constraints, initializers, layers, regularizers
from kjax.keras.core.layer import Layer
from kjax.keras.utils import conv_utils


class _Base(type(Layer)):
    """Class of the bases: each knows the layers of its family by name."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return cls.__subclasscheck__(type(instance))

    def __subclasscheck__(cls, subclass: type) -> bool:
        members = tuple(getattr(layers, name) for name in vars(cls).get("members", ()))
        return super().__subclasscheck__(subclass) or (bool(members) and issubclass(subclass, members))


class _Merge(Layer, metaclass=_Base):
    """A layer that merges tensors; a subclass writes ``_merge_function(inputs)``."""

    members = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def _merge_function(self, inputs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define `_merge_function(inputs)`")

    def _compute_elemwise_op_output_shape(self, shape1: Any, shape2: Any) -> Any:
        """The shape of two that broadcast; None where one is not known.

        Raises:
            ValueError: they do not broadcast.
        """
        if shape1 is None or shape2 is None:
            return None
        longer, shorter = sorted((tuple(shape1), tuple(shape2)), key=len, reverse=True)
        shorter = (1,) * (len(longer) - len(shorter)) + shorter
        for a, b in zip(longer, shorter, strict=True):
            if None not in (a, b) and a != b and 1 not in (a, b):
                raise ValueError(f"Operands could not be broadcast together with shapes {shape1} {shape2}")
        return tuple(
            None if None in (a, b) and 1 not in (a, b) else b if a == 1 else a
            for a, b in zip(longer, shorter, strict=True)
        )

    def build(self, input_shape: Any) -> None:
        """Check the shapes.

        Raises:
            ValueError: not a list of at least two shapes that broadcast.
        """
        if not isinstance(input_shape, (list, tuple)) or not isinstance(input_shape[0], (list, tuple)):
            raise ValueError("A merge layer should be called on a list of inputs.")
        if len(input_shape) < 2:
            raise ValueError(
                f"A merge layer should be called on a list of at least 2 inputs. Got {len(input_shape)} inputs."
            )
        self._merged_shape(input_shape)
        self.built = True

    def _merged_shape(self, shapes: Sequence[Any]) -> Any:
        found = tuple(shapes[0])[1:]
        for shape in shapes[1:]:
            found = self._compute_elemwise_op_output_shape(found, tuple(shape)[1:])
        return found

    def call(self, inputs: Any) -> Any:
        """Merge, with axes of length one behind the batch where inputs have fewer axes than others."""
        if not isinstance(inputs, (list, tuple)):
            raise ValueError("A merge layer should be called on a list of inputs.")
        rank = max(backend.ndim(x) for x in inputs)
        aligned = []
        for x in inputs:
            for _ in range(rank - backend.ndim(x)):
                x = backend.expand_dims(x, 1)
            aligned.append(x)
        return self._merge_function(aligned)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of all together."""
        batches = {shape[0] for shape in input_shape if shape is not None and shape[0] is not None}
        return (batches.pop() if len(batches) == 1 else None, *self._merged_shape(input_shape))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Where all inputs that have a mask count; None where none has.

        Raises:
            ValueError: not as many masks as inputs.
        """
        if mask is None:
            return None
        for name, given in (("mask", mask), ("inputs", inputs)):
            if not isinstance(given, (list, tuple)):
                raise ValueError(f"`{name}` should be a list.")
        if len(mask) != len(inputs):
            raise ValueError("The lists `inputs` and `mask` should have the same length.")
        masks = [backend.expand_dims(m, 0) for m in mask if m is not None]
        return backend.all(backend.concatenate(masks, axis=0), axis=0) if masks else None


class _Conv(Layer, metaclass=_Base):
    """A convolution over ``rank`` axes.

    Args:
        rank: number of the axes, from 1 to 3.
        filters: number of outputs, like all others as those of ``Conv2D``.
        kernel_size: size of the window, one number or one for each axis.
        strides: steps between windows.
        padding: ``'valid'``, ``'same'`` or, over one axis, ``'causal'``.
        data_format: ``'channels_last'``, ``'channels_first'`` or None for that of ``keras.json``.
        dilation_rate: distance of the entries of a window.
        activation: of the outputs.
        use_bias: whether a bias is added.
        kernel_initializer: of the kernel.
        bias_initializer: of the bias.
        kernel_regularizer: of the kernel.
        bias_regularizer: of the bias.
        activity_regularizer: of the outputs.
        kernel_constraint: of the kernel.
        bias_constraint: of the bias.
    """

    members = ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "Conv3DTranspose", "SeparableConv1D", "SeparableConv2D",
               "DepthwiseConv2D")  # fmt: skip

    def __init__(
        self,
        rank: int,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: Any = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rank, self.filters = rank, filters
        self.kernel_size = conv_utils.normalize_tuple(kernel_size, rank, "kernel_size")
        self.strides = conv_utils.normalize_tuple(strides, rank, "strides")
        self.padding = conv_utils.normalize_padding(padding)
        self.data_format = backend.normalize_data_format(data_format)
        self.dilation_rate = conv_utils.normalize_tuple(dilation_rate, rank, "dilation_rate")
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = layers.InputSpec(ndim=rank + 2)

    @property
    def _channels(self) -> int:
        return 1 if self.data_format == "channels_first" else -1

    def build(self, input_shape: Any) -> None:
        """Make the kernel and the bias.

        Raises:
            ValueError: the number of channels is not known.
        """
        width = input_shape[self._channels]
        if width is None:
            raise ValueError("The channel dimension of the inputs should be defined. Found `None`.")
        self.kernel = self.add_weight(
            shape=(*self.kernel_size, width, self.filters),
            initializer=self.kernel_initializer,
            name="kernel",
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(self.filters,),
                initializer=self.bias_initializer,
                name="bias",
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.input_spec = layers.InputSpec(ndim=self.rank + 2, axes={self._channels: width})
        self.built = True

    def call(self, inputs: Any) -> Any:
        """The convolution, with bias and activation."""
        one = self.rank == 1
        outputs = getattr(backend, f"conv{self.rank}d")(
            inputs,
            self.kernel,
            strides=self.strides[0] if one else self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate[0] if one else self.dilation_rate,
        )
        if self.use_bias:
            outputs = backend.bias_add(outputs, self.bias, data_format=self.data_format)
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Shape of the outputs."""
        first = 2 if self.data_format == "channels_first" else 1
        options = zip(self.kernel_size, self.strides, self.dilation_rate, strict=True)
        sizes = [
            conv_utils.conv_output_length(input_shape[at], size, self.padding, stride=step, dilation=rate)
            for at, (size, step, rate) in enumerate(options, start=first)
        ]
        return (input_shape[0], self.filters, *sizes) if first == 2 else (input_shape[0], *sizes, self.filters)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        plain = "rank filters kernel_size strides padding data_format dilation_rate use_bias".split()
        found = {name: getattr(self, name) for name in plain}
        found["activation"] = activations.serialize(self.activation)
        for kind, module in (("initializer", initializers), ("regularizer", regularizers), ("constraint", constraints)):
            for part in ("kernel", "bias", *(("activity",) if kind == "regularizer" else ())):
                found[f"{part}_{kind}"] = module.serialize(getattr(self, f"{part}_{kind}"))
        return {**super().get_config(), **found}


class _Resizing(Layer):
    """A layer that changes the sizes of the inner axes, by an amount that ``sizes`` says; a subclass writes ``call``."""

    amount: ClassVar[str]

    def __init__(self, sizes: Any, data_format: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        setattr(self, self.amount, sizes)
        self.rank = len(sizes)
        self.data_format = backend.normalize_data_format(data_format)
        self.input_spec = layers.InputSpec(ndim=self.rank + 2)

    def _size(self, size: int, amount: Any) -> int:
        raise NotImplementedError(f"{type(self).__name__} has to write `compute_output_shape`")

    def call(self, inputs: Any) -> Any:
        """The changed inputs.

        Raises:
            NotImplementedError: a subclass has to write it.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `call(inputs)`")

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Shape of the outputs."""
        shape = list(input_shape)
        first = 2 if self.data_format == "channels_first" else 1
        for at, amount in enumerate(getattr(self, self.amount), start=first):
            shape[at] = None if shape[at] is None else self._size(shape[at], amount)
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), self.amount: getattr(self, self.amount), "data_format": self.data_format}


class _ZeroPadding(_Resizing, metaclass=_Base):
    """Zeros around the inner axes; ``call`` is a subclass's.

    Args:
        padding: (before, after) for each axis.
        data_format: ``'channels_last'``, ``'channels_first'`` or None for that of ``keras.json``.
    """

    members, amount = ("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D"), "padding"

    def __init__(self, padding: Any, data_format: Any = None, **kwargs: Any) -> None:
        super().__init__(padding, data_format, **kwargs)

    def _size(self, size: int, amount: Any) -> int:
        return size + sum(amount)


class _Cropping(_Resizing, metaclass=_Base):
    """Ends of the inner axes cut off; ``call`` is a subclass's.

    Args:
        cropping: (before, after) for each axis.
        data_format: ``'channels_last'``, ``'channels_first'`` or None for that of ``keras.json``.
    """

    members, amount = ("Cropping1D", "Cropping2D", "Cropping3D"), "cropping"

    def __init__(self, cropping: Any, data_format: Any = None, **kwargs: Any) -> None:
        super().__init__(cropping, data_format, **kwargs)

    def _size(self, size: int, amount: Any) -> int:
        return size - sum(amount)


class _UpSampling(_Resizing, metaclass=_Base):
    """Inner axes repeated; ``call`` is a subclass's.

    Args:
        size: how often, for each axis.
        data_format: ``'channels_last'``, ``'channels_first'`` or None for that of ``keras.json``.
    """

    members, amount = ("UpSampling1D", "UpSampling2D", "UpSampling3D"), "size"

    def __init__(self, size: Any, data_format: Any = None, **kwargs: Any) -> None:
        super().__init__(size, data_format, **kwargs)

    def _size(self, size: int, amount: Any) -> int:
        return size * amount


class _Pooling(Layer, metaclass=_Base):
    """Pooling whose ``_pooling_function`` a subclass writes.

    Args:
        pool_size: size of the window, one number or one for each axis.
        strides: steps between windows; ``pool_size`` if None.
        padding: ``'valid'`` or ``'same'``.
        data_format: ``'channels_last'``, ``'channels_first'`` or None for that of ``keras.json``.
    """

    rank: ClassVar[int]

    def __init__(
        self, pool_size: Any = 2, strides: Any = None, padding: str = "valid", data_format: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size = conv_utils.normalize_tuple(pool_size, self.rank, "pool_size")
        self.strides = conv_utils.normalize_tuple(self.pool_size if strides is None else strides, self.rank, "strides")
        self.padding = conv_utils.normalize_padding(padding)
        self.data_format = backend.normalize_data_format(data_format)
        self.input_spec = layers.InputSpec(ndim=self.rank + 2)

    def _pooling_function(self, inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: str) -> Any:
        """The pooled inputs; one axis of length one is added to inputs with a single one, as in Keras 2.

        Raises:
            NotImplementedError: a subclass has to write it.
        """
        raise NotImplementedError(f"{type(self).__name__}: write _pooling_function(inputs, pool_size, ...)")

    def call(self, inputs: Any) -> Any:
        """The pooled inputs."""
        options = {"padding": self.padding, "data_format": self.data_format}
        if self.rank > 1:
            return self._pooling_function(inputs=inputs, pool_size=self.pool_size, strides=self.strides, **options)
        axis = 2 if self.data_format == "channels_last" else 3
        pooled = self._pooling_function(
            inputs=backend.expand_dims(inputs, axis),
            pool_size=(*self.pool_size, 1),
            strides=(*self.strides, 1),
            **options,
        )
        return backend.squeeze(pooled, axis)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Shape of the pooled inputs."""
        first = 1 if self.data_format == "channels_last" else 2
        shape = list(input_shape)
        for at, (size, step) in enumerate(zip(self.pool_size, self.strides, strict=True), start=first):
            shape[at] = conv_utils.conv_output_length(shape[at], size, self.padding, step)
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        names = ("pool_size", "strides", "padding", "data_format")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


class _GlobalPooling(Layer, metaclass=_Base):
    """Pooling over all places, whose ``call`` a subclass writes.

    Args:
        data_format: ``'channels_last'``, ``'channels_first'`` or None for that of ``keras.json``.
    """

    rank: ClassVar[int]

    def __init__(self, data_format: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = backend.normalize_data_format(data_format)
        self.input_spec = layers.InputSpec(ndim=self.rank + 2)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """The batch and the channels."""
        return input_shape[0], input_shape[1 if self.data_format == "channels_first" else -1]

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "data_format": self.data_format}


def _ranks(base: Any, kinds: Sequence[str]) -> list[Any]:
    def body(rank: int) -> dict[str, Any]:
        return {"rank": rank, "__doc__": base.__doc__, "members": tuple(f"{kind}Pooling{rank}D" for kind in kinds)}

    return [type(base)(f"{base.__name__}{rank}D", (base,), body(rank)) for rank in (1, 2, 3)]


_Pooling1D, _Pooling2D, _Pooling3D = _ranks(_Pooling, ("Max", "Average"))
_GlobalPooling1D, _GlobalPooling2D, _GlobalPooling3D = _ranks(_GlobalPooling, ("GlobalMax", "GlobalAverage"))
