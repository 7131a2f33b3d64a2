"""Every public name of losses, metrics and optimizers of Keras 3.15.1 and 2.2.4 is there, with its members."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import optax
import pytest

from kjax import keras

# Names in the two packages, and the public methods and properties of classes, as `inspect` lists them.
NAMES = json.loads((Path(__file__).parent / "data" / "training_names.json").read_text())
CALLS: dict[str, tuple[Any, ...]] = {
    "IoU": (2, [0]),
    "BinaryIoU": ([0],),
    "OneHotIoU": (2, [0]),
    "MeanIoU": (2,),
    "OneHotMeanIoU": (2,),
    "MeanMetricWrapper": (keras.losses.mse,),
    "PrecisionAtRecall": (0.5,),
    "RecallAtPrecision": (0.5,),
    "SensitivityAtSpecificity": (0.5,),
    "SpecificityAtSensitivity": (0.5,),
    "LossScaleOptimizer": (keras.optimizers.SGD(),),
    "MultiOptimizer": (lambda variable: keras.optimizers.SGD(),),
    "OptimizerMap": (keras.optimizers.SGD(),),
    "TFOptimizer": (optax.sgd(0.1),),
    "ExponentialDecay": (0.1, 1, 0.5),
    "InverseTimeDecay": (0.1, 1, 0.5),
    "CosineDecay": (0.1, 1),
    "CosineDecayRestarts": (0.1, 1),
    "PiecewiseConstantDecay": ([1], [0.1, 0.2]),
    "PolynomialDecay": (0.1, 1),
}
"""Arguments of the classes that need some."""


def find(name: str) -> Any:
    thing: Any = keras
    for part in name.split("."):
        thing = getattr(thing, part)
    return thing


@pytest.mark.parametrize("version", NAMES)
@pytest.mark.parametrize("module", ["losses", "metrics", "optimizers"])
def test_names_and_members(version: str, module: str) -> None:
    missing = []
    for name, members in NAMES[version].items():
        if not name.startswith(f"{module}."):
            continue
        thing = find(name)
        if inspect.isclass(thing) and members:
            made = thing(*CALLS.get(thing.__name__, ()))
            listed = set(dir(made))
            for member in members.split():
                if member not in listed and member not in ("learning_rate", "lr") and not hasattr(made, member):
                    missing.append(f"{name}.{member}")
    assert missing == []


def test_legacy_optimizers_and_schedules_are_modules() -> None:
    from kjax.keras.optimizers import legacy, schedules

    assert legacy.Adam is keras.optimizers.Adam  # pyright: ignore[reportAttributeAccessIssue]
    assert schedules.CosineDecay(0.1, 10)(0) == pytest.approx(0.1)


@pytest.mark.parametrize("alias", ["mse", "MSE", "mae", "mape", "msle", "bce", "kld", "cosine_similarity", "logcosh"])
def test_short_names_are_functions_with_a_value_for_each_sample(alias: str) -> None:
    function = keras.losses.get(alias)
    assert inspect.isfunction(function)
    values = function([[0.25, 0.75], [0.5, 0.5]], [[0.5, 0.5], [0.25, 0.75]])
    assert values.shape == (2,)
    assert keras.losses.get(function.__name__) is function
    assert getattr(keras.losses, alias, function) is function
