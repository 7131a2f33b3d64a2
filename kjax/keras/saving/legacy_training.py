"""What ``compile`` was given and the optimizer's state, in files before Keras 3."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from kjax.keras.core.variable import Variable
from kjax.keras.saving import eras, hdf5, legacy_config, legacy_weights, names, optimizer_state
from kjax.keras.saving.compile_config import compile_config
from kjax.keras.saving.registration import get_registered_object
from kjax.keras.saving.serialization import _revive
from kjax.nn import losses, metrics

GROUP = "optimizer_weights"


# -- writing -----------------------------------------------------------------------------------------------------


def training_config(model: Any) -> dict[str, Any] | None:
    """What ``compile`` was given, in the form of these files; None where it cannot be written.

    Args:
        model: the model.
    """
    config = compile_config(model)
    if not config:
        return None
    optimizer = config.pop("optimizer")
    short = {key: _short(value) for key, value in config.items()}
    short["loss"] = _full_names(short["loss"])
    beside = {"kjax": optimizer["kjax"]} if "kjax" in optimizer else {}
    return {
        **short,
        "optimizer_config": {"class_name": optimizer["class_name"], "config": optimizer["config"], **beside},
        **({"keras2": True} if model._compilation.keras2 else {}),
    }


def _short(value: Any) -> Any:
    """Objects by class name, functions by name."""
    if isinstance(value, Mapping):
        if value.get("class_name") == "function":
            return value["config"]
        if "class_name" in value and "config" in value:
            custom = ">" in (value.get("registered_name") or "")
            return {
                "class_name": value["registered_name"] if custom else value["class_name"],
                "config": value["config"],
            }
        return {key: _short(item) for key, item in value.items()}
    return [_short(item) for item in value] if isinstance(value, (list, tuple)) else value


def _full_names(loss: Any) -> Any:
    """Names of losses in full: Keras 3 does not find the short ones (``'mse'``) when it reads this format."""
    if isinstance(loss, Mapping) and "class_name" not in loss:
        return {key: _full_names(item) for key, item in loss.items()}
    if isinstance(loss, (list, tuple)):
        return [_full_names(item) for item in loss]
    found = losses.get(loss) if isinstance(loss, str) and loss in losses.registry else None
    return type(found).function.__name__ if isinstance(found, losses.FunctionLoss) else loss


def write_optimizer(model: Any, file: Any) -> None:
    """Write the state of a model's optimizer into an open HDF5 file."""
    entries = optimizer_state.entries(model)
    group = file.create_group(GROUP)
    label = model.optimizer.name
    paths = [
        f"{label}/{i}_{entry.short_name}" if isinstance(entry, Variable) else f"{label}/{i}"
        for i, entry in enumerate(entries)
    ]
    hdf5.write_names(group.attrs, "weight_names", paths)
    for path, entry in zip(paths, entries, strict=True):
        hdf5.write_array(group, path, entry.value if isinstance(entry, Variable) else entry)


# -- reading -----------------------------------------------------------------------------------------------------


def compile_model(model: Any, config: Mapping[str, Any]) -> None:
    """Compile a model as a file says.

    Args:
        model: the model.
        config: what the file holds.

    Raises:
        ValueError: an unknown optimizer, loss or metric.
    """
    optimizer = _optimizer(config.get("optimizer_config"))
    if optimizer is None:
        return
    given = {key: config.get(key) for key in ("loss", "loss_weights", "metrics", "weighted_metrics")}
    if eras.era() == eras.TF_KERAS and len(model.output_names) > 1:
        for key in ("metrics", "weighted_metrics"):
            given[key] = legacy_config.without_outputs(given[key], model.output_names)
    given = {key: _object(value, key) for key, value in given.items()}
    for key in ("metrics", "weighted_metrics"):
        given[key] = given[key] or None
    mode = config.get("sample_weight_mode") if eras.is_old() else None
    model.compile(optimizer=optimizer, **given, **({"sample_weight_mode": mode} if mode is not None else {}))
    model._compilation.keras2 = config.get("keras2") is True or eras.era() in (eras.KERAS1, eras.KERAS2)


