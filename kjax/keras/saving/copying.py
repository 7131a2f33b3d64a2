"""Models through ``pickle`` and ``copy.deepcopy``: a config and arrays, as in files."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np

from kjax.keras.core.layer import Layer
from kjax.keras.saving.inner_policies import applied, noted
from kjax.keras.saving.keras_zip import model_from, training_state
from kjax.keras.saving.serialization import shared_config


def state_of(model: Any) -> dict[str, Any]:
    """What makes an equal model: config, weights, the optimizer's state, the counters of the training.

    Args:
        model: the model.

    Raises:
        pickle.PicklingError: something in the model cannot be described by a config.
    """
    return {
        "quantized": noted(model),
        "config": _config_of(model),
        "classes": _classes_of(model),
        "weights": model.get_weights() if model.built else None,
        "optimizer": _optimizer_values(model),
        "training": training_state(model),
        "trainable": [v.trainable for v in model.weights] if model.built else [],
    }


def model_of(state: Mapping[str, Any]) -> Any:
    """The model of what :func:`state_of` returned."""
    # The state comes from a pickle, which may run any code: there is nothing left to protect.
    model = model_from(state["config"], state["classes"], True, False)
    if state["weights"] is not None:
        if not model.built:
            raise ValueError(
                f"model {model.name!r} ({type(model).__name__}) has no weights before it is called on data, so those of "
                "the copy have no place; give its class a `build` or `build_from_config` method"
            )
        applied(model, state.get("quantized", {}))
        model.set_weights(state["weights"])
        for variable, trainable in zip(model.weights, state["trainable"], strict=True):
            variable.trainable = trainable
    _restore_training(model, state)
    return model


def without_weights(model: Any) -> Any:
    """An equal model with new weights, by way of its config."""
    return model_of({**state_of(model), "weights": None, "optimizer": [], "training": {}})


def deep_copy(model: Any) -> Any:
    """An equal model that shares nothing with this one."""
    state = state_of(model)
    classes = state.pop("classes")  # classes in functions can be used here, but not pickled
    return model_of({**pickle.loads(pickle.dumps(state)), "classes": classes})


def _config_of(model: Any) -> Any:
    try:
        return shared_config(model)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise pickle.PicklingError(
            f"model {model.name!r} cannot be copied or pickled, since its config cannot be made: {error}"
        ) from error


def _optimizer_values(model: Any) -> list[np.ndarray]:
    optimizer = model.optimizer
    return [v.numpy() for v in optimizer.variables] if optimizer is not None and optimizer.built else []


def _restore_training(model: Any, state: Mapping[str, Any]) -> None:
    if not model.compiled:
        return
    if state["optimizer"]:
        model._snapshot()
        model._prepare_optimizer()
        model.optimizer._set_values(model.optimizer.variables, state["optimizer"])
    if state["training"]:
        model._seed = state["training"]["seed"]
        model._step.assign(state["training"]["step"])
        model._epoch.assign(state["training"]["epoch"])


def _classes_of(model: Any) -> dict[str, type[Layer]]:
    """Classes of the layers that are not kjax' own, by name."""
    classes = {type(layer) for layer in model._flatten_layers()}
    return {cls.__name__: cls for cls in classes if not cls.__module__.startswith("kjax.")}
