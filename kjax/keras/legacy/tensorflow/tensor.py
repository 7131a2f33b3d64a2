"""Eager tensors: every function of the stand-in goes through one door, which tells the open tapes how to go back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from kjax.keras.core import codes
from kjax.keras.core import masks as eager_masks
from kjax.keras.core import scope as scopes
from kjax.keras.core.doors import tensors
from kjax.keras.core.operation import apply_function
from kjax.keras.core.tensor import symbolic_leaves
from kjax.keras.core.updates import Effect, Update
from kjax.keras.core.variable import Variable
from kjax.keras.core.wide import is_wide, narrowed
from kjax.keras.legacy.tensorflow.dtype import DType


def true_divide(a: Any, b: Any) -> Any:
    """A quotient: of integers of 32 or 64 bits it is of 64 bits, where there are such."""
    wide = jax.config.jax_enable_x64 and all(jnp.result_type(x).name in ("int32", "int64") for x in (a, b))  # type: ignore[attr-defined]
    return jnp.true_divide(jnp.asarray(a, jnp.float64) if wide else a, b)


OPERATORS: dict[str, Callable[..., Any]] = {
    "__add__": jnp.add,
    "__radd__": lambda a, b: jnp.add(b, a),
    "__sub__": jnp.subtract,
    "__rsub__": lambda a, b: jnp.subtract(b, a),
    "__mul__": jnp.multiply,
    "__rmul__": lambda a, b: jnp.multiply(b, a),
    "__truediv__": true_divide,
    "__rtruediv__": lambda a, b: true_divide(b, a),
    "__floordiv__": jnp.floor_divide,
    "__rfloordiv__": lambda a, b: jnp.floor_divide(b, a),
    "__mod__": jnp.mod,
    "__rmod__": lambda a, b: jnp.mod(b, a),
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
    "__and__": jnp.bitwise_and,
    "__rand__": lambda a, b: jnp.bitwise_and(b, a),
    "__or__": jnp.bitwise_or,
    "__ror__": lambda a, b: jnp.bitwise_or(b, a),
    "__xor__": jnp.bitwise_xor,
    "__rxor__": lambda a, b: jnp.bitwise_xor(b, a),
    "__invert__": jnp.bitwise_not,
    "__getitem__": lambda a, key: a[key],
}
"""The operators of tensors, by method."""


class Reference:
    """What ``variable.ref()`` and ``tensor.ref()`` give: a key of dicts that stands for the object itself.

    Args:
        thing: the object.
    """

    def __init__(self, thing: Any) -> None:
        self._thing = thing

    def deref(self) -> Any:
        """The object."""
        return self._thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and self._thing is other._thing

    def __hash__(self) -> int:
        return id(self._thing)

    def __repr__(self) -> str:
        return f"<Reference wrapping {self._thing!r}>"


class Tensor:
    """An eager tensor of the stand-in: an array of JAX with the methods of TensorFlow's.

    Args:
        value: the array.
    """

    __array_priority__ = 200
    __slots__ = ("__weakref__", "label", "named", "part", "value")
    label: str
    """Of a constant in a graph: its name."""
    part: tuple[Any, Any]
    """Of a part of a variable: the variable and the key."""
    named: tuple[str, Any]
    """Of an argument of a function that is compiled: its name and shape."""

    def __init__(self, value: Any) -> None:
        self.value = as_bytes(value) if is_text(value) else value

    @property
    def shape(self) -> Any:
        """The sizes."""
        from kjax.keras.core.shapes import TensorShape

        return TensorShape(self.value.shape)

    @property
    def dtype(self) -> Any:
        """The type."""
        return DType("string" if is_text(self.value) else str(self.value.dtype))

    @property
    def name(self) -> str:
        """In a graph, what a constant is called; eager tensors have no names."""
        if not scopes.is_drawing():
            raise AttributeError("Tensor.name is undefined when eager execution is enabled.")
        return f"{getattr(self, 'label', 'Const')}:0"

    @property
    def _keras_mask(self) -> Any:
        mask = mask_of(self.value)
        if mask is None:
            raise AttributeError("this tensor has no mask")
        return wrap(mask)

    @_keras_mask.deleter
    def _keras_mask(self) -> None:
        if mask_of(self.value) is None:
            raise AttributeError("this tensor has no mask")
        self.value = jnp.array(self.value)

    @property
    def device(self) -> str:
        """Where it lies."""
        return "/job:localhost/replica:0/task:0/device:CPU:0" if jax.default_backend() == "cpu" else "/device:GPU:0"

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.value.ndim

    @property
    def T(self) -> Tensor:
        """The transposed tensor."""
        return apply(jnp.transpose, (self,), {}, "transpose")

    def numpy(self) -> Any:
        """The values as a NumPy array; one number as a NumPy scalar.

        Raises:
            AttributeError: in a step that is being compiled, where there are no values yet.
        """
        if isinstance(self.value, Tracer):
            raise AttributeError(
                "a tensor has no values while a step is compiled: print with tf.print, or compile the model with "
                "run_eagerly=True (or call tf.config.run_functions_eagerly(True)) to look at them"
            )
        return np.asarray(self.value)[()]

    def get_shape(self) -> Any:
        """The sizes."""
        return self.shape

    def set_shape(self, shape: Any) -> None:
        """Say what the sizes are: they are known."""

    def ref(self) -> Any:
        """A key of dicts that stands for this very tensor."""
        return Reference(self)

    experimental_ref = ref

    def cpu(self) -> Tensor:
        """The tensor, wherever it lies."""
        return self

    gpu = cpu

    @property
    def backing_device(self) -> str:
        """Where it lies."""
        return self.device

    __getitem__: Any  # the operators are set in `operators.py`

    def item(self) -> Any:
        """One number as a number of Python."""
        return self.value.item()

    def tolist(self) -> Any:
        """The values as lists."""
        return self.value.tolist()

    def eval(self, session: Any = None, feed_dict: Any = None) -> Any:
        """The values as a NumPy array."""
        return self.numpy()

    def astype(self, dtype: Any) -> Tensor:
        """The values in another type."""
        return apply(lambda x: x.astype(str(dtype)), (self,), {}, "cast")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.asarray(self.value, dtype=dtype)

    def __jax_array__(self) -> Any:
        return self.value

    def __iter__(self) -> Any:
        if self.ndim == 0:
            raise TypeError("a tensor of one number cannot be iterated over")
        if tapes or isinstance(self.value, Tracer):
            return (self[i] for i in range(len(self.value)))
        return (Tensor(np.asarray(row)) for row in _rows(self.value))

    def __len__(self) -> int:
        return len(self.value)

    def _only(self) -> Any:
        return self.value.reshape(()) if self.ndim and self.value.size == 1 else self.value

    def __bool__(self) -> bool:
        return bool(self.value)

    def __float__(self) -> float:
        return float(self._only())

    def __int__(self) -> int:
        return int(self._only())

    def __index__(self) -> int:
        return self.value.__index__()

    def __hash__(self) -> int:
        return id(self)

    def __format__(self, spec: str) -> str:
        return format(self.numpy(), spec) if self.ndim == 0 or not spec else format(str(self), spec)

    def __str__(self) -> str:
        if isinstance(self.value, Tracer):
            name, shape = getattr(self, "named", ("Tensor", self.shape))
            return f'Tensor("{name}:0", shape={shape}, dtype={self.dtype.name})'
        shown = repr(self.numpy()) if self.ndim == 0 and is_text(self.value) else str(self.numpy())
        shown = f"\n{shown}" if "\n" in shown else shown
        return f"tf.Tensor({shown}, shape={self.shape}, dtype={self.dtype})"

    def __repr__(self) -> str:
        if isinstance(self.value, Tracer):
            name, shape = getattr(self, "named", ("Tensor", self.shape))
            return f"<tf.Tensor '{name}:0' shape={shape} dtype={self.dtype.name}>"
        shown = str(self.numpy()) if self.ndim == 0 and not is_text(self.value) else repr(self.numpy())
        shown = f"\n{shown}" if "\n" in shown else shown
        return f"<tf.Tensor: shape={self.shape}, dtype={self.dtype}, numpy={shown}>"


class Part(Tensor):
    """A part of a variable, ``variable[key]``, which may be assigned."""

    __slots__ = ()

    def assign(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Set the part; returns the variable."""
        return self._changed(lambda place: place.set, value)

    def assign_add(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Add to the part; returns the variable."""
        return self._changed(lambda place: place.add, value)

    def assign_sub(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Subtract from the part; returns the variable."""
        return self._changed(lambda place: place.add, -jnp.asarray(unwrap(value)))

    def _changed(self, change: Callable[[Any], Any], value: Any) -> Any:
        variable, key = self.part
        whole = variable.stored_value()
        variable.assign(change(whole.at[key])(jnp.asarray(unwrap(value), whole.dtype)))
        return variable


def part_of(variable: Variable, key: Any) -> Any:
    """A part of a variable, as a tensor that may be assigned."""
    key = unwrap(key)
    found = apply(lambda whole: whole[key], (variable,), {}, "operator")
    if symbolic_leaves(found):
        return found
    found = found if isinstance(found, Tensor) else Tensor(found)
    found.__class__ = Part
    found.part = (variable, key)
    return found


class Read(Tensor):
    """The value of a variable, which TensorFlow gives where ``variable.value`` is called."""

    __slots__ = ()

    def __call__(self) -> Read:
        return self


def mask_of(array: Any) -> Any:
    """The mask that travels with an array, or None."""
    active = scopes.current()
    if active is not None:
        return active.mask_of(array)
    found = eager_masks.found(array)
    return found[id(array)][1] if found else None


def keep_mask(array: Any, mask: Any) -> None:
    """Let a mask travel with an array."""
    active = scopes.current()
    if active is not None:
        active.masks[id(array)] = (array, mask)
    else:
        eager_masks.keep(array, mask)


def _rows(value: Any) -> Any:
    return np.asarray(value)


def is_text(thing: Any) -> bool:
    """Whether it is an array of strings or bytes."""
    return isinstance(thing, (np.ndarray, np.generic, str, bytes)) and codes.is_strings(np.asarray(thing))


def as_bytes(thing: Any) -> np.ndarray:
    """Strings as TensorFlow keeps them: an array of bytes."""
    array = (
        np.asarray(thing, object) if isinstance(thing, (bytes, list, tuple)) else np.asarray(thing)
    )  # NumPy's S drops zeros
    found = np.empty(array.shape, object)
    found.reshape(-1)[:] = [
        item.encode(errors="surrogateescape") if isinstance(item, str) else item for item in array.reshape(-1).tolist()
    ]
    return found


class Sizes(np.ndarray):
    """Numbers that are known while everything else is traced: what ``tf.shape`` gives, and what is computed of it."""

    def numpy(self) -> Any:
        """The numbers; one number as a NumPy scalar."""
        return np.asarray(self)[()]

    def __getitem__(self, key: Any) -> Any:
        found = np.asarray(self)[key]
        return np.asarray(found).view(Sizes)

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __hash__(self) -> int:  # type: ignore[override]
        if self.ndim:
            raise TypeError("the sizes of a tensor are no key of a dict; their tuple is")
        return hash(self.item())

    @property
    def _shown(self) -> Tensor:
        return Tensor(np.asarray(self))

    def __repr__(self) -> str:
        return repr(self._shown)

    def __str__(self) -> str:
        return str(self._shown)

    def __format__(self, spec: str) -> str:
        return format(self._shown, spec)


def sizes(integers: Any, dtype: Any = None) -> Sizes:
    """Integers as :class:`Sizes`; of 64 bits where these are asked for and there may be such."""
    wide = (
        is_wide(np.dtype(str(getattr(dtype, "name", dtype)) if isinstance(dtype, str) else dtype)) if dtype else False
    )
    return np.asarray(integers, np.int64 if wide and wide_here() else np.int32).view(Sizes)


def unwrap(thing: Any) -> Any:
    """The array of a tensor or variable, and in trees of them; other things as they are."""
    return jax.tree.map(unwrap_leaf, thing, is_leaf=is_leaf)


def is_leaf(thing: Any) -> bool:
    return isinstance(thing, (Tensor, Variable))


def unwrap_leaf(leaf: Any) -> Any:
    return leaf.value if isinstance(leaf, (Tensor, Variable)) else leaf


def wrap(leaf: Any) -> Any:
    """An array as a tensor; other things as they are."""
    if isinstance(leaf, Tracer):
        return Tensor(leaf) if scopes.current() is not None and scopes.recording() is not None else leaf
    wrapped = isinstance(leaf, jax.Array) or (isinstance(leaf, np.ndarray) and not isinstance(leaf, Sizes))
    return Tensor(leaf) if wrapped else leaf


tapes: list[Any] = []
"""The tapes that record."""


DRAWING = frozenset("random_normal truncated_normal random_uniform random_gamma random_poisson dropout shuffle".split())
"""Functions that are not known beforehand although their arguments are."""


def apply(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], name: str) -> Any:
    """Call a function of arrays: on symbolic tensors as a node of the graph, on tracers at once, else recorded."""
    if scopes.is_drawing():
        args, kwargs = jax.tree.map(_as_drawn, (args, kwargs), is_leaf=_is_effect)
    if symbolic_leaves((args, kwargs)):
        return apply_function(function, args, kwargs, name)
    leaves, structure = jax.tree.flatten((args, kwargs), is_leaf=is_leaf)
    if any(getattr(leaf, "rows_differ", False) for leaf in leaves):
        return tensors.call_ragged(function, args, kwargs, name)
    if scopes.is_drawing() and any(isinstance(leaf, Variable) for leaf in leaves):
        leaves = [leaf.__symbolic__() if isinstance(leaf, Variable) else unwrap_leaf(leaf) for leaf in leaves]
        args, kwargs = jax.tree.unflatten(structure, leaves)
        return apply_function(function, args, kwargs, name)
    plain = [unwrap_leaf(leaf) for leaf in leaves]
    if any(is_text(array) for array in plain if isinstance(array, np.ndarray)):
        return _on_strings(function, plain, structure)
    kinds = (
        Sizes if scopes.current() is None else (Sizes, np.generic)
    )  # while a function is traced all others are traced
    known = name not in DRAWING and any(isinstance(leaf, kinds) for leaf in leaves)
    wide = _is_wide_call(function, leaves, name)
    if not wide and any(map(_is_wide_array, plain)):
        function = _narrowing(function)
    if known and not any(isinstance(a, jax.Array) and not _is_small(a) for a in plain):
        args, kwargs = jax.tree.unflatten(structure, plain)
        with jax.ensure_compile_time_eval(), jax.enable_x64(wide):
            return jax.tree.map(sizes_of, function(*args, **kwargs))
    # A traced array is a constant beside tensors; alone it is that of a function which JAX transforms, and so is the result.
    alone = not tapes and not any(isinstance(leaf, Tensor) for leaf in leaves)
    if scopes.recording() is None or (alone and any(isinstance(leaf, Tracer) for leaf in leaves)):
        args, kwargs = jax.tree.unflatten(structure, plain)
        return function(*args, **kwargs)
    if not wide:
        return record(function, leaves, structure)
    if (active := scopes.current()) is not None:
        active.made_wide = True  # type: ignore[attr-defined]
    with jax.enable_x64(True):
        return record(function, leaves, structure)


