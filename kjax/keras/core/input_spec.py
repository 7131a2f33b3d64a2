"""What a layer expects of its inputs, and the check of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import jax
import jax.numpy as jnp

from kjax.keras.core.tensor import is_symbolic
from kjax.nn.ops.sparse import is_sparse


class InputSpec:
    """What one input of a layer must be like.

    Args:
        dtype: its type.
        shape: its shape with the batch axis, None for free axes.
        ndim: its number of axes.
        max_ndim: largest number of axes.
        min_ndim: smallest number of axes.
        axes: size by axis, None for a free one.
        allow_last_axis_squeeze: also accept inputs that lack, or have in addition, a last axis of size 1.
        name: key of the input where inputs come as a dict.
        optional: whether None may be given instead.

    Raises:
        TypeError: ``axes`` is no dict with integer keys.
        ValueError: ``axes`` names an axis that the number of axes rules out.
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Any = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: Mapping[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype = None if dtype is None else str(jnp.dtype(dtype))
        self.shape = None if shape is None else tuple(None if s is None else int(s) for s in shape)
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        self.name, self.optional = name, optional
        try:
            self.axes = {int(axis): size for axis, size in dict(axes or {}).items()}
        except (TypeError, ValueError):
            raise TypeError(f"InputSpec: argument `axes` must be a dict with integer keys, received {axes!r}") from None
        most = self.ndim if self.ndim is not None else max_ndim
        if most is not None and any(axis >= most for axis in self.axes):
            raise ValueError(f"InputSpec: argument `axes` names axis {max(self.axes)}, but inputs have {most} axes")

    def complaint(self, value: Any) -> str | None:
        """What is wrong with an input, in words that follow its shape; None if nothing is."""
        shape = tuple(value.shape)
        rank, wanted = len(shape), self.shape
        if wanted is not None and self.allow_last_axis_squeeze:
            if rank == len(wanted) + 1 and shape[-1] == 1:
                shape = shape[:-1]
            elif rank == len(wanted) - 1 and wanted[-1] == 1:
                shape = (*shape, 1)
            rank = len(shape)
        if self.ndim is not None and rank != self.ndim:
            return f"expected ndim={self.ndim}, found ndim={rank}"
        if self.max_ndim is not None and rank > self.max_ndim:
            return f"expected max_ndim={self.max_ndim}, found ndim={rank}"
        if self.min_ndim is not None and rank < self.min_ndim:
            return f"expected min_ndim={self.min_ndim}, found ndim={rank}"
        if self.dtype is not None and str(value.dtype) != self.dtype:
            return f"expected dtype={self.dtype}, found dtype={value.dtype}"
        for axis, size in self.axes.items():
            present = shape[axis] if -rank <= axis < rank else None
            if size is not None and present is not None and present != size:
                return f"expected axis {axis} of input shape to have value {size}"
        if wanted is not None and any(
            s is not None and given is not None and s != given for s, given in zip(wanted, shape, strict=True)
        ):
            return f"expected shape={wanted}, found shape={shape}"
        return None

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal specification."""
        names = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes", "optional")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make a specification from what :meth:`get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        given = {k: v for k, v in self.get_config().items() if v not in (None, {}, False)}
        return f"InputSpec({', '.join(f'{k}={v}' for k, v in given.items())})"


def check_inputs(spec: Any, inputs: Any, layer: Any) -> None:
    """Compare the first argument of a call with the layer's ``input_spec``.

    Args:
        spec: an :class:`InputSpec`, a structure of them, or None.
        inputs: the inputs, structured like it.
        layer: the layer, for the message.

    Raises:
        ValueError: they do not fit.
    """
    specs = jax.tree.leaves(spec, is_leaf=lambda s: s is None or isinstance(s, InputSpec))
    named = bool(specs) and all(s is not None and s.name for s in specs)
    where = f"{type(layer).__name__} layer {layer.name!r}"
    if isinstance(inputs, Mapping) and named:
        missing = [s.name for s in specs if s.name not in inputs and not s.optional]
        if missing:
            raise ValueError(f"{where}: input {missing[0]!r} is missing, received {sorted(inputs)}")
        values = [inputs.get(s.name) for s in specs]
    else:
        values = jax.tree.leaves(inputs, is_leaf=lambda x: x is None or is_symbolic(x) or is_sparse(x))
    if len(values) != len(specs):
        raise ValueError(f"{where} expects {len(specs)} input(s), but it received {len(values)} input tensors")
    for i, (one, value) in enumerate(zip(specs, values, strict=True)):
        if one is None or (value is None and one.optional):
            continue
        if value is None or not hasattr(value, "shape"):
            raise ValueError(f"Inputs to a layer should be tensors: {where} received {type(value).__name__}: {value!r}")
        complaint = one.complaint(value)
        if complaint is not None:
            which = f"input {one.name or i!r}" if len(specs) > 1 else "the input"
            raise ValueError(
                f"{where}: {which} of shape {tuple(value.shape)} is incompatible with the layer: {complaint}"
            )
