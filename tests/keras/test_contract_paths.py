"""The inside of Keras 3 by its module paths: what there is is kjax's, what there is not says so."""

from __future__ import annotations

import importlib

import pytest

from kjax import keras
from kjax.keras.legacy import source


@pytest.fixture
def installed():
    keras.install(3)
    yield
    keras.uninstall()


def test_paths_lead_to_the_objects_of_kjax(installed):
    pairs = {
        "layers.layer:Layer": keras.layers.Layer,
        "layers.core.dense:Dense": keras.layers.Dense,
        "layers.pooling.max_pooling3d:MaxPooling3D": keras.layers.MaxPooling3D,
        "models.functional:Functional": keras.Model,
        "models.sequential:Sequential": keras.Sequential,
        "losses.loss:Loss": keras.losses.Loss,
        "metrics.reduction_metrics:Mean": keras.metrics.Mean,
        "optimizers.sgd:SGD": keras.optimizers.SGD,
        "random.seed_generator:SeedGenerator": keras.random.SeedGenerator,
        "backend.common.keras_tensor:KerasTensor": keras.KerasTensor,
        "backend.common.variables:KerasVariable": keras.Variable,
        "backend:Variable": keras.Variable,
        "callbacks.callback_list:CallbackList": keras.callbacks.CallbackList,
        "utils.progbar:Progbar": keras.utils.Progbar,
        "saving.object_registration:register_keras_serializable": keras.saving.register_keras_serializable,
        "backend.common.name_scope:name_scope": keras.name_scope,
    }
    for path, thing in pairs.items():
        module, _, name = path.partition(":")
        assert getattr(importlib.import_module(f"keras.src.{module}"), name) is thing, path


def test_names_that_modules_import_from_each_other(installed):
    layer = importlib.import_module("keras.src.layers.layer")
    assert layer.backend is importlib.import_module("keras.src.backend")
    assert layer.tree.flatten([1, [2]]) == [1, 2]
    assert layer.global_state is importlib.import_module("keras.src.backend.common.global_state")
    with pytest.raises(AttributeError, match="backends_of_layers"):
        _ = layer.backends_of_layers


def test_what_is_not_there_says_so(installed):
    for path in ("backend.torch.core", "backend.tensorflow"):
        with pytest.raises(ModuleNotFoundError, match=r"inside of Keras.*nothing in its place"):
            importlib.import_module(f"keras.src.{path}")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("keras.src.layers.no_such_module")


def test_in_the_era_of_tensorflow_the_backend_is_the_older_one():
    keras.install("tf")
    try:
        backend = importlib.import_module("keras.src.backend")
        assert backend.variable is keras.backend.variable
    finally:
        keras.uninstall()


def test_no_path_is_listed_twice():
    listed = [f"{package}.{name}" for package, text in source._PATHS.items() for name in text.split()]
    assert len(listed) == len(set(listed))
    assert not [path for path in source.paths() if source.is_absent(path)]
