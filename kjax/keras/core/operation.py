"""Graph nodes that are not layers: inputs, and pure functions applied to symbolic tensors."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from kjax.keras.core import codes
from kjax.keras.core import scope as scopes
from kjax.keras.core.doors import nodes
from kjax.keras.core.evaluate import values_of
from kjax.keras.core.fitting import fitted
from kjax.keras.core.known import UnknownError, identity, recalled, surroundings
from kjax.keras.core.layer import Layer
from kjax.keras.core.name_scopes import current_path
from kjax.keras.core.pure import PureLayer
from kjax.keras.core.settings import settings, unique_name
from kjax.keras.core.tensor import (
    KerasTensor,
    Node,
    NotSymbolicError,
    composite_stand_ins,
    free_shape,
    has_free_axes,
    is_symbolic,
    small_stand_ins,
    stand_in,
    symbolic_leaves,
)
from kjax.keras.core.variable import Variable
from kjax.keras.legacy import op_names, tensor_names
from kjax.keras.legacy.form import of_era
from kjax.nn.graph import Op
from kjax.nn.module import STATE
from kjax.nn.ops.random import RandomOp


class InputLayer(Layer):
    """The place where data enter a model.

    Args:
        shape: shape of one sample.
        batch_size: fixed batch size, or None.
        dtype: type of the data; the session's float type by default.
        name: name of the input.
        batch_shape: shape with the batch axis, instead of ``shape``.
        input_shape: old name of ``shape``.
        batch_input_shape: old name of ``batch_shape``.
        input_tensor: a tensor that the input stands for; of one with values (an array, a variable, what was computed of
            such) the model reads these when it runs, and none are fed.
    """

    begins_graphs = True
    is_backends = False
    """Whether it is a placeholder that a script made by a function of the backend."""
    source: KerasTensor | None = None
    """The tensor whose values the input has, where none are fed."""
    batch_shape: tuple[int | None, ...] = ()
    """Shape of the data with the batch axis."""

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Any = None,
        input_tensor: Any = None,
        optional: bool = False,
        name: str | None = None,
        *,
        input_shape: Any = None,
        batch_input_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.optional = bool(optional)
        if name is None and settings.era != "3":
            settings.names["input"] += 1
            self.name = f"input_{settings.names['input']}"
        shape = shape if shape is not None else input_shape
        if input_tensor is not None:
            if not hasattr(input_tensor, "shape"):
                raise ValueError(
                    f"Input {self.name!r}: argument `tensor` must be a KerasTensor or an array, received {type(input_tensor).__name__}"
                )
            shape, batch_shape, batch_input_shape = None, tuple(input_tensor.shape), None
            dtype = str(input_tensor.dtype) if dtype is None else dtype
        batch_shape = batch_shape if batch_shape is not None else batch_input_shape
        if batch_shape is not None and settings.era in ("1", "2"):
            shape = None  # then the one with the batch axis held, if both were given
        if (shape is None) == (batch_shape is None):
            what = (
                "You must pass a `shape` argument"
                if shape is None
                else "You cannot pass both `shape` and `batch_shape`"
            )
            raise ValueError(f"{what}: Input {self.name!r} takes either `shape` (one sample) or `batch_shape`")
        if batch_shape is None:
            batch_shape = (batch_size, *(shape if hasattr(shape, "__iter__") else (shape,)))
        elif batch_size is not None and settings.era == "3":
            raise ValueError(
                f"You cannot pass both `batch_size` and `batch_shape` at the same time: in {batch_shape} of Input {self.name!r} "
                "the batch axis is the first"
            )
        for size in batch_shape:
            if size is not None and (not hasattr(size, "__index__") or size < 0):
                raise ValueError(
                    f"Cannot convert {batch_shape!r} to a shape: axes of Input {self.name!r} are integers of at least 0, or None"
                )
        self.batch_shape = tuple(None if s is None else int(s) for s in batch_shape)
        try:
            self._input_type = codes.STRING if dtype == codes.STRING else str(jnp.dtype(dtype or settings.floatx))
        except TypeError as error:
            raise ValueError(f"Input {self.name!r}: argument `dtype` cannot be {dtype!r}: {error}") from None
        if ragged:
            raise ValueError(f"Input {self.name!r}: JAX has no ragged arrays; pad the rows (keras.utils.pad_sequences)")
        self.sparse = bool(sparse)
        begins = input_tensor is None or (is_symbolic(input_tensor) and input_tensor._keras_history is None)
        tensor = None if input_tensor is None or not begins else input_tensor
        if tensor is None:
            tensor = KerasTensor(self.batch_shape, self._input_type, name=name if settings.era == "3" else self.name)
        tensor.sparse = self.sparse or tensor.sparse
        self.built = True
        self.source = None if begins else _as_source(input_tensor)
        Node(self, () if begins else (self.source,), {}, [tensor], jax.tree.structure(0))

    @property
    def is_placeholder(self) -> bool:
        """Whether data are fed: the input is not one whose values another tensor gives."""
        return self.source is None

    @property
    def batch_input_shape(self) -> tuple[int | None, ...]:
        """Shape of the data with the batch axis."""
        return self.batch_shape

    @property
    def dtype(self) -> str:
        """Type of the data."""
        return self._input_type

    def call(self, *values: Any) -> Any:
        """The values of the tensor that the input stands for; an input that is fed computes nothing."""
        if not values:
            raise TypeError("an input layer is not called")
        return values[0]

    @of_era
    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal input."""
        return {
            "batch_shape": self.batch_shape,
            "dtype": self._input_type,
            "sparse": self.sparse,
            "ragged": False,
            "name": self.name,
            "optional": self.optional,
        }


