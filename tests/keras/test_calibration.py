"""``model.quantize`` with GPTQ and AWQ: blocks, attention and data."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from kjax import keras
from kjax.keras import quantizers
from kjax.keras.models import calibrating

RNG = np.random.default_rng(0)
TOKENS = RNG.integers(0, 11, size=(8, 6))
IDS = RNG.integers(0, 11, size=(4, 6))


@keras.saving.register_keras_serializable("calibration")
class Block(keras.layers.Layer):
    """Attention and two dense layers."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.attention = keras.layers.MultiHeadAttention(2, 4)
        self.dense = keras.Sequential([keras.layers.Dense(10, activation="relu"), keras.layers.Dense(8)])

    def call(self, x: Any) -> Any:
        x = x + self.attention(x, x)
        return x + self.dense(x)


def transformer(count: int = 1) -> tuple[Any, dict[str, Any]]:
    """A model, and the structure of its blocks."""
    ids = keras.layers.Input((6,), dtype="int32")
    table = keras.layers.Embedding(11, 8)
    x, blocks = table(ids), [Block() for _ in range(count)]
    for block in blocks:
        x = block(x)
    model = keras.Model(ids, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling1D()(x)))
    model.set_weights([RNG.normal(size=w.shape).astype("float32") * np.float32(0.25) for w in model.weights])
    return model, {"pre_block_layers": [table], "sequential_blocks": blocks}


def config_of(mode: str, structure: Any, **kwargs: Any) -> Any:
    cls = {"gptq": quantizers.GPTQConfig, "awq": quantizers.AWQConfig}[mode]
    common = {"num_samples": 4, "sequence_length": 6, "group_size": 4}
    return cls(list(TOKENS), None, quantization_layer_structure=structure, **{**common, **kwargs})


@pytest.mark.parametrize("mode", ["gptq", "awq"])
def test_blocks_are_quantized_with_the_inputs_that_they_get(mode: str, tmp_path: Any):
    model, structure = transformer(2)
    before = model.predict(IDS, verbose=0)
    model.quantize(mode, config=config_of(mode, structure))
    first, second = structure["sequential_blocks"]
    for block in (first, second):
        layers = [*block.attention.dense_parts(), *block.dense.layers]
        assert len(layers) == 6 and all(layer.quantization_mode == mode for layer in layers)
        assert all(getattr(layer, f"is_{mode}_calibrated") for layer in layers)
    assert model.layers[-1].quantization_mode is None  # it is in no block, and keeps its floats
    after = model.predict(IDS, verbose=0)
    assert 0 < np.abs(after - before).mean() < 0.1 * np.abs(before).max()
    names = [w.name for w in first.dense.layers[0].weights]
    wanted = ["bias", "kernel", "kernel_scale", "kernel_zero", "g_idx"]
    assert names == (wanted if mode == "gptq" else [*wanted[:4], "awq_scales", "g_idx"])
    assert first.dense.layers[0].kernel.shape == (10, 8)
    # The blocks' configs say nothing of it: it is noted beside the model.
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(IDS, verbose=0), after)
    np.testing.assert_array_equal(copy.deepcopy(model).predict(IDS, verbose=0), after)
    with pytest.raises(NotImplementedError, match="LoRA"):
        first.dense.layers[0].enable_lora(2)


def test_what_the_layers_of_a_block_get_is_seen():
    model, structure = transformer()
    (block,) = structure["sequential_blocks"]
    samples = [structure["pre_block_layers"][0](TOKENS[i : i + 1]) for i in range(3)]
    layers = [block.attention.query_dense, block.dense.layers[0]]
    seen = calibrating.observed(block, samples, layers)
    inputs = np.concatenate([np.asarray(x).reshape(-1, 8) for x in samples])
    found = seen[id(layers[0])]
    np.testing.assert_allclose(found["hessian"], 2 * inputs.T @ inputs / len(inputs), rtol=1e-5, atol=1e-5)
    inside = np.concatenate([np.asarray(x + block.attention(x, x)).reshape(-1, 8) for x in samples])
    np.testing.assert_allclose(seen[id(layers[1])]["largest"], np.abs(inside).max(0), rtol=1e-5)
    assert model.built


def test_filters_texts_and_a_structure_of_the_model():
    class Network(keras.Model):
        def get_quantization_layer_structure(self, mode: str | None = None) -> Any:
            assert mode == "gptq"
            return structure

    source, structure = transformer()
    model = Network(source.inputs, source.outputs)
    (block,) = structure["sequential_blocks"]
    name = block.dense.layers[0].name
    texts = quantizers.GPTQConfig(
        ["some text", "and more"],
        lambda text: [ord(c) % 11 for c in text],
        num_samples=2,
        sequence_length=6,
        weight_bits=8,
    )
    model.quantize("gptq", config=texts, filters=f"^{name}$")
    modes = [layer.quantization_mode for layer in block.dense.layers]
    assert modes == ["gptq", None] and block.attention.query_dense.quantization_mode is None
    assert block.dense.layers[0].quantized_kernel.shape == (10, 8)
    assert block.dense.layers[0].quantization_config.dataset is None


def test_a_single_layer_computes_with_floats_until_it_is_calibrated(tmp_path: Any):
    layer = keras.layers.EinsumDense("abc,cde->abde", (None, 5, 3))
    x = RNG.normal(size=(2, 4, 6)).astype("float32")
    before = layer(x)
    layer.quantize("awq", config=quantizers.AWQConfig(None, None, group_size=4))
    assert not layer.is_awq_calibrated and layer.awq_scales.shape == (6,)
    np.testing.assert_array_equal(layer(x), before)
    assert layer.kernel_zero.name == "zero_point" and layer.quantized_kernel.dtype == "uint8"
    model = keras.Sequential([layer])
    model(x)
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "model.keras")(x), before)


def test_files_of_users_layers_with_policies(tmp_path: Any):
    class Scaled(keras.layers.Layer):
        def __init__(self, factor: float, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.factor = factor

        def call(self, x: Any) -> Any:
            return x * self.factor

    model = keras.Sequential([keras.layers.Input((6,)), Scaled(2.0, dtype="bfloat16"), keras.layers.Dense(2)])
    model.quantize("int8")
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", custom_objects={"Scaled": Scaled})
    np.testing.assert_array_equal(again(IDS.astype("float32")), model(IDS.astype("float32")))
    assert again.layers[0].compute_dtype == "bfloat16"


def test_errors_about_data_and_blocks():
    model, structure = transformer()
    for config, error, message in (
        (config_of("gptq", None), ValueError, "a valid quantization structure"),
        (config_of("gptq", {"sequential_blocks": []}), ValueError, "No sequential blocks"),
        (quantizers.AWQConfig(None, None, quantization_layer_structure=structure), ValueError, "requires a dataset"),
        (quantizers.AWQConfig("text", None, quantization_layer_structure=structure), TypeError, "must be an iterable"),
        (quantizers.AWQConfig(["text"], None, quantization_layer_structure=structure), ValueError, "needs a tokenizer"),
        (quantizers.AWQConfig([], None, quantization_layer_structure=structure), ValueError, "is empty"),
    ):
        with pytest.raises(error, match=message):
            model.quantize(config=config)
    assert all(layer.quantization_mode is None for layer in model._flatten_layers())
    layer = keras.layers.EinsumDense("ab,bcdef->acdef", (1, 2, 3, 4))
    layer(np.ones((2, 3), "float32"))
    with pytest.raises(ValueError, match="kernels of 2 or 3 axes"):
        layer.quantize("gptq", config=quantizers.GPTQConfig(None, None))
    assert layer.quantization_mode is None
