"""Files from strangers: what the published holes of Keras' loading let through does nothing here."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from kjax import keras
from kjax.keras.saving import FileFormatError, UnsafeError, deserialize_keras_object

L = keras.layers


def net() -> Any:
    """A small model."""
    return keras.Sequential([keras.Input((4,)), L.Dense(3, name="d")], name="net")


def keras_file(path: Path, change: Callable[[dict[str, Any]], Any] = lambda c: c, weights: bytes | None = None) -> Path:
    """A ``.keras`` file whose config and weights were tampered with."""
    net().save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    members["config.json"] = json.dumps(change(config) or config).encode()
    members["model.weights.h5"] = weights if weights is not None else members["model.weights.h5"]
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def with_layer(entry: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    """Adds a layer to a config."""

    def change(config: dict[str, Any]) -> None:
        config["config"]["layers"].append(entry)

    return change


def entry(class_name: str, module: str | None = "keras.layers", registered: str | None = None, **config: Any) -> Any:
    """An entry of Keras 3's format."""
    return {"module": module, "class_name": class_name, "config": config, "registered_name": registered}


def bomb(path: Path) -> Any:
    """A Lambda layer whose byte code makes a file."""
    target = str(path)
    with pytest.warns(UserWarning, match="byte code"):
        layer = L.Lambda(lambda x: (open(target, "w").close(), x)[1])
        model = keras.Sequential([keras.Input((4,)), layer])
        path.unlink(missing_ok=True)
        return json.loads(model.to_json())["config"]["layers"][-1]


def refused(path: Path, match: str, **kwargs: Any) -> None:
    with pytest.raises(FileFormatError, match=match):
        keras.models.load_model(path, **kwargs)


# -- code --------------------------------------------------------------------------------------------------------


def test_cve_2024_3660_byte_code_of_lambdas(tmp_path: Path) -> None:
    path = keras_file(tmp_path / "a.keras", with_layer(bomb(tmp_path / "hacked")))
    refused(path, "Python lambda as byte code.*safe_mode=False")
    refused(path, "byte code", compile=False)
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize(
    "function", [{"class_name": "__lambda__", "config": {"code": "4wAAAA==", "defaults": None, "closure": None}}, None]
)
def test_cve_2025_9905_the_older_format_too(function: Any, tmp_path: Path) -> None:
    net().save(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        config = json.loads(str(file.attrs["model_config"]))
        config["config"]["layers"].append(
            {"class_name": "Lambda", "config": {"name": "l", "function": function or ["4wAAAA==", None, None]}}
        )
        file.attrs["model_config"] = json.dumps(config)
        if function is None:  # as Keras 2 wrote it
            file.attrs["keras_version"] = "2.2.4"
    refused(tmp_path / "a.h5", "byte code")
    refused(tmp_path / "a.h5", "byte code", safe_mode=True)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("builtins", "eval"),
        ("subprocess", "Popen"),
        ("keras.utils", "get_file"),
        ("keras.src.utils.file_utils", "get_file"),
        ("keras.config", "enable_unsafe_deserialization"),
        ("keras.models", "load_model"),
        ("kjax.keras.saving.code", "load"),
        ("pickle", "loads"),
    ],
)
def test_cve_2025_1550_8747_9906_functions_by_name(module: str, name: str, tmp_path: Path) -> None:
    function = {"module": module, "class_name": "function", "config": name, "registered_name": name}
    for layer in (
        entry("Lambda", name="l", function=function, arguments={"origin": "http://127.0.0.1:9/x"}),
        entry("Activation", name="l", activation=function),
        entry(name, module, name="l"),
        entry(name, module, f"Custom>{name}", name="l"),
    ):
        refused(keras_file(tmp_path / "a.keras", with_layer(layer)), f"{name}|unknown")


def test_modules_are_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evil_module_of_a_stranger.py").write_text("open('imported', 'w').close()\nclass Evil: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    refused(
        keras_file(tmp_path / "a.keras", with_layer(entry("Evil", "evil_module_of_a_stranger", "Evil"))),
        "unknown class",
    )
    assert not (tmp_path / "imported").exists()


@pytest.mark.parametrize("name", ["TorchModuleWrapper", "TFSMLayer", "JaxLayer"])
def test_cve_2025_49655_2026_1462_wrappers_of_other_formats(name: str, tmp_path: Path) -> None:
    layer = entry(name, name="l", module="gASVAAAA", filepath=str(tmp_path), model_fn="os.system", call_fn="os.system")
    with pytest.raises((FileFormatError, UnsafeError)):
        keras.models.load_model(keras_file(tmp_path / "a.keras", with_layer(layer)))


def test_byte_code_in_a_config_by_itself() -> None:
    config = {"class_name": "__lambda__", "config": {"value": ["4wAAAA==", None, None]}}
    with pytest.raises(UnsafeError, match="safe_mode=False"):
        deserialize_keras_object(config)


