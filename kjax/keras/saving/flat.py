"""Weights as one flat table of named arrays: ``.npz`` (NumPy) and ``.safetensors``."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import math
import os
import tokenize
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from kjax.keras.core.variable import Variable
from kjax.keras.saving import atomic, hdf5, memory, zip_window
from kjax.keras.saving.errors import loading
from kjax.keras.saving.weights_h5 import need_built
from kjax.keras.saving.zip_window import Window

ENDINGS = (".npz", ".safetensors")

_BLOCK = 1 << 20


@dataclasses.dataclass(frozen=True)
class Entry:
    """An array in a file.

    Attributes:
        shape: its shape.
        dtype: its type.
        fill: puts its bytes into memory, given as a view of bytes.
        verify: reads it without keeping it, where the file has a checksum. Raises ValueError if that is wrong.
        columns: whether it is stored column by column.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fill: Callable[[memoryview], None]
    verify: Callable[[], None] = lambda: None
    columns: bool = False

    def read(self) -> np.ndarray:
        """The array."""
        array = memory.empty(self.shape[::-1] if self.columns else self.shape, self.dtype)
        self.fill(memory.raw_bytes(array))
        if array.dtype.kind == "V":  # the only type of two bytes that NumPy does not know
            import ml_dtypes

            array = array.view(ml_dtypes.bfloat16)
        return array.T if self.columns else array


def named(model: Any) -> dict[str, Variable]:
    """The variables by the names that they have in files: their paths, with a number where a path occurs again.

    The name of the model itself, which the paths of some models begin with, is no part of them.
    """
    found: dict[str, Variable] = {}
    for variable in model.weights:
        path = variable.path.removeprefix(f"{model.name}/")
        name, i = path, 0
        while name in found:
            i += 1
            name = f"{path}_{i}"
        found[name] = variable
    return found


# -- writing -----------------------------------------------------------------------------------------------------


def save_weights(model: Any, filepath: Any, overwrite: bool = True) -> None:
    """Write the weights of a model, without the state of its optimizer.

    Args:
        model: a built model.
        filepath: a name that ends in ``.npz`` or ``.safetensors``.
        overwrite: False refuses to replace a file.

    Raises:
        ValueError: the model was not built.
        FileExistsError: there is a file, and ``overwrite`` is False.
    """
    need_built(model, "save")
    # One array after the other: on CPU a weight is written from the memory in which JAX has it.
    variables = named(model)
    if os.fspath(filepath).endswith(".npz"):
        with atomic.replacing(filepath, overwrite) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            for name, variable in variables.items():
                write_npy(archive, f"{name}.npy", variable.value)
        return
    with atomic.replacing(filepath, overwrite) as temporary, open(temporary, "wb") as file:
        file.write(_tensors_header(variables))
        for variable in variables.values():
            file.write(memory.raw_bytes(variable.value))


_TENSOR_TYPES = {
    "bool": "BOOL",
    "bfloat16": "BF16",
    **{f"float{n}": f"F{n}" for n in (16, 32, 64)},
    **{f"{kind}{n}": f"{kind[0].upper()}{n}" for kind in ("int", "uint") for n in (8, 16, 32, 64)},
}


def _tensors_header(variables: Mapping[str, Variable]) -> bytes:
    """What stands before the arrays in a file of safetensors: its length, and what each is as JSON."""
    header: dict[str, Any] = {"__metadata__": {"format": "kjax", "order": json.dumps(list(variables))}}
    start = 0
    for name, variable in variables.items():
        stop = start + variable.size * np.dtype(jax.numpy.dtype(variable.dtype)).itemsize
        kind = _TENSOR_TYPES[variable.dtype]
        header[name] = {"dtype": kind, "shape": list(variable.shape), "data_offsets": [start, stop]}
        start = stop
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def write_npy(archive: zipfile.ZipFile, name: str, array: Any) -> None:
    """Add an array to an archive, as ``numpy.savez`` does."""
    array, header = np.asarray(array, order="C"), io.BytesIO()
    about = np.lib.format.header_data_from_array_1_0(array)
    np.lib.format.write_array_header_1_0(header, about)  # pyright: ignore[reportArgumentType]
    zip_window.add(archive, name, header.getvalue(), memory.raw_bytes(array))


def _safetensors() -> Any:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise ImportError("files of weights in .safetensors need the package: pip install safetensors") from error
    return safetensors


# -- reading -----------------------------------------------------------------------------------------------------


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False, by_name: bool = False) -> None:
    """Set the weights of a model.

    Args:
        model: a built model.
        filepath: a file of :func:`save_weights`, or one with the same arrays in the order of ``model.weights``.
        skip_mismatch: keep, with a warning, the weights for which the file has nothing or another shape.
        by_name: arrays that the model has no weights for are passed over, and weights that the file has nothing for.

    Raises:
        FileNotFoundError: there is no such file.
        FileFormatError: the file is broken, or does not fit the model; the model is unchanged then.
    """
    need_built(model, "load")
    with loading(filepath), table(filepath) as entries:
        plan = _plan(named(model), entries, skip_mismatch, by_name)
        for _, entry in plan:
            entry.verify()
        for variable, entry in plan:
            memory.give(variable, entry.read())


