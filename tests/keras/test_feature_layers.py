"""Vocabularies, texts and hashes against recordings of Keras 3.15.1 on TensorFlow 2.21; adapting, configs, files, errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kjax import keras
from kjax.nn.features import hashing

L: Any = keras.layers
RECORDED = json.loads((Path(__file__).parent / "data" / "keras_3_15_1_features.json").read_text("utf-8"))
HASHES = json.loads((Path(__file__).parents[1] / "nn" / "data" / "tensorflow_hashes.json").read_text("utf-8"))


def array(values: Any) -> Any:
    """Recorded inputs: strings as objects, several columns as a list."""
    if isinstance(values, dict):
        return [array(column) for column in values["columns"]]
    plain = np.asarray(values)
    return plain.astype(object) if plain.dtype.kind == "U" else plain


def made(row: dict[str, Any]) -> Any:
    arguments = {k: tuple(v) if k == "ngrams" and isinstance(v, list) else v for k, v in row["arguments"].items()}
    layer = getattr(L, row["layer"])(**arguments)
    if row["adapt"] is not None:
        layer.adapt(array(row["adapt"]))
    return layer


@pytest.mark.parametrize("row", RECORDED, ids=lambda row: f"{row['layer']}({row['arguments']})")
def test_equals_the_recording(row: dict[str, Any]) -> None:
    layer = made(row)
    inputs = array(row["inputs"])
    want = np.asarray(row["outputs"])
    for which in (layer, type(layer).from_config(layer.get_config())):
        got = np.asarray(which(inputs))
        assert got.shape == want.shape
        if want.dtype.kind == "U":
            np.testing.assert_array_equal(got, want)
        else:
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
        if row["vocabulary"] is not None:
            assert which.get_vocabulary() == row["vocabulary"]


def test_hashes() -> None:
    texts = np.array(HASHES["S"], object)
    assert hashing.buckets(texts, 1_000_003).tolist() == HASHES["fast"]
    assert hashing.buckets(texts, 1_000_003, (133, 2**40 + 7)).tolist() == HASHES["strong"]
    numbers = np.arange(len(texts)) - 5
    assert hashing.cross([texts, numbers, texts], 1_000_003).tolist() == HASHES["cross"]
    assert hashing.cross([numbers, numbers], 1009).tolist() == HASHES["cross2"]


def test_adapting_on_batches_and_again() -> None:
    layer = L.StringLookup()
    layer.adapt(iter([np.array(["a", "b"]), np.array([b"b", b"c"])]))
    assert layer.get_vocabulary() == ["[UNK]", "b", "c", "a"]
    layer.adapt(["x", "x", "y"])
    assert layer.get_vocabulary(include_special_tokens=False) == ["x", "y"], "what was learned before is forgotten"
    texts = L.TextVectorization(output_sequence_length=3)
    texts.adapt(np.array([text]) for text in ("red green", "red"))
    texts.adapt([(np.array(["red green"]), np.array([1])), (np.array(["red"]), np.array([0]))][i] for i in (0, 1))
    assert texts.get_vocabulary() == ["", "[UNK]", "red", "green"]
    assert np.asarray(texts("green blue")).tolist() == [3, 1, 0]
    few = L.IntegerLookup()
    few.adapt(iter([[1, 2], [2, 3], [9, 9]]), steps=2)
    assert few.get_vocabulary() == [-1, 2, 3, 1]


def test_functions_that_standardize_and_split() -> None:
    layer = L.TextVectorization(standardize=lambda x: np.char.upper(x), split=lambda x: np.char.split(x, "|"))
    layer.adapt(["a|b c", "a"])
    assert layer.get_vocabulary() == ["", "[UNK]", "A", "B C"]
    single = L.TextVectorization(standardize=None, split=str.split, vocabulary=["a", "b"])
    assert np.asarray(single(["a b", "b z a"])).tolist() == [[2, 3, 0], [3, 1, 2]]


def test_vocabulary_files_and_assets(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("red\ngreen\n", "utf-8")
    layer = L.StringLookup(vocabulary=str(path))
    assert layer.get_vocabulary() == ["[UNK]", "red", "green"]
    layer.save_assets(tmp_path)
    again = L.StringLookup()
    again.load_assets(tmp_path)
    assert again.get_vocabulary() == layer.get_vocabulary()
    store: dict[str, Any] = {}
    weighted = L.TextVectorization(output_mode="tf_idf", vocabulary=["a", "b"], idf_weights=[0.5, 2.0])
    weighted.save_own_variables(store)
    np.testing.assert_allclose(store["idf_weights"], [1.25, 0.5, 2.0])


def test_integers_inside_a_compiled_model() -> None:
    lookup = L.IntegerLookup(vocabulary=[10, 20, 30])
    inputs = keras.Input((2,), dtype="int32")
    x = L.Embedding(4, 3)(lookup(inputs))
    model = keras.Model(inputs, L.Dense(1)(L.Flatten()(x)))
    model.compile("sgd", "mse")
    data = np.array([[10, 20], [99, 30], [20, 20], [30, 10]])
    model.fit(data, np.arange(4.0), batch_size=2, verbose=0)
    direct = keras.Sequential([*model.layers[2:]])
    np.testing.assert_allclose(
        model.predict(data, verbose=0), direct.predict(np.asarray(lookup(data)), verbose=0), rtol=1e-6
    )
    hashed = keras.Model(inputs, L.Hashing(7)(inputs))
    np.testing.assert_array_equal(hashed.predict(data, verbose=0), L.Hashing(7)(data))


def test_pipeline() -> None:
    x = np.arange(48, dtype="float32").reshape(1, 4, 4, 3)
    pipeline = L.Pipeline([L.RandomFlip("horizontal", seed=1), L.Rescaling(2.0)])
    assert len(pipeline.layers) == 2
    np.testing.assert_array_equal(pipeline(x, training=False), x * 2)
    again = L.Pipeline.from_config(pipeline.get_config())
    doubled = np.asarray(again(x))
    np.testing.assert_array_equal(doubled, x[:, :, ::-1] * 2 if doubled[0, 0, 0, 0] else x * 2)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("StringLookup", {"max_tokens": 1}, "max_tokens"),
        ("StringLookup", {"num_oov_indices": -1}, "num_oov_indices"),
        ("StringLookup", {"pad_to_max_tokens": True}, "max_tokens"),
        ("StringLookup", {"output_mode": "rows"}, "output_mode"),
        ("StringLookup", {"invert": True, "output_mode": "count"}, "invert"),
        ("StringLookup", {"vocabulary": ["a", "a"]}, "repeated terms"),
        ("StringLookup", {"vocabulary": []}, "empty vocabulary"),
        ("StringLookup", {"vocabulary": ["a", "#"], "mask_token": "#"}, "reserved mask token"),
        ("StringLookup", {"vocabulary": ["a", "b"], "max_tokens": 2}, "max_tokens is 2"),
        ("StringLookup", {"vocabulary": "nowhere.txt"}, "does not exist"),
        ("StringLookup", {"vocabulary": ["a"], "output_mode": "tf_idf"}, "idf_weights"),
        ("IntegerLookup", {"vocabulary_dtype": "int32"}, "vocabulary_dtype"),
        ("IntegerLookup", {"salt": 3}, "farmhash"),
        ("TextVectorization", {"split": "lines"}, "split"),
        ("TextVectorization", {"ngrams": "2"}, "ngrams"),
        ("TextVectorization", {"output_mode": "count", "output_sequence_length": 3}, "output_sequence_length"),
        ("Hashing", {"num_bins": 0}, "num_bins"),
        ("Hashing", {"num_bins": 3, "salt": "x"}, "salt"),
        ("HashedCrossing", {"num_bins": 3, "output_mode": "count"}, "output_mode"),
    ],
)
def test_bad_arguments(name: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        getattr(L, name)(**arguments)


def test_bad_calls() -> None:
    with pytest.raises(TypeError, match="expected strings"):
        L.StringLookup(vocabulary=["a"])([1, 2])
    with pytest.raises(TypeError, match="takes integers"):
        L.IntegerLookup(vocabulary=[1])(["a"])
    with pytest.raises(ValueError, match="not in the vocabulary"):
        L.StringLookup(vocabulary=["a"], num_oov_indices=0)(["b"])
    with pytest.raises(RuntimeError, match="needs a vocabulary"):
        L.StringLookup(output_mode="count")(["b"])
    with pytest.raises(ValueError, match="does not adapt"):
        L.StringLookup(vocabulary=["a"]).adapt(["b"])
    with pytest.raises(ValueError, match="last axis of size 1"):
        L.TextVectorization(vocabulary=["a"])([["a", "b"]])
    with pytest.raises(ValueError, match="at least two"):
        L.HashedCrossing(3)([np.array(["a"])])


# -- numbers that adapt -----------------------------------------------------------------------------------------------


def test_normalization_adapts_to_arrays_and_batches() -> None:
    x = np.random.default_rng(0).normal(3.0, 2.0, (90, 2, 3)).astype("float32")
    whole, parts = L.Normalization(), L.Normalization()
    whole.adapt(x)
    parts.adapt((part, None) for part in np.array_split(x, 4))
    np.testing.assert_allclose(whole.mean, x.mean((0, 1), keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(parts.variance, whole.variance, rtol=1e-5)
    np.testing.assert_allclose(np.asarray(whole(x)).std((0, 1)), 1.0, rtol=1e-4)
    back = L.Normalization(invert=True)
    back.adapt(x)
    np.testing.assert_allclose(back(whole(x)), x, rtol=1e-4, atol=1e-4)
    assert [w.name for w in whole.weights] == ["mean", "variance", "count"]
    with pytest.raises(ValueError, match="do not fit"):
        whole.adapt(x[..., :2])
    with pytest.raises(ValueError, match="no data"):
        L.Normalization().adapt([])
    with pytest.raises(ValueError, match="no axis"):
        L.Normalization(axis=4).adapt(x)


def test_normalization_inside_a_model(tmp_path: Path) -> None:
    x = np.random.default_rng(1).normal(5.0, 3.0, (40, 4)).astype("float32")
    layer = L.Normalization()
    layer.adapt(x)
    model = keras.Sequential([layer, L.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x, x[:, 0], epochs=1, verbose=0)
    np.testing.assert_allclose(layer.mean.reshape(-1), x.mean(0), rtol=1e-5), "training leaves the statistics alone"
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_normalization_adapts_to_lists_of_lists() -> None:
    layer = keras.layers.Normalization()
    layer.adapt([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(layer.mean, [[2.0, 3.0]])
    np.testing.assert_array_equal(layer([[1.0, 2.0]]), [[-1.0, -1.0]])


def test_frames_longer_than_sounds_are_refused() -> None:
    layer = keras.layers.STFTSpectrogram(frame_length=64)
    with pytest.raises(ValueError, match=r"frame_length.*64 is longer than the 40 samples"):
        layer(np.ones((2, 40, 1), "float32"))


def test_pictures_are_cut_or_filled_up() -> None:
    with pytest.raises(ValueError, match="only one of"):
        keras.layers.Resizing(4, 5, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True)


def test_discretization_adapts(keras3: Any) -> None:
    x = np.random.default_rng(2).normal(size=(500, 2)).astype("float32")
    for arguments in ({"num_bins": 4}, {"num_bins": 7, "epsilon": 0.05}):
        ours, theirs = L.Discretization(**arguments), keras3.layers.Discretization(**arguments)
        theirs.update_state(x[:200])
        theirs.update_state(x[200:])
        theirs.finalize_state()
        ours.adapt(iter([x[:200], x[200:]]))
        np.testing.assert_allclose(ours.bin_boundaries, theirs.bin_boundaries, rtol=1e-5)
        again = L.Discretization.from_config(ours.get_config())
        np.testing.assert_array_equal(again(x[:9]), theirs(x[:9]))
    with pytest.raises(ValueError, match="not both"):
        L.Discretization([0.0], 3)
    with pytest.raises(ValueError, match="num_bins"):
        L.Discretization([0.0]).adapt(x)
    with pytest.raises(ValueError, match="call `adapt"):
        L.Discretization(num_bins=3)(x)


def test_layers_on_pictures_act_outside_models_as_in_training() -> None:
    x = np.random.default_rng(3).random((32, 4, 4, 3)).astype("float32")

    def changes(outputs: Any) -> bool:
        return not np.array_equal(outputs, x)

    flips = L.RandomFlip()
    assert changes(flips(x)) and not changes(flips(x, training=False))
    augment = keras.Sequential([L.RandomFlip(), L.Rescaling(1.0)])
    assert changes(augment(x)) and not changes(augment.predict(x, verbose=0)), "a model of nothing but preprocessing"
    assert not changes(keras.Sequential([L.RandomFlip(), L.Dropout(0.5)])(x)), "one that can be trained does not train"
    np.testing.assert_array_equal(L.RandomRotation(0.2, seed=3)(x), L.RandomRotation(0.2, seed=3)(x))
    drawn = flips.get_random_transformation(x, seed=4)
    np.testing.assert_array_equal(flips.transform_images(x, drawn), flips.transform_images(x, drawn))
    assert flips.transform_single_image(x[0], flips.get_random_transformation(x[0])).shape == (4, 4, 3)
    assert "bounding_box_format" not in flips.get_config()


# -- strings inside compiled models -----------------------------------------------------------------------------------

TEXTS = np.array(["good movie", "bad movie", "great fun", "awful bad", "good fun great", "boring awful"])
LIKED = np.array([1, 0, 1, 0, 1, 0], "float32")


def test_a_model_that_begins_with_texts(tmp_path: Path) -> None:
    vectorize = L.TextVectorization(max_tokens=50, output_sequence_length=4)
    vectorize.adapt(TEXTS)
    head = [L.Embedding(50, 8), L.GlobalAveragePooling1D(), L.Dense(1, activation="sigmoid")]
    model = keras.Sequential([keras.Input((1,), dtype="string"), vectorize, *head])
    model.compile(keras.optimizers.Adam(0.1), "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(TEXTS[:, None], LIKED, epochs=8, batch_size=2, verbose=0).history
    assert history["accuracy"][-1] == 1.0
    want = model.predict(TEXTS, verbose=0)
    np.testing.assert_allclose(model(TEXTS[:, None]), want, rtol=1e-5, atol=1e-7)
    inner = keras.Sequential(head)
    np.testing.assert_allclose(inner.predict(np.asarray(vectorize(TEXTS)), verbose=0), want, rtol=1e-5, atol=1e-7)
    model.fit(((TEXTS[i : i + 2], LIKED[i : i + 2]) for i in (0, 2, 4)), verbose=0)
    model.save(tmp_path / "texts.keras")
    again = keras.models.load_model(tmp_path / "texts.keras")
    np.testing.assert_array_equal(again.predict(TEXTS, verbose=0), model.predict(TEXTS, verbose=0))
    with pytest.raises(ValueError, match="cannot be trained on"):
        inner.predict(TEXTS, verbose=0)


def test_string_and_integer_inputs_side_by_side() -> None:
    color = keras.Input((1,), dtype="string", name="color")
    size = keras.Input((1,), dtype="int64", name="size")
    parts = [
        L.StringLookup(vocabulary=["red", "blue"], output_mode="one_hot")(color),
        L.IntegerLookup(vocabulary=[3, 4], output_mode="one_hot")(size),
        L.HashedCrossing(8, output_mode="one_hot")([color, size]),
    ]
    assert [p.shape for p in parts] == [(None, 3), (None, 3), (None, 8)]
    model = keras.Model([color, size], L.Concatenate()(parts))
    data = {"color": np.array([["red"], ["green"]]), "size": np.array([[4], [5]])}
    rows = model.predict(data, verbose=0)
    assert rows[:, :6].tolist() == [[0, 1, 0, 0, 0, 1], [1, 0, 0, 1, 0, 0]]
    np.testing.assert_array_equal(
        rows[:, 6:], L.HashedCrossing(8, output_mode="one_hot")([data["color"], data["size"]])
    )
    words = L.TextVectorization(vocabulary=["a"])
    np.testing.assert_array_equal(keras.Sequential([words]).predict(TEXTS, verbose=0), words(TEXTS))
    texts = keras.Input((), dtype="string")
    twice = keras.Model(texts, L.Add()([words(texts), L.TextVectorization(vocabulary=["b"])(texts)]))
    with pytest.raises(ValueError, match="output_sequence_length"):
        twice.predict(TEXTS, verbose=0)


def test_members_of_preprocessing_layers() -> None:
    np.testing.assert_array_equal(L.RandomFlip().convert_weight([1.0]), [1.0])
    assert L.MelSpectrogram().linear_to_mel_weight_matrix(10, 33).shape == (33, 10)
    try:
        keras.config.set_image_data_format("channels_first")
        scaled = L.Rescaling([1.0, 2.0])(np.ones((1, 2, 3, 3), "float32"))
    finally:
        keras.config.set_image_data_format("channels_last")
    assert np.asarray(scaled)[0, :, 0, 0].tolist() == [1.0, 2.0]
