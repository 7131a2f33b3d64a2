"""Shapes with the methods that TensorFlow gave them."""

from __future__ import annotations

import math
from typing import Any

from kjax.keras.core.settings import settings


class TensorShape(tuple[Any, ...]):
    """``tf.TensorShape``: a tuple with its methods; nothing where the shape is unknown."""

    __slots__ = ()

    def __new__(cls, dims: Any = None) -> TensorShape:
        return super().__new__(cls, () if dims is None else dims)

    def as_list(self) -> list[Any]:
        """The sizes as a list."""
        return [*tuple.__iter__(self)]

    @property
    def ndims(self) -> int:
        """Number of axes."""
        return len(self)

    rank = ndims

    @property
    def dims(self) -> list[Any]:
        """The sizes as objects with a ``value``."""
        return [Dimension(size) for size in self]

    def num_elements(self) -> int | None:
        """Number of elements; None where a size is free."""
        return None if None in self else math.prod(self)

    def is_fully_defined(self) -> bool:
        """Whether no size is free."""
        return None not in self

    def with_rank(self, rank: int) -> TensorShape:
        """The shape, which must have so many axes."""
        if len(self) != rank:
            raise ValueError(f"the shape {self} has {len(self)} axes, not {rank}")
        return self

    def assert_is_compatible_with(self, other: Any) -> None:
        """Fail where the sizes are others."""
        if not self.is_compatible_with(other):
            raise ValueError(f"shapes {self} and {tuple(other)} do not fit")

    def is_compatible_with(self, other: Any) -> bool:
        """Whether the sizes agree, but for free ones."""
        pairs = zip(self, other, strict=False)
        return len(self) == len(other) and all(a is None or b is None or int(a) == int(b) for a, b in pairs)

    def concatenate(self, other: Any) -> TensorShape:
        """The sizes of this shape, then those of another."""
        return TensorShape((*self, *other))

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return TensorShape(found) if isinstance(key, slice) else found

    def __add__(self, other: Any) -> TensorShape:
        return TensorShape((*self, *other))

    def __eq__(self, other: object) -> bool:
        return tuple.__eq__(self, tuple(other) if isinstance(other, (list, tuple)) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = tuple.__hash__

    def assert_has_rank(self, rank: int) -> None:
        """Fail where there is another number of axes."""
        self.with_rank(rank)

    def assert_same_rank(self, other: Any) -> None:
        """Fail where another shape has another number of axes."""
        self.with_rank(len(other))

    def assert_is_fully_defined(self) -> None:
        """Fail where a size is free."""
        if not self.is_fully_defined():
            raise ValueError(f"the shape {self} is not fully defined")

    def with_rank_at_least(self, rank: int) -> TensorShape:
        """The shape, which must have so many axes or more."""
        if len(self) < rank:
            raise ValueError(f"the shape {self} has {len(self)} axes, not {rank} or more")
        return self

    def with_rank_at_most(self, rank: int) -> TensorShape:
        """The shape, which must have so many axes or fewer."""
        if len(self) > rank:
            raise ValueError(f"the shape {self} has {len(self)} axes, not {rank} or fewer")
        return self

    def merge_with(self, other: Any) -> TensorShape:
        """The sizes that this shape and another know together."""
        self.assert_is_compatible_with(other)
        return TensorShape([b if a is None else a for a, b in zip(self, other, strict=True)])

    def is_subtype_of(self, other: Any) -> bool:
        """Whether this shape is one of those that another allows."""
        return len(self) == len(other) and all(b is None or a == b for a, b in zip(self, other, strict=True))

    def most_specific_compatible_shape(self, other: Any) -> TensorShape:
        """The shape that allows both: sizes in which they differ are free."""
        return TensorShape([a if a == b else None for a, b in zip(self, other, strict=True)])

    def __str__(self) -> str:
        return f"({', '.join(map(str, self))}{',' if len(self) == 1 else ''})"

    def __repr__(self) -> str:
        return str(self) if settings.era in ("1", "2") else f"TensorShape([{', '.join(map(str, self))}])"


class TensorShape1(TensorShape):
    """The shape that ``get_shape`` gave in TensorFlow 1: its sizes are objects with a ``value``."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        found = tuple.__getitem__(self, key)
        return TensorShape1(found) if isinstance(key, slice) else Dimension(found)

    def __iter__(self) -> Any:
        return map(Dimension, tuple.__iter__(self))

    def __str__(self) -> str:
        sizes = ["?" if size is None else str(size) for size in tuple.__iter__(self)]
        return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"

    def __repr__(self) -> str:
        return f"TensorShape([{', '.join(f'Dimension({size})' for size in tuple.__iter__(self))}])"


class Dimension(int):
    """``tf.Dimension``: a size with a ``value``."""

    def __new__(cls, value: Any) -> Dimension:
        return super().__new__(cls, -1 if value is None else value)

    @property
    def value(self) -> int | None:
        """The size."""
        return None if self < 0 else int(self)
