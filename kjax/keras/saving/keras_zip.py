"""The ``.keras`` format: a zip archive of ``config.json``, ``metadata.json``, ``model.weights.h5`` and ``assets``."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kjax._version import __version__
from kjax.keras.core import assets
from kjax.keras.saving import (
    asset_files,
    atomic,
    eras,
    hdf5,
    inner_policies,
    legacy_config,
    shared,
    weights_h5,
    zip_window,
)
from kjax.keras.saving.errors import FileFormatError, loading, named
from kjax.keras.saving.registration import CustomObjectScope
from kjax.keras.saving.serialization import deserialize_keras_object, shared_config, sharing

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
KERAS_VERSION = "3.15.1"
"""The version of Keras whose format is written."""

MAX_JSON = 1 << 28
"""Bytes of a config above which it is refused."""

MAX_EXPANSION = 200
"""How many times larger than its stored bytes a large compressed member may be."""

_BLOCK = 1 << 22


def save(model: Any, filepath: Any, overwrite: bool = True) -> None:
    """Write a model to a ``.keras`` file.

    Args:
        model: the model.
        filepath: where to write: a path or a binary file object.
        overwrite: False refuses to replace a file.

    Raises:
        ValueError: something in the model cannot be described in a config.
        FileExistsError: there is a file, and ``overwrite`` is False.
    """
    config, metadata = described(model)
    if hasattr(filepath, "write"):
        with tempfile.TemporaryFile() as file:
            _write(model, config, metadata, file)
            file.seek(0)
            shutil.copyfileobj(file, filepath, _BLOCK)
        return
    with atomic.replacing(filepath, overwrite) as temporary:
        _write(model, config, metadata, temporary)


def described(model: Any) -> tuple[str, str]:
    """Config and metadata of a model as they stand in its file.

    Raises:
        ValueError: something in the model cannot be described in a config.
    """
    with assets.apart():
        config = json.dumps(shared_config(model), default=_json_default)
    metadata = {
        "keras_version": KERAS_VERSION,
        "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
        "kjax": {"version": __version__, **training_state(model), **_noted(model)},
    }
    return config, json.dumps(metadata)


def _write(model: Any, config: str, metadata: str, target: Any) -> None:
    import h5py

    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(METADATA, metadata)
        archive.writestr(CONFIG, config)
        asset_files.write(model, archive)
        with zip_window.appended(archive, WEIGHTS) as window, h5py.File(window, "w") as weights:
            weights_h5.write_weights(model, weights)


def _json_default(thing: Any) -> Any:
    if hasattr(thing, "item"):
        return thing.item()
    raise TypeError(f"cannot write {thing!r} (a {type(thing).__name__}) into a config")


def _noted(model: Any) -> dict[str, Any]:
    entries = inner_policies.noted(model)
    return {"quantized": entries} if entries else {}


def training_state(model: Any) -> dict[str, int]:
    """Seed and counters from which the shuffle and dropout of further training are derived."""
    if getattr(model, "_seed", None) is None:
        return {}
    return {"seed": int(model._seed), "step": int(model._step), "epoch": int(model._epoch)}


def load(
    filepath: Any,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Read a model from a ``.keras`` file.

    Args:
        filepath: file of :func:`save` or of real Keras 3 (a path or a binary file object).
        custom_objects: a user's classes and functions by name.
        compile: whether the model is compiled as it was.
        safe_mode: False lets Python byte code in the file become functions.

    Raises:
        FileNotFoundError: there is no such file.
        FileFormatError: the file is broken, or refers to unknown classes.
    """
    with loading(filepath), _source(filepath) as source, zipfile.ZipFile(source) as archive:
        config = json_member(archive, CONFIG)
        metadata = json_member(archive, METADATA) if METADATA in archive.namelist() else {}
        with eras.reading(version_in(metadata)):
            model = model_from(config, custom_objects, compile, safe_mode)
        prepare(model, metadata, filepath)
        with member_file(archive, source, WEIGHTS) as weights, hdf5.opened(weights) as file:
            weights_h5.read_weights(model, file)
        asset_files.read(model, archive)
        set_training_state(model, metadata)
    return model


def version_in(metadata: Any) -> Any:
    """The version of Keras that wrote a file, as its metadata say."""
    return metadata.get("keras_version", KERAS_VERSION) if isinstance(metadata, dict) else KERAS_VERSION


