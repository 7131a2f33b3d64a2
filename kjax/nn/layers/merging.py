"""Layers that make one array of a list of arrays."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Num

from kjax.nn import arguments as arg
from kjax.nn.layers import base
from kjax.nn.module import Layer
from kjax.nn.numerics import l2_normalize
from kjax.nn.value import field


class Merge(Layer):
    """Base of the layers that take a list of inputs; a subclass writes ``merge(inputs, masks)``.

    Attributes:
        keras2: as before Keras 3: a step counts where all inputs that have a mask count it, and masked values are merged like others.
    """

    keras2: bool = field(False, convert=bool, unknown_to_keras=True, kw_only=True)

    supports_masking = True

    def call(self, inputs: Sequence[Num[Array, "..."]], mask: Any = None) -> Array:
        self.check(inputs)
        masks = tuple(mask) if isinstance(mask, (list, tuple)) else (None,) * len(inputs)
        return self.merge(self.align(inputs), (None,) * len(inputs) if self.keras2 else masks)

    def check(self, inputs: Any) -> None:
        """Check that the inputs are a list, and fit.

        Raises:
            ValueError: one array instead of a list of them, an empty list, or shapes that do not fit.
        """
        if not isinstance(inputs, (list, tuple)) or not inputs:
            received = "an empty list" if isinstance(inputs, (list, tuple)) else f"shape {jnp.shape(inputs)}"
            raise ValueError(
                f"{base.describe(self)}: A merge layer should be called on a list of inputs: "
                f"argument `inputs` must be a list of arrays, received {received}"
            )
        self.check_shapes([tuple(jnp.shape(x)) for x in inputs])

    def check_shapes(self, shapes: Sequence[tuple[Any, ...]]) -> None:
        """Check that the shapes broadcast to one, the batch axis aside.

        Raises:
            ValueError: they do not.
        """
        rank = max(len(shape) for shape in shapes)
        aligned = [(*shape[:1], *(1,) * (rank - len(shape)), *shape[1:]) for shape in shapes if shape]
        for sizes in zip(*aligned, strict=True):
            # Sets would compare symbolic sizes by hash, so that equal ones stay one.
            if len({size for size in sizes if not _is_one(size)}) > 1:
                self.refuse(
                    shapes, "Inputs have incompatible shapes, they must be equal, or of size 1, along each axis"
                )

    def refuse(self, shapes: Sequence[tuple[Any, ...]], why: str) -> None:
        """Raise the error about input shapes that do not fit."""
        raise ValueError(f"{base.describe(self)}: cannot merge inputs of shapes {', '.join(map(str, shapes))}: {why}")

    def align(self, inputs: Sequence[Array]) -> list[Array]:
        """The inputs with axes of size 1 inserted after the batch axis until all have the same number of axes."""
        rank = max(x.ndim for x in inputs)
        return [x.reshape(x.shape[:1] + (1,) * (rank - x.ndim) + x.shape[1:]) if x.ndim < rank else x for x in inputs]

    def merge(self, inputs: Sequence[Array], masks: Sequence[Any]) -> Array:
        """The one array of these many."""
        raise NotImplementedError

    def compute_mask(self, inputs: Any, mask: Any) -> Bool[Array, "..."] | None:
        """The union of the inputs' masks; None if an input has none. With ``keras2`` the intersection of those that there are."""
        masks = self.masks(inputs, mask)
        if self.keras2:
            given = [jnp.asarray(m, bool) for m in masks if m is not None]
            return jnp.all(jnp.concatenate([m[None] for m in given]), axis=0) if given else None
        return None if any(m is None for m in masks) else functools.reduce(operator.or_, masks)

    def masks(self, inputs: Any, mask: Any) -> Sequence[Any]:
        """One mask, or None, for each input.

        Raises:
            ValueError: as many masks as inputs are needed.
        """
        if mask is None:
            return [None] * len(inputs)
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(f"{base.describe(self)}: argument `inputs` must be a list where `mask` is one")
        if not isinstance(mask, (list, tuple)) or len(mask) != len(inputs):
            raise ValueError(f"{base.describe(self)}: argument `mask` must be a list of {len(inputs)} masks or None")
        return mask


def _is_one(size: Any) -> bool:
    return isinstance(size, int) and size == 1


class Add(Merge):
    """The sum of the inputs."""

    def merge(self, inputs: Sequence[Array], masks: Sequence[Any]) -> Array:
        return functools.reduce(operator.add, inputs)


class Average(Merge):
    """The mean of the inputs."""

    def merge(self, inputs: Sequence[Array], masks: Sequence[Any]) -> Array:
        return functools.reduce(operator.add, inputs) / len(inputs)


class Subtract(Merge):
    """The first input less the second."""

    def check_shapes(self, shapes: Sequence[tuple[Any, ...]]) -> None:
        if len(shapes) != 2:
            self.refuse(shapes, "the layer should be called on exactly 2 inputs")
        super().check_shapes(shapes)

    def merge(self, inputs: Sequence[Array], masks: Sequence[Any]) -> Array:
        return inputs[0] - inputs[1]


class Multiply(Merge):
    """The product of the inputs; a masked step does not change it, and is 0 where all inputs mask it."""

    def merge(self, inputs: Sequence[Array], masks: Sequence[Any]) -> Array:
        counted = [
            x if m is None else jnp.where(base.expand_mask(m, x.ndim), x, jnp.ones((), x.dtype))
            for x, m in zip(inputs, masks, strict=True)
        ]
        output = functools.reduce(operator.mul, counted)
        if any(m is None for m in masks):
            return output
        union = functools.reduce(operator.or_, masks)
        return jnp.where(base.expand_mask(union, output.ndim), output, jnp.zeros((), output.dtype))


