"""The folder ``assets`` of a ``.keras`` file: what layers keep in files of their own, such as vocabularies."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from kjax.keras.saving.layout import places

FOLDER = "assets"

MAX_BYTES = 1 << 30
"""Bytes of all assets of a file above which they are refused where most of them are compressed away."""

MAX_EXPANSION = 200
"""How many times larger than its stored bytes a large compressed asset may be."""


def _owners(model: Any, method: str) -> Iterator[tuple[str, Any]]:
    """Path and owner of everything in a model that has a method."""
    seen: set[int] = set()
    for place in places(model):
        if id(place.owner) not in seen and callable(getattr(place.owner, method, None)):
            seen.add(id(place.owner))
            yield place.path, place.owner


def made(model: Any) -> Iterator[tuple[str, Path]]:
    """The assets of all layers of a model: their names in a file, and where they are for the moment."""
    for path, owner in _owners(model, "save_assets"):
        with tempfile.TemporaryDirectory() as folder:
            owner.save_assets(folder)
            for file in sorted(Path(folder).rglob("*")):
                if file.is_file():
                    yield str(PurePosixPath(FOLDER, path, file.relative_to(folder).as_posix())), file


def write(model: Any, archive: zipfile.ZipFile) -> None:
    """Put the assets of all layers of a model into an archive.

    Args:
        model: the model.
        archive: open for writing.
    """
    for name, file in made(model):
        archive.write(file, name)


def read(model: Any, archive: zipfile.ZipFile) -> None:
    """Let the layers of a model take their assets from an archive.

    Args:
        model: the model.
        archive: open for reading.

    Raises:
        ValueError: a member would lie outside of the folder, or is far larger than what is stored of it.
    """
    members = [info for info in archive.infolist() if info.filename.startswith(f"{FOLDER}/") and not info.is_dir()]
    if not members or not any(True for _ in _owners(model, "load_assets")):
        return
    with tempfile.TemporaryDirectory() as folder:
        left = MAX_BYTES
        for info in members:
            left -= _extract(archive, info, Path(folder), left)
        read_folder(model, Path(folder))


def read_folder(model: Any, folder: Path) -> None:
    """Let the layers of a model take their assets from a folder that holds the folder ``assets``."""
    for path, owner in _owners(model, "load_assets") if (folder / FOLDER).is_dir() else ():
        if (place := folder / FOLDER / path).is_dir():
            owner.load_assets(os.fspath(place))


def tree(model: Any) -> dict[str, Any]:
    """The assets of all layers of a model as nested dicts: folders, and the bytes of files as arrays."""
    found: dict[str, Any] = {}
    for name, file in made(model):
        *folders, last = PurePosixPath(name).relative_to(FOLDER).parts
        node = found
        for folder in folders:
            node = node.setdefault(folder, {})
        node[last] = np.frombuffer(file.read_bytes(), np.uint8)
    return found


def read_tree(model: Any, files: Mapping[str, Any]) -> None:
    """Let the layers of a model take their assets from nested dicts as :func:`tree` returns.

    Raises:
        ValueError: a name that is none of a file in a folder, or something that is not an array of bytes.
    """
    if not any(True for _ in _owners(model, "load_assets")):
        return
    with tempfile.TemporaryDirectory() as folder:
        _write_tree(files, Path(folder, FOLDER))
        read_folder(model, Path(folder))


def _write_tree(files: Mapping[str, Any], folder: Path) -> None:
    folder.mkdir()
    for name, item in files.items():
        if name in ("", ".", "..") or any(mark in name for mark in "/\\:\0"):
            raise ValueError(f"{name!r} among the assets is no name of a file")
        if isinstance(item, Mapping):
            _write_tree(item, folder / name)
        elif getattr(item, "dtype", None) == np.uint8:
            (folder / name).write_bytes(np.asarray(item).tobytes())
        else:
            raise ValueError(f"the asset {name!r} holds no bytes")


def _extract(archive: zipfile.ZipFile, info: zipfile.ZipInfo, folder: Path, left: int) -> int:
    """Write a member below a folder; returns how many bytes it has."""
    name = PurePosixPath(info.filename)
    if ".." in name.parts or "\\" in info.filename or ":" in info.filename or name.is_absolute():
        raise ValueError(f"{info.filename!r} in the archive would lie outside of its folder")
    if info.file_size > left and info.file_size > MAX_EXPANSION * info.compress_size:
        raise ValueError(
            f"{info.filename} in the archive says that it has {info.file_size} bytes, but only {info.compress_size} are stored"
        )
    target = folder.joinpath(*name.parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(info) as member, open(target, "wb") as file:
        shutil.copyfileobj(member, file)
    return info.file_size
