"""Symbolic tensors and the nodes between them: what a functional model is drawn with."""

from __future__ import annotations

import contextlib
import contextvars
import itertools
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp

from kjax.keras.core import codes, fitting, scope
from kjax.keras.core.doors import calls, names, nodes, sessions
from kjax.keras.core.settings import settings, unique_name
from kjax.keras.core.shapes import TensorShape, TensorShape1
from kjax.keras.legacy import tensor_names


class NotSymbolicError(ValueError):
    """A function that is compiled meets a symbolic tensor that is none of its arguments."""


class KerasTensor:
    """A tensor that does not exist yet: a shape, a type, and where it comes from.

    Args:
        shape: its shape, None for free axes.
        dtype: name of its type.
        name: its name.
        history: where it comes from.
        known: for a tensor computed from shapes alone, its values for the two sets of sizes of free axes.
        sparse: whether it stands for sparse arrays.
        ragged: False.
        record_history: accepted for compatibility, like the next two: calls on it always draw nodes.
        ragged_rank: None.
        row_splits_dtype: accepted.

    Raises:
        ValueError: a ragged tensor.
    """

    if TYPE_CHECKING:  # the operators, which a table below gives

        def __add__(self, other: Any) -> Any: ...
        def __radd__(self, other: Any) -> Any: ...
        def __sub__(self, other: Any) -> Any: ...
        def __rsub__(self, other: Any) -> Any: ...
        def __mul__(self, other: Any) -> Any: ...
        def __rmul__(self, other: Any) -> Any: ...
        def __truediv__(self, other: Any) -> Any: ...
        def __rtruediv__(self, other: Any) -> Any: ...
        def __floordiv__(self, other: Any) -> Any: ...
        def __rfloordiv__(self, other: Any) -> Any: ...
        def __mod__(self, other: Any) -> Any: ...
        def __rmod__(self, other: Any) -> Any: ...
        def __pow__(self, other: Any) -> Any: ...
        def __rpow__(self, other: Any) -> Any: ...
        def __matmul__(self, other: Any) -> Any: ...
        def __rmatmul__(self, other: Any) -> Any: ...
        def __and__(self, other: Any) -> Any: ...
        def __rand__(self, other: Any) -> Any: ...
        def __or__(self, other: Any) -> Any: ...
        def __ror__(self, other: Any) -> Any: ...
        def __xor__(self, other: Any) -> Any: ...
        def __rxor__(self, other: Any) -> Any: ...
        def __lt__(self, other: Any) -> Any: ...
        def __le__(self, other: Any) -> Any: ...
        def __gt__(self, other: Any) -> Any: ...
        def __ge__(self, other: Any) -> Any: ...
        def __neg__(self) -> Any: ...
        def __abs__(self) -> Any: ...
        def __invert__(self) -> Any: ...

    __array_priority__ = 1000
    __array_ufunc__ = None

    shape: tuple[int | None, ...] = ()
    dtype: str = "float32"
    record_history: bool = True
    """Whether calls on it draw nodes: always here."""
    ragged_rank: int | None = None
    row_splits_dtype: str | None = None

    def __init__(
        self,
        shape: Sequence[int | None],
        dtype: str = "float32",
        name: str | None = None,
        history: Any = None,
        known: tuple[Any, Any] | None = None,
        *,
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        ragged_rank: int | None = None,
        row_splits_dtype: str | None = None,
    ) -> None:
        del record_history, row_splits_dtype
        if ragged or ragged_rank is not None:
            raise ValueError("KerasTensor: JAX has no ragged arrays; pad the rows, and say with a mask where they end")
        self.sparse = bool(sparse)
        sizes = tuple(None if s is None else int(s) for s in shape)
        self.shape: tuple[int | None, ...] = TensorShape(sizes) if settings.era != "3" else sizes
        self.dtype = scope.named_type(str(dtype))
        self.short_name = name or unique_name("keras_tensor")
        self._is_named = False
        self._keras_history: Any = history
        """(layer, index of the layer's node, index among the node's outputs)"""
        if settings.era in ("1", "2") or settings.draws_graphs:
            _made[settings.sessions, next(_count)] = self
        self.known = known
        """For a tensor computed from shapes alone: its values for the two sets of stand-ins."""

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    rank = ndim

    @property
    def name(self) -> str:
        """What it is called; in the eras of Keras 1 and 2 as TensorFlow called it: ``dense_1/BiasAdd:0``."""
        if settings.era in ("1", "2") and self._keras_history is not None and not self._is_named:
            return tensor_names.name_of(*self._keras_history)
        return self.short_name

    @name.setter
    def name(self, name: str) -> None:
        self.short_name, self._is_named = name, True

    def __str__(self) -> str:
        if settings.era in ("1", "2"):
            return tensor_names.shown(self.name, self.shape, self.dtype)
        if settings.era == "tf" and self.op is not None:
            given = f"{self.op.name!r}" if type(self.op).__name__ == "InputLayer" else "None"
            spec = f"TensorSpec(shape={self.shape}, dtype=tf.{str.__str__(self.dtype)}, name={given})"
            name = self.op.name if given != "None" else tensor_names.name_of(*self._keras_history)
            return f'KerasTensor(type_spec={spec}, name={name!r}, description="created by layer {self.op.name!r}")'
        return repr(self)

    def __repr__(self) -> str:
        if settings.era in ("1", "2"):
            return tensor_names.shown_inside(self.name, self.shape, self.dtype)
        if settings.era == "tf":
            made = f" (created by layer {self.op.name!r})" if self.op is not None else ""
            return f"<KerasTensor: shape={self.shape} dtype={self.dtype}{made}>"
        kind = f"sparse={self.sparse}, ragged={self.ragged}"
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, {kind}, name={self.name}>"

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise ValueError(
            "A KerasTensor is symbolic: it doesn't have any actual numerical value. You cannot convert it to a NumPy array, "
            "and a KerasTensor cannot be used as input to a JAX or NumPy function. Use a layer, a function of keras.ops, or a Lambda layer."
        )

    def __call_later__(self, function: Callable[..., Any], *args: Any) -> Any:
        """A node for a function of arrays, among whose arguments this tensor is."""
        return nodes.apply_function(function, args, {}, name=getattr(function, "name", None) or "function")

    def __bool__(self) -> bool:
        raise TypeError("A symbolic KerasTensor cannot be used as a boolean: it has no value while the model is drawn.")

    def _no_number(self) -> Any:
        raise ValueError(
            "A KerasTensor is symbolic: it doesn't have any actual numerical value. You cannot convert it to a number."
        )

    __int__ = __float__ = __index__ = _no_number

    def __iter__(self) -> Any:
        raise NotImplementedError(
            "Cannot iterate over a KerasTensor: it is symbolic. keras.ops.unstack gives its slices along an axis of known size."
        )

    def __getitem__(self, key: Any) -> Any:
        return nodes.operation("get_item", self, key)

    def __round__(self, ndigits: int | None = None) -> Any:
        return nodes.operation("round", self, ndigits or 0)

    def reshape(self, newshape: Any) -> Any:
        """``keras.ops.reshape``."""
        return nodes.operation("reshape", self, newshape)

    def squeeze(self, axis: Any = None) -> Any:
        """``keras.ops.squeeze``."""
        return nodes.operation("squeeze", self, axis)

    @property
    def _uses_learning_phase(self) -> bool:
        """Whether its value depends on the mode, as Keras 1 and 2 kept it."""
        known = self.__dict__.get("_differs_in_training")
        if known is None:
            known = self.__dict__["_differs_in_training"] = _differs_in_training(self)
        return known

    @_uses_learning_phase.setter
    def _uses_learning_phase(self, value: bool) -> None:
        self.__dict__["_differs_in_training"] = bool(value)

    sparse: bool = False
    ragged: bool = False
    is_open: bool = False
    """Whether arrays of any shape may be given for it: a placeholder that was made without a shape."""
    after: tuple[Any, ...] = ()
    """Effects that a session does before it computes the tensor."""

    @property
    def _keras_shape(self) -> tuple[int | None, ...]:
        """The shape, as Keras 1 and 2 kept it."""
        return self.shape

    def get_shape(self) -> Any:
        """The shape, with TensorFlow's methods."""
        return (TensorShape1 if settings.era in ("1", "2") else TensorShape)(self.shape)

    def set_shape(self, shape: Any) -> None:
        """Say what free axes are."""
        sizes = [None if size is None else int(size) for size in shape]
        if len(sizes) == len(self.shape):
            self.shape = type(self.shape)(b if a is None else a for a, b in zip(self.shape, sizes, strict=True))

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        """Its value in a session, with values of placeholders (TensorFlow 1)."""
        return (session or sessions.get_session()).run(self, feed_dict)

    @property
    def op(self) -> Any:
        """What makes it: a layer or an operation; in the eras of Keras 1 and 2 the operation of the graph."""
        if settings.era in ("1", "2") or settings.draws_graphs:
            return names.operation_of(self)
        return None if self._keras_history is None else self._keras_history[0]

    @property
    def graph(self) -> Any:
        """The graph that it is in (TensorFlow 1)."""
        return names.default_graph()


