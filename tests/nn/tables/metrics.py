"""Data and the table of metrics: every metric class with its options, targets and predictions."""

from __future__ import annotations

from typing import Any

import numpy as np

from kjax.nn import metrics

RNG = np.random.default_rng(0)
SAMPLES, CLASSES = 23, 5
CUTS = (SAMPLES - 1,)  # a batch of 22 samples and a batch of 1


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(-1, keepdims=True))
    return (e / e.sum(-1, keepdims=True)).astype(np.float32)


REAL = RNG.standard_normal((SAMPLES, CLASSES)).astype(np.float32)
OTHER = (REAL + RNG.standard_normal((SAMPLES, CLASSES))).astype(np.float32)
LABELS = RNG.integers(0, CLASSES, SAMPLES).astype(np.int32)
ONE_HOT = np.eye(CLASSES, dtype=np.float32)[LABELS]
PROBABILITIES = softmax(OTHER + 1.5 * ONE_HOT)
BINARY = RNG.integers(0, 2, (SAMPLES, CLASSES)).astype(np.float32)
SCORES = np.clip(RNG.uniform(-0.1, 1.1, (SAMPLES, CLASSES)), 0, 1).astype(np.float32)  # zeros and ones among them
SCORES[::3] = np.round(SCORES[::3], 1)  # and values that lie on thresholds
COLUMN, COLUMN_SCORES = BINARY[:, :1], SCORES[:, :1]
PIXELS = RNG.integers(0, CLASSES, (SAMPLES, 3, 2)).astype(np.int32)
PIXELS_PREDICTED = np.where(RNG.uniform(size=PIXELS.shape) < 0.6, PIXELS, RNG.integers(0, CLASSES, PIXELS.shape))
PIXEL_MAPS = np.eye(CLASSES, dtype=np.float32)[PIXELS]
PIXEL_SCORES = softmax(RNG.standard_normal((*PIXELS.shape, CLASSES)) + PIXEL_MAPS)
STEPS = RNG.integers(0, CLASSES, (SAMPLES, 4)).astype(np.int32)
STEP_SCORES = softmax(RNG.standard_normal((SAMPLES, 4, CLASSES)))
RANKED = np.argsort(-PROBABILITIES, axis=-1).astype(np.int32)
WEIGHTS = RNG.choice([0.0, 0.5, 1.0, 2.0], SAMPLES).astype(np.float32)

