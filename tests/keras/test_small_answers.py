"""What single functions and methods of Keras 3 return, where it is easily overlooked."""

from __future__ import annotations

import numpy as np
import pytest

from kjax import keras

MASK = np.array([[True, True, False]] * 2)
SEQUENCES = np.ones((2, 3, 4), "float32")


def test_byte_code_of_lambda_layers_is_written_by_name():
    with pytest.warns(UserWarning, match="byte code"):
        config = keras.layers.Lambda(lambda x: x * 2, arguments={"a": 1}).get_config()
    assert sorted(config["function"]["config"]) == ["closure", "code", "defaults"]
    assert not {"output_shape", "mask"} & set(config) and config["arguments"] == {"a": 1}

    def shape(x):
        return x

    assert keras.layers.Lambda(shape, output_shape=(3,)).get_config()["output_shape"] == (3,)


def test_masks_of_two_directions_leave_states_out():
    def mask(merge_mode="concat", **kwargs):
        layer = keras.layers.LSTM(2, return_state=True, **kwargs)
        return keras.layers.Bidirectional(layer, merge_mode=merge_mode).compute_mask(SEQUENCES, MASK)

    np.testing.assert_array_equal(mask(return_sequences=True), MASK)
    assert mask() is None and mask(None) == (None, None)
    first, second = mask(None, return_sequences=True)
    assert first is second is MASK
    inputs = keras.Input((3, 4))
    outputs = keras.layers.Bidirectional(keras.layers.GRU(2, return_state=True, return_sequences=True))(
        keras.layers.Masking()(inputs)
    )
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(outputs[0]))
    padded = SEQUENCES * MASK[..., None]
    np.testing.assert_allclose(model(padded)[0], np.asarray(outputs_of(model, padded))[0, :2].mean(0), rtol=1e-5)


def outputs_of(model, data):
    return keras.Model(model.inputs, model.layers[2].output[0])(data)


def test_updates_of_an_intersection_over_union_return_the_counts():
    found = keras.metrics.MeanIoU(2).update_state([0, 1, 1], [0, 1, 0])
    np.testing.assert_array_equal(found, [[1, 0], [1, 1]])
    assert keras.metrics.Accuracy().update_state([1], [1]) is None


def test_names_of_metrics_that_are_got_by_name():
    keras.backend.clear_session()
    names = [keras.metrics.get(name).name for name in ("AUC", "auc", "AUC", "mse", "mse")]
    assert names == ["auc", "auc_1", "auc_2", "mean_squared_error", "mean_squared_error"]


def test_symbolic_tensors_are_shown_and_counted():
    keras.backend.clear_session()
    inputs = keras.Input((3,))
    assert repr(inputs) == (
        "<KerasTensor shape=(None, 3), dtype=float32, sparse=False, ragged=False, name=keras_tensor>"
    )
    assert keras.layers.Dense(2)(inputs).name == "keras_tensor_1" and keras.Input((3,), name="mine").name == "mine"
    assert not keras.ops.is_tensor(inputs)
    size = keras.ops.size(keras.KerasTensor((2, 3)))
    assert (size.shape, size.dtype) == ((), "int32")
    assert keras.ops.unique(keras.KerasTensor((3,), "bfloat16")).shape == (None,)


def test_flash_attention_is_on_unless_it_is_switched_off():
    assert keras.config.is_flash_attention_enabled() is None
    keras.config.disable_flash_attention()
    assert keras.config.is_flash_attention_enabled() is False
    keras.config.enable_flash_attention()
    assert keras.config.is_flash_attention_enabled() is None


@pytest.mark.parametrize("kind", ["Dice", "Tversky"])
def test_one_loss_for_a_batch_counts_once_for_each_weight(kind):
    targets, predictions = np.array([[0.0, 1.0], [1.0, 1.0]]), np.array([[0.2, 0.9], [0.5, 0.7]])
    whole = float(getattr(keras.losses, kind)()(targets, predictions))
    weights = np.array([1.0, 0.0])
    assert float(getattr(keras.losses, kind)()(targets, predictions, sample_weight=weights)) == pytest.approx(whole / 2)
    rows = getattr(keras.losses, kind)(reduction="none")(targets, predictions, sample_weight=weights)
    np.testing.assert_allclose(rows, [whole, 0.0], rtol=1e-6)
    model = keras.Sequential([keras.layers.Dense(2, activation="sigmoid")])
    model.compile("sgd", getattr(keras.losses, kind)())
    history = model.fit(predictions, targets, sample_weight=weights, verbose=0).history
    assert np.isfinite(history["loss"]).all()
