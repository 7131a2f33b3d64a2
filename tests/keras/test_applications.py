"""Applications: the same layers, names and weights as real Keras', and the same predictions with the same weights."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from kjax import keras
from kjax.keras.core.pure import PureLayer

# Recorded from Keras 3.15.1: for each network with its head, and without it on pictures of 96x96 with pooling, the
# number of layers and the SHA-256 of their names, classes and shapes of weights.
RECORDED = json.loads((Path(__file__).parent / "applications.json").read_text())

# One of each family; the others differ from it by a row in a table and take longer.
QUICK = {
    "ConvNeXtTiny",
    "DenseNet121",
    "EfficientNetB0",
    "EfficientNetV2B0",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Small",
    "ResNet50",
    "ResNet50V2",
    "VGG16",
    "Xception",
}


def rows(model: Any, prefix: str = "") -> list[Any]:
    """Name, class and shapes of the weights of each layer, nested models in their place."""
    found: list[Any] = []
    for layer in model.layers:
        if hasattr(layer, "layers"):
            found += rows(layer, f"{prefix}{layer.name}/")
        else:
            shapes = [list(w.shape) for w in layer.weights]
            found.append([prefix + layer.name, type(layer).__name__, shapes])
    return found


def summary(model: Any) -> list[Any]:
    """What is recorded of a model."""
    layers = rows(model)
    digest = hashlib.sha256(json.dumps(layers).encode()).hexdigest()
    return [model.name, len(layers), list(model.output_shape), digest]


def arguments(case: str) -> dict[str, Any]:
    top = case.endswith("/True")
    return {"include_top": True} if top else {"include_top": False, "input_shape": (96, 96, 3), "pooling": "avg"}


def cases() -> list[Any]:
    return [
        case if case.removesuffix("/False") in QUICK else pytest.param(case, marks=pytest.mark.slow)
        for case in RECORDED
        if case.endswith("/False") or case.startswith("MobileNet")
    ]


@pytest.fixture
def equal_layers_traced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What layers make of a shape is found out once for those of one configuration: the networks repeat themselves.

    Most of the time of building a network is this tracing.
    """
    trace = PureLayer._describe

    def describe(self: PureLayer, args: Any, kwargs: Any, masks: Any = None) -> Any:
        config = self.get_config() | {"name": ""}
        key = repr((type(self), config, args, kwargs, masks))
        if key not in TRACED:
            TRACED[key] = trace(self, args, kwargs, masks)
        return TRACED[key]

    monkeypatch.setattr(PureLayer, "_describe", describe)


TRACED: dict[str, Any] = {}


@pytest.mark.usefixtures("equal_layers_traced_once")
@pytest.mark.parametrize("case", cases())
def test_layers_are_those_of_keras(case: str) -> None:
    keras.utils.clear_session(free_memory=False)
    model = getattr(keras.applications, case.partition("/")[0])(weights=None, **arguments(case))
    assert summary(model) == RECORDED[case]


def test_every_application_is_recorded() -> None:
    public = {name for name in dir(keras.applications) if name[0].isupper()}
    assert public == {case.partition("/")[0] for case in RECORDED}


def test_weights_and_predictions_are_those_of_keras(keras3: ModuleType, tmp_path: Path) -> None:
    given: dict[str, Any] = {"weights": None, "alpha": 0.35, "input_shape": (32, 32, 3), "classes": 5}
    theirs, ours = keras3.applications.MobileNetV2(**given), keras.applications.MobileNetV2(**given)
    rng = np.random.default_rng(0)
    weights = [
        rng.uniform(0.5, 1.5, w.shape) if w.ndim == 1 else rng.normal(0, 0.3, w.shape) for w in ours.get_weights()
    ]
    theirs.set_weights(weights)
    theirs.save_weights(tmp_path / "mobile.weights.h5")
    ours.load_weights(tmp_path / "mobile.weights.h5")
    x = rng.uniform(-1, 1, (2, 32, 32, 3)).astype("float32")
    np.testing.assert_allclose(ours.predict(x, verbose=0), theirs.predict(x, verbose=0), rtol=1e-4, atol=1e-6)
    again = keras.applications.MobileNetV2(**(given | {"weights": tmp_path / "mobile.weights.h5"}))
    np.testing.assert_array_equal(again.get_weights()[0], np.float32(weights[0]))


