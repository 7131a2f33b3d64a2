"""``layer.quantize`` and ``model.quantize`` against real Keras: the same integers, scales, outputs, configs and files."""

from __future__ import annotations

import warnings
from typing import Any

import jax
import numpy as np
import pytest

from kjax import keras
from kjax.keras import quantizers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4, 6)).astype("float32")
IDS = RNG.integers(0, 7, size=(3, 4))

LAYERS: dict[str, tuple[Any, Any]] = {
    "Dense": (lambda k: k.layers.Dense(5, activation="relu", name="layer"), X),
    "EinsumDense": (lambda k: k.layers.EinsumDense("abc,cde->abde", (None, 5, 3), bias_axes="de", name="layer"), X),
    "EinsumDense output": (
        lambda k: k.layers.EinsumDense("abcd,cde->abe", (None, 5), name="layer"),
        X[..., None] * X[:, :, None],
    ),
    "Embedding": (lambda k: k.layers.Embedding(7, 6, name="layer"), IDS),
    "ReversibleEmbedding": (lambda k: k.layers.ReversibleEmbedding(7, 6, name="layer"), IDS),
    "ReversibleEmbedding untied": (
        lambda k: k.layers.ReversibleEmbedding(7, 6, tie_weights=False, logit_soft_cap=2.0, name="layer"),
        IDS,
    ),
}
CONFIGS: dict[str, Any] = {
    "int8": lambda q: q.Int8QuantizationConfig(),
    "int8 weights": lambda q: q.Int8QuantizationConfig(activation_quantizer=None),
    "int4/4": lambda q: q.Int4QuantizationConfig(block_size=4),
    "int4": lambda q: q.Int4QuantizationConfig(block_size=None),
    "int4 activations": lambda q: q.Int4QuantizationConfig(block_size=-1, activation_quantizer=q.AbsMaxQuantizer()),
    "float8": lambda q: q.Float8QuantizationConfig(),
}


def close(mine: Any, theirs: Any, tolerance: float = 1e-5) -> None:
    mine, theirs = np.asarray(mine, "float32"), np.asarray(theirs, "float32")
    np.testing.assert_allclose(mine, theirs, rtol=tolerance, atol=tolerance * max(1.0, float(np.abs(theirs).max())))


def pair(keras3: Any, make: Any, x: Any) -> tuple[Any, Any]:
    """The layer of kjax and that of Keras, with the same weights."""
    mine, theirs = make(keras), make(keras3)
    mine(x), theirs(x)
    theirs.set_weights([RNG.normal(size=w.shape).astype("float32") for w in theirs.weights])
    mine.set_weights(theirs.get_weights())
    return mine, theirs