OF_64_BITS = frozenset("argmax argmin argwhere count_nonzero categorical stateless_categorical".split())
"""Functions that give integers of 64 bits whatever they are given."""


def wide_here() -> bool:
    """Whether tensors may be of 64 bits: in eager code and functions compiled as a whole, not in layers and steps of training."""
    active = scopes.current()
    return active is None or getattr(active, "keeps_wide", False)


def _is_wide_call(function: Callable[..., Any], leaves: list[Any], name: str) -> bool:
    """Whether a function is asked for 64 bits, by a tensor, a type, or an array of NumPy where there is no tensor."""
    if not wide_here():
        return False
    if name in OF_64_BITS or (function in DIVISIONS and all(map(_is_whole, leaves))):
        return True
    alone = not any(map(is_leaf, leaves))
    return any(is_wide(leaf.value) if is_leaf(leaf) else _asks_for_wide(leaf, alone) for leaf in leaves)


DIVISIONS = frozenset({true_divide, OPERATORS["__rtruediv__"]})
"""Functions that give floats of 64 bits of integers."""


def _is_whole(leaf: Any) -> bool:
    """Whether it is a number, or a tensor, of integers of 32 or 64 bits."""
    value = leaf.value if is_leaf(leaf) else leaf
    if isinstance(value, (bool, Sizes)):
        return False
    return isinstance(value, int) or str(getattr(value, "dtype", "")) in ("int32", "int64")


