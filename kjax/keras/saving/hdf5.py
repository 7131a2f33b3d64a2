"""Reading HDF5 files that others wrote: no links out of the file, no shapes that the file does not hold; and writing."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from kjax.keras.saving import memory
from kjax.keras.saving.watched import Watched

BOMB_FLOOR = 1 << 28
"""Bytes of an array up to which its compression is not looked at."""

MAX_EXPANSION = 200
"""How many times larger than its stored bytes a larger array may be."""

HEADER_LIMIT = 64512
"""Bytes that an attribute may have; longer lists are split over several, as Keras does."""


@contextlib.contextmanager
def opened(path: Any) -> Iterator[Any]:
    """The ``h5py.File`` at a path or of a file object, open for reading; a group that is open is given back.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is no HDF5 file.
    """
    import h5py

    if isinstance(path, h5py.Group):
        yield path
        return
    if not isinstance(path, (str, os.PathLike)):
        with h5py.File(Watched(path), "r") as file:
            yield file
        return
    path = os.fspath(path)
    if not os.path.exists(path):
        raise FileNotFoundError(f"there is no file {path!r}")
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path!r} is a folder, not an HDF5 file")
    with Watched(open(path, "rb")) as raw:
        if not _has_signature(raw):
            raise ValueError("it is no HDF5 file (its signature is missing)")
        with h5py.File(raw, "r") as file:
            yield file


def _has_signature(file: Any) -> bool:
    """Whether the signature stands at one of the places where it may."""
    size = file.seek(0, os.SEEK_END)
    place = 0
    while place + 8 <= size:
        file.seek(place)
        if file.read(8) == b"\x89HDF\r\n\x1a\n":
            return True
        place = 512 if place == 0 else place * 2
    return False


def group(parent: Any, path: str) -> Any:
    """The group at a path, following no links.

    Raises:
        KeyError: there is none.
        ValueError: a link, or an array instead of a group.
    """
    import h5py

    node = parent
    for name in path.split("/"):
        node = _member(node, name)
        if not isinstance(node, h5py.Group):
            raise ValueError(f"at {path!r} the file has an array where a group should be")
    return node


def has_group(parent: Any, path: str) -> bool:
    """Whether there is a group at a path."""
    try:
        group(parent, path)
    except KeyError:
        return False
    return True


def _member(node: Any, name: str) -> Any:
    import h5py

    link = node.get(name, getlink=True)
    if link is None:
        raise KeyError(f"there is no {name!r} in the group {node.name!r}")
    if not isinstance(link, h5py.HardLink):
        raise ValueError(f"{node.name}/{name} is a link ({type(link).__name__}); links are not followed")
    return node[name]


@dataclasses.dataclass(frozen=True)
class Stored:
    """An array in a file, checked but not yet read.

    Attributes:
        dataset: the ``h5py.Dataset``.
        shape: its shape.
    """

    dataset: Any
    shape: tuple[int, ...]

    def read(self) -> np.ndarray:
        """The array."""
        array = memory.empty(self.shape, _native(self.dataset.dtype))
        if array.size:
            self.dataset.read_direct(array) if self.shape else array.__setitem__((), self.dataset[()])
        if array.dtype.kind == "V":  # Keras has no other type that HDF5 does not know
            import ml_dtypes

            return array.view(ml_dtypes.bfloat16)
        return array


def _native(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type of this machine for numbers of a file: their order of bytes is ours, and none is larger than a double."""
    if dtype.kind in "fc" and dtype.itemsize > (8 if dtype.kind == "f" else 16):
        return np.dtype("float64" if dtype.kind == "f" else "complex128")
    return dtype.newbyteorder("=")


def assign(box: Any, stored: Any) -> None:
    """Give a variable the value of an array of a file (a :class:`Stored`) or of memory (which nobody else uses)."""
    memory.give(box, stored.read() if isinstance(stored, Stored) else stored)


