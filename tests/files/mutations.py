"""Broken and malicious files: bytes that are changed blindly, and contents that are well formed but lie."""

from __future__ import annotations

import io
import json
import struct
import warnings
import zipfile
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

Rng = np.random.Generator


def mutate(data: bytes, rng: Rng) -> bytes:
    """Other bytes than those of a file; in half of the cases the file is of its format still."""
    if rng.random() < 0.5:
        for start, change in FORMATS.items():
            if data.startswith(start):
                return change(data, rng)
        if data[8:10] == b'{"':
            return safetensors(data, rng)
        if data[:1] == b"{":
            return json_text(data, rng)
    return broken(data, rng)


def broken(data: bytes, rng: Rng) -> bytes:
    """Flipped bits, other bytes, an end that is missing, a piece twice or of zeros."""
    raw = np.frombuffer(data, np.uint8).copy()
    if not len(raw):
        return rng.bytes(8)
    kind = rng.integers(5)
    if kind == 0:
        for place in rng.integers(len(raw), size=rng.integers(1, 9)):
            raw[place] ^= 1 << rng.integers(8)
    elif kind == 1:
        raw = raw[: rng.integers(len(raw))]
    else:
        # Most of what says how a file is to be read stands at its start.
        limit = len(raw) if rng.random() < 0.5 else min(len(raw), 2048)
        start = int(rng.integers(limit))
        stop = min(start + int(rng.integers(1, 65)), len(raw))
        if kind == 2:
            raw[start:stop] = rng.integers(256, size=stop - start)
        elif kind == 3:
            raw[start:stop] = rng.choice([0, 255])
        else:
            raw = np.concatenate([raw[:stop], raw[start:]])
    return raw.tobytes()


# -- JSON --------------------------------------------------------------------------------------------------------


class Raw(float):
    """A number that is written as another text."""

    def __new__(cls, text: str) -> Raw:
        made = super().__new__(cls, 1.5)
        made.text = text
        return made

    text: str

    def __repr__(self) -> str:
        return self.text


STRANGE: list[Any] = [
    None, True, -1, 0, 1.5, 10**12, 10**30, 1e300, "", "x", "../../x", "/etc/passwd", "http://127.0.0.1:9/x", [], [[]], {},
    {"class_name": "Dense", "config": {}}, {"class_name": "__tensor__", "config": {"value": [1], "dtype": "O"}},
    [None, 10**9, 10**9], [None, -3], ["a", 0, 0], "linear", "Lambda", "\ud800", "\0", "x" * 100_000, list(range(10_000)),
    Raw("NaN"), Raw("-Infinity"), Raw("9" * 5000), Raw("1e999999"), Raw("[" * 300 + "]" * 300), Raw('{"a":' * 5000 + "1" + "}" * 5000),
    Raw('{"class_name": "Dense", "class_name": "Lambda", "config": 1, "config": {}}'),
    {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"},
    {"module": "builtins", "class_name": "eval", "config": "1", "registered_name": None},
    {"class_name": "__lambda__", "config": {"code": "4wAAAA==", "defaults": None, "closure": None}},
    {"class_name": "__bytes__", "config": {"value": "x"}}, {"class_name": "__slice__", "config": {"start": 0, "stop": 10**12}},
    {"class_name": "__numpy__", "config": {"value": [[1], [1, 2]], "dtype": "float32"}},
]  # fmt: skip


def other(tree: Any, rng: Rng) -> Any:
    """The tree with a value somewhere that does not belong there, twice, under another name, or without something."""
    path: list[tuple[Any, Any]] = []
    node: Any = tree
    while isinstance(node, (dict, list)) and node and (not path or rng.random() < 0.85):
        key: Any = str(rng.choice(sorted(node))) if isinstance(node, dict) else int(rng.integers(len(node)))
        path.append((node, key))
        node = node[key]
    strange = STRANGE[rng.integers(len(STRANGE))]
    if not path:
        return strange
    parent, key = path[-1]
    kind = rng.random()
    if kind < 0.15:
        del parent[key]
    elif kind < 0.25 and isinstance(parent, dict):
        parent[f"{key}x"] = parent.pop(key)
    elif kind < 0.35:  # what stands elsewhere
        source = path[rng.integers(len(path))][0]
        parent[key] = json.loads(json.dumps(source))
    else:
        parent[key] = strange
    return tree


def json_text(data: bytes, rng: Rng) -> bytes:
    """Other JSON."""
    tree = json.loads(data)
    for _ in range(rng.integers(1, 4)):
        if not isinstance(tree, (dict, list)):
            break
        tree = other(tree, rng)
    return json.dumps(tree).encode()


# -- archives ----------------------------------------------------------------------------------------------------


def archive(data: bytes, rng: Rng) -> bytes:
    """One member changed, with a checksum that is right; or entries of the archive that lie."""
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        members = [(name, source.read(name)) for name in source.namelist()]
    number = int(rng.integers(len(members)))
    name, content = members[number]
    kind, packing = rng.random(), zipfile.ZIP_STORED
    if kind < 0.7:
        members[number] = name, inside(name, content, rng)
    elif kind < 0.75:
        members.append((name, content if rng.random() < 0.5 else b"{}"))
    elif kind < 0.8:
        strange = ["/tmp/x", "../x", "a/../../x", "assets/../../x", "assets//x", "C:\\x", "\0", "é" * 200, name.upper()]
        members[number] = str(rng.choice(strange)), content
    elif kind < 0.85:
        del members[number]
    elif kind < 0.9:
        packing = int(rng.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]))
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w", packing) as target:
        for key, value in members:
            info = zipfile.ZipInfo(key)
            info.compress_type = packing
            if 0.9 <= kind < 0.93 and key == name:
                info.external_attr = 0o120777 << 16  # a link
                value = b"/etc/passwd"
            if packing == zipfile.ZIP_DEFLATED and key == name and rng.random() < 0.3:
                value += bytes(1 << 22)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # names that are there twice
                target.writestr(info, value)
    return _lying(result.getvalue(), rng) if kind >= 0.93 else result.getvalue()


