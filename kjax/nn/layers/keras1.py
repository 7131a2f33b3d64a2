"""Layers that only Keras 1 had."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from kjax.nn import arguments as arg
from kjax.nn.initializers import Constant
from kjax.nn.layers import base
from kjax.nn.module import Layer
from kjax.nn.value import field


class Highway(Layer):
    """A dense layer whose gate lets the input pass: ``g * activation(x @ W + b) + (1 - g) * x``.

    ``g = sigmoid(x @ W_carry + b_carry)``. The bias of the gate begins at 1.

    Weights: ``W`` and ``W_carry`` (features, features), ``b`` and ``b_carry`` (features,).

    Attributes:
        init: initializer of the matrices.
        activation: of the transformed part.
        bias: whether there are biases.
        input_dim: number of features, which the input tells as well.

    Source: Srivastava, Greff and Schmidhuber, 2015, "Highway networks".
    """

    init: Any = base.initializer("glorot_uniform")
    activation: Any = base.activation()
    W_regularizer: Any = base.regularizer()
    b_regularizer: Any = base.regularizer()
    W_constraint: Any = base.constraint()
    b_constraint: Any = base.constraint()
    bias: bool = base.flag(True)

    supports_masking = True

    def call(self, inputs: Float[Array, "batch features"]) -> Float[Array, "batch features"]:
        size = inputs.shape[-1]
        matrices = [base.declared_weight(self, n, (size, size), "W", initializer=self.init) for n in ("W", "W_carry")]
        transformed, gate = (jnp.matmul(inputs, matrix) for matrix in matrices)
        if self.bias:
            zeros, ones = Constant(0.0), Constant(1.0)
            transformed = base.add_bias(transformed, base.declared_weight(self, "b", (size,), initializer=zeros))
            gate = base.add_bias(gate, base.declared_weight(self, "b_carry", (size,), "b", initializer=ones))
        gate = jax.nn.sigmoid(gate)
        return base.activate(self.activation, transformed) * gate + (1 - gate) * inputs


class MaxoutDense(Layer):
    """The element-wise maximum of several linear layers.

    Weights: ``W`` (nb_feature, features, output_dim), ``b`` (nb_feature, output_dim).

    Attributes:
        output_dim: number of outputs.
        nb_feature: number of linear layers.
        init: initializer of the matrices.
        bias: whether there are biases.

    Source: Goodfellow et al., 2013, "Maxout networks".
    """

    output_dim: int = field(convert=arg.positive)
    nb_feature: int = field(4, convert=arg.positive)
    init: Any = base.initializer("glorot_uniform")
    W_regularizer: Any = base.regularizer()
    b_regularizer: Any = base.regularizer()
    W_constraint: Any = base.constraint()
    b_constraint: Any = base.constraint()
    bias: bool = base.flag(True)

    def call(self, inputs: Float[Array, "batch features"]) -> Float[Array, "batch outputs"]:
        shape = (self.nb_feature, inputs.shape[-1], self.output_dim)
        outputs = jnp.einsum("bi,kio->bko", inputs, base.declared_weight(self, "W", shape, initializer=self.init))
        if self.bias:
            bias = base.declared_weight(self, "b", (self.nb_feature, self.output_dim), initializer=Constant(0.0))
            outputs = outputs + bias[None]
        return jnp.max(outputs, axis=1)


def _shared_axes(value: Any) -> tuple[int, ...] | None:
    """Axes as a tuple; None, alone or in a list, as Keras 1 also wrote it, shares along none."""
    axes = value if isinstance(value, (list, tuple)) else [value]
    return tuple(arg.integer(axis) for axis in axes if axis is not None) or None


def _weight_for_samples(layer: Any, name: str, shape: tuple[int, ...], initializer: Any) -> Array:
    """A weight of the shape of one sample, with size 1 along the shared axes, and an axis for the batch in front."""
    base.require_rank(layer, jax.ShapeDtypeStruct(shape, jnp.float32), 2, at_least=True)
    sizes = list(shape)
    for axis in layer.shared_axes or ():
        if not 0 < axis < len(sizes):
            raise ValueError(
                f"{base.describe(layer)}: argument `shared_axes` {layer.shared_axes} must lie between 1 and "
                f"{len(sizes) - 1} for inputs of shape {shape}"
            )
        sizes[axis] = 1
    return base.declared_weight(layer, name, tuple(sizes[1:]), initializer=initializer)[None]


class ParametricSoftplus(Layer):
    """``alpha * log(1 + exp(beta * x))`` with learned ``alpha`` and ``beta``.

    Weights: ``alphas`` and ``betas``, of the shape of one sample, with size 1 along the shared axes.

    Attributes:
        alpha_init: what every ``alpha`` begins at.
        beta_init: what every ``beta`` begins at.
        shared_axes: axes along which one weight is shared, counted with the batch axis as 0.

    Source: McFarland, Cui and Butts, 2013, "Inferring nonlinear neuronal computation based on physiologically plausible
    inputs".
    """

    alpha_init: float = field(0.2, convert=float)
    beta_init: float = field(5.0, convert=float)
    shared_axes: Any = field(None, convert=_shared_axes)

    supports_masking = True

    def call(self, inputs: Float[Array, "batch *shape"]) -> Float[Array, "batch *shape"]:
        alphas = _weight_for_samples(self, "alphas", inputs.shape, Constant(self.alpha_init))
        betas = _weight_for_samples(self, "betas", inputs.shape, Constant(self.beta_init))
        return jax.nn.softplus(betas * inputs) * alphas


class SReLU(Layer):
    """A function of three straight pieces, whose ends are learned: S-shaped.

    Between ``t_left`` and ``right = t_left + |t_right|`` the input itself, above ``right + a_right * (x - right)``, below
    ``t_left + a_left * (x - t_left)``.

    Weights: ``t_left``, ``a_left``, ``t_right``, ``a_right``, of the shape of one sample, with size 1 along the shared axes.

    Attributes:
        t_left_init: initializer of the left end.
        a_left_init: initializer of the slope left of it.
        t_right_init: initializer of what lies between the ends.
        a_right_init: initializer of the slope right of the right end.
        shared_axes: axes along which one weight is shared, counted with the batch axis as 0.

    Source: Jin et al., 2015, "Deep learning with S-shaped rectified linear activation units".
    """

    t_left_init: Any = base.initializer("zeros")
    a_left_init: Any = base.initializer("glorot_uniform")
    t_right_init: Any = base.initializer("glorot_uniform")
    a_right_init: Any = base.initializer("ones")
    shared_axes: Any = field(None, convert=_shared_axes)

    supports_masking = True

    def call(self, inputs: Float[Array, "batch *shape"]) -> Float[Array, "batch *shape"]:
        left, left_slope, between, right_slope = (
            _weight_for_samples(self, name, inputs.shape, getattr(self, f"{name}_init"))
            for name in ("t_left", "a_left", "t_right", "a_right")
        )
        right = left + jnp.abs(between)
        middle = jnp.clip(inputs, left, right)
        return middle + left_slope * jnp.minimum(inputs - left, 0) + right_slope * jnp.maximum(inputs - right, 0)