_made: weakref.WeakValueDictionary[tuple[int, int], KerasTensor] = weakref.WeakValueDictionary()
_count = itertools.count()


def made_tensors() -> list[KerasTensor]:
    """The tensors of the graph that somebody holds, in order; kept where scripts of TensorFlow 1 may look for them."""
    return [tensor for (session, _), tensor in sorted(_made.items()) if session == settings.sessions]


def _differs_in_training(tensor: KerasTensor) -> bool:
    """Whether a call of a layer that differs in training is among those that make a tensor."""
    stack, seen = [tensor], {id(tensor)}
    while stack:
        tensor = stack.pop()
        if tensor._keras_history is None:
            continue
        layer, index, _ = tensor._keras_history
        if tensor.__dict__.get("_differs_in_training") or layer.differs_in_training:
            return True
        fresh = [source for source in layer._inbound_nodes[index].sources if id(source) not in seen]
        seen.update(map(id, fresh))
        stack += fresh
    return False


def _symbolic_operator(name: str, reverse: bool) -> Callable[..., Any]:
    def operator(self: KerasTensor, *others: Any) -> Any:
        return nodes.operation(name, *((*others, self) if reverse else (self, *others)))

    return operator


_BINARY = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "true_divide",
    "floordiv": "floor_divide",
    "mod": "mod",
    "pow": "power",
    "matmul": "matmul",
    "and": "logical_and",
    "or": "logical_or",
    "xor": "logical_xor",
}
_OTHERS = {
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "ne": "not_equal",
    "neg": "negative",
    "abs": "absolute",
    "invert": "logical_not",
}
for _name, _function in _BINARY.items():
    setattr(KerasTensor, f"__{_name}__", _symbolic_operator(_function, False))
    setattr(KerasTensor, f"__r{_name}__", _symbolic_operator(_function, True))
