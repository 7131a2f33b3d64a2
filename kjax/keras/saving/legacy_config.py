"""Layers of Keras 1, Keras 2 and tf.keras: their configs rewritten as Keras 3 would write them, by tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from kjax.keras.core.layer import Layer
from kjax.keras.legacy import arguments, spellings
from kjax.keras.models.model import Model
from kjax.keras.saving import eras, tensorflow_ops
from kjax.keras.saving.registration import get_registered_object
from kjax.keras.saving.serialization import _revive, make_instance

MODELS = ("Functional", "Sequential")
WRAPPED = ("layer", "cell", "forward_layer", "backward_layer")
"""Arguments of layers that hold another layer."""


def layer_from_config(entry: Mapping[str, Any]) -> Layer:
    """A layer or model from its entry in an older config.

    Args:
        entry: ``class_name`` and ``config``.

    Raises:
        ValueError: an unknown class or argument.
    """
    custom = get_registered_object(entry["class_name"])
    if isinstance(custom, type) and not custom.__module__.startswith("kjax.keras."):  # users name built-in ones, too
        layer = make_instance(custom, entry["config"])
    else:
        layer = _revive(upgrade(entry))
    if not isinstance(layer, Layer):
        raise ValueError(f"the config names {entry['class_name']!r} among the layers, which is no layer")
    return layer


def upgrade(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of an older config as Keras 3 would write it.

    Args:
        entry: ``class_name`` and ``config``.
    """
    name, config = entry["class_name"], entry["config"]
    old = eras.era() != eras.KERAS3
    if name == "Merge":
        name, config = _merge(config)
    new = eras.CLASSES.get(name, name)
    if new in MODELS:
        return {"module": "keras", "class_name": new, "config": config, "registered_name": None}
    if not isinstance(config, Mapping):
        raise ValueError(f"the config of a {name} must be a dict, received {type(config).__name__}")
    config = dict(config)
    if old:
        config = _rename(name, new, config)
        config = _values(name, new, config)
    for key in eras.dropped(new):
        config.pop(key, None)
    for key in WRAPPED:
        if isinstance(config.get(key), Mapping) and "module" not in config[key]:
            config[key] = upgrade(config[key])
    if isinstance(config.get("cells"), list):
        config["cells"] = [upgrade(c) if isinstance(c, Mapping) and "module" not in c else c for c in config["cells"]]
    beside = {"kjax": entry["kjax"]} if "kjax" in entry else {}
    return {"module": "keras.layers", "class_name": new, "config": config, "registered_name": None, **beside}


_ENGINE = (
    "keras.src.engine.",
    "keras.engine.",
    "keras.src.models.",
    "keras.models",
    "keras.src.layers.",
    "keras.layers",
)


def modernized(config: Any) -> Any:
    """A config of tf.keras in which modules are named (from version 2.12), as Keras 3 would write it.

    Args:
        config: entries, lists and dicts of them; other things stay what they are.
    """
    if isinstance(config, (list, tuple)):
        return [modernized(item) for item in config]
    if not isinstance(config, Mapping):
        return config
    entry = {key: value if key == "inbound_nodes" else modernized(value) for key, value in config.items()}
    compiled = entry.get("compile_config")
    if isinstance(compiled, Mapping):
        outputs = _names_of_outputs(entry.get("config"))
        if len(outputs) > 1:
            named = {
                k: without_outputs(compiled.get(k), outputs) for k in ("metrics", "weighted_metrics") if k in compiled
            }
            entry["compile_config"] = {**compiled, **named}
    module, name = str(entry.get("module") or ""), entry.get("class_name")
    if not isinstance(name, str) or not module.startswith("keras") or get_registered_object(name) is not None:
        return entry
    if ".optimizers" in module and "schedules" not in module and isinstance(entry.get("config"), Mapping):
        legacy = "legacy" in module
        name, inner = optimizer(name, {"is_legacy_optimizer": legacy, **entry["config"]})
        return {**entry, "module": "keras.optimizers", "class_name": name, "config": inner, "registered_name": None}
    if (".losses" in module or ".metrics" in module) and isinstance(entry.get("config"), Mapping):
        return {**entry, "config": measure(name, entry["config"])}
    is_layer = module.startswith(_ENGINE) or (module == "keras" and name in MODELS)
    if name in tensorflow_ops.CLASSES or not is_layer:
        return entry
    return {**entry, **upgrade(entry)}


