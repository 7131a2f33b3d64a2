"""`tf.GradientTape`: what is computed inside is remembered with its VJP."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.core import scope as scopes
from kjax.keras.core import tape as step_tape
from kjax.keras.core.variable import Variable
from kjax.keras.core.wide import types_of
from kjax.keras.legacy.tensorflow.tensor import Tensor, apply, is_leaf, record, tapes, unwrap, unwrap_leaf, wrap


class GradientTape:
    """``tf.GradientTape``: remembers what is computed inside ``with`` and gives gradients of it.

    What NumPy, or JAX directly, computes from the values is not seen by a tape, as in TensorFlow.

    Args:
        persistent: whether :meth:`gradient` may be called more than once.
        watch_accessed_variables: whether trainable variables are watched without being asked to.
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self.persistent = persistent
        self.watch_accessed_variables = watch_accessed_variables
        self.recording = False
        self._records: list[tuple[list[Any], list[Any], Any, Any, Any]] = []
        self._followed: dict[int, Any] = {}
        self._used = False
        self._inside: Any = None

    def __enter__(self) -> GradientTape:
        if step_tape.step_scope() is not None and scopes.recording() is None:  # in a step without tensors
            self._inside = step_tape.GradientTape().__enter__()
            return self
        self.recording = True
        tapes.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        if self._inside is not None:
            self._inside.__exit__(*error)
            return
        self.recording = False
        tapes.remove(self)

    def watch(self, tensor: Any) -> None:
        """Follow a tensor, or several."""
        if self._inside is not None:
            self._inside.watch(unwrap(tensor))
            return
        for leaf in jax.tree.leaves(tensor, is_leaf=is_leaf):
            if not is_leaf(leaf):
                raise TypeError(
                    "GradientTape.watch: make it a tensor first, with tf.constant or tf.convert_to_tensor; received a "
                    f"{type(leaf).__name__}"
                )
            self._followed[id(leaf)] = leaf

    def follows(self, thing: Any) -> bool:
        """Whether gradients go through a tensor or variable."""
        if id(thing) in self._followed:
            return True
        return isinstance(thing, Variable) and thing.trainable and self.watch_accessed_variables

    def remember(self, inputs: list[Any], wrapped: Any, outputs: Any, back: Any, function: Any) -> None:
        """Add a computation.

        Args:
            inputs: the tensors and variables that it is a function of.
            wrapped: its results.
            outputs: the same as arrays.
            back: gives the gradients of the inputs for those of the results.
            function: the computation, for gradients of gradients.
        """
        leaves = jax.tree.leaves(wrapped, is_leaf=is_leaf)
        for leaf in leaves:
            self._followed[id(leaf)] = leaf
        self._records.append((inputs, leaves, outputs, back, function))

    def watched_variables(self) -> tuple[Any, ...]:
        """The variables that were used, or watched."""
        used = [thing for inputs, *_ in self._records for thing in inputs] + list(self._followed.values())
        return tuple({id(thing): thing for thing in used if isinstance(thing, Variable)}.values())

    def stop_recording(self) -> Any:
        """A context in which nothing is remembered."""

        @contextlib.contextmanager
        def pause() -> Any:
            self.recording = False
            try:
                yield
            finally:
                self.recording = True

        return pause()

    def reset(self) -> None:
        """Forget everything."""
        self._records.clear()
        self._followed.clear()

    def gradient(
        self, target: Any, sources: Any, output_gradients: Any = None, unconnected_gradients: str = "none"
    ) -> Any:
        """The gradient of the sum of ``target`` with respect to each source.

        Args:
            target: a tensor, or several.
            sources: a variable or tensor, or a list or dict of them.
            output_gradients: gradients to begin with, one for each target.
            unconnected_gradients: ``'none'`` gives None where there is no connection, ``'zero'`` zeros.

        Raises:
            RuntimeError: a second call, and the tape is not persistent.
        """
        if self._inside is not None:
            return self._inside.gradient(unwrap(target), sources, unwrap(output_gradients))
        if self._used and not self.persistent:
            raise RuntimeError(
                "GradientTape.gradient can only be called once on a tape that is not persistent; make it with "
                "tf.GradientTape(persistent=True)"
            )
        self._used = True
        self.recording, before = False, self.recording
        found: dict[int, Any] = {}
        targets = jax.tree.leaves(target, is_leaf=is_leaf)
        starts = (
            [None] * len(targets) if output_gradients is None else jax.tree.leaves(output_gradients, is_leaf=is_leaf)
        )
        for leaf, start in zip(targets, starts, strict=True):
            if not jnp.issubdtype(jnp.asarray(unwrap_leaf(leaf)).dtype, jnp.inexact):
                continue  # what is counted has no gradient
            if start is None:
                start = Tensor(jnp.ones_like(unwrap_leaf(leaf)))
            _accumulate(found, leaf, start if is_leaf(start) else Tensor(_seed(start, unwrap_leaf(leaf))))
        for inputs, leaves, outputs, back, function in reversed(self._records):
            if not any(id(leaf) in found for leaf in leaves):
                continue
            flat, structure = jax.tree.flatten(outputs)
            seeds = [found.get(id(leaf)) for leaf in leaves]
            for thing, gradient in zip(inputs, _back(inputs, seeds, flat, structure, back, function), strict=True):
                if self.follows(thing):
                    _accumulate(found, thing, gradient)
        self.recording = before
        if not self.persistent:
            self._records.clear()

        def of(source: Any) -> Any:
            gradient = found.get(id(source))
            if gradient is None and unconnected_gradients == "zero":
                gradient = jnp.zeros_like(unwrap_leaf(source))
            return gradient if gradient is None or isinstance(gradient, Tensor) else Tensor(gradient)

        return jax.tree.map(of, sources, is_leaf=is_leaf)

    def jacobian(self, target: Any, sources: Any, **kwargs: Any) -> Any:
        """The gradients of each number in ``target``, stacked."""
        persistent, self.persistent = self.persistent, True
        shape = jnp.shape(target.value)
        rows = []
        for i in range(int(np.prod(shape))):
            start = Tensor(jnp.zeros(int(np.prod(shape))).at[i].set(1.0).reshape(shape))
            rows.append(self.gradient(target, sources, output_gradients=[start]))
        self.persistent = persistent

        def stacked(*parts: Any) -> Any:
            return apply(lambda p: jnp.stack(p).reshape(*shape, *p[0].shape), (list(parts),), {}, "jacobian")

        return jax.tree.map(stacked, *rows, is_leaf=is_leaf)

    def batch_jacobian(self, target: Any, source: Any, **kwargs: Any) -> Any:
        """The gradients of each number of a sample with respect to that sample."""
        whole = self.jacobian(target, source)
        rank = len(target.shape)
        return apply(
            lambda j: jnp.moveaxis(jnp.diagonal(j, axis1=0, axis2=rank), -1, 0), (whole,), {}, "batch_jacobian"
        )


