"""Graph nodes that are not layers: inputs, and pure functions applied to symbolic tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from kjax.keras.core import scope as scopes
from kjax.keras.core.layer import Layer
from kjax.keras.core.pure import PureLayer
from kjax.keras.core.settings import settings
from kjax.keras.core.tensor import KerasTensor, Node, symbolic_leaves
from kjax.nn.graph import Op


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
    """

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
        del sparse, ragged, optional
        super().__init__(name=name, **kwargs)
        shape = shape if shape is not None else input_shape
        batch_shape = batch_shape if batch_shape is not None else batch_input_shape
        if (shape is None) == (batch_shape is None):
            raise ValueError(f"Input {self.name!r}: give either `shape` (one sample) or `batch_shape`")
        if batch_shape is None:
            batch_shape = (batch_size, *(shape if hasattr(shape, "__iter__") else (shape,)))
        for size in batch_shape:
            if size is not None and (not isinstance(size, int) or size < 0) and not hasattr(size, "__index__"):
                raise ValueError(f"Input {self.name!r}: axes are integers or None, received shape {batch_shape}")
        self.batch_shape = tuple(None if s is None else int(s) for s in batch_shape)
        self._input_type = str(jnp.dtype(dtype or settings.floatx))
        tensor = input_tensor or KerasTensor(self.batch_shape, self._input_type, name=self.name)
        self.built = True
        Node(self, (), {}, [tensor], jax.tree.structure(0))

    @property
    def dtype(self) -> str:
        """Type of the data."""
        return self._input_type

    def call(self) -> Any:
        """An input computes nothing."""
        raise TypeError("an input layer is not called")

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal input."""
        return {
            "batch_shape": self.batch_shape,
            "dtype": self._input_type,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": False,
        }


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


class Operation(PureLayer):
    """A pure function as a node of a graph.

    Args:
        function: what to call.
        name: its name in the graph.
    """

    def __init__(self, function: Callable[..., Any], name: str | None = None) -> None:
        Layer.__init__(self, name=None)
        if name is not None:
            from kjax.keras.core.settings import unique_name

            self.name = unique_name(name)
        self.function = function
        self.autocast = False
        self._adopt(Op(function))
        self._class_label = "".join(part.title() for part in (name or "operation").split("_"))

    def _ensure_built(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self.built = True

    def get_config(self) -> dict[str, Any]:
        """Functions are not written to configs here."""
        return {"name": self.name}


def apply_function(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], name: str) -> Any:
    """Call a pure function: on symbolic tensors as a new node, otherwise at once."""
    if not symbolic_leaves((args, kwargs)):
        if scopes.recorder is not None and scopes.current() is None:
            return scopes.recorder.call_function(function, args, kwargs)
        return function(*args, **kwargs)
    return Operation(function, name)._symbolic_call(args, kwargs)
