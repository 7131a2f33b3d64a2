"""Every name of Keras 3.15.1 and 2.2.4 that can stand in a layer or in compile() is known, with Keras' arguments."""

from __future__ import annotations

import importlib
import inspect
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kjax.nn import activations, constraints, initializers, losses, metrics, regularizers

MODULES: dict[str, Any] = {
    "activations": activations,
    "constraints": constraints,
    "initializers": initializers,
    "losses": losses,
    "metrics": metrics,
    "regularizers": regularizers,
}
# Public names of the two packages with their parameters, as `inspect.signature` lists them.
NAMES = json.loads((Path(__file__).parent / "data" / "keras_names.json").read_text())
# Objects that only live in the stateful API or whose base class is all there is.
BASES = {"Constraint", "Initializer", "Loss", "Metric", "Regularizer"}
ROWS = [(v, m, n) for v, modules in NAMES.items() for m, names in modules.items() for n in names if n not in BASES]


@pytest.mark.parametrize(("version", "module", "name"), ROWS)
def test_public_name_is_known_as_a_string(version: str, module: str, name: str) -> None:
    assert MODULES[module].registry.lookup(name) is not None


@pytest.mark.parametrize("module", sorted(MODULES))
def test_every_string_of_keras_is_known(keras3: ModuleType, module: str) -> None:
    keras_names = importlib.import_module(f"keras.src.{module}").ALL_OBJECTS_DICT
    bases = {name.lower() for name in BASES} | BASES
    missing = [n for n in keras_names if n not in bases and n not in MODULES[module].registry]
    assert missing == []


CLASSES = [
    (module, name, params)
    for module, names in NAMES["3.15.1"].items()
    for name, params in names.items()
    if name[0].isupper() and name not in BASES
]


@pytest.mark.parametrize(("module", "name", "params"), CLASSES, ids=lambda value: value if isinstance(value, str) else "")
def test_class_takes_the_arguments_of_keras_in_their_order(module: str, name: str, params: list[str]) -> None:
    entry = MODULES[module].registry.lookup(name)
    ours = list(inspect.signature(entry).parameters)
    assert ours == [p.lstrip("*") for p in params]


FUNCTIONS = [
    (module, name, params)
    for module in ("activations", "losses", "metrics")
    for name, params in NAMES["3.15.1"][module].items()
    if name[0].islower() and params
]


@pytest.mark.parametrize(("module", "name", "params"), FUNCTIONS, ids=lambda value: value if isinstance(value, str) else "")
def test_function_takes_the_arguments_of_keras_in_their_order(module: str, name: str, params: list[str]) -> None:
    where = MODULES[module] if hasattr(MODULES[module], name) else losses
    if module == "activations":
        function = activations.get(name)
    else:
        function = getattr(where, name)
    assert list(inspect.signature(function).parameters) == params


@pytest.mark.parametrize("module", ["activations", "constraints", "initializers", "losses", "metrics"])
def test_unknown_name_suggests_a_near_one(module: str) -> None:
    near = {
        "activations": ("sofmax", "softmax"),
        "constraints": ("maxnrm", "maxnorm"),
        "initializers": ("glorot_unifrm", "glorot_uniform"),
        "losses": ("mean_squred_error", "mean_squared_error"),
        "metrics": ("binary_acuracy", "binary_accuracy"),
    }
    wrong, right = near[module]
    with pytest.raises(ValueError, match=f"unknown {module[:-1].replace('losse', 'loss')} '{wrong}'; did you mean .*'{right}'"):
        MODULES[module].get(wrong)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_number_is_refused(module: str) -> None:
    with pytest.raises(ValueError, match="cannot use 3"):
        MODULES[module].get(3)
