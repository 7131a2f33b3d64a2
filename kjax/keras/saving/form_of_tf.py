"""Configs as tf.keras 2.15 wrote them, made of those of today by tables: what scripts of tf.keras see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kjax.keras.core.settings import settings, to_snake_case
from kjax.keras.saving import names, operations
from kjax.keras.saving.serialization import defaults_of
from kjax.nn.value import Value

Config = dict[str, Any]

VERSION = {"keras_version": "2.15.0", "backend": "tensorflow"}
"""What stood beside the config of a model."""

_WEIGHTS = (
    "kernel_initializer bias_initializer kernel_regularizer bias_regularizer activity_regularizer kernel_constraint "
    "bias_constraint"
)
_DENSE = f"activation use_bias {_WEIGHTS}"
_WINDOW = "kernel_size strides padding data_format"
_LOOP = "return_sequences return_state go_backwards stateful unroll time_major"
_FIRST = "kernel_initializer recurrent_initializer bias_initializer"
_STEP = (
    "kernel_regularizer recurrent_regularizer bias_regularizer activity_regularizer kernel_constraint recurrent_constraint "
    "bias_constraint dropout recurrent_dropout"
)
_CELL = _STEP.replace("activity_regularizer ", "")
_NORM = "center scale beta_initializer gamma_initializer"
_NORMW = "beta_regularizer gamma_regularizer beta_constraint gamma_constraint"

_KEYS: dict[str, str] = {
    "Activation": "activation",
    "ActivityRegularization": "l1 l2",
    "Add Average Identity Maximum Minimum Multiply Subtract": "",
    "AdditiveAttention": "dropout use_scale",
    "AlphaDropout GaussianDropout": "rate seed",
    "Attention": "dropout use_scale score_mode",
    "AveragePooling1D MaxPooling1D": "strides pool_size padding data_format",
    "AveragePooling2D AveragePooling3D MaxPooling2D MaxPooling3D": "pool_size padding strides data_format",
    "BatchNormalization": f"axis momentum epsilon {_NORM} moving_mean_initializer moving_variance_initializer {_NORMW}",
    "Bidirectional": "layer merge_mode",
    "CategoryEncoding": "num_tokens output_mode sparse",
    "CenterCrop": "height width",
    "Concatenate Softmax UnitNormalization": "axis",
    "Conv1D Conv2D Conv3D": f"filters {_WINDOW} dilation_rate groups {_DENSE}",
    "Conv1DTranspose Conv2DTranspose": f"filters {_WINDOW} dilation_rate groups {_DENSE} output_padding",
    "Conv3DTranspose": f"filters {_WINDOW} groups {_DENSE} output_padding",
    "ConvLSTM1D ConvLSTM2D ConvLSTM3D": f"{_LOOP} filters {_WINDOW} dilation_rate activation recurrent_activation use_bias {_FIRST} unit_forget_bias {_STEP}",
    "Cropping1D": "cropping",
    "Cropping2D Cropping3D": "cropping data_format",
    "Dense": f"units {_DENSE}",
    "DepthwiseConv1D DepthwiseConv2D": f"{_WINDOW} dilation_rate groups activation use_bias bias_initializer bias_regularizer activity_regularizer bias_constraint depth_multiplier depthwise_initializer depthwise_regularizer depthwise_constraint",
    "Discretization": "bin_boundaries num_bins epsilon output_mode sparse",
    "Dot": "axes normalize",
    "Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D": "rate noise_shape seed",
    "ELU LeakyReLU": "alpha",
    "EinsumDense": f"output_shape equation activation bias_axes {_WEIGHTS}",
    "Embedding": "input_dim output_dim embeddings_initializer embeddings_regularizer activity_regularizer embeddings_constraint mask_zero input_length",
    "Flatten": "data_format",
    "GRU": f"{_LOOP} units activation recurrent_activation use_bias {_FIRST} {_STEP} implementation reset_after",
    "GRUCell": f"units activation recurrent_activation use_bias {_FIRST} {_CELL} implementation reset_after",
    "GaussianNoise": "stddev seed",
    "GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D": "data_format keepdims",
    "GroupNormalization": f"groups axis epsilon {_NORM} {_NORMW}",
    "HashedCrossing": "num_bins output_mode sparse",
    "Hashing": "num_bins salt mask_value output_mode sparse",
    "IntegerLookup": "invert max_tokens num_oov_indices oov_token mask_token output_mode sparse pad_to_max_tokens vocabulary_dtype idf_weights vocabulary vocabulary_size",
    "LSTM": f"{_LOOP} units activation recurrent_activation use_bias {_FIRST} unit_forget_bias {_STEP} implementation",
    "LSTMCell": f"units activation recurrent_activation use_bias {_FIRST} unit_forget_bias {_CELL} implementation",
    "Lambda": "function function_type module output_shape output_shape_type output_shape_module arguments",
    "LayerNormalization": f"axis epsilon {_NORM} {_NORMW}",
    "LocallyConnected1D LocallyConnected2D": f"filters {_WINDOW} {_DENSE} implementation",
    "Masking": "mask_value",
    "MultiHeadAttention": f"num_heads key_dim value_dim dropout use_bias output_shape attention_axes {_WEIGHTS} query_shape key_shape value_shape",
    "Normalization": "axis invert mean variance",
    "PReLU": "alpha_initializer alpha_regularizer alpha_constraint shared_axes",
    "Permute": "dims",
    "RNN": f"{_LOOP} cell",
    "RandomBrightness": "factor value_range seed",
    "RandomContrast": "factor seed",
    "RandomCrop": "height width seed",
    "RandomFlip": "mode seed",
    "RandomHeight RandomWidth": "factor interpolation seed",
    "RandomRotation": "factor fill_mode fill_value interpolation seed",
    "RandomTranslation RandomZoom": "height_factor width_factor fill_mode fill_value interpolation seed",
    "ReLU": "max_value negative_slope threshold",
    "RepeatVector": "n",
    "Rescaling": "scale offset",
    "Reshape": "target_shape",
    "Resizing": "height width interpolation crop_to_aspect_ratio",
    "SeparableConv1D SeparableConv2D": f"filters {_WINDOW} dilation_rate groups {_DENSE} depth_multiplier depthwise_initializer pointwise_initializer depthwise_regularizer pointwise_regularizer depthwise_constraint pointwise_constraint",
    "SimpleRNN": f"{_LOOP} units activation use_bias {_FIRST} {_STEP}",
    "SimpleRNNCell": f"units activation use_bias {_FIRST} {_CELL}",
    "SpectralNormalization": "layer power_iterations",
    "StackedRNNCells": "cells",
    "StringLookup": "invert max_tokens num_oov_indices oov_token mask_token output_mode sparse pad_to_max_tokens idf_weights vocabulary vocabulary_size encoding",
    "TextVectorization": "max_tokens standardize split ngrams output_mode output_sequence_length pad_to_max_tokens sparse ragged vocabulary idf_weights encoding vocabulary_size",
    "ThresholdedReLU": "theta",
    "TimeDistributed": "layer",
    "UpSampling1D": "size",
    "UpSampling2D": "size data_format interpolation",
    "UpSampling3D": "size data_format",
    "ZeroPadding1D": "padding",
    "ZeroPadding2D ZeroPadding3D": "padding data_format",
}

KEYS: dict[str, str] = {name: keys for group, keys in _KEYS.items() for name in group.split()}
"""The arguments in the config of each class of layers, besides ``name``, ``trainable``, ``dtype`` and a first layer's shape."""

