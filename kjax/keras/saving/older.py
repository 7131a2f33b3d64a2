"""Configs as Keras 2.2.4 wrote them, made of those of today by tables: what scripts of Keras 1 and 2 see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kjax.keras.core import configs
from kjax.keras.core.settings import settings
from kjax.keras.legacy import spellings
from kjax.keras.saving import code, form_of_tf, names, oldest
from kjax.keras.saving.serialization import defaults_of
from kjax.nn.value import Value

Config = dict[str, Any]

VERSION = {"keras_version": "2.2.4", "backend": "tensorflow"}
"""What stood beside the config of a model."""


def _weights(*names: str, activity: bool = True, after: str = "") -> str:
    """What stood in the configs for weights: all initializers, all regularizers, all constraints.

    Args:
        *names: of the weights.
        activity: whether the layer had a penalty on its outputs, written behind those of the weights.
        after: what was written behind the initializers.
    """
    initializers, regularizers, constraints = (
        [f"{name}_{kind}" for name in names] for kind in ("initializer", "regularizer", "constraint")
    )
    return " ".join([*initializers, *after.split(), *regularizers, *["activity_regularizer"] * activity, *constraints])


_ORDINARY, _LOOPED = ("kernel", "bias"), ("kernel", "recurrent", "bias")
_DENSE = f"activation use_bias {_weights(*_ORDINARY)}"
_WINDOW = "kernel_size strides padding data_format"
_CONV = f"filters {_WINDOW} dilation_rate {_DENSE}"
_SEPARABLE = (
    f"filters {_WINDOW} dilation_rate activation use_bias {_weights('bias')} "
    f"depth_multiplier {_weights('depthwise', 'pointwise', activity=False)}"
)
_LOOP = "return_sequences return_state go_backwards stateful unroll"
_DROPS = "dropout recurrent_dropout"
_FORGETS = "unit_forget_bias"
_CUDNN = "return_sequences return_state go_backwards stateful units"


def _step(before: str, activity: bool, gates: bool = True, after: str = "") -> str:
    """The arguments of a recurrent layer, or of its cell.

    Args:
        before: those before its activation.
        activity: whether it had a penalty on its outputs.
        gates: whether gates have an activation of their own.
        after: what was written behind the initializers.
    """
    activations = "activation recurrent_activation" if gates else "activation"
    return f"{before} {activations} use_bias {_weights(*_LOOPED, activity=activity, after=after)} {_DROPS}"


_POOL = "pool_size strides padding data_format"

KEYS: dict[str, str] = {
    "Activation": "activation",
    "ActivityRegularization": "l1 l2",
    "AlphaDropout": "rate",
    **{f"{kind}Pooling{n}D": _POOL for kind in ("Average", "Max") for n in (1, 2, 3)},
    **{f"Global{kind}Pooling{n}D": "data_format" for kind in ("Average", "Max") for n in (1, 2, 3)},
    "BatchNormalization": (
        "axis momentum epsilon center scale beta_initializer gamma_initializer moving_mean_initializer "
        "moving_variance_initializer beta_regularizer gamma_regularizer beta_constraint gamma_constraint"
    ),
    "Bidirectional": "layer merge_mode",
    "Concatenate": "axis",
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D"), _CONV),
    "Conv2DTranspose": f"{_CONV} output_padding",
    "Conv3DTranspose": f"filters {_WINDOW} {_DENSE} output_padding",
    "ConvLSTM2D": _step(f"{_LOOP} filters {_WINDOW} dilation_rate", True, after=_FORGETS),
    "ConvLSTM2DCell": _step(f"filters {_WINDOW} dilation_rate", False, after=_FORGETS),
    "Cropping1D": "cropping",
    "Cropping2D": "cropping data_format",
    "Cropping3D": "cropping data_format",
    "CuDNNGRU": f"{_CUDNN} {_weights(*_LOOPED)}",
    "CuDNNLSTM": f"{_CUDNN} {_weights(*_LOOPED, after=_FORGETS)}",
    "Dense": f"units {_DENSE}",
    "DepthwiseConv2D": (
        f"{_WINDOW} dilation_rate activation use_bias {_weights('bias')} depth_multiplier {_weights('depthwise', activity=False)}"
    ),
    "Dot": "axes normalize",
    "Dropout": "rate noise_shape seed",
    "ELU": "alpha",
    "Embedding": f"input_dim output_dim {_weights('embeddings')} mask_zero input_length",
    "Flatten": "data_format",
    "GRU": f"{_step(f'{_LOOP} units', True)} implementation reset_after",
    "GRUCell": f"{_step('units', False)} implementation reset_after",
    "GaussianDropout": "rate",
    "GaussianNoise": "stddev",
    "Highway": "init activation W_regularizer b_regularizer activity_regularizer W_constraint b_constraint bias input_dim",
    "InputLayer": "batch_input_shape dtype sparse",
    "LSTM": f"{_step(f'{_LOOP} units', True, after=_FORGETS)} implementation",
    "LSTMCell": f"{_step('units', False, after=_FORGETS)} implementation",
    "Lambda": "function function_type output_shape output_shape_type arguments",
    "LeakyReLU": "alpha",
    "LocallyConnected1D": f"filters kernel_size strides padding {_DENSE}",
    "LocallyConnected2D": f"filters {_WINDOW} {_DENSE}",
    "Masking": "mask_value",
    "PReLU": f"{_weights('alpha', activity=False)} shared_axes",
    "Permute": "dims",
    "RNN": f"{_LOOP} cell",
    "ReLU": "max_value negative_slope threshold",
    "RepeatVector": "n",
    "Reshape": "target_shape",
    "SeparableConv1D": _SEPARABLE,
    "SeparableConv2D": _SEPARABLE,
    "SimpleRNN": _step(f"{_LOOP} units", True, gates=False),
    "SimpleRNNCell": _step("units", False, gates=False),
    "Softmax": "axis",
    **{f"SpatialDropout{n}D": "rate noise_shape seed" for n in (1, 2, 3)},
    "StackedRNNCells": "cells",
    "ThresholdedReLU": "theta",
    "TimeDistributed": "layer",
    "UpSampling1D": "size",
    "UpSampling2D": "size data_format interpolation",
    "UpSampling3D": "size data_format",
    "ZeroPadding1D": "padding",
    "ZeroPadding2D": "padding data_format",
    "ZeroPadding3D": "padding data_format",
    **dict.fromkeys("Add Average Maximum Minimum Multiply Subtract".split(), ""),
}
"""The arguments in the config of each class of Keras 2.2.4, besides ``name``, ``trainable`` and those of a first layer."""

RENAMED = {"LeakyReLU": {"negative_slope": "alpha"}}
"""Arguments that had another name."""

ADDED = {"implementation": 1, "noise_shape": None, "input_dim": None, "input_length": None, "output_padding": None}
"""Arguments that are none today, with what they were written as."""

UNWRITTEN = ("keras2", "clips_as_keras2", "seed")
"""Arguments of today that the generation had no place for and that change nothing."""

ROUNDED = {"LeakyReLU": ("alpha",), "ELU": ("alpha",), "ThresholdedReLU": ("theta",)}
"""Numbers that the layers kept in the session's float type."""

