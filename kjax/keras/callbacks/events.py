"""Event files, the logs that TensorBoard reads: scalars, histograms, images and graphs."""

from __future__ import annotations

import importlib
import os
import socket
import struct
import time
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np


def need_tensorboard() -> None:
    """Check that the package ``tensorboard`` is there, whose formats are written.

    Raises:
        ImportError: it is not; the message says how to install it.
    """
    try:
        importlib.import_module("tensorboard.summary.writer.record_writer")
    except ImportError as error:
        raise ImportError(
            "the TensorBoard callback needs the package `tensorboard`: pip install 'kjax[tensorboard]'"
        ) from error


def proto(file: str, name: str) -> Any:
    """A class of TensorBoard's protocol buffers, which type checkers do not see."""
    return getattr(importlib.import_module(f"tensorboard.compat.proto.{file}_pb2"), name)


class EventFile:
    """An event file. It is open only while it is written to, so that no error leaves it open or half written.

    Args:
        folder: where the file is made; folders that are missing are made.
    """

    _made = 0

    def __init__(self, folder: str) -> None:
        os.makedirs(folder, exist_ok=True)
        EventFile._made += 1
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{EventFile._made}.v2"
        self.path = os.path.join(folder, name)
        self._write([{"file_version": "brain.Event:2"}])

    def add(self, summaries: Iterable[Any], step: int) -> None:
        """Write summaries.

        Args:
            summaries: from :func:`scalar`, :func:`histogram` or :func:`images`.
            step: their place on the horizontal axis.
        """
        self._write({"step": step, "summary": summary} for summary in summaries)

    def add_graph(self, nodes: Iterable[tuple[str, str, list[str], Any]]) -> None:
        """Write a graph.

        Args:
            nodes: name, kind, names of the nodes it takes from, and shape of the output (or None) of each node.
        """
        values = proto("attr_value", "AttrValue")
        graph = proto("graph", "GraphDef")()
        for name, kind, inputs, shape in nodes:
            node = proto("node_def", "NodeDef")(name=name, op=kind, input=inputs)
            if shape is not None:
                node.attr["_output_shapes"].CopyFrom(values(list=values.ListValue(shape=[_shape(shape)])))
            graph.node.append(node)
        self._write([{"graph_def": graph.SerializeToString()}])

    def _write(self, events: Iterable[dict[str, Any]]) -> None:
        from tensorboard.summary.writer.record_writer import RecordWriter

        event = proto("event", "Event")
        with open(self.path, "ab") as file:
            writer = RecordWriter(file)
            for content in events:
                writer.write(event(wall_time=time.time(), **content).SerializeToString())


def scalar(name: str, value: Any) -> Any:
    """A number under a name."""
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb

    return scalar_pb(name, float(np.mean(np.asarray(value, dtype=np.float64))))


def histogram(name: str, values: np.ndarray) -> Any:
    """The distribution of the numbers of an array; those that are not finite are left out."""
    from tensorboard.plugins.histogram.summary_v2 import histogram_pb

    flat = np.asarray(values, dtype=np.float64).ravel()
    return histogram_pb(name, flat[np.isfinite(flat)])


def images(name: str, pictures: np.ndarray, most: int = 3) -> Any:
    """Pictures under a name.

    Args:
        name: the name.
        pictures: numbers between 0 and 1 of shape ``(n, height, width, channels)``; 1, 3 or 4 channels.
        most: how many of them are written.
    """
    from tensorboard.plugins.image import metadata
    from tensorboard.util import tensor_util

    summary = proto("summary", "Summary")
    levels = np.clip(np.nan_to_num(pictures[:most]) * 255 + 0.5, 0, 255).astype(np.uint8)
    _, height, width, _ = levels.shape
    content = [str(width).encode(), str(height).encode(), *(png(level) for level in levels)]
    return summary(
        value=[
            summary.Value(
                tag=name,
                metadata=metadata.create_summary_metadata(display_name=None, description=None),
                tensor=tensor_util.make_tensor_proto(np.array(content, dtype=object), dtype="string"),
            )
        ]
    )


def png(levels: np.ndarray) -> bytes:
    """A picture as a PNG file (ISO/IEC 15948).

    Args:
        levels: bytes of shape ``(height, width, channels)``; 1 channel is grey, 3 are colours, 4 colours and opacity.
    """
    height, width, channels = levels.shape
    kind = {1: 0, 3: 2, 4: 6}[channels]

    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    # Each row begins with the number of its filter: none.
    rows = np.concatenate([np.zeros((height, 1), np.uint8), levels.reshape(height, width * channels)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows.tobytes())) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def picture_of(weight: np.ndarray, channels_last: bool = True) -> np.ndarray | None:
    """A weight as pictures for :func:`images`, scaled to between 0 and 1; None where it has too many axes.

    Args:
        weight: a weight; axes of size 1 do not count. A vector is one row, a matrix lies on its longer side, an array
            with three axes is a picture for each entry of the last one (with four, of the last two as channels).
        channels_last: whether that is the layout of convolutions.
    """
    array = np.squeeze(np.asarray(weight, dtype=np.float64))
    if array.ndim < 2:
        array = array.reshape(1, 1, -1, 1)
    elif array.ndim == 2:
        array = (array.T if array.shape[0] > array.shape[1] else array)[None, :, :, None]
    elif array.ndim == 3:
        array = (array.transpose(2, 0, 1) if channels_last else array)[..., None]
    elif array.ndim == 4:  # a kernel (height, width, in, out): a picture for each output
        array = array.transpose(3, 0, 1, 2)
    if array.ndim != 4 or array.shape[-1] not in (1, 3, 4) or not array.size:
        return None
    low, high = array.min(), array.max()
    return (array - low) / (high - low) if high > low else np.zeros_like(array)


def _shape(shape: Any) -> Any:
    made = proto("tensor_shape", "TensorShapeProto")
    return made(dim=[made.Dim(size=-1 if s is None else s) for s in shape])
