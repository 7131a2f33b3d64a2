"""``keras.utils.test_utils`` of Keras 1 and 2: what layers were tested with, for the tests of those who wrote their own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kjax.keras.legacy.arguments import respelled


@respelled
def get_test_data(
    num_train: int = 1000,
    num_test: int = 500,
    input_shape: Sequence[int] = (10,),
    output_shape: Sequence[int] = (2,),
    classification: bool = True,
    num_classes: int = 2,
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Data that a small model can learn: noise around the number of a sample's class.

    Args:
        num_train: samples to train on.
        num_test: samples to test on.
        input_shape: shape of a sample.
        output_shape: shape of a target where there are no classes.
        classification: whether targets are classes; otherwise they are noise around the same number as the sample's.
        num_classes: number of classes.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``.
    """
    samples = num_train + num_test
    centres = np.random.randint(0, num_classes, size=samples) if classification else np.random.random(samples)
    shapes = [tuple(input_shape)] if classification else [tuple(input_shape), tuple(output_shape)]
    sizes = [int(np.prod(shape)) for shape in shapes]
    # Sample by sample, so that a seed gives the numbers that it gave there.
    noise = np.random.normal(centres[:, None], 0.7, size=(samples, sum(sizes))).astype("float32")
    parts = np.split(noise, np.cumsum(sizes)[:-1], axis=1)
    x, *others = (part.reshape(samples, *shape) for part, shape in zip(parts, shapes, strict=True))
    y = centres if classification else others[0]
    return (x[:num_train], y[:num_train]), (x[num_train:], y[num_train:])


def layer_test(
    layer_cls: Any,
    kwargs: dict[str, Any] | None = None,
    input_shape: Sequence[int | None] | None = None,
    input_dtype: str | None = None,
    input_data: Any = None,
    expected_output: Any = None,
    expected_output_dtype: str | None = None,
    fixed_batch_size: bool = False,
    custom_objects: Mapping[str, Any] | None = None,
) -> np.ndarray:
    """Put a layer through what every layer must be able to do, and give back what it computes.

    Checked are: reading and setting its weights; the shape it announces against that of what it computes; its type; that
    a functional and a sequential model around it predict alike after a round trip through their configs; training; and
    that its own config makes the layer again.

    Args:
        layer_cls: class of the layer.
        kwargs: its arguments.
        input_shape: shape with the batch axis; None stands for a free axis, for which the data get a small size.
        input_dtype: type of the data.
        input_data: the data; random by default.
        expected_output: what must come out.
        expected_output_dtype: its type; that of the input by default.
        fixed_batch_size: whether the model is drawn with the batch size.
        custom_objects: classes and functions that the configs name; that of the layer is known without it.

    Returns:
        The output of the functional model.

    Raises:
        AssertionError: the layer fails one of the checks.
        ValueError: neither ``input_shape`` nor ``input_data``.
    """
    kwargs = dict(kwargs or {})
    shape, data = _input(input_shape, input_dtype, input_data)
    dtype = input_dtype or str(data.dtype)
    expected_output_dtype = expected_output_dtype or dtype

    layer = layer_cls(**kwargs)
    layer.set_weights(layer.get_weights())
    announced = layer.compute_output_shape(shape)
    output, functional = _functional(layer, shape, dtype, expected_output_dtype, fixed_batch_size)
    computed = functional.predict(data)
    _same_shape(layer_cls, announced, computed.shape)
    if expected_output is not None:
        np.testing.assert_allclose(computed, expected_output, rtol=1e-3)
    _round_trip(functional, layer, data, computed, _is_random(layer), custom_objects)

    # Training, so that the mode of layers such as Dropout is tried as well.
    functional.compile("rmsprop", "mse", weighted_metrics=["acc"])
    functional.train_on_batch(data, computed)

    config = layer.get_config()
    config["batch_input_shape"] = tuple(shape)
    layer = type(layer).from_config(config)
    if expected_output_dtype != str(output.dtype):
        raise AssertionError(f"{layer_cls.__name__}: output of type {output.dtype}, expected {expected_output_dtype}")

    sequential = _models().Sequential()
    sequential.add(layer)
    computed = sequential.predict(data)
    _same_shape(layer_cls, announced, computed.shape)
    if expected_output is not None:
        np.testing.assert_allclose(computed, expected_output, rtol=1e-3)
    _round_trip(sequential, layer, data, computed, _is_random(layer), custom_objects)
    sequential.compile("rmsprop", "mse", weighted_metrics=["acc"])
    sequential.train_on_batch(data, computed)
    return computed


def keras_test(func: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of a test: names and the learning phase start anew after it."""
    from kjax.keras.core.settings import clear_session

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return func(*args, **kwargs)
        finally:
            clear_session()

    return wrapper


def _models() -> Any:
    from kjax.keras import models

    return models


def _input(shape: Any, dtype: str | None, data: Any) -> tuple[tuple[Any, ...], np.ndarray]:
    if data is None:
        if not shape:
            raise ValueError("layer_test: give `input_shape` or `input_data`")
        sizes = [np.random.randint(1, 4) if size is None else size for size in shape]
        data = 10 * np.random.random(sizes)
        if dtype is None or not dtype.startswith(("int", "uint")):
            data = data - 0.5
        return tuple(shape), data.astype(dtype or _floatx())
    return tuple(np.shape(data) if shape is None else shape), np.asarray(data, dtype or _floatx())


def _floatx() -> str:
    from kjax.keras.core.settings import settings

    return settings.floatx


def _functional(layer: Any, shape: Any, dtype: str, expected: str, fixed: bool) -> tuple[Any, Any]:
    from kjax.keras.layers import Input

    x = Input(batch_shape=shape, dtype=dtype) if fixed else Input(shape=shape[1:], dtype=dtype)
    y = layer(x)
    if str(y.dtype) != expected:
        raise AssertionError(f"{type(layer).__name__}: output of type {y.dtype}, expected {expected}")
    return y, _models().Model(x, y)


def _same_shape(layer_cls: Any, announced: Any, found: Sequence[int]) -> None:
    for expected, size in zip(announced, found, strict=True):
        if expected is not None and expected != size:
            raise AssertionError(f"{layer_cls.__name__}: compute_output_shape says {announced}, computed are {found}")


def _is_random(layer: Any) -> bool:
    """Whether the layer's config leaves out what its outputs depend on, so that another of its kind may differ."""
    return bool(getattr(layer, "stateful", False))


def _round_trip(model: Any, layer: Any, data: Any, computed: Any, is_random: bool, known: Any) -> None:
    """The model that a config makes, with the weights of the first, predicts the same."""
    custom = {type(layer).__name__: type(layer), **(known or {})}
    again = type(model).from_config(model.get_config(), custom_objects=custom)
    if model.weights:
        again.set_weights(model.get_weights())
    predicted = again.predict(data)
    if not is_random:
        np.testing.assert_allclose(predicted, computed, rtol=1e-3, atol=1e-5)
