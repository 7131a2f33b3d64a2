"""Stores of Keras' files by themselves: assets in a folder, variables in HDF5 or in ``.npz``."""

from __future__ import annotations

import io
import math
import os
import pathlib
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, MutableMapping
from typing import Any, Self

import h5py
import numpy as np

from kjax.keras.inside.files import extract_open_archive, resolve_sub_path

_LARGEST, _GROWTH = 1 << 32, 1000
"""A dataset of more bytes than the first may not be larger than what is stored of it times the second."""


def get_temp_dir() -> str:
    """A new folder that can be written to."""
    return tempfile.mkdtemp()


class DiskIOStore:
    """Assets as folders and files.

    Args:
        root_path: the folder, inside of the archive if there is one.
        archive: an open ``zipfile.ZipFile``, or None: the folder itself is read.
        mode: ``'r'``, or ``'w'``: what is written goes into the archive when the store is closed.
    """

    def __init__(self, root_path: Any, archive: zipfile.ZipFile | None = None, mode: str | None = None) -> None:
        self.root_path, self.archive, self.mode = str(root_path), archive, mode
        reads_in_place = archive is None and mode == "r"
        self.tmp_dir = None if reads_in_place else get_temp_dir()
        if archive is not None and mode == "r":
            extract_open_archive(archive, str(self.tmp_dir))
        self.working_dir = self.root_path if reads_in_place else os.path.join(str(self.tmp_dir), self.root_path)
        if archive is None or mode == "w":
            os.makedirs(self.working_dir, exist_ok=True)

    def _full_path(self, path: str) -> str:
        found = resolve_sub_path(os.path.realpath(self.working_dir), path.replace("\\", "/"))
        if found is None:
            raise ValueError(f"Invalid asset path: {path!r} escapes the asset directory")
        return found

    def make(self, path: str) -> str:
        """The folder of a path, made where it is missing.

        Raises:
            ValueError: a path that leads out of the store.
        """
        if not path:
            return self.working_dir
        full = self._full_path(path)
        os.makedirs(full, exist_ok=True)
        return full

    def get(self, path: str) -> str | None:
        """The folder or file of a path, or None.

        Raises:
            ValueError: a path that leads out of the store.
        """
        full = self._full_path(path) if path else self.working_dir
        return full if os.path.exists(full) or not path else None

    def has_path(self, path: str) -> bool:
        """Whether there is something at a path."""
        full = resolve_sub_path(os.path.realpath(self.working_dir), path) if path else self.working_dir
        return full is not None and os.path.exists(full)

    def close(self) -> None:
        """Put what was written into the archive, and take the folder away that it was written to."""
        if self.mode == "w" and self.archive is not None:
            for folder, _, names in os.walk(self.working_dir):
                for name in names:
                    file = os.path.join(folder, name)
                    inside = os.path.join(self.root_path, os.path.relpath(file, self.working_dir))
                    self.archive.write(file, inside.replace("\\", "/"))
        if self.tmp_dir is not None:
            shutil.rmtree(self.tmp_dir, ignore_errors=True)


def _refuse_links(parent: Any, name: str) -> None:
    kind = None if isinstance(parent, dict) else parent.get(name, default=None, getclass=True, getlink=True)
    if kind in (h5py.ExternalLink, h5py.SoftLink):
        raise ValueError(f"Not allowed: H5 file with {kind.__name__}")


def safe_get_h5_group(parent: Any, name: str) -> Any:
    """A group of an HDF5 file that is really in it.

    Args:
        parent: the file or group it is in.
        name: its path.

    Raises:
        KeyError: there is none.
        ValueError: a path with empty parts, a link, or something else than a group.
    """
    found = parent
    for part in name.split("/"):
        if not part:
            raise ValueError(f"Invalid path in H5 file: {name}")
        _refuse_links(found, part)
        if part not in found:
            raise KeyError(name)
        found = found[part]
        if not isinstance(found, h5py.Group):
            raise ValueError(f"Invalid H5 file, expected Group but received {type(found)}")
    return found


def safe_get_h5_dataset(group: Any, name: str) -> Any:
    """A dataset of an HDF5 file that is really in it.

    Args:
        group: the file or group it is in.
        name: its path.

    Raises:
        KeyError: there is none.
        ValueError: a link, something else than a dataset, or one whose values lie elsewhere or that claims a size far beyond
            what is stored.
    """
    head, _, name = name.rpartition("/")
    group = safe_get_h5_group(group, head) if head else group
    _refuse_links(group, name)
    if name not in group:
        raise KeyError(name)
    dataset = group[name]
    if not isinstance(dataset, h5py.Dataset):
        raise ValueError(f"Invalid H5 file, expected Dataset, received {type(dataset)}")
    if dataset.external:
        raise ValueError(f"Not allowed: H5 file with external Dataset: {dataset.external}")
    if dataset.is_virtual:
        raise ValueError("Not allowed: H5 file with virtual Dataset")
    claimed = math.prod(dataset.shape) * dataset.dtype.itemsize
    if claimed > max(_LARGEST, _GROWTH * dataset.id.get_storage_size()):
        raise ValueError(f"Not allowed: H5 dataset {name!r} claims {claimed} bytes, far more than are stored")
    return dataset


