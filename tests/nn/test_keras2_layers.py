"""Layers that Keras 3 no longer has, against what Keras 2.2.4 defines."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kjax.nn import layers

L: Any = layers


def test_thresholded_relu() -> None:
    x = jnp.array([-2.0, 0.5, 1.0, 1.5])
    np.testing.assert_array_equal(L.ThresholdedReLU().apply({}, x), [0, 0, 0, 1.5])
    np.testing.assert_array_equal(L.ThresholdedReLU(0.25).apply({}, x), [0, 0.5, 1, 1.5])
    gradient = jax.grad(lambda x: jnp.sum(L.ThresholdedReLU().apply({}, x)))(x)
    np.testing.assert_array_equal(gradient, [0, 0, 0, 1])


def tiled(layer: Any, kernel: np.ndarray, bias: np.ndarray, shape: tuple[int, ...]) -> dict[str, Any]:
    """The weights of a locally connected layer that is a convolution: the same kernel at all places."""
    spec = jax.eval_shape(lambda: layer.init(jax.random.key(0), jnp.zeros(shape)))["params"]
    places, features, filters = spec["kernel"].shape
    flat = kernel.reshape(features, filters)
    biases = np.broadcast_to(bias, spec["bias"].shape)
    if getattr(layer, "data_format", "") == "channels_first":  # its numbers are in the order of the output
        biases = np.repeat(bias, places).reshape(biases.shape)
    return {
        "params": {
            "kernel": jnp.broadcast_to(flat, (places, features, filters)),
            "bias": jnp.asarray(biases),
        }
    }


@pytest.mark.parametrize(
    ("local", "plain", "shape", "window"),
    [
        (L.LocallyConnected1D(4, 3, strides=2), L.Conv1D(4, 3, strides=2), (2, 8, 3), (3,)),
        (L.LocallyConnected2D(4, (2, 3)), L.Conv2D(4, (2, 3)), (2, 5, 6, 3), (2, 3)),
        (
            L.LocallyConnected2D(4, (2, 3), strides=2, data_format="channels_first", activation="relu"),
            L.Conv2D(4, (2, 3), strides=2, data_format="channels_first", activation="relu"),
            (2, 3, 5, 6),
            (2, 3),
        ),
    ],
    ids=["1D", "2D", "2D channels_first"],
)
def test_equal_kernels_everywhere_are_a_convolution(local: Any, plain: Any, shape: Any, window: Any) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape).astype("float32")
    kernel = rng.standard_normal((*window, 3, 4)).astype("float32")
    bias = rng.standard_normal(4).astype("float32")
    first = local.data_format == "channels_first"
    variables = tiled(local, np.moveaxis(kernel, 2, 0) if first else kernel, bias, shape)
    want = plain.apply({"params": {"kernel": kernel, "bias": bias}}, x)
    np.testing.assert_allclose(local.apply(variables, x), want, rtol=1e-5, atol=1e-5)


def test_locally_connected_kernels_differ_from_place_to_place() -> None:
    layer = L.LocallyConnected1D(1, 2, use_bias=False)
    x = jnp.array([[[1.0], [2.0], [3.0]]])
    kernel = jnp.array([[[1.0], [10.0]], [[100.0], [1000.0]]])
    np.testing.assert_array_equal(layer.apply({"params": {"kernel": kernel}}, x)[0, :, 0], [21.0, 3200.0])


def test_locally_connected_takes_valid_padding_only() -> None:
    with pytest.raises(ValueError, match=r"LocallyConnected2D: Invalid value for argument `padding`: cannot be 'same'"):
        L.LocallyConnected2D(1, 2, padding="same")
    with pytest.raises(ValueError, match=r"LocallyConnected1D layer: inputs of shape \(1, 2, 1\) are too small"):
        L.LocallyConnected1D(1, 3).init(jax.random.key(0), jnp.zeros((1, 2, 1)))
