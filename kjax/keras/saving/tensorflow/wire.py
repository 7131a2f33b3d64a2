"""The wire format of protocol buffers, for the few messages that are read here, by tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Message = Mapping[int, tuple[str, Any]]
"""A message: by a field's number its name and kind. Kinds: ``int``, ``bytes``, ``str``, the table of a message inside, or
one of them in a list for a field that may occur again."""

DEFAULTS: dict[Any, Any] = {int: 0, bytes: b"", str: ""}
DEEPEST = 32
"""How far messages may lie within each other."""


def varint(data: bytes | memoryview, place: int) -> tuple[int, int]:
    """An integer of seven bits a byte, and where it ends.

    Args:
        data: the bytes.
        place: where it begins.

    Raises:
        ValueError: it does not end within the bytes or within 64 bits.
    """
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            break
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, place
    raise ValueError("an integer does not end where it should")


def parse(data: bytes | memoryview, message: Message, depth: int = 0) -> dict[str, Any]:
    """The fields of a message by name; those that are not there have the value that protocol buffers give them.

    Args:
        data: the bytes of the message.
        message: its table; fields that it does not have are passed over.
        depth: how many messages this one lies in.

    Raises:
        ValueError: the bytes are no such message.
    """
    if depth > DEEPEST:
        raise ValueError("messages lie too deep within each other")
    view = memoryview(data)
    found: dict[str, Any] = {
        name: [] if isinstance(kind, list) else DEFAULTS.get(kind) if isinstance(kind, type) else None
        for name, kind in message.values()
    }
    place = 0
    while place < len(view):
        tag, place = varint(view, place)
        value, place = _value(view, place, tag & 7)
        if tag >> 3 not in message:
            continue
        name, kind = message[tag >> 3]
        repeated = isinstance(kind, list)
        kind = kind[0] if repeated else kind
        if (kind is int) != isinstance(value, int):
            raise ValueError(f"the field {name!r} is of another type")
        value = value if kind is int else _inside(value, kind, depth)
        if repeated:
            found[name].append(value)
        else:
            found[name] = value
    return found


def _inside(value: memoryview, kind: Any, depth: int) -> Any:
    if kind is bytes:
        return bytes(value)
    return str(value, "utf-8") if kind is str else parse(value, kind, depth + 1)


def _value(view: memoryview, place: int, wire: int) -> tuple[Any, int]:
    """What one field holds, and where it ends."""
    if wire == 0:
        return varint(view, place)
    if wire in (1, 5):
        stop = place + (8 if wire == 1 else 4)
        if stop > len(view):
            raise ValueError("a message ends within a number")
        return int.from_bytes(view[place:stop], "little"), stop
    if wire != 2:
        raise ValueError(f"a message has a field of the unknown kind {wire}")
    size, place = varint(view, place)
    if size > len(view) - place:
        raise ValueError("a message ends within a field")
    return view[place : place + size], place + size
