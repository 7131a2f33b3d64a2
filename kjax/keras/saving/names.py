"""Which module and class name real Keras writes for each kjax object, and back; and where the two configs differ."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from kjax.nn.value import did_you_mean

PACKAGES = {
    "kjax.keras.layers": "keras.layers",
    "kjax.keras.distillation": "keras.distillation",
    "kjax.keras.optimizers": "keras.optimizers",
    "kjax.keras.metrics": "keras.metrics",
    "kjax.nn.layers": "keras.layers",
    "kjax.nn.optimizers.schedules": "keras.optimizers.schedules",
    "kjax.nn.optimizers": "keras.optimizers",
    "kjax.nn.initializers": "keras.initializers",
    "kjax.nn.regularizers": "keras.regularizers",
    "kjax.nn.orthogonality": "keras.regularizers",
    "kjax.nn.constraints": "keras.constraints",
    "kjax.nn.losses": "keras.losses",
    "kjax.nn.metrics": "keras.metrics",
    "kjax.nn.quantization": "keras.quantizers",
    "kjax.nn.dtypes": "keras.dtype_policies",
    "kjax.keras.dtype_policies": "keras.dtype_policies",
}
"""Where a class lives here, and the module that real Keras writes for it. The first prefix that fits counts."""

CLASSES = (
    {
        ("kjax.keras.core.operation", "InputLayer"): ("keras.layers", "InputLayer"),
        ("kjax.keras.models.sequential", "Sequential"): ("keras", "Sequential"),
        ("kjax.keras.models.model", "Model"): ("keras.src.models.functional", "Functional"),
        ("kjax.nn.dtypes", "Policy"): ("keras", "DTypePolicy"),
        ("kjax.keras.features.space", "FeatureSpace"): ("keras.utils", "FeatureSpace"),
    }
    | {
        ("kjax.keras.features.columns", name): ("keras.src.layers.preprocessing.feature_space", name)
        for name in ("Cross", "Feature", "TFDConcat", "TFDIdentity")
    }
    | {
        ("kjax.keras.legacy.layers", old): ("keras.layers", new)
        for old, new in (
            ("AtrousConvolution1D", "Conv1D"),
            ("AtrousConvolution2D", "Conv2D"),
            ("CuDNNGRU", "GRU"),
            ("CuDNNLSTM", "LSTM"),
            ("Deconvolution2D", "Conv2DTranspose"),
            ("SeparableConvolution2D", "SeparableConv2D"),
            ("TimeDistributedDense", "Dense"),
        )
    }
)
"""Classes that real Keras keeps somewhere else than their package says."""

MODULES = {
    "keras": "kjax.keras",
    "keras.layers": "kjax.keras.layers",
    "keras.models": "kjax.keras.models",
    "keras.src.models": "kjax.keras.models",
    "keras.optimizers": "kjax.keras.optimizers",
    "keras.optimizers.schedules": "kjax.nn.optimizers.schedules",
    "keras.initializers": "kjax.nn.initializers",
    "keras.regularizers": "kjax.keras.regularizers",
    "keras.constraints": "kjax.nn.constraints",
    "keras.losses": "kjax.nn.losses",
    "keras.metrics": "kjax.keras.metrics",
    "keras.activations": "kjax.nn.activations",
    "keras.distillation": "kjax.keras.distillation",
    "keras.utils": "kjax.keras.features.space",
    "keras.src.layers.preprocessing.feature_space": "kjax.keras.features.columns",
    "keras.quantizers": "kjax.keras.quantizers",
    "keras.dtype_policies": "kjax.keras.dtype_policies",
}
"""Module that a file names (or its longest prefix) and the module in which the thing is looked up: no other is read."""

INTERNAL = {"keras.src.layers": "keras.layers", "keras.src.models": "keras.models"} | {
    f"keras.src.{name}": f"keras.{name}"
    for name in (
        "optimizers",
        "initializers",
        "regularizers",
        "constraints",
        "losses",
        "metrics",
        "activations",
        "quantizers",
        "dtype_policies",
    )
}
"""Real Keras' private modules, which it writes for what it does not export."""