def test_a_network_goes_on_from_a_symbolic_tensor() -> None:
    pictures = keras.Input((40, 40, 1))
    colours = keras.layers.Concatenate()([pictures] * 3)
    base = keras.applications.VGG16(weights=None, include_top=False, input_tensor=colours)
    assert base.input_shape == (None, 40, 40, 1)
    assert base.output_shape == (None, 1, 1, 512)
    with pytest.raises(ValueError, match="must be a symbolic tensor"):
        keras.applications.VGG16(weights=None, include_top=False, input_tensor=np.ones((1, 40, 40, 3)))


@pytest.mark.parametrize("module", ["vgg16", "resnet_v2", "densenet", "efficientnet"])
@pytest.mark.parametrize("order", ["channels_last", "channels_first"])
def test_pictures_are_scaled_as_keras_does(keras3: ModuleType, module: str, order: str) -> None:
    ours, theirs = getattr(keras.applications, module), getattr(keras3.applications, module)
    shape = (2, 5, 5, 3) if order == "channels_last" else (2, 3, 5, 5)
    pictures = np.random.default_rng(0).integers(0, 256, shape)
    for x in (pictures, pictures[0], pictures.astype("float32")):
        want = theirs.preprocess_input(x.copy(), data_format=order)
        np.testing.assert_allclose(ours.preprocess_input(x.copy(), data_format=order), want, rtol=1e-6, atol=1e-5)
    tensor = keras3.ops.convert_to_tensor(pictures.astype("float32"))
    got = ours.preprocess_input(keras.ops.convert_to_tensor(pictures.astype("float32")), data_format=order)
    np.testing.assert_allclose(got, theirs.preprocess_input(tensor, data_format=order), rtol=1e-6, atol=1e-4)


def test_predictions_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from kjax.keras.applications import imagenet_utils

    monkeypatch.setattr(
        imagenet_utils, "_class_index", lambda: {str(i): [f"n{i:08}", f"class_{i}"] for i in range(1000)}
    )
    probabilities = np.zeros((1, 1000), "float32")
    probabilities[0, [7, 300, 2]] = [0.5, 0.3, 0.2]
    found = keras.applications.vgg16.decode_predictions(probabilities, top=2)
    assert [row[:2] for row in found[0]] == [("n00000007", "class_7"), ("n00000300", "class_300")]
    with pytest.raises(ValueError, match=r"\(samples, 1000\)"):
        imagenet_utils.decode_predictions(probabilities[:, :10])


def test_weights_that_are_not_here_are_asked_for_by_name() -> None:
    with pytest.raises(Exception, match=r"vgg16_weights_tf_dim_ordering_tf_kernels_notop\.h5"):
        keras.applications.VGG16(include_top=False)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"input_shape": (20, 20, 3)}, "at least 32 rows"),
        ({"input_shape": (32, 32)}, "three entries"),
        ({"weights": "imagenet_21k"}, "path of a file that exists"),
        ({"weights": "imagenet", "classes": 10}, "1000 classes"),
        ({"input_shape": (None, None, 3)}, "must be fixed"),
        ({"include_top": False, "pooling": "mean"}, "'avg' or 'max'"),
    ],
)
def test_errors_say_what_is_wrong(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        keras.applications.ResNet50(**({"weights": None} | given))
    with pytest.raises(TypeError, match=r"ResNet50: .*'classe'"):
        keras.applications.ResNet50(classe=3)