VALUES = {"hard_sigmoid_keras2": "hard_sigmoid", "bilinear_keras2": "bilinear"}
"""Names of today for what had a plainer name then."""

SCALING = {
    "GlorotUniform": (1.0, "fan_avg", "uniform"),
    "GlorotNormal": (1.0, "fan_avg", "normal"),
    "HeUniform": (2.0, "fan_in", "uniform"),
    "HeNormal": (2.0, "fan_in", "normal"),
    "LecunUniform": (1.0, "fan_in", "uniform"),
    "LecunNormal": (1.0, "fan_in", "normal"),
}
"""Initializers that were functions: scale, mode and distribution of the ``VarianceScaling`` that they returned."""

OPTIMIZERS: dict[str, str] = {
    "SGD": "lr momentum decay nesterov",
    "RMSprop": "lr rho decay epsilon",
    "Adagrad": "lr decay epsilon",
    "Adadelta": "lr rho decay epsilon",
    "Adam": "lr beta_1 beta_2 decay epsilon amsgrad",
    "Adamax": "lr beta_1 beta_2 decay epsilon",
    "Nadam": "lr beta_1 beta_2 epsilon schedule_decay",
}
"""The arguments in the config of each optimizer."""

VARIABLES = {"RMSprop": "lr rho decay", "Adadelta": "lr decay"}
"""Arguments that were variables, so that they were written as the nearest float32: by class, where not all of these."""

