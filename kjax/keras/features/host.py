"""The base of layers that compute on the host: strings in, arrays out; integers also inside compiled models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from kjax.keras.core import codes
from kjax.keras.core import scope as scopes
from kjax.keras.core.layer import Layer
from kjax.keras.core.settings import settings
from kjax.keras.core.tensor import KerasTensor, symbolic_leaves
from kjax.nn.ops.sparse import stored


def as_strings(values: Any, encoding: str = "utf-8") -> np.ndarray:
    """Anything that holds strings or bytes as an array of Python strings.

    Raises:
        TypeError: numbers.
    """
    array = np.asarray(values if not hasattr(values, "to_numpy") else values.to_numpy())
    if array.dtype.kind in "biufc":
        raise TypeError(f"expected strings, received an array of {array.dtype}")
    flat = [item.decode(encoding) if isinstance(item, bytes) else item for item in array.reshape(-1).tolist()]
    result = np.empty(len(flat), object)
    result[:] = flat
    return result.reshape(array.shape)


class HostLayer(Layer):
    """A layer whose computation runs on the host.

    A subclass writes ``compute(inputs) -> array`` on NumPy arrays, ``output_shape_for(shape)`` and ``result_dtype``.
    Called on data it computes at once. Inside a compiled model it runs on the host through a callback; strings enter the
    model as numbers that stand for them (:mod:`kjax.keras.core.codes`).
    """

    def build(self, input_shape: Any = None) -> None:
        """There are no weights."""
        del input_shape
        self.built = True

    # -- what a subclass writes ----------------------------------------------------------------------------------

    def compute(self, inputs: Any) -> np.ndarray:
        """The outputs for inputs on the host."""
        raise NotImplementedError

    def output_shape_for(self, shape: Any) -> tuple[int | None, ...]:
        """Shape of the outputs for the shape of the inputs."""
        raise NotImplementedError

    @property
    def result_dtype(self) -> str:
        """Type of the outputs."""
        raise NotImplementedError

    # -- calling -------------------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the layer on symbolic tensors (draws a node) or on data (computes)."""
        if symbolic_leaves((args, kwargs)):
            return self._symbolic_call(args, kwargs)
        inputs = args[0] if args else kwargs["inputs"]
        if scopes.recording() is not None:
            return scopes.recorder.call_host(self.call, inputs, self.ragged)
        return self.call(inputs)

    def call(self, inputs: Any) -> Any:
        """The outputs, as a JAX array (strings as a NumPy array)."""
        self.built = True
        if getattr(inputs, "dtype", None) == codes.DONE and self._is_open(inputs.shape[:1]):
            return inputs.astype(jax.dtypes.canonicalize_dtype(self.result_dtype))
        if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(inputs)):
            return self._through_callback(inputs)
        return self.on_device(self.compute(self._decoded(inputs)))

    def _is_open(self, shape: tuple[int, ...]) -> bool:
        """Whether the layer takes strings, and how long its rows are depends on them."""
        return self.takes_strings and self.result_dtype.startswith("int") and None in self.output_shape_for(shape)

    def outputs_before(self, numbers: np.ndarray) -> np.ndarray | None:
        """The outputs for a batch that a compiled model is about to get, if only data say how large they are; else None.

        They are marked by their type, which :meth:`call` knows, and take the place of the numbers of the strings.
        """
        if not self._is_open(tuple(numbers.shape)):
            return None
        return np.asarray(self.compute(self._decoded(numbers))).astype(codes.DONE)

    sparse: bool = False
    """Whether rows are sparse arrays (``BCOO``) where the layer is called on data; inside compiled models they are dense."""

    # Whether rows keep their lengths where the layer is called on data.
    ragged: bool = False
    # Whether the inputs are strings, whatever a model says of them.
    takes_strings = False
    # Which of the inputs are strings, as the model says.
    _told: tuple[bool, ...] = ()

    @property
    def input_type(self) -> str:
        """Type of the inputs of a model that begins with the layer."""
        return codes.STRING if self.takes_strings or any(self._told) else "int32"

    def _decoded(self, inputs: Any) -> Any:
        """Strings for the numbers that stand for them inside a model."""
        leaves, structure = jax.tree.flatten(inputs)
        told = self._told if len(self._told) == len(leaves) else (False,) * len(leaves)

        def strings(leaf: Any, named: bool) -> Any:
            is_code = isinstance(leaf, (np.ndarray, jax.Array)) and leaf.dtype.kind in "iu"
            return codes.decode(np.asarray(leaf)) if is_code and (named or self.takes_strings) else leaf

        return jax.tree.unflatten(structure, map(strings, leaves, told))

    def on_device(self, outputs: np.ndarray) -> Any:
        """Numbers as a JAX array of the layer's type."""
        if outputs.dtype.kind in "OUS":
            return outputs
        dtype = jax.dtypes.canonicalize_dtype(self.result_dtype)
        return stored(outputs.astype(dtype)) if self.sparse else jnp.asarray(outputs, dtype)

    def _through_callback(self, inputs: Any) -> Any:
        shapes = [tuple(leaf.shape) for leaf in jax.tree.leaves(inputs)]
        shape = self.output_shape_for(shapes if isinstance(inputs, (list, tuple)) else shapes[0])
        if any(size is None for size in shape):
            raise ValueError(
                f"{self.name!r}: inside a compiled model the shape of the output must be known, it is {shape}; "
                "TextVectorization has the argument `output_sequence_length` for that"
            )
        if self.result_dtype == "string":
            raise ValueError(
                f"{self.name!r} gives strings, which no compiled model can hold: call the layer on the model's outputs"
            )
        dtype = jax.dtypes.canonicalize_dtype(self.result_dtype)
        result = jax.ShapeDtypeStruct(tuple(int(s or 0) for s in shape), dtype)
        return jax.pure_callback(
            lambda given: np.asarray(self.compute(self._decoded(jax.tree.map(np.asarray, given))), dtype),
            result,
            inputs,
            vmap_method="sequential",
        )

    def _output_specs(self, args: Any, kwargs: Any) -> tuple[list[KerasTensor], list[KerasTensor | None], Any]:
        given = args[0] if args else kwargs["inputs"]
        shapes = [tuple(t.shape) for t in symbolic_leaves(given)]
        self._told = tuple(t.dtype == codes.STRING for t in symbolic_leaves(given))
        shape = self.output_shape_for(shapes if isinstance(given, (list, tuple)) else shapes[0])
        dtype = self.result_dtype
        dtype = dtype if dtype == "string" else str(jax.dtypes.canonicalize_dtype(dtype))
        return [KerasTensor(shape, dtype, name="spec")], [None], jax.tree.structure(0)

    def compute_output_shape(self, input_shape: Any, **kwargs: Any) -> Any:
        """Shape of the output for the shape of the input (None for free axes)."""
        return self.output_shape_for(input_shape)

    def get_build_config(self) -> dict[str, Any] | None:
        """Nothing is needed to build the layer."""
        return {}

    def build_from_config(self, config: Mapping[str, Any]) -> None:
        """Nothing is needed to build the layer."""
        self.built = True


def float_type() -> str:
    """Type of encoded rows."""
    return settings.floatx
