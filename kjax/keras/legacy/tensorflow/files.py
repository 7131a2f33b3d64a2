"""`tf.io.gfile` for local files."""

from __future__ import annotations

import glob as _glob
import os
import shutil
from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple

import numpy as np

from kjax.keras.legacy.tensorflow.door import tensor_of_list
from kjax.keras.legacy.tensorflow.dtype import DType
from kjax.keras.legacy.tensorflow.tensor import Tensor, as_bytes, is_text, unwrap

join = os.path.join


def exists(path: Any) -> bool:
    """Whether there is a file or folder."""
    return os.path.exists(path)


def isdir(path: Any) -> bool:
    """Whether it is a folder."""
    return os.path.isdir(path)


def listdir(path: Any) -> list[str]:
    """Names in a folder."""
    return os.listdir(path)


def makedirs(path: Any) -> None:
    """Make a folder and those above it; it may exist."""
    os.makedirs(path, exist_ok=True)


def mkdir(path: Any) -> None:
    """Make a folder."""
    os.mkdir(path)


def remove(path: Any) -> None:
    """Delete a file."""
    os.remove(path)


def rmtree(path: Any) -> None:
    """Delete a folder with all that is in it."""
    shutil.rmtree(path)


def rename(src: Any, dst: Any, overwrite: bool = False) -> None:
    """Rename a file or folder."""
    if os.path.exists(dst) and not overwrite:
        raise FileExistsError(f"{os.fspath(dst)} exists; pass overwrite=True to replace it")
    os.replace(src, dst)


def copy(src: Any, dst: Any, overwrite: bool = False) -> None:
    """Copy a file."""
    if os.path.exists(dst) and not overwrite:
        raise FileExistsError(f"{os.fspath(dst)} exists; pass overwrite=True to replace it")
    shutil.copyfile(src, dst)


def glob(pattern: Any) -> list[str]:
    """Paths that match a pattern, or any of several."""
    patterns = [pattern] if isinstance(pattern, (str, os.PathLike)) else pattern
    return sorted(path for one in patterns for path in _glob.glob(os.fspath(one)))


class FileStatistics(NamedTuple):
    """What ``tf.io.gfile.stat`` gives.

    Attributes:
        length: bytes.
        mtime_nsec: time of the last change, in nanoseconds.
        is_directory: whether it is a folder.
    """

    length: int
    mtime_nsec: int
    is_directory: bool


def stat(path: Any) -> FileStatistics:
    """Size and time of a file.

    Raises:
        FileNotFoundError: there is none.
    """
    found = os.stat(path)
    return FileStatistics(found.st_size, found.st_mtime_ns, os.path.isdir(path))


def walk(top: Any) -> Iterator[tuple[str, list[str], list[str]]]:
    """As ``os.walk``."""
    return os.walk(top)


def GFile(name: Any, mode: str = "r") -> IO[Any]:
    """Open a local file."""
    return open(name, mode)


def read_file(filename: Any, name: str | None = None) -> Tensor:
    """The bytes of a file."""
    with open(_path(filename), "rb") as file:
        return Tensor(_scalar(file.read()))


def write_file(filename: Any, contents: Any, name: str | None = None) -> None:
    """Write bytes to a file."""
    data = np.asarray(unwrap(contents)).item() if not isinstance(contents, (bytes, str)) else contents
    with open(_path(filename), "wb") as file:
        file.write(data.encode() if isinstance(data, str) else data)


def _path(name: Any) -> str:
    item = np.asarray(unwrap(name)).item() if not isinstance(name, (str, os.PathLike)) else name
    return item.decode() if isinstance(item, bytes) else os.fspath(item)


def _scalar(data: bytes) -> np.ndarray:
    found = np.empty((), object)
    found[()] = data
    return found


# -- pictures and sounds -----------------------------------------------------------------------------------------


def decode_image(
    contents: Any, channels: int | None = None, dtype: Any = "uint8", expand_animations: bool = True, **options: Any
) -> Tensor:
    """``tf.io.decode_image``, ``decode_jpeg``, ``decode_png``: the pixels of a picture file's bytes."""
    import io

    from PIL import Image

    picture = Image.open(io.BytesIO(np.asarray(unwrap(contents)).item()))
    modes = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
    if channels:
        picture = picture.convert(modes[int(channels)])
    elif picture.mode not in modes.values():
        picture = picture.convert("RGB")
    pixels = np.asarray(picture)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if "float" in str(dtype):
        pixels = pixels.astype(np.float32) / 255
    elif str(getattr(dtype, "name", dtype)) == "uint16" and pixels.dtype == np.uint8:
        pixels = pixels.astype(np.uint16) * 257
    return Tensor(pixels)