def _as_source(tensor: Any) -> KerasTensor:
    """What gives an input its values, as a symbolic tensor."""
    if is_symbolic(tensor):
        return tensor
    if isinstance(tensor, Variable):
        return reading(tensor)
    return Operation(jnp.asarray, "constant")._symbolic_call((np.asarray(tensor),), {})


def Input(
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Any = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
    **kwargs: Any,
) -> KerasTensor:
    """A symbolic tensor to begin a functional model with; arguments as those of :class:`InputLayer`."""
    if name is None:
        name = kwargs.pop("layer_name", None)
    layer = InputLayer(shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional, name, **kwargs)
    return layer._inbound_nodes[0].outputs[0]


_MAKE_SHAPES = frozenset(
    "reshape split hsplit vsplit dsplit array_split rearrange space_to_depth depth_to_space fold unfold view slice glu".split()
)
"""Operations whose arguments may ask for sizes that divide those of free axes."""


_SIZED_BY_VALUES = frozenset("nonzero unique bincount".split())
"""Operations whose results have sizes that depend on values: they run outside of compiled programs alone."""


def _shape_said(x: Any, newshape: Any, **others: Any) -> tuple[int, ...] | None:
    """The shape that ``reshape`` is asked for, where it says all sizes."""
    sizes = newshape if isinstance(newshape, (list, tuple)) else [newshape]
    return tuple(sizes) if all(isinstance(s, (int, np.integer)) and s >= 0 for s in sizes) else None


def _shape_squeezed(x: Any, axis: Any = None) -> tuple[int | None, ...] | None:
    """The shape without the axes that ``squeeze`` is asked to take, where their size is free."""
    axes = [axis] if isinstance(axis, (int, np.integer)) else axis
    if not axes or any(not -len(x.shape) <= a < len(x.shape) for a in axes):
        return None
    gone = {a % len(x.shape) for a in axes}
    if all(x.shape[a] is not None for a in gone):
        return None
    return tuple(size for a, size in enumerate(x.shape) if a not in gone)


_SAID: dict[str, Callable[..., Any]] = {"reshape": _shape_said, "squeeze": _shape_squeezed}
"""Operations whose arguments say the shape of the result though that of the input is free."""


def _many_values(shape: Sequence[int], dtype: str) -> np.ndarray:
    """An array of many different values that the type holds, large ones where it does."""
    values = np.arange(1000, 1000 + np.prod(shape))
    if dtype == "bool":
        values = values % 2
    elif jnp.dtype(dtype).itemsize == 1 or dtype == "bfloat16":
        values = values % 100 + 7
    return values.reshape(shape).astype(jnp.dtype(dtype))


