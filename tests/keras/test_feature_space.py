"""FeatureSpace against recordings of Keras 3.15.1; inside models, on data sets, in files; errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kjax import keras

L: Any = keras.layers
Space: Any = keras.utils.FeatureSpace
RECORDED = Path(__file__).parent / "data" / "keras_3_15_1_feature_space.keras"
ROW = json.loads(RECORDED.with_suffix(".json").read_text("utf-8"))
SMALL = {"s": ["zero", "one", "two", "three"], "n": [1.0, 2.0, 3.0, 4.0], "i": [3, 1, 2, 1]}


def space(mode: str) -> Any:
    """The space that was recorded."""
    out = "int" if mode == "dict" else "one_hot"
    return Space(
        features={
            "f": "float",
            "n": "float_normalized",
            "r": Space.float_rescaled(2.0, 1.0),
            "d": Space.float_discretized(3, output_mode=out),
            "s": Space.string_categorical(max_tokens=4, output_mode=out),
            "i": Space.integer_categorical(num_oov_indices=2, output_mode=out),
            "sh": "string_hashed",
            "ih": Space.integer_hashed(4, output_mode=out),
        },
        crosses=[("s", "i"), Space.cross(("sh", "ih"), crossing_dim=8, output_mode=out)],
        output_mode=mode,
        crossing_dim=5,
        hashing_dim=6,
    )


def small(**kwargs: Any) -> Any:
    made = Space({"s": "string_categorical", "n": "float_normalized", "i": "integer_categorical"}, **kwargs)
    made.adapt(SMALL)
    return made


def rows(data: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(data, values, strict=True)) for values in zip(*data.values(), strict=True)]


@pytest.mark.parametrize("mode", ["concat", "dict"])
def test_equals_the_recording(mode: str) -> None:
    made = space(mode)
    made.adapt(ROW["data"])
    got, want = made(ROW["inputs"]), ROW[mode]
    if mode == "concat":
        got, want = {"all": got}, {"all": want}
    assert list(got) == list(want)
    for name, values in want.items():
        np.testing.assert_allclose(np.asarray(got[name]), values, rtol=1e-5, atol=1e-6, err_msg=name)


def test_files_in_both_directions(tmp_path: Path) -> None:
    loaded = keras.models.load_model(RECORDED)
    np.testing.assert_allclose(np.asarray(loaded(ROW["inputs"])), ROW["concat"], rtol=1e-5, atol=1e-6)
    loaded.save(tmp_path / "again.keras")
    again = keras.models.load_model(tmp_path / "again.keras")
    np.testing.assert_array_equal(np.asarray(again(ROW["inputs"])), np.asarray(loaded(ROW["inputs"])))
    config = json.loads(json.dumps(loaded.get_config()))
    assert set(config) == {
        "features", "output_mode", "crosses", "crossing_dim", "hashing_dim", "num_discretization_bins",
    }  # fmt: skip
    assert config["features"]["f"]["module"] == "keras.src.layers.preprocessing.feature_space"
    assert Space.from_config(config).crosses == loaded.crosses


def test_in_models_for_training_and_for_raw_data(tmp_path: Path) -> None:
    made = small(crosses=[("s", "i")], crossing_dim=8)
    encoded = made.get_encoded_features()
    outputs = L.Dense(1)(L.Dense(4, activation="relu")(encoded))
    training, raw = keras.Model(encoded, outputs), keras.Model(made.get_inputs(), outputs)
    training.compile("adam", "mse")
    x = made(SMALL)
    assert x.shape == (4, encoded.shape[-1])
    training.fit(x, np.arange(4.0), batch_size=2, epochs=1, verbose=0)
    want = training.predict(x, verbose=0)
    columns = {name: np.array(values) for name, values in SMALL.items()}
    np.testing.assert_allclose(raw.predict(columns, verbose=0), want, rtol=1e-5, atol=1e-6)
    raw.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(again.predict(columns, verbose=0), want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "data",
    [
        rows(SMALL),
        iter(rows(SMALL)),
        [{k: np.array(v[i : i + 2]) for k, v in SMALL.items()} for i in (0, 2)],
        [({k: np.array(v) for k, v in SMALL.items()}, np.zeros(4))],
    ],
    ids=["rows", "rows once", "batches", "batches with targets"],
)
def test_what_it_learns_from(data: Any) -> None:
    made = Space({"s": "string_categorical", "n": "float_normalized", "i": "integer_categorical"})
    made.adapt(data)
    np.testing.assert_allclose(np.asarray(made(SMALL)), np.asarray(small()(SMALL)), rtol=1e-5, atol=1e-6)


def test_learning_anew() -> None:
    made = Space({"x": "float_normalized", "s": "string_categorical"})
    for x, words in (([1.0, 2.0], ["a", "b"]), ([10.0, 20.0], ["c", "c"])):
        made.adapt({"x": x, "s": words})
        assert np.asarray(made({"x": x, "s": words}))[:, -1].tolist() == [-1.0, 1.0]
    assert made.get_encoded_features().shape == (None, 3)


def test_tables_of_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    made = Space({"s": "string_categorical", "n": "float_normalized", "i": "integer_categorical"})
    made.adapt(pandas.DataFrame(SMALL))
    np.testing.assert_array_equal(np.asarray(made(dict(pandas.DataFrame(SMALL)))), np.asarray(small()(SMALL)))


def test_one_row() -> None:
    made = small()
    first = made({name: values[0] for name, values in SMALL.items()})
    np.testing.assert_array_equal(np.asarray(first), np.asarray(made(SMALL))[0])
    parts = small(output_mode="dict")
    row = parts({name: values[0] for name, values in SMALL.items()})
    assert {name: part.shape for name, part in row.items()} == {"i": (4,), "n": (1,), "s": (5,)}


def test_layers_of_ones_own() -> None:
    texts = ["1st string", "2nd string", "3rd string"]
    made = Space({"t": Space.feature("string", L.TextVectorization(output_mode="tf_idf"), "float")})
    made.adapt({"t": texts})
    assert made({"t": texts}).shape == (3, made.preprocessors["t"].vocabulary_size())
    given = Space({"s": Space.feature("string", L.StringLookup(vocabulary=["a", "b"]), "one_hot")})
    assert np.asarray(given({"s": ["b", "q"]})).tolist() == [[0, 0, 1], [1, 0, 0]], "nothing is to be learned"
    known = Space({"x": Space.float_discretized(3, bin_boundaries=[0.0, 1.0])})
    known.adapt({"x": [5.0, 6.0]})
    assert np.asarray(known({"x": [-1.0, 0.5, 2.0]})).tolist() == np.eye(3).tolist()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (lambda: Space({}), "at least one column"),
        (lambda: Space({"a": "flot"}), "did you mean 'float'"),
        (lambda: Space({"a": "float"}, crosses=[("a", "b")]), "names 'b'"),
        (lambda: Space({"a": "float"}, output_mode="rows"), "'dict', 'concat'"),
        (lambda: Space.string_hashed(3, output_mode="float32"), "'one_hot'"),
        (lambda: Space.float_discretized(5, bin_boundaries=[1.0, 2.0]), "make 3 bins, not 5"),
        (lambda: Space({"a": "float_normalized"})({"a": 1.0}), r"call `adapt\(dataset\)` first"),
        (lambda: small()({"s": ["a"]}), "no column 'n'"),
        (lambda: small()([1.0]), "received list"),
        (lambda: small().adapt(3), "dict of columns or a data set"),
        (lambda: Space({"a": Space.string_hashed(3, output_mode="int")})({"a": ["x"]}), "output_mode='one_hot' for it"),
        (lambda: Space({"a": Space.feature("float32", L.Rescaling(2.0), "one_hot")})({"a": [1.0]}), "integers"),
        (lambda: Space({"a": Space.feature("int32", L.Identity(), "one_hot")})({"a": [1]}), "is not known"),
    ],
)
def test_errors(bad: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bad()
