"""What all applications share: checks of the arguments, the input, the head, and files with trained weights."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kjax import keras

BASE_URL = "https://storage.googleapis.com/tensorflow/keras-applications/"

Head = Callable[[Any, int, Any], Any]
"""From features, the number of classes and the last activation to probabilities."""

Pooling = Callable[[str], Any]


@dataclasses.dataclass(frozen=True)
class Weights:
    """A file of weights that were trained on ImageNet.

    Attributes:
        name: of the file in the cache.
        url: where it is from.
        checksum: MD5 or SHA-256; None where Keras names none.
    """

    name: str
    url: str
    checksum: str | None = None

    def fetch(self) -> str:
        """The path of the file, which is downloaded first if need be."""
        from kjax.data.datasets.get_file import get_file

        return get_file(self.name, self.url, cache_subdir="models", file_hash=self.checksum)


def kernels(stem: str, folder: str, top: str | None = None, no_top: str | None = None) -> Callable[[bool], Weights]:
    """The files of the usual naming, with and without the head.

    Args:
        stem: first part of the file's name.
        folder: folder of the server.
        top: checksum of the file with the head.
        no_top: checksum of the other one.
    """

    def choose(include_top: bool) -> Weights:
        name = f"{stem}_weights_tf_dim_ordering_tf_kernels{'' if include_top else '_notop'}.h5"
        return Weights(name, f"{BASE_URL}{folder}/{name}", top if include_top else no_top)

    return choose


def named_pooling(x: Any, pooling: str | None, names: tuple[str | None, str | None] = (None, None)) -> Any:
    """Features averaged (``'avg'``) or their maxima (``'max'``) over the picture.

    Raises:
        ValueError: another kind.
    """
    if pooling is None:
        return x
    if pooling not in ("avg", "max"):
        raise ValueError(f"`pooling` must be None, 'avg' or 'max', received {pooling!r}")
    layer = keras.layers.GlobalAveragePooling2D if pooling == "avg" else keras.layers.GlobalMaxPooling2D
    return layer(name=names[pooling == "max"])(x)


def dense_head(pool_name: str | None = None, dropout: float = 0, **dense: Any) -> Head:
    """The usual head: average over the picture, dropout where there is any, one dense layer."""

    def head(x: Any, classes: int, activation: Any) -> Any:
        x = keras.layers.GlobalAveragePooling2D(name=pool_name)(x)
        if dropout > 0:
            x = keras.layers.Dropout(dropout, name="top_dropout")(x)
        return keras.layers.Dense(classes, activation=activation, name="predictions", **dense)(x)

    return head


@dataclasses.dataclass(frozen=True)
class Frame:
    """A network but for its body.

    Attributes:
        size: rows and columns of the usual picture.
        weights: from whether there is a head to the file of weights.
        minimum: fewest rows and columns.
        head: the head.
        pool_names: names of the pooling layers that may stand in for the head.
        channels_first: whether the network knows that order.
        finish: applied to what there is without a head, after pooling.
    """

    size: int
    weights: Callable[[bool], Weights]
    minimum: int = 32
    head: Head = dataclasses.field(default_factory=dense_head)
    pool_names: tuple[str | None, str | None] = (None, None)
    channels_first: bool = True
    finish: Callable[[Any], Any] = lambda x: x

    def build(
        self,
        body: Callable[[Any], Any],
        *,
        include_top: bool,
        weights: Any,
        input_tensor: Any,
        input_shape: Any,
        pooling: str | None,
        classes: int,
        classifier_activation: Any,
        name: str,
    ) -> Any:
        """Put the network together.

        Args:
            body: from pictures to features.
            include_top: whether the head is part of it.
            weights: None, ``'imagenet'``, or the path of a file.
            input_tensor: symbolic pictures to begin with, or None.
            input_shape: shape of a picture, or None.
            pooling: what comes after the features without the head: None, ``'avg'`` or ``'max'``.
            classes: number of classes.
            classifier_activation: last activation; None gives logits.
            name: of the model.

        Returns:
            The model.

        Raises:
            ValueError: arguments that do not go together, or pictures that are too small.
        """
        check_weights(weights, include_top, classes, classifier_activation)
        first = keras.config.image_data_format() == "channels_first"
        if first and not self.channels_first:
            raise ValueError(f"{name} does not know the order 'channels_first'; see keras.config.set_image_data_format")
        if input_tensor is not None and not keras.utils.is_keras_tensor(input_tensor):
            raise ValueError(f"`input_tensor` must be a symbolic tensor, received {type(input_tensor).__name__}")
        if input_tensor is None:
            shape = picture_shape(input_shape, self.size, self.minimum, weights, include_top, first)
            pictures = keras.layers.Input(shape=shape)
        else:
            pictures = input_tensor
        x = body(pictures)
        if include_top:
            x = self.head(x, classes, classifier_activation)
        else:
            x = self.finish(named_pooling(x, pooling, self.pool_names))
        inputs = pictures if input_tensor is None else keras.utils.get_source_inputs(input_tensor)
        model = keras.Model(inputs, x, name=name)
        if weights is not None:
            model.load_weights(self.weights(include_top).fetch() if weights == "imagenet" else weights)
        return model


def check_weights(weights: Any, include_top: bool, classes: int, activation: Any) -> None:
    """Refuse weights that are not there or do not fit the head.

    Raises:
        ValueError: see there.
    """
    if weights is not None and weights != "imagenet" and not Path(os.fspath(weights)).exists():
        raise ValueError(f"`weights` must be None, 'imagenet' or the path of a file that exists, received {weights!r}")
    if weights == "imagenet" and include_top and classes != 1000:
        raise ValueError(f"the weights of ImageNet tell 1000 classes apart; received `classes`={classes}")
    if (
        weights is not None
        and include_top
        and keras.activations.get(activation)
        not in (
            keras.activations.get("softmax"),
            keras.activations.get(None),
        )
    ):
        raise ValueError(f"trained weights with their head go with 'softmax' or None, received {activation!r}")


def picture_shape(
    given: Any, size: int, minimum: int, weights: Any, include_top: bool, channels_first: bool
) -> tuple[int | None, ...]:
    """The shape of the pictures.

    Args:
        given: what the user gave, or None.
        size: rows and columns of the usual picture.
        minimum: fewest rows and columns.
        weights: see :meth:`Frame.build`.
        include_top: whether there is a head; it needs a fixed shape.
        channels_first: order of the axes.

    Raises:
        ValueError: a shape that the network cannot take.
    """

    def shape(rows: int | None, columns: int | None, channels: int | None) -> tuple[int | None, ...]:
        return (channels, rows, columns) if channels_first else (rows, columns, channels)

    if given is None:
        return shape(size, size, 3) if include_top else shape(None, None, 3)
    given = tuple(given)
    if len(given) != 3:
        raise ValueError(f"`input_shape` must have three entries (no batch axis), received {given}")
    channels = given[0] if channels_first else given[-1]
    rows, columns = given[1:] if channels_first else given[:2]
    if weights == "imagenet" and channels != 3:
        raise ValueError(f"the weights of ImageNet need pictures of 3 channels, received `input_shape`={given}")
    if channels not in (1, 3):
        warnings.warn(f"pictures usually have 1 or 3 channels; `input_shape` has {channels}", stacklevel=5)
    if weights == "imagenet" and include_top and given != shape(size, size, 3):
        raise ValueError(
            f"with the weights of ImageNet and their head `input_shape` must be {shape(size, size, 3)}, received {given}"
        )
    if any(side is not None and side < minimum for side in (rows, columns)):
        raise ValueError(f"pictures must have at least {minimum} rows and columns, received `input_shape`={given}")
    if include_top and None in given:
        raise ValueError(f"with `include_top=True` the `input_shape` must be fixed, received {given}")
    return given


def channel_axis() -> int:
    """The axis of the channels, under the setting of the order."""
    return 1 if keras.config.image_data_format() == "channels_first" else -1


def correct_pad(inputs: Any, kernel_size: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Padding for a convolution of stride 2 as TensorFlow's ``'same'`` does it.

    Args:
        inputs: the tensor.
        kernel_size: rows and columns of the kernel.
    """
    start = 2 if channel_axis() == 1 else 1
    reach = kernel_size // 2
    sides = inputs.shape[start : start + 2]
    if sides[0] is None:
        return (reach - 1, reach), (reach - 1, reach)
    rows, columns = (reach - 1 + side % 2 for side in sides)
    return (rows, reach), (columns, reach)


