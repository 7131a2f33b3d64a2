"""Small files of the data sets' official forms, and a local file server, for the tests of the loaders."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import json
import struct
import tarfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def tree(folder: Path) -> dict[str, bytes]:
    """All files under a folder with their content, to see that nothing was left or changed."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def digits(train: int = 60, test: int = 20, seed: int = 0) -> dict[str, np.ndarray]:
    """Arrays of the form of MNIST."""
    random = np.random.default_rng(seed)
    return {
        f"{kind}_{part}": random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        if kind == "x"
        else random.integers(0, 10, count, dtype=np.uint8)
        for part, count in (("train", train), ("test", test))
        for kind in ("x", "y")
    }


def lists(count: int, seed: int) -> np.ndarray:
    """Texts as the text data sets hold them: an object array of lists of word ranks from 1."""
    random = np.random.default_rng(seed)
    rows = np.empty(count, dtype=object)
    for index in range(count):
        rows[index] = random.geometric(0.02, random.integers(1, 40)).tolist()
    return rows


def write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, allow_pickle=True, **arrays)
    return path


def write_json(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def write_idx(path: Path, array: np.ndarray) -> Path:
    """The gzip-compressed format of MNIST's and Fashion-MNIST's first publication."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes(), compresslevel=1))
    return path


def _text(text: str | bytes) -> bytes:
    """An 8-bit string of Python 2 as an opcode."""
    raw = text.encode() if isinstance(text, str) else text
    return b"T" + struct.pack("<i", len(raw)) + raw


def _integer(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def python2_batch(pictures: np.ndarray, labels: Mapping[str, list[int]]) -> bytes:
    """A CIFAR batch as Python 2 pickled the official ones, opcode by opcode (Python 3 cannot write these)."""
    shape = b"(" + b"".join(map(_integer, pictures.shape)) + b"t"
    dtype = b"cnumpy\ndtype\n(" + _text("u1") + b"K\x00K\x01tR"
    dtype += b"(K\x03" + _text("|") + b"NNN" + _integer(-1) + _integer(-1) + b"K\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t" + _text("b") + b"tR"
    array += b"(K\x01" + shape + dtype + b"\x89" + _text(pictures.tobytes()) + b"tb"
    body = b"\x80\x02}(" + _text("data") + array + _text("batch_label") + _text("testing")
    for name, values in labels.items():
        body += _text(name) + b"](" + b"".join(map(_integer, values)) + b"e"
    return body + b"u."


def cifar10_batches(per_batch: int = 20, seed: int = 0) -> dict[str, bytes]:
    """The files of the folder `cifar-10-batches-py`."""
    random = np.random.default_rng(seed)
    files = {}
    for name in [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]:
        # Repeated bytes, so that archives of the full size are made and read quickly.
        pictures = np.repeat(random.integers(0, 256, (per_batch, 96), dtype=np.uint8), 32, axis=1)
        files[name] = python2_batch(pictures, {"labels": random.integers(0, 10, per_batch).tolist()})
    return files


def cifar100_batches(train: int = 60, test: int = 20, seed: int = 0) -> dict[str, bytes]:
    """The files of the folder `cifar-100-python`."""
    random = np.random.default_rng(seed)
    files = {}
    for name, count in (("train", train), ("test", test)):
        labels = {
            "fine_labels": random.integers(0, 100, count).tolist(),
            "coarse_labels": random.integers(0, 20, count).tolist(),
        }
        files[name] = python2_batch(random.integers(0, 256, (count, 3072), dtype=np.uint8), labels)
    return files


def write_folder(folder: Path, files: Mapping[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def tar_bytes(files: Mapping[str, bytes], mode: str = "w:gz") -> bytes:
    """An archive of these members."""
    buffer = io.BytesIO()
    options: dict[str, Any] = {"compresslevel": 1} if mode == "w:gz" else {}
    with tarfile.open(fileobj=buffer, mode=mode, **options) as tar:  # pyright: ignore[reportCallIssue, reportArgumentType]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def write_archive(path: Path, folder: str, files: Mapping[str, bytes]) -> Path:
    """An archive with one folder in it, as the CIFAR archives are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tar_bytes({f"{folder}/{name}": content for name, content in files.items()}))
    return path


class FileServer(http.server.ThreadingHTTPServer):
    """Serves `files` on 127.0.0.1 and can misbehave in the ways that networks do.

    Attributes:
        files: content by path, "/mnist.npz".
        requests: the `Range` header (None without one) of each request, in order.
        cut_after: close the connection after this many bytes of a body.
        cuts: how many responses to cut off like this.
        ranges: whether to honour `Range`.
        statuses: status codes for the next requests, instead of an answer.
        delay: seconds to wait before a body.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.requests: list[str | None] = []
        self.cut_after = 0
        self.cuts = 0
        self.ranges = True
        self.statuses: list[int] = []
        self.delay = 0.0

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away in the middle of an answer is part of the tests."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, FileServer)
        wanted = self.headers.get("Range")
        server.requests.append(wanted)
        content = server.files.get(self.path)
        if server.statuses or content is None:
            self.send_error(server.statuses.pop(0) if server.statuses else 404)
            return
        start = 0
        if wanted and server.ranges:
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        body = content[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        time.sleep(server.delay)
        if server.cuts > 0:
            server.cuts -= 1
            body = body[: server.cut_after]
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keeps the output of the tests clean."""


@contextmanager
def running_server() -> Iterator[FileServer]:
    with FileServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