def _back(inputs: list[Any], seeds: list[Any], flat: list[Any], structure: Any, back: Any, function: Any) -> Any:
    """The gradients of the inputs, as something that other tapes see where there are any."""
    # Integers and the like have no gradient; JAX has a type of zeros for them.
    real = [jnp.issubdtype(array.dtype, jnp.inexact) for array in flat]

    def filled(given: Any) -> Any:
        rest = iter(given)
        leaves = [
            _seed(next(rest), array) if is_real else np.zeros(array.shape, jax.dtypes.float0)
            for array, is_real in zip(flat, real, strict=True)
        ]
        return jax.tree.unflatten(structure, leaves)

    chosen = [seed for seed, is_real in zip(seeds, real, strict=True) if is_real]
    if not any(tape.recording for tape in tapes):
        return [wrap(g) for g in back(filled(map(unwrap, chosen)))]

    def pull(arrays: Any, given: Any) -> Any:
        return list(jax.vjp(function, *arrays)[1](filled(given)))

    leaves, tree = jax.tree.flatten(((list(inputs), chosen), {}), is_leaf=is_leaf)
    with types_of(*flat):
        return record(pull, leaves, tree)


def _seed(gradient: Any, array: Any) -> Any:
    with types_of(array):
        return jnp.zeros_like(array) if gradient is None else jnp.asarray(gradient, array.dtype)


def _accumulate(found: dict[int, Any], thing: Any, gradient: Any) -> None:
    if getattr(unwrap(gradient), "dtype", None) == jax.dtypes.float0:
        return
    known = found.get(id(thing))
    found[id(thing)] = gradient if known is None else apply(jnp.add, (known, gradient), {}, "add")