for _name, _function in _OTHERS.items():
    setattr(KerasTensor, f"__{_name}__", _symbolic_operator(_function, False))


class SymbolicArguments:
    """The arguments of a call, symbolic tensors among them.

    Args:
        *args: positional arguments.
        **kwargs: keyword arguments.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args, self.kwargs = jax.tree.map(lambda leaf: leaf, (args, kwargs), is_leaf=is_symbolic)
        self._flat_arguments = jax.tree.leaves((self.args, self.kwargs), is_leaf=lambda x: x is None or is_symbolic(x))
        self.keras_tensors = [leaf for leaf in self._flat_arguments if is_symbolic(leaf)]
        alone = len(args) == 1 and not kwargs and is_symbolic(args[0])
        self._single_positional_tensor = args[0] if alone else None

    def convert(self, conversion_fn: Callable[[Any], Any]) -> tuple[Any, Any]:
        """The arguments with a function applied to each of their leaves."""
        return jax.tree.map(conversion_fn, (self.args, self.kwargs), is_leaf=lambda x: x is None or is_symbolic(x))

    def fill_in(self, tensor_dict: Mapping[int, Any]) -> tuple[Any, Any]:
        """The arguments with values in place of the symbolic tensors.

        Args:
            tensor_dict: a value for the ``id`` of each tensor; None stands for those that are missing.
        """
        return self.convert(lambda leaf: tensor_dict.get(id(leaf)) if is_symbolic(leaf) else leaf)


class KerasHistory(NamedTuple):
    """Where a symbolic tensor comes from: the output of a call of a layer."""

    operation: Any
    node_index: int
    tensor_index: int


class Node:
    """One call of a layer on symbolic tensors.

    Attributes:
        layer: the layer.
        args: positional arguments, symbolic tensors among them.
        kwargs: keyword arguments, symbolic tensors among them.
        outputs: the tensors that the call makes, flat.
        output_structure: how ``outputs`` unflatten to what the call returned.
        sources: the symbolic tensors among the arguments, flat.
        order: number of the call, growing.
    """

    _count = itertools.count()

    def __init__(self, layer: Any, args: Any, kwargs: Any, outputs: list[KerasTensor], output_structure: Any) -> None:
        self.layer = layer
        self.args = args
        self.kwargs = kwargs
        self.outputs = outputs
        self.output_structure = output_structure
        self.sources = symbolic_leaves((args, kwargs))
        self.order = next(Node._count)
        index = len(layer._inbound_nodes)
        layer._inbound_nodes.append(self)
        for i, tensor in enumerate(outputs):
            tensor._keras_history = KerasHistory(layer, index, i)
        for tensor in self.sources:
            parent = tensor._keras_history[0] if tensor._keras_history else None
            if parent is not None:
                parent._outbound_nodes.append(self)

    @property
    def input_tensors(self) -> list[KerasTensor]:
        """The symbolic tensors among the arguments; in the eras of Keras 1 and 2 that of an input for the input itself."""
        return list(self.outputs) if self.is_input and settings.era in ("1", "2") else self.sources

    @property
    def parent_nodes(self) -> list[Node]:
        """The nodes that make the inputs."""
        known = [t._keras_history for t in self.sources if t._keras_history]
        return [layer._inbound_nodes[index] for layer, index, _ in known]

    def __repr__(self) -> str:
        return f"<Node operation={self.layer.name}, id={id(self)}>"

    # the names of Keras
    @property
    def operation(self) -> Any:
        """The layer."""
        return self.layer

    @property
    def output_tensors(self) -> list[KerasTensor]:
        """The outputs."""
        return self.outputs

    # the names of Keras 1 and 2
    @property
    def outbound_layer(self) -> Any:
        """The layer."""
        return self.layer

    @property
    def inbound_layers(self) -> list[Any]:
        """The layers that make the inputs."""
        return [t._keras_history[0] for t in self.sources]

    @property
    def node_indices(self) -> list[int]:
        """For each input the number of the call, among those of its layer, that makes it."""
        return [t._keras_history[1] for t in self.sources]

    @property
    def tensor_indices(self) -> list[int]:
        """For each input its number among the outputs of the call that makes it."""
        return [t._keras_history[2] for t in self.sources]

    @property
    def input_shapes(self) -> list[Any]:
        """Shapes of the inputs."""
        return [t.shape for t in self.input_tensors]

    @property
    def output_shapes(self) -> list[Any]:
        """Shapes of the outputs."""
        return [t.shape for t in self.outputs]

    @property
    def input_masks(self) -> list[Any]:
        """Masks of the inputs."""
        return [computed_mask(t) for t in self.input_tensors]

    @property
    def output_masks(self) -> list[Any]:
        """Masks of the outputs."""
        return [computed_mask(t) for t in self.outputs]

    @property
    def arguments(self) -> Any:
        """The arguments of the call; before Keras 3 a dict of the keyword arguments alone."""
        return SymbolicArguments(*self.args, **self.kwargs) if settings.era == "3" else dict(self.kwargs)

    def get_config(self) -> dict[str, Any]:
        """Names of the layers before and after, and which of their calls and outputs are meant."""
        return {
            "outbound_layer": self.layer.name,
            "inbound_layers": [layer.name for layer in self.inbound_layers],
            "node_indices": self.node_indices,
            "tensor_indices": self.tensor_indices,
        }

    @property
    def is_input(self) -> bool:
        """Whether this is the node of an input; a call without tensors, such as a random draw, is none."""
        return getattr(self.layer, "begins_graphs", False)


def computed_mask(tensor: Any) -> Any:
    """The mask that travels with a symbolic tensor, as a symbolic tensor that can be computed; None where there is none."""
    if getattr(tensor, "_keras_mask", None) is None or tensor._keras_history is None:
        return None
    if "_computed_mask" not in vars(tensor):
        tensor._computed_mask = calls.mask_of(tensor)
    return tensor._computed_mask


def is_symbolic(thing: Any) -> bool:
    """Whether ``thing`` is a symbolic tensor."""
    return isinstance(thing, KerasTensor)


def symbolic_leaves(tree: Any) -> list[KerasTensor]:
    """The symbolic tensors in a tree, in order."""
    return [leaf for leaf in jax.tree.leaves(tree, is_leaf=is_symbolic) if is_symbolic(leaf)]


# Two sizes for free axes: what differs between two tracings is free in the output. Primes, so that products differ, and far
# from each other, so that wide windows and steps fit in them a different number of times.
_PRIMES = ((3, 5), (1009, 2003))
_SMALL = ((3, 5), (113, 127))
_COMPOSITES = ((720720, 1441440), (57657600, 115315200))
_sizes = contextvars.ContextVar("stand_in_sizes", default=_PRIMES)


_batches: contextvars.ContextVar[tuple[int, ...]] = contextvars.ContextVar("batches", default=())


@contextlib.contextmanager
def standing_in(tree: Any) -> Iterator[None]:
    """Note that what is traced stands in for symbolic tensors: if those are free, so is the batch that layers inside see."""
    is_free = any(t.shape and t.shape[0] is None for t in symbolic_leaves(tree))
    token = _batches.set(_sizes.get()[0] if is_free else ())
    try:
        yield
    finally:
        _batches.reset(token)


def batch_is_free() -> bool:
    """Whether arrays at hand have a batch axis of a size that only stands in for others."""
    return bool(_batches.get())


def as_declared(shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """A shape at hand, with None for a batch that only stands in."""
    return (None, *shape[1:]) if shape and shape[0] in _batches.get() else shape


@contextlib.contextmanager
def _stand_ins(sizes: Any) -> Iterator[None]:
    token = _sizes.set(sizes)
    try:
        yield
    finally:
        _sizes.reset(token)


def composite_stand_ins() -> contextlib.AbstractContextManager[None]:
    """Inside, free axes are traced with large sizes that all small numbers divide."""
    return _stand_ins(_COMPOSITES)


def small_stand_ins() -> contextlib.AbstractContextManager[None]:
    """Inside, free axes are traced with sizes of which real arrays can be made."""
    return _stand_ins(_SMALL)


def wide_stand_ins(windows: int, slices: int) -> contextlib.AbstractContextManager[None]:
    """Inside, free axes are traced with sizes in which windows and steps of a width fit a different number of times.

    Args:
        windows: the width, which has to fit at all.
        slices: where slices end: the one size is smaller, the other larger.
    """
    batch, (first, second) = _PRIMES
    if 2 * max(windows, slices) < first:
        return contextlib.nullcontext()
    return _stand_ins(
        (batch, (3 * windows + first if 2 * windows >= first else first, 5 * max(windows, slices) + second))
    )


def stand_in(tensor: Any, variant: int) -> Any:
    """An abstract array of the tensor's type and shape, with free axes filled by the variant's numbers."""
    if not isinstance(tensor, KerasTensor):
        return tensor
    if tensor.known is not None and _sizes.get() is _PRIMES:
        return tensor.known[variant]
    kinds = dict(zip((fitting.BATCH, fitting.FREE), _sizes.get(), strict=True))

    def size(axis: int) -> int:
        choice = fitting.choice_for(tensor, axis)
        return choice if isinstance(choice, int) else kinds[choice][variant]

    shape = tuple(size(axis) if s is None else s for axis, s in enumerate(tensor.shape))
    return jax.ShapeDtypeStruct(shape, jnp.dtype(codes.array_type(tensor.dtype)))


def has_free_axes(tensors: Sequence[KerasTensor]) -> bool:
    """Whether any axis, or any number that was computed from axes, is free."""
    return any(t.known is not None or None in t.shape for t in tensors)


def free_shape(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int | None, ...]:
    """The shape with None where two tracings differ."""
    return tuple(a if a == b else None for a, b in zip(first, second, strict=True))
