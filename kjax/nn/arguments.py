"""Converters of layer arguments: each turns what a user gave into the canonical value or says what was wrong."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any

from kjax.nn.value import UnknownModeError, did_you_mean


def integer(value: Any) -> int:
    """Any integer (numpy integers and integral floats of old scripts included)."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    try:
        return operator.index(value)  # pyright: ignore[reportArgumentType]
    except TypeError:
        raise TypeError(f"expected an integer, received {value!r}") from None


def positive(value: Any) -> int:
    """An integer of at least 1."""
    number = integer(value)
    if number < 1:
        raise ValueError(f"expected a positive integer, received {value!r}")
    return number


def optional(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same converter, with ``None`` allowed."""
    return lambda value: None if value is None else convert(value)


def number(value: Any) -> float:
    """Any number."""
    if isinstance(value, str) or not hasattr(value, "__float__"):
        raise TypeError(f"expected a number, received {value!r}")
    return float(value)


def at_least_zero(value: Any) -> float:
    """A finite number of at least 0, such as a standard deviation."""
    found = number(value)
    if not 0 <= found < float("inf"):
        raise ValueError(f"expected a finite number of at least 0, received {value!r}")
    return found


def fraction(value: Any) -> float:
    """A number from 0 to 1, such as a dropout rate."""
    found = number(value)
    if not 0 <= found <= 1:
        raise ValueError(f"expected a number from 0 to 1, received {value!r}")
    return found


def limited(value: Any) -> float:
    """A number that is moved into the interval from 0 to 1, as Keras does with the rates of recurrent cells."""
    return min(1.0, max(0.0, number(value)))


def sizes(rank: int, *, minimum: int = 1) -> Callable[[Any], tuple[int, ...]]:
    """``rank`` integers; one integer stands for all of them (``3`` is ``(3, 3)``)."""

    def convert(value: Any) -> tuple[int, ...]:
        items = tuple(value) if isinstance(value, Iterable) else (value,) * rank
        if len(items) != rank:
            raise TypeError(f"expected one integer or {rank} of them, received {value!r}")
        numbers = tuple(integer(item) for item in items)
        if any(n < minimum for n in numbers):
            raise ValueError(f"expected integers of at least {minimum}, received {value!r}")
        return numbers

    return convert


def pairs(rank: int) -> Callable[[Any], tuple[tuple[int, int], ...]]:
    """``rank`` pairs (before, after); one integer, or one integer a dimension, stands for equal sides."""

    def convert(value: Any) -> tuple[tuple[int, int], ...]:
        if not isinstance(value, Iterable):
            items: tuple[Any, ...] = (value,) * rank
        else:
            items = tuple(value)
            if rank == 1 and len(items) == 2 and not any(isinstance(i, Iterable) for i in items):
                items = (items,)
        if len(items) != rank:
            raise ValueError(f"expected an integer, {rank} integers or {rank} pairs, received {value!r}")
        result = []
        for item in items:
            both = tuple(item) if isinstance(item, Iterable) else (item, item)
            if len(both) != 2 or any(integer(b) < 0 for b in both):
                raise ValueError(f"expected non-negative integers (before, after), received {item!r}")
            result.append((integer(both[0]), integer(both[1])))
        return tuple(result)

    return convert


def mode(*allowed: str) -> Callable[[Any], Any]:
    """One of the allowed ways to do something; Keras has not implemented the others."""
    chosen = choice(*allowed)

    def convert(value: Any) -> Any:
        try:
            return chosen(value)
        except ValueError as error:
            raise UnknownModeError(str(error)) from None

    return convert


def choice(*allowed: Any) -> Callable[[Any], Any]:
    """One of the allowed values; strings in any case."""

    def convert(value: Any) -> Any:
        candidate = value.lower() if isinstance(value, str) else value
        if candidate not in allowed:
            names = [a for a in allowed if isinstance(a, str)]
            hint = did_you_mean(value, names) if isinstance(value, str) else "known: " + ", ".join(map(repr, allowed))
            raise ValueError(f"cannot be {value!r}; {hint}")
        return candidate

    return convert


def axes(value: Any) -> int | tuple[int, ...]:
    """One axis or several."""
    if isinstance(value, Iterable):
        return tuple(integer(item) for item in value)
    return integer(value)


def hashable(value: Any) -> Any:
    """Lists as tuples, so that a layer that holds them can be compared and hashed."""
    if isinstance(value, (list, tuple)):
        return tuple(hashable(item) for item in value)
    return value


def data_format(value: Any) -> str:
    """``'channels_last'``, also for None, or ``'channels_first'``."""
    return choice("channels_last", "channels_first")("channels_last" if value is None else value)


padding = choice("valid", "same")
