"""Variables: boxes with reference semantics that hold a weight, wherever its truth lies at the moment."""

from __future__ import annotations

import functools
import itertools
import math
import re
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array

from kjax.data.arrays import aligned_empty
from kjax.keras.core import scope, structure
from kjax.keras.core.doors import effects, names, nodes, sessions
from kjax.keras.core.name_scopes import current_path
from kjax.keras.core.settings import next_key, numbered_key, settings, unique_name
from kjax.keras.core.shapes import TensorShape
from kjax.keras.core.wide import types_of
from kjax.keras.legacy import tensor_names
from kjax.nn import initializers
from kjax.nn.drawing import on_device
from kjax.nn.dtypes import cast_floating
from kjax.nn.ops import elementwise, numpy


class Live(Protocol):
    """A running training that holds the truth of some variables."""

    def read(self, variable: Variable) -> Array:
        """The present value (a copy: the training goes on with its own)."""
        ...

    def numpy(self, variables: Sequence[Variable]) -> list[np.ndarray]:
        """The present values, copied once."""
        ...

    def write(self, variables: Sequence[Variable], values: Sequence[Array]) -> None:
        """Replace the values that the training goes on with."""
        ...


@functools.partial(jax.jit, static_argnums=(0, 2, 3))
def _draw(initializer: Any, key: Array, shape: tuple[int, ...], dtype: str) -> Array:
    return initializer(key, shape, jnp.dtype(dtype))


def initial_value(initializer: Any, key: Array | None, shape: tuple[int, ...], dtype: str) -> Array:
    """The value an initializer gives: constants through the host, so that nothing is compiled for them."""
    if isinstance(initializer, (initializers.Zeros, initializers.Ones)):
        make = np.zeros if isinstance(initializer, initializers.Zeros) else np.ones
        return on_device(make(shape, jax.dtypes.canonicalize_dtype(jnp.dtype(dtype))))
    key = next_key() if key is None else key
    if not getattr(initializer, "traceable", True):  # a user's function may draw from generators of its own
        with scope.computing():
            return jnp.asarray(initializer(key, shape, jnp.dtype(dtype)), dtype)
    try:
        hash(initializer)
    except TypeError:
        with scope.computing():
            return jnp.asarray(initializer(key, shape, jnp.dtype(dtype)), dtype)
    if getattr(initializer, "shares_programs", False) and jax.default_backend() == "cpu":
        return jnp.asarray(initializer(key, shape, jnp.dtype(dtype)), dtype)
    return jnp.asarray(_draw(initializer, key, shape, dtype), dtype)


def own_memory(value: Any, dtype: Any) -> np.ndarray:
    """A copy of an array in a type, in memory that JAX can go on using."""
    value = np.asarray(value)
    memory = aligned_empty(value.shape, jax.dtypes.canonicalize_dtype(jnp.dtype(dtype)))
    np.copyto(memory, value, casting="unsafe")
    return memory


def device_array(value: Any, dtype: Any) -> Array:
    """An array of JAX in a type; for one of NumPy, whose owner may go on to change it, nothing is compiled for its shape."""
    return jax.device_put(own_memory(value, dtype)) if isinstance(value, np.ndarray) else jnp.asarray(value, dtype)


_made: weakref.WeakValueDictionary[tuple[int, int], Variable] = weakref.WeakValueDictionary()
_count = itertools.count()


def all_variables() -> list[Variable]:
    """The variables that were made since the session was cleared, in order."""
    return [variable for (session, _), variable in sorted(_made.items()) if session == settings.sessions]


def bring_back(variables: Iterable[Variable]) -> None:
    """Let variables of a session that was cleared be those of the present one."""
    for variable in variables:
        variable._session = settings.sessions
        _made[settings.sessions, next(_count)] = variable