def dataset(parent: Any, path: str) -> Stored:
    """The array at a path.

    Raises:
        KeyError: there is none.
        ValueError: a link, data in other files, no numbers, or a size that the stored bytes cannot hold.
    """
    import h5py

    head, _, name = path.rpartition("/")
    node = _member(group(parent, head) if head else parent, name)
    if not isinstance(node, h5py.Dataset):
        raise ValueError(f"at {path!r} the file has a group where an array should be")
    if node.external or node.is_virtual:
        raise ValueError(f"the array {node.name!r} keeps its data in other files, which is not allowed")
    raw = node.dtype.kind == "V"
    if (
        node.shape is None
        or node.dtype.kind not in "biufcV"
        or (raw and (node.dtype.fields or node.dtype.itemsize != 2))
    ):
        raise ValueError(f"the array {node.name!r} holds {node.dtype}, not numbers")
    size, stored = math.prod(node.shape) * node.dtype.itemsize, node.id.get_storage_size()
    if node.chunks is None and size > stored and stored > 0:
        raise ValueError(
            f"the array {node.name!r} of shape {node.shape} is cut off: {stored} of {size} bytes are stored"
        )
    offset = node.id.get_offset()
    if offset is not None and offset + stored > node.file.id.get_filesize():
        raise ValueError(f"the array {node.name!r} is cut off: the file ends before its last bytes")
    if size > max(BOMB_FLOOR, MAX_EXPANSION * stored):
        raise ValueError(
            f"the array {node.name!r} says that its shape is {node.shape} ({size} bytes), but only {stored} bytes are stored"
        )
    return Stored(node, tuple(node.shape))


def text(attributes: Any, name: str) -> str | None:
    """An attribute that holds text, or None."""
    if name not in attributes:
        return None
    return decoded(_attribute(attributes, name))


def _attribute(attributes: Any, name: str) -> Any:
    """An attribute that the file can hold.

    Raises:
        ValueError: it says that it is larger than the file, or holds no texts or numbers.
    """
    from h5py import h5i, h5t  # pyright: ignore[reportAttributeAccessIssue]

    found = attributes.get_id(name)
    kind = found.get_type()
    if kind.get_class() not in (h5t.STRING, h5t.INTEGER, h5t.FLOAT, h5t.ENUM) or kind.committed():
        raise ValueError(f"the attribute {name!r} holds something else than texts or numbers")
    count = 0 if found.shape is None else math.prod(found.shape)
    if count:  # of nothing the library knows no size
        size, held = found.get_storage_size(), h5i.get_file_id(found).get_filesize()
        if max(size, count) > held:
            raise ValueError(f"the attribute {name!r} says that it has {count} entries; the file has {held} bytes")
    return attributes[name]


def decoded(value: Any) -> str:
    """Text from what h5py returns for it."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, (bytes, np.bytes_)):
        return bytes(value).decode("utf-8")
    if not isinstance(value, str):
        raise ValueError(f"expected text in an attribute of the file, found {type(value).__name__}")
    return value


def names(attributes: Any, name: str) -> list[str]:
    """A list of names in an attribute, or in several (``name0``, ``name1``, ...)."""
    if name in attributes:
        return [decoded(item) for item in np.asarray(_attribute(attributes, name)).reshape(-1)]
    result: list[str] = []
    for i in range(len(attributes)):
        if f"{name}{i}" not in attributes:
            break
        result += [decoded(item) for item in np.asarray(_attribute(attributes, f"{name}{i}")).reshape(-1)]
    return result


def write_names(attributes: Any, name: str, items: Sequence[str]) -> None:
    """Write a list of names, split over several attributes where it is too long for one.

    Raises:
        ValueError: a single name that is too long.
    """
    encoded = [item.encode("utf-8") for item in items]
    too_long = [item for item in encoded if len(item) > HEADER_LIMIT]
    if too_long:
        raise ValueError(f"the name {too_long[0][:60]!r}... is too long for an HDF5 file")
    array = np.asarray(encoded)
    parts = 1
    pieces = [array]
    while any(piece.nbytes > HEADER_LIMIT for piece in pieces):
        parts += 1
        pieces = np.array_split(array, parts)
    if parts == 1:
        attributes[name] = array if len(encoded) else np.zeros((0,))
        return
    for i, piece in enumerate(pieces):
        attributes[f"{name}{i}"] = piece


def write_array(parent: Any, name: str, value: Any) -> None:
    """Write an array as Keras 3 does; bfloat16 as raw bytes with a note."""
    array = np.asarray(value)
    if array.dtype.name == "bfloat16":
        parent.create_dataset(name, data=array.view("V2")).attrs["dtype"] = "bfloat16"
    else:
        parent.create_dataset(name, data=array)
