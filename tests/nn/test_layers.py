"""Every layer against real Keras 3: outputs, gradients, weights, state, config. The tables are in ``cases``."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import flax.linen as nn
import pytest

import kjax.nn.layers as layers
from tests.nn.oracle import Case, check

FOLDER = Path(__file__).parent / "cases"
TABLES = {name: importlib.import_module(f"tests.nn.cases.{name}").CASES for _, name, _ in pkgutil.iter_modules([str(FOLDER)])}
CASES = [case for table in TABLES.values() for case in table]
# Layers whose outputs are random in training, or whose inputs are not arrays, have tests of their own.
ELSEWHERE: dict[str, str] = {
    **dict.fromkeys(
        (
            "ActivityRegularization AlphaDropout Dropout GaussianDropout GaussianNoise SpatialDropout1D "
            "SpatialDropout2D SpatialDropout3D RandomCrop RandomFlip RandomTranslation"
        ).split(),
        "test_random_layers",
    ),
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_equals_keras(case: Case) -> None:
    check(case)


def test_every_layer_has_a_case() -> None:
    public = {name for name, value in vars(layers).items() if isinstance(value, type) and issubclass(value, nn.Module)}
    compared = {type(case.module).__name__ for case in CASES}
    assert public - compared - set(ELSEWHERE) == set(), "these layers need a row in a table of tests/nn/cases"
    assert set(ELSEWHERE) <= public - compared, "these rows are no longer needed"