def _names_of_outputs(config: Any) -> list[str]:
    """The layers that give the outputs in the config of a graph."""
    places = config.get("output_layers") if isinstance(config, Mapping) else None
    places = list(places.values()) if isinstance(places, Mapping) else places
    return (
        [str(place[0]) for place in places if isinstance(place, (list, tuple)) and place]
        if isinstance(places, list)
        else []
    )


def without_outputs(given: Any, outputs: Sequence[str]) -> Any:
    """Metrics whose names begin with those of their outputs, as tf.keras writes them of models with several, without these.

    Args:
        given: metrics by output, or lists of them in the order of the outputs.
        outputs: the names of the outputs.
    """
    if isinstance(given, Mapping) and "class_name" not in given:
        return {output: _without_prefix(entry, f"{output}_") for output, entry in given.items()}
    if isinstance(given, (list, tuple)) and len(given) == len(outputs):
        return [_without_prefix(entry, f"{output}_") for output, entry in zip(outputs, given, strict=True)]
    return given


def _without_prefix(entry: Any, prefix: str) -> Any:
    if isinstance(entry, (list, tuple)):
        return [_without_prefix(item, prefix) for item in entry]
    inner = entry.get("config") if isinstance(entry, Mapping) else None
    if not isinstance(inner, Mapping) or not str(inner.get("name")).startswith(prefix):
        return entry
    return {**entry, "config": {**inner, "name": inner["name"].removeprefix(prefix)}}


def ordered(config: Any) -> Any:
    """A config of Keras 1 in which the layers that do not say their order of axes say that of the others.

    Args:
        config: entries, lists and dicts of them.
    """
    order = _first_order(config)
    return config if order is None else _with_order(config, order)


def _first_order(config: Any) -> str | None:
    if isinstance(config, Mapping):
        if isinstance(config.get("dim_ordering"), str):
            return config["dim_ordering"]
        config = list(config.values())
    found = (_first_order(item) for item in config) if isinstance(config, (list, tuple)) else ()
    return next((order for order in found if order is not None), None)


def _with_order(config: Any, order: str) -> Any:
    if isinstance(config, (list, tuple)):
        return [_with_order(item, order) for item in config]
    if not isinstance(config, Mapping):
        return config
    entry = {key: _with_order(value, order) for key, value in config.items()}
    if entry.get("class_name") in eras.WITHOUT_ORDER and isinstance(entry.get("config"), dict):
        entry["config"] = {"dim_ordering": order, **entry["config"]}
    return entry


