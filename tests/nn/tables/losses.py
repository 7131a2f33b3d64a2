"""Data and the table of losses: every loss class with its options, targets and predictions."""

from __future__ import annotations

from typing import Any

import numpy as np

from kjax.nn import losses

RNG = np.random.default_rng(0)
SHAPE = (6, 5, 4)  # samples, steps, classes


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(-1, keepdims=True))
    return (e / e.sum(-1, keepdims=True)).astype(np.float32)


REAL = RNG.standard_normal(SHAPE).astype(np.float32)
OTHER = RNG.standard_normal(SHAPE).astype(np.float32)
LABELS = RNG.integers(0, 4, SHAPE[:-1]).astype(np.int32)
ONE_HOT = np.eye(4, dtype=np.float32)[LABELS]
PROBABILITIES = softmax(OTHER)
UNNORMALIZED = (PROBABILITIES * 1.7).astype(np.float32)
BINARY = RNG.integers(0, 2, SHAPE).astype(np.float32)
SIGMOIDS = (1 / (1 + np.exp(-OTHER))).astype(np.float32)
EMBEDDINGS = (REAL[:, 0] / np.linalg.norm(REAL[:, 0], axis=-1, keepdims=True)).astype(np.float32)
GROUPS = np.array([0, 1, 0, 1, 1, 2], np.int32)  # the last has no partner

PER_STEP = RNG.uniform(0, 2, SHAPE[:-1]).astype(np.float32)
PER_SAMPLE = np.array([0.0, 1.0, 2.0, 0.5, 1.0, 3.0], np.float32)
MASK = RNG.integers(0, 2, SHAPE[:-1]).astype(bool)

# The loss, its targets and its predictions; every class has a row.
CASES: list[tuple[losses.Loss, Any, Any]] = [
    (losses.MeanSquaredError(), REAL, OTHER),
    (losses.MeanAbsoluteError(), REAL, OTHER),
    (losses.MeanAbsolutePercentageError(), REAL, OTHER),
    (losses.MeanSquaredLogarithmicError(), REAL, OTHER),
    (losses.CosineSimilarity(), REAL, OTHER),
    (losses.CosineSimilarity(axis=1), REAL, OTHER),
    (losses.Huber(), REAL, OTHER),
    (losses.Huber(0.3), REAL, OTHER),
    (losses.LogCosh(), REAL, OTHER * 10),
    (losses.Hinge(), BINARY, OTHER),
    (losses.Hinge(), np.sign(REAL), OTHER),
    (losses.SquaredHinge(), BINARY, OTHER),
    (losses.SquaredHinge(), np.sign(REAL), OTHER),
    (losses.CategoricalHinge(), ONE_HOT, OTHER),
    (losses.KLDivergence(), softmax(REAL), PROBABILITIES),
    (losses.Poisson(), np.abs(REAL), np.abs(OTHER)),
    (losses.BinaryCrossentropy(), BINARY, SIGMOIDS),
    (losses.BinaryCrossentropy(from_logits=True), BINARY, OTHER * 5),
    (losses.BinaryCrossentropy(label_smoothing=0.2), BINARY, SIGMOIDS),
    (losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.2, axis=1), SIGMOIDS, OTHER),
    (losses.BinaryFocalCrossentropy(), BINARY, SIGMOIDS),
    (losses.BinaryFocalCrossentropy(True, 0.4, 1.5, True, 0.1), BINARY, OTHER),
    (losses.CategoricalCrossentropy(), ONE_HOT, PROBABILITIES),
    (losses.CategoricalCrossentropy(), ONE_HOT, UNNORMALIZED),
    (losses.CategoricalCrossentropy(from_logits=True), softmax(REAL), OTHER * 5),
    (losses.CategoricalCrossentropy(label_smoothing=0.2), ONE_HOT, PROBABILITIES),
    (losses.CategoricalCrossentropy(axis=1), BINARY, SIGMOIDS),
    (losses.CategoricalFocalCrossentropy(), ONE_HOT, PROBABILITIES),
    (losses.CategoricalFocalCrossentropy(0.4, 1.5, True, 0.1), ONE_HOT, OTHER),
    (losses.CategoricalGeneralizedCrossEntropy(), LABELS, PROBABILITIES),
    (losses.CategoricalGeneralizedCrossEntropy(0.8), LABELS, PROBABILITIES),
    (losses.SparseCategoricalCrossentropy(), LABELS, PROBABILITIES),
    (losses.SparseCategoricalCrossentropy(), LABELS[..., None], UNNORMALIZED),
    (losses.SparseCategoricalCrossentropy(from_logits=True), LABELS, OTHER * 5),
    (losses.SparseCategoricalCrossentropy(ignore_class=2), LABELS, PROBABILITIES),
    (losses.SparseCategoricalCrossentropy(True, ignore_class=-1), np.where(LABELS == 1, -1, LABELS), OTHER),
    (losses.Dice(), BINARY, SIGMOIDS),
    (losses.Dice(axis=(1, 2)), BINARY, SIGMOIDS),
    (losses.Tversky(), BINARY, SIGMOIDS),
    (losses.Tversky(0.3, 0.7, axis=(1, 2)), BINARY, SIGMOIDS),
    (losses.Circle(), GROUPS, EMBEDDINGS),
    (losses.Circle(10.0, 0.2, False), GROUPS[:, None], EMBEDDINGS),
    (losses.CTC(), np.array([[1, 2], [2, 2], [3, 0], [1, 3], [0, 0], [1, 1]]), OTHER),
]