ADDED: dict[str, Any] = {
    "time_major": False, "sparse": False, "output_padding": None, "query_shape": None, "key_shape": None, "value_shape": None,
    "module": None, "output_shape_module": None, "noise_shape": None, "input_length": None,
}  # fmt: skip
"""Arguments that are none today, with what they were written as."""

IMPLEMENTATION = {"LSTM": 2, "GRU": 2, "LSTMCell": 2, "GRUCell": 2, "LocallyConnected1D": 1, "LocallyConnected2D": 1}
"""What ``implementation`` was by default."""

_BASE = "name weight_decay clipnorm global_clipnorm clipvalue use_ema ema_momentum ema_overwrite_frequency jit_compile"
OPTIMIZERS: dict[str, str] = {
    "Adadelta": "rho epsilon",
    "Adafactor": "beta_2_decay epsilon_1 epsilon_2 clip_threshold relative_step",
    "Adagrad": "initial_accumulator_value epsilon",
    **dict.fromkeys(("Adam", "AdamW"), "beta_1 beta_2 epsilon amsgrad"),
    "Adamax": "beta_1 beta_2 epsilon",
    "Ftrl": (
        "learning_rate_power initial_accumulator_value l1_regularization_strength l2_regularization_strength "
        "l2_shrinkage_regularization_strength beta"
    ),
    "Lion": "beta_1 beta_2",
    "Nadam": "beta_1 beta_2 epsilon",
    "RMSprop": "rho momentum epsilon centered",
    "SGD": "momentum nesterov",
}
"""The arguments in the config of each optimizer, behind those of all and the learning rate."""

