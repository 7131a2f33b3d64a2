"""`tf.function`: a function of a script as one compiled program.

The function is traced with its tensors as arguments. Which variables it reads and sets is found by tracing it once with a
scope that takes in every variable it meets; layers, metrics and optimizers that are made on their first use are made then.
What cannot be traced, because it looks at values, runs as it is, step by step.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from kjax.keras.core import scope as scopes
from kjax.keras.core.settings import next_key
from kjax.keras.core.tensor import symbolic_leaves
from kjax.keras.core.variable import Variable
from kjax.keras.legacy.tensorflow.tensor import Sizes, Tensor, is_leaf, is_text, tapes, unwrap, wrap
from kjax.nn.dtypes import abstract

MOST_PROGRAMS = 16
"""A function that is called with ever new sizes or numbers is not compiled for more of them."""


class _Eager:
    on = False


def run_functions_eagerly(run_eagerly: bool) -> None:
    """``tf.config.run_functions_eagerly``: whether functions run step by step, with real values."""
    _Eager.on = bool(run_eagerly)


def functions_run_eagerly() -> bool:
    """What :func:`run_functions_eagerly` set."""
    return _Eager.on


def executing_eagerly() -> bool:
    """Whether there are values, which there are none of while a function is compiled."""
    return scopes.current() is None


class Gathering(scopes.Scope):
    """A scope that takes in every variable that is read or set, and remembers which."""

    def __init__(self, known: list[Variable], values: list[Any], key: Any) -> None:
        super().__init__({id(v): value for v, value in zip(known, values, strict=True)}, key=key, records=True)
        self.met: dict[int, Variable] = {id(v): v for v in known}

    def holder_of(self, variable: Any) -> scopes.Scope:
        """This scope: a variable that it does not know becomes known, as zeros of its shape."""
        if id(variable) not in self.values:
            self.met[id(variable)] = variable
            self.values[id(variable)] = jnp.zeros(variable.shape, variable.dtype)
        return self


class Program:
    """A function compiled for arguments of certain sizes.

    Args:
        function: the function.
        structure: how its arguments unflatten.
        leaves: the arguments flat; the arrays among them are what it is called with.
        places: where the arrays are.
    """

    def __init__(self, function: Callable[..., Any], structure: Any, leaves: list[Any], places: list[int]) -> None:
        self.function, self.structure, self.places = function, structure, places
        self.leaves = [None if i in places else leaf for i, leaf in enumerate(leaves)]
        self.variables: list[Variable] = []
        self.changed: list[Variable] = []
        self.outputs: Any = None
        arrays = [_abstract(leaves[i]) for i in places]
        for _ in range(5):
            before = [id(v) for v in self.variables]
            values = [jax.ShapeDtypeStruct(v.shape, jnp.dtype(v.dtype)) for v in self.variables]
            jax.eval_shape(self._run, values, arrays, jax.random.key(0))
            if [id(v) for v in self.variables] == before:
                break
        self._compiled = jax.jit(self._run)

    def _run(self, values: list[Any], arrays: list[Any], key: Any) -> Any:
        scope = Gathering(self.variables, values, key)
        with scopes.enter(scope):
            filled = list(self.leaves)
            for place, array in zip(self.places, arrays, strict=True):
                filled[place] = Tensor(array)
            args, kwargs = jax.tree.unflatten(self.structure, filled)
            found, structure = jax.tree.flatten(self.function(*args, **kwargs), is_leaf=is_leaf)
        plain = [leaf if isinstance(leaf, Variable) else unwrap(leaf) for leaf in found]
        traced = [isinstance(leaf, (jax.Array, np.ndarray)) and not isinstance(leaf, Sizes) for leaf in plain]
        self.outputs = structure, [None if t else leaf for leaf, t in zip(plain, traced, strict=True)], traced
        self.variables = list(scope.met.values())
        self.changed = [v for v in self.variables if id(v) in scope.changed]
        results = [leaf for leaf, t in zip(plain, traced, strict=True) if t]
        return results, [scope.values[id(v)] for v in self.changed]

    def __call__(self, arrays: list[Any]) -> Any:
        """Run it: variables are set, tensors returned."""
        values = [v.stored_value() for v in self.variables]
        known = len(values)
        results, after = self._compiled(values, arrays, next_key())
        if len(self.variables) != known:
            raise NotTraceable("the function meets other variables each time it is traced")
        for variable, value in zip(self.changed, after, strict=True):
            variable.assign(value)
        structure, rest, traced = self.outputs
        given = iter(results)
        return jax.tree.unflatten(
            structure, [wrap(next(given)) if t else leaf for leaf, t in zip(rest, traced, strict=True)]
        )


class NotTraceable(Exception):
    """A function must run step by step."""


class Function:
    """What ``tf.function`` makes of a function; as a method it belongs to an object.

    Args:
        python_function: the function.
        input_signature: accepted.
    """

    def __init__(self, python_function: Callable[..., Any], input_signature: Any = None) -> None:
        functools.update_wrapper(self, python_function)
        self.python_function = python_function
        self.input_signature = input_signature
        self._programs: dict[Any, Program] = {}
        self._as_it_is = False

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return self if owner is None else functools.partial(self, owner)

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> Function:
        """The function."""
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        function = self.python_function
        if self._as_it_is or _Eager.on or scopes.current() is not None or any(tape.recording for tape in tapes):
            return function(*args, **kwargs)
        if symbolic_leaves((args, kwargs)):
            return function(*args, **kwargs)
        leaves, structure = jax.tree.flatten((args, kwargs), is_leaf=is_leaf)
        places = [i for i, leaf in enumerate(leaves) if _is_array(leaf)]
        key = _key(leaves, places, structure)
        if key is None:
            return function(*args, **kwargs)
        program = self._programs.get(key)
        if program is None:
            if len(self._programs) >= MOST_PROGRAMS:
                return function(*args, **kwargs)
            try:
                program = self._programs[key] = Program(function, structure, leaves, places)
            except Exception:  # whatever is wrong, it shows where values are real, at the line of the script
                self._as_it_is = True
                return function(*args, **kwargs)
        try:
            return program([jnp.asarray(unwrap(leaves[i])) for i in places])
        except NotTraceable:
            self._as_it_is = True
            return function(*args, **kwargs)


def function(func: Any = None, input_signature: Any = None, **options: Any) -> Any:
    """``tf.function``: a function that is compiled as a whole.

    Args:
        func: the function; without it a decorator is returned.
        input_signature: accepted.
        **options: ``jit_compile``, ``autograph``, ``reduce_retracing`` and the like are accepted.
    """
    if func is None:
        return lambda f: function(f, input_signature)
    return func if isinstance(func, Function) else Function(func, input_signature)


def _is_array(leaf: Any) -> bool:
    value = leaf.value if isinstance(leaf, Tensor) else leaf
    if isinstance(leaf, Variable) or isinstance(value, (Tracer, Sizes)):
        return False
    return isinstance(value, (jax.Array, np.ndarray)) and not is_text(value) and value.dtype != object


def _abstract(leaf: Any) -> Any:
    return abstract(unwrap(leaf))


def _key(leaves: list[Any], places: list[int], structure: Any) -> Any:
    """What a program is compiled for; None where an argument cannot be told from another."""
    found: list[Any] = [structure]
    arrays = set(places)
    for i, leaf in enumerate(leaves):
        if i in arrays:
            value = unwrap(leaf)
            found.append((value.shape, str(value.dtype)))
        elif isinstance(leaf, (Tensor, Tracer, np.ndarray)):
            return None
        elif leaf is None or isinstance(leaf, (bool, int, float, str, bytes)):
            found.append((type(leaf), leaf))
        else:
            found.append(_Same(leaf))
    return tuple(found)


class _Same:
    """An object as a part of a key: compared by identity, and kept alive."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.thing is self.thing

    def __hash__(self) -> int:
        return id(self.thing)
