"""Gradients inside a step that a user writes with ``GradientTape``: the step is run again for each gradient it asks for.

JAX differentiates functions, and what happens inside ``with tape:`` is not one. But the step as a whole is a function:
for a gradient it is run from its beginning to the place that asks, with zeros added to the variables that are read
inside the tape, and ``jax.grad`` differentiates with respect to these zeros. Compiled, what was computed twice is
computed once, since the compiler sees that it is the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Self

import jax
import jax.numpy as jnp

from kjax.keras.core import scope as scopes
from kjax.keras.core.variable import Variable


class _Wanted(BaseException):
    """A gradient that is not known yet was asked for."""

    def __init__(self, call: int, tape: int, variables: list[Variable]) -> None:
        super().__init__()
        self.call, self.tape, self.variables = call, tape, variables


class _Captured(BaseException):
    """The value to differentiate was reached."""

    def __init__(self, target: Any) -> None:
        super().__init__()
        self.target = target


@dataclasses.dataclass
class Replay:
    """What one run of a step knows of gradients.

    Attributes:
        answers: the gradients of the calls of :meth:`GradientTape.gradient` so far, in their order.
        capture: None, or (number of the call to stop at, number of its tape, what the tape adds by ``id``).
        calls: number of calls in this run.
        tapes: number of tapes in this run.
    """

    answers: list[list[Any]]
    capture: tuple[int, int, dict[int, Any]] | None = None
    calls: int = 0
    tapes: int = 0


def run(make_scope: Callable[[], scopes.Scope], body: Callable[[], Any]) -> tuple[Any, scopes.Scope]:
    """Run a step that may hold gradient tapes.

    Args:
        make_scope: makes a fresh scope with the values at the beginning of the step.
        body: the step; it is called once more for each gradient.

    Returns:
        What the step returned, and its scope, which has the values at the end.
    """
    answers: list[list[Any]] = []
    while True:
        scope = make_scope()
        scope.replay = Replay(answers)
        try:
            with scopes.enter(scope):
                return body(), scope
        except _Wanted as wanted:
            answers.append(_gradient(make_scope, body, answers, wanted))


def _gradient(make_scope: Any, body: Any, answers: list[Any], wanted: _Wanted) -> list[Any]:
    def target(shifts: list[Any]) -> Any:
        scope = make_scope()
        known = {id(v): shift for v, shift in zip(wanted.variables, shifts, strict=True)}
        scope.replay = Replay(answers, (wanted.call, wanted.tape, known))
        try:
            with scopes.enter(scope):
                body()
        except _Captured as captured:
            return captured.target
        raise RuntimeError(
            "a train_step with a GradientTape must do the same each time it is run: it asked for a gradient, and when it "
            "was run again for it, it did not"
        )

    return jax.grad(target)([jnp.zeros(v.shape, v.stored_dtype) for v in wanted.variables])


class GradientTape:
    """``with GradientTape() as tape:`` in a ``train_step(self, data)``, then ``tape.gradient(loss, variables)``.

    Args:
        persistent: accepted; every tape may be asked more than once.
        watch_accessed_variables: accepted; variables are always watched.
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        del persistent, watch_accessed_variables
        self._scope: scopes.Scope | None = None
        self._number = -1

    def __enter__(self) -> Self:
        self._scope = step_scope()
        if self._scope is not None:
            replay = self._scope.replay
            self._number = replay.tapes
            replay.tapes += 1
            if replay.capture is not None and replay.capture[1] == self._number:
                self._scope.shifts = replay.capture[2]
        return self

    def __exit__(self, *error: object) -> None:
        if self._scope is not None:
            self._scope.shifts = {}

    def watch(self, tensor: Any) -> None:
        """Variables are watched by themselves; other tensors cannot be.

        Raises:
            NotImplementedError: the tensor is no variable.
        """
        for leaf in jax.tree.leaves(tensor, is_leaf=lambda x: isinstance(x, Variable)):
            if not isinstance(leaf, Variable):
                raise NotImplementedError(
                    "inside a compiled step a GradientTape gives gradients of variables only; for those of inputs use "
                    "jax.grad: `jax.grad(lambda x: keras.ops.sum(self(x)))(x)`"
                )

    def gradient(self, target: Any, sources: Any, output_gradients: Any = None, **kwargs: Any) -> Any:
        """Gradients of the sum of ``target``.

        Args:
            target: what was computed inside the tape.
            sources: a variable, or a list or dict of them.
            output_gradients: factors on the numbers of ``target``.
            **kwargs: ``unconnected_gradients``: without a connection a gradient is zero.

        Raises:
            RuntimeError: outside of a step.
        """
        del kwargs
        if self._scope is None:
            raise RuntimeError(
                "this GradientTape works inside `train_step(self, data)` of a model; elsewhere use jax.grad or "
                "jax.value_and_grad with model.stateless_call"
            )
        replay = self._scope.replay
        leaves, structure = jax.tree.flatten(sources, is_leaf=lambda x: isinstance(x, Variable))
        self.watch(leaves)
        call = replay.calls
        replay.calls += 1
        if call < len(replay.answers):
            return jax.tree.unflatten(structure, replay.answers[call])
        if replay.capture is not None and replay.capture[0] == call:
            values = [jnp.asarray(leaf, jnp.float32) for leaf in jax.tree.leaves(target)]
            factors = [1.0] * len(values) if output_gradients is None else jax.tree.leaves(output_gradients)
            raise _Captured(sum(jnp.sum(v * jnp.asarray(f)) for v, f in zip(values, factors, strict=True)))
        raise _Wanted(call, self._number, leaves)


def step_scope() -> scopes.Scope | None:
    """The scope of the step that is running, or None."""
    scope = scopes.current()
    while scope is not None and scope.replay is None:
        scope = scope.outer
    return scope