_MODELS = ("Functional", "Sequential", "Model")


def config_of(thing: Any, config: Config) -> Config:
    """What ``get_config`` of a layer, model, optimizer, loss or metric returned in tf.keras 2.15.

    Args:
        thing: the object.
        config: its config of today.
    """
    if not config:
        return {}
    if hasattr(thing, "rule"):
        return _optimizer(type(thing.rule).__name__, config)
    if isinstance(thing, Value):
        module, name = names.keras_name(type(thing)) or ("", "")
        return _KINDS[module](name, config) if module in _KINDS and module != "keras.layers" else config
    if "layers" in config and ("input_layers" in config or hasattr(thing, "_stack")):
        return _model(config)
    known = (base.__name__ for base in type(thing).__mro__ if names.keras_name(base) is not None)
    return _layer(next(known, ""), {**config, "built_for": shape_of(thing)})


def shape_of(layer: Any) -> Any:
    """The shape of the inputs that a layer was built for, or None."""
    build: Callable[[], Any] | None = getattr(layer, "get_build_config", None)
    shapes: Any = build() if build is not None else None
    return shapes.get("input_shape") if isinstance(shapes, Mapping) else None


def model_entry(entry_of_today: Mapping[str, Any]) -> Config:
    """The entry of a model as ``to_json`` wrote it.

    Args:
        entry_of_today: what :func:`kjax.keras.saving.serialize_keras_object` returned.
    """
    if _is_of_today(entry_of_today):
        return {**entry_of_today, **VERSION}
    found = entry(entry_of_today)
    return {"class_name": found["class_name"], "config": found["config"], **VERSION}


def _is_of_today(thing: Any) -> bool:
    """Whether there is an operation in it, of which the older format has another kind."""
    layers = thing.get("config", {}).get("layers") if isinstance(thing.get("config"), Mapping) else None
    return bool(layers) and any(operations.is_operation(layer) or _is_of_today(layer) for layer in layers)


def entry(thing: Any) -> Any:
    """An entry of today, or anything that holds some, as it was written then."""
    if isinstance(thing, (list, tuple)):
        return type(thing)(entry(item) for item in thing)
    if not isinstance(thing, Mapping):
        return thing
    if "class_name" not in thing or "config" not in thing:
        return {key: entry(value) for key, value in thing.items()}
    name, module, config = thing["class_name"], str(thing.get("module") or ""), thing["config"]
    if name == "function":
        return config
    if name == "DTypePolicy":
        return _policy(thing)
    if name.startswith("__") or not isinstance(config, Mapping) or _is_of_today(thing):
        return dict(thing)
    if "layers" in config and (name in _MODELS or "input_layers" in config):
        inner: Config = _model(config)
    else:
        kind: Callable[[str, Config], Config] = _KINDS.get(module, _plain)
        built_for = (thing.get("build_config") or {}).get("input_shape") if module == "keras.layers" else None
        inner = kind(name, {**config, **({} if built_for is None else {"built_for": built_for})})
    if module == "keras.optimizers":
        inner = {key: _float32(value) if key == "learning_rate" else value for key, value in inner.items()}
    module_then = "keras" if name in _MODELS and module.startswith("keras.src.models") else thing.get("module")
    return {**thing, "module": module_then, "config": inner}  # what stands beside the config stays


def _plain(name: str, config: Config) -> Config:
    """The config of a user's object: its own arguments, in the form of the time."""
    return _layer("", config) if "dtype" in config or "trainable" in config else entry(config)


