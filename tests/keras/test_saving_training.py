"""Trainings go on where a file was written, in kjax and in real Keras 3: the table of models, and every optimizer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import numpy as np
import pytest

import kjax.keras as ours
from tests.keras.saving_cases import ARCHITECTURES, Architecture
from tests.keras.test_saving_oracle import WHOLE_H5, names_anew, randomize

pytestmark = pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`:UserWarning")

RANDOM = ("mlp", "conv1d", "conv3d", "masking_layer", "noise", "augmentation", "more_augmentation")
"""Architectures with noise in training, which each package draws in its own way."""

NOT_TRAINED = ("operators", "functions", "no_weights")
"""Architectures with outputs of integers, or without weights."""

NOT_ALIKE = ("stateful_lstm",)
"""Architectures that Keras trains in another way: its compiled steps forget the states of stateful layers."""

TRAINED = [case for case in ARCHITECTURES if case.name not in RANDOM + NOT_TRAINED + NOT_ALIKE]

SEVERAL_LOOPS = ("recurrent_layers", "both_directions", "states_from_outside")
"""Architectures that take long to compile."""

ROUNDED = {"bfloat16": 4e-3}
"""Architectures that compute in fewer bits, and how near the losses are."""

UNREADABLE = ("adafactor", "muon", "lamb")
"""Optimizers whose state real Keras cannot write to or read from ``.h5``."""

OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda k: k.SGD(0.05, momentum=0.9, nesterov=True),
    "rmsprop": lambda k: k.RMSprop(0.01, momentum=0.5, centered=True),
    "adam": lambda k: k.Adam(0.01, amsgrad=True, clipnorm=1.0),
    "adamw": lambda k: k.AdamW(0.01, weight_decay=0.02),
    "adagrad": lambda k: k.Adagrad(0.05),
    "adadelta": lambda k: k.Adadelta(0.5),
    "adamax": lambda k: k.Adamax(0.01, global_clipnorm=2.0),
    "nadam": lambda k: k.Nadam(0.01),
    "ftrl": lambda k: k.Ftrl(0.05, l1_regularization_strength=0.001),
    "lion": lambda k: k.Lion(0.001),
    "lamb": lambda k: k.Lamb(0.01),
    "adafactor": lambda k: k.Adafactor(0.01),
    "muon": lambda k: k.Muon(0.01),
    "schedule": lambda k: k.SGD(k.schedules.ExponentialDecay(0.1, 2, 0.5), clipvalue=0.1),
    "averages": lambda k: k.Adam(0.01, use_ema=True, ema_overwrite_frequency=3),
    "accumulation": lambda k: k.SGD(0.05, momentum=0.9, gradient_accumulation_steps=2),
    "loss_scale": lambda k: k.LossScaleOptimizer(k.Adam(0.01), initial_scale=8.0, dynamic_growth_steps=2),
}
"""Optimizers with what they carry from step to step."""


def targets(case: Architecture, model: Any) -> Any:
    """Random targets for the outputs of a real model."""
    rng, x = np.random.default_rng(5), case.inputs()
    values = [[v.value for v in part] for part in (model.trainable_variables, model.non_trainable_variables)]
    shapes = jax.eval_shape(lambda *a: model.stateless_call(*a, training=False)[0], *values, x)
    return jax.tree.map(lambda y: rng.standard_normal(y.shape).astype("float32"), shapes)


def steps(model: Any, x: Any, y: Any, count: int = 3) -> list[float]:
    """Losses of training steps."""
    found = [model.train_on_batch(x, y) for _ in range(count)]
    return [float(np.ravel(np.asarray(v[0] if isinstance(v, list) else v))[0]) for v in found]


def same(got: Any, want: Any) -> bool:
    """Whether two optimizers, of either package, have the same state."""
    pairs = [[np.asarray(v) for v in optimizer.variables] for optimizer in (got, want)]
    return len(pairs[0]) == len(pairs[1]) and all(np.array_equal(a, b) for a, b in zip(*pairs, strict=True))


@pytest.mark.parametrize(
    ("case", "name"),
    [
        pytest.param(
            case,
            list(OPTIMIZERS)[i % len(OPTIMIZERS)],
            marks=[pytest.mark.slow] if case.name in SEVERAL_LOOPS else [],
        )
        for i, case in enumerate(TRAINED)
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_training_goes_on_in_the_other_package(
    case: Architecture, name: str, keras3: ModuleType, tmp_path: Path
) -> None:
    case.build(ours)  # which registers the classes of users
    names_anew(keras3)
    theirs = case.build(keras3)
    randomize(theirs)
    theirs.compile(OPTIMIZERS[name](keras3.optimizers), "mse")
    x, y = case.inputs(), targets(case, theirs)
    steps(theirs, x, y, 2)
    theirs.save(tmp_path / "theirs.keras")
    model = ours.models.load_model(tmp_path / "theirs.keras")
    written = name not in UNREADABLE and case.name in WHOLE_H5
    if written:
        theirs.save(tmp_path / "theirs.h5")
        other = ours.models.load_model(tmp_path / "theirs.h5")
        assert same(other.optimizer, model.optimizer)
    near = ROUNDED.get(case.name, 1e-5)
    np.testing.assert_allclose(steps(model, x, y), steps(theirs, x, y), rtol=near)

    # And back: real Keras goes on from what kjax wrote, in its own format and with weights alone.
    model.save_weights(tmp_path / "ours.weights.h5")
    model.save(tmp_path / "ours.keras")
    theirs.load_weights(tmp_path / "ours.weights.h5")
    assert same(keras3.models.load_model(tmp_path / "ours.keras").optimizer, theirs.optimizer)
    if written:  # which Keras reads without the state of the optimizer
        model.save(tmp_path / "ours.h5")
        assert same(ours.models.load_model(tmp_path / "ours.h5").optimizer, model.optimizer)
    np.testing.assert_allclose(steps(model, x, y), steps(theirs, x, y), rtol=near)


def test_every_optimizer_is_tried():
    assert len(TRAINED) >= 40
    assert len(TRAINED) >= 2 * len(OPTIMIZERS)
