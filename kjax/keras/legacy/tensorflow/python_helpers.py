"""Helpers of ``tensorflow.python`` that have no public name: decorators, ``smart_cond``, contexts, identity containers."""

from __future__ import annotations

import contextlib
import functools
import types
from collections.abc import Callable, Iterator, MutableMapping, MutableSet
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from kjax.keras.core.tensor import is_symbolic
from kjax.keras.legacy.tensorflow import compiled, control
from kjax.keras.legacy.tensorflow.tensor import apply, unwrap


def smart_constant_value(pred: Any) -> bool | None:
    """The truth of a condition where it is known before anything runs, else None.

    Raises:
        TypeError: neither a truth value, 0 or 1, nor a tensor.
    """
    if isinstance(pred, (bool, np.bool_)) or (isinstance(pred, (int, np.integer)) and pred in (0, 1)):
        return bool(pred)
    if is_symbolic(pred):
        return None
    value = unwrap(pred)
    if isinstance(value, Tracer):
        return None
    if isinstance(value, (np.ndarray, jax.Array)) and value.ndim == 0:
        return bool(value)
    raise TypeError(f"argument `pred` must be a tensor, a truth value, 0 or 1, received {pred!r}")


def smart_cond(pred: Any, true_fn: Any = None, false_fn: Any = None, name: str | None = None) -> Any:
    """``smart_cond``: one of two functions now where the condition is known, else ``tf.cond``.

    Raises:
        TypeError: an argument is not a function.
    """
    for which, function in (("true_fn", true_fn), ("false_fn", false_fn)):
        if not callable(function):
            raise TypeError(f"argument `{which}` must be callable, received {function!r}")
    known = smart_constant_value(pred)
    if known is None:
        return control.cond(pred, true_fn, false_fn, name)
    return true_fn() if known else false_fn()


def smart_case(pred_fn_pairs: Any, default: Any = None, exclusive: bool = False, name: str = "smart_case") -> Any:
    """``tf.case``."""
    return control.case(pred_fn_pairs, default)


def executing_eagerly_outside_functions() -> bool:
    """Whether values are there where they are asked for, but in functions that are being compiled."""
    return compiled.executing_eagerly()


_uids: dict[str, int] = {}


def uid(prefix: str = "") -> int:
    """A number that was not given before."""
    _uids[prefix] = _uids.get(prefix, 0) + 1
    return _uids[prefix]


def reset_uids() -> None:
    """Begin the numbers of :func:`uid` anew."""
    _uids.clear()


