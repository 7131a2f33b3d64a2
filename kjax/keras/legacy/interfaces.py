"""``keras.legacy.interfaces`` of Keras 2: decorators with which constructors and methods took arguments of Keras 1.

Layers that were copied from Keras and changed carry them: ``@interfaces.legacy_dense_support``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kjax.keras.legacy.arguments import layer_call, rename
from kjax.nn.value import did_you_mean

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def generate_legacy_interface(
    allowed_positional_args: Sequence[str] | None = None,
    conversions: Sequence[tuple[str, str]] | None = None,
    preprocessor: Callable[..., Any] | None = None,
    value_conversions: Mapping[str, Mapping[Any, Any]] | None = None,
    object_type: str = "class",
) -> Decorator:
    """A decorator that takes calls in the spelling of Keras 1.

    Args:
        allowed_positional_args: names of the arguments that may be given by position; None allows all.
        conversions: old and new names of arguments.
        preprocessor: a function of the positional and the keyword arguments that returns both changed, and a list of
            what it changed.
        value_conversions: for an argument's old name, old values and new ones.
        object_type: ``'class'`` where a constructor is decorated, ``'method'`` otherwise; for messages.

    Raises:
        TypeError: when called: more positional arguments than are allowed.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            owner = type(args[0]).__name__ if object_type == "class" else function.__name__
            if preprocessor is not None:
                args, kwargs, _ = preprocessor(args, kwargs)
            for key, values in (value_conversions or {}).items():
                if key in kwargs:
                    kwargs[key] = next((new for old, new in values.items() if old == kwargs[key]), kwargs[key])
            kwargs = rename(owner, dict(conversions or ()), kwargs)
            if allowed_positional_args is not None and len(args) > len(allowed_positional_args) + 1:
                raise TypeError(
                    f"{owner}: by position only {list(allowed_positional_args)} can be given, received "
                    f"{len(args) - 1} positional arguments"
                )
            return function(*args, **kwargs)

        return call

    return decorate


generate_legacy_method_interface = functools.partial(generate_legacy_interface, object_type="method")

_LAYERS = {
    "dense": "Dense",
    "dropout": "Dropout",
    "embedding": "Embedding",
    "prelu": "PReLU",
    "gaussiannoise": "GaussianNoise",
    "gaussiandropout": "GaussianDropout",
    "recurrent": "LSTM",
    "lambda": "Lambda",
    "global_pooling": "GlobalMaxPooling2D",
    "separable_conv2d": "SeparableConv2D",
    "deconv2d": "Conv2DTranspose",
    "batchnorm": "BatchNormalization",
    "convlstm2d": "ConvLSTM2D",
    "spatialdropout1d": "SpatialDropout1D",
    "spatialdropoutNd": "SpatialDropout2D",
    **{f"pooling{rank}d": f"MaxPooling{rank}D" for rank in (1, 2, 3)},
    **{f"upsampling{rank}d": f"UpSampling{rank}D" for rank in (1, 2, 3)},
    **{f"conv{rank}d": f"Conv{rank}D" for rank in (1, 2, 3)},
    **{f"zeropadding{rank}d": f"ZeroPadding{rank}D" for rank in (2, 3)},
    **{f"cropping{rank}d": f"Cropping{rank}D" for rank in (2, 3)},
}
"""The layer whose arguments a ``legacy_..._support`` takes."""

_METHODS: dict[str, tuple[tuple[str, str], ...]] = {
    "input": (),
    "add_weight": (),
    "get_updates": (),
    "model_constructor": (("input", "inputs"), ("output", "outputs")),
    "generator_methods": (
        ("samples_per_epoch", "steps_per_epoch"),
        ("val_samples", "steps"),
        ("nb_epoch", "epochs"),
        ("nb_val_samples", "validation_steps"),
        ("nb_worker", "workers"),
        ("pickle_safe", "use_multiprocessing"),
        ("max_q_size", "max_queue_size"),
    ),
}
"""Old and new names of arguments of what is no layer's constructor."""


def _of_layer(name: str) -> Decorator:
    def decorate(init: Callable[..., Any]) -> Callable[..., Any]:
        fields = list(inspect.signature(init).parameters)[1:]

        @functools.wraps(init)
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            # As Keras 3 takes them: the defaults of the constructor are those of whoever wrote it.
            args, kwargs = layer_call(name, args, kwargs, fields, "3")
            return init(self, *args, **kwargs)

        return call

    return decorate


def __getattr__(name: str) -> Decorator:
    kind = name.removeprefix("legacy_").removesuffix("_support")
    if name == f"legacy_{kind}_support":
        if kind in _LAYERS:
            return _of_layer(_LAYERS[kind])
        if kind in _METHODS:
            return generate_legacy_method_interface(conversions=_METHODS[kind])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; {did_you_mean(name, __dir__())}")


def __dir__() -> list[str]:
    supports = [f"legacy_{kind}_support" for kind in (*_LAYERS, *_METHODS)]
    return sorted(["generate_legacy_interface", "generate_legacy_method_interface", *supports])