def make_divisible(value: float, divisor: int = 8) -> int:
    """The nearest multiple of ``divisor`` that is not more than a tenth below ``value``."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


def conv(x: Any, filters: int, size: Any, stride: int = 1, padding: str = "valid", name: Any = None, **kw: Any) -> Any:
    """A convolution."""
    return keras.layers.Conv2D(filters, size, strides=stride, padding=padding, name=name, **kw)(x)


def norm(x: Any, name: Any = None, **kw: Any) -> Any:
    """Batch normalization over the channels."""
    return keras.layers.BatchNormalization(axis=channel_axis(), name=name, **kw)(x)


def activation(x: Any, name: Any = None, function: Any = "relu") -> Any:
    """An activation as a layer."""
    return keras.layers.Activation(function, name=name)(x)


def pad(x: Any, sides: Any, name: Any = None) -> Any:
    """Zeros around the picture."""
    return keras.layers.ZeroPadding2D(sides, name=name)(x)


ARGUMENTS: dict[str, Any] = {
    "include_top": True,
    "weights": "imagenet",
    "input_tensor": None,
    "input_shape": None,
    "pooling": None,
    "classes": 1000,
    "classifier_activation": "softmax",
}
"""The arguments that all applications take, in the usual order, with their defaults."""

_DOC = """{title}

