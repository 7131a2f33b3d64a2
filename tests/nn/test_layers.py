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
FAMILIES = [module.name for module in pkgutil.iter_modules([str(FOLDER)])]
CASES = [case for name in FAMILIES for case in importlib.import_module(f"tests.nn.cases.{name}").CASES]
# Layers whose outputs are random in training, or whose inputs are not arrays, have tests of their own.
ELSEWHERE = {
    "test_random_layers": """ActivityRegularization AlphaDropout Dropout GaussianDropout GaussianNoise SpatialDropout1D
        SpatialDropout2D SpatialDropout3D""",
    "test_image_layers": """AugMix AutoContrast CenterCrop ContrastLimitedAdaptiveHistogramEqualization CutMix Equalization
        MaxNumBoundingBoxes MixUp RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast
        RandomCrop RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHue RandomInvert
        RandomPerspective RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear
        RandomTranslation RandomZoom Resizing Solarization""",
    "test_keras2_layers": "LocallyConnected1D LocallyConnected2D ThresholdedReLU",
}
ELSEWHERE_NAMES = {name for names in ELSEWHERE.values() for name in names.split()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_equals_keras(case: Case) -> None:
    check(case)


def test_every_layer_has_a_case() -> None:
    classes = (value for value in vars(layers).values() if isinstance(value, type))
    public = {cls.__name__ for cls in classes if issubclass(cls, nn.Module)}
    compared = {type(case.module).__name__ for case in CASES}
    assert public - compared - ELSEWHERE_NAMES == set(), "these layers need a row in a table of tests/nn/cases"
    assert public - compared >= ELSEWHERE_NAMES, "these rows are no longer needed"
