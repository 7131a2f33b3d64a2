"""The layers that can be quantized: their variables before and after, and what files hold of them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from kjax.keras.core.adaptation import Adaptable, EmbeddingsMembers, KernelMembers
from kjax.keras.core.variable import Variable
from kjax.nn.dtypes import Policy
from kjax.nn.module import PARAMS, STATE, WeightSpec
from kjax.nn.ops.quantization import unpack_int4
from kjax.nn.quantization import Int4QuantizationConfig, QuantizationConfig, convert, resolve

_FLOAT8 = tuple(f"{name}_{what}" for name in ("inputs", "kernel", "outputs_grad") for what in ("scale", "amax_history"))
_GROUPS = ("kernel_scale", "kernel_zero")

KERNEL_FILES: dict[str | None, tuple[str, ...]] = {
    None: ("kernel", "bias"),
    "int8": ("kernel", "bias", "kernel_scale"),
    "int4": ("kernel", "bias", *_GROUPS, "g_idx"),
    "float8": ("kernel", "bias", *_FLOAT8),
    "gptq": ("bias", "quantized_kernel", *_GROUPS, "g_idx"),
    "awq": ("bias", "quantized_kernel", *_GROUPS, "awq_scales", "g_idx"),
}
"""The order of a kernel layer's variables in files, by mode; a layer may have fewer."""

_TABLE = ("embeddings", "embeddings_scale", "embeddings_zero", "g_idx")
_BACK = ("reverse_embeddings", "reverse_embeddings_scale", "reverse_embeddings_zero")
TABLE_FILES: dict[str | None, tuple[str, ...]] = {
    None: (_TABLE[0], _BACK[0]),
    "int8": (*_TABLE[:2], *_BACK[:2]),
    "int4": (*_TABLE, *_BACK),
}
"""The same for layers with a table of vectors."""

FIELDS = ("dtype", "quantization_config", "calibrated", "gptq_unpacked_column_size")
"""The fields of a module that are other ones after it was quantized."""

Entry = tuple[str, tuple[str, ...], Variable]


def in_file_order(entries: Sequence[Entry]) -> list[Entry]:
    """Variables of one layer as they lie in files: quantized layers have an order of their own.

    Args:
        entries: (collection, path, variable), in the order of the layer's weights.
    """
    names = {path[-1] for _, path, _ in entries}
    if not any(name.endswith("_scale") for name in names):
        return list(entries)
    orders = [order for files in (KERNEL_FILES, TABLE_FILES) for order in files.values()]
    # A layer may lack a bias, or the zeros and groups that only some have: the shortest order that has all names.
    fitting = sorted((order for order in orders if names <= set(order)), key=len)
    return sorted(entries, key=lambda entry: fitting[0].index(entry[1][-1])) if fitting else list(entries)


