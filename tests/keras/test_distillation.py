"""keras.distillation against real Keras 3: the numbers of training and evaluation; files; errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kjax import keras

L: Any = keras.layers
D: Any = keras.distillation
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(32, 4)).astype("float32")
Y = RANDOM.integers(0, 3, 32)


def net(library: Any, prefix: str, width: int = 6, seed: int = 1, outputs: int = 3) -> Any:
    inside = [
        library.layers.Dense(width, activation="relu", name=f"{prefix}h"),
        library.layers.Dense(outputs, name=f"{prefix}o"),
    ]
    model = library.Sequential([library.Input((4,)), *inside])
    draw = np.random.default_rng(seed)
    model.set_weights([0.3 * draw.normal(size=w.shape).astype("float32") for w in model.get_weights()])
    return model


def distiller(library: Any, make: Callable[[Any], Any], **kwargs: Any) -> Any:
    teacher, student = net(library, "t"), net(library, "s", seed=2)
    made = library.distillation.Distiller(teacher, student, make(library), **kwargs)
    own = library.losses.SparseCategoricalCrossentropy(from_logits=True)
    made.compile(library.optimizers.SGD(0.1), own, metrics=["accuracy"])
    return made


CASES: dict[str, tuple[Callable[[Any], Any], dict[str, Any]]] = {
    "logits": (lambda k: k.distillation.LogitsDistillation(2.0, k.losses.KLDivergence()), {}),
    "features": (
        lambda k: [
            k.distillation.LogitsDistillation(loss="mse"),
            k.distillation.FeatureDistillation("mae", "th", "sh"),
        ],
        {"distillation_loss_weights": [0.3, 2.0], "student_loss_weight": 0.25},
    ),
    "teacher alone": (
        lambda k: k.distillation.LogitsDistillation(loss=k.losses.CategoricalCrossentropy(from_logits=True)),
        {"student_loss_weight": 0.0},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_training_as_in_keras(case: str, keras3: Any) -> None:
    make, kwargs = CASES[case]
    histories, predictions = [], []
    for library in (keras, keras3):
        made = distiller(library, make, **kwargs)
        run = made.fit(X, Y, epochs=2, batch_size=16, shuffle=False, verbose=0, validation_data=(X, Y))
        histories.append(run.history)
        predictions.append(made.predict(X, verbose=0))
        assert not made.teacher.trainable and len(made.trainable_weights) == 4
    assert set(histories[0]) == set(histories[1])
    for name, values in histories[1].items():
        np.testing.assert_allclose(histories[0][name], values, rtol=2e-5, atol=1e-6, err_msg=name)
    np.testing.assert_allclose(*predictions, rtol=1e-4, atol=1e-6)


def test_files_and_configs(tmp_path: Path) -> None:
    made = distiller(keras, CASES["features"][0], student_loss_weight=0.25)
    made.fit(X, Y, epochs=1, verbose=0)
    made.save(tmp_path / "d.keras")
    again = keras.models.load_model(tmp_path / "d.keras")
    np.testing.assert_array_equal(again.predict(X, verbose=0), made.predict(X, verbose=0))
    assert again.student_loss_weight == 0.25 and again.distillation_losses[1].student_layer_name == "sh"
    np.testing.assert_allclose(again.evaluate(X, Y, verbose=0), made.evaluate(X, Y, verbose=0), rtol=1e-6)
    for loss in (
        D.LogitsDistillation(4.0),
        D.FeatureDistillation(["mse", None]),
        D.FeatureDistillation("mae", "a", "b"),
    ):
        entry = keras.saving.serialize_keras_object(loss)
        assert entry["module"] == "keras.distillation"
        assert keras.saving.deserialize_keras_object(entry).get_config() == loss.get_config()


def test_the_divergence_is_that_of_probabilities() -> None:
    teacher, student = np.array([[1.0, 2.0, 6.0]]), np.array([[0.5, 0.1, -1.0]])
    p, q = (np.exp(v / 3) / np.exp(v / 3).sum() for v in (teacher, student))
    want = 9.0 * (p * np.log(p / q)).sum()
    for loss in ("kl_divergence", keras.losses.KLDivergence()):
        found = D.LogitsDistillation(temperature=3.0, loss=loss).compute_loss(teacher, student)
        assert float(found) == pytest.approx(want, rel=1e-5)


def test_several_outputs_and_models_written_as_classes() -> None:
    def two(name: str) -> Any:
        inputs = keras.Input((4,))
        return keras.Model(inputs, {"a": L.Dense(2)(inputs), "b": L.Dense(3)(inputs)}, name=name)

    loss = D.LogitsDistillation(loss={"a": "mse", "b": None})
    made = D.Distiller(two("t"), two("s"), loss)
    made.compile("sgd", loss={"a": "mse", "b": "mae"})
    targets = {"a": np.zeros((32, 2), np.float32), "b": np.zeros((32, 3), np.float32)}
    first = made.train_on_batch(X, targets, return_dict=True)
    assert first["total_loss"] == pytest.approx(
        0.5 * first["student_loss"] + 0.5 * first["distillation_loss"], rel=1e-5
    )

    class Written(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = L.Dense(3)

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs)

    made = D.Distiller(Written(), Written(), D.FeatureDistillation("mse"))
    made.compile("sgd", "mse")
    assert np.isfinite(made.fit(X, np.zeros((32, 3)), verbose=0).history["loss"][0])


class Vector(D.DistillationLoss):
    """A loss that is none."""

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        return teacher_outputs - student_outputs


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (lambda: D.Distiller(1, net(keras, "s"), D.LogitsDistillation()), "Teacher must be a keras.Model"),
        (lambda: D.Distiller(net(keras, "t"), net(keras, "s"), None), "cannot be `None`"),
        (
            lambda: D.Distiller(net(keras, "t"), net(keras, "s"), D.LogitsDistillation(), student_loss_weight=2.0),
            "between 0.0 and 1.0",
        ),
        (
            lambda: D.Distiller(net(keras, "t"), net(keras, "s"), [D.LogitsDistillation()], [1.0, 2.0]),
            r"weights \(2\) must match number of distillation_losses \(1\)",
        ),
        (lambda: D.Distiller(net(keras, "t"), net(keras, "s", outputs=2), D.LogitsDistillation()), "incompatible"),
        (
            lambda: D.Distiller(net(keras, "t"), net(keras, "s"), D.FeatureDistillation("mse", "nope")),
            "In teacher model: .*nope",
        ),
        (lambda: D.LogitsDistillation(temperature=0.0), "positive"),
        (lambda: D.LogitsDistillation(temperature="3"), "must be a number"),
        (lambda: D.FeatureDistillation(loss=[None]), "not None"),
        (
            lambda: D.Distiller(net(keras, "t"), net(keras, "s"), D.LogitsDistillation()).compile("sgd"),
            "cannot be `None`",
        ),
        (lambda: distiller(keras, lambda k: Vector()).train_on_batch(X, Y), "non-scalar"),
        (
            lambda: distiller(keras, lambda k: k.distillation.FeatureDistillation(["mse", "mae"])).train_on_batch(X, Y),
            "Loss structure mismatch",
        ),
    ],
)
def test_errors(bad: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bad()
