"""`tf.GradientTape` and eager tensors: every function of the stand-in and every layer call is recorded with its VJP."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from kjax.keras.core import scope as scopes
from kjax.keras.core import tape as step_tape
from kjax.keras.core.metric import Metric
from kjax.keras.core.operation import apply_function
from kjax.keras.core.settings import next_key
from kjax.keras.core.tensor import symbolic_leaves
from kjax.keras.core.variable import Variable
from kjax.nn.losses.base import Loss

OPERATORS: dict[str, Callable[..., Any]] = {
    "__add__": jnp.add,
    "__radd__": lambda a, b: jnp.add(b, a),
    "__sub__": jnp.subtract,
    "__rsub__": lambda a, b: jnp.subtract(b, a),
    "__mul__": jnp.multiply,
    "__rmul__": lambda a, b: jnp.multiply(b, a),
    "__truediv__": jnp.true_divide,
    "__rtruediv__": lambda a, b: jnp.true_divide(b, a),
    "__floordiv__": jnp.floor_divide,
    "__mod__": jnp.mod,
    "__pow__": jnp.power,
    "__rpow__": lambda a, b: jnp.power(b, a),
    "__matmul__": jnp.matmul,
    "__rmatmul__": lambda a, b: jnp.matmul(b, a),
    "__neg__": jnp.negative,
    "__abs__": jnp.abs,
    "__lt__": jnp.less,
    "__le__": jnp.less_equal,
    "__gt__": jnp.greater,
    "__ge__": jnp.greater_equal,
    "__and__": jnp.logical_and,
    "__or__": jnp.logical_or,
    "__invert__": jnp.logical_not,
    "__getitem__": lambda a, key: a[key],
}
"""The operators of tensors, by method."""


class Tensor:
    """An eager tensor of the stand-in: an array of JAX with the methods of TensorFlow's.

    Args:
        value: the array.
    """

    __array_priority__ = 200
    __slots__ = ("__weakref__", "value")

    def __init__(self, value: Any) -> None:
        self.value = value

    @property
    def shape(self) -> Any:
        """The sizes."""
        from kjax.keras.legacy.tensorflow.session import TensorShape

        return TensorShape(self.value.shape)

    @property
    def dtype(self) -> Any:
        """The type."""
        from kjax.keras.legacy.tensorflow.names import DType

        return DType(str(self.value.dtype))

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.value.ndim

    @property
    def T(self) -> Tensor:
        """The transposed tensor."""
        return apply(jnp.transpose, (self,), {}, "transpose")

    def numpy(self) -> Any:
        """The values as a NumPy array; one number as a NumPy scalar."""
        return np.asarray(self.value)[()]

    def get_shape(self) -> Any:
        """The sizes."""
        return self.shape

    def astype(self, dtype: Any) -> Tensor:
        """The values in another type."""
        return apply(lambda x: x.astype(str(dtype)), (self,), {}, "cast")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.asarray(self.value, dtype=dtype)

    def __jax_array__(self) -> Any:
        return self.value

    def __iter__(self) -> Any:
        return (Tensor(row) for row in self.value)

    def __len__(self) -> int:
        return len(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __index__(self) -> int:
        return self.value.__index__()

    def __eq__(self, other: object) -> Any:
        return apply(jnp.equal, (self, other), {}, "equal")

    def __ne__(self, other: object) -> Any:
        return apply(jnp.not_equal, (self, other), {}, "not_equal")

    def __hash__(self) -> int:
        return id(self)

    def __format__(self, spec: str) -> str:
        return format(self.numpy(), spec)

    def __repr__(self) -> str:
        return f"<tf.Tensor: shape={tuple(self.shape)}, dtype={self.dtype}, numpy={self.numpy()!r}>"


def operator(compute: Callable[..., Any]) -> Callable[..., Any]:
    """A method of tensors and variables that computes with the object and another."""

    def method(self: Any, *others: Any) -> Any:
        return apply(compute, (self, *others), {}, "operator")

    return method


for _name, _compute in OPERATORS.items():
    setattr(Tensor, _name, operator(_compute))


def unwrap(thing: Any) -> Any:
    """The array of a tensor or variable, and in trees of them; other things as they are."""
    return jax.tree.map(_unwrap_leaf, thing, is_leaf=_is_leaf)


def _is_leaf(thing: Any) -> bool:
    return isinstance(thing, (Tensor, Variable))


def _unwrap_leaf(leaf: Any) -> Any:
    return leaf.value if isinstance(leaf, (Tensor, Variable)) else leaf


def _wrap(leaf: Any) -> Any:
    return Tensor(leaf) if isinstance(leaf, jax.Array) and not isinstance(leaf, Tracer) else leaf


_tapes: list[GradientTape] = []


def apply(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], name: str) -> Any:
    """Call a function of arrays: on symbolic tensors as a node of the graph, on tracers at once, else recorded."""
    if symbolic_leaves((args, kwargs)):
        return apply_function(function, args, kwargs, name)
    leaves, structure = jax.tree.flatten((args, kwargs), is_leaf=_is_leaf)
    if scopes.current() is not None or any(isinstance(leaf, Tracer) for leaf in leaves):
        args, kwargs = jax.tree.unflatten(structure, [_unwrap_leaf(leaf) for leaf in leaves])
        return function(*args, **kwargs)
    return record(function, leaves, structure)


def record(function: Callable[..., Any], leaves: Sequence[Any], structure: Any) -> Any:
    """Call a function of trees of arrays, and remember on the open tapes how to go back.

    Args:
        function: what to call.
        leaves: the arguments flat, tensors and variables among them.
        structure: how they unflatten to ``(args, kwargs)``.
    """
    places = [i for i, leaf in enumerate(leaves) if _is_leaf(leaf) and _is_float(leaf)]
    watched = [tape for tape in _tapes if tape.recording and any(tape.follows(leaves[i]) for i in places)]
    plain = [_unwrap_leaf(leaf) for leaf in leaves]
    if not watched:
        args, kwargs = jax.tree.unflatten(structure, plain)
        return jax.tree.map(_wrap, function(*args, **kwargs))

    def of_arrays(*arrays: Any) -> Any:
        filled = list(plain)
        for place, array in zip(places, arrays, strict=True):
            filled[place] = array
        args, kwargs = jax.tree.unflatten(structure, filled)
        return function(*args, **kwargs)

    outputs, back = jax.vjp(of_arrays, *[plain[i] for i in places])
    wrapped = jax.tree.map(_wrap, outputs)
    for tape in watched:
        tape.remember([leaves[i] for i in places], wrapped, outputs, back)
    return wrapped


def _is_float(leaf: Any) -> bool:
    return jnp.issubdtype(jnp.dtype(str(leaf.dtype)), jnp.inexact)


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
        self._records: list[tuple[list[Any], list[Any], Any, Any]] = []
        self._followed: dict[int, Any] = {}
        self._used = False
        self._inside: Any = None

    def __enter__(self) -> GradientTape:
        if step_tape.step_scope() is not None:  # in a compiled train_step, where nothing is eager
            self._inside = step_tape.GradientTape().__enter__()
            return self
        self.recording = True
        _tapes.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        if self._inside is not None:
            self._inside.__exit__(*error)
            return
        self.recording = False
        _tapes.remove(self)

    def watch(self, tensor: Any) -> None:
        """Follow a tensor, or several."""
        if self._inside is not None:
            self._inside.watch(unwrap(tensor))
            return
        for leaf in jax.tree.leaves(tensor, is_leaf=_is_leaf):
            if not _is_leaf(leaf):
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

    def remember(self, inputs: list[Any], wrapped: Any, outputs: Any, back: Any) -> None:
        """Add a computation."""
        leaves = jax.tree.leaves(wrapped, is_leaf=_is_leaf)
        for leaf in leaves:
            self._followed[id(leaf)] = leaf
        self._records.append((inputs, leaves, jax.tree.map(lambda a: a, outputs), back))

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
        targets = jax.tree.leaves(target, is_leaf=_is_leaf)
        starts = [None] * len(targets) if output_gradients is None else jax.tree.leaves(unwrap(output_gradients))
        for leaf, start in zip(targets, starts, strict=True):
            ones = jnp.ones(jnp.shape(_unwrap_leaf(leaf)), jnp.asarray(_unwrap_leaf(leaf)).dtype)
            _accumulate(found, leaf, ones if start is None else jnp.asarray(start))
        for inputs, leaves, outputs, back in reversed(self._records):
            if not any(id(leaf) in found for leaf in leaves):
                continue
            flat, structure = jax.tree.flatten(outputs)
            # Integers and the like have no gradient; JAX has a type of zeros for them.
            seeds = [
                found.get(id(leaf)) if jnp.issubdtype(array.dtype, jnp.inexact) else None
                for leaf, array in zip(leaves, flat, strict=True)
            ]
            seeds = [_seed(seed, array) for seed, array in zip(seeds, flat, strict=True)]
            for thing, gradient in zip(inputs, back(jax.tree.unflatten(structure, seeds)), strict=True):
                if self.follows(thing):
                    _accumulate(found, thing, gradient)
        self.recording = before
        if not self.persistent:
            self._records.clear()

        def of(source: Any) -> Any:
            gradient = found.get(id(source))
            if gradient is None and unconnected_gradients == "zero":
                gradient = jnp.zeros_like(_unwrap_leaf(source))
            return None if gradient is None else Tensor(gradient)

        return jax.tree.map(of, sources, is_leaf=_is_leaf)

    def jacobian(self, target: Any, sources: Any, **kwargs: Any) -> Any:
        """The gradients of each number in ``target``, stacked."""
        persistent, self.persistent = self.persistent, True
        shape = jnp.shape(target.value)
        rows = []
        for i in range(int(np.prod(shape))):
            start = jnp.zeros(int(np.prod(shape))).at[i].set(1.0).reshape(shape)
            rows.append(self.gradient(target, sources, output_gradients=[start]))
        self.persistent = persistent
        stacked = jax.tree.map(lambda *g: jnp.stack([r.value for r in g]), *rows, is_leaf=_is_leaf)
        return jax.tree.map(lambda g: Tensor(g.reshape(*shape, *g.shape[1:])), stacked)


def _seed(gradient: Any, array: Any) -> Any:
    if not jnp.issubdtype(array.dtype, jnp.inexact):
        return np.zeros(array.shape, jax.dtypes.float0)
    return jnp.zeros_like(array) if gradient is None else jnp.asarray(gradient, array.dtype)


def _accumulate(found: dict[int, Any], thing: Any, gradient: Any) -> None:
    if getattr(gradient, "dtype", None) == jax.dtypes.float0:
        return
    known = found.get(id(thing))
    found[id(thing)] = gradient if known is None else known + gradient


def gradients(ys: Any, xs: Any, **kwargs: Any) -> Any:
    """``tf.gradients`` of symbolic tensors."""
    from kjax.keras import backend

    return backend.gradients(ys, xs)


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


# -- layers ------------------------------------------------------------------------------------------------------


def _loss_methods(cls: type) -> dict[str, Any]:
    def call(loss: Any, *args: Any, **kwargs: Any) -> Any:
        return apply(lambda *a, **k: cls.__call__(loss, *a, **k), args, kwargs, "loss")  # type: ignore[call-arg]

    return {"__call__": call}


def _metric_methods(cls: type) -> dict[str, Any]:
    def call(metric: Any, *args: Any, **kwargs: Any) -> Any:
        return jax.tree.map(_wrap, cls.__call__(metric, *unwrap(args), **unwrap(kwargs)))  # type: ignore[call-arg]

    def update_state(metric: Any, *args: Any, **kwargs: Any) -> Any:
        return cls.update_state(metric, *unwrap(args), **unwrap(kwargs))  # type: ignore[attr-defined]

    def result(metric: Any) -> Any:
        found = cls.result(metric)  # type: ignore[attr-defined]
        return found if scopes.current() is not None else jax.tree.map(_wrap, found)

    return {"__call__": call, "update_state": update_state, "result": result}


class Recorder:
    """What the rest of kjax hands eager calls to while the stand-in is in use; see ``kjax.keras.core.scope.recorder``."""

    def __init__(self) -> None:
        self._classes: dict[type, type] = {}

    def call_function(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """An eager call of a function of arrays; only what tensors take part in is recorded."""
        leaves, structure = jax.tree.flatten((args, kwargs), is_leaf=_is_leaf)
        if any(isinstance(leaf, Tensor) for leaf in leaves) or (_tapes and any(map(_is_leaf, leaves))):
            return record(function, leaves, structure)
        return function(*args, **kwargs)

    def of_script(self, thing: Any) -> Any:
        """A class of losses or metrics as a script gets it: what its objects return are tensors, and losses are recorded.

        Args:
            thing: a class; other things are returned as they are.
        """
        if not isinstance(thing, type) or not issubclass(thing, (Loss, Metric)):
            return thing
        if thing not in self._classes:
            body = _loss_methods(thing) if issubclass(thing, Loss) else _metric_methods(thing)
            names = {"__module__": thing.__module__, "__qualname__": thing.__qualname__, "__doc__": thing.__doc__}
            self._classes[thing] = type(thing.__name__, (thing,), {**body, **names})
        return self._classes[thing]

    def call_layer(self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """An eager call of a layer: its output is a tensor, and the call is recorded as one step.

        Args:
            layer: the layer.
            args: positional arguments, tensors among them.
            kwargs: keyword arguments.
        """
        leaves, structure = jax.tree.flatten((args, kwargs), is_leaf=_is_leaf)
        leaves = [jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf for leaf in leaves]
        plain_args, plain_kwargs = jax.tree.unflatten(structure, [_unwrap_leaf(leaf) for leaf in leaves])
        if not any(tape.recording for tape in _tapes):
            return jax.tree.map(_wrap, layer._compute(plain_args, dict(plain_kwargs)))
        layer._ensure_built(plain_args, {k: v for k, v in plain_kwargs.items() if k != "training"})
        variables = [v for v in layer.weights if v.trainable]
        others = [v for v in layer.weights if not v.trainable]
        training = bool(plain_kwargs.get("training", False))
        key = next_key() if training else None

        def pure(values: list[Any], rest: list[Any]) -> Any:
            filled_args, filled_kwargs = jax.tree.unflatten(structure, rest)
            known = {id(v): value for v, value in zip(variables, values, strict=True)}
            known |= {id(v): v.value for v in others}
            with scopes.enter(scopes.Scope(values=known, key=key, training=training)) as active:
                outputs = layer._compute(filled_args, dict(filled_kwargs))
            return outputs, [active.values[id(v)] for v in others], active.losses

        flat, whole = jax.tree.flatten(((variables, leaves), {}), is_leaf=_is_leaf)
        outputs, after, losses = record(pure, flat, whole)
        for variable, new in zip(others, after, strict=True):
            variable.assign(unwrap(new))
        layer._extra_losses = list(losses)
        return outputs
