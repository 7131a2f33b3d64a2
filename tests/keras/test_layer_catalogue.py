"""Every layer of Keras 3.15.1 and 2.2.4 is there, takes its arguments, and is compared with the real one somewhere."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest

from kjax.keras import layers
from kjax.nn import layers as modules
from tests.nn.test_layers import CASES, ELSEWHERE_NAMES

NAMES = json.loads((Path(__file__).parents[1] / "nn" / "data" / "layer_names.json").read_text("utf-8"))
"""Public names of real Keras and the parameters of its classes: facts, written down from the packages."""

FOREIGN = {"TFSMLayer": "wraps a TensorFlow SavedModel", "TorchModuleWrapper": "wraps a PyTorch module"}
# What is no module of floor 1, and has tests of its own in this folder.
HANDLES = {
    "test_custom_layers": "Layer Wrapper",
    "test_foreign_layers": "JaxLayer FlaxLayer",
    "test_layer_members": "InputSpec",
    "test_models": "InputLayer",
}
GIVEN = {"input_tensor", "implementation", "dtype", "name", "trainable", "autocast", "activity_regularizer", "weights"}
"""Arguments of every layer, or without a meaning here; the base and the tables of spellings see to them."""


@pytest.mark.parametrize("version", NAMES)
def test_every_name_is_there(version: str) -> None:
    wanted = {*NAMES[version]["classes"], *NAMES[version]["functions"]} - FOREIGN.keys()
    missing = sorted(name for name in wanted if not callable(getattr(layers, name, None)))
    assert missing == []


@pytest.mark.parametrize("name", sorted(NAMES["3.15.1"]["classes"].keys() - FOREIGN.keys()))
def test_classes_of_keras_3_take_its_arguments_in_its_order(name: str) -> None:
    parameters = inspect.signature(getattr(layers, name)).parameters.values()
    ours = [p.name for p in parameters if p.kind is not p.VAR_KEYWORD and p.name not in GIVEN]
    theirs = [p for p in NAMES["3.15.1"]["classes"][name] if p not in GIVEN]
    assert [p for p in ours if p in theirs] == theirs


def test_every_layer_is_compared_with_the_real_one() -> None:
    compared = {type(case.module).__name__ for case in CASES} | ELSEWHERE_NAMES
    handles = {name for names in HANDLES.values() for name in names.split()}
    for version, names in NAMES.items():
        for name in names["classes"].keys() - FOREIGN.keys() - handles:
            cls: Any = getattr(layers, name)
            module = getattr(cls, "module_class", None)
            if module is None or not hasattr(modules, module.__name__):
                continue  # an older spelling: a function that makes one of the others, or a layer of Keras 1
            assert module.__name__ in compared, f"{name} of Keras {version} needs a row in a table of tests/nn/cases"