def measure(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of a loss or metric of tf.keras as they are today.

    Args:
        name: its class.
        config: its arguments; those of classes around a function held the function's name, too.
    """
    config = dict(config)
    if name not in ("MeanMetricWrapper", "LossFunctionWrapper"):
        config.pop("fn", None)
    if config.get("reduction") == "auto":
        config["reduction"] = "sum_over_batch_size"
    return config


def optimizer(name: str, config: Mapping[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """Class and arguments of an older optimizer as they are today; None for the class where there is none.

    Args:
        name: its class.
        config: its arguments.
    """
    config, era = dict(config), eras.era()
    # TensorFlow 2.11 replaced its optimizers by those of Keras 3.
    before_2_11 = era == eras.TF_KERAS and config.get("is_legacy_optimizer") is not False
    found = eras.OPTIMIZER_CLASSES.get(name, name.removeprefix("Custom>"))
    for key in spellings.OPTIMIZER_DROPPED:
        config.pop(key, None)
    if era in (eras.KERAS1, eras.KERAS2):
        defaults = spellings.OPTIMIZER_ERA_DEFAULTS.get(str(found), {})
        config = {k: v for k, v in defaults.items() if k != "learning_rate"} | config
        config = arguments.clips(config)
    if before_2_11:
        config = eras.OPTIMIZERS_BEFORE_2_11.get(str(found), lambda config: config)(config)
    if isinstance(config.get("name"), str):
        config["name"] = config["name"].lower()
    return found, config


def is_joining(entry: Any) -> bool:
    """Whether an entry is that of Keras 1's ``Merge`` with models of its own."""
    config = entry.get("config") if isinstance(entry, Mapping) and entry.get("class_name") == "Merge" else None
    return isinstance(config, Mapping) and isinstance(config.get("layers"), list) and bool(config["layers"])


def _merge(config: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    mode = config.get("mode", "sum")
    if mode not in eras.MERGE_MODES:
        raise ValueError(
            f"the Keras 1 layer Merge with mode={mode!r} cannot be read: the function that it was given is not in the file"
        )
    if config.get("layers"):
        raise ValueError(
            "the Keras 1 layer Merge joins layers of its own, which only the first layer of a Sequential can"
        )
    kept = {key: config[key] for key in ("name", "trainable") if key in config}
    if mode == "concat":
        kept["axis"] = config.get("concat_axis", -1)
    if mode in ("dot", "cos"):
        kept |= {"axes": config.get("dot_axes", -1), "normalize": mode == "cos"}
    return eras.MERGE_MODES[mode], kept


def _rename(name: str, new: str, config: dict[str, Any]) -> dict[str, Any]:
    """Arguments under their names of today."""
    today = eras.ARGUMENTS.get(new, {})
    if "nb_row" in config and "nb_col" in config:
        size = [config.pop("nb_row"), config.pop("nb_col")]
        config["kernel_size"] = [config.pop("kernel_dim1"), *size] if "kernel_dim1" in config else size
    if {"kernel_dim1", "kernel_dim2", "kernel_dim3"} <= set(config):
        config["kernel_size"] = [config.pop(f"kernel_dim{i}") for i in (1, 2, 3)]
    if "init" in config and "pointwise_init" in today:  # one initializer for both kernels
        config["pointwise_initializer"] = config["init"]
    if "forget_bias_init" in config:
        config["unit_forget_bias"] = config["forget_bias_init"] == "one"
    renamed = {}
    for key, value in config.items():
        target = today.get(key, key)
        # Names of Keras 1 that mean something else in classes of today keep it.
        renamed[key if target in config and target != key else target] = value
    defaults = eras.DEFAULTS.get(new, {}) if eras.era() != eras.TF_KERAS else {}
    return {**defaults, **renamed, **spellings.FIXED.get(name, {})}


def _penalty(value: Any) -> Any:
    """A penalty of Keras 1 or 2 in arguments of today."""
    if not isinstance(value, Mapping) or value.get("class_name") not in ("L1", "L1L2"):
        return value
    config = value.get("config") or {}
    return {**value, "config": {**config, "keras2": True}} if config.get("l1", 1) else value


def _values(name: str, new: str, config: dict[str, Any]) -> dict[str, Any]:
    """Values that have another form or meaning today."""
    del name
    for key in eras.ACTIVATION_ARGUMENTS:
        value = config.get(key)
        if isinstance(value, str):
            config[key] = spellings.ERA_VALUES[key].get(value, value)
        elif isinstance(value, Mapping) and value.get("class_name", "function") != "function":
            config[key] = upgrade(value)
    for key, value in config.items():
        if key.endswith("_initializer") and isinstance(value, Mapping):
            config[key] = {**value, "config": _without(value.get("config") or {}, "dtype")}
        elif key.endswith("_regularizer") and isinstance(value, Mapping) and "name" in value:
            config[key] = {"class_name": "L1L2", "config": {k: value.get(k, 0.0) for k in ("l1", "l2")}}
        elif key.endswith("_constraint") and isinstance(value, Mapping) and "name" in value:
            given = {eras.CONSTRAINT_ARGUMENTS.get(k, k): v for k, v in value.items() if k != "name"}
            config[key] = {"class_name": value["name"], "config": given}
        if key.endswith("_regularizer") and eras.era() in (eras.KERAS1, eras.KERAS2):
            config[key] = _penalty(config[key])
    if eras.era() in (eras.KERAS1, eras.KERAS2) and isinstance(config.get("activity_regularizer"), Mapping):
        # Activity penalties were summed over the batch.
        penalty = {"class_name": "SummedOverBatch", "config": {"penalty": config["activity_regularizer"]}}
        config["activity_regularizer"] = penalty
    if isinstance(config.get("data_format"), str):
        config["data_format"] = spellings.VALUES["data_format"].get(config["data_format"], config["data_format"])
    if isinstance(config.get("axis"), list) and len(config["axis"]) == 1:
        config["axis"] = config["axis"][0]
    if eras.era() in (eras.KERAS1, eras.KERAS2) and "interpolation" in config:
        config["interpolation"] = spellings.ERA_VALUES["interpolation"].get(
            config["interpolation"], config["interpolation"]
        )
    if new == "InputLayer":
        shape = config.pop("batch_input_shape", None)
        if shape is not None:
            config["batch_shape"] = shape
        config["dtype"] = config.pop("input_dtype", None) or config.get("dtype")
    else:
        config = _dtypes(config)
    if new == "Lambda" and isinstance(config.get("function"), (list, tuple)):
        config["function"] = {"class_name": "__lambda__", "config": {"value": list(config["function"])}}
    elif new == "Lambda" and isinstance(config.get("function"), str):
        config["function"] = {"class_name": "function", "config": config["function"]}
    return config


def _dtypes(config: dict[str, Any]) -> dict[str, Any]:
    """``dtype`` of a first layer was the type of the data."""
    dtype = config.get("dtype")
    if isinstance(dtype, Mapping):
        config["dtype"] = dtype.get("config", {}).get("name")
    elif dtype is None:
        config.pop("dtype", None)
    elif isinstance(dtype, str) and dtype.startswith(("int", "uint", "bool")):
        config.pop("dtype")
        if config.get("batch_input_shape") is not None:
            config["input_dtype"] = dtype
    return config


def _without(mapping: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {k: v for k, v in mapping.items() if k != key}


# -- calls in graphs ---------------------------------------------------------------------------------------------


def first_call(layer: Layer) -> int:
    """Number of a layer's first call in older graphs: that of a model is 1, since its own graph counted as a call."""
    return 1 if isinstance(layer, Model) else 0


def _is_place(item: Any) -> bool:
    return isinstance(item, (list, tuple)) and len(item) >= 3 and isinstance(item[0], str) and isinstance(item[1], int)


def call_places(node: Any) -> Iterator[Sequence[Any]]:
    """The tensors that a call in an older graph needs.

    Args:
        node: lists ``[layer, call, output, keyword arguments]``; one for each input, or a tree of them (tf.keras).
    """
    stack: list[Any] = [node]
    while stack:
        item = stack.pop()
        if _is_place(item):
            if not str(item[0]).startswith("_CONSTANT"):
                yield item
            stack.extend(item[3:])
        elif isinstance(item, Mapping):
            stack.extend(item.values())
        elif isinstance(item, (list, tuple)):
            stack.extend(item)


def call_arguments(
    layer: Layer, node: Any, tensor: Callable[[Sequence[Any]], Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call in an older graph.

    Args:
        layer: the layer that is called.
        node: as for :func:`call_places`.
        tensor: from a place to its tensor.
    """
    kwargs: dict[str, Any] = {}

    def link(item: Any) -> Any:
        if _is_place(item) and str(item[0]).startswith("_CONSTANT"):
            if len(item) > 3 and isinstance(item[3], Mapping):
                kwargs.update({key: link(value) for key, value in item[3].items()})
            return item[2]
        if _is_place(item):
            if len(item) > 3 and isinstance(item[3], Mapping):
                kwargs.update({key: link(value) for key, value in item[3].items()})
            return tensor(item)
        if isinstance(item, Mapping):
            return {key: link(value) for key, value in item.items()}
        if isinstance(item, (list, tuple)):
            return [link(part) for part in item]
        return item

    inputs = [link(node)] if _is_place(node) else link(node)
    if isinstance(inputs, list) and len(inputs) == 1:
        inputs = inputs[0]
    if kwargs.get("mask", 0) is None:
        del kwargs["mask"]
    if isinstance(inputs, list) and type(layer).__name__ in eras.RECURRENT:
        inputs, *states = inputs
        kwargs.setdefault("initial_state", states)
    return (inputs,), kwargs