def prepare(model: Any, metadata: Any, filepath: Any) -> None:
    """Give a model that was made of its config what is noted of it beside, before it takes its weights.

    Raises:
        FileFormatError: it has no weights before it is called.
    """
    if not model.built:
        raise FileFormatError(
            f"cannot load {named(filepath)!r}: model {model.name!r} has no weights before it is called on data, so those of the "
            "file have no place; give its class a `build_from_config` method"
        )
    beside = metadata.get("kjax") if isinstance(metadata, dict) else None
    if isinstance(beside, dict) and isinstance(beside.get("quantized"), dict):
        inner_policies.applied(model, beside["quantized"])


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False) -> None:
    """Set a model's weights from the weights in a ``.keras`` file; arguments as in :func:`weights_h5.load_weights`."""
    weights_h5.need_built(model, "load")
    with (
        loading(filepath),
        _source(filepath) as source,
        zipfile.ZipFile(source) as archive,
        member_file(archive, source, WEIGHTS) as weights,
        hdf5.opened(weights) as file,
    ):
        weights_h5.read_weights(model, file, skip_mismatch)


def model_from(config: Any, custom_objects: Any, compile: bool, safe_mode: bool) -> Any:
    """The model of a config.

    Raises:
        ValueError: the config is not that of a model.
    """
    from kjax.keras.core.layer import Layer

    if not isinstance(config, dict):
        raise ValueError(f"{CONFIG} must hold an object, it holds a {type(config).__name__}")
    if not compile:
        config = {**config, "compile_config": None}
    with sharing(), CustomObjectScope(custom_objects):
        config = shared.with_ids_of_firsts(config)
        config = legacy_config.modernized(config) if eras.is_old() else config
        model = deserialize_keras_object(config, None, safe_mode)
    if not isinstance(model, Layer):
        raise ValueError(f"{CONFIG} holds no model but a {type(model).__name__}")
    return model


def set_training_state(model: Any, metadata: Any) -> None:
    """Let the training of a loaded model go on where it was."""
    state = metadata.get("kjax") if isinstance(metadata, dict) else None
    if not isinstance(state, dict) or not all(isinstance(state.get(k), int) for k in ("seed", "step", "epoch")):
        return
    if getattr(model, "compiled", False):
        model._seed = state["seed"]
        model._step.assign(state["step"])
        model._epoch.assign(state["epoch"])


@contextlib.contextmanager
def _source(filepath: Any) -> Iterator[Any]:
    if not isinstance(filepath, (str, os.PathLike)):
        yield filepath
        return
    if not Path(filepath).exists():
        raise FileNotFoundError(f"there is no file {os.fspath(filepath)!r}")
    with open(filepath, "rb") as file:
        yield file


def json_member(archive: zipfile.ZipFile, name: str) -> Any:
    """The content of a JSON file in an archive.

    Raises:
        ValueError: it is missing, too large, or no JSON.
    """
    info = _info(archive, name)
    if info.file_size > MAX_JSON:
        raise ValueError(
            f"{name} in the archive says that it has {info.file_size} bytes, which is too much for a config"
        )
    with archive.open(info) as member:
        data = member.read(MAX_JSON + 1)
    return parsed(data, f"{name} in the archive")


def parsed(data: bytes, name: str) -> Any:
    """JSON from bytes.

    Raises:
        ValueError: they are none.
    """
    try:
        return json.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{name} is no JSON: {error}") from error


def _info(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    if archive.namelist().count(name) > 1:
        raise ValueError(f"the archive holds {name} more than once")
    if name not in archive.namelist():
        raise ValueError(f"the archive holds no {name}")
    info = archive.getinfo(name)
    if info.flag_bits & 1:
        raise ValueError(f"{name} in the archive is encrypted")
    return info


@contextlib.contextmanager
def member_file(archive: zipfile.ZipFile, source: Any, name: str) -> Iterator[Any]:
    """A member of an archive as something that h5py can open: in its place where it is stored as it is.

    Raises:
        ValueError: it is missing, damaged, or says that it is far larger than what is stored.
    """
    info = _info(archive, name)
    if info.file_size > max(MAX_JSON, MAX_EXPANSION * info.compress_size):
        raise ValueError(
            f"{name} in the archive says that it has {info.file_size} bytes, but only {info.compress_size} are stored"
        )
    if info.compress_type == zipfile.ZIP_STORED:
        archive.open(info).close()  # checks that the member's own header agrees with the directory
        yield zip_window.of_member(source, info)
        return
    with tempfile.TemporaryFile() as file:
        with archive.open(info) as member:
            _copy(member, file, info)
        file.seek(0)
        yield file


def _copy(member: Any, target: Any, info: zipfile.ZipInfo) -> None:
    left = info.file_size
    while block := member.read(_BLOCK):
        left -= len(block)
        if left < 0:
            raise ValueError(f"{info.filename} in the archive is larger than it says")
        target.write(block)