def gradients(ys: Any, xs: Any, grad_ys: Any = None, *args: Any, **kwargs: Any) -> Any:
    """``tf.gradients`` of symbolic tensors.

    Args:
        ys: a tensor, or several, whose elements are added up.
        xs: tensors and variables: one, or a list.
        grad_ys: what the elements of each of ``ys`` are multiplied with before.
        *args: accepted, like ``**kwargs``.

    Returns:
        A list of symbolic tensors, None for what ``ys`` do not depend on.
    """
    from kjax.keras import backend

    parts = list(ys) if isinstance(ys, (list, tuple)) else [ys]
    given = list(grad_ys) if isinstance(grad_ys, (list, tuple)) else [grad_ys] * len(parts)
    if len(parts) == 1 and given[0] is None:
        return backend.gradients(parts[0], xs)

    def total(values: Any, weights: Any) -> Any:
        pairs = zip(values, weights, strict=True)
        return sum(jnp.sum(v if w is None else v * jax.lax.stop_gradient(w)) for v, w in pairs)

    return backend.gradients(apply(total, (parts, given), {}, "gradients"), xs)


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """``tf.custom_gradient``: ``f`` returns a value and a function that gives the gradient."""

    @jax.custom_vjp
    def inner(*args: Any) -> Any:
        return unwrap(f(*args)[0])

    def forward(*args: Any) -> Any:
        return unwrap(f(*args)[0]), args

    def backward(args: Any, cotangent: Any) -> Any:
        found = unwrap(f(*args)[1](cotangent))
        return tuple(found) if isinstance(found, (list, tuple)) else (found,)

    inner.defvjp(forward, backward)
    return lambda *args: apply(inner, args, {}, "custom_gradient")


def hessians(ys: Any, xs: Any, **kwargs: Any) -> Any:
    """``tf.hessians``: not offered.

    Raises:
        NotImplementedError: always; the message says what to use.
    """
    raise NotImplementedError("tf.hessians is not offered: use jax.hessian, or nested tapes with tape.jacobian")


class UnconnectedGradients:
    """``tf.UnconnectedGradients``."""

    NONE, ZERO = "none", "zero"


class ForwardAccumulator:
    """``tf.autodiff.ForwardAccumulator``: how results change when the primals move along tangents.

    Args:
        primals: a variable or tensor, or several.
        tangents: the directions, of the same shapes.
    """

    def __init__(self, primals: Any, tangents: Any) -> None:
        self._tape = GradientTape(persistent=True)
        leaves = jax.tree.leaves(primals, is_leaf=is_leaf)
        along = jax.tree.leaves(tangents, is_leaf=is_leaf)
        self._start = {id(leaf): jnp.asarray(unwrap(t)) for leaf, t in zip(leaves, along, strict=True)}
        self._tape.watch(leaves)

    def __enter__(self) -> ForwardAccumulator:
        self._tape.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._tape.__exit__(*error)

    def jvp(self, primals: Any, unconnected_gradients: str = "none") -> Any:
        """The change of results.

        Args:
            primals: a result, or several.
            unconnected_gradients: ``'none'`` gives None where there is no connection, ``'zero'`` zeros.
        """
        found = dict(self._start)
        for inputs, leaves, _, _, function in self._tape._records:
            if any(id(thing) in found for thing in inputs):
                values = [jnp.asarray(unwrap_leaf(thing)) for thing in inputs]
                along = [found.get(id(t), jnp.zeros_like(v)) for t, v in zip(inputs, values, strict=True)]
                changes = jax.tree.leaves(jax.jvp(function, values, along)[1])
                found.update((id(leaf), change) for leaf, change in zip(leaves, changes, strict=True))

        def of(result: Any) -> Any:
            change = found.get(id(result))
            if change is None and unconnected_gradients == "zero":
                change = jnp.zeros_like(unwrap_leaf(result))
            return None if change is None else Tensor(change)

        return jax.tree.map(of, primals, is_leaf=is_leaf)


def compute_gradient(f: Callable[..., Any], x: Any, delta: float | None = None) -> tuple[list[Any], list[Any]]:
    """``tf.test.compute_gradient``: the Jacobians of a function by each argument, exact ones and by differences.

    Args:
        f: the function.
        x: its arguments.
        delta: the distance of the differences.
    """
    arrays = [jnp.asarray(unwrap(given)) for given in x]
    step = delta or 1.0 / 1024

    def run(*given: Any) -> Any:
        return jnp.asarray(unwrap(f(*map(Tensor, given))))

    size = run(*arrays).size
    exact = [np.asarray(j).reshape(size, -1) for j in jax.jacrev(run, tuple(range(len(arrays))))(*arrays)]
    measured = []
    for place, array in enumerate(arrays):
        columns = []
        for i in range(array.size):
            ahead, behind = list(arrays), list(arrays)
            move = jnp.zeros(array.size, array.dtype).at[i].set(step).reshape(array.shape)
            ahead[place], behind[place] = array + move, array - move
            columns.append(np.ravel(np.asarray(run(*ahead)) - np.asarray(run(*behind))) / (2 * step))
        measured.append(np.stack(columns, -1))
    return exact, measured