def _plan(
    variables: Mapping[str, Variable], entries: Mapping[str, Entry], skip_mismatch: bool, by_name: bool
) -> list[tuple[Variable, Entry]]:
    if not by_name and set(variables) != set(entries):
        shapes = [tuple(v.shape) for v in variables.values()]
        if shapes == [entry.shape for entry in entries.values()]:  # the same model under other names
            return list(zip(variables.values(), entries.values(), strict=True))
    plan, problems = [], []
    for name, variable in variables.items():
        if name not in entries:
            problems.append(f"it has nothing for the weight {name!r}")
        elif entries[name].shape != variable.shape:
            problems.append(f"{name!r} has shape {entries[name].shape}, the weight {variable.shape}")
            by_name = False
        elif entries[name].dtype.kind == "c" and not variable.dtype.startswith("complex"):
            problems.append(f"{name!r} is {entries[name].dtype}, the weight {variable.dtype}")
            by_name = False
        else:
            plan.append((variable, entries[name]))
    problems += [f"the model has no weight {name!r}" for name in entries if name not in variables]
    if problems and not by_name:
        if not skip_mismatch:
            more = f" (and {len(problems) - 1} more of this kind)" if len(problems) > 1 else ""
            raise ValueError(f"the file does not fit the model: {problems[0]}{more}")
        for problem in problems:
            warnings.warn(f"not loaded: {problem}", stacklevel=5)
    return plan


@contextlib.contextmanager
def table(filepath: Any) -> Iterator[dict[str, Entry]]:
    """The arrays of a file, by name.

    Raises:
        ValueError: the file is broken, or holds something else than numbers.
    """
    if os.fspath(filepath).endswith(".safetensors"):
        with _tensors(filepath) as entries:
            yield entries
        return
    with zipfile.ZipFile(filepath) as archive:
        members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
        yield {info.filename.removesuffix(".npy"): npy_entry(archive, info) for info in members}


@contextlib.contextmanager
def _tensors(filepath: Any) -> Iterator[dict[str, Entry]]:
    safetensors = _safetensors()
    try:
        with safetensors.safe_open(os.fspath(filepath), framework="numpy") as file, open(filepath, "rb") as source:
            # The library has made sure that the arrays lie one after the other, up to the end of the file.
            start, entries = 8 + int.from_bytes(source.read(8), "little"), {}
            for name in file.offset_keys():
                part = file.get_slice(name)
                entries[name] = _tensor(source, start, tuple(part.get_shape()), part.get_dtype(), name)
                start += math.prod(entries[name].shape) * entries[name].dtype.itemsize
            found, noted = set(entries), json.loads((file.metadata() or {}).get("order", "[]"))
            order = noted if isinstance(noted, list) and set(noted) == found else sorted(found)
            yield {name: entries[name] for name in order}
    except safetensors.SafetensorError as error:
        raise ValueError(f"it is no file of safetensors, or a broken one: {error}") from error


def _tensor(source: Any, start: int, shape: tuple[int, ...], kind: str, name: str) -> Entry:
    types = {short: dtype for dtype, short in _TENSOR_TYPES.items()}
    if kind not in types:
        raise ValueError(f"the array {name!r} is of type {kind}; types that are known are {', '.join(types)}")

    def fill(view: memoryview) -> None:
        _fill(Window(source, start, len(view)), view, name)

    return Entry(shape, jax.numpy.dtype(types[kind]), fill)


def _fill(file: Any, view: memoryview, name: str) -> None:
    while len(view):
        count = file.readinto(view)
        if not count:
            raise ValueError(f"the file ends in the middle of the array {name!r}")
        view = view[count:]


def npy_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Entry:
    """An array in an archive; its header is read, and compared with how much is stored.

    Raises:
        ValueError: the header is broken, the array holds Python objects, or says that it is larger than what is stored.
    """
    with archive.open(info) as member:
        try:
            shape, columns, dtype = _header(member)
        except (SyntaxError, tokenize.TokenError) as error:  # NumPy parses the header as a dict of Python
            raise ValueError(f"the header of the array {info.filename!r} cannot be read: {error}") from error
        start = member.tell()
    size = math.prod(shape) * dtype.itemsize
    if dtype.hasobject or dtype.kind not in "biufcV" or (dtype.kind == "V" and dtype.itemsize != 2):
        raise ValueError(f"the array {info.filename!r} holds {dtype}, not numbers")
    if any(s < 0 for s in shape) or start + size != info.file_size:
        raise ValueError(
            f"the array {info.filename!r} says that its shape is {shape} ({size} bytes), but {info.file_size - start} "
            "bytes are stored"
        )
    if size > max(hdf5.BOMB_FLOOR, hdf5.MAX_EXPANSION * info.compress_size):
        raise ValueError(f"the array {info.filename!r} would be unpacked from {info.compress_size} to {size} bytes")

    stored = info.compress_type == zipfile.ZIP_STORED

    def verify() -> None:
        if stored:
            zip_window.of_member(archive.fp, info)
            return
        with archive.open(info) as member:  # compares the checksum at the end
            while member.read(_BLOCK):
                pass

    def fill(view: memoryview) -> None:
        if stored:
            place = zip_window.data_start(archive.fp, info) + start
            _fill(Window(archive.fp, place, len(view)), view, info.filename)
            return
        with archive.open(info) as member:
            member.read(start)
            while block := member.read(_BLOCK):
                view[: len(block)] = block
                view = view[len(block) :]

    return Entry(shape, dtype, fill, verify, columns)


def _header(member: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(member)
    if version == (1, 0):
        shape, columns, dtype = np.lib.format.read_array_header_1_0(member)
    elif version == (2, 0):
        shape, columns, dtype = np.lib.format.read_array_header_2_0(member)
    else:
        raise ValueError(f"an array of version {version} of NumPy's format")
    return tuple(shape), columns, dtype
