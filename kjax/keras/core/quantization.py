"""Quantization as every layer knows it: which mode it is in, and what it says where it cannot be quantized."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kjax.keras.core import scope as scopes
from kjax.nn import Layer as ModuleBase
from kjax.nn.dtypes import Policy
from kjax.nn.quantization import QuantizationConfig, resolve


class Quantizable:
    """The part of a layer that knows about quantization; layers that can be quantized override it."""

    if TYPE_CHECKING:
        name: str
        built: bool
        dtype_policy: Any

        def call(self, *args: Any, **kwargs: Any) -> Any: ...

    @property
    def quantization_mode(self) -> str | None:
        """How the layer is quantized: ``'int8'``, ``'int4'``, ``'float8'``, ``'gptq'``, ``'awq'``, or None."""
        return self.dtype_policy.quantization_mode

    def quantize(self, mode: str | None = None, config: Any = None, type_check: bool = True) -> None:
        """Keep the weights in fewer bits from now on. A model that was compiled before has to be compiled again.

        Args:
            mode: ``'int8'``, ``'int4'``, ``'float8'``; ``'gptq'`` and ``'awq'`` need a config.
            config: a config of ``keras.quantizers``; that of the mode by default.
            type_check: whether classes that users derived from the built-in one are refused.

        Raises:
            NotImplementedError: the layer cannot be quantized in this way.
            ValueError: it is not built, or quantized already; an unknown mode, or a config that does not fit.
        """
        del type_check
        wanted = self._checked_config(mode, config)
        raise NotImplementedError(
            f"Layer {type(self).__name__} does not have a `quantize` method implemented ({self.name!r} cannot be quantized, "
            f"mode {wanted.mode!r}): Dense, EinsumDense, Embedding and ReversibleEmbedding can"
        )

    def _checked_config(self, mode: str | None, config: Any) -> QuantizationConfig:
        """The config for the arguments of :meth:`quantize`, where the layer is in a state to be quantized."""
        wanted = resolve(mode, config)
        label = f"{type(self).__name__} layer {self.name!r}"
        if not self.built:
            raise ValueError(
                f"Cannot quantize a layer that isn't yet built: {label} has no weights. Call it on data, or its "
                "`build(input_shape)`, first"
            )
        if self.quantization_mode is not None:
            raise ValueError(
                f"{label} is already quantized with dtype_policy={self.dtype_policy.name!r}, received mode={wanted.mode!r}"
            )
        if wanted.mode == "int8" and self.dtype_policy.compute_dtype == "float16":
            raise ValueError(
                f"{label}: quantization mode 'int8' doesn't work well with compute_dtype='float16', whose range the sums "
                "leave; make the layer with dtype='mixed_bfloat16'"
            )
        return wanted

    def _accept_policy(self, policy: Policy) -> None:
        """Take a policy that was set; a built layer is quantized by it."""
        self._dtype_policy = policy
        module = self.__dict__.get("_module")
        if isinstance(module, ModuleBase):
            self._module = module.clone(dtype=policy.spelling)
            self.__dict__["_described"].clear()

    def quantized_build(self, input_shape: Any, mode: str | None = None, config: Any = None) -> None:
        """Make the weights of a quantized layer.

        Args:
            input_shape: shape of the inputs.
            mode: as for :meth:`quantize`; that of the layer's policy by default.
            config: as for :meth:`quantize`.

        Raises:
            NotImplementedError: the layer cannot be quantized.
        """
        if not self.built:
            self.build(input_shape)  # type: ignore[attr-defined]
        if self.quantization_mode is None:
            self.quantize(mode, config)

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        """The computation of a quantized layer.

        Raises:
            NotImplementedError: the layer is not quantized.
        """
        if self.quantization_mode is None:
            raise NotImplementedError(
                f"{type(self).__name__} layer {self.name!r}: Invalid quantization mode None: the layer is not quantized"
            )
        return self.call(*args, **kwargs) if scopes.current() is not None else self(*args, **kwargs)  # type: ignore[operator]
