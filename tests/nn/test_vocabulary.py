"""Every name of Keras 3.15.1 and 2.2.4 for losses, metrics and the like is known, with Keras' arguments."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import kjax.nn.orthogonality  # noqa: F401  (registers its regularizer)
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
ROWS = [
    (version, module, name)
    for version, modules in NAMES.items()
    for module, names in modules.items()
    for name in names
    if name not in BASES
]


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


@pytest.mark.parametrize(("module", "name", "params"), CLASSES)
def test_class_takes_the_arguments_of_keras_in_their_order(module: str, name: str, params: list[str]) -> None:
    entry = MODULES[module].registry.lookup(name)
    fields = dataclasses.fields(entry) if dataclasses.is_dataclass(entry) else ()
    unknown = {f.name for f in fields if f.metadata.get("unknown_to_keras")}
    ours = [name for name in inspect.signature(entry).parameters if name not in unknown]
    assert ours == [p.lstrip("*") for p in params]


FUNCTIONS = [
    (module, name, params)
    for module in ("activations", "losses", "metrics")
    for name, params in NAMES["3.15.1"][module].items()
    if name[0].islower() and params
]


@pytest.mark.parametrize(("module", "name", "params"), FUNCTIONS)
def test_function_takes_the_arguments_of_keras(module: str, name: str, params: list[str]) -> None:
    where = MODULES[module] if hasattr(MODULES[module], name) else losses
    function = activations.get(name) if module == "activations" else getattr(where, name)
    assert list(inspect.signature(function).parameters) == params


@pytest.mark.parametrize(
    ("module", "kind", "wrong", "right"),
    [
        (activations, "activation function", "sofmax", "softmax"),
        (constraints, "constraint", "maxnrm", "maxnorm"),
        (initializers, "initializer", "glorot_unifrm", "glorot_uniform"),
        (losses, "loss", "mean_squred_error", "mean_squared_error"),
        (metrics, "metric", "binary_acuracy", "binary_accuracy"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_unknown_name_suggests_a_near_one(module: Any, kind: str, wrong: str, right: str) -> None:
    with pytest.raises(ValueError, match=f"Could not interpret {kind} identifier '{wrong}': did you mean .*'{right}'"):
        module.get(wrong)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_number_is_refused(module: str) -> None:
    with pytest.raises(ValueError, match="identifier 3"):
        MODULES[module].get(3)