class Variable:
    """A weight, or another value that a layer keeps.

    Its value is made when it is first read, so that building a model and then loading weights allocates nothing twice.

    Args:
        initializer: an array-like value, or an initializer (name, value, function) together with ``shape``.
        shape: its shape.
        dtype: its type; the session's float type by default.
        trainable: whether training changes it.
        autocast: whether layers read it in the type that they compute in.
        aggregation: ``'none'``, ``'mean'``, ``'sum'`` or ``'only_first_replica'``; kept for compatibility: there is one
            value, whatever the number of devices.
        synchronization: ``'none'``, ``'on_read'``, ``'on_write'`` or ``'auto'``; likewise.
        name: its name.
        layout: accepted for compatibility, see ``keras.distribution``.
        regularizer: penalty on it.
        constraint: projection after each update.
        path: its place, for messages and files; the names of the scopes around and its own by default.

    Raises:
        ValueError: a name with a slash, an initializer without a shape, or an unknown choice.
    """

    short_name: str = ""
    """What it is called in its layer."""
    path: str = ""
    older_name: str | None = None
    """What it is called in the eras of Keras 1 and 2, where that does not follow from its place."""
    is_counted: bool = False
    """Whether its name was counted up: layers that are alike call it ``variable`` among theirs."""
    is_of_graph: bool = False
    """Whether a script of TensorFlow made it: its name is that of the scopes."""
    aggregation: str = "none"
    synchronization: str = "auto"

    def __init__(
        self,
        initializer: Any,
        shape: tuple[int, ...] | None = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str = "none",
        synchronization: str = "auto",
        name: str | None = None,
        layout: Any = None,
        *,
        regularizer: Any = None,
        constraint: Any = None,
        path: str | None = None,
    ) -> None:
        del layout
        self.is_counted = name is None
        name = name or unique_name("variable")
        if not isinstance(name, str) or ("/" in name and settings.refuses_slashes):
            raise ValueError(
                f"Variable: argument `name` must be a string and cannot contain character `/`, received {name!r}"
            )
        self.short_name = name
        self.made_in = current_path()
        around = scope.path_here() if settings.era == "3" else ""
        self.path = path or "/".join(filter(None, (around, self.made_in, name)))
        self._session = settings.sessions
        _made[self._session, next(_count)] = self
        self.aggregation = _chosen("aggregation", aggregation, ("none", "mean", "sum", "only_first_replica"))
        self.synchronization = _chosen("synchronization", synchronization, ("none", "on_read", "on_write", "auto"))
        self.trainable = bool(trainable)
        self.autocast = bool(autocast)
        self._overwrite_with_gradient = False
        self._regularizer = self._constraint = None
        self.regularizer = regularizer
        self.constraint = constraint
        self.frozen = False  # True for a weight that stays what it is although its layer is trained
        self.overwrite_with_gradient = False  # True for a value whose "gradient" is the value after the step
        self._live: Live | None = None
        self._value: Any = None
        self._first: Any = None  # the value it was made from, where `renew` gives it back
        self._initializer: Any = None
        if shape is None and not isinstance(initializer, (str, dict)) and not _is_initializer(initializer):
            array = np.asarray(initializer) if not isinstance(initializer, jax.Array) else initializer
            if dtype is None:
                dtype = settings.floatx if np.issubdtype(array.dtype, np.floating) else array.dtype
            with jax.ensure_compile_time_eval():  # a variable made while something is traced has a value all the same
                self._value = device_array(array, jax.dtypes.canonicalize_dtype(jnp.dtype(dtype)))
            self._shape, self._dtype = tuple(self._value.shape), str(self._value.dtype)
            return
        if shape is None:
            raise ValueError(f"Variable {self.name!r}: with an initializer the `shape` argument should be specified")
        self._initializer = initializers.get(initializer)
        if any(size is None for size in shape):
            raise ValueError(
                f"Variable {self.path!r}: its shape must be fully-defined (no `None` dimensions), received {tuple(shape)}"
            )
        self._shape = tuple(int(s) for s in shape)
        self._dtype = str(jax.dtypes.canonicalize_dtype(jnp.dtype(dtype or settings.floatx)))
        if not isinstance(self._initializer, (initializers.Zeros, initializers.Ones)):
            self._draw_number = settings.draws = settings.draws + 1
            self._seed = settings.seed

    @property
    def name(self) -> str:
        """What it is called in its layer; before Keras 3, with TensorFlow, that was a path such as ``dense_1/kernel:0``."""
        if settings.era == "3":
            return self.short_name
        if self.older_name is not None and settings.era in ("1", "2"):
            return f"{self.older_name}:0"
        hides_cells = settings.era in ("1", "2") and not self.is_of_graph
        path = re.sub(r"[^/]*_cell(_\d+)?/", "", self.path) if hides_cells else self.path
        if settings.era == "1" and not self.is_of_graph:
            path = tensor_names.weight_of_keras1(path)
        return f"{path}:0"

    @name.setter
    def name(self, name: str) -> None:
        self.short_name = name

    @property
    def op(self) -> Any:
        """Its operation in the graph (TensorFlow 1)."""
        return names.operation_of(self)

    def eval(self, session: Any = None, feed_dict: Any = None) -> Any:
        """Its value in a session, as a NumPy array (TensorFlow 1)."""
        del feed_dict
        return (session or sessions.get_session()).run(self)

    @property
    def graph(self) -> Any:
        """The graph that it is in (TensorFlow 1)."""
        return names.graph_of_session(self._session)

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape; before Keras 3 with the methods of TensorFlow's."""
        return self._shape if settings.era == "3" else TensorShape(self._shape)

    @property
    def dtype(self) -> str:
        """Name of the type in which it is read: that in which it is stored, or in which the layer around computes."""
        active = scope.current()
        if active is not None and active.autocast is not None and self.autocast and "float" in self._dtype:
            return scope.named_type(active.autocast)
        return scope.named_type(self._dtype)

    @property
    def device(self) -> str:
        """Where it lies, as TensorFlow names it."""
        return f"/job:localhost/replica:0/task:0/device:{jax.default_backend().upper()}:0"

    @property
    def stored_dtype(self) -> str:
        """Name of the type in which it is stored."""
        return self._dtype

    @property
    def trainable(self) -> bool:
        """Whether training changes it."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: Any) -> None:
        self._trainable = bool(value)
        structure.changed()

    @property
    def regularizer(self) -> Any:
        """The penalty on it, or None."""
        return self._regularizer

    @regularizer.setter
    def regularizer(self, value: Any) -> None:
        self._regularizer = self._function("regularizer", value)

    @property
    def constraint(self) -> Any:
        """The projection after each update, or None."""
        return self._constraint

    @constraint.setter
    def constraint(self, value: Any) -> None:
        self._constraint = self._function("constraint", value)

    def _function(self, what: str, value: Any) -> Any:
        if value is not None and not callable(value):
            raise ValueError(
                f"Invalid value for attribute `{what}` of variable {self.path!r}: Expected a callable or `None`, received {value!r}"
            )
        return value

    @property
    def overwrite_with_gradient(self) -> bool:
        """Whether training takes its gradient for its new value, as the scales of 8-bit floats need it."""
        return self._overwrite_with_gradient

    @overwrite_with_gradient.setter
    def overwrite_with_gradient(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise TypeError(f"`overwrite_with_gradient` must be a boolean, received {value!r}")
        self._overwrite_with_gradient = value

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self._shape)

    @property
    def value(self) -> Array:
        """The present value, wherever it lies: in a running training, in a traced call, or here.

        Before Keras 3 it was a method: scripts that use TensorFlow get a tensor that may be called.
        """
        if scope.recorder is not None and settings.era != "3" and scope.read_by_script():
            return scope.recorder.reading(self)
        active = scope.current()
        if active is not None and active.autocast is not None and self.autocast:
            return cast_floating(self.stored_value(), active.autocast)
        return self.stored_value()

    def stored_value(self) -> Array:
        """The present value in the type in which it is stored, also inside a layer that computes in another."""
        active = scope.current()
        if active is not None:
            holder = active.holder_of(self)
            if holder is not None:
                return holder.read(self)
            if active.abstract:
                return jnp.zeros(self._shape, self._dtype)
        if self._live is not None:
            return self._live.read(self)
        if self._value is None:
            with jax.ensure_compile_time_eval():
                self._value = self.fresh_value()
        return self._value

    @property
    def sharding(self) -> Any:
        """How its value lies on the devices; None for one that has not been made, which asking does not change."""
        made = self._live is not None or self._value is not None
        return getattr(self.stored_value(), "sharding", None) if made else None

    def fresh_value(self) -> Array:
        """A new initial value; always the same one for this variable in this session."""
        if self._initializer is None:  # made from a value, which is all that is known of it
            return self.stored_value()
        key = None
        if hasattr(self, "_seed"):
            key = numbered_key(self._seed, self._draw_number)
        return initial_value(self._initializer, key, self._shape, self._dtype)

    @property
    def initializer(self) -> Any:
        """What gives the first value, or None; in a graph the operation that gives the variable a new one."""
        return effects.call(self.renew, f"{self.short_name}/initializer") if scope.is_drawing() else self._initializer

    def renew(self) -> None:
        """Give it a new first value, where it has had one: another draw of its initializer, or what it was made from."""
        if self._first is not None:
            self.assign(self._first() if callable(self._first) else self._first)
        elif self._initializer is not None and (self._value is not None or self._live is not None):
            if hasattr(self, "_seed"):
                self._draw_number = settings.draws = settings.draws + 1
            self.assign(self.fresh_value())

    def assign(self, value: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True) -> Array:
        """Set the value.

        Args:
            value: the value, of the variable's shape. Where a script draws a graph and this is a tensor of it, or another
                variable, the assignment is returned as an operation.
            use_locking: TensorFlow's, without a meaning here.
            name: the same.
            read_value: the same.

        Raises:
            ValueError: another shape.
        """
        if hasattr(value, "__symbolic__") or hasattr(value, "_keras_history"):
            if scope.is_drawing():
                return effects.update(self, value.__symbolic__() if hasattr(value, "__symbolic__") else value)
        value = value.value if isinstance(value, Variable) else value
        self.check_shape(value)
        with types_of(self._dtype):
            array = device_array(value, self._dtype)
        active = scope.current()
        holder = active.holder_of(self) if active is not None else None
        if active is not None and (holder is not None or active.abstract or active.keeps or isinstance(array, Tracer)):
            holder = holder or active
            holder.values[id(self)] = array
            holder.changed[id(self)] = array
        elif self._live is not None:
            self._live.write([self], [array])
        else:
            self._value = array
        return array

    def check_shape(self, value: Any) -> None:
        """Raise a ``ValueError`` unless a value has the variable's shape."""
        shape = tuple(np.shape(value))
        if shape != self._shape:
            raise ValueError(
                f"The shape of the target variable and the shape of the target value must match: variable {self.path!r} has "
                f"shape {self._shape}; a value of shape {shape} does not fit"
            )

    def assign_add(
        self, value: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> Array:
        """Add to the value; arguments as those of :meth:`assign`."""
        with types_of(self._dtype):
            return self.assign(self.value + jnp.asarray(value))

    def assign_sub(
        self, value: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> Array:
        """Subtract from the value; arguments as those of :meth:`assign`."""
        with types_of(self._dtype):
            return self.assign(self.value - jnp.asarray(value))

    def store(self, value: Array) -> None:
        """Take over a device array as it is (right shape and type, owned by nobody else)."""
        self._value = value

    def numpy(self) -> np.ndarray:
        """The value as a numpy array of its own; in tf.keras one number is a NumPy scalar."""
        live = self._live is not None and scope.current() is None
        array = self._live.numpy([self])[0] if live and self._live is not None else np.array(self.value)
        return array[()] if settings.era == "tf" and not self._shape else array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.numpy(), dtype)

    def __jax_array__(self) -> Array:
        return self.value

    def __len__(self) -> int:
        return self._shape[0]

    def _number(self) -> Any:
        if self._shape:
            raise TypeError(
                f"Only scalar arrays can be converted to Python scalars; variable {self.path!r} has shape {self._shape}"
            )
        return self.value

    def __float__(self) -> float:
        return float(self._number())

    def __int__(self) -> int:
        return int(self._number())

    def __index__(self) -> int:
        return int(self._number())

    def __bool__(self) -> bool:
        raise TypeError(
            f"A Keras Variable cannot be used as a boolean; of {self.path!r}, if it is one number, `bool(variable.numpy())` can"
        )

    def __getattr__(self, name: str) -> Any:
        # Reached for names that nothing has: where a script uses TensorFlow, those of its variables.
        if not name.startswith("_") and scope.recorder is not None:
            found = scope.recorder.member_of(self, name)
            if found is not None:
                return found
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    _uses_learning_phase = False

    @property
    def _keras_shape(self) -> tuple[int, ...]:
        """The shape, as Keras 1 and 2 kept it."""
        return self.shape

    @property
    def __call_later__(self) -> Callable[..., Any]:
        """Where a graph is drawn: makes a node of a function of arrays, among whose arguments the variable is."""
        if not scope.is_drawing():
            raise AttributeError("__call_later__")
        tensor = self.__symbolic__()
        return lambda function, *args: tensor.__call_later__(function, *(tensor if a is self else a for a in args))

    def __symbolic__(self) -> Any:
        """A symbolic tensor that stands for the value, whenever it is read."""
        return nodes.reading(self)

    def __getitem__(self, key: Any) -> Array:
        return self.__symbolic__()[key] if scope.is_drawing() else self.value[key]

    def __repr__(self) -> str:
        if settings.era in ("1", "2"):  # as TensorFlow 1 showed it
            return f"<tf.Variable {self.name!r} shape={self._shape} dtype={self.dtype}_ref>"
        if settings.era == "tf" and not isinstance(self._value, Tracer):
            shown = str(self.numpy()) if not self._shape else repr(self.numpy())
            shown = f"\n{shown}" if "\n" in shown else shown
            return f"<tf.Variable {self.name!r} shape={TensorShape(self._shape)} dtype={self._dtype}, numpy={shown}>"
        known = isinstance(self._value, jax.Array) and not isinstance(self._value, Tracer) and self._live is None
        shown = f", value={np.asarray(self._value)}" if known else ""
        return f"<Variable path={self.path}, shape={self._shape}, dtype={self.dtype}{shown}>"

    __hash__ = object.__hash__


def _chosen(argument: str, value: Any, known: tuple[str, ...]) -> str:
    value = "none" if value is None else value
    if value not in known:
        raise ValueError(
            f"Invalid value for argument `{argument}`: Expected one of {known} or None, received {value!r}"
        )
    return value


def _is_initializer(thing: Any) -> bool:
    return callable(thing) and not isinstance(thing, (jax.Array, np.ndarray, Variable))


def _operator(name: str, function: Callable[..., Any], reverse: bool = False) -> Callable[..., Any]:
    def apply(self: Variable, *others: Any) -> Any:
        if settings.era in ("1", "2"):
            if name in ("__eq__", "__ne__"):
                return (self is others[0]) == (name == "__eq__")
        if scope.is_drawing():
            return getattr(self.__symbolic__(), name)(*others)
        values = [o.value if isinstance(o, Variable) else o for o in others]
        if any(hasattr(v, "_keras_history") for v in values):
            return NotImplemented  # a symbolic tensor draws a node
        recorder = scope.recording()
        if recorder is not None:
            found = recorder.call_function(
                lambda value, *rest: function(*rest, value) if reverse else function(value, *rest), (self, *others), {}
            )
            return recorder.shown(found)
        return function(*values, self.value) if reverse else function(self.value, *values)

    return apply


_BINARY = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "true_divide",
    "floordiv": "floor_divide",
    "mod": "mod",
    "pow": "power",
    "and": "logical_and",
    "or": "logical_or",
    "xor": "logical_xor",
}
_OTHERS = {
    "eq": "equal",
    "ne": "not_equal",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "neg": "negative",
    "abs": "absolute",
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "pos": jnp.positive,
    "invert": jnp.invert,
    "round": lambda value, ndigits=None: elementwise.round(value, ndigits or 0),
}
for _name, _function in {**_BINARY, **_OTHERS}.items():
    _FUNCTIONS[_name] = getattr(elementwise, _function)
for _name, _compute in {**_FUNCTIONS, "matmul": numpy.matmul}.items():
    setattr(Variable, f"__{_name}__", _operator(f"__{_name}__", _compute))
    if _name in _BINARY or _name == "matmul":
        setattr(Variable, f"__r{_name}__", _operator(f"__r{_name}__", _compute, reverse=True))
Variable.__hash__ = object.__hash__  # type: ignore[method-assign]
