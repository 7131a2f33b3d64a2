"""How a layer is to be quantized: a mode and its numbers, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from kjax.nn.arguments import hashable
from kjax.nn.dtypes import QUANTIZATION_MODES
from kjax.nn.quantization.quantizers import AbsMaxQuantizer
from kjax.nn.value import did_you_mean


class QuantizationConfig:
    """Base of the configs; configs of one class with equal numbers are equal.

    Args:
        weight_quantizer: makes integers of weights; None: that of the mode.
        activation_quantizer: makes integers of the inputs of a layer; None: they stay floats.
    """

    def __init__(self, weight_quantizer: Any = None, activation_quantizer: Any = None) -> None:
        self.weight_quantizer = weight_quantizer
        self.activation_quantizer = activation_quantizer

    @property
    def mode(self) -> str:
        """The mode: one of ``keras.dtype_policies``' quantization modes.

        Raises:
            NotImplementedError: the base class has none.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no `mode`. Do not instantiate QuantizationConfig directly: use "
            "Int8QuantizationConfig, or write a subclass with a property `mode`"
        )

    def dtype_policy_string(self) -> str:
        """The mode with its numbers, as it stands in the name of a dtype policy."""
        return self.mode

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal config."""
        return {"weight_quantizer": self.weight_quantizer, "activation_quantizer": self.activation_quantizer}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make a config from what :meth:`get_config` returned."""
        return cls(**{name: _revived(value) for name, value in config.items()})

    @staticmethod
    def weight_quantizer_or_default(config: QuantizationConfig | None, default: Any) -> Any:
        """The quantizer of weights that a config names, else ``default``."""
        return default if config is None or config.weight_quantizer is None else config.weight_quantizer

    @staticmethod
    def activation_quantizer_or_default(config: QuantizationConfig | None, default: Any) -> Any:
        """The quantizer of inputs that a config names (None: they stay floats); without a config ``default``."""
        return default if config is None else config.activation_quantizer

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items() if value is not None)
        return f"{type(self).__name__}({given})"

    def _key(self) -> Any:
        return type(self), tuple(sorted((name, hashable(value)) for name, value in self.get_config().items()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, QuantizationConfig) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())


def _revived(value: Any) -> Any:
    """The quantizer of a config; other things as they are."""
    if isinstance(value, Mapping) and value.get("class_name") == "AbsMaxQuantizer":
        return AbsMaxQuantizer.from_config(value["config"])
    return value


def _need_int8(config: QuantizationConfig) -> None:
    quantizer = config.weight_quantizer
    if quantizer is not None and quantizer.output_dtype != "int8":
        raise ValueError(
            f"{type(config).__name__}: argument `weight_quantizer` must have output_dtype='int8', "
            f"received output_dtype={quantizer.output_dtype!r}"
        )


class Int8QuantizationConfig(QuantizationConfig):
    """Weights as integers of eight bits, one scale a channel.

    Args:
        weight_quantizer: makes integers of weights; its ``axis`` must be the one that is summed over.
        activation_quantizer: makes integers of the inputs of a layer, by default an :class:`AbsMaxQuantizer`; None: they
            stay floats.

    Raises:
        ValueError: a quantizer of weights that does not give int8.
    """

    def __init__(self, weight_quantizer: Any = None, activation_quantizer: Any = "default") -> None:
        default = isinstance(activation_quantizer, str) and activation_quantizer == "default"
        super().__init__(weight_quantizer, AbsMaxQuantizer() if default else activation_quantizer)
        _need_int8(self)

    @property
    def mode(self) -> str:
        return "int8"


class Int4QuantizationConfig(QuantizationConfig):
    """Weights as integers of four bits, two in a byte.

    Args:
        weight_quantizer: makes integers of weights (only with one scale a channel).
        activation_quantizer: makes integers of the inputs of a layer (only with one scale a channel); they stay floats
            by default.
        block_size: inputs of a channel that share a scale and a zero; None or -1: a channel has one scale.

    Raises:
        ValueError: no positive block size, quantizers together with one, or a quantizer of weights that does not give
            integers from -8 to 7.
    """

    def __init__(
        self, weight_quantizer: Any = None, activation_quantizer: Any = "default", block_size: int | None = 128
    ) -> None:
        default = isinstance(activation_quantizer, str) and activation_quantizer == "default"
        super().__init__(weight_quantizer, None if default else activation_quantizer)
        if block_size is not None and block_size != -1 and block_size <= 0:
            raise ValueError(
                f"{type(self).__name__}: block_size must be None, -1, or a positive integer, received {block_size}"
            )
        self.block_size = block_size
        grouped = block_size is not None and block_size > 0
        if grouped and (self.weight_quantizer is not None or self.activation_quantizer is not None):
            raise ValueError(
                f"{type(self).__name__}: int4 with a block size (sub-channel quantization) does not support custom "
                f"quantizers; leave them out or set block_size=None, received block_size={block_size}"
            )
        quantizer = self.weight_quantizer
        if quantizer is not None and tuple(quantizer.value_range) != (-8, 7):
            raise ValueError(
                f"{type(self).__name__}: argument `weight_quantizer` must have value_range=(-8, 7), "
                f"received value_range={quantizer.value_range}"
            )
        _need_int8(self)

    @property
    def mode(self) -> str:
        return "int4"

    def dtype_policy_string(self) -> str:
        return f"int4/{-1 if self.block_size is None else self.block_size}"

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"block_size": self.block_size}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        return super().from_config({"block_size": None, **config})  # files from before there were blocks


