"""A product of inputs and a kernel, as an einsum: which axes are summed over, and how scales lie along the others."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array


@dataclasses.dataclass(frozen=True)
class Contraction:
    """An einsum of inputs and a kernel.

    Attributes:
        inputs: letters of the inputs' axes.
        weights: letters of the kernel's axes.
        outputs: letters of the outputs' axes.
        kernel: shape of the kernel.
        plain: whether it is a matrix product on the last axis (Dense), whose scales are vectors.
        free: letters and sizes of axes of the inputs that must have a certain size.
    """

    inputs: str
    weights: str
    outputs: str
    kernel: tuple[int, ...]
    plain: bool = False
    free: tuple[tuple[str, int], ...] = ()

    @classmethod
    def dense(cls, ndim: int, kernel: tuple[int, ...]) -> Contraction:
        """That of a matrix with the last of ``ndim`` axes."""
        free = "".join(chr(ord("a") + i) for i in range(ndim - 1))
        return cls(f"{free}y", "yz", f"{free}z", tuple(kernel), True)

    @property
    def equation(self) -> str:
        """The einsum equation."""
        return f"{self.inputs},{self.weights}->{self.outputs}"

    @property
    def is_dense(self) -> bool:
        """Whether it is the product of the inputs' last axis with a matrix."""
        return len(self.weights) == 2 and (self.inputs[-1], self.outputs) == (
            self.weights[0],
            self.inputs[:-1] + self.weights[1],
        )

    @property
    def backward(self) -> str:
        """The einsum equation from outputs and kernel to inputs: that of the gradient."""
        return f"{self.outputs},{self.weights}->{self.inputs}"

    @property
    def summed_inputs(self) -> tuple[int, ...]:
        """The axes of the inputs that are summed over."""
        return tuple(i for i, letter in enumerate(self.inputs) if letter not in self.outputs)

    @property
    def summed_weights(self) -> tuple[int, ...]:
        """The axes of the kernel that are summed over."""
        return tuple(i for i, letter in enumerate(self.weights) if letter not in self.outputs)

    @property
    def rows(self) -> int:
        """Number of products in a sum."""
        return math.prod(self.kernel[i] for i in self.summed_weights)

    @property
    def columns(self) -> int:
        """Number of weights in the kernel for each of them."""
        return math.prod(self.kernel) // self.rows

    @property
    def scale_shape(self) -> tuple[int, ...]:
        """Shape of one scale a channel."""
        sizes = dict(zip(self.weights, self.kernel, strict=True))
        if self.plain:
            return (self.kernel[1],)
        return tuple(sizes.get(letter, 1) for letter in self.outputs)

    @property
    def example(self) -> tuple[int, ...]:
        """A shape that the inputs may have."""
        sizes = dict(self.free) | dict(zip(self.weights, self.kernel, strict=True))
        return tuple(sizes.get(letter, 1) for letter in self.inputs)

    def matrix(self) -> tuple[int, int]:
        """Inputs and outputs of the kernel where GPTQ and AWQ take it for a matrix.

        As in Keras, a kernel of three axes is split after the first where that is the longest (attention's projections of
        queries, keys and values), otherwise before the last.

        Raises:
            ValueError: a kernel of another number of axes.
        """
        if len(self.kernel) == 2:
            return self.kernel[0], self.kernel[1]
        if len(self.kernel) != 3:
            raise ValueError(f"GPTQ and AWQ take kernels of 2 or 3 axes, not of shape {self.kernel}")
        a, b, c = self.kernel
        return (a, b * c) if a == max(self.kernel) else (a * b, c)

    def along_outputs(self, scale: Array, letters: str) -> Array:
        """A scale with an axis (of size 1 where it is summed over) for each letter, as it broadcasts with the outputs."""
        kept = [letter for letter in letters if letter in self.outputs]
        scale = jnp.squeeze(scale, tuple(i for i, letter in enumerate(letters) if letter not in self.outputs))
        return _arranged(scale, kept, self.outputs)

    def stored_along_outputs(self, scale: Array) -> Array:
        """A scale of :attr:`scale_shape` with as many axes as the outputs."""
        return scale.reshape((1,) * (len(self.outputs) - scale.ndim) + scale.shape)

    def along_weights(self, scale: Array) -> Array:
        """What :meth:`stored_along_outputs` returned, as it broadcasts with the kernel."""
        kept = [letter for letter in self.outputs if letter in self.weights]
        scale = jnp.squeeze(scale, tuple(i for i, letter in enumerate(self.outputs) if letter not in self.weights))
        return _arranged(scale, kept, self.weights)


def _arranged(array: Array, letters: Sequence[str], wanted: str) -> Array:
    """An array whose axes are ``letters``, with axes in the order ``wanted``, of size 1 where it has none."""
    order = [letters.index(letter) for letter in wanted if letter in letters]
    return jnp.expand_dims(jnp.transpose(array, order), tuple(i for i, x in enumerate(wanted) if x not in letters))
