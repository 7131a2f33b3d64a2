"""Sizes for free axes that meet other sizes: (None, 3) times (None, 2) is drawn with the 3 that it needs."""

from __future__ import annotations

import contextlib
import contextvars
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

import jax
import numpy as np

T = TypeVar("T")

BATCH, FREE = "batch", "free"
"""What a free axis is traced with: the size of free batch axes, or that of the other free axes."""

Place = tuple[int, int]
"""A free axis: ``id`` of its tensor, number of the axis."""

_fitted: contextvars.ContextVar[Mapping[Place, Any]] = contextvars.ContextVar(
    "fitted_sizes", default=MappingProxyType({})
)


def choice_for(tensor: Any, axis: int) -> Any:
    """What a free axis is traced with here: :data:`BATCH`, :data:`FREE` or a number."""
    return _fitted.get().get((id(tensor), axis), FREE if axis else BATCH)


@contextlib.contextmanager
def _sizes(chosen: Mapping[Place, Any]) -> Iterator[None]:
    token = _fitted.set(chosen)
    try:
        yield
    finally:
        _fitted.reset(token)


def fitted(
    tree: Any, is_symbolic: Callable[[Any], bool], attempt: Callable[[], T], most: int, further: Sequence[int] = ()
) -> T:
    """The result of ``attempt``, in which free axes have sizes that fit together.

    At first every free axis has a size that nothing else has. Where that fails, the fewest axes that make it succeed
    take sizes that others have.

    Args:
        tree: the arguments.
        is_symbolic: tells symbolic tensors among them.
        attempt: traces the arguments.
        most: how often to try again.
        further: sizes to try although nothing has them.

    Raises:
        Exception: what the first attempt raised, if no sizes fit.
    """
    try:
        return attempt()
    except Exception as first:
        for chosen in itertools.islice(_choices(tree, is_symbolic, [*further, *_sizes_in(first)]), most):
            try:
                with _sizes(chosen):
                    result = attempt()
            except Exception:
                continue
            return _loosened(chosen, attempt, result)
        raise first


_WINDOWS = ("kernel_size", "strides", "dilation_rate", "pool_size", "size", "padding", "cropping")
"""Fields of modules that say how wide windows and steps are."""


def widest(module: Any, arguments: Any) -> tuple[int, int]:
    """The largest numbers that say how wide windows and steps are, and where slices end.

    Args:
        module: what is traced.
        arguments: a tree of what it is called with; sizes of arrays count for functions, which have no fields.
    """
    fields = [getattr(module, name, None) for name in _WINDOWS]
    windows = [abs(leaf) for leaf in jax.tree.leaves(fields) if isinstance(leaf, int)]
    slices = []
    for leaf in jax.tree.leaves(arguments):
        if isinstance(leaf, slice):
            slices += [abs(int(n)) for n in (leaf.start, leaf.stop, leaf.step) if isinstance(n, (int, np.integer))]
        elif isinstance(leaf, (int, np.integer)) and not isinstance(leaf, bool):
            windows.append(abs(int(leaf)))
        elif isinstance(leaf, (np.ndarray, jax.Array)):
            windows += leaf.shape
    return max(windows, default=0), max(slices, default=0)


_BROADCAST = re.compile(r"incompatible shapes for broadcasting: (\([\d, ]*\)), (\([\d, ]*\))")


def _sizes_in(error: Exception) -> list[int]:
    """The sizes that met others, where arrays of a fixed batch size were made inside of the function."""
    found = _BROADCAST.search(str(error))
    return [] if found is None else [int(n) for n in dict.fromkeys(re.findall(r"\d+", found[0])) if int(n) > 1]


def _loosened(chosen: Mapping[Place, Any], attempt: Callable[[], T], result: T) -> T:
    """The result with as few of the chosen sizes as it needs, so that no axis is said to have a size that it may not have."""
    if len(chosen) < 2:
        return result
    for place in chosen:
        fewer = {key: size for key, size in chosen.items() if key != place}
        try:
            with _sizes(fewer):
                result = attempt()
        except Exception:
            continue
        chosen = fewer
    return result


def _choices(tree: Any, is_symbolic: Callable[[Any], bool], further: Sequence[int]) -> Iterator[dict[Place, Any]]:
    """Sizes to try: one axis at a time, then axes that stand over one another, then all alike, then pairs."""
    leaves = jax.tree.leaves(tree, is_leaf=is_symbolic)
    tensors = [leaf for leaf in leaves if is_symbolic(leaf) and leaf.known is None]
    free = {
        (id(t), axis): (FREE if axis else BATCH) for t in tensors for axis, size in enumerate(t.shape) if size is None
    }
    if not free:
        return
    shapes = [tuple(leaf.shape) for leaf in leaves if hasattr(leaf, "shape")]
    numbers = [leaf for leaf in leaves if isinstance(leaf, (int, np.integer)) and not isinstance(leaf, bool)]
    known = [s for shape in shapes for s in shape if s is not None and s > 1] + [
        int(n) for n in numbers if 1 < n < 65536
    ]
    sizes: list[Any] = [*dict.fromkeys([*[*dict.fromkeys(known)][:6], *further])]
    single = [(place, other) for place, own in free.items() for other in (*sizes, *({BATCH, FREE} - {own}))]
    yield from ({place: size} for place, size in single)
    for end in (True, False):
        found = dict(_over_one_another(tensors, shapes, end))
        if len(found) > 1:
            yield found
    if len(free) > 1:
        yield dict.fromkeys(free, BATCH)
    yield from ({a: x, b: y} for (a, x), (b, y) in itertools.combinations(single, 2) if a != b)


def _over_one_another(
    tensors: Iterable[Any], shapes: list[tuple[Any, ...]], from_end: bool
) -> Iterator[tuple[Place, Any]]:
    """For each free axis the size of an axis at the same place of another tensor."""
    for tensor in tensors:
        rank = len(tensor.shape)
        for axis, size in enumerate(tensor.shape):
            place = axis - rank if from_end else axis
            others = (s[place] for s in shapes if -len(s) <= place < len(s) and s[place] not in (None, 1))
            met = next(others, None)
            if size is None and met is not None:
                yield (id(tensor), axis), met