def _policy(dtype: Any) -> Any:
    """A policy, by name where it is a type."""
    if not isinstance(dtype, Mapping):
        return dtype
    name = dtype["config"].get("name")
    if not str(name).startswith("mixed_"):
        return name
    return {
        "module": "keras.mixed_precision",
        "class_name": "Policy",
        "config": {"name": name},
        "registered_name": None,
    }


def _float32(value: Any) -> Any:
    return float(np.float32(value)) if isinstance(value, float) else value


def _initializer(name: str, config: Config) -> Config:
    found = {key: value for key, value in config.items() if key not in ("input_axes", "output_axes")}
    return {"gain": 1.0, **found} if name.startswith("Identity") else found


def _loss(name: str, config: Config) -> Config:
    reduction = config.get("reduction")
    start = {"reduction": "auto" if reduction == "sum_over_batch_size" else reduction, "name": config.get("name")}
    function = {} if not name else {"fn": FUNCTIONS.get(name, to_snake_case(name))}
    return (
        start
        | {key: entry(value) for key, value in config.items() if key not in ("reduction", "name", "dtype")}
        | function
    )


FUNCTIONS = {"KLDivergence": "kl_divergence"}
"""The functions behind classes of losses, where their names are not those of the classes."""


def _metric(name: str, config: Config) -> Config:
    start = {key: config[key] for key in ("name", "dtype") if key in config}
    hidden = ("name", "dtype") if name != "AUC" or config.get("thresholds") else ("name", "dtype", "thresholds")
    return start | {key: entry(value) for key, value in config.items() if key not in hidden}


def _optimizer(name: str, config: Config) -> Config:
    if name not in OPTIMIZERS or config.get("decay") is not None:
        return entry(config)
    given = {"jit_compile": False, **config}
    found = {key: given.get(key) for key in _BASE.split()} | {"is_legacy_optimizer": False}
    for key in ("learning_rate", *OPTIMIZERS[name].split()):
        found[key] = entry(given.get(key))
    more = {"loss_scale_factor": None, "gradient_accumulation_steps": None}
    return found | {key: config[key] for key in more if config.get(key) is not None}


# -- layers ------------------------------------------------------------------------------------------------------


def _layer(name: str, config: Config) -> Config:
    """The config of a layer.

    Args:
        name: its class, or that of Keras which it extends; empty for a user's own.
        config: its config of today, with ``batch_input_shape`` where it was declared.
    """
    config = dict(config)
    built_for = config.pop("built_for", None)
    dtype = _policy(config.pop("dtype", settings.floatx))
    if name == "InputLayer":
        shape = config.get("batch_shape", config.get("batch_input_shape"))
        kinds = {"sparse": bool(config.get("sparse")), "ragged": bool(config.get("ragged"))}
        return {"batch_input_shape": shape, "dtype": dtype, **kinds, "name": config.get("name")}
    result: Config = {key: config.pop(key) for key in ("name", "trainable") if key in config}
    result["dtype"] = dtype
    shape = config.pop("batch_input_shape", None)
    if name == "Embedding":
        shape = shape or (None, config.get("input_length"))
        config.setdefault("input_length", tuple(shape)[1] if len(tuple(shape)) == 2 else None)
    if shape is not None:
        result["batch_input_shape"] = tuple(shape)
    if name not in KEYS:
        hidden = (
            "quantization_config",
            "build_config",
            "dtype_policy",
            *["activity_regularizer"][config.get("activity_regularizer") is not None :],
        )
        return result | {key: entry(value) for key, value in config.items() if key not in hidden}
    module = getattr(names.builtin("keras.layers", name), "module_class", None)
    defaults = {} if module is None else defaults_of(module)
    given = dict(config)
    for key in KEYS[name].split():
        renamed = "negative_slope" if (name, key) == ("LeakyReLU", "alpha") else key
        fallback = IMPLEMENTATION.get(name) if key == "implementation" else ADDED.get(key)
        result[key] = _value(name, key, config.pop(renamed, fallback), given, built_for)
    for key, value in config.items():
        if value is not None and value != defaults.get(key, "nothing") and key not in _OF_TODAY:
            result[key] = entry(value)
    if name == "Bidirectional" and _differs(given["layer"], given.get("backward_layer")):
        result["backward_layer"] = entry(given["backward_layer"])
    return result


