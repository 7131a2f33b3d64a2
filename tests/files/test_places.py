"""Where models and weights may be saved beside single files: folders, several files, open files; and asking before replacing."""

from __future__ import annotations

import io
import json
import os
import resource
import signal
from pathlib import Path
from typing import Any

import h5py
import keras as real
import numpy as np
import pytest

from kjax import keras
from kjax.keras.saving import FileFormatError, atomic

X = np.random.default_rng(0).random((8, 6)).astype("float32")


def net(library: Any = keras, seed: int = 0) -> Any:
    """A trained model."""
    L = library.layers
    layers = [library.Input((6,)), L.Dense(40, activation="relu", name="a"), L.BatchNormalization(name="b")]
    model = library.Sequential([*layers, L.Dense(1, name="c")], name="net")
    rng = np.random.default_rng(seed)
    model.set_weights([rng.random(w.shape, "float32") for w in model.weights])
    model.compile(library.optimizers.Adam(0.01), "mse")
    model.train_on_batch(X, X[:, :1])
    return model


def same(model: Any, other: Any) -> None:
    """Equal predictions and equally many steps."""
    np.testing.assert_allclose(model.predict(X, verbose=0), other.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
    assert int(model.optimizer.iterations) == int(other.optimizer.iterations) == 1


@pytest.mark.parametrize(("writer", "reader"), [(keras, real), (real, keras), (keras, keras)])
def test_folders_and_several_files(writer: Any, reader: Any, tmp_path: Path) -> None:
    model = net(writer)
    model.save(tmp_path / "net", zipped=False)
    same(reader.saving.load_model(tmp_path / "net"), model)
    model.save_weights(tmp_path / "net.weights.json", max_shard_size=1e-6)
    described = json.loads((tmp_path / "net.weights.json").read_text())
    assert len(described["weight_map"]["/layers/dense/vars"]) == 2 and described["metadata"]["total_size"] == 5140
    other = net(reader, seed=1)
    other.load_weights(tmp_path / "net.weights.json")
    same(other, model)


def test_folders_keep_what_else_lies_in_them(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    table = keras.layers.TextVectorization(output_sequence_length=2)
    table.adapt(np.array(["a b", "a"]))
    model = keras.Sequential([keras.Input((1,), dtype="string"), table, keras.layers.Embedding(4, 2)])
    for _ in range(2):
        model.save(tmp_path, zipped=False)
    assert (tmp_path / "README.md").read_text() == "mine"
    assert list((tmp_path / "assets").rglob("*.txt"))
    loaded, texts = keras.saving.load_model(tmp_path), np.array([["b a"]], object)
    np.testing.assert_array_equal(loaded.predict(texts, verbose=0), model.predict(texts, verbose=0))
    loaded.load_weights(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(FileFormatError, match=r"config\.json is no JSON"):
        keras.saving.load_model(tmp_path)
    with pytest.raises(ValueError, match=r"no name that ends in \.keras"):
        model.save(tmp_path / "a.keras", zipped=False)


@pytest.mark.parametrize("way", ["exchange", "renames", "files"])
def test_a_folder_is_the_old_model_or_the_new_one(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == "renames":  # a system that cannot swap two names
        monkeypatch.setattr(atomic.ctypes, "CDLL", lambda name: None)
    elif way == "files":  # a disk that is mounted there
        monkeypatch.setattr(Path, "is_mount", lambda path: path.name == "net")
    old, new = (keras.Sequential([keras.Input((3,)), keras.layers.Dense(units)]) for units in (2, 4))
    old.save(tmp_path / "net", zipped=False)

    class Failing(keras.layers.Dense):
        def save_own_variables(self, store: Any) -> None:
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        keras.Sequential([keras.Input((3,)), Failing(2)]).save(tmp_path / "net", zipped=False)
    assert keras.saving.load_model(tmp_path / "net").output_shape == (None, 2)
    new.save(tmp_path / "net", zipped=False)
    assert keras.saving.load_model(tmp_path / "net").output_shape == (None, 4)
    assert [path.name for path in tmp_path.iterdir()] == ["net"]
    assert not [path for path in (tmp_path / "net").iterdir() if path.name.startswith(".")]


def test_several_files_are_the_old_weights_or_the_new_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new, bare = net(seed=1), net(seed=2), net(seed=3)
    path, left, replace, unlink = tmp_path / "a.weights.json", 0, os.replace, Path.unlink

    class Crash(BaseException):
        """The end of the process."""

    def crashing(function: Any) -> Any:
        def act(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise Crash
            return function(*args, **kwargs)

        return act

    monkeypatch.setattr(os, "replace", crashing(replace))
    monkeypatch.setattr(Path, "unlink", crashing(unlink))
    left, saved, ends = 10**6, False, []
    old.save_weights(path, max_shard_size=2e-6)
    assert len(list(tmp_path.glob("*.h5"))) > 2
    for steps in range(60):
        left = steps
        try:
            new.save_weights(path, max_shard_size=1e-6)
            saved = True
        except Crash:
            pass
        left = 10**6
        bare.load_weights(path)
        found = [i for i, m in enumerate((old, new)) if np.array_equal(m.get_weights()[0], bare.get_weights()[0])]
        assert all(map(np.array_equal, (old, new)[found[0]].get_weights(), bare.get_weights()))
        ends.append(found[0])
        old.save_weights(path, max_shard_size=2e-6)
        if saved:
            break
    assert saved and set(ends) == {0, 1}
    names = sorted(p.name for p in tmp_path.iterdir() if not p.name.startswith("."))
    assert names == ["a.weights.json", *(f"a_{i:05}.weights.h5" for i in range(len(names) - 1))]


def test_numbers_of_numpy_in_yaml() -> None:
    text = keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.25)]).to_yaml()
    kind = "!!python/object/apply:numpy.dtype {args: [f4, 0, 1], state: !!python/tuple [3, <, null, null, null, -1, -1, 0]}"
    number = f"!!python/object/apply:numpy.core.multiarray.scalar [{kind}, !!binary AACAPg==]"
    assert keras.models.model_from_yaml(text.replace("rate: 0.25", f"rate: {number}")).layers[0].rate == 0.25
    made = "[!!python/name:numpy.ndarray '', !!python/tuple [0], !!binary Yg==]"
    state = f"!!python/tuple [1, !!python/tuple [], {kind}, false, !!binary AACAPg==]"
    array = f"!!python/object/apply:numpy.core.multiarray._reconstruct {{args: {made}, state: {state}}}"
    assert keras.models.model_from_yaml(text.replace("rate: 0.25", f"rate: {array}")).layers[0].rate == 0.25
    for bad in (number.replace("f4", "O8"), number.replace("AACAPg==", "AACA"), number.replace("scalar", "frombuffer")):
        with pytest.raises(ValueError, match="no YAML of plain data"):
            keras.models.model_from_yaml(text.replace("rate: 0.25", f"rate: {bad}"))


def test_files_elsewhere_are_not_read(tmp_path: Path) -> None:
    model = net()
    model.save_weights(tmp_path / "x.weights.h5")
    (tmp_path / "in").mkdir()
    for name in ("../x.weights.h5", str(tmp_path / "x.weights.h5"), "..\\x.weights.h5", 3):
        (tmp_path / "in" / "a.weights.json").write_text(json.dumps({"weight_map": {"/vars": name}}))
        with pytest.raises(FileFormatError, match=r"a\.weights\.json"):
            model.load_weights(tmp_path / "in" / "a.weights.json")
    with pytest.raises(ValueError, match="max_shard_size=1e-08"):
        model.save_weights(tmp_path / "in" / "b.weights.json", max_shard_size=1e-8)
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["a.weights.json"]


def test_open_files(tmp_path: Path) -> None:
    model, memory = net(), io.BytesIO()
    model.save(memory)
    same(keras.models.load_model(io.BytesIO(memory.getvalue())), model)
    with open(tmp_path / "a.keras", "wb") as file:
        model.save(file)
    same(real.saving.load_model(tmp_path / "a.keras"), model)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        group = file.create_group("inside")
        model.save(group)
        same(keras.models.load_model(group), model)
        other = net(seed=1)
        other.load_weights(group)
        same(other, model)
    with pytest.raises(FileFormatError, match="BytesIO"):
        keras.models.load_model(io.BytesIO(b"PK\3\4" + bytes(100)))


def test_parts_of_a_model_are_left_out(tmp_path: Path) -> None:
    model = net()
    model.save_weights(tmp_path / "a.weights.h5", objects_to_skip=[model.optimizer, model.layers[0]])
    with h5py.File(tmp_path / "a.weights.h5") as file:
        assert "optimizer" not in file and list(file["layers"]) == ["batch_normalization", "dense_1"]
    other = net(seed=1)
    kept = other.layers[0].get_weights()
    other.load_weights(tmp_path / "a.weights.h5", objects_to_skip=[other.optimizer, other.layers[0]])
    np.testing.assert_array_equal(other.layers[0].get_weights()[0], kept[0])
    np.testing.assert_array_equal(other.layers[2].get_weights()[0], model.layers[2].get_weights()[0])


@pytest.mark.parametrize("save", ["save", "save_weights"])
def test_the_user_is_asked(save: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, asked, answers = net(), [], iter("nxy")
    path = tmp_path / ("a.keras" if save == "save" else "a.weights.h5")
    path.write_bytes(b"old")

    def answer(question: str) -> str:
        asked.append(question)
        return next(answers)

    monkeypatch.setattr("builtins.input", answer)
    getattr(model, save)(path, overwrite=False)
    assert path.read_bytes() == b"old" and str(path) in asked[0]
    getattr(model, save)(path, overwrite=False)
    assert path.read_bytes() != b"old" and len(asked) == 3
    monkeypatch.setattr("builtins.input", lambda question: (_ for _ in ()).throw(EOFError()))
    with pytest.raises(FileExistsError, match="overwrite=True"):
        getattr(model, save)(path, overwrite=False)


def test_files_at_urls() -> None:
    fsspec = pytest.importorskip("fsspec")
    model, place = net(), "memory://some/where"
    model.save(f"{place}/a.keras")
    same(keras.models.load_model(f"{place}/a.keras"), model)
    model.save(f"{place}/net", zipped=False)
    same(keras.models.load_model(f"{place}/net"), model)
    for name, options in {"a.weights.h5": {}, "a.npz": {}, "a.weights.json": {"max_shard_size": 1e-6}}.items():
        model.save_weights(f"{place}/{name}", **options)
        other = net(seed=1)
        other.load_weights(f"{place}/{name}")
        np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])
    save = keras.callbacks.ModelCheckpoint(f"{place}/{{epoch}}.keras")
    model.fit(X, X[:, :1], verbose=0, callbacks=[save])
    same_weights = keras.models.load_model(f"{place}/1.keras").get_weights()
    np.testing.assert_array_equal(same_weights[0], model.get_weights()[0])
    model.export(f"{place}/a.stablehlo", platforms=("cpu",))
    exported = keras.saving.load_exported(f"{place}/a.stablehlo")
    np.testing.assert_allclose(exported(X), model.predict(X, verbose=0), rtol=1e-5)
    with pytest.raises(FileExistsError, match=r"memory://some/where/a\.keras"):
        model.save(f"{place}/a.keras", overwrite=False)
    with pytest.raises(FileNotFoundError, match=r"memory://some/where/b\.keras"):
        keras.models.load_model(f"{place}/b.keras")
    fsspec.filesystem("memory").pipe("/some/where/broken.keras", b"PK")
    with pytest.raises(FileFormatError, match=r"memory://some/where/broken\.keras"):
        keras.models.load_model(f"{place}/broken.keras")


@pytest.mark.parametrize("name", ["a.keras", "a.h5", "a.weights.h5", "a.npz", "a.safetensors", "a.weights.json", "net"])
def test_a_full_disk_is_named_and_changes_nothing(name: str, tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((100,)), keras.layers.Dense(3000)])  # more than a megabyte

    def write() -> None:
        if name == "net":
            model.save(tmp_path / name, zipped=False)
        elif name in ("a.keras", "a.h5"):
            model.save(tmp_path / name)
        else:
            model.save_weights(tmp_path / name, **({"max_shard_size": 1} if name.endswith("json") else {}))

    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    write()
    before = files()
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 19, limits[1]))
    try:
        with pytest.raises(OSError, match=f"cannot save: File too large: .*{name.split('.')[0]}"):
            write()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert files() == before


def test_where_a_folder_should_be_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError, match="is a file and no folder"):
        net().save(tmp_path / "file" / "a.keras")
    name = "long" * 60 + ".weights.h5"
    net().save_weights(tmp_path / name)
    assert (tmp_path / name).exists()