def _optimizer(entry: Any) -> Any:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("config"), Mapping):
        return None
    name, config = str(entry.get("class_name")), dict(entry["config"])
    custom = get_registered_object(name)
    if custom is not None:
        return custom.from_config(config)
    if isinstance(entry.get("kjax"), Mapping):
        config |= entry["kjax"]
    found: str | None = name
    if eras.era() != eras.KERAS3:
        found, config = legacy_config.optimizer(name, config)
    cls = names.builtin("keras.optimizers", found) if found else None
    if cls is None:
        raise ValueError(f"unknown optimizer {name!r}; {names.suggest(name, 'keras.optimizers')}")
    rate = config.get("learning_rate")
    if isinstance(rate, Mapping):
        config["learning_rate"] = _revive({"module": "keras.optimizers.schedules", **rate})
    return cls.from_config(config)  # type: ignore[attr-defined]


def _object(value: Any, argument: str) -> Any:
    """Losses and metrics by name or config, in the structure of the file."""
    if value is None or argument == "loss_weights":
        return value
    if isinstance(value, str):
        custom = get_registered_object(value)
        return custom if custom is not None else value
    if isinstance(value, Mapping):
        if "class_name" in value:
            return _instance(value, "keras.losses" if argument == "loss" else "keras.metrics")
        return {key: _object(item, argument) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_object(item, argument) for item in value]
    raise ValueError(f"the file's {argument!r} cannot be understood: {value!r}")


def _instance(entry: Mapping[str, Any], module: str) -> Any:
    config = legacy_config.measure(entry["class_name"], entry.get("config") or {})
    if isinstance(config.get("fn"), str):
        return (losses if module == "keras.losses" else metrics).get(
            {"class_name": entry["class_name"], "config": config}
        )
    return _revive({"module": module, "class_name": entry["class_name"], "config": config, "registered_name": None})


Saved = tuple[Any, list[Variable], Mapping[str, hdf5.Stored]]
"""A layer, its variables, and what a file has of them."""


def read_optimizer(model: Any, file: Any, weights: Sequence[Saved] = ()) -> None:
    """Set the state of a compiled model's optimizer; where the file's does not fit, a warning, and it starts anew.

    Args:
        model: the model.
        file: the open file.
        weights: the weights in a file of Keras 1.
    """
    if GROUP not in file or not model.compiled:
        return
    group = hdf5.group(file, GROUP)
    stored = {name: hdf5.dataset(group, name) for name in hdf5.names(group.attrs, "weight_names")}
    if not stored:
        return
    if eras.era() == eras.KERAS3 or any(_is_interleaved(name) for name in stored):
        plan = _plan(model, stored)
    elif eras.era() == eras.TF_KERAS:
        plan = _named_plan(model, stored)
    elif weights:
        plan = _sorted_plan(model, list(stored.values()), weights)
    else:
        plan = _grouped_plan(model, stored)
    if plan is None:
        warnings.warn(
            f"the file holds {len(stored)} arrays of an optimizer's state, which are not those of the optimizer "
            f"{model.optimizer.name!r} of model {model.name!r}: it starts anew",
            stacklevel=4,
        )
        return
    for box, entry in plan:
        hdf5.assign(box, entry)


def _is_interleaved(name: str) -> bool:
    """Whether a name is of the optimizers of TensorFlow 2.11 and later, whose slots lie weight by weight."""
    return name.startswith("iteration:")


Plan = list[tuple[Variable, Any]]


def _plan(model: Any, stored: Mapping[str, hdf5.Stored]) -> Plan | None:
    """Arrays in the order of Keras 3."""
    arrays = list(stored.values())
    entries: list[Any] = optimizer_state.entries(model, build=len(arrays) > len(model.optimizer.variables))
    return optimizer_state.paired(model, arrays, entries)


def _paired(entries: list[Any], arrays: list[hdf5.Stored]) -> Plan | None:
    if len(entries) != len(arrays):
        return None
    if any(tuple(np.shape(e)) != a.shape for e, a in zip(entries, arrays, strict=True)):
        return None
    return [(e, a) for e, a in zip(entries, arrays, strict=True) if isinstance(e, Variable)]


