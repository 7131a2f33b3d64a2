"""What a graph does besides computing values: new values for variables, steps of optimizers, and groups of them."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator, Sequence
from typing import Any

import jax

from kjax.keras.core import doors
from kjax.keras.core.tensor import KerasTensor, symbolic_leaves
from kjax.keras.core.variable import Variable

_first: contextvars.ContextVar[tuple[Effect, ...]] = contextvars.ContextVar("effects_first", default=())


class Effect:
    """Something that a session, or ``K.function``, does after it has computed tensors.

    Args:
        tensors: symbolic tensors whose values it needs.

    Attributes:
        after: effects that come before this one whenever it is asked for.
        name: a name.
    """

    name = "operation"

    def __init__(self, tensors: Sequence[KerasTensor] = ()) -> None:
        self.tensors = list(tensors)
        self.after = _first.get()

    @property
    def parts(self) -> list[Effect]:
        """What it consists of: itself, where it is no group."""
        return [self]

    def apply(self, values: Sequence[Any]) -> None:
        """Do it.

        Args:
            values: of :attr:`tensors`.
        """

    def result(self) -> Any:
        """What a session returns for it, once it is done."""
        return None

    def run(self, feed_dict: Any = None, session: Any = None) -> None:
        """Do it in a session, with values of placeholders."""
        self.eval(feed_dict, session)

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        """Do it, and give what a session returns for it."""
        return (session or doors.sessions.get_session()).run(self, feed_dict)

    @property
    def op(self) -> Effect:
        """Itself."""
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()} {self.name!r}>"


class Update(Effect):
    """A new value for a variable, to be stored when a function runs.

    Args:
        target: the variable.
        value: symbolic tensor.
    """

    def __init__(self, target: Variable, value: KerasTensor) -> None:
        super().__init__([value])
        self.target = target
        self.name = f"{target.name}/assign"
        self.is_used = False
        noted = _noted.get()
        if noted is not None:
            noted.append(self)

    def apply(self, values: Sequence[Any]) -> None:
        """Store the value."""
        self.target.assign(values[0])

    def result(self) -> Any:
        """The value that the variable has now."""
        return self.target.numpy()

    def __symbolic__(self) -> KerasTensor:
        """The variable's value, for which the update is made first."""
        tensor = self.target.__symbolic__()
        note_first(tensor, (self,))
        self.is_used = True
        return tensor


class Group(Effect):
    """Several effects as one.

    Args:
        effects: the effects.
    """

    def __init__(self, effects: Sequence[Any]) -> None:
        super().__init__()
        self.effects = [e for e in effects if isinstance(e, Effect)]
        self.tensors = [t for effect in self.effects for t in effect.tensors]

    @property
    def parts(self) -> list[Effect]:
        """The effects, those of groups inside too."""
        return [part for effect in self.effects for part in effect.parts]

    def apply(self, values: Sequence[Any]) -> None:
        """All of them, in order."""
        rest = list(values)
        for effect in self.effects:
            mine, rest = rest[: len(effect.tensors)], rest[len(effect.tensors) :]
            effect.apply(mine)


class Call(Effect):
    """A function without arguments, called when it is asked for.

    Args:
        function: what to call.
        name: a name.
    """

    def __init__(self, function: Any, name: str) -> None:
        super().__init__()
        self.function = function
        self.name = name

    def apply(self, values: Sequence[Any]) -> None:
        """Call it."""
        self.function()


_noted: contextvars.ContextVar[list[Update] | None] = contextvars.ContextVar("updates_noted", default=None)


@contextlib.contextmanager
def noting() -> Iterator[list[Update]]:
    """Inside, the updates that are drawn are listed."""
    noted: list[Update] = []
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)


@contextlib.contextmanager
def first(effects: Sequence[Any]) -> Iterator[None]:
    """What is drawn inside is computed after these effects."""
    token = _first.set((*_first.get(), *(e for e in effects if isinstance(e, Effect))))
    try:
        yield
    finally:
        _first.reset(token)


def note_first(tree: Any, effects: Sequence[Effect] | None = None) -> Any:
    """Let tensors be computed after effects, those of :func:`first` by default; returns the tensors."""
    effects = _first.get() if effects is None else effects
    if effects:
        for tensor in symbolic_leaves(tree):
            tensor.after = (*tensor.after, *effects)
    return tree


def effects_of(tree: Any) -> list[Effect]:
    """The effects in a tree."""
    return [leaf for leaf in jax.tree.leaves(tree, is_leaf=_is_effect) if _is_effect(leaf)]


def _is_effect(leaf: Any) -> bool:
    return isinstance(leaf, Effect)


doors.effects.fill(update=Update, call=Call)