_MODELS = {"Functional": "Model", "Sequential": "Sequential"}


def config_of(thing: Any, config: Config) -> Config:
    """What ``get_config`` of a layer, model or optimizer returned in Keras 2.2.4.

    Args:
        thing: the object.
        config: its config of today.
    """
    if hasattr(thing, "rule"):
        return _optimizer(type(thing.rule).__name__, config)
    if isinstance(thing, Value):
        module, name = names.keras_name(type(thing)) or ("", "")
        known = module in ("keras.initializers", "keras.regularizers", "keras.constraints")
        written = entry({"class_name": name, "module": module, "config": config}) if known else config
        # An initializer was a function in Keras 1, of which there is no config.
        return written.get("config", written) if isinstance(written, Mapping) else config
    if "input_layers" in config and "layers" in config:
        return _functional(config)
    if hasattr(thing, "_stack") and "layers" in config:
        return _sequential(config)
    known = (base.__name__ for base in type(thing).__mro__ if names.keras_name(base) is not None)
    name = next(known, "")
    if settings.era == "1":
        config = {**config, "built_for": form_of_tf.shape_of(thing)}
    return _layer(name, config)


def model_entry(entry_of_today: Mapping[str, Any]) -> Config:
    """The entry of a model as ``to_json`` wrote it.

    Args:
        entry_of_today: what :func:`kjax.keras.saving.serialize_keras_object` returned.
    """
    if settings.era == "tf":
        return form_of_tf.model_entry(entry_of_today)
    return {**entry(entry_of_today), **(oldest.VERSION if settings.era == "1" else VERSION)}


def entry(thing: Any) -> Any:
    """An entry of today, or anything that holds some, as it was written then."""
    if isinstance(thing, (list, tuple)):
        return type(thing)(entry(item) for item in thing)
    if not isinstance(thing, Mapping):
        return VALUES.get(thing, thing) if isinstance(thing, str) else thing
    if "class_name" not in thing or "config" not in thing:
        return {key: entry(value) for key, value in thing.items()}
    name, module, config = thing["class_name"], str(thing.get("module") or ""), thing["config"]
    if name == "function":
        return VALUES.get(config, config)
    if name.startswith("__") or not isinstance(config, Mapping):
        return dict(thing)
    if name in _MODELS and "layers" in config:
        inner = _functional(config) if "input_layers" in config else _sequential(config)
        return {"class_name": _MODELS[name], "config": inner}
    if settings.era == "1" and module in _OLDEST:
        return _OLDEST[module](name, config)
    if module == "keras.layers" and isinstance(thing.get("build_config"), Mapping):
        config = {**config, "built_for": thing["build_config"].get("input_shape")}
    if module == "keras.optimizers":  # what stands beside the config was an argument then
        config = {**config, **dict(thing.get("kjax") or {})}
    written: Callable[[str, Config], Config] = _KINDS.get(module, _plain)
    if module == "keras.initializers" and name in SCALING:
        scale, mode, distribution = SCALING[name]
        return {
            "class_name": "VarianceScaling",
            "config": {"scale": scale, "mode": mode, "distribution": distribution, "seed": config.get("seed")},
        }
    if name == "SummedOverBatch":  # it was always
        return entry(config["penalty"])
    if module == "keras.regularizers" and name in ("L1", "L2", "L1L2"):
        name = "L1L2"
    kind = oldest.class_name(name, config) if settings.era == "1" and module == "keras.layers" else name
    return {"class_name": kind.removesuffix("Initializer"), "config": written(name, dict(config))}


def _plain(name: str, config: Config) -> Config:
    """The config of a user's object: its own arguments, in the form of the time."""
    return _layer("", config) if "dtype" in config or "trainable" in config else entry(config)


def _initializer(name: str, config: Config) -> Config:
    config = {key: value for key, value in config.items() if key not in ("input_axes", "output_axes")}
    if name.startswith("Identity"):
        config = {"gain": 1.0, **config}
    if name == "VarianceScaling":
        config["distribution"] = str(config.get("distribution")).replace("untruncated_", "").replace("truncated_", "")
    return config


def _regularizer(name: str, config: Config) -> Config:
    if name != "L1L2":
        return {key: value for key, value in config.items() if key not in UNWRITTEN}
    return {key: _float32(config.get(key, 0.0)) for key in ("l1", "l2")}