Source: {source}

Args:
    include_top: whether the classifier is part of the model.
    weights: None starts at random; 'imagenet' loads trained weights; or the path of a file.
    input_tensor: symbolic pictures to begin with.
    input_shape: shape of a picture without the batch axis; free where None and there is no classifier.
    pooling: without the classifier: None leaves feature maps, 'avg' and 'max' give vectors.
    classes: number of classes.
    classifier_activation: last activation; None gives logits.
    name: of the model.{more}

Returns:
    A model that is not compiled.

Raises:
    ValueError: arguments that do not go together, or pictures that are too small.
"""


def application(
    title: str,
    source: str,
    /,
    *,
    order: str = "",
    more: str = "",
    **defaults: Any,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a public function of one that takes all arguments by name.

    Args:
        title: the function's name.
        source: the paper.
        order: names of the arguments in their order; those of :data:`ARGUMENTS` and then ``name`` by default.
        more: lines on further arguments, for the docstring.
        **defaults: defaults of further arguments, ``name`` among them.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        known = {**ARGUMENTS, **defaults}
        names = order.split() or [*ARGUMENTS, *(d for d in defaults if d != "name"), "name"]
        signature = inspect.Signature(
            [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=known[n]) for n in names]
        )

        @functools.wraps(function)
        def public(*args: Any, **kwargs: Any) -> Any:
            try:
                given = signature.bind(*args, **kwargs)
            except TypeError as error:
                raise TypeError(f"{title}: {error}") from None
            given.apply_defaults()
            return function(**given.arguments)

        public.__name__ = public.__qualname__ = title
        public.__signature__ = signature  # type: ignore[attr-defined]
        public.__doc__ = _DOC.format(title=f"The network {title}.", source=source, more=more)
        return public

    return decorate


def preprocessing(mode: str | None) -> Callable[..., Any]:
    """The function ``preprocess_input`` of a network.

    Args:
        mode: see :func:`imagenet_utils.preprocess_input`; None for a network that scales its pictures itself.
    """
    from kjax.keras.applications import imagenet_utils

    def preprocess_input(x: Any, data_format: str | None = None, **legacy: Any) -> Any:
        if mode is None:
            return x
        return imagenet_utils.preprocess_input(x, data_format, mode, **legacy)

    scaled = "nothing is done, the network scales pictures itself" if mode is None else f"scaled by the mode {mode!r}"
    preprocess_input.__doc__ = (
        f"Pictures as this network expects them: {scaled}.\n\nArgs:\n    x: pictures, RGB from 0 to 255.\n"
        "    data_format: order of the axes; the setting by default.\n"
        "    **legacy: arguments of older generations."
    )
    return preprocess_input
