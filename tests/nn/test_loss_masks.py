"""Masks that travel with predictions, in losses and metrics that are called directly; what configs hold; bad weights."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from kjax import keras
from kjax.keras.inside.backend import get_keras_mask, set_keras_mask

TRUE = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], "float32")
ERRORS = np.array([1.0, 2.0, 4.0], "float32")


def predictions(mask: list[bool] | None = None) -> jnp.ndarray:
    array = jnp.asarray(TRUE + ERRORS[:, None])
    if mask is not None:
        set_keras_mask(array, jnp.asarray(mask))
    return array


@pytest.mark.parametrize(
    ("reduction", "weights", "expected"),
    [
        ("sum_over_batch_size", None, 2.5),  # (1 + 4) / 2
        ("sum", None, 5.0),
        ("sum_over_batch_size", [1.0, 9.0, 0.5], 1.5),  # (1 + 2) / 2
        ("mean_with_sample_weight", [1.0, 9.0, 0.5], 2.0),  # (1 + 2) / 1.5
        (None, None, [1.0, 0.0, 4.0]),
    ],
)
def test_a_loss_heeds_the_mask_of_predictions(
    reduction: str | None, weights: list[float] | None, expected: float | list[float]
):
    loss = keras.losses.MeanAbsoluteError(reduction=reduction)
    found = loss(TRUE, predictions([True, False, True]), sample_weight=None if weights is None else np.array(weights))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert get_keras_mask(predictions()) is None
    np.testing.assert_allclose(keras.losses.MeanAbsoluteError()(TRUE, predictions()), 7 / 3, rtol=1e-6)


def test_a_metric_heeds_the_mask_of_predictions_and_of_values():
    metric = keras.metrics.MeanAbsoluteError()
    metric.update_state(TRUE, predictions([True, False, True]))
    np.testing.assert_allclose(metric.result(), 2.5, rtol=1e-6)
    values = jnp.asarray(ERRORS)
    set_keras_mask(values, jnp.asarray([False, True, True]))
    mean = keras.metrics.Mean()
    mean.update_state(values)
    np.testing.assert_allclose(mean.result(), 3.0, rtol=1e-6)
    mean.reset_state()
    mean.update_state(values, sample_weight=np.array([5.0, 1.0, 3.0]))
    np.testing.assert_allclose(mean.result(), 3.5, rtol=1e-6)


def test_weights_have_no_more_axes_than_the_losses():
    with pytest.raises(ValueError, match=r"`sample_weight` has shape \(3, 2\).*\(3,\)"):
        keras.losses.MeanSquaredError()(TRUE, predictions(), sample_weight=np.ones((3, 2)))
    column = keras.losses.MeanAbsoluteError()(TRUE, predictions(), sample_weight=np.ones((3, 1)))
    np.testing.assert_allclose(column, 7 / 3, rtol=1e-6)


def test_configs_hold_what_keras_writes_and_whatever_else_was_set():
    assert keras.losses.Huber().get_config() == {"name": "huber_loss", "reduction": "sum_over_batch_size"}
    assert "axis" not in keras.losses.CosineSimilarity().get_config()
    for loss in (
        keras.losses.Huber(delta=2.0),
        keras.losses.CosineSimilarity(axis=1),
        keras.losses.Poisson(dtype="float16"),
    ):
        assert type(loss).from_config(loss.get_config()) == loss


def test_functions_give_values_in_the_type_of_the_predictions():
    probabilities = jnp.asarray([[0.3, 0.7]], "float16")
    for name in ("binary_crossentropy", "categorical_crossentropy", "binary_focal_crossentropy"):
        assert getattr(keras.losses, name)(jnp.asarray([[0.0, 1.0]]), probabilities).dtype == "float16"


@pytest.mark.parametrize("weights", [np.ones(4), np.ones((3, 2))])
def test_weights_of_metrics_go_with_their_values(weights: np.ndarray):
    with pytest.raises(ValueError, match=r"`sample_weight` of shape .* does not go with values of shape \(3,\)"):
        keras.metrics.MeanAbsoluteError().update_state(TRUE, predictions(), sample_weight=weights)


def test_decisions_are_counted_in_float32_at_least():
    metric = keras.metrics.TruePositives(dtype="float16")
    metric.update_state(np.ones(3000), np.ones(3000))
    assert float(metric.result()) == 3000  # float16 knows no 2049
    assert [v.aggregation for v in metric.variables] == ["sum"]
    assert keras.metrics.AUC(dtype="bfloat16").variables[0].dtype == "float32"