def _float32(value: Any) -> Any:
    return float(np.float32(value)) if isinstance(value, float) else value


def _optimizer(name: str, config: Config) -> Config:
    if name not in OPTIMIZERS:
        return entry(config)
    rate = "learning_rate" if settings.release else "lr"
    given = {**config, "lr": config.get("learning_rate")}
    given["decay"] = config.get("decay") or 0.0
    given.setdefault("schedule_decay", 0.004)
    kept = VARIABLES.get(name, "lr momentum decay beta_1 beta_2").split()
    written = {
        rate if key == "lr" else key: _float32(given.get(key))
        if key in kept and not isinstance(given.get(key), Mapping)
        else given.get(key)
        for key in OPTIMIZERS[name].split()
        if key != "amsgrad" or settings.era != "1"
    }
    norm = config.get("global_clipnorm") or config.get("clipnorm")
    more = {"clipnorm": norm, "clipvalue": config.get("clipvalue")}
    return written | {key: value for key, value in more.items() if value is not None}


# -- layers ------------------------------------------------------------------------------------------------------


def _layer(name: str, config: Config) -> Config:
    """The config of a layer, in the form of the era.

    Args:
        name: its class, or that of Keras which it extends; empty for a user's own.
        config: its config of today, with ``batch_input_shape`` where it was declared.
    """
    if settings.era == "1" and (oldest_form := oldest.layer(name, config, entry)) is not None:
        return oldest_form
    for key in ("built_for", "consume_less", "input_length", "output_shape"):  # of Keras 1 alone
        if key not in KEYS.get(name, "").split():
            config.pop(key, None)
    config = {**config, **{new: config[old] for old, new in RENAMED.get(name, {}).items() if old in config}}
    dtype = _policy(config.pop("dtype", None))
    result = {key: config.pop(key, True) for key in ("name", "trainable")}
    shape = config.pop("batch_input_shape", None)
    if name == "InputLayer":
        result = {"batch_input_shape": config["batch_shape"], "dtype": dtype, "sparse": False, "name": result["name"]}
        return result
    if name == "Embedding" and shape is None:
        shape = (None, None)
    if shape is not None:
        result["batch_input_shape"] = tuple(shape)
    if dtype is not None and (shape is not None or dtype != settings.floatx):
        result["dtype"] = dtype
    if name == "Embedding":
        lengths = tuple(shape)[1:] if shape is not None else (None,)
        config["input_length"] = lengths[0] if len(lengths) == 1 else lengths
    if name not in KEYS:
        return result | {key: entry(value) for key, value in config.items()}
    known = KEYS[name].split()
    module = getattr(names.builtin("keras.layers", name), "module_class", None)
    defaults = {} if module is None else defaults_of(module)
    given = dict(config)
    for key in known:
        result[key] = _value(name, key, config.pop(key, ADDED.get(key)), given)
    left = {*RENAMED.get(name, {}), *UNWRITTEN, *spellings.FIXED.get(name, {})}
    for key, value in config.items():
        told = (
            value is not None
            and value != defaults.get(key, "nothing")
            and not (key == "dilation_rate" and set(value) == {1})
        )
        if told and key not in left and key not in _OF_TODAY:
            result[key] = entry(value)
    return result


_OF_TODAY = frozenset(
    "backward_layer quantization_config use_cudnn zero_output_for_mask synchronized build_config mask "
    "dtype_policy lora_rank lora_alpha".split()
)
"""Arguments that are written today whatever they are; where they say something, they are made of others again."""


def _policy(dtype: Any) -> str | None:
    return dtype["config"]["name"] if isinstance(dtype, Mapping) else dtype


def _value(name: str, key: str, value: Any, config: Config) -> Any:
    if name == "Lambda" and key in ("function", "output_shape"):
        return _function(value) if isinstance(value, Mapping) else value
    if key in ("function_type", "output_shape_type"):
        return _kind(config.get(key.removesuffix("_type")))
    if key == "axis" and isinstance(value, (list, tuple)) and len(value) == 1:
        return value[0]
    if key in ROUNDED.get(name, ()):
        return _float32(value)
    if key == "size" and name == "UpSampling1D" and isinstance(value, (list, tuple)):
        return value[0]
    if name == "Bidirectional" and key == "layer":
        inner = entry(value)
        stem = inner["config"]["name"].removeprefix("forward_")
        return {**inner, "config": {**inner["config"], "name": stem}}
    return entry(value)


