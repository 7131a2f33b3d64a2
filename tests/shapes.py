"""A runtime check of the array shapes in kjax' annotations, and of nothing else: ``KJAX_CHECK_SHAPES=1``.

A full type check of every call would stop the wrong arguments that tests pass on purpose, before kjax can say
what is wrong with them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import get_args

from beartype import beartype
from jaxtyping import AbstractArray, install_import_hook


def mentions_shape(hint: object) -> bool:
    """Whether a jaxtyping array occurs in an annotation, as in ``Float[Array, "batch features"] | None``."""
    return (inspect.isclass(hint) and issubclass(hint, AbstractArray)) or any(map(mentions_shape, get_args(hint)))


def check(function: Callable) -> Callable:
    """``beartype`` for the annotations that name a shape; jaxtyping calls it with resolved annotations."""
    hints = {name: hint for name, hint in function.__annotations__.items() if mentions_shape(hint)}
    function.__annotations__ = hints
    return beartype(function) if hints else function


def install() -> None:
    """Checks the modules of ``kjax.nn`` that are imported from now on."""
    install_import_hook("kjax.nn", "tests.shapes.check")