def _asks_for_wide(leaf: Any, alone: bool) -> bool:
    if isinstance(leaf, type):
        return issubclass(leaf, np.generic) and is_wide(np.dtype(leaf))
    return is_wide(leaf) and (alone or not hasattr(leaf, "shape"))


def _is_wide_array(array: Any) -> bool:
    return isinstance(array, (jax.Array, np.ndarray)) and not isinstance(array, Sizes) and is_wide(array)


def _narrowing(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that takes arrays of 64 bits in the types that take their places."""
    return lambda *args, **kwargs: function(*narrow(args), **narrow(kwargs))


def narrow(tree: Any) -> Any:
    """A tree of arrays, none of which is of 64 bits."""
    return jax.tree.map(lambda leaf: narrowed(leaf) if _is_wide_array(leaf) else leaf, tree)


def _is_effect(leaf: Any) -> bool:
    return isinstance(leaf, Effect) or is_leaf(leaf)


def _as_drawn(leaf: Any) -> Any:
    """An assignment as a tensor: the value after it."""
    return leaf.__symbolic__() if isinstance(leaf, Update) else leaf


def _is_small(array: Any) -> bool:
    """Whether these are a few integers that are known: they may stand beside sizes."""
    return not isinstance(array, Tracer) and array.size <= 16 and array.dtype.kind in "iu"


def sizes_of(leaf: Any) -> Any:
    """Known numbers as :class:`Sizes`."""
    array = np.asarray(leaf) if isinstance(leaf, jax.Array) else leaf
    return array.view(Sizes) if isinstance(array, np.ndarray) and array.dtype.kind in "iuf" else array


def _on_strings(function: Callable[..., Any], leaves: list[Any], structure: Any) -> Any:
    """Move strings about, or compare them, by numbers that stand for them."""

    def number(leaf: Any) -> Any:
        return jnp.asarray(codes.encode(as_bytes(leaf)).astype(np.uint32)) if is_text(leaf) else leaf

    def text(leaf: Any) -> Any:
        is_code = isinstance(leaf, jax.Array) and leaf.dtype == jnp.uint32
        return Tensor(codes.decode(np.asarray(leaf)) if is_code else leaf) if isinstance(leaf, jax.Array) else leaf

    args, kwargs = jax.tree.unflatten(structure, [number(leaf) for leaf in leaves])
    return jax.tree.map(text, function(*args, **kwargs))


def record(function: Callable[..., Any], leaves: Sequence[Any], structure: Any) -> Any:
    """Call a function of trees of arrays, and remember on the open tapes how to go back.

    Args:
        function: what to call.
        leaves: the arguments flat, tensors and variables among them.
        structure: how they unflatten to ``(args, kwargs)``.
    """
    places = [i for i, leaf in enumerate(leaves) if is_leaf(leaf) and _is_float(leaf)]
    watched = [tape for tape in tapes if tape.recording and any(tape.follows(leaves[i]) for i in places)]
    plain = [unwrap_leaf(leaf) for leaf in leaves]

    def of_arrays(*arrays: Any) -> Any:
        filled = list(plain)
        for place, array in zip(places, arrays, strict=True):
            filled[place] = array
        args, kwargs = jax.tree.unflatten(structure, filled)
        with scopes.deeper():
            return unwrap(function(*args, **kwargs))

    if not watched:
        return jax.tree.map(wrap, of_arrays(*[plain[i] for i in places]))
    outputs, back = jax.vjp(of_arrays, *[plain[i] for i in places])
    if jax.config.jax_enable_x64:  # type: ignore[attr-defined]
        back, of_arrays = _in_64_bits(back), _in_64_bits(of_arrays)
    wrapped = jax.tree.map(wrap, outputs)
    for tape in watched:
        tape.remember([leaves[i] for i in places], wrapped, outputs, back, of_arrays)
    return wrapped


def _in_64_bits(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        with jax.enable_x64(True):
            return function(*args)

    return call


def _is_float(leaf: Any) -> bool:
    return jnp.issubdtype(jnp.dtype(str(leaf.dtype)), jnp.inexact)