class _Extremum(Merge):
    """An element-wise maximum or minimum; where just one of two inputs is masked, the other counts."""

    def merge(self, inputs: Sequence[Array], masks: Sequence[Any]) -> Array:
        output, output_mask = inputs[0], masks[0]
        for x, mask in zip(inputs[1:], masks[1:], strict=True):
            before = output
            if mask is not None:
                x = jnp.where(base.expand_mask(mask, x.ndim), x, before)
            if output_mask is not None:
                before = jnp.where(base.expand_mask(output_mask, before.ndim), before, x)
            output_mask = None if mask is None or output_mask is None else output_mask | mask
            output = self.of_two(before, x)
        return output

    def of_two(self, a: Array, b: Array) -> Array:
        """The extremum of two arrays."""
        raise NotImplementedError


class Maximum(_Extremum):
    """The element-wise maximum of the inputs."""

    def of_two(self, a: Array, b: Array) -> Array:
        return jnp.maximum(a, b)


class Minimum(_Extremum):
    """The element-wise minimum of the inputs."""

    def of_two(self, a: Array, b: Array) -> Array:
        return jnp.minimum(a, b)


class Concatenate(Merge):
    """The inputs one after another along ``axis``."""

    axis: int = field(-1, convert=arg.integer)

    def check_shapes(self, shapes: Sequence[tuple[Any, ...]]) -> None:
        rank = len(shapes[0])
        if any(len(shape) != rank for shape in shapes):
            self.refuse(shapes, "they must have the same number of axes")
        if not -rank <= self.axis < rank:
            self.refuse(shapes, f"they have no axis {self.axis} (argument `axis`)")
        rest = {tuple(n for i, n in enumerate(shape) if i != self.axis % rank) for shape in shapes}
        if len(rest) > 1:
            self.refuse(
                shapes,
                f"inputs with matching shapes except for the concatenation axis are required: they must be equal along every axis "
                f"but {self.axis} (argument `axis`)",
            )

    def merge(self, inputs: Sequence[Array], masks: Sequence[Any]) -> Array:
        return jnp.concatenate(inputs, axis=self.axis)

    def compute_mask(self, inputs: Any, mask: Any) -> Bool[Array, "..."] | None:
        """The masks one after another; where an input has none, all of it counts."""
        masks = self.masks(inputs, mask)
        if all(m is None for m in masks):
            return None
        given = [
            None if m is None else base.expand_mask(jnp.asarray(m, bool), x.ndim)
            for x, m in zip(inputs, masks, strict=True)
        ]
        if self.keras2 and all(m is not None for m in masks):
            return jnp.all(jnp.concatenate([m for m in given if m is not None], axis=self.axis), axis=-1)
        full = [
            jnp.ones(x.shape, bool) if m is None else jnp.broadcast_to(m, x.shape)
            for x, m in zip(inputs, given, strict=True)
        ]
        return (jnp.all if self.keras2 else jnp.any)(jnp.concatenate(full, axis=self.axis), axis=-1)


def _axis_or_two(value: Any) -> int | tuple[int, ...]:
    found = arg.axes(value)
    if isinstance(found, tuple) and len(found) != 2:
        raise ValueError(f"expected one axis or two, one for each input, received {value!r}")
    return found


class Dot(Merge):
    """The inner product of two inputs along one axis of each, sample by sample.

    Attributes:
        axes: the axis, or one axis for each input; the batch axis cannot be one.
        normalize: scale the vectors to length 1 first, which gives the cosine similarity.
    """

    axes: Any = field(convert=_axis_or_two)
    normalize: bool = base.flag(False)

    def check_shapes(self, shapes: Sequence[tuple[Any, ...]]) -> None:
        if len(shapes) != 2:
            self.refuse(shapes, "the layer should be called on exactly 2 inputs")
        axes = self._axes(len(shapes[0]), len(shapes[1]))
        if min(len(shape) for shape in shapes) < 2 or 0 in axes:
            self.refuse(shapes, f"axes {self.axes} (argument `axes`) must be axes after that of the batch")
        if any(axis >= len(shape) for axis, shape in zip(axes, shapes, strict=True)):
            self.refuse(shapes, f"they have no axes {self.axes} (argument `axes`)")
        if shapes[0][axes[0]] != shapes[1][axes[1]]:
            self.refuse(shapes, f"they differ along axes {self.axes} (argument `axes`)")

    def align(self, inputs: Sequence[Array]) -> list[Array]:
        return list(inputs)

    def merge(self, inputs: Sequence[Array], masks: Sequence[Any]) -> Array:
        x, y = inputs
        a, b = self._axes(x.ndim, y.ndim)
        if self.normalize:
            x, y = l2_normalize(x, a), l2_normalize(y, b)
        product = jax.lax.dot_general(x, y, (((a,), (b,)), ((0,), (0,))))
        return product if product.ndim > 1 else product[:, None]

    def compute_mask(self, inputs: Any, mask: Any) -> None:
        """None: the masked axis is summed over."""
        return None

    def _axes(self, x_rank: int, y_rank: int) -> tuple[int, int]:
        a, b = self.axes if isinstance(self.axes, tuple) else (self.axes, self.axes)
        return a + x_rank * (a < 0), b + y_rank * (b < 0)