def _kind(value: Any) -> str:
    """How a function, or a shape in the place of one, was written."""
    if isinstance(value, Mapping):
        return "lambda" if value.get("class_name") == "__lambda__" else "function"
    return "function" if isinstance(value, str) else "raw"


def _function(value: Mapping[str, Any]) -> Any:
    return code.parts(value["config"]) if value.get("class_name") == "__lambda__" else entry(value)


# -- models ------------------------------------------------------------------------------------------------------


def _sequential(config: Mapping[str, Any]) -> Any:
    """``name`` and ``layers``: the shape of the inputs stood in the first layer."""
    entries = list(config["layers"])
    first = entries.pop(0) if entries and entries[0]["class_name"] == "InputLayer" else None
    layers = [_layer_entry(item) for item in entries]
    if first is not None and layers and "layers" not in layers[0]["config"]:
        inner = layers[0]["config"]
        if "batch_input_shape" not in inner or inner["batch_input_shape"] == (None, None):
            start = {key: inner.pop(key) for key in ("name", "trainable") if key in inner}
            shape, dtype = tuple(first["config"]["batch_shape"]), _policy(first["config"]["dtype"])
            inner.pop("batch_input_shape", None)
            kind = {"input_dtype" if settings.era == "1" else "dtype": dtype}
            layers[0]["config"] = {**start, "batch_input_shape": shape, **kind, **inner}
    return layers if settings.era == "1" else {"name": config["name"], "layers": layers}


def _functional(config: Mapping[str, Any]) -> Config:
    """The graph: each call of a layer as a list of the places that its inputs come from."""
    models = {item["name"] for item in config["layers"] if item["class_name"] in _MODELS}

    def place(history: Any) -> list[Any]:
        name, node, tensor = history
        return [name, node + (1 if name in models else 0), tensor]

    def ends(tree: Any) -> list[Any]:
        if len(tree) == 3 and isinstance(tree[0], str):
            return [list(tree)]
        if isinstance(tree, Mapping):
            return [one for value in tree.values() for one in ends(value)]
        return [one for value in tree for one in ends(value)]

    def call(node: Mapping[str, Any]) -> list[Any]:
        places: list[Any] = []

        def gather(tree: Any) -> Any:
            if isinstance(tree, Mapping) and tree.get("class_name") == "__keras_tensor__":
                places.append(place(tree["config"]["keras_history"]))
            elif isinstance(tree, Mapping):
                for value in tree.values():
                    gather(value)
            elif isinstance(tree, (list, tuple)):
                for value in tree:
                    gather(value)

        gather(node["args"])
        kwargs = {}
        for key, value in node["kwargs"].items():
            before = len(places)
            gather(value)
            if len(places) == before and value is not None:
                kwargs[key] = entry(value)
        return [[*one, kwargs] for one in places]

    layers = []
    for item in config["layers"]:
        nodes = [call(node) for node in item["inbound_nodes"]]
        nodes = oldest.calls(nodes) if settings.era == "1" else nodes
        layers.append({"name": item["name"], **_layer_entry(item), "inbound_nodes": nodes})
    return {
        "name": config["name"],
        "layers": layers,
        "input_layers": ends(config["input_layers"]),
        "output_layers": ends(config["output_layers"]),
    }


_OLDEST: dict[str, Callable[[str, Mapping[str, Any]], Any]] = {
    "keras.initializers": lambda name, config: oldest.initializer({"class_name": name, "config": config}),
    "keras.regularizers": oldest.penalty,
    "keras.constraints": oldest.constraint,
}


def _layer_entry(item: Mapping[str, Any]) -> Config:
    found = entry(item)
    return {"class_name": found["class_name"], "config": found["config"]}


_KINDS: dict[str, Callable[[str, Config], Config]] = {
    "keras.layers": _layer,
    "keras.initializers": _initializer,
    "keras.regularizers": _regularizer,
    "keras.constraints": lambda name, config: config,
    "keras.optimizers": _optimizer,
}


def _of_era(of_keras2: Callable[..., Any], of_tf: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args: (of_tf if settings.era == "tf" else of_keras2)(*args)


configs.fill(
    older_config=_of_era(config_of, form_of_tf.config_of),
    older_entry=_of_era(entry, form_of_tf.entry),
    older_class_name=oldest.class_name,
    code_of=code.entry,
)
