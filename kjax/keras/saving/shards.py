"""Weights in several files: a map in JSON (``.weights.json``) and HDF5 files of limited size in the layout of Keras 3."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import shutil
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from kjax.keras.saving import atomic, hdf5, weights_h5
from kjax.keras.saving.errors import loading

ENDING = "weights.json"

_MAX_JSON = 1 << 28


def _map_of(filepath: Any) -> Path:
    path = Path(os.fspath(filepath))
    if path.suffix == ".json":
        return path
    changed = path.with_suffix(".json")
    warnings.warn(
        f"weights in several files are listed in a .json file: {str(path)!r} becomes {str(changed)!r}", stacklevel=4
    )
    return changed


# -- writing -----------------------------------------------------------------------------------------------------


def save_weights(model: Any, filepath: Any, max_shard_size: float, skip: Iterable[Any] = ()) -> None:
    """Write the weights of a model, and the state of its optimizer, to files of limited size.

    All of it takes the place of an older map and its files at once, when the new map takes that of the old one: the files
    that the old map names stay until then, and those of the new one have other names.

    Args:
        model: a built model.
        filepath: name of the map, which ends in ``.weights.json``; the files lie beside it.
        max_shard_size: GiB that a file may hold.
        skip: layers or an optimizer that are left out.

    Raises:
        ValueError: the model was not built, or an array is larger than a file may be.
    """
    import h5py

    weights_h5.need_built(model, "save")
    path, limit = _map_of(filepath), float(max_shard_size) * 1024**3
    old, base = _listed(path), path.stem.replace(".weights", "")
    # The names of Keras are taken at the end, if files of the older map have them.
    mark = next(mark for mark in ("", "-1", "-2") if _name(base + mark, 0) not in old)
    names: list[str] = []
    places: dict[str, list[str]] = {}
    total = size = 0
    with contextlib.ExitStack() as all_files:
        # The last to be closed: the map appears when all that it names is there.
        target = all_files.enter_context(atomic.replacing(path))
        # A file that is full is closed, and takes its name with the others.
        current = all_files.enter_context(contextlib.ExitStack())
        file: Any = None
        for place, label, values in weights_h5.contents(model, skip):
            for key, value in values.items():
                held = _bytes_of(value)
                if held > limit:
                    raise ValueError(
                        f"the array {key!r} of {place or 'the model'!r} has {held / 1024**3:.3g} GiB, more than "
                        f"max_shard_size={max_shard_size}; give a larger one"
                    )
                if file is None or size + held > limit:
                    current.close()
                    names.append(_name(base + mark, len(names)))
                    shard = all_files.enter_context(atomic.replacing(path.with_name(names[-1])))
                    current = all_files.enter_context(contextlib.ExitStack())
                    file, size = current.enter_context(h5py.File(shard, "w")), 0
                size, total = size + held, total + held
                weights_h5.write_object(file, place, label, {key: value})
                listed = places.setdefault(f"/{place}/vars" if place else "/vars", [])
                if names[-1] not in listed:
                    listed.append(names[-1])
        weight_map = {place: files[0] if len(files) == 1 else files for place, files in places.items()}
        about = json.dumps({"metadata": {"total_size": total}, "weight_map": weight_map}, indent=4)
        target.write_text(about, encoding="utf-8")
    final = [_name(base, number) for number in range(len(names))]
    if mark:
        for name, plain in zip(names, final, strict=True):
            with atomic.replacing(path.with_name(plain)) as other:
                _as_another(path.with_name(name), other)
            about = about.replace(json.dumps(name), json.dumps(plain))
        with atomic.replacing(path) as target:
            target.write_text(about, encoding="utf-8")
    for name in old.union(names).difference(final):
        path.with_name(name).unlink(missing_ok=True)


def _name(base: str, number: int) -> str:
    return f"{base}_{number:05}.weights.h5"


def _as_another(path: Path, other: Path) -> None:
    """Give a file a second name; where the disk cannot do that, copy it."""
    try:
        os.link(path, other)
    except OSError:
        shutil.copyfile(path, other)


def _listed(path: Path) -> set[str]:
    """The files of its own that a map names which is there already; none where it cannot be read."""
    own = re.compile(re.escape(path.stem.replace(".weights", "")) + r"(-[12])?_\d{5,}\.weights\.h5")
    try:
        with Shards(path) as shards:
            return {name for listed in shards.places.values() for name in listed if own.fullmatch(name)}
    except (OSError, ValueError):
        return set()


def _bytes_of(value: Any) -> int:
    dtype = jnp.dtype(value.dtype) if hasattr(value, "dtype") else np.asarray(value).dtype
    return math.prod(np.shape(value)) * dtype.itemsize


# -- reading -----------------------------------------------------------------------------------------------------


class Shards:
    """The files that a map names, as one file for :func:`weights_h5.read_weights`.

    Args:
        path: the map.

    Raises:
        ValueError: the map is broken, or names files elsewhere.
    """

    def __init__(self, path: Path) -> None:
        if path.stat().st_size > _MAX_JSON:
            raise ValueError(f"it has {path.stat().st_size} bytes, which is too much for a map of files")
        found = json.loads(path.read_text(encoding="utf-8"))
        found = found.get("weight_map") if isinstance(found, Mapping) else None
        if not isinstance(found, Mapping):
            raise ValueError("it holds no 'weight_map'")
        self.places = {place: [names] if isinstance(names, str) else list(names) for place, names in found.items()}
        self.folder = path.parent
        self._open: dict[str, Any] = {}
        self._files = contextlib.ExitStack()
        for name in (n for names in self.places.values() for n in names):
            if not isinstance(name, str) or Path(name).name != name or "\\" in name:
                raise ValueError(f"it names the file {name!r}, which does not lie beside it")

    def __enter__(self) -> Shards:
        return self

    def __exit__(self, *exception: object) -> None:
        self._files.close()

    def arrays(self, place: str) -> dict[str, hdf5.Stored] | None:
        """The arrays of a group, from all files that hold some of them; None where there is no such group."""
        if f"/{place}" not in self.places:
            return None
        found: dict[str, hdf5.Stored] = {}
        for name in self.places[f"/{place}"]:
            if name not in self._open:
                self._open[name] = self._files.enter_context(hdf5.opened(self.folder / name))
            found |= weights_h5.arrays_of(self._open[name], place) or {}
        return found


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False, skip: Iterable[Any] = ()) -> None:
    """Set the weights of a model, and the state of its optimizer; arguments as in :func:`weights_h5.load_weights`.

    Args:
        filepath: the map, which ends in ``.weights.json``.

    Raises:
        FileFormatError: the files are broken, or do not fit the model; the model is unchanged then.
    """
    weights_h5.need_built(model, "load")
    with loading(filepath), Shards(_map_of(filepath)) as files:
        weights_h5.read_weights(model, files, skip_mismatch, skip)
