"""Low-rank adaptation of Keras layers: ``enable_lora``, and the weight that layers then compute with."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp

from kjax.keras.core.pure import PureLayer
from kjax.keras.core.variable import Variable
from kjax.nn import initializers
from kjax.nn.layers import base, low_rank
from kjax.nn.module import PARAMS, WeightSpec


class PresentWeight:
    """The weight that a layer computes with, as an attribute; a subclass may set another under the same name."""

    def __get__(self, layer: Any, owner: Any = None) -> Any:
        return self if layer is None else layer._present()


class Adaptable(PureLayer):
    """Members of layers with one large weight that may be adapted by a product of two thin matrices."""

    adapted_weight: ClassVar[str] = "kernel"

    @property
    def lora_enabled(self) -> bool:
        """Whether the layer trains a correction in place of its weight."""
        return bool(getattr(self._module, "lora_rank", None))

    @property
    def variable_serialization_spec(self) -> dict[str | None, list[str]]:
        """Names of the variables that files hold, by quantization mode."""
        return {self.quantization_mode: [path[-1] for _, path, _ in self._boxes]}

    def _stored(self) -> Variable | None:
        """The weight itself."""
        return next((v for _, path, v in self._boxes if path == (self.adapted_weight,)), None)

    def _present(self) -> Any:
        """The weight that the layer computes with: a variable, or its sum with the correction."""
        stored = self._stored()
        if stored is None:
            raise AttributeError(
                f"{type(self).__name__} layer {self.name!r} has no `{self.adapted_weight}` yet: weights are made when the "
                "layer is first called, or by its `build(input_shape)`"
            )
        return stored.value + self._correction() if self.lora_enabled else stored

    def _correction(self) -> Any:
        """What the correction adds to the weight."""
        first, second = self._factors()
        return low_rank.scale(self._module) * jnp.matmul(first.value, second.value)

    def _factors(self) -> list[Variable]:
        """The two matrices of the correction; none without one."""
        names = [f"lora_{self.adapted_weight}_{which}" for which in "ab"]
        found = {path[0]: v for _, path, v in self._boxes}
        return [found[name] for name in names if name in found]

    def _above(self) -> tuple[str, ...]:
        """What stands at the head of the paths of the weights."""
        return (self.path,)

    def _weight_shape(self, stored: Variable) -> tuple[int, ...]:
        """Shape of the weight, whatever it is stored as."""
        return stored.shape

    def merged_values(self) -> dict[str, Any]:
        """What files hold, by name, in the place of weights that have a correction: as in Keras, their sum with it."""
        return {self.adapted_weight: self._present()} if self.lora_enabled else {}

    def enable_lora(
        self,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: Any = "he_uniform",
        b_initializer: Any = "zeros",
    ) -> None:
        """Freeze the weight and train a product of two thin matrices that is added to it.

        A model that was compiled before has to be compiled again.

        Args:
            rank: length of the thin axis.
            lora_alpha: the product is multiplied by ``lora_alpha / rank``; ``rank`` by default.
            a_initializer: of the first matrix.
            b_initializer: of the second matrix; zeros begin with the weight as it is.

        Raises:
            ValueError: the layer is not built, has a correction already, or has a constraint on the weight.
        """
        stored = self._stored()
        if stored is None:
            raise ValueError(f"{type(self).__name__} layer {self.name!r}: `enable_lora` needs a layer that is built")
        if self.lora_enabled:
            raise ValueError(f"{type(self).__name__} layer {self.name!r}: `enable_lora` was called before")
        if not hasattr(self._module, "lora_rank"):
            raise NotImplementedError(f"{type(self).__name__} layers have no low-rank adaptation")
        if rank < 1:
            raise ValueError(f"{type(self).__name__} layer {self.name!r}: `enable_lora` needs a rank of at least 1")
        module: Any = self._module
        self._module = module.clone(lora_rank=rank, lora_alpha=lora_alpha)
        self._described.clear()
        stored.frozen, stored.trainable = True, False
        regularizer = getattr(module, f"{self.adapted_weight}_regularizer")
        stored.regularizer = None
        shape = self._weight_shape(stored)
        shapes = {"a": (*shape[:-1], rank), "b": (rank, shape[-1])}
        for which, initializer in (("a", a_initializer), ("b", b_initializer)):
            path = (f"lora_{self.adapted_weight}_{which}",)
            spec = WeightSpec(PARAMS, path, shapes[which], "float32", initializers.get(initializer), regularizer)
            self.take_variable(spec, path, self._above())


class KernelMembers(Adaptable):
    """Members of layers with a kernel."""

    kernel = PresentWeight()


class EmbeddingsMembers(Adaptable):
    """Members of layers with a table of vectors."""

    adapted_weight = "embeddings"
    embeddings = PresentWeight()


class ConvolutionMembers(KernelMembers):
    """Members of convolutions: the product itself, which a subclass may write anew."""

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """The convolution of inputs with a kernel, without bias and activation.

        Args:
            inputs: images in the layer's data format.
            kernel: (*kernel_size, channels / groups, filters).
        """
        kernel = kernel.value if isinstance(kernel, Variable) else kernel
        bare: Any = self._module.clone(use_bias=False, activation=None, lora_rank=None, name=None)  # type: ignore[call-arg]
        return bare.apply({PARAMS: {"kernel": kernel}}, inputs)

    @property
    def _composed_call(self) -> Any:
        if type(self).convolution_op is ConvolutionMembers.convolution_op:
            return None

        def call(inputs: Any, **context: Any) -> Any:
            del context  # mode and mask change nothing
            outputs = self.convolution_op(inputs, self.kernel)
            bias = self.bias if self.use_bias else None
            axis = base.channel_axis(self._module)
            return base.activate(self.activation, base.add_bias(outputs, None if bias is None else bias.value, axis))

        return call


class SpectralMembers(PureLayer):
    """Members of spectral normalization."""

    def normalized_weights(self) -> tuple[Any, Any]:
        """The vector after the power iterations of a training step, and the kernel divided by its norm."""
        weights = {path[-1]: v.value for _, path, v in self._boxes}
        kernel = next(weights[name] for name in ("kernel", "embeddings") if name in weights)
        module: Any = self._module
        matrix = kernel.reshape(-1, kernel.shape[-1])
        u, sigma = module._largest_singular_value(matrix, weights["vector_u"], module.power_iterations)
        return u, kernel / sigma
