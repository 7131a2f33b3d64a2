"""The stand-in for CIFAR-10: its form, its reproducibility, and that there is something to learn in it."""

from __future__ import annotations

import numpy as np
import pytest

from kjax.data.datasets.standin import CLASS_NAMES, synthetic_cifar10


def test_form() -> None:
    (x_train, y_train), (x_test, y_test) = synthetic_cifar10(1200, 300)
    assert x_train.shape == (1200, 32, 32, 3) and y_train.shape == (1200, 1)
    assert x_test.shape == (300, 32, 32, 3) and y_test.shape == (300, 1)
    assert {array.dtype for array in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}
    assert len(CLASS_NAMES) == 10
    assert np.bincount(y_train[:1000, 0]).tolist() == [100] * 10  # in whole blocks of 500
    assert x_train.min() == 0 and x_train.max() == 255
    assert 80 < x_train.mean() < 175


def test_same_seed_same_pictures() -> None:
    first, again = synthetic_cifar10(700, 100, seed=3), synthetic_cifar10(700, 100, seed=3)
    for array, other in zip((*first[0], *first[1]), (*again[0], *again[1]), strict=True):
        assert np.array_equal(array, other)


def test_smaller_set_is_the_start_of_a_larger() -> None:
    (x, y), (x_test, _) = synthetic_cifar10(700, 510)
    (x_less, y_less), (x_test_less, _) = synthetic_cifar10(510, 20)
    assert np.array_equal(x[:510], x_less) and np.array_equal(y[:510], y_less)
    assert np.array_equal(x_test[:20], x_test_less)


def test_seeds_and_parts_differ() -> None:
    (x, _), (x_test, _) = synthetic_cifar10(500, 500)
    (other, _), _ = synthetic_cifar10(500, 0, seed=1)
    assert not np.array_equal(x, other)
    assert not np.array_equal(x, x_test)
    assert len(np.unique(x.reshape(500, -1), axis=0)) == 500


def test_something_to_learn_and_not_at_a_glance() -> None:
    """Ridge regression on the colours is better than chance, and far below a convolutional network."""
    (x, y), (x_test, y_test) = synthetic_cifar10(4000, 1000)

    def features(pictures: np.ndarray) -> np.ndarray:
        coarse = pictures.reshape(-1, 4, 8, 4, 8, 3).mean((2, 4)).reshape(len(pictures), -1) / 255 - 0.5
        return np.concatenate([coarse, coarse**2, np.ones((len(pictures), 1))], axis=1)

    train = features(x)
    weights = np.linalg.solve(train.T @ train + np.eye(train.shape[1]), train.T @ np.eye(10)[y[:, 0]])
    accuracy = (np.argmax(features(x_test) @ weights, axis=1) == y_test[:, 0]).mean()
    assert 0.15 < accuracy < 0.5


@pytest.mark.parametrize("name", ["n_train", "n_test", "seed"])
def test_negative_number(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be 0 or more; received {name}=-1"):
        synthetic_cifar10(**{"n_train": 10, "n_test": 10, name: -1})