_SHAPES = re.compile(r"shape|dimension|axis|axes|permutation|nonnegative|out of (range|bounds)")
_TYPES = re.compile(r"dtype|data type|interpret|supported between|supported operand|iterable|positional argument")


def _with_shapes(tree: Any) -> list[Any]:
    return [leaf for leaf in jax.tree.leaves(tree, is_leaf=is_symbolic) if hasattr(leaf, "shape")]


class Operation(PureLayer):
    """A pure function as a node of a graph.

    Args:
        function: what to call.
        name: its name in the graph.
        entry: what ``keras.ops`` knows of it, for configs; None for other functions.
    """

    nests_outputs = True

    def __init__(self, function: Callable[..., Any], name: str | None = None, entry: Any = None) -> None:
        then = op_names.called(name) if settings.era == "tf" else None
        Layer.__init__(self, name=None if name is None else unique_name(then or name))
        self._explicit_name = False
        if settings.era in ("1", "2") and name is not None and (around := current_path()):
            self._graph_name = tensor_names.in_scope(around, name, settings.names)
        self.function = function
        self.entry = entry
        self.autocast = False
        self._adopt(Op(function))
        today = "".join(part.title() for part in (name or "operation").split("_"))
        self._class_label = today if then is None else op_names.label(then)

    def _ensure_built(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self.built = True

    def _symbolic_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        args, kwargs = scopes.plain((args, kwargs))
        if settings.era in ("1", "2") and (scopes.is_tracing() or scopes.current() is not None):
            # A graph of variables, drawn outside of a function that is traced now: its values are known here.
            known = values_of(symbolic_leaves((args, kwargs)))
            if known is not None:
                args, kwargs = jax.tree.map(lambda leaf: known.get(id(leaf), leaf), (args, kwargs), is_leaf=is_symbolic)
                return self.call(*args, **kwargs)
        leaves = jax.tree.leaves((args, kwargs))
        if any(isinstance(leaf, Tracer) for leaf in leaves):
            tensor = symbolic_leaves((args, kwargs))[0]
            raise NotSymbolicError(
                f"{self.name}: the symbolic tensor {tensor.name!r} from outside is used in a function that is compiled, "
                "where it has no value; pass it to the layer as one of its inputs"
            )
        for leaf in jax.tree.leaves((args, kwargs), is_leaf=lambda x: isinstance(x, Variable)):
            if isinstance(leaf, Variable):
                self._track(leaf, STATE)  # so that a compiled step reads its present value
        return super()._symbolic_call(args, kwargs)

    @property
    def _op(self) -> Any:
        """The function as a module, to which the values of variables are given as arguments."""
        return self._module

    @property
    def is_pure(self) -> bool:
        """Whether no variables are among the arguments."""
        return not self._own_variables

    @property
    def weights(self) -> list[Variable]:
        """None: variables among the arguments belong to whoever made them."""
        return []

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        if kwargs.get("training") is not None and (self.entry is not None or not _has_mode(self.function)):
            del kwargs["training"]
        return self.function(*jax.tree.map(_value, args, is_leaf=_is_variable), **kwargs)

    def _output_specs(self, args: Any, kwargs: Any) -> tuple[list[KerasTensor], list[KerasTensor | None], Any]:
        if self.entry is None:
            return super()._output_specs(args, kwargs)
        try:
            return self._specs_of_operation(args, kwargs)
        except (TypeError, IndexError, ValueError) as error:
            if not self._is_about_shapes(error):
                raise
            given = ", ".join(str(tuple(leaf.shape)) for leaf in _with_shapes((args, kwargs)))
            raise ValueError(f"{self.entry.name}: does not go with inputs of the shapes {given}: {error}") from error

    def _is_about_shapes(self, error: Exception) -> bool:
        """Whether JAX's error says that shapes do not go together (a ``ValueError`` in Keras), and not that types do not."""
        if isinstance(error, jax.errors.JAXTypeError):
            return False
        if isinstance(error, TypeError):
            return bool(_SHAPES.search(str(error))) and not _TYPES.search(str(error))
        return type(error) is IndexError or (type(error) is ValueError and self.entry.name not in str(error))

    def _specs_of_operation(self, args: Any, kwargs: Any) -> tuple[list[KerasTensor], list[KerasTensor | None], Any]:
        tensors = symbolic_leaves((args, kwargs))
        if tensors and all(t.known is not None for t in tensors):
            return self._known_outputs(args, kwargs)
        if self.entry.name in _SAID and has_free_axes(tensors[:1]) and len(tensors) == 1:
            shape = _SAID[self.entry.name](*args, **kwargs)
            if shape is not None:
                return [KerasTensor(shape, tensors[0].dtype, name="spec")], [None], jax.tree.structure(0)
        if self.entry.broadcasts and has_free_axes(tensors):
            try:
                return self._specs_by_tracing(args, kwargs)
            except Exception as first:
                return self._broadcast_output(args, kwargs, first)
        return super()._output_specs(args, kwargs)

    def _fitted(self, tree: Any, attempt: Callable[[], Any]) -> Any:
        return fitted(tree, is_symbolic, attempt, 200, (2, 3))

    def _specs_by_tracing(self, args: Any, kwargs: Any) -> tuple[list[KerasTensor], list[KerasTensor | None], Any]:
        try:
            return super()._specs_by_tracing(args, kwargs)
        except jax.errors.ConcretizationTypeError:
            if self.entry is None or self.entry.name not in _SIZED_BY_VALUES:
                raise
            with small_stand_ins():
                return self._specs_by_values(args, kwargs)
        except Exception as first:
            shapes = self.entry is None or self.entry.name in _MAKE_SHAPES
            if not has_free_axes(symbolic_leaves((args, kwargs))) or not shapes:
                raise
            # Sizes without common divisors may not divide what a shape asks for; sizes with all small divisors do.
            with composite_stand_ins():
                try:
                    return super()._specs_by_tracing(args, kwargs)
                except Exception:
                    raise first from None

    def _specs_by_values(self, args: Any, kwargs: Any) -> tuple[list[KerasTensor], list[KerasTensor | None], Any]:
        """The output specs of a function whose result has a size that depends on values: that of two inputs differs."""
        results = []
        for variant, value in ((0, np.zeros), (1, _many_values)):
            arrays = jax.tree.map(
                lambda t, v=variant, value=value: value(stand_in(t, v).shape, t.dtype) if is_symbolic(t) else t,
                (args, kwargs),
                is_leaf=is_symbolic,
            )
            results.append(jax.tree.flatten(self.function(*arrays[0], **arrays[1])))
        (first, structure), (second, _) = results
        specs = [
            KerasTensor(free_shape(a.shape, b.shape), str(a.dtype), name="spec")
            for a, b in zip(first, second, strict=True)
        ]
        return specs, [None] * len(specs), structure

    def _broadcast_output(
        self, args: Any, kwargs: Any, error: Exception
    ) -> tuple[list[KerasTensor], list[KerasTensor | None], Any]:
        """Output of an operation on pairs of elements, where a free axis meets one of a known size: it has that size."""
        shapes = [tuple(leaf.shape) for leaf in jax.tree.leaves(args, is_leaf=is_symbolic) if hasattr(leaf, "shape")]
        rank = max(len(s) for s in shapes)
        merged: list[int | None] = []
        for sizes in zip(*((1,) * (rank - len(s)) + s for s in shapes), strict=True):
            known = {s for s in sizes if s is not None and s != 1}
            if len(known) > 1:
                raise error
            merged.append(known.pop() if known else None if None in sizes else 1)

        def ones(leaf: Any) -> Any:
            return KerasTensor((1,) * len(leaf.shape), leaf.dtype, name="spec") if is_symbolic(leaf) else leaf

        filled = jax.tree.map(ones, args, is_leaf=is_symbolic)
        (spec,), masks, structure = super()._specs_by_tracing(filled, kwargs)
        return [KerasTensor(merged, spec.dtype, name="spec")], masks, structure

    def _known_outputs(self, args: Any, kwargs: Any) -> tuple[list[KerasTensor], list[KerasTensor | None], Any]:
        """Outputs of a function of shapes, which are numbers already while a graph is drawn."""
        results = []
        for variant in (0, 1):
            filled = jax.tree.map(lambda t, v=variant: stand_in(t, v), (args, kwargs), is_leaf=is_symbolic)
            results.append(jax.tree.flatten(self.function(*filled[0], **filled[1])))
        (first, structure), (second, _) = results
        specs = []
        for a, b in zip(first, second, strict=True):
            a, b = np.asarray(a), np.asarray(b)
            specs.append(KerasTensor(a.shape, str(a.dtype), name="spec", known=(a, b)))
        return specs, [None] * len(specs), structure

    def _trace(self, args: Any, kwargs: Any, masks: Sequence[Any] | None = None) -> tuple[Any, list[Any]]:
        trace = functools.partial(Layer._trace, self, args, kwargs, masks)
        if self.entry is None or not self.is_pure:
            return trace()
        leaves, structure = jax.tree.flatten((args, kwargs))
        try:
            given = tuple(map(identity, (*leaves, *(masks or ()))))
        except UnknownError:
            return trace()
        return recalled((self.entry.module, self.entry.name, surroundings(), structure, given), trace)

    def get_config(self) -> dict[str, Any]:
        """Functions are not written to configs here."""
        return {"name": self.name}


class ShapeOperation(Operation):
    """Numbers that follow from a tensor's shape: known while a model is traced, so that shapes can be made of them.

    Args:
        function: from an array, or something that has only its shape, to a NumPy array.
        name: its name in the graph.
    """

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        super().__init__(function, name)

    def _output_specs(self, args: Any, kwargs: Any) -> Any:
        first, second = (np.asarray(self.function(stand_in(args[0], variant))) for variant in (0, 1))
        spec = KerasTensor(first.shape, str(first.dtype), name="spec", known=(first, second))
        return [spec], [None], jax.tree.structure(0)


class SizedByValues(Operation):
    """A function whose results have sizes that depend on values: a session computes it outside of compiled programs.

    Args:
        function: what to call.
        name: its name in the graph.
        shapes: from the arguments to (shape, type) of each result, None for what depends on values.
    """

    def __init__(self, function: Callable[..., Any], name: str, shapes: Callable[..., list[tuple[Any, str]]]) -> None:
        super().__init__(function, name)
        self._shapes = shapes

    def _output_specs(self, args: Any, kwargs: Any) -> Any:
        specs = [KerasTensor(shape, dtype, name="spec") for shape, dtype in self._shapes(*args, **kwargs)]
        return specs, [None] * len(specs), jax.tree.structure([0] * len(specs) if len(specs) > 1 else 0)


class RandomOperation(Operation):
    """A function of a random key as a node of a graph; the key comes from the model's random stream.

    Args:
        function: what to call, with the key first.
        name: its name in the graph.
    """

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        super().__init__(function, name)
        self._adopt(RandomOp(function, settings.seed))

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function with a fresh key."""
        return PureLayer.call(self, *args, **kwargs)


def reading(variable: Variable) -> KerasTensor:
    """A symbolic tensor that stands for the value that a variable has when the graph is computed."""
    return Operation(_same, "read_variable")._symbolic_call((variable,), {})


@functools.cache
def _has_mode(function: Callable[..., Any]) -> bool:
    """Whether a function takes the mode, by its signature."""
    try:
        return "training" in inspect.signature(function).parameters
    except ValueError:  # a function of C that says nothing of its arguments
        return False


def _same(value: Any) -> Any:
    return value


def _is_variable(leaf: Any) -> bool:
    return isinstance(leaf, Variable)


def _value(leaf: Any) -> Any:
    return leaf.value if isinstance(leaf, Variable) else leaf


def apply_function(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], name: str) -> Any:
    """Call a pure function: on symbolic tensors as a new node, otherwise at once."""
    if not symbolic_leaves((args, kwargs)):
        if scopes.recording() is not None:
            return scopes.recorder.call_function(function, args, kwargs)
        return function(*args, **kwargs)
    return Operation(function, name)._symbolic_call(args, kwargs)


nodes.fill(apply_function=apply_function, reading=reading)
