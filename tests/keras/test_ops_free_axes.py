"""Functions of ``keras.ops`` on symbolic tensors whose free axes meet other sizes, against real Keras."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
import pytest

from kjax import keras
from kjax.keras import ops
from tests.keras.ops_cases import CASES, Call

MEETING = frozenset(
    (
        "matmul dot inner einsum tensordot vdot concatenate stack hstack vstack average take_along_axis select cross cdist "
        "layer_normalization rms_normalization batch_normalization dot_product_attention segment_sum scatter_update solve "
        "cholesky slogdet nonzero repeat view_as_complex broadcast_to glu in_top_k where"
    ).split()
)
"""Functions that compare sizes of axes, or whose results have sizes that depend on values."""

KEEPS: dict[str, Callable[[int, int], bool]] = {
    "batch": lambda tensor, axis: axis > 0,
    "all": lambda tensor, axis: False,
    "first": lambda tensor, axis: tensor > 0 or axis > 1,
    "second": lambda tensor, axis: tensor != 1 or axis > 0,
}
"""Which axes keep their sizes, by number of the tensor and of the axis; the others are free."""


def variants(call: Call) -> Iterator[tuple[str, Callable[[Any], tuple[Any, Any]]]]:
    leaves, structure = jax.tree.flatten((call.args, call.kwargs))
    arrays = [i for i, leaf in enumerate(leaves) if isinstance(leaf, np.ndarray) and leaf.ndim]
    for name, keeps in KEEPS.items():

        def make(symbolic: Any, keeps: Any = keeps) -> tuple[Any, Any]:
            filled = list(leaves)
            for number, i in enumerate(arrays):
                shape = tuple(s if keeps(number, axis) else None for axis, s in enumerate(leaves[i].shape))
                filled[i] = symbolic(shape, str(leaves[i].dtype))
            return jax.tree.unflatten(structure, filled)

        yield name, make


def outcome(package: Any, name: str, arguments: tuple[Any, Any]) -> list[Any] | Exception:
    try:
        result = getattr(package.ops, name)(*arguments[0], **arguments[1])
    except Exception as error:
        return error
    return [(t.shape, t.dtype) for t in jax.tree.leaves(result, is_leaf=lambda t: isinstance(t, package.KerasTensor))]


@pytest.mark.parametrize("name", sorted(MEETING))
def test_what_keras_draws_can_be_drawn(name: str, keras3: Any):
    calls = [call for part in CASES.values() for call in part if call.name == name]
    assert calls
    for call in calls:
        for kind, make in variants(call):
            theirs = outcome(keras3, name, make(keras3.KerasTensor))
            if isinstance(theirs, Exception):
                continue
            mine = outcome(keras, name, make(keras.KerasTensor))
            assert not isinstance(mine, Exception), f"{call} {kind}: {mine!r}, Keras gives {theirs}"
            assert len(mine) == len(theirs), f"{call} {kind}"
            for (shape, dtype), (other, other_dtype) in zip(mine, theirs, strict=True):
                if "complex" not in dtype and name != "searchsorted":  # Keras says float32
                    assert dtype == other_dtype, f"{call} {kind}: {dtype}, Keras gives {other_dtype}"
                assert len(shape) == len(other), f"{call} {kind}: {shape}, Keras gives {other}"
                # Where a free axis meets a size, that size is known here; Keras leaves some of them open.
                assert all(a == b or b is None for a, b in zip(shape, other, strict=True)), f"{call} {kind}: {shape}"


def test_an_axis_takes_a_size_only_where_it_has_to():
    free = keras.KerasTensor((None, None))
    fixed = keras.KerasTensor((2, 3))
    assert ops.concatenate([free, fixed], axis=1).shape == (2, None)
    assert ops.concatenate([free, fixed], axis=0).shape == (None, 3)
    assert ops.matmul(free, keras.KerasTensor((3, 4))).shape == (None, 4)
    assert ops.matmul(free, free).shape == (None, None)
    with pytest.raises(ValueError, match="contracting"):
        ops.matmul(keras.KerasTensor((None, 3)), keras.KerasTensor((4, None)))


def test_layers_on_axes_that_meet():
    query, value = keras.Input((None, 8)), keras.Input(batch_shape=(4, 5, 8))
    assert keras.layers.MultiHeadAttention(2, 4)(query, value).shape[1:] == (None, 8)
    assert keras.layers.Concatenate(axis=1)([keras.Input((None, 3)), keras.Input((2, 3))]).shape == (None, None, 3)
    assert keras.layers.Dot((2, 2))([keras.Input((4, None)), keras.Input((5, 3))]).shape == (None, 4, 5)
    assert keras.layers.Add()([keras.Input((None, 3)), keras.Input((2, 3))]).shape == (None, 2, 3)


def test_results_whose_size_depends_on_values():
    x = keras.Input((3,))
    assert ops.unique(keras.KerasTensor((4, None))).shape == (None,)
    assert ops.unique(keras.KerasTensor((4,), "bool")).shape == (None,)
    assert ops.bincount(keras.KerasTensor((4,), "int8")).shape == (None,)
    indices = ops.nonzero(x)
    assert [t.shape for t in indices] == [(None,), (None,)]
    model = keras.Model(x, indices)
    found = model(np.array([[0.0, 1.0, 2.0], [3.0, 0.0, 0.0]], "float32"))
    assert [list(np.asarray(a)) for a in found] == [[0, 0, 1], [1, 2, 0]]
    assert ops.size(keras.KerasTensor((2, 3))).shape == ()
    total = keras.Model(x, ops.sum(x) / ops.cast(ops.size(x), "float32"))
    np.testing.assert_allclose(total.predict(np.ones((4, 3), "float32"), verbose=0), 1.0)


@pytest.mark.parametrize("step", [5, 64, 320])
def test_wide_windows_and_steps_over_free_axes(step):
    sounds, pictures = keras.Input((None, 1)), keras.Input((None, None, 3))
    for layer in (
        keras.layers.Conv1D(2, 400, strides=step),
        keras.layers.Conv1D(2, 2, strides=step, padding="same"),
        keras.layers.MaxPooling1D(step),
        keras.layers.Cropping1D(step),
        keras.layers.STFTSpectrogram(frame_length=step, frame_step=step),
    ):
        assert layer(sounds).shape[:2] == (None, None), layer
    assert keras.layers.AveragePooling2D(step)(pictures).shape == (None, None, None, 3)
    assert keras.layers.Reshape((-1, step))(sounds).shape == (None, None, step)
    assert sounds[:, ::step].shape == (None, None, 1)
    assert ops.image.extract_patches(pictures, step).shape[1:3] == (None, None)
    for layer in (keras.layers.Conv1D(2, 3000), keras.layers.MaxPooling1D(3000), keras.layers.Cropping1D(3000)):
        assert layer(sounds).shape[:2] == (None, None), layer
    with pytest.raises(ValueError, match="too small"):
        keras.layers.Conv1D(2, 400)(keras.Input((9, 1)))


def test_windows_steps_and_slices_wider_than_any_size_in_mind():
    sequence, volume = keras.Input((None, 1)), keras.Input((None, None, None, 1))
    outputs = [
        sequence[:, 5000:],
        sequence[:, :5000],
        sequence[:, ::3000],
        ops.max_pool(sequence, 3000, 3000),
        ops.conv(sequence, np.ones((3000, 1, 1), "float32"), 1000),
        ops.extract_sequences(keras.KerasTensor((None, None)), 4096, 2048),
        keras.layers.Conv1D(1, 3, strides=3000)(sequence),
        keras.layers.Conv3D(1, 3, strides=(1100, 2, 1001))(volume),
    ]
    assert {size for output in outputs for size in output.shape[1:2]} == {None}
    assert outputs[-1].shape == (None, None, None, None, 1)
