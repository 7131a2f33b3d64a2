"""`tf.function`: a function of a script as one compiled program.

The function is traced with its tensors as arguments. Which variables it reads and sets is found by tracing it once with a
scope that takes in every variable it meets; layers, metrics and optimizers that are made on their first use are made then.
What cannot be traced, because it looks at values, runs as it is, step by step.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
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
from kjax.keras.core.wide import is_wide, types_of
from kjax.keras.legacy.tensorflow import checks
from kjax.keras.legacy.tensorflow.arrays import convert_to_tensor
from kjax.keras.legacy.tensorflow.specs import TensorSpec
from kjax.keras.legacy.tensorflow.tensor import Sizes, Tensor, is_leaf, is_text, tapes, unwrap, wrap
from kjax.keras.legacy.tensorflow.variables import MadeInTrace

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

    optional = keeps_wide = True
    """What cannot be traced in it runs step by step."""
    checked = False
    """Whether there are assertions in it."""
    made_wide = False
    """Whether arrays of 64 bits were made in it."""

    def __init__(self, known: list[Variable], values: list[Any], key: Any) -> None:
        super().__init__({id(v): value for v, value in zip(known, values, strict=True)}, key=key, records=True)
        self.met: dict[int, Variable] = {id(v): v for v in known}

    def holder_of(self, variable: Any) -> scopes.Scope:
        """This scope: a variable that it does not know becomes known, as zeros of its shape."""
        if id(variable) not in self.values:
            self.met[id(variable)] = variable
            with types_of(variable.stored_dtype):
                self.values[id(variable)] = jnp.zeros(variable.shape, variable.dtype)
        return self


class Program:
    """A function compiled for arguments of certain sizes.

    Args:
        function: the function.
        structure: how its arguments unflatten.
        leaves: the arguments flat; the arrays among them are what it is called with.
        places: where the arrays are.
        quiet: whether it was traced before, for other sizes of the same signature: what it prints meanwhile is not shown.
    """

    def __init__(
        self, function: Callable[..., Any], structure: Any, leaves: list[Any], places: list[int], quiet: bool = False
    ) -> None:
        self.function, self.structure, self.places = function, structure, places
        self.leaves = [None if i in places else leaf for i, leaf in enumerate(leaves)]
        self._shapes = {i: leaves[i].named[1] for i in places if hasattr(leaves[i], "named")}
        self.variables: list[Variable] = []
        self.changed: list[Variable] = []
        self.outputs: Any = None
        self.traced = quiet
        self.names = _names_of(function, jax.tree.unflatten(structure, range(len(leaves))))
        self.checked = False
        arrays = [jax.ShapeDtypeStruct(leaves[i].shape, unwrap(leaves[i]).dtype) for i in places]
        self.wide = any(map(is_wide, arrays))
        self._compiled = jax.jit(self._run)
        for _ in range(5):
            before = [id(v) for v in self.variables], self.wide
            values = [jax.ShapeDtypeStruct(v.shape, jnp.dtype(v.dtype)) for v in self.variables]
            unseen = contextlib.redirect_stdout(io.StringIO()) if self.traced else contextlib.nullcontext()
            with jax.enable_x64(self.wide), unseen:  # the script is to see one tracing
                self._compiled.eval_shape(values, arrays, jax.random.key(0))  # the last of these is what will run
            if ([id(v) for v in self.variables], self.wide) == before:
                break

    def _run(self, values: list[Any], arrays: list[Any], key: Any) -> Any:
        scope = Gathering(self.variables, values, key)
        self.traced = True
        with scopes.enter(scope), jax.enable_x64(False):  # each function that makes 64 bits says so
            filled = list(self.leaves)
            for place, array in zip(self.places, arrays, strict=True):
                filled[place] = tensor = Tensor(array)
                tensor.named = self.names.get(place, "args"), self._shapes.get(place, tensor.shape)
            args, kwargs = jax.tree.unflatten(self.structure, filled)
            found, structure = jax.tree.flatten(self.function(*args, **kwargs), is_leaf=is_leaf)
            plain = [unwrap(leaf) for leaf in found]
        traced = [isinstance(leaf, (jax.Array, np.ndarray)) and not isinstance(leaf, Sizes) for leaf in plain]
        rest = [None if t else _as_tensor(leaf) for leaf, t in zip(plain, traced, strict=True)]
        self.outputs = structure, rest, traced
        self.checked = scope.checked
        self.wide = self.wide or scope.made_wide or any(is_wide(v.stored_dtype) for v in scope.met.values())
        self.variables = list(scope.met.values())
        self.changed = [v for v in self.variables if id(v) in scope.changed]
        results = [leaf for leaf, t in zip(plain, traced, strict=True) if t]
        return results, [scope.values[id(v)] for v in self.changed]

    def __call__(self, arrays: list[Any]) -> Any:
        """Run it: variables are set, tensors returned."""
        values = [v.stored_value() for v in self.variables]
        known = len(values)
        with jax.enable_x64(self.wide):
            results, after = self._compiled(values, arrays, next_key())
        if self.checked:
            jax.effects_barrier()
            if checks.failures:
                failure = checks.failures[0]
                checks.failures.clear()
                raise ValueError(failure)
        if len(self.variables) != known:
            raise NotTraceable("the function meets other variables each time it is traced")
        for variable, value in zip(self.changed, after, strict=True):
            variable.assign(value)
        structure, rest, traced = self.outputs
        given = iter(results)
        return jax.tree.unflatten(
            structure, [wrap(next(given)) if t else leaf for leaf, t in zip(rest, traced, strict=True)]
        )


def _names_of(function: Callable[..., Any], numbered: tuple[Any, Any]) -> dict[int, str]:
    """The names of the arguments that hold certain leaves."""
    try:
        given = inspect.signature(function).bind(*numbered[0], **numbered[1]).arguments
    except (TypeError, ValueError):  # the call says itself what is wrong with its arguments
        return {}
    return {leaf: name for name, tree in given.items() for leaf in jax.tree.leaves(tree) if isinstance(leaf, int)}


def _as_tensor(leaf: Any) -> Any:
    """What a function returns: numbers and sizes are tensors."""
    if isinstance(leaf, Sizes):
        return Tensor(jnp.asarray(np.asarray(leaf)))
    return convert_to_tensor(leaf) if isinstance(leaf, (bool, int, float, str, bytes, np.generic, np.ndarray)) else leaf


def _as_tensors(found: Any) -> Any:
    return jax.tree.map(_as_tensor, unwrapped_variables(found), is_leaf=is_leaf)


def unwrapped_variables(found: Any) -> Any:
    """A tree in which tensors take the places of variables."""
    return jax.tree.map(lambda leaf: wrap(unwrap(leaf)) if isinstance(leaf, Variable) else leaf, found, is_leaf=is_leaf)


class NotTraceable(Exception):
    """A function must run step by step."""


class SignatureError(TypeError, ValueError):
    """Arguments that do not fit an ``input_signature``; TensorFlow raised the one or the other."""


class Method:
    """A function as a method of an object.

    Args:
        function: the function.
        owner: the object.
    """

    def __init__(self, function: Function, owner: Any) -> None:
        functools.update_wrapper(self, function.python_function)
        self._function, self.__self__ = function, owner

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(self.__self__, *args, **kwargs)

    @property
    def python_function(self) -> Any:
        """The function as it was written, as a method."""
        return functools.partial(self._function.python_function, self.__self__)

    @property
    def input_signature(self) -> Any:
        """What it was made with."""
        return self._function.input_signature

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> ConcreteFunction:
        """See :meth:`Function.get_concrete_function`."""
        return ConcreteFunction(self, args, kwargs)


class ConcreteFunction:
    """A function for arguments of certain kinds.

    Args:
        function: the function.
        args: its arguments, a ``tf.TensorSpec`` where a tensor will be given.
        kwargs: the same, by name.
    """

    def __init__(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not args and not kwargs and function.input_signature is not None:
            args = tuple(function.input_signature)
        self._function, self._args, self._kwargs = function, args, kwargs
        self.name = getattr(function, "__name__", "function")

    @property
    def structured_input_signature(self) -> tuple[Any, Any]:
        """The arguments."""
        return self._args, self._kwargs

    @property
    def inputs(self) -> list[Any]:
        """The specs of its tensors."""
        return [leaf for leaf in jax.tree.leaves(self.structured_input_signature, is_leaf=_is_spec) if _is_spec(leaf)]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        given, named = iter(args), dict(kwargs)
        filled = [next(given, value) if _is_open(value) else value for value in self._args]
        rest = {
            key: (named.pop(key) if key in named else next(given, value)) if _is_open(value) else value
            for key, value in self._kwargs.items()
        }
        return self._function(*filled, *given, **rest, **named)

    def __repr__(self) -> str:
        return f"ConcreteFunction {self.name}{self.structured_input_signature}"


def _is_spec(thing: Any) -> bool:
    return isinstance(thing, TensorSpec)


def _present(dtype: Any) -> str:
    """The name of a type."""
    return getattr(dtype, "name", str(dtype))


def _is_open(value: Any) -> bool:
    """Whether a tensor will stand in the place of an argument."""
    return any(map(_is_spec, jax.tree.leaves(value, is_leaf=_is_spec)))


class Function:
    """What ``tf.function`` makes of a function; as a method it belongs to an object.

    Args:
        python_function: the function.
        input_signature: a ``tf.TensorSpec`` for each argument (or trees of them): what is called with others is refused.
    """

    def __init__(self, python_function: Callable[..., Any], input_signature: Any = None) -> None:
        functools.update_wrapper(self, python_function)
        self.python_function = python_function
        self.input_signature = input_signature
        self._programs: dict[Any, Program] = {}
        self._as_it_is = False
        self._is_method = next(iter(inspect.signature(python_function).parameters), "") == "self"

    def _fitting(self, given: tuple[Any, ...]) -> tuple[Any, ...]:
        """Arguments as tensors of the signature."""

        def fit(spec: Any, leaf: Any) -> Any:
            value = np.asarray(unwrap(leaf)) if not hasattr(leaf, "shape") else unwrap(leaf)
            text = is_text(value)
            dtype, wanted = "string" if text else str(value.dtype), _present(spec.dtype)
            fits = spec.any_shape or spec.shape.is_compatible_with(tuple(value.shape))
            if not fits or text != (wanted == "string") or (isinstance(leaf, Tensor) and _present(dtype) != wanted):
                raise SignatureError(
                    f"{self.python_function.__name__}: its input_signature asks for {spec}, received a tensor of shape "
                    f"{tuple(value.shape)} and type {dtype}"
                )
            if isinstance(leaf, Variable) or text:
                return leaf
            tensor = Tensor(_on_device(value.astype(wanted)))
            tensor.named = spec.name or "args", spec.shape
            return tensor

        specs = tuple(self.input_signature)[: len(given)]
        return (*jax.tree.map(fit, specs, given[: len(specs)], is_leaf=_is_spec), *given[len(specs) :])

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return self if owner is None else Method(self, owner)

    def experimental_get_tracing_count(self) -> int:
        """How many kinds of arguments it was compiled for."""
        return len(self._programs)

    def pretty_printed_concrete_signatures(self) -> str:
        """The kinds of arguments that it was compiled for, a line each."""
        return "\n".join(f"{self.python_function.__name__}{key[1:]}" for key in self._programs)

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> ConcreteFunction:
        """The function for arguments of certain kinds.

        Args:
            *args: a ``tf.TensorSpec`` where a tensor will be given; other values are kept.
            **kwargs: the same, by name.
        """
        return ConcreteFunction(self, args, kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.input_signature is not None:
            owner = int(self._is_method)
            args = (*args[:owner], *self._fitting(args[owner:]))
        function = self.python_function
        if _Eager.on or scopes.is_drawing() or symbolic_leaves((args, kwargs)):
            return function(*args, **kwargs)
        if self._as_it_is or scopes.current() is not None or any(tape.recording for tape in tapes):
            return _as_tensors(function(*args, **kwargs))
        leaves, structure = jax.tree.flatten((args, kwargs), is_leaf=is_leaf)
        places = [i for i, leaf in enumerate(leaves) if _is_array(leaf)]
        key = _key(leaves, places, structure)
        if key is None:
            return _as_tensors(function(*args, **kwargs))
        program = self._programs.get(key)
        if program is None:
            if len(self._programs) >= MOST_PROGRAMS:
                return _as_tensors(function(*args, **kwargs))
            try:
                program = self._programs[key] = Program(
                    function, structure, leaves, places, bool(self._programs) and self.input_signature is not None
                )
            except MadeInTrace:  # the first call makes its variables, the next can be compiled
                return _as_tensors(function(*args, **kwargs))
            except Exception:  # whatever is wrong, it shows where values are real, at the line of the script
                self._as_it_is = True
                return _as_tensors(function(*args, **kwargs))
        try:
            return program([_on_device(unwrap(leaves[i])) for i in places])
        except NotTraceable:
            self._as_it_is = True
            return _as_tensors(function(*args, **kwargs))


def function(func: Any = None, input_signature: Any = None, **options: Any) -> Any:
    """``tf.function``: a function that is compiled as a whole.

    Args:
        func: the function; without it a decorator is returned.
        input_signature: a ``tf.TensorSpec`` for each argument: what is called with others is refused.
        **options: ``jit_compile``, ``autograph``, ``reduce_retracing`` and the like are accepted.
    """
    if func is None:
        return lambda f: function(f, input_signature)
    return func if isinstance(func, Function) else Function(func, input_signature)


def to_code(entity: Any = None, *args: Any, **options: Any) -> str:
    """``tf.autograph.to_code``: the source of a function, which runs as it is here."""
    return inspect.getsource(getattr(entity, "python_function", entity)) if callable(entity) else ""


def _is_array(leaf: Any) -> bool:
    value = leaf.value if isinstance(leaf, Tensor) else leaf
    if isinstance(leaf, Variable) or isinstance(value, (Tracer, Sizes)):
        return False
    return isinstance(value, (jax.Array, np.ndarray)) and not is_text(value) and value.dtype != object


def _on_device(array: Any) -> Any:
    with types_of(array):
        return jnp.asarray(array)


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