RENAMED = {
    "Functional": "Model",
    "IdentityInitializer": "Identity",
    "OrthogonalInitializer": "Orthogonal",
    "STFTInitializer": "STFT",
    "GroupedQueryAttention": "GroupQueryAttention",
}
"""Class names in files that are another here."""

OMITTED_AT_DEFAULT: dict[str, Sequence[str]] = {
    "layers": (
        [
            "activity_regularizer",
            "lora_rank",
            "lora_alpha",
            "use_cudnn",
            "flash_attention",
            "gptq_unpacked_column_size",
            "sparse",
        ]
    ),
    "initializers": ("gain",),
    "losses": ("dtype", "axis", "delta"),
    "metrics": ("axis", "thresholds", "from_sorted_ids"),
}
"""Arguments that real Keras does not write, or not at their defaults, by kind."""

ALWAYS_WRITTEN = {
    "activity_regularizer": [
        "Conv1D",
        "Conv2D",
        "Conv3D",
        "Conv1DTranspose",
        "Conv2DTranspose",
        "Conv3DTranspose",
        "DepthwiseConv1D",
        "DepthwiseConv2D",
        "SeparableConv1D",
        "SeparableConv2D",
        "Embedding",
        "LSTM",
        "GRU",
        "SimpleRNN",
        "ConvLSTM1D",
        "ConvLSTM2D",
        "ConvLSTM3D",
        "EinsumDense",
        "MultiHeadAttention",
        "GroupQueryAttention",
        "ReversibleEmbedding",
    ],
    "sparse": ["Discretization", "Hashing", "HashedCrossing", "IntegerLookup", "StringLookup", "TextVectorization"],
    "gain": ["Orthogonal"],
    "axis": ["MaxNorm", "UnitNorm", "MinMaxNorm"],
}
"""Arguments of the table above that these classes write all the same."""

NEVER_WRITTEN = {
    "Embedding": ("weights",),
    "SimpleRNN": ("seed",),
    "Discretization": ("trainable",),
    "SpatialDropout1D": ("trainable",),
    "SpatialDropout2D": ("trainable",),
    "SpatialDropout3D": ("trainable",),
}
"""Arguments that the real classes have no place for in their configs."""


REVIVED = {
    "LossFunctionWrapper": ("fn",),
    "MeanMetricWrapper": ("fn",),
    "Lambda": ("function", "output_shape", "mask", "arguments"),
    "Bidirectional": ("layer", "backward_layer"),
    "TimeDistributed": ("layer",),
    "SpectralNormalization": ("layer",),
    "RNN": ("cell",),
    "StackedRNNCells": ("cells",),
}
"""Arguments of built-in classes that hold layers, or may hold a user's functions or objects."""


FILES_IN_ARGUMENTS = dict.fromkeys(("StringLookup", "IntegerLookup", "TextVectorization"), ("vocabulary",))
"""Arguments of built-in layers that are files to be read where they are text."""

HOLDING_QUANTIZERS = ("quantization_config", "weight_quantizer", "activation_quantizer")
"""Arguments that hold quantizers, or configs with quantizers."""

BESIDE = ("keras2", "schedule_decay", "calibrated", "projections", "clips_as_keras2")
"""Arguments that real Keras does not know: they are written beside the config, where it does not look."""

