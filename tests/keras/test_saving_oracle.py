"""Files go both ways between kjax and real Keras 3: the same weights, predictions and configs, for a table of models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import numpy as np
import pytest

import kjax.keras as ours
from kjax.keras.core.settings import settings
from tests.keras.saving_cases import ARCHITECTURES, Architecture

pytestmark = pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`:UserWarning")

WHOLE_H5 = ("cnn", "merges", "nested_and_shared", "masked_lstm_functional", "operators", "frozen", "shared_layer")
"""Architectures that are loaded as whole models from ``.h5`` too; of the others that format's weights are read."""

NOT_READ_BY_KERAS = ("operators", "functions")
"""Real Keras 3 cannot load operations on tensors from the ``.h5`` files that it writes."""


def names_anew(keras3: ModuleType) -> None:
    """Automatic names start at the beginning in both packages."""
    keras3.utils.clear_session(free_memory=False)
    settings.names.clear()


def randomize(model: Any) -> None:
    """Give all weights of a real model random values."""
    rng = np.random.default_rng(1)
    for variable in model.weights:
        value = 0.4 * rng.standard_normal(variable.shape)
        positive = "variance" in variable.path
        variable.assign((np.abs(value) + 0.5 if positive else value).astype("float32"))
    for layer in model.layers:
        if type(layer).__name__ == "Normalization":
            layer.finalize_state()  # it works with what follows from its weights


def forget(model: Any) -> None:
    """Set all weights to 0."""
    model.set_weights([np.zeros(w.shape, w.dtype) for w in model.weights])


def same_weights(got: Any, want: list[np.ndarray]) -> bool:
    """Whether a model has exactly these weights."""
    found = got.get_weights()
    return len(found) == len(want) and all(np.array_equal(a, b) for a, b in zip(found, want, strict=True))


def outputs_of_real(model: Any, x: Any) -> list[np.ndarray]:
    """Flat outputs of a real model as float arrays, from one compiled program."""

    def run(trained: Any, others: Any, x: Any) -> Any:
        return model.stateless_call(trained, others, x, training=False)[0]

    values = [[v.value for v in part] for part in (model.trainable_variables, model.non_trainable_variables)]
    return [np.asarray(y).astype("float32") for y in jax.tree.leaves(jax.jit(run)(*values, x))]


def outputs(model: Any, x: Any) -> list[np.ndarray]:
    """Flat outputs of a kjax model as float arrays, from one compiled program."""
    found = jax.jit(model.module.apply)(model.variables_tree, x)
    return [np.asarray(y).astype("float32") for y in jax.tree.leaves(found)]


def comparable(config: Any) -> Any:
    """A config without what says nothing about the model.

    Ids of shared objects are memory addresses. Keras notes ``mask=None`` and ``training=False`` for the calls of some
    layers, which it overrides when the model runs.
    """
    if isinstance(config, Mapping):
        config = {k: comparable(v) for k, v in config.items() if k != "shared_object_id"}
        if "kwargs" in config and isinstance(config["kwargs"], Mapping):
            empty = {"mask": None, "training": False}
            kept = {k: v for k, v in config["kwargs"].items() if v != empty.get(k, 0)}
            config["kwargs"] = kept
        return config
    return [comparable(item) for item in config] if isinstance(config, list) else config


@pytest.mark.parametrize("case", ARCHITECTURES, ids=lambda case: case.name)
def test_files_go_both_ways(case: Architecture, keras3: ModuleType, tmp_path: Path):
    case.build(ours)  # which registers the classes of users
    names_anew(keras3)
    theirs = case.build(keras3)
    randomize(theirs)
    x = case.inputs()
    want, weights = outputs_of_real(theirs, x), theirs.get_weights()

    theirs.save(tmp_path / "theirs.keras")
    model = ours.models.load_model(tmp_path / "theirs.keras")
    assert same_weights(model, weights)
    for got, expected in zip(outputs(model, x), want, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
    assert comparable(json.loads(model.to_json())) == comparable(json.loads(theirs.to_json()))
    model.save(tmp_path / "ours.keras")
    assert same_weights(keras3.models.load_model(tmp_path / "ours.keras"), weights)

    for ending, write, read in ((".weights.h5", "save_weights", "load_weights"), (".h5", "save", "load_weights")):
        getattr(theirs, write)(tmp_path / f"theirs{ending}")
        forget(model)
        getattr(model, read)(tmp_path / f"theirs{ending}")
        assert same_weights(model, weights), ending
        getattr(model, write)(tmp_path / f"ours{ending}")
        forget(theirs)
        getattr(theirs, read)(tmp_path / f"ours{ending}")
        assert same_weights(theirs, weights), ending

    if case.name in WHOLE_H5:
        again = ours.models.load_model(tmp_path / "theirs.h5")
        assert same_weights(again, weights)
        for got, expected in zip(outputs(again, x), want, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
        if case.name not in NOT_READ_BY_KERAS:
            assert same_weights(keras3.models.load_model(tmp_path / "ours.h5"), weights)


@pytest.mark.parametrize("case", ARCHITECTURES, ids=lambda case: case.name)
def test_configs_of_models_are_those_of_keras(case: Architecture, keras3: ModuleType):
    names_anew(keras3)
    theirs = json.loads(case.build(keras3).to_json())
    names_anew(keras3)
    model = case.build(ours)
    config = json.loads(model.to_json())
    if case.name in ("masked_lstm_functional", "masking_layer"):
        # Keras draws the computation of the masks into the graph; kjax passes masks along without it.
        shown = {entry["class_name"] for entry in config["config"]["layers"]}
        assert {e["class_name"] for e in theirs["config"]["layers"]} - shown <= {"NotEqual", "Any"}
        return
    assert comparable(config) == comparable(theirs)
    settings.names.clear()
    copy = ours.models.model_from_json(json.dumps(config))
    assert json.loads(copy.to_json()) == config


def test_the_table_is_large():
    assert len(ARCHITECTURES) >= 40
    assert len({case.name for case in ARCHITECTURES}) == len(ARCHITECTURES)