class QuantizedMembers(Adaptable):
    """Members of layers whose weights may be kept in fewer bits."""

    files: Mapping[str | None, tuple[str, ...]] = KERNEL_FILES
    # The layer around and the name of this one in it, where this is a part of another.
    _whole: tuple[Any, str] | None = None

    @property
    def variable_serialization_spec(self) -> dict[str | None, list[str]]:
        """Names of the variables that files hold, in their order, by quantization mode."""
        return {mode: list(names) for mode, names in self.files.items()}

    @property
    def is_gptq_calibrated(self) -> bool:
        """Whether GPTQ has given the layer its integers."""
        return self.quantization_mode == "gptq" and bool(getattr(self._module, "calibrated", False))

    @property
    def is_awq_calibrated(self) -> bool:
        """Whether AWQ has given the layer its integers."""
        return self.quantization_mode == "awq" and bool(getattr(self._module, "calibrated", False))

    # -- there ---------------------------------------------------------------------------------------------------

    def quantize(self, mode: str | None = None, config: Any = None, type_check: bool = True) -> None:
        wanted = self._checked_config(mode, config)
        if type_check and type(self).__module__ != "kjax.keras.layers":
            raise NotImplementedError(
                f"{type(self).__name__} layer {self.name!r} is a class of its own, whose `call` may compute something else: "
                "it is quantized with type_check=False only"
            )
        self._quantize(wanted, None)

    def _quantize(self, config: QuantizationConfig, policy: Policy | None) -> None:
        weights = {path[0]: v.value for collection, path, v in self._boxes if collection == PARAMS and len(path) == 1}
        if "kernel" in weights:
            object.__setattr__(self, "_known_kernel", tuple(weights["kernel"].shape))
        module, specs, values = convert.converted(self._module, weights, config, self._ndim(), policy)
        self._take_over(module, specs, values)

    def adopt_fields(self, fields: Mapping[str, Any]) -> None:
        """Become as quantized as a layer with these fields is, with the values of a fresh one.

        Args:
            fields: values of :data:`FIELDS`.
        """
        module: Any = self._module.clone(**fields)  # type: ignore[arg-type]
        how = None
        if hasattr(module, "contraction"):
            object.__setattr__(self, "_known_kernel", self.kernel_shape)
            how = module.contraction(self._ndim(), self.kernel_shape)
        self._take_over(module, convert.specs_of(module, how), {})

    def _take_over(self, module: Any, specs: Sequence[WeightSpec], values: Mapping[str, Any]) -> None:
        """Compute with another module from now on.

        Args:
            module: the module.
            specs: what is known of its weights; those that there are already stay.
            values: those that its state begins with.
        """
        wanted = {(spec.collection, spec.path) for spec in specs}
        wanted |= {(c, path) for c, path, _ in self._boxes if path[0].startswith("lora_")}
        self._module = module
        self._dtype_policy = module.dtype_policy
        self._described.clear()
        self._boxes = [entry for entry in self._boxes if entry[:2] in wanted]
        for spec in specs:
            variable = self.take_variable(spec, spec.path, self._above())
            if spec.collection == STATE and spec.path[0] in values:
                variable.assign(values[spec.path[0]])
        if self._whole is not None:
            self._whole[0].adopt_part(self._whole[1], self)

    def _above(self) -> tuple[str, ...]:
        return (self.path,) if self._whole is None else (self._whole[0].path, self._whole[1])

    def take_variable(self, spec: WeightSpec, path: tuple[str, ...], above: tuple[str, ...]) -> Variable:
        variable = super().take_variable(spec, path, above)
        known = {"quantized_kernel": "kernel"}
        if hasattr(self._module, "equation") and self.quantization_mode in ("gptq", "awq"):
            known["kernel_zero"] = "zero_point"
        if path[-1] in known:  # as Keras names these variables, beside the attributes that hold them
            variable.short_name = known[path[-1]]
            variable.path = "/".join((*above, *path[:-1], variable.short_name))
        return variable

    def calibrate(self, values: Mapping[str, Any]) -> None:
        """Compute with integers that GPTQ or AWQ found.

        Args:
            values: ``quantized_kernel``, ``kernel_scale``, ``kernel_zero``, ``g_idx``, for AWQ ``awq_scales``.
        """
        module, specs = convert.calibrated(self._module, self._ndim(), self.kernel_shape)
        self._take_over(module, specs, values)

    def _accept_policy(self, policy: Policy) -> None:
        mode = policy.quantization_mode
        if mode is None or not self.built or self.quantization_mode is not None:
            super()._accept_policy(policy)
            return
        if mode in ("gptq", "awq"):
            raise ValueError(
                f"{type(self).__name__} layer {self.name!r}: {mode} needs data: use `.quantize({mode!r}, config=...)` of the "
                "model instead of setting `dtype_policy`"
            )
        size = getattr(policy, "block_size", None)
        config = Int4QuantizationConfig(block_size=size) if mode == "int4" else resolve(mode, None)
        self._checked_config(None, config)
        self._quantize(config, policy)

    # -- shapes --------------------------------------------------------------------------------------------------

    def _ndim(self) -> int:
        """Number of axes of the inputs, as far as the weights depend on it."""
        equation = getattr(self._module, "equation", None)
        if equation is None:
            return 2
        if "..." not in equation:
            return len(equation.partition(",")[0])
        return len((self._build_shapes or {})["input_shape"])

    @property
    def kernel_shape(self) -> tuple[int, ...]:
        """Shape of the weight, whatever it is stored as."""
        module: Any = self._module
        if not hasattr(module, "contraction"):
            return module.input_dim, module.output_dim
        for _, path, variable in self._boxes:
            if path == ("kernel",) and self.quantization_mode != "int4":
                return variable.shape
        if hasattr(module, "units"):
            rows = next(v.shape for _, path, v in self._boxes if path[0] in ("kernel", "quantized_kernel"))
            return rows[0] if self.quantization_mode == "int4" else rows[1], module.units
        if "_known_kernel" in self.__dict__:
            return self.__dict__["_known_kernel"]
        return module._sizes(tuple((self._build_shapes or {})["input_shape"])).kernel

    # -- weights as attributes -----------------------------------------------------------------------------------

    def _floats(self) -> Any:
        """The integers as floats."""
        tree = {c: {path[0]: v.value for k, path, v in self._boxes if k == c} for c in (PARAMS, STATE)}
        kernel = self.kernel_shape if hasattr(self._module, "contraction") else ()
        return convert.floats(self._module, tree, self._ndim(), kernel)

    def _present(self) -> Any:
        mode = self.quantization_mode
        if mode is None or mode == "float8":
            return super()._present()
        if self.lora_enabled:
            return self._floats() + self._correction()
        stored = self._stored()
        if mode == "int4" and stored is not None:
            shape = self.kernel_shape
            kernel = hasattr(self._module, "contraction")
            columns = self._module.contraction(self._ndim(), shape).columns if kernel else shape[-1]  # type: ignore[attr-defined]
            return unpack_int4(stored.value, columns, axis=-1).reshape(shape)
        integers = next((v for _, path, v in self._boxes if path == ("quantized_kernel",)), None)
        if stored is None and integers is not None:
            packs = getattr(self.dtype_policy, "weight_bits", 4) == 4
            columns = self._module.contraction(self._ndim(), self.kernel_shape).matrix()[1]  # type: ignore[attr-defined]
            return unpack_int4(integers.value, columns, axis=0, dtype="uint8") if packs else integers
        return super()._present()

    def _weight_shape(self, stored: Variable) -> tuple[int, ...]:
        return self.kernel_shape if self.quantization_mode == "int4" else stored.shape

    def enable_lora(
        self,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: Any = "he_uniform",
        b_initializer: Any = "zeros",
    ) -> None:
        if self.built and self.quantization_mode in ("gptq", "awq", "float8"):
            raise NotImplementedError(
                f"{type(self).__name__} layer {self.name!r}: LoRA is not supported with {self.quantization_mode} quantization"
            )
        super().enable_lora(rank, lora_alpha, a_initializer, b_initializer)
        if self._whole is not None:
            self._whole[0].adopt_part(self._whole[1], self)

    def merged_values(self) -> dict[str, Any]:
        mode = self.quantization_mode
        if not self.lora_enabled or mode not in ("int8", "int4"):
            return super().merged_values()
        shape = self.kernel_shape
        kernel = hasattr(self._module, "contraction")
        how = self._module.contraction(self._ndim(), shape) if kernel else None  # type: ignore[attr-defined]
        return convert.integers(self._module, {self.adapted_weight: self._present()}, how)


class QuantizedKernelMembers(QuantizedMembers, KernelMembers):
    """Members of dense layers."""

    @property
    def _kernel(self) -> Any:
        return self._stored()

    def stored_kernel(self) -> Variable:
        """The kernel of floats of a layer that has one."""
        stored = self._stored()
        assert stored is not None
        return stored


class QuantizedTableMembers(QuantizedMembers, EmbeddingsMembers):
    """Members of embeddings."""

    files = TABLE_FILES

    @property
    def _embeddings(self) -> Any:
        return self._stored()

    def _ndim(self) -> int:
        return 2


def dense_layers(layer: Any) -> list[Any]:
    """The layers that a layer consists of: those inside attention too, which are no layers of their own elsewhere."""
    parts = getattr(layer, "dense_parts", None)
    return [layer, *(parts() if parts is not None else ())]


def flattened(layer: Any) -> list[Any]:
    """A layer and all layers inside, with those inside attention."""
    return list(itertools.chain.from_iterable(dense_layers(inner) for inner in layer._flatten_layers()))