def _lying(data: bytes, rng: Rng) -> bytes:
    """Sizes, places, flags and ways of packing in the directory, or before a member, that are not true."""
    raw = bytearray(data)
    mark, fields = (b"PK\1\2", {"flag": 8, "packing": 10, "sum": 16, "packed": 20, "size": 24, "place": 42})
    if rng.random() < 0.3:
        mark, fields = (
            b"PK\3\4",
            {"flag": 6, "packing": 8, "sum": 14, "packed": 18, "size": 22, "name": 26, "extra": 28},
        )
    places = [i for i in range(len(raw)) if raw[i : i + 4] == mark]
    place = places[rng.integers(len(places))]
    name = str(rng.choice(sorted(fields)))
    if name in ("flag", "packing", "name", "extra"):
        struct.pack_into("<H", raw, place + fields[name], int(rng.choice([1, 8, 12, 14, 99, 0x41, 0xFFFF])))
    else:
        struct.pack_into("<I", raw, place + fields[name], int(rng.choice([0, 1, 1000, 2**31, 2**32 - 1])))
    return bytes(raw)


def inside(name: str, content: bytes, rng: Rng) -> bytes:
    """Another content of a member."""
    if rng.random() < 0.8:
        if name.endswith((".json", "METADATA", "_sharding")) and content[:1] in (b"{", b"["):
            return json_text(content, rng)
        if content[:6] == b"\x93NUMPY":
            return npy(content, rng)
        if content[:4] == b"\x89HDF":
            return hdf5(content, rng)
    return broken(content, rng) if content else b"x"


def npy(data: bytes, rng: Rng) -> bytes:
    """Another header of an array of NumPy."""
    (length,) = struct.unpack("<H", data[8:10])
    header = data[10 : 10 + length].decode("latin1").strip()
    changes: list[Callable[[str], str]] = [
        lambda h: h.replace("<f4", "|O"), lambda h: h.replace("<f4", "<f8"), lambda h: h.replace("<f4", "|V4"),
        lambda h: h.replace("'<f4'", "[('a', '<f4')]"), lambda h: h.replace("'<f4'", "__import__('os').system('true')"),
        lambda h: h.replace("False", "True"), lambda h: h.replace("False", "None"), lambda h: h.replace("(", "(1000000000000, "),
        lambda h: h.replace("(", "(-1, "), lambda h: h.replace("(", "(2, "), lambda h: h.replace("(", "(1.5, "),
        lambda h: h.replace("'descr'", "'other'"), lambda h: "(" * 4000, lambda h: "[" * 150 + "]" * 150, lambda h: "{" + "'a':1," * 300 + "}",
        lambda h: h.replace("'fortran_order'", "'shape'"), lambda h: h.replace("<f4", "<M8[ns]"), lambda h: h.replace("<f4", "<U1"),
    ]  # fmt: skip
    text = changes[rng.integers(len(changes))](header).encode("latin1") + b"\n"
    version = rng.choice([1, 1, 1, 2, 3, 7])
    size = struct.pack("<H" if version == 1 else "<I", int(rng.choice([len(text)] * 8 + [0, 60000])))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text + data[10 + length :]


def safetensors(data: bytes, rng: Rng) -> bytes:
    """Another header of a file of safetensors."""
    (length,) = struct.unpack("<Q", data[:8])
    tree = json.loads(data[8 : 8 + length])
    entries = [entry for key, entry in tree.items() if key != "__metadata__"]
    entry = entries[rng.integers(len(entries))]
    if rng.random() < 0.6:
        numbers = [-1, 0, 1, 10**6, 2**63, 2**70, 1.5, "1", None, True]
        what = str(rng.choice(["shape", "data_offsets", "dtype"]))
        if what == "dtype":
            entry[what] = str(rng.choice(["F64", "I8", "BOOL", "F8_E4M3", "O", "", "U64"]))
        elif entry[what]:
            entry[what][rng.integers(len(entry[what]))] = numbers[rng.integers(len(numbers))]
    else:
        tree = other(tree, rng)
    header = json.dumps(tree).encode()
    said = int(rng.choice(np.array([len(header)] * 8 + [0, 7, 2**40, 2**63 - 1], np.uint64)))
    return struct.pack("<Q", said) + header + data[8 + length :]