def quantized(model: Any, mode: Any, **kwargs: Any) -> None:
    """Quantize a model; real Keras warns of each layer without weights."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model.quantize(mode, **kwargs)


def same_weights(mine: Any, theirs: Any) -> None:
    assert [w.name for w in mine.weights] == [w.name for w in theirs.weights]
    assert [(w.shape, w.dtype) for w in mine.weights] == [(tuple(w.shape), w.dtype) for w in theirs.weights]
    assert [w.trainable for w in mine.weights] == [w.trainable for w in theirs.weights]
    for a, b in zip(mine.get_weights(), theirs.get_weights(), strict=True):
        if a.dtype.kind == "f":
            close(a, b)
        else:
            np.testing.assert_array_equal(a, b)


def supported(layer: str, config: str) -> bool:
    return "Embedding" not in layer or config != "float8"


ALL = ("Dense", "EinsumDense output", "ReversibleEmbedding untied")
"""The layers that are tried with every config."""
CASES = [
    (layer, config)
    for layer in LAYERS
    for config in CONFIGS
    if supported(layer, config) and (layer in ALL or config in ("int8", "int4/4"))
]


@pytest.mark.parametrize(("layer", "config"), CASES)
def test_layers_equal_those_of_keras(keras3: Any, layer: str, config: str):
    make, x = LAYERS[layer]
    mine, theirs = pair(keras3, make, x)
    mine.quantize(config=CONFIGS[config](quantizers))
    theirs.quantize(config=CONFIGS[config](keras3.quantizers))
    same_weights(mine, theirs)
    assert mine.quantization_mode == theirs.quantization_mode
    assert repr(mine.dtype_policy) == repr(theirs.dtype_policy)
    close(mine(x), theirs(x))
    if "Reversible" in layer:
        close(mine(X, reverse=True), theirs(X, reverse=True))
    written, wanted = keras.saving.serialize_keras_object(mine), keras3.saving.serialize_keras_object(theirs)
    assert jax.tree.map(str, written) == jax.tree.map(str, wanted)
    again = keras.saving.deserialize_keras_object(written)
    again.set_weights(mine.get_weights())
    np.testing.assert_array_equal(again(x), mine(x))


@pytest.mark.parametrize("config", ["int8", "int4/4", "int4", "float8"])
@pytest.mark.parametrize("layer", ["Dense", "EinsumDense"])
def test_gradients_of_the_inputs_go_past_the_rounding(keras3: Any, layer: str, config: str):
    make, x = LAYERS[layer]
    mine, theirs = pair(keras3, make, x)
    mine.quantize(config=CONFIGS[config](quantizers))
    theirs.quantize(config=CONFIGS[config](keras3.quantizers))

    def gradient(layer: Any) -> Any:
        values = [[w.value for w in group] for group in (layer.trainable_variables, layer.non_trainable_variables)]
        return jax.grad(lambda x: layer.stateless_call(*values, x)[0].sum())(x)

    close(gradient(mine), gradient(theirs))


@pytest.mark.parametrize("dtype", ["int8_from_float32", "int4/4_from_mixed_bfloat16", "float8_from_float32"])
def test_policies_at_construction(keras3: Any, dtype: str):
    for name in ("Dense", "EinsumDense", "ReversibleEmbedding untied"):
        if not supported(name, dtype.partition("_")[0]):
            continue
        make, x = LAYERS[name]
        layers = []
        for module in (keras, keras3):
            module.config.set_dtype_policy(dtype)
            try:
                layers.append(make(module))
                assert keras.layers.Dropout(0.5).quantization_mode is None
            finally:
                module.config.set_dtype_policy("float32")
        mine, theirs = layers
        assert mine(x).dtype == theirs(x).dtype
        assert {(w.name, w.shape, w.dtype) for w in mine.weights} == {
            (w.name, tuple(w.shape), w.dtype) for w in theirs.weights
        }


def test_equations_with_free_axes():
    # Real Keras 3.15.1 fails on these.
    for equation, x in (("...c,cd->...d", X), ("ac...,cd->ad...", X.swapaxes(1, 2))):
        for mode in ("int8", "int4", "float8"):
            layer = keras.layers.EinsumDense(equation, (5,), bias_axes="d")
            before = layer(x)
            layer.quantize(mode)
            assert 0 < np.abs(layer(x) - before).max() < 0.5
            again = keras.layers.EinsumDense.from_config(layer.get_config())
            again(x)
            again.set_weights(layer.get_weights())
            np.testing.assert_array_equal(again(x), layer(x))


def test_setting_the_policy_quantizes():
    layer = keras.layers.Dense(5)
    before = layer(X)
    layer.dtype_policy = "int4/4_from_float32"
    assert layer.quantization_mode == "int4" and layer.kernel_scale.shape == (2, 5)
    layer = keras.layers.Dense(5)
    layer(X)
    layer.dtype_policy = keras.dtype_policies.QuantizedFloat8DTypePolicy("float8", "float32", amax_history_length=8)
    assert layer.inputs_amax_history.shape == (8,)
    again = keras.layers.Dense.from_config(layer.get_config())
    assert again.dtype_policy == layer.dtype_policy and again.dtype_policy.amax_history_length == 8
    layer = keras.layers.Dense(5)
    layer(X)
    with pytest.raises(ValueError, match="gptq needs data"):
        layer.dtype_policy = "gptq/4/128_from_float32"
    assert before.shape == layer(X).shape


def test_float8_follows_the_steps_as_in_keras(keras3: Any):
    x = X.reshape(12, 6)
    y = x[:, :2] * np.float32(0.5)
    models = []
    for module in (keras, keras3):
        model = module.Sequential([module.layers.Input((6,)), module.layers.Dense(4, "relu"), module.layers.Dense(2)])
        models.append(model)
    mine, theirs = models
    mine.set_weights(theirs.get_weights())
    for model, module in zip(models, (keras, keras3), strict=True):
        quantized(model, "float8")
        model.compile(module.optimizers.Adam(0.01), "mse")
        model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0)
    same_weights(mine, theirs)
    assert len(mine.optimizer.variables) == len(theirs.optimizer.variables)
    history = mine.layers[0].inputs_amax_history.numpy()
    assert np.count_nonzero(history) == 9 and float(mine.layers[0].inputs_scale) != 1.0
    before = mine.get_weights()
    mine.predict(x, verbose=0)
    mine.evaluate(x, y, verbose=0)
    for a, b in zip(before, mine.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    mine.layers[0].trainable = False
    mine.compile("sgd", "mse")
    mine.fit(x, y, epochs=1, verbose=0)
    np.testing.assert_array_equal(mine.layers[0].inputs_amax_history.numpy(), history)


def test_float8_in_steps_by_hand():
    layer = keras.layers.Dense(3)
    layer(X[0])
    layer.quantize("float8")
    optimizer = keras.optimizers.Adam()
    optimizer.build(layer.trainable_variables)
    values = [v.value for v in layer.trainable_variables]

    def loss(values: Any) -> Any:
        return (layer.stateless_call(values, [], X[0], training=True)[0] ** 2).mean()

    grads = jax.jit(jax.grad(loss))(values)
    after, _ = optimizer.stateless_apply([v.value for v in optimizer.variables], grads, values)
    names = [v.name for v in layer.trainable_variables]
    moved = dict(zip(names, after, strict=True))
    assert float(moved["inputs_amax_history"][0]) == np.abs(X[0]).max()
    with pytest.raises(NotImplementedError, match="LoRA"):
        layer.enable_lora(2)


@pytest.mark.parametrize("config", ["int8", "int4/4"])
@pytest.mark.parametrize("layer", ["Dense", "EinsumDense", "Embedding"])
def test_low_rank_adaptation_of_quantized_layers(keras3: Any, layer: str, config: str, tmp_path: Any):
    make, x = LAYERS[layer]
    mine, theirs = pair(keras3, make, x)
    mine.quantize(config=CONFIGS[config](quantizers))
    theirs.quantize(config=CONFIGS[config](keras3.quantizers))
    mine.enable_lora(2, lora_alpha=3)
    theirs.enable_lora(2, lora_alpha=3)
    for weight in theirs.trainable_variables:
        weight.assign(RNG.normal(size=weight.shape))
    mine.set_weights(theirs.get_weights())
    same_weights(mine, theirs)
    close(mine(x), theirs(x))
    written, wanted = mine.get_config(), theirs.get_config()
    assert (written["lora_rank"], written["lora_alpha"]) == (wanted["lora_rank"], wanted["lora_alpha"]) == (2, 3)
    assert (
        make(keras).get_config() | {"lora_rank": 2, "lora_alpha": 2}
        == type(mine).from_config(make(keras).get_config() | {"lora_rank": 2}).get_config()
    )
    # In files there is the sum of both, quantized again.
    store: dict[str, Any] = {}
    theirs.save_own_variables(store)
    model = keras.Sequential([mine])
    model(x)
    model.save_weights(tmp_path / "sum.weights.h5")
    import h5py

    with h5py.File(tmp_path / "sum.weights.h5") as file:
        (group,) = file["layers"].values()
        arrays = [np.asarray(group["vars"][str(i)]) for i in range(len(store))]
        assert len(group["vars"]) == len(store)
    for i, array in enumerate(arrays):
        wanted = np.asarray(store[str(i)])
        if array.dtype.kind == "f":
            close(array, wanted)
        else:
            assert np.mean(array != wanted) < 0.02  # a tie may be rounded either way
    model.load_weights(tmp_path / "sum.weights.h5")
    name = f"lora_{'embeddings' if layer == 'Embedding' else 'kernel'}_b"
    assert not np.any(getattr(mine, name).numpy())


def transformer(k: Any) -> Any:
    """A model with every layer that can be quantized."""
    ids = k.layers.Input((4,), dtype="int32")
    x = k.layers.Embedding(7, 6, name="table")(ids)
    x = k.layers.EinsumDense("abc,cd->abd", (4, 6), bias_axes="d", name="einsum")(x)
    x = k.layers.Dropout(0.1)(k.layers.Dense(8, activation="relu", name="hidden")(x))
    x = k.layers.LayerNormalization()(x)
    return k.Model(ids, k.layers.Dense(3, name="last")(k.layers.Flatten()(x)))


@pytest.mark.parametrize("config", ["int8", "int4/4", "int4", "float8"])
def test_files_go_both_ways(keras3: Any, config: str, tmp_path: Any):
    mine, theirs = transformer(keras), transformer(keras3)
    theirs.set_weights([RNG.normal(size=w.shape).astype("float32") for w in theirs.weights])
    mine.set_weights(theirs.get_weights())
    chosen = None if config != "float8" else "einsum|hidden|last"
    mine.quantize(config=CONFIGS[config](quantizers), filters=chosen)
    quantized(theirs, None, config=CONFIGS[config](keras3.quantizers), filters=chosen)
    wanted = theirs.predict(IDS, verbose=0)
    close(mine.predict(IDS, verbose=0), wanted)
    theirs.save(tmp_path / "theirs.keras")
    mine.save(tmp_path / "mine.keras")
    close(keras.saving.load_model(tmp_path / "theirs.keras").predict(IDS, verbose=0), wanted)
    close(keras3.saving.load_model(tmp_path / "mine.keras").predict(IDS, verbose=0), wanted)
    again = keras.saving.load_model(tmp_path / "mine.keras")
    np.testing.assert_array_equal(again.predict(IDS, verbose=0), mine.predict(IDS, verbose=0))
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    mine.save_weights(tmp_path / "mine.weights.h5")
    fresh, other = keras.models.clone_model(mine), keras3.models.clone_model(theirs)
    fresh.load_weights(tmp_path / "theirs.weights.h5")
    other.load_weights(tmp_path / "mine.weights.h5")
    close(fresh.predict(IDS, verbose=0), wanted)
    close(other.predict(IDS, verbose=0), wanted)


def test_models_choose_by_filters_and_can_be_used_as_before(capsys: Any):
    model = transformer(keras)
    before = model.predict(IDS, verbose=0)
    model.compile("sgd", "mse")
    model.quantize("int8", filters=["^hidden$", "last"])
    modes = {layer.name: layer.quantization_mode for layer in model.layers}
    assert (modes["hidden"], modes["last"], modes["einsum"], modes["table"]) == ("int8", "int8", None, None)
    after = model.predict(IDS, verbose=0)
    assert 0 < np.abs(after - before).max() < 0.1
    model.fit(IDS, after, epochs=1, verbose=0)
    model.summary()
    assert "Non-trainable params" in capsys.readouterr().out
    np.testing.assert_allclose(
        model.module.apply(model.variables_tree, IDS), model.predict(IDS, verbose=0), rtol=1e-5, atol=1e-6
    )
    model.quantize("int4", filters=lambda layer: layer.name == "table")
    assert model.get_layer("table").quantization_mode == "int4"
    with pytest.raises(ValueError, match="already quantized"):
        model.quantize("int8")


def test_layers_inside_others(tmp_path: Any):
    inner = keras.layers.Dense(3)
    model = keras.Sequential(
        [keras.layers.Input((4, 6)), keras.layers.TimeDistributed(inner), keras.layers.Conv1D(2, 1)]
    )
    before = model.predict(X, verbose=0)
    with pytest.warns(UserWarning, match="Conv1D"):
        model.quantize("int8")
    assert inner.quantization_mode == "int8" and len(model.layers[0].weights) == 3
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    assert 0 < np.abs(model.predict(X, verbose=0) - before).max() < 0.2

    class Block(keras.layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.attention = keras.layers.MultiHeadAttention(2, 3)
            self.dense = keras.Sequential([keras.layers.Dense(8, activation="relu"), keras.layers.Dense(6)])

        def call(self, x: Any) -> Any:
            return self.dense(x + self.attention(x, x))

    inputs = keras.layers.Input((4, 6))
    model = keras.Model(inputs, Block()(inputs))
    before = model.predict(X, verbose=0)
    model.quantize("int8")
    block = model.layers[-1]
    assert block.attention.query_dense.quantization_mode == "int8"
    assert all(layer.quantization_mode == "int8" for layer in block.dense.layers)
    after = model.predict(X, verbose=0)
    assert 0 < np.abs(after - before).max() < 0.2
    copy = keras.layers.MultiHeadAttention.from_config(block.attention.get_config())
    copy(X, X)
    copy.set_weights(block.attention.get_weights())
    np.testing.assert_allclose(copy(X, X), block.attention(X, X), rtol=1e-6, atol=1e-6)


def test_errors_say_what_to_do():
    layer = keras.layers.Dense(2)
    with pytest.raises(ValueError, match="isn't yet built"):
        layer.quantize("int8")
    layer(X)
    with pytest.raises(ValueError, match=r"Invalid quantization mode. Expected.*'int8'.*'int9'"):
        layer.quantize("int9")
    with pytest.raises(ValueError, match="either `mode` or `config`"):
        layer.quantize()
    with pytest.raises(ValueError, match="For GPTQ, you must pass a `GPTQConfig`"):
        layer.quantize("gptq")
    with pytest.raises(ValueError, match="must be an instance of `QuantizationConfig`"):
        layer.quantize("int8", config={"weight_bits": 4})
    with pytest.raises(ValueError, match="Contradictory"):
        layer.quantize("int8", config=quantizers.Int4QuantizationConfig())
    with pytest.raises(ValueError, match="give it axis=0"):
        layer.quantize(config=quantizers.Int8QuantizationConfig(weight_quantizer=quantizers.AbsMaxQuantizer(axis=-1)))
    assert layer.quantization_mode is None
    layer.quantize("int8")
    with pytest.raises(ValueError, match="already quantized with dtype_policy='int8_from_float32'"):
        layer.quantize("int4")

    class Mine(keras.layers.Dense):
        pass

    layer = Mine(2)
    layer(X)
    with pytest.raises(NotImplementedError, match="type_check=False"):
        layer.quantize("int8")
    layer.quantize("int8", type_check=False)
    assert layer.quantization_mode == "int8"
    layer = keras.layers.Dense(2, dtype="float16")
    layer(X)
    with pytest.raises(ValueError, match="float16"):
        layer.quantize("int8")
    layer = keras.layers.Embedding(3, 4)
    layer(IDS % 3)
    with pytest.raises(NotImplementedError, match=r"'float8'.*'int8', 'int4'"):
        layer.quantize("float8")
    with pytest.raises(NotImplementedError, match="no such layer with quantized weights"):
        keras.layers.Conv1D(2, 1, dtype="int8_from_float32")(X)
    with pytest.raises(ValueError, match="Unrecognized keyword"):
        transformer(keras).quantize("int8", axis=3)
    with pytest.raises(ValueError, match="`filters` argument"):
        transformer(keras).quantize("int8", filters=3)