def _named_plan(model: Any, stored: Mapping[str, hdf5.Stored]) -> Plan | None:
    """Arrays of TensorFlow before 2.11, by name: ``Adam/iter:0``, ``Adam/dense/kernel/m:0``."""
    optimizer = model.optimizer
    columns: dict[str, list[hdf5.Stored]] = {}
    for name, array in stored.items():
        columns.setdefault(name.rpartition("/")[2].partition(":")[0], []).append(array)
    trained = model._partition()["params"]
    optimizer.build(trained)
    order = optimizer_state.order_of(model, trained)
    plan: Plan = [(optimizer.iterations, columns.pop("iter")[0])] if "iter" in columns else []
    slots = eras.OPTIMIZER_SLOTS_OF_TENSORFLOW.get(type(optimizer.rule).__name__, {})
    for name, arrays in columns.items():
        if name in eras.OPTIMIZER_SCALARS_OF_TENSORFLOW:
            box = optimizer.tree.scalars.get(eras.OPTIMIZER_SCALARS_OF_TENSORFLOW[name])
            paired = None if box is None else _paired([box], arrays)
        else:
            tree = optimizer.tree.slots.get(slots.get(name))
            leaves = jax.tree.leaves(tree, is_leaf=lambda leaf: isinstance(leaf, Variable))
            paired = None if tree is None else _paired([leaves[i] for i in order], arrays)
        if paired is None:
            return None
        plan += paired
    return plan


def _sorted_plan(model: Any, arrays: list[hdf5.Stored], weights: Sequence[Saved]) -> Plan | None:
    """Arrays of Keras 1: iterations, then each slot for all trained weights by name, in the form of the weights."""
    optimizer = model.optimizer
    trained = model._partition()["params"]
    optimizer.build(trained)
    numbers = {id(box): i for i, box in enumerate(jax.tree.leaves(trained, is_leaf=optimizer_state.is_box))}
    backend = legacy_weights.backend_of_keras1(name for _, _, stored in weights for name in stored)
    parts: list[tuple[legacy_weights.Part, list[str]]] = []
    for layer, variables, stored in weights:
        left = list(stored)
        for part in legacy_weights.parts(layer, variables, list(stored.values()), backend):
            names, left = left[: len(part.stored)], left[len(part.stored) :]
            # Of a layer with moving averages only some are trained; there the arrays are the weights themselves.
            alone = part.convert is None and len(part.variables) == len(names)
            for piece, label in part.apart(names) if alone else [(part, names)]:
                if piece.variables and id(piece.variables[0]) in numbers:
                    parts.append((piece, label))
    order = sorted(name for _, names in parts for name in names)
    plan: Plan = []
    if arrays and arrays[0].shape == () and len(arrays) % max(len(order), 1) == 1 % max(len(order), 1):
        plan.append((optimizer.iterations, arrays.pop(0)))
    for slot in eras.OPTIMIZER_SLOTS.get(type(optimizer.rule).__name__, tuple(optimizer.tree.slots)):
        some, arrays = dict(zip(order, arrays[: len(order)], strict=False)), arrays[len(order) :]
        tree = optimizer.tree.slots.get(slot)
        if tree is None or not some:
            continue  # a momentum of 0 was kept too
        if len(some) != len(order):
            return None
        leaves = jax.tree.leaves(tree, is_leaf=optimizer_state.is_box)
        for part, names in parts:
            stored = [some[name] for name in names]
            if any(a.shape != b.shape for a, b in zip(stored, part.stored, strict=True)):
                return None
            values: list[Any] = stored if part.convert is None else part.convert([a.read() for a in stored])
            boxes = [leaves[numbers[id(variable)]] for variable in part.variables]
            if [tuple(np.shape(v)) for v in values] != [box.shape for box in boxes]:
                return None
            plan += zip(boxes, values, strict=True)
    return plan


def _grouped_plan(model: Any, stored: Mapping[str, hdf5.Stored]) -> Plan | None:
    """Arrays in the order of Keras 1 and 2: iterations, then each slot for all weights."""
    arrays = list(stored.values())
    optimizer = model.optimizer
    trained = model._partition()["params"]
    optimizer.build(trained)
    plan: Plan = []
    order = optimizer_state.order_of(model, trained)
    # The number of steps was an integer in Keras 2, and a float in Keras 1; some optimizers did not keep it.
    if arrays and arrays[0].shape == () and len(arrays) % max(len(order), 1) == 1 % max(len(order), 1):
        plan.append((optimizer.iterations, arrays.pop(0)))
    groups = eras.OPTIMIZER_SLOTS.get(type(optimizer.rule).__name__, tuple(optimizer.tree.slots))
    for slot in groups:
        part, arrays = arrays[: len(order)], arrays[len(order) :]
        tree = optimizer.tree.slots.get(slot)
        if tree is None or not part:
            continue  # a momentum of 0 was kept too
        leaves = jax.tree.leaves(tree, is_leaf=lambda leaf: isinstance(leaf, Variable))
        paired = _paired([leaves[i] for i in order], part)
        if paired is None:
            return None
        plan += paired
    return plan