class Float8QuantizationConfig(QuantizationConfig):
    """Training with products of floats of eight bits; there is nothing to choose."""

    def __init__(self) -> None:
        super().__init__(None, None)

    @property
    def mode(self) -> str:
        return "float8"

    def get_config(self) -> dict[str, Any]:
        return {}


class _CalibratedConfig(QuantizationConfig):
    """What GPTQ and AWQ share: weights are quantized with the help of data."""

    numbers: ClassVar[tuple[str, ...]]
    """The arguments that are numbers, which make two configs equal."""

    def __init__(self, dataset: Any, tokenizer: Any, structure: Any, **numbers: Any) -> None:
        super().__init__()
        self.dataset = dataset
        self.tokenizer = tokenizer
        self.quantization_layer_structure = structure
        for name, value in numbers.items():
            setattr(self, name, value)
        for name in ("num_samples", "sequence_length"):
            if numbers[name] <= 0:
                raise ValueError(f"{type(self).__name__}: {name} must be a positive integer, received {numbers[name]}")
        size = numbers["group_size"]
        if size < -1 or size == 0:
            raise ValueError(
                f"{type(self).__name__}: Invalid group_size {size}: expected a positive integer, or -1 for one group"
            )

    weight_bits: int
    group_size: int
    num_samples: int
    sequence_length: int

    def dtype_policy_string(self) -> str:
        return f"{self.mode}/{self.weight_bits}/{self.group_size}"

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal config; the data are needed once and are not among them."""
        numbers = {name: getattr(self, name) for name in self.numbers}
        structure = self.quantization_layer_structure
        return {"dataset": None, "tokenizer": None, **numbers, "quantization_layer_structure": structure}

    def without_data(self) -> Self:
        """An equal config without data set, tokenizer and layers: what a quantized layer keeps."""
        return type(self)(None, None, **{name: getattr(self, name) for name in self.numbers})

    def _key(self) -> Any:
        return type(self), tuple(getattr(self, name) for name in self.numbers)


class GPTQConfig(_CalibratedConfig):
    """Weights in 2, 3, 4 or 8 bits, rounded one input after the other, each correcting for those before (GPTQ).

    Args:
        dataset: calibration data: texts, or arrays of integers (tokens).
        tokenizer: an object whose ``tokenize(text)`` gives tokens; used where the data are texts.
        weight_bits: 2, 3, 4 or 8.
        num_samples: number of sequences that the layers see.
        per_channel: whether each output has ranges of its own.
        sequence_length: tokens in a sequence.
        hessian_damping: share of the mean of the Hessian's diagonal that is added to it.
        group_size: inputs that share a range; -1: all.
        symmetric: whether ranges have the same width on both sides of 0.
        activation_order: begin with the inputs that matter most.
        quantization_layer_structure: ``{'pre_block_layers': [...], 'sequential_blocks': [...]}``; that of the model's
            ``get_quantization_layer_structure`` by default.

    Raises:
        ValueError: a number outside of its range.

    Source: Frantar et al., 2022, "GPTQ: accurate post-training quantization for generative pre-trained transformers".
    """

    numbers = (
        *("weight_bits", "num_samples", "per_channel", "sequence_length", "hessian_damping", "group_size"),
        *("symmetric", "activation_order"),
    )
    per_channel: bool
    hessian_damping: float
    symmetric: bool
    activation_order: bool

    def __init__(
        self,
        dataset: Any,
        tokenizer: Any,
        *,
        weight_bits: int = 4,
        num_samples: int = 128,
        per_channel: bool = True,
        sequence_length: int = 512,
        hessian_damping: float = 0.01,
        group_size: int = 128,
        symmetric: bool = False,
        activation_order: bool = False,
        quantization_layer_structure: Any = None,
    ) -> None:
        if weight_bits not in (2, 3, 4, 8):
            raise ValueError(f"GPTQConfig: Unsupported weight_bits {weight_bits}: expected 2, 3, 4 or 8")
        if not 0 <= hessian_damping <= 1:
            raise ValueError(f"GPTQConfig: hessian_damping must be between 0 and 1, received {hessian_damping}")
        super().__init__(
            dataset,
            tokenizer,
            quantization_layer_structure,
            weight_bits=weight_bits,
            num_samples=num_samples,
            per_channel=per_channel,
            sequence_length=sequence_length,
            hessian_damping=hessian_damping,
            group_size=group_size,
            symmetric=symmetric,
            activation_order=activation_order,
        )

    @property
    def mode(self) -> str:
        return "gptq"


class AWQConfig(_CalibratedConfig):
    """Weights in four bits; the inputs that are large get finer steps (AWQ).

    Args:
        dataset: calibration data: texts, or arrays of integers (tokens).
        tokenizer: an object whose ``tokenize(text)`` gives tokens; used where the data are texts.
        weight_bits: 4.
        num_samples: number of sequences that the layers see.
        sequence_length: tokens in a sequence.
        group_size: inputs that share a range; -1: all.
        num_grid_points: how many exponents of the inputs' magnitudes are tried.
        quantization_layer_structure: ``{'pre_block_layers': [...], 'sequential_blocks': [...]}``; that of the model's
            ``get_quantization_layer_structure`` by default.

    Raises:
        ValueError: a number outside of its range.

    Source: Lin et al., 2023, "AWQ: activation-aware weight quantization for LLM compression and acceleration".
    """

    numbers = ("weight_bits", "num_samples", "sequence_length", "group_size", "num_grid_points")
    num_grid_points: int

    def __init__(
        self,
        dataset: Any,
        tokenizer: Any,
        *,
        weight_bits: int = 4,
        num_samples: int = 128,
        sequence_length: int = 512,
        group_size: int = 128,
        num_grid_points: int = 20,
        quantization_layer_structure: Any = None,
    ) -> None:
        if weight_bits != 4:
            raise ValueError(f"AWQConfig: AWQ only supports 4-bit quantization, received weight_bits={weight_bits}")
        if num_grid_points <= 0:
            raise ValueError(f"AWQConfig: num_grid_points must be a positive integer, received {num_grid_points}")
        super().__init__(
            dataset,
            tokenizer,
            quantization_layer_structure,
            weight_bits=weight_bits,
            num_samples=num_samples,
            sequence_length=sequence_length,
            group_size=group_size,
            num_grid_points=num_grid_points,
        )

    @property
    def mode(self) -> str:
        return "awq"


_DEFAULTS = {"int8": Int8QuantizationConfig, "int4": Int4QuantizationConfig, "float8": Float8QuantizationConfig}
_NEEDED = {"gptq": GPTQConfig, "awq": AWQConfig}


def resolve(mode: str | None, config: Any) -> QuantizationConfig:
    """The config for what a user gave to ``quantize``.

    Args:
        mode: a mode, or None.
        config: a config, a mode in its place, or None: the default of the mode.

    Raises:
        ValueError: an unknown mode, nothing at all, a mode and a config that contradict each other, or something else.
    """
    if isinstance(config, str):
        mode, config = config, None
    if mode is not None and mode not in QUANTIZATION_MODES:
        raise ValueError(
            f"Invalid quantization mode. Expected one of {QUANTIZATION_MODES}, received {mode!r}; "
            f"{did_you_mean(str(mode), QUANTIZATION_MODES)}"
        )
    if config is None:
        if mode is None:
            raise ValueError("quantize: You must provide either `mode` or `config`, such as quantize('int8')")
        if mode in _NEEDED:
            name = _NEEDED[mode].__name__
            raise ValueError(
                f"quantize: For {mode.upper()}, you must pass a `{name}` object in the `config` argument: it needs data"
            )
        return _DEFAULTS[mode]()
    if not isinstance(config, QuantizationConfig):
        raise ValueError(
            f"quantize: Argument `config` must be an instance of `QuantizationConfig`, received {config!r} "
            f"(a {type(config).__name__})"
        )
    if mode is not None and config.mode != mode:
        raise ValueError(f"quantize: Contradictory arguments: mode={mode!r}, but the config is for {config.mode!r}")
    needed = _NEEDED.get(config.mode)
    if config.mode not in QUANTIZATION_MODES or (needed is not None and not isinstance(config, needed)):
        raise ValueError(
            f"quantize: Invalid quantization mode {config.mode!r} of a {type(config).__name__}: expected one of "
            f"{QUANTIZATION_MODES}" + (f", and a {needed.__name__} for {config.mode!r}" if needed else "")
        )
    return config


def config_field_value(value: Any) -> QuantizationConfig | None:
    """Converter of the field ``quantization_config``: a config, what it is serialized as, or None.

    Raises:
        TypeError: something else.
    """
    if value is None or isinstance(value, QuantizationConfig):
        return value
    if isinstance(value, Mapping) and value.get("class_name") in _BY_NAME:
        return _BY_NAME[value["class_name"]].from_config(value.get("config") or {})
    raise TypeError(f"expected a QuantizationConfig or None, received {value!r}")


_BY_NAME: dict[str, type[QuantizationConfig]] = {cls.__name__: cls for cls in (*_DEFAULTS.values(), *_NEEDED.values())}
