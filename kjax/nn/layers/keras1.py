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