@pytest.mark.parametrize(
    "read", [keras.layers.deserialize, deserialize_keras_object, lambda c: L.Lambda.from_config(c["config"])]
)
def test_cve_2026_12481_byte_code_outside_of_a_loading_function(read: Any, tmp_path: Path) -> None:
    config = bomb(tmp_path / "hacked")
    with pytest.raises(ValueError, match=r"byte code|expected a function"):
        read(config)
    assert not (tmp_path / "hacked").exists()


# -- files elsewhere ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["StringLookup", "TextVectorization", "IntegerLookup"])
def test_cve_2025_12058_vocabularies_in_other_files(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("1\n2\n")
    for place in (str(tmp_path / "secret.txt"), "http://127.0.0.1:9/secret", "file:///etc/passwd"):
        path = keras_file(tmp_path / "a.keras", with_layer(entry(name, name="l", vocabulary=place)))
        refused(path, "names a file.*safe_mode=False")


@pytest.mark.parametrize("name", ["../../evil", "/tmp/evil", "a/../../evil"])
def test_cve_2026_12479_names_of_layers_as_paths(name: str, tmp_path: Path) -> None:
    path = keras_file(tmp_path / "a.keras", with_layer(entry("StringLookup", name=name, vocabulary=["a"])))
    refused(path, "cannot contain character .")
    with pytest.raises(ValueError, match="cannot contain character `/`"):
        L.StringLookup(vocabulary=["a"], name=name)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"assets/{name}/vocabulary.txt", "evil")
    refused(path, "a.keras")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.keras"]


def weights_with(change: Callable[[h5py.File], None], folder: Path) -> bytes:
    """A file of weights that was tampered with."""
    net().save_weights(folder / "w.weights.h5")
    with h5py.File(folder / "w.weights.h5", "r+") as file:
        change(file)
    return (folder / "w.weights.h5").read_bytes()


def other_file(folder: Path) -> str:
    with h5py.File(folder / "secret.h5", "w") as file:
        file.create_dataset("0", data=np.ones((4, 3), "float32"))
        file.create_group("vars").create_dataset("0", data=np.ones((4, 3), "float32"))
    (folder / "secret.bin").write_bytes(b"\x01" * 48)
    return str(folder / "secret.h5")


PLACE = "layers/dense/vars/0"


def external_link(file: h5py.File, folder: Path) -> None:
    del file[PLACE]
    file[PLACE] = h5py.ExternalLink(other_file(folder), "0")


def external_group(file: h5py.File, folder: Path) -> None:
    del file["layers/dense/vars"]
    file["layers/dense/vars"] = h5py.ExternalLink(other_file(folder), "vars")


def soft_link(file: h5py.File, folder: Path) -> None:
    del folder, file[PLACE]
    file["elsewhere"] = np.ones((4, 3), "float32")
    file[PLACE] = h5py.SoftLink("/elsewhere")


def external_storage(file: h5py.File, folder: Path) -> None:
    del file[PLACE]
    other_file(folder)
    file.create_dataset(PLACE, (4, 3), "float32", external=[(str(folder / "secret.bin"), 0, 48)])


def virtual(file: h5py.File, folder: Path) -> None:
    del file[PLACE]
    layout = h5py.VirtualLayout((4, 3), "float32")
    layout[:] = h5py.VirtualSource(other_file(folder), "0", (4, 3))
    file.create_virtual_dataset(PLACE, layout)


@pytest.mark.parametrize("change", [external_link, external_group, soft_link, external_storage, virtual])
def test_cve_2026_1669_data_in_other_files(change: Any, tmp_path: Path) -> None:
    data = weights_with(lambda file: change(file, tmp_path), tmp_path)
    model = net()
    before = model.get_weights()
    with pytest.raises(FileFormatError, match=r"links are not followed|keeps its data in other files"):
        model.load_weights(tmp_path / "w.weights.h5")
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    refused(keras_file(tmp_path / "a.keras", weights=data), r"links are not followed|keeps its data in other files")


# -- sizes -------------------------------------------------------------------------------------------------------


def test_cve_2026_0897_shapes_that_are_not_stored(tmp_path: Path) -> None:
    def enlarge(file: h5py.File) -> None:
        del file[PLACE]
        file.create_dataset(PLACE, (1 << 20, 1 << 20), "float32", chunks=(1 << 10, 1 << 10), compression="gzip")

    weights_with(enlarge, tmp_path)
    with pytest.raises(FileFormatError, match=r"says that its shape is \(1048576, 1048576\)"):
        net().load_weights(tmp_path / "w.weights.h5")


def test_a_layer_of_absurd_size(tmp_path: Path) -> None:
    path = keras_file(tmp_path / "a.keras", with_layer(entry("Dense", name="big", units=10**12)))
    refused(path, "big|weights|shape|large")