class H5IOStore(MutableMapping[str, Any]):
    """Variables in HDF5: ``make`` or ``get`` choose the group of a path, the store itself is its dict of arrays then.

    Args:
        path_or_io: the file's path, inside of the archive if there is one, or an ``io.BytesIO``.
        archive: an open ``zipfile.ZipFile``, or None.
        mode: ``'r'`` or ``'w'``.

    Raises:
        TypeError: no path and no ``io.BytesIO``.
        ValueError: another mode, or an archive for an ``io.BytesIO``.
    """

    def __init__(self, path_or_io: Any, archive: zipfile.ZipFile | None = None, mode: str = "r") -> None:
        if mode not in ("w", "r"):
            raise ValueError(f"`mode` should be either 'w' or 'r', received {mode!r}")
        if not isinstance(path_or_io, (str, pathlib.Path, io.BytesIO)):
            raise TypeError(
                f"`path_or_io` should be a `str`, `pathlib.Path` or `io.BytesIO` object, received {path_or_io!r} of type "
                f"{type(path_or_io)}"
            )
        if isinstance(path_or_io, io.BytesIO) and archive is not None:
            raise ValueError("When `path_or_io` is an `io.BytesIO` object, `archive` should be `None`")
        self.path_or_io, self.archive, self.mode = path_or_io, archive, mode
        self.io_file: Any = None
        if archive is not None:
            self.io_file = io.BytesIO() if mode == "w" else archive.open(str(path_or_io), "r")
        self.h5_file = h5py.File(self.io_file or path_or_io, mode=mode)
        self._path, self._metadata = "", None
        self._group: Any = {}

    def __bool__(self) -> bool:
        return bool(self.h5_file)

    def make(self, path: str, metadata: dict[str, Any] | None = None) -> Self:
        """Choose the group to be written; it is made with its first array, or for its metadata.

        Raises:
            ValueError: the store is read, or metadata that are no dict.
        """
        if self.mode != "w":
            raise ValueError("`make` is only allowed in write mode")
        if metadata is not None and not isinstance(metadata, dict):
            raise ValueError(f"`metadata` should be a dict or `None`, received {metadata!r}")
        self._path, self._metadata, self._group = path, metadata, {}
        if metadata:
            self._make_group()
        return self

    def _make_group(self) -> None:
        owner = self.h5_file.require_group(self._path) if self._path else self.h5_file
        self._group = owner.require_group("vars")
        for key, value in (self._metadata or {}).items():
            self._group.attrs[key] = value

    def get(self, path: str) -> Self:  # type: ignore[override]
        """Choose the group to be read; without one the store is empty.

        Raises:
            ValueError: the store is written.
        """
        if self.mode != "r":
            raise ValueError("`get` is only allowed in read mode")
        self._path, self._group = path, {}
        for name in (path, path.replace("layers", "_layer_checkpoint_dependencies")):
            inside = f"{name}/vars".lstrip("/")
            if inside in self.h5_file:
                self._group = safe_get_h5_group(self.h5_file, inside)
                break
        return self

    def has_path(self, path: str) -> bool:
        """Whether there is a group at a path."""
        return path in self.h5_file

    def close(self) -> None:
        """Finish the file; one for an archive is put into it."""
        self.h5_file.close()
        if self.archive is not None and self.mode == "w":
            self.archive.writestr(str(self.path_or_io), self.io_file.getvalue())
        if self.io_file is not None:
            self.io_file.close()

    def __len__(self) -> int:
        return len(self._group)

    def __iter__(self) -> Iterator[str]:
        return iter(self._group)

    def __contains__(self, key: object) -> bool:
        return key in self._group

    def __getitem__(self, key: str) -> Any:
        dataset = safe_get_h5_dataset(self._group, key)
        if dataset.attrs.get("dtype") == "bfloat16":
            import ml_dtypes

            return np.asarray(dataset[()]).astype(ml_dtypes.bfloat16)
        return dataset

    def __setitem__(self, key: str, value: Any) -> None:
        if self.mode != "w":
            raise ValueError("Setting a value is only allowed in write mode")
        if isinstance(self._group, dict):
            self._make_group()
        group: Any = self._group
        array = np.asarray(value)
        if str(array.dtype) == "bfloat16":  # HDF5 has no such type: float32 holds its values
            group.create_dataset(key, data=array.astype("float32")).attrs["dtype"] = "bfloat16"
        else:
            group[key] = array

    def __delitem__(self, key: str) -> None:
        if self.mode != "w":
            raise ValueError("Deleting a value is only allowed in write mode")
        del self._group[key]


class NpzIOStore:
    """Variables in ``.npz``: a dict of arrays for each path.

    Args:
        root_path: the file's path, inside of the archive if there is one.
        archive: an open ``zipfile.ZipFile``, or None.
        mode: ``'r'`` or ``'w'``.
    """

    def __init__(self, root_path: Any, archive: zipfile.ZipFile | None = None, mode: str = "r") -> None:
        self.root_path, self.archive, self.mode = root_path, archive, mode
        self.f: Any = None
        self.contents: Any = {}
        if mode != "w":
            self.f = open(root_path, "rb") if archive is None else archive.open(str(root_path))  # noqa: SIM115
            self.contents = np.load(self.f, allow_pickle=False)

    def make(self, path: str, metadata: Any = None) -> dict[str, Any]:
        """A new dict for a path; the root is the empty one."""
        del metadata
        return self.contents.setdefault(path or "__root__", {})

    def get(self, path: str) -> dict[str, Any]:
        """The arrays of a path, an empty dict where there are none."""
        start = f"{path or '__root__'}//"
        return {name.removeprefix(start): self.contents[name] for name in self.contents if name.startswith(start)}

    def has_path(self, path: str) -> bool:
        """Whether there are arrays at a path."""
        return bool(self.get(path)) or path in self.contents

    def close(self) -> None:
        """Write the file, or finish reading it."""
        if self.mode == "w":
            flat = {f"{path}//{name}": value for path, held in self.contents.items() for name, value in held.items()}
            if self.archive is not None:
                with self.archive.open(str(self.root_path), "w", force_zip64=True) as file:
                    np.savez(file, **flat)
            else:
                np.savez(self.root_path, **flat)
        else:
            self.f.close()
