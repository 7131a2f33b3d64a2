"""Values that users subclass: compared by class and by everything that an instance holds.

A dataclass compares the fields of the class that declared it. Two instances of a user's subclass that differ
in an attribute of their own would be equal, and a step compiled for one would be used for the other.
"""

from __future__ import annotations

import re
from typing import Any

from kjax.nn.value import Value


class ContentValue(Value):
    """Base of values that are equal when their class and all their attributes are.

    Subclasses in kjax are written as ``@dataclass(frozen=True, eq=False)``. An instance that holds something
    unhashable (an array, a list) equals only itself.
    """

    def _content(self) -> tuple[tuple[str, Any], ...] | None:
        content = tuple(sorted(vars(self).items(), key=lambda item: item[0]))
        try:
            hash(content)
        except TypeError:
            return None
        return content

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(self) is not type(other) or not isinstance(other, ContentValue):
            return NotImplemented
        content = self._content()
        return content is not None and content == other._content()

    def __hash__(self) -> int:
        content = self._content()
        return object.__hash__(self) if content is None else hash((type(self), content))

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({arguments})"


def snake_case(name: str) -> str:
    """The lower-case form of a class name that Keras uses as a default name: ``MeanIoU`` is ``mean_io_u``."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