def test_bombs_in_archives(tmp_path: Path) -> None:
    keras_file(tmp_path / "a.keras")
    with zipfile.ZipFile(tmp_path / "a.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "b.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            if name == "config.json":
                with archive.open(name, "w") as member:
                    for _ in range(300):
                        member.write(b" " * (1 << 20))
            else:
                archive.writestr(name, data)
    refused(tmp_path / "b.keras", "too much for a config")


@pytest.mark.parametrize("depth", [2000, 200_000])
def test_deeply_nested_configs(depth: int, tmp_path: Path) -> None:
    text = b"[" * depth + b"]" * depth
    keras_file(tmp_path / "a.keras")
    with zipfile.ZipFile(tmp_path / "b.keras", "w") as archive:
        archive.writestr("config.json", text)
        archive.writestr("metadata.json", "{}")
    refused(tmp_path / "b.keras", "b.keras")
    with pytest.raises(ValueError, match="model"):
        keras.models.model_from_json(text.decode())


def test_texts_that_the_hdf5_library_would_search_for_ever(tmp_path: Path) -> None:
    net().save(tmp_path / "a.h5")
    data = (tmp_path / "a.h5").read_bytes()
    heap = data.index(b"GCOL")
    for size in (0, 2**64 - 16):  # a step of nothing, and one that leads back
        index = 0 if size == 0 else 1
        entry = index.to_bytes(8, "little") + size.to_bytes(8, "little")
        (tmp_path / "b.h5").write_bytes(data[: heap + 16] + entry + data[heap + 32 :])
        refused(tmp_path / "b.h5", "b.h5.*texts are broken")
        with pytest.raises(FileFormatError, match="texts are broken"):
            net().load_weights(tmp_path / "b.h5")


def test_texts_for_which_the_hdf5_library_would_take_all_memory(tmp_path: Path) -> None:
    net().save(tmp_path / "a.h5")
    for version in ("earliest", "latest"):  # attributes are written in several forms
        with h5py.File(tmp_path / "a.h5", "r+" if version == "earliest" else "w", libver=version) as file:
            file.attrs["keras_version"] = "3.15.1 or so"
            file.attrs["of several"] = ["one", "more"]
        data = (tmp_path / "a.h5").read_bytes()
        length = len("3.15.1 or so").to_bytes(4, "little")
        start = data.index(b"keras_version\0")
        place = data.index(length, start)
        (tmp_path / "b.h5").write_bytes(data[:place] + (1 << 31).to_bytes(4, "little") + data[place + 4 :])
        refused(tmp_path / "b.h5", "b.h5.*texts are broken.*2147483648 bytes")


# -- archives that are unpacked ----------------------------------------------------------------------------------


def test_cve_2024_55459_2025_12060_12638_archives_that_climb_out(tmp_path: Path) -> None:
    home, outside = tmp_path / "home", tmp_path / "outside"
    home.mkdir()
    with tarfile.open(home / "evil.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo("../../outside")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"evil"))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
        archive.addfile(link)
        through = tarfile.TarInfo("link/outside")
        through.size = 4
        archive.addfile(through, io.BytesIO(b"evil"))
    with pytest.raises(Exception, match=r"outside|link|climb|folder"):
        keras.utils.get_file("evil", (home / "evil.tar.gz").as_uri(), extract=True, cache_dir=str(tmp_path / "cache"))
    assert not outside.exists()


# -- YAML --------------------------------------------------------------------------------------------------------


def test_cve_2021_37678_objects_in_yaml() -> None:
    for text in (
        "!!python/object/apply:os.system ['true']",
        "!!python/object/new:type [x]",
        "a: !!python/name:os.system",
    ):
        with pytest.raises(ValueError, match="no YAML of plain data"):
            keras.models.model_from_yaml(text)


def test_yaml_whose_parts_multiply() -> None:
    parts = "\n".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]" for a, b in zip("abcdefghi", "bcdefghij", strict=True))
    with pytest.raises(ValueError, match="too much for a config"):
        keras.models.model_from_yaml(f"a: &a [x]\n{parts}\nclass_name: Sequential\nconfig: *j\n")
    with pytest.raises(ValueError, match="contains itself"):
        keras.models.model_from_yaml("&a {class_name: Sequential, config: *a}")


def test_configs_of_wrong_types_are_refused_as_such() -> None:
    config = json.loads(net().to_json())
    for wrong in (1.5, 10**30, [], {}, "x", None):
        for key in ("class_name", "config", "module", "registered_name"):
            tree = json.loads(json.dumps(config))
            tree["config"]["layers"][1][key] = wrong
            with contextlib.suppress(ValueError, TypeError):
                keras.models.model_from_json(json.dumps(tree))


@pytest.mark.parametrize("dtype", [">f4", ">f8", "longdouble", "f2"])
def test_numbers_of_other_machines(dtype: str, tmp_path: Path) -> None:
    def other(file: Any) -> None:
        values = file[PLACE][()]
        del file[PLACE]
        file[PLACE] = values.astype(dtype)

    model = net()
    weights_with(other, tmp_path)
    model.load_weights(tmp_path / "w.weights.h5")
    with h5py.File(tmp_path / "w.weights.h5") as file:
        stored: Any = file[PLACE]
        np.testing.assert_array_equal(model.get_weights()[0], stored[()].astype("float32"))


# -- writing -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.keras", "a.h5", "a.weights.h5", "a.npz"])
def test_what_was_there_stays_where_writing_fails(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = net()
    write = model.save if name in ("a.keras", "a.h5") else model.save_weights
    write(tmp_path / name)
    before = (tmp_path / name).read_bytes()

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / name)
    assert (tmp_path / name).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [name]
