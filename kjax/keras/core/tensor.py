"""Symbolic tensors and the nodes between them: what a functional model is drawn with."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from kjax.keras.core.settings import unique_name


class KerasTensor:
    """A tensor that does not exist yet: a shape, a type, and where it comes from.

    Args:
        shape: its shape, None for free axes.
        dtype: name of its type.
        name: its name.
    """

    __array_priority__ = 1000

    def __init__(
        self,
        shape: Sequence[int | None],
        dtype: str = "float32",
        name: str | None = None,
        history: Any = None,
    ) -> None:
        self.shape = tuple(None if s is None else int(s) for s in shape)
        self.dtype = str(dtype)
        self.name = name or unique_name("keras_tensor")
        self._keras_history: Any = history
        """(layer, index of the layer's node, index among the node's outputs)"""

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    rank = ndim

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise ValueError(
            "A KerasTensor is symbolic: it has no values yet, so it cannot become a NumPy array or go into a JAX or "
            "NumPy function. Use a layer, a function of keras.ops, or a Lambda layer."
        )

    __jax_array__ = __array__

    def __bool__(self) -> bool:
        raise TypeError("A KerasTensor is symbolic: it is neither true nor false while the model is drawn.")

    def __iter__(self) -> Any:
        if not self.shape or self.shape[0] is None:
            raise TypeError("Cannot iterate over a KerasTensor whose first axis is free (the batch).")
        return (self[i] for i in range(self.shape[0]))

    def __getitem__(self, key: Any) -> Any:
        from kjax.keras.core.operation import apply_function

        return apply_function(_get_item, (self, key), {}, name="get_item")


def _get_item(tensor: Any, key: Any) -> Any:
    return tensor[key]


def _symbolic_operator(name: str, function: Callable[..., Any], reverse: bool) -> Callable[..., Any]:
    def operator(self: KerasTensor, *others: Any) -> Any:
        from kjax.keras.core.operation import apply_function

        args = (*others, self) if reverse else (self, *others)
        return apply_function(function, args, {}, name=name)

    return operator


_OPERATORS: dict[str, tuple[str, Callable[..., Any]]] = {
    "add": ("add", jnp.add),
    "sub": ("subtract", jnp.subtract),
    "mul": ("multiply", jnp.multiply),
    "truediv": ("true_divide", jnp.true_divide),
    "floordiv": ("floor_divide", jnp.floor_divide),
    "mod": ("mod", jnp.mod),
    "pow": ("power", jnp.power),
    "matmul": ("matmul", jnp.matmul),
    "and": ("logical_and", jnp.logical_and),
    "or": ("logical_or", jnp.logical_or),
    "xor": ("logical_xor", jnp.logical_xor),
}
for _name, (_label, _function) in _OPERATORS.items():
    setattr(KerasTensor, f"__{_name}__", _symbolic_operator(_label, _function, False))
    setattr(KerasTensor, f"__r{_name}__", _symbolic_operator(_label, _function, True))
for _name, _label, _function in (
    ("lt", "less", jnp.less),
    ("le", "less_equal", jnp.less_equal),
    ("gt", "greater", jnp.greater),
    ("ge", "greater_equal", jnp.greater_equal),
    ("neg", "negative", jnp.negative),
    ("abs", "absolute", jnp.abs),
):
    setattr(KerasTensor, f"__{_name}__", _symbolic_operator(_label, _function, False))


class Node:
    """One call of a layer on symbolic tensors.

    Attributes:
        layer: the layer.
        args: positional arguments, symbolic tensors among them.
        kwargs: keyword arguments, symbolic tensors among them.
        outputs: the tensors that the call makes, flat.
        output_structure: how ``outputs`` unflatten to what the call returned.
        input_tensors: the symbolic tensors among the arguments, flat.
        order: number of the call, growing.
    """

    _count = itertools.count()

    def __init__(self, layer: Any, args: Any, kwargs: Any, outputs: list[KerasTensor], output_structure: Any) -> None:
        self.layer = layer
        self.args = args
        self.kwargs = kwargs
        self.outputs = outputs
        self.output_structure = output_structure
        self.input_tensors = symbolic_leaves((args, kwargs))
        self.order = next(Node._count)
        index = len(layer._inbound_nodes)
        layer._inbound_nodes.append(self)
        for i, tensor in enumerate(outputs):
            tensor._keras_history = (layer, index, i)
        for tensor in self.input_tensors:
            parent = tensor._keras_history[0] if tensor._keras_history else None
            if parent is not None:
                parent._outbound_nodes.append(self)

    @property
    def parent_nodes(self) -> list[Node]:
        """The nodes that make the inputs."""
        return [t._keras_history[0]._inbound_nodes[t._keras_history[1]] for t in self.input_tensors]

    # the names of Keras
    @property
    def operation(self) -> Any:
        """The layer."""
        return self.layer

    @property
    def output_tensors(self) -> list[KerasTensor]:
        """The outputs."""
        return self.outputs

    @property
    def is_input(self) -> bool:
        """Whether this is the node of an input."""
        return not self.input_tensors


def is_symbolic(thing: Any) -> bool:
    """Whether ``thing`` is a symbolic tensor."""
    return isinstance(thing, KerasTensor)


def symbolic_leaves(tree: Any) -> list[KerasTensor]:
    """The symbolic tensors in a tree, in order."""
    return [leaf for leaf in jax.tree.leaves(tree, is_leaf=is_symbolic) if is_symbolic(leaf)]


# Two sizes for free axes: what differs between two tracings is free in the output. Primes, so that products differ.
_BATCH = (3, 5)
_FREE = (113, 127)


def stand_in(tensor: Any, variant: int) -> Any:
    """An abstract array of the tensor's type and shape, with free axes filled by the variant's numbers."""
    if not isinstance(tensor, KerasTensor):
        return tensor
    shape = tuple(
        s if s is not None else (_BATCH if axis == 0 else _FREE)[variant] for axis, s in enumerate(tensor.shape)
    )
    return jax.ShapeDtypeStruct(shape, jnp.dtype(tensor.dtype))


def has_free_axes(tensors: Sequence[KerasTensor]) -> bool:
    """Whether any axis is free."""
    return any(s is None for t in tensors for s in t.shape)


def free_shape(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int | None, ...]:
    """The shape with None where two tracings differ."""
    return tuple(a if a == b else None for a, b in zip(first, second, strict=True))