# -- HDF5 --------------------------------------------------------------------------------------------------------


def hdf5(data: bytes, rng: Rng) -> bytes:
    """Objects and attributes of another kind, links that lead elsewhere, sizes that are not stored."""
    memory = io.BytesIO(data)
    with h5py.File(memory, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        for _ in range(rng.integers(1, 3)):
            name = names[rng.integers(len(names))]
            try:
                file[name]
            except (KeyError, RuntimeError):  # gone, or a link that leads nowhere
                continue
            thing = file[name] if rng.random() < 0.8 else file
            if rng.random() < 0.4 and thing.attrs:
                _attribute(thing, str(rng.choice(sorted(thing.attrs))), rng)
            else:
                _object(file, name, rng)
    return memory.getvalue()


def _attribute(thing: Any, key: str, rng: Rng) -> None:
    kinds: list[Any] = [
        1, -1.5, "", "x" * 60_000, b"\xff\xfe", np.zeros(0), np.zeros((3, 3)), h5py.Empty("f4"), h5py.Empty(h5py.string_dtype()),
        np.array([b"a", b""]), np.array(["../x", "/"], object), np.array([1, 2]), True, "{}", "[]", "3.9.9", "1.0", "99",
    ]  # fmt: skip
    value = thing.attrs[key]
    if isinstance(value, str) and value[:1] in ("{", "[") and rng.random() < 0.7:
        text = json_text(value.encode(), rng)
        thing.attrs[key] = text.decode() if len(text) < 60_000 else "[]"
    elif rng.random() < 0.2:
        del thing.attrs[key]
    elif rng.random() < 0.2:
        thing.attrs[key] = thing.ref
    else:
        thing.attrs[key] = kinds[rng.integers(len(kinds))]


def _object(file: Any, name: str, rng: Rng) -> None:
    old = file[name]
    shape = old.shape if isinstance(old, h5py.Dataset) and old.size and old.size < 1 << 16 else (2,)
    parent = old.parent.name
    del file[name]
    compound = np.zeros(shape, [("a", "f4"), ("b", "i2")])
    makers: list[Callable[[], Any]] = [
        lambda: None,
        lambda: file.create_group(name),
        lambda: file.create_dataset(name, shape, h5py.string_dtype()),
        lambda: file.create_dataset(name, shape, h5py.vlen_dtype("f4")),
        lambda: file.create_dataset(name, shape, h5py.ref_dtype),
        lambda: file.create_dataset(name, data=compound),
        lambda: file.create_dataset(name, data=np.zeros(shape, "complex64")),
        lambda: file.create_dataset(name, data=np.zeros(shape, "S3")),
        lambda: file.create_dataset(name, data=np.zeros(shape, bool)),
        lambda: file.create_dataset(name, data=np.full(shape, 1e300)),
        lambda: file.create_dataset(name, data=np.zeros((*shape, 1), "f4")),
        lambda: file.create_dataset(name, data=h5py.Empty("f4")),
        lambda: file.create_dataset(name, data=np.float32(1)),
        lambda: file.create_dataset(name, (1 << 20, 1 << 20), "f4", chunks=(1 << 10, 1 << 10), compression="gzip"),
        lambda: file.create_dataset(name, (1 << 40,), "f4", chunks=(1 << 10,)),
        lambda: file.create_dataset(name, data=np.ones(shape, "f4"), compression="gzip") if shape else None,
        lambda: file.create_dataset(name, data=np.ones(shape, "f4"), compression="lzf") if shape else None,
        lambda: file.create_dataset(name, data=np.ones(shape, ">f4")),
        lambda: file.create_dataset(name, data=np.ones(shape, "longdouble")),
        lambda: (
            file.create_dataset(name, shape, "f4", external=[("/etc/passwd", 0, 4 * int(np.prod(shape)))])
            if shape
            else None
        ),
        lambda: file.__setitem__(name, h5py.SoftLink("/")),
        lambda: file.__setitem__(name, h5py.SoftLink(f"/{name}")),
        lambda: file.__setitem__(name, h5py.ExternalLink("/etc/passwd", "/")),
        lambda: file.__setitem__(name, file[parent]),  # a circle
        lambda: file.__setitem__(name, np.dtype("f4")),
    ]
    makers[rng.integers(len(makers))]()


FORMATS: dict[bytes, Callable[[bytes, Rng], bytes]] = {b"PK\3\4": archive, b"\x89HDF": hdf5, b"\x93NUM": npy}
"""What changes the content of a file, by the bytes that it begins with."""