PLAIN_DTYPE = ("Discretization", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D")
"""Classes that write the name of their dtype policy only."""

FOLLOWING = {"strides": "pool_size", "value_dim": "key_dim", "lora_alpha": "lora_rank"}
"""Arguments that stand for another where they are None, and are written as that."""


def split_beside(config: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The part of a config that real Keras reads, and what only kjax does.

    Args:
        config: arguments as they are written.
    """
    beside = {key: config[key] for key in BESIDE if key in config}
    kept = {key: value for key, value in config.items() if key not in BESIDE}
    if config.get("clips_as_keras2") and config.get("global_clipnorm"):  # only one kind of clipping can be set there
        beside["clipvalue"], kept["clipvalue"] = kept["clipvalue"], None
    penalty = config.get("activity_regularizer")
    if isinstance(penalty, dict) and penalty.get("class_name") == "SummedOverBatch":
        beside["activity_regularizer"] = penalty
        kept["activity_regularizer"] = penalty["config"]["penalty"]
    return kept, beside


def keras_name(cls: type) -> tuple[str, str] | None:
    """Module and class name that real Keras writes for a built-in class; None for a user's class."""
    exact = CLASSES.get((cls.__module__, cls.__name__))
    if exact is not None:
        return exact
    for package, module in PACKAGES.items():
        if cls.__module__ == package or cls.__module__.startswith(package + "."):
            return module, cls.__name__
    return None


def is_older(cls: type) -> bool:
    """Whether a class is one of today's under a name of Keras 1 or 2."""
    return cls.__module__ == "kjax.keras.legacy.layers" and (cls.__module__, cls.__name__) in CLASSES


def kind_of(module: str) -> str:
    """``'layers'`` for ``'keras.layers'``."""
    return module.rpartition(".")[2]


def written(cls: type, module: str, config: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """The part of a config that real Keras writes too.

    Args:
        cls: class of the object.
        module: the module that is written for it.
        config: its arguments.
        defaults: their defaults.
    """
    optional = OMITTED_AT_DEFAULT.get(kind_of(module), ())
    never = NEVER_WRITTEN.get(cls.__name__, ())
    result = {}
    for key, value in config.items():
        if value is None and key in FOLLOWING and FOLLOWING[key] in config:
            value = config[FOLLOWING[key]]
        always = cls.__name__ in ALWAYS_WRITTEN.get(key, ())
        if key in never or (key in optional and not always and key in defaults and value == defaults[key]):
            continue
        if key == "dtype" and cls.__name__ in PLAIN_DTYPE:
            value = value["config"]["name"]  # pyright: ignore
        result[key] = value
    return result


def builtin(module: str | None, name: str) -> Any:
    """The built-in class that a file names, or None.

    Args:
        module: module in the file; None looks everywhere.
        name: class name in the file.
    """
    name = RENAMED.get(name, name)
    if module is None:
        found = (builtin(m, name) for m in ("keras.layers", *MODULES) if m != "keras.activations")
        return next((thing for thing in found if thing is not None), None)
    for private, public in INTERNAL.items():
        if module not in MODULES and (module == private or module.startswith(private + ".")):
            module = public
    if module == "keras" and name.endswith("DTypePolicy"):
        module = "keras.dtype_policies"
    if module == "keras" and name not in ("Model", "Sequential"):
        return None
    target = MODULES.get(module)
    if target is None:
        return None
    thing = vars(importlib.import_module(target)).get(name)
    if thing is None and module == "keras":
        thing = vars(importlib.import_module("kjax.keras.models")).get(name)
    if thing is None and module == "keras.layers":  # Highway, MaxoutDense
        thing = vars(importlib.import_module("kjax.keras.legacy.layers")).get(name)
    # Only classes with a config: nothing else that the module happens to hold can be named by a file.
    return thing if isinstance(thing, type) and hasattr(thing, "from_config") else None


def builtin_function(name: str) -> Any:
    """The built-in activation, loss or metric function of a name, or None."""
    from kjax.nn import activations
    from kjax.nn.losses.wrapper import classes as losses
    from kjax.nn.metrics.base import classes as metrics

    if name in activations.registry:
        return activations.registry.lookup(name)
    return next(
        (function for functions in (losses, metrics) for function in functions if function.__name__ == name),
        None,
    )


def function_name(function: Any) -> str | None:
    """The name by which files call a built-in function, or None for a user's."""
    name = getattr(function, "__name__", None)
    if isinstance(name, str) and builtin_function(name) is function:
        return name
    return None


def suggest(name: str, module: str | None) -> str:
    """A sentence part about names near an unknown one."""
    target = MODULES.get(module or "keras.layers", "kjax.keras.layers")
    known = [key for key, value in vars(importlib.import_module(target)).items() if isinstance(value, type)]
    return did_you_mean(name, known)