class RegisterGradient:
    """Decorator of a gradient that a script would have graphs use in place of an operation's own.

    Args:
        op_type: name under which the gradient is known.
    """

    def __init__(self, op_type: str) -> None:
        self.op_type = op_type

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, remembered; ``graph.gradient_override_map`` is what would use it."""
        GRADIENTS[self.op_type] = function
        return function


GRADIENTS: dict[str, Callable[..., Any]] = {}
"""The gradients that were registered, by name."""


class _Context:
    """What ``context.context()`` gives: whether functions run as they are called, and devices."""

    device_name = ""

    def executing_eagerly(self) -> bool:
        """As ``tf.executing_eagerly``."""
        return compiled.executing_eagerly()

    def num_gpus(self) -> int:
        """Number of GPUs."""
        return num_gpus()


_context = _Context()


def context() -> _Context:
    """The one context."""
    return _context


def num_gpus() -> int:
    """Number of GPUs that JAX has."""
    return sum(device.platform == "gpu" for device in jax.devices())


def in_graph_mode() -> bool:
    """Whether graphs are drawn."""
    return not compiled.executing_eagerly()


@contextlib.contextmanager
def eager_mode() -> Iterator[None]:
    """A block that changes nothing: what runs eagerly does so in any case."""
    yield


@contextlib.contextmanager
def graph_mode() -> Iterator[None]:
    """A block in which TensorFlow would draw a graph.

    Raises:
        NotImplementedError: scripts that draw graphs ask for it by ``tf.compat.v1.disable_eager_execution()``.
    """
    if compiled.executing_eagerly():
        raise NotImplementedError(
            "context.graph_mode() is not there; call tf.compat.v1.disable_eager_execution() at the beginning of the script"
        )
    yield


def _unchanged(*args: Any, **options: Any) -> Callable[[Any], Any]:
    """A decorator with arguments that gives back what it decorates."""
    return lambda decorated: decorated


deprecated = deprecated_args = deprecated_arg_values = deprecated_endpoints = exported = dispatch_for_types = _unchanged


def deprecated_argument_lookup(new_name: str, new_value: Any, old_name: str, old_value: Any) -> Any:
    """The value of an argument with two names.

    Raises:
        ValueError: both were given.
    """
    if old_value is None:
        return new_value
    if new_value is not None:
        raise ValueError(f"both of the arguments {old_name!r} and {new_name!r} were given; they are one")
    return old_value


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """A block without notes on what is deprecated; there are none."""
    yield


def _test_decorator(function: Any = None, **options: Any) -> Any:
    """A decorator of tests, with or without arguments, that leaves them as they are."""
    return _unchanged() if function is None or isinstance(function, str) else function


run_all_in_graph_and_eager_modes = run_in_graph_and_eager_modes = run_v1_only = run_v2_only = _test_decorator
run_deprecated_v1 = run_all_in_deprecated_graph_mode_only = add_dispatch_support = _test_decorator


def make_decorator(target: Any, decorator_func: Any, *args: Any, **options: Any) -> Any:
    """A function that is called in place of another, under its name."""
    return functools.update_wrapper(decorator_func, target)


def unwrap_decorators(maybe: Any) -> tuple[list[Any], Any]:
    """The decorators around a function, and the function."""
    found = []
    while hasattr(maybe, "__wrapped__"):
        found.append(maybe)
        maybe = maybe.__wrapped__
    return found, maybe


def rewrap(decorator_func: Any, previous_target: Any, new_target: Any) -> Any:
    """A decorated function with another function inside."""
    if getattr(decorator_func, "__wrapped__", None) is previous_target:
        decorator_func.__wrapped__ = new_target
    return decorator_func


class ObjectIdentityDictionary(MutableMapping):
    """A dict whose keys are told apart by identity, so that tensors and lists can be keys."""

    def __init__(self, *given: Any, **more: Any) -> None:
        self._entries: dict[int, tuple[Any, Any]] = {}
        self.update(*given, **more)

    def __getitem__(self, key: Any) -> Any:
        if id(key) not in self._entries:
            raise KeyError(key)
        return self._entries[id(key)][1]

    def __setitem__(self, key: Any, value: Any) -> None:
        self._entries[id(key)] = key, value

    def __delitem__(self, key: Any) -> None:
        del self._entries[id(key)]

    def __iter__(self) -> Iterator[Any]:
        return (key for key, _ in list(self._entries.values()))

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: Any) -> bool:
        return id(key) in self._entries


class ObjectIdentitySet(MutableSet):
    """A set whose members are told apart by identity."""

    def __init__(self, *given: Any) -> None:
        self._members = {id(member): member for members in given for member in members}

    def __contains__(self, member: Any) -> bool:
        return id(member) in self._members

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._members.values()))

    def __len__(self) -> int:
        return len(self._members)

    def add(self, value: Any) -> None:
        """Add a member."""
        self._members[id(value)] = value

    def discard(self, value: Any) -> None:
        """Remove a member if it is there."""
        self._members.pop(id(value), None)


class DistributedVariable:
    """A variable with a copy on each device. There is none: a variable of kjax is one array, whatever the mesh."""


class NoDependency:
    """Marks a value that is set as an attribute without being tracked.

    Args:
        value: the value.
    """

    def __init__(self, value: Any) -> None:
        self.value = value


def wrap_or_unwrap(value: Any) -> Any:
    """The value behind :class:`NoDependency`; lists and dicts as they are."""
    return value.value if isinstance(value, NoDependency) else value


def remove_undocumented(module_name: str, allowed_exception_list: Any = None, doc_string_modules: Any = None) -> None:
    """Leave a module's names as they are."""


def make_all(module_name: str, doc_string_modules: Any = None) -> list[str]:
    """The public names of a module."""
    import sys

    module: types.ModuleType = sys.modules[module_name]
    return [name for name in dir(module) if not name.startswith("_")]


def assign_moving_average(variable: Any, value: Any, decay: Any, zero_debias: bool = True, name: Any = None) -> Any:
    """Move a variable towards a value: ``variable -= (1 - decay) * (variable - value)``.

    Args:
        variable: changed.
        value: a tensor of its shape.
        decay: part of the variable that stays.
        zero_debias: take out the bias of a beginning at zero, which is refused: it needs further variables.
        name: of the operation; nothing is named after it.

    Raises:
        NotImplementedError: ``zero_debias`` is True, as it is where it is not given.
    """
    if zero_debias:
        raise NotImplementedError(
            "assign_moving_average: zero_debias=True is not there; give zero_debias=False, or use tf.train.ExponentialMovingAverage"
        )
    return variable.assign_sub((1.0 - decay) * (variable - value))


def assert_broadcastable(weights: Any, values: Any) -> None:
    """Check that weights are one number, or have for each axis of the values its length or 1.

    Args:
        weights: a tensor.
        values: a tensor.

    Raises:
        ValueError: they do not.
    """
    given, wanted = tuple(np.shape(unwrap(weights))), tuple(np.shape(unwrap(values)))
    fits = len(given) == len(wanted) and all(a in (1, b) for a, b in zip(given, wanted, strict=True))
    if given and not fits:
        raise ValueError(f"weights of shape {given} cannot be broadcast to values of shape {wanted}")


def broadcast_weights(weights: Any, values: Any) -> Any:
    """Weights in the shape of values, see :func:`assert_broadcastable`."""
    assert_broadcastable(weights, values)
    return apply(lambda w, v: jnp.broadcast_to(w, v.shape), (weights, values), {}, "broadcast_weights")


def concat_shapes(prefix: Any, suffix: Any, static: bool = False) -> list[int]:
    """Two parts of a shape, each a number or several, as one.

    Args:
        prefix: such as the size of the batch.
        suffix: such as the length of a state.
        static: taken for compatibility: shapes are known here.
    """
    return [int(size) for part in (prefix, suffix) for size in np.atleast_1d(np.asarray(unwrap(part))).tolist()]