# The metric, its targets and its predictions; every class has a row.
CASES: list[tuple[Any, Any, Any]] = [
    (metrics.Accuracy(), LABELS[:, None], np.argmax(PROBABILITIES, -1)[:, None]),
    (metrics.BinaryAccuracy(), BINARY, SCORES),
    (metrics.BinaryAccuracy(threshold=0.3), COLUMN, COLUMN_SCORES),
    (metrics.CategoricalAccuracy(), ONE_HOT, PROBABILITIES),
    (metrics.SparseCategoricalAccuracy(), LABELS, PROBABILITIES),
    (metrics.SparseCategoricalAccuracy(), LABELS[:, None], PROBABILITIES),
    (metrics.SparseCategoricalAccuracy(), STEPS, STEP_SCORES),
    (metrics.TopKCategoricalAccuracy(2), ONE_HOT, PROBABILITIES),
    (metrics.TopKCategoricalAccuracy(2), np.eye(CLASSES)[STEPS], STEP_SCORES),
    (metrics.SparseTopKCategoricalAccuracy(2), LABELS, PROBABILITIES),
    (metrics.SparseTopKCategoricalAccuracy(2), STEPS, STEP_SCORES),
    (metrics.SparseTopKCategoricalAccuracy(2, from_sorted_ids=True), LABELS, RANKED),
    (metrics.MeanSquaredError(), REAL, OTHER),
    (metrics.MeanAbsoluteError(), REAL, OTHER),
    (metrics.MeanAbsolutePercentageError(), REAL, OTHER),
    (metrics.MeanSquaredLogarithmicError(), REAL, OTHER),
    (metrics.RootMeanSquaredError(), REAL, OTHER),
    (metrics.LogCoshError(), REAL, OTHER),
    (metrics.CosineSimilarity(), REAL, OTHER),
    (metrics.PearsonCorrelation(), REAL, OTHER),
    (metrics.ConcordanceCorrelation(), REAL, OTHER),
    (metrics.Hinge(), BINARY, OTHER),
    (metrics.SquaredHinge(), np.sign(REAL), OTHER),
    (metrics.CategoricalHinge(), ONE_HOT, OTHER),
    (metrics.KLDivergence(), softmax(REAL), PROBABILITIES),
    (metrics.Poisson(), np.abs(REAL), np.abs(OTHER)),
    (metrics.BinaryCrossentropy(), BINARY, SCORES),
    (metrics.BinaryCrossentropy(from_logits=True, label_smoothing=0.1), BINARY, OTHER),
    (metrics.CategoricalCrossentropy(), ONE_HOT, PROBABILITIES),
    (metrics.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1), ONE_HOT, OTHER),
    (metrics.SparseCategoricalCrossentropy(), LABELS, PROBABILITIES),
    (metrics.SparseCategoricalCrossentropy(from_logits=True), STEPS, STEP_SCORES),
    (metrics.SparseCategoricalCrossentropy(ignore_class=2), LABELS, PROBABILITIES),
    (metrics.TruePositives(), BINARY, SCORES),
    (metrics.FalsePositives([0.2, 0.7]), BINARY, SCORES),
    (metrics.TrueNegatives([0.0, 0.5, 1.0]), BINARY, SCORES),
    (metrics.FalseNegatives(0.3), COLUMN, COLUMN_SCORES),
    (metrics.Precision(), BINARY, SCORES),
    (metrics.Precision([0.0, 0.5, 1.0]), BINARY, SCORES),
    (metrics.Precision([0.1, 0.5]), COLUMN[:, 0], COLUMN_SCORES),
    (metrics.Precision(top_k=2), BINARY, SCORES),
    (metrics.Precision(top_k=2, class_id=3), BINARY, SCORES),
    (metrics.Recall(), COLUMN, COLUMN_SCORES[:, 0]),
    (metrics.Recall(0.4, class_id=1), BINARY, SCORES),
    (metrics.Recall(top_k=3), BINARY, SCORES),
    (metrics.SensitivityAtSpecificity(0.6), BINARY, SCORES),
    (metrics.SensitivityAtSpecificity(0.6, num_thresholds=1), BINARY, SCORES),
    (metrics.SpecificityAtSensitivity(0.6, 50), COLUMN, COLUMN_SCORES),
    (metrics.PrecisionAtRecall(0.5, 20, 2), BINARY, SCORES),
    (metrics.RecallAtPrecision(0.5), BINARY, SCORES),
    (metrics.RecallAtPrecision(1.0), COLUMN, 1 - COLUMN),
    (metrics.AUC(), BINARY, SCORES),
    (metrics.AUC(), COLUMN, COLUMN_SCORES),
    (metrics.AUC(curve="PR"), BINARY, SCORES),
    (metrics.AUC(curve="PRGAIN"), BINARY, SCORES),
    (metrics.AUC(20, summation_method="majoring"), BINARY, SCORES),
    (metrics.AUC(20, "PR", "minoring"), BINARY, SCORES),
    (metrics.AUC(20, "PR", "majoring"), BINARY, SCORES),
    (metrics.AUC(thresholds=[0.9, 0.25, 0.3]), BINARY, SCORES),
    (metrics.AUC(thresholds=[0.25, 0.5, 0.75], curve="pr"), BINARY, SCORES),
    (metrics.AUC(from_logits=True), BINARY, OTHER),
    (metrics.AUC(label_weights=[1, 2, 0, 1, 0.5]), BINARY, SCORES),
    (metrics.AUC(multi_label=True), BINARY, SCORES),
    (metrics.AUC(20, "PR", multi_label=True, num_labels=5, label_weights=[1, 2, 0, 1, 0.5]), BINARY, SCORES),
    (metrics.AUC(multi_label=True, thresholds=[0.2, 0.7]), BINARY, SCORES),
    (metrics.FBetaScore(beta=2.0), ONE_HOT, PROBABILITIES),
    (metrics.FBetaScore("micro", 0.5, 0.4), BINARY, SCORES),
    (metrics.FBetaScore("weighted", threshold=0.4), BINARY, SCORES),
    (metrics.F1Score(), ONE_HOT, PROBABILITIES),
    (metrics.F1Score("macro"), ONE_HOT, PROBABILITIES),
    (metrics.IoU(CLASSES, [0, 3]), PIXELS, PIXELS_PREDICTED),
    (metrics.IoU(CLASSES, [0, 3], sparse_y_pred=False, ignore_class=1), PIXELS, PIXEL_SCORES),
    (metrics.IoU(CLASSES, [0, 3], dtype="float32"), PIXELS, PIXELS_PREDICTED),
    (metrics.BinaryIoU(), BINARY, SCORES),
    (metrics.BinaryIoU([1], 0.3), BINARY, SCORES),
    (metrics.MeanIoU(CLASSES), PIXELS, PIXELS_PREDICTED),
    (metrics.MeanIoU(CLASSES + 2), np.where(PIXELS == 4, 9, PIXELS), PIXELS_PREDICTED),
    (metrics.OneHotIoU(CLASSES, [2]), PIXEL_MAPS, PIXEL_SCORES),
    (metrics.OneHotMeanIoU(CLASSES, sparse_y_pred=True), PIXEL_MAPS, PIXELS_PREDICTED),
    (metrics.R2Score(), REAL, OTHER),
    (metrics.R2Score(None), REAL, OTHER),
    (metrics.R2Score("variance_weighted_average", 3), REAL, OTHER),
    (metrics.R2Score(num_regressors=200), REAL, OTHER),
]


def batches(*arrays: Any) -> list[Any]:
    parts = [np.split(a, CUTS) if a is not None else [None] * (len(CUTS) + 1) for a in arrays]
    return list(zip(*parts, strict=True))


def stream(ours: Any, y_true: Any, y_pred: Any, weights: Any = None, mask: Any = None) -> Any:
    """The value after all batches."""
    state = ours.init(y_true, y_pred)
    for batch in batches(y_true, y_pred, weights, mask):
        state = ours.update(state, *batch)
    return ours.compute(state)
