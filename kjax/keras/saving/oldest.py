"""Configs as Keras 1.2.2 wrote them, made of those of today by tables: what scripts of Keras 1 see."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kjax.keras.legacy import spellings
from kjax.keras.legacy.initializations import NAMES
from kjax.keras.saving import eras

Config = dict[str, Any]
VERSION = {"keras_version": "1.2.2"}
"""What stood beside the config of a model."""

_PENALTIES = "W_regularizer b_regularizer activity_regularizer W_constraint b_constraint bias"
_FIRST = "init activation border_mode"
_CONV1D = f"nb_filter filter_length {_FIRST} subsample_length {_PENALTIES} input_dim input_length"
_CONV2D = f"nb_filter nb_row nb_col {_FIRST} subsample dim_ordering {_PENALTIES}"
_LOOP = "return_sequences go_backwards stateful unroll consume_less input_dim input_length output_dim init inner_init"
_DROPS = "W_regularizer U_regularizer b_regularizer dropout_W dropout_U"
_POOL = "pool_size border_mode strides dim_ordering"

KEYS: dict[str, str] = {
    "Activation": "activation",
    "ActivityRegularization": "l1 l2",
    "AtrousConvolution1D": f"{_CONV1D} atrous_rate",
    "AtrousConvolution2D": f"{_CONV2D} atrous_rate",
    "BatchNormalization": "epsilon mode axis gamma_regularizer beta_regularizer momentum",
    "Bidirectional": "layer merge_mode",
    "ConvLSTM2D": (
        "return_sequences go_backwards stateful nb_filter nb_row nb_col init inner_init forget_bias_init activation "
        "dim_ordering border_mode inner_activation"
    ),
    "Convolution1D": _CONV1D,
    "Convolution2D": _CONV2D,
    "Convolution3D": (
        "nb_filter kernel_dim1 kernel_dim2 kernel_dim3 dim_ordering init activation border_mode subsample " + _PENALTIES
    ),
    **{f"Cropping{n}D": "cropping" for n in (1, 2, 3)},
    "Deconvolution2D": f"{_CONV2D} output_shape",
    "Dense": f"output_dim init activation {_PENALTIES} input_dim",
    "Dropout": "p",
    "ELU": "alpha",
    "Embedding": (
        "input_dim output_dim init input_length mask_zero activity_regularizer W_regularizer W_constraint dropout"
    ),
    "Flatten": "",
    "GRU": f"{_LOOP} activation inner_activation {_DROPS}",
    "GaussianDropout": "p",
    "GaussianNoise": "sigma",
    **{f"Global{kind}Pooling1D": "" for kind in ("Average", "Max")},
    **{f"Global{kind}Pooling{n}D": "dim_ordering" for kind in ("Average", "Max") for n in (2, 3)},
    "Highway": f"init activation {_PENALTIES} input_dim",
    "LSTM": f"{_LOOP} forget_bias_init activation inner_activation {_DROPS}",
    "LeakyReLU": "alpha",
    "LocallyConnected1D": _CONV1D,
    "LocallyConnected2D": _CONV2D,
    "Masking": "mask_value",
    "MaxoutDense": f"output_dim init nb_feature {_PENALTIES} input_dim",
    **{f"{kind}Pooling1D": "stride pool_length border_mode" for kind in ("Average", "Max")},
    **{f"{kind}Pooling{n}D": _POOL for kind in ("Average", "Max") for n in (2, 3)},
    "PReLU": "init",
    "ParametricSoftplus": "alpha_init beta_init",
    "Permute": "dims",
    "RepeatVector": "n",
    "Reshape": "target_shape",
    "SReLU": "t_left_init a_left_init t_right_init a_right_init",
    "SeparableConvolution2D": (
        f"nb_filter nb_row nb_col {_FIRST} subsample depth_multiplier dim_ordering depthwise_regularizer "
        "pointwise_regularizer b_regularizer activity_regularizer depthwise_constraint pointwise_constraint b_constraint bias"
    ),
    "SimpleRNN": f"{_LOOP} activation {_DROPS}",
    **{f"SpatialDropout{n}D": "p" for n in (1, 2, 3)},
    "ThresholdedReLU": "theta",
    "TimeDistributed": "layer",
    "UpSampling1D": "length",
    **{f"UpSampling{n}D": "size" for n in (2, 3)},
    **{f"ZeroPadding{n}D": "padding" for n in (1, 2, 3)},
}
"""The arguments in the config of each class of Keras 1.2.2, besides ``name``, ``trainable`` and those of a first layer."""

_CLASSES = {f"Conv{n}D": f"Convolution{n}D" for n in (1, 2, 3)} | {
    "Conv2DTranspose": "Deconvolution2D",
    "SeparableConv2D": "SeparableConvolution2D",
}
_MERGES = {
    "Add": "sum", "Average": "ave", "Concatenate": "concat", "Dot": "dot", "Maximum": "max", "Multiply": "mul",
}  # fmt: skip
"""What ``merge(mode=...)`` made."""

_SIZES = spellings.SIZES
_FREE = ("Dense", "SimpleRNN", "GRU", "LSTM")
"""Layers that wrote the size of their inputs, once they knew it."""
_GIVEN = ("Highway", "MaxoutDense")
"""Layers that wrote it where it was given."""


def class_name(name: str, config: Mapping[str, Any]) -> str:
    """The name that a class of today had.

    Args:
        name: of today.
        config: of today, or of then.
    """
    if name in _MERGES:
        return "Merge"
    rate = config.get("dilation_rate", config.get("atrous_rate"))
    dilated = rate is not None and any(r != 1 for r in (rate if isinstance(rate, (list, tuple)) else [rate]))
    if name in ("Conv1D", "Conv2D") and dilated:
        return f"AtrousConvolution{name[4:]}"
    return _CLASSES.get(name, name)


def layer(name: str, config: Config, entry: Callable[[Any], Any]) -> Config | None:
    """The config of a layer; None where Keras 1 had no such layer.

    Args:
        name: its class.
        config: its config of today; beside the arguments ``built_for``, the shape that it was built for.
        entry: turns the entries in it into the form of then.
    """
    if name in _MERGES:
        return _merge(name, config)
    then = class_name(name, config)
    if name == "InputLayer":
        return {
            "batch_input_shape": config["batch_shape"],
            "input_dtype": _dtype(config),
            "sparse": False,
            "name": config["name"],
        }
    if then not in KEYS:
        return None
    shape = config.get("batch_input_shape")
    result: Config = {key: config.get(key, True) for key in ("name", "trainable")}
    if then == "Embedding" and shape is None:
        shape = (None, None)
    if shape is not None:
        result |= {"batch_input_shape": tuple(shape)}
        result |= {"input_dtype": "int32" if then == "Embedding" else _dtype(config)}
    today = spellings.LAYERS.get(eras.CLASSES.get(then, then), {})
    given = {**config, "batch_input_shape": shape}
    for key in KEYS[then].split():
        special = _SPECIAL.get(key) or _SPECIAL.get(f"{then}.{key}")
        result[key] = entry(special(then, given) if special else given.get(today.get(key, key)))
    return result


def _dtype(config: Mapping[str, Any]) -> Any:
    dtype = config.get("dtype")
    return dtype["config"]["name"] if isinstance(dtype, Mapping) else dtype or "float32"


def _merge(name: str, config: Mapping[str, Any]) -> Config:
    axes = config.get("axes", -1)
    mode = "cos" if config.get("normalize") else _MERGES[name]
    return {
        "name": config["name"], "mode": mode, "mode_type": "raw", "concat_axis": config.get("axis", -1),
        "dot_axes": [axes, axes] if isinstance(axes, int) and name == "Dot" else axes,
        "output_shape": None, "output_shape_type": "raw", "output_mask": None, "output_mask_type": "raw", "arguments": {},
    }  # fmt: skip


def _strides(then: str, config: Config) -> Any:
    return config["strides"] if config.get("strides") is not None else config["pool_size"]


def _one(key: str) -> Callable[[str, Config], Any]:
    """A tuple of one number as the number."""

    def value(then: str, config: Config) -> Any:
        found = _strides(then, config) if key == "strides" else config.get(key)
        return found[0] if isinstance(found, (list, tuple)) else found

    return value


def _size_of(key: str) -> Callable[[str, Config], Any]:
    return lambda then, config: config["kernel_size"][_SIZES[key]]


def _several(key: str) -> Callable[[str, Config], Any]:
    return lambda then, config: tuple(_strides(then, config) if key == "strides" else config[key])


def _pads(then: str, config: Config) -> Any:
    """Equal paddings of both sides were one number."""
    pads = config["padding"]
    if then == "ZeroPadding1D":
        return pads[0] if isinstance(pads, (list, tuple)) and pads[0] == pads[1] else pads
    pairs = [tuple(p) if isinstance(p, (list, tuple)) else (p, p) for p in pads]
    if all(a == b for a, b in pairs):
        return tuple(a for a, _ in pairs)
    return dict(zip(("top_pad", "bottom_pad", "left_pad", "right_pad"), (n for p in pairs for n in p), strict=True))


def _input_dim(then: str, config: Config) -> Any:
    if then == "Embedding":
        return config["input_dim"]
    if then not in (*_FREE, *_GIVEN):
        return None
    shape = config.get("batch_input_shape") or (config.get("built_for") if then in _FREE else None)
    return shape[-1] if isinstance(shape, (list, tuple)) and shape else None


def _input_length(then: str, config: Config) -> Any:
    if then != "Embedding":
        return config.get("input_length")
    lengths = tuple(config["batch_input_shape"])[1:]
    return lengths[0] if len(lengths) == 1 else lengths


def _initial(key: str) -> Callable[[str, Config], Any]:
    """An initializer by its name."""

    def value(then: str, config: Config) -> Any:
        names = spellings.LAYERS.get(eras.CLASSES.get(then, then), {})
        found = config.get(names.get(key, key))
        if then == "SeparableConvolution2D":
            found = config.get("depthwise_initializer", found)
        return initializer(found)

    return value


def _wrapped(then: str, config: Config) -> Any:
    inner = config["layer"]
    if then != "Bidirectional" or not isinstance(inner, Mapping):
        return inner
    name = str(inner["config"].get("name")).removeprefix("forward_")
    return {**inner, "config": {**inner["config"], "name": name}, "build_config": None}


_SPECIAL: dict[str, Callable[[str, Config], Any]] = {
    **{key: _size_of(key) for key in _SIZES},
    **{
        key: _initial(key)
        for key in ("init", "inner_init", "t_left_init", "a_left_init", "t_right_init", "a_right_init")
    },
    "subsample": _several("strides"),
    "strides": _several("strides"),
    "target_shape": _several("target_shape"),
    "dims": _several("dims"),
    "pool_size": _several("pool_size"),
    "subsample_length": _one("strides"),
    "stride": _one("strides"),
    "pool_length": _one("pool_size"),
    "length": _one("size"),
    "axis": _one("axis"),
    "AtrousConvolution1D.atrous_rate": _one("dilation_rate"),
    "AtrousConvolution2D.atrous_rate": _several("dilation_rate"),
    "dim_ordering": lambda then, config: "th" if config.get("data_format") == "channels_first" else "tf",
    "padding": _pads,
    "forget_bias_init": lambda then, config: "one" if config.get("unit_forget_bias", True) else "zero",
    "consume_less": lambda then, config: config.get("consume_less", "cpu"),
    "input_dim": _input_dim,
    "input_length": _input_length,
    "layer": _wrapped,
    "mode": lambda then, config: config.get("mode") or 0,
    "Embedding.dropout": lambda then, config: config.get("dropout") or 0.0,
    "theta": lambda then, config: float(np.float32(config["theta"])),
    **{
        f"ParametricSoftplus.{key}": lambda then, config, key=key: float(np.float32(config[key]))
        for key in ("alpha_init", "beta_init")
    },
}
"""Arguments that are written in another way than those of today, by name, or class and name."""


def initializer(found: Any) -> Any:
    """An initializer of today, or its entry, by its name of then."""
    if not isinstance(found, Mapping):
        return found
    return NAMES.get(
        str(found.get("class_name")), found.get("config") if found.get("class_name") == "function" else found
    )


def penalty(name: str, config: Mapping[str, Any]) -> Config:
    """The entry of a regularizer."""
    if name == "SummedOverBatch":
        inner = config["penalty"]
        return penalty(inner["class_name"], inner["config"])
    if name in ("L1", "L2", "L1L2"):
        return {"name": "L1L2Regularizer"} | {key: float(np.float32(config.get(key, 0.0))) for key in ("l1", "l2")}
    return {"name": name, **config}


def constraint(name: str, config: Mapping[str, Any]) -> Config:
    """The entry of a constraint."""
    renamed = {"max_value": "m"} if name == "MaxNorm" else {}
    return {"name": name, **{renamed.get(key, key): value for key, value in config.items()}}


def calls(nodes: Sequence[Sequence[Sequence[Any]]]) -> list[Any]:
    """Calls of a layer: the places that their inputs come from, without other arguments."""
    return [[list(one[:3]) for one in node] for node in nodes]
