"""Weights as one flat table of named arrays: ``.npz`` (NumPy) and ``.safetensors``."""

from __future__ import annotations

import contextlib
import dataclasses
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
from kjax.keras.saving import atomic, hdf5
from kjax.keras.saving.errors import loading
from kjax.keras.saving.weights_h5 import need_built

ENDINGS = (".npz", ".safetensors")


@dataclasses.dataclass(frozen=True)
class Entry:
    """An array in a file.

    Attributes:
        shape: its shape.
        dtype: NumPy's name of its type.
        read: reads it.
    """

    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], np.ndarray]


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
                write_npy(archive, f"{name}.npy", np.asarray(variable.value))
        return
    with atomic.replacing(filepath, overwrite) as temporary, open(temporary, "wb") as file:
        file.write(_tensors_header(variables))
        for variable in variables.values():
            file.write(np.ascontiguousarray(variable.value).view(np.uint8).data if variable.size else b"")


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


def write_npy(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    """Add an array to an archive, as ``numpy.savez`` does."""
    with archive.open(name, "w", force_zip64=True) as member:
        np.lib.format.write_array(member, array, allow_pickle=False)  # pyright: ignore[reportArgumentType]


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
        values = [(variable, entry.read()) for variable, entry in plan]
    for variable, value in values:
        hdf5.assign(variable, value)


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
        with safetensors.safe_open(os.fspath(filepath), framework="numpy") as file:
            entries = {}
            found, noted = set(file.keys()), json.loads((file.metadata() or {}).get("order", "[]"))
            for name in noted if isinstance(noted, list) and set(noted) == found else sorted(found):
                part = file.get_slice(name)
                entries[name] = Entry(
                    tuple(part.get_shape()), part.get_dtype(), lambda name=name: file.get_tensor(name)
                )
            yield entries
    except safetensors.SafetensorError as error:
        raise ValueError(f"it is no file of safetensors, or a broken one: {error}") from error


def npy_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Entry:
    """An array in an archive; its header is read, and compared with how much is stored.

    Raises:
        ValueError: the header is broken, the array holds Python objects, or says that it is larger than what is stored.
    """
    with archive.open(info) as member:
        try:
            shape, dtype = _header(member)
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

    def read() -> np.ndarray:
        with archive.open(info) as member:
            array = np.lib.format.read_array(member, allow_pickle=False)  # pyright: ignore[reportArgumentType]
        if array.dtype.kind == "V":  # the only type of two bytes that NumPy does not know
            import ml_dtypes

            array = array.view(ml_dtypes.bfloat16)
        return array

    return Entry(shape, dtype.name, read)


def _header(member: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(member)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(member)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(member)
    else:
        raise ValueError(f"an array of version {version} of NumPy's format")
    return tuple(shape), dtype