def _differs(forward: Mapping[str, Any], backward: Any) -> bool:
    """Whether a backward layer is another than the forward one the other way round."""

    def kind(layer: Mapping[str, Any]) -> Any:
        rest = {key: value for key, value in layer["config"].items() if key not in ("name", "go_backwards")}
        return layer["class_name"], rest

    return backward is not None and kind(forward) != kind(backward)


_OF_TODAY = frozenset(
    "backward_layer quantization_config use_cudnn zero_output_for_mask synchronized build_config mask dtype_policy lora_rank "
    "lora_alpha data_format seed use_gate sliding_window renorm renorm_clipping renorm_momentum optional "
    "has_input_vocabulary built_for keras2".split()
)
"""Arguments that are written today whatever they are."""


def _value(name: str, key: str, value: Any, config: Config, built_for: Any) -> Any:
    if name == "Lambda" and key in ("function_type", "output_shape_type"):
        made = config.get(key.removesuffix("_type"))
        return "lambda" if isinstance(made, Mapping) else "raw" if made is None else "function"
    if key == "axis" and name in ("BatchNormalization", "LayerNormalization") and built_for:
        axes = value if isinstance(value, (list, tuple)) else [value]
        return [axis % len(built_for) for axis in axes]
    if key == "layer" and name == "Bidirectional":
        inner = entry(value)
        return {**inner, "config": {**inner["config"], "name": inner["config"]["name"].removeprefix("forward_")}}
    return entry(value)


def _model(config: Mapping[str, Any]) -> Config:
    """The config of a model: its layers, and, of a graph, each call as a list of the places that its inputs come from."""
    if _is_of_today({"config": config}):
        return dict(config)
    if "input_layers" not in config:
        return {"name": config["name"], "layers": [entry(item) for item in config["layers"]]}
    models = {item["name"] for item in config["layers"] if item["class_name"] in _MODELS}
    layers = []
    for item in config["layers"]:
        found = entry(item)
        nodes = [_call(node, models) for node in item["inbound_nodes"]]
        layers.append({**{k: v for k, v in found.items() if k not in ("name", "inbound_nodes")},
                       "name": item["name"], "inbound_nodes": nodes})  # fmt: skip
    ends = {key: _ends(config[key]) for key in ("input_layers", "output_layers")}
    return {"name": config["name"], "trainable": config.get("trainable", True), "layers": layers, **ends}


def _ends(tree: Any) -> Any:
    if len(tree) == 3 and isinstance(tree[0], str):
        return [list(tree)]
    if isinstance(tree, Mapping):
        return {key: list(value) for key, value in tree.items()}
    return [list(value) for value in tree]


def _places(tree: Any, models: set[str]) -> Any:
    """A tree of arguments with places for the tensors in it, and whether there are any."""
    if isinstance(tree, Mapping) and tree.get("class_name") == "__keras_tensor__":
        layer, node, tensor = tree["config"]["keras_history"]
        return [layer, node + (1 if layer in models else 0), tensor], True
    if isinstance(tree, Mapping):
        found = {key: _places(value, models) for key, value in tree.items()}
        return {key: value for key, (value, _) in found.items()}, any(has for _, has in found.values())
    if isinstance(tree, (list, tuple)):
        items = [_places(value, models) for value in tree]
        return [value for value, _ in items], any(has for _, has in items)
    return entry(tree), False


def _call(node: Mapping[str, Any], models: set[str]) -> list[Any]:
    (first, *rest), _ = _places(list(node["args"]) or [[]], models)
    kwargs = {key: _places(value, models)[0] for key, value in node["kwargs"].items() if value is not None}
    kwargs |= {f"args_{place}": value for place, value in enumerate(rest, 1)}
    tensors = [first] if first and isinstance(first[0], str) else first
    return [[*place, kwargs] for place in tensors]


_KINDS: dict[str, Callable[[str, Config], Config]] = {
    "keras.layers": _layer,
    "keras.initializers": _initializer,
    "keras.regularizers": lambda name, config: {key: _float32(value) for key, value in config.items()},
    "keras.constraints": lambda name, config: config,
    "keras.losses": _loss,
    "keras.metrics": _metric,
    "keras.optimizers": _optimizer,
    "keras.optimizers.schedules": lambda name, config: (
        {**config, "name": None} if config.get("name") == name else config
    ),
}