def _encode(image: Any, kind: str, **options: Any) -> Tensor:
    import io

    from PIL import Image

    pixels = np.asarray(unwrap(image))
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(buffer, kind, **options)
    return Tensor(_scalar(buffer.getvalue()))


def encode_jpeg(image: Any, format: str = "", quality: int = 95, **options: Any) -> Tensor:
    """``tf.io.encode_jpeg``."""
    return _encode(image, "JPEG", quality=quality)


def encode_png(image: Any, compression: int = -1, name: str | None = None) -> Tensor:
    """``tf.io.encode_png``."""
    return _encode(image, "PNG")


def decode_raw(input_bytes: Any, out_type: Any, little_endian: bool = True, name: str | None = None) -> Tensor:
    """``tf.io.decode_raw``: numbers from bytes."""
    dtype = np.dtype(str(out_type)).newbyteorder("<" if little_endian else ">")
    texts = as_bytes(unwrap(input_bytes))
    rows = [np.frombuffer(text, dtype).astype(str(out_type)) for text in texts.reshape(-1).tolist()]
    return Tensor(np.stack(rows).reshape(*texts.shape, -1))


def decode_csv(records: Any, record_defaults: Any, field_delim: str = ",", **options: Any) -> list[Tensor]:
    """``tf.io.decode_csv``: the columns of lines."""
    import csv

    lines = np.asarray(unwrap(records))
    texts = [line.decode() if isinstance(line, bytes) else line for line in lines.reshape(-1).tolist()]
    rows = list(csv.reader(texts, delimiter=field_delim))
    return [
        Tensor(csv_column([row[i] for row in rows], default).reshape(lines.shape))
        for i, default in enumerate(record_defaults)
    ]


def csv_column(fields: Any, default: Any) -> np.ndarray:
    """The fields of a column, by the type or the value that stands for an empty one.

    Raises:
        ValueError: an empty field, and there is only a type.
    """
    if isinstance(default, DType) or (isinstance(default, type) and issubclass(default, (int, float, str))):
        dtype, fill = (default.as_numpy_dtype if isinstance(default, DType) and default != "string" else default), None
        dtype = np.dtype(object) if dtype in (str, "string") else np.dtype(dtype)
    else:
        value = np.asarray(unwrap(default)).reshape(-1)
        dtype = np.dtype(np.float32) if value.dtype == np.float64 or not value.size else value.dtype
        dtype = np.dtype(object) if is_text(value) else np.dtype(np.int32) if dtype == np.int64 else dtype
        fill = value[0] if value.size else None
    if fill is None and dtype.kind != "O" and any(not field for field in fields):
        raise ValueError("a field of the CSV file is empty, and there is no default for its column")
    filled: list[Any] = [field if field else fill for field in fields]
    if dtype.kind == "O":
        return as_bytes(np.array([f or "" for f in filled], object))
    return np.array([float(f) for f in filled]).astype(dtype)


def serialize_tensor(tensor: Any, name: str | None = None) -> Tensor:
    """``tf.io.serialize_tensor``: a tensor as bytes, in NumPy's format."""
    import io

    buffer = io.BytesIO()
    array = np.asarray(unwrap(tensor)) if hasattr(tensor, "dtype") else tensor_of_list(np.asarray(tensor))
    np.save(buffer, array, allow_pickle=False)
    return Tensor(_scalar(buffer.getvalue()))


def parse_tensor(serialized: Any, out_type: Any, name: str | None = None) -> Tensor:
    """``tf.io.parse_tensor``: the tensor that :func:`serialize_tensor` wrote."""
    import io

    return Tensor(np.load(io.BytesIO(np.asarray(unwrap(serialized)).item()), allow_pickle=False))


def encode_base64(input: Any, pad: bool = False, name: str | None = None) -> Tensor:
    """``tf.io.encode_base64``: bytes as text that is safe in addresses."""
    import base64

    return _changed(
        input, lambda item: base64.urlsafe_b64encode(item) if pad else base64.urlsafe_b64encode(item).rstrip(b"=")
    )


def decode_base64(input: Any, name: str | None = None) -> Tensor:
    """``tf.io.decode_base64``: the bytes again."""
    import base64

    return _changed(input, lambda item: base64.urlsafe_b64decode(item + b"=" * (-len(item) % 4)))


def _changed(input: Any, change: Callable[[bytes], bytes]) -> Tensor:
    array = as_bytes(unwrap(input))
    found = np.empty(array.shape, object)
    found.reshape(-1)[:] = [change(item) for item in array.reshape(-1).tolist()]
    return Tensor(found)
