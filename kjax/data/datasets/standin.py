"""A stand-in for CIFAR-10 made by a program: for machines without the real data set, and for tests.

It has the real one's form and a similar use (a small convolutional network learns it, but not perfectly), and
nothing else in common with it: an accuracy on it says nothing about an accuracy on CIFAR-10.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

Pair = tuple[np.ndarray, np.ndarray]

CLASS_NAMES = ("disc", "ring", "square", "frame", "triangle", "cross", "star", "bar", "crescent", "pair")

# Pictures made at a time: their arrays fit the processor's cache, and a smaller set is the start of a larger.
_BLOCK = 500
_SIZE = 32
_SOFTNESS = 0.9  # width of a shape's edge, in pixels
_SIZES = (7.0, 12.0)  # half the width of a shape, in pixels
_WAVES = 0.15  # greatest strength of a texture
_CLUTTER = 1  # blots in a picture
_NOISE = (0.01, 0.08)  # standard deviation, of the full range of a pixel
_HUE_SPREAD = 0.1  # of the full circle: colour is a hint at the class and no more


def synthetic_cifar10(n_train: int = 50000, n_test: int = 10000, seed: int = 0) -> tuple[Pair, Pair]:
    """Pictures of ten coloured, textured shapes at random places, sizes and angles, with clutter and noise.

    The classes 0 to 9 are those of `CLASS_NAMES`, equally frequent in each block of 500 pictures. The same
    seed gives the same pictures, and a smaller `n_train` the first ones of a larger.

    Args:
        n_train: number of training pictures.
        n_test: number of test pictures.
        seed: seed of the generator, 0 or more.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: pictures uint8 (samples, 32, 32, 3), labels uint8 (samples,
        1).

    Raises:
        ValueError: a negative number.
    """
    for name, value in (("n_train", n_train), ("n_test", n_test), ("seed", seed)):
        if value < 0:
            raise ValueError(f"{name} must be 0 or more; received {name}={value}")
    return _part(n_train, seed, 0), _part(n_test, seed, 1)


def _part(count: int, seed: int, part: int) -> Pair:
    x = np.empty((count, _SIZE, _SIZE, 3), dtype=np.uint8)
    y = np.empty((count, 1), dtype=np.uint8)

    def fill(block: int) -> None:
        start = block * _BLOCK
        pictures, labels = _block(np.random.default_rng([seed, part, block]))
        x[start : start + _BLOCK] = pictures[: count - start]
        y[start : start + _BLOCK, 0] = labels[: count - start]

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        list(pool.map(fill, range(-(-count // _BLOCK))))
    return x, y


def _block(random: np.random.Generator) -> Pair:
    """One block of pictures: a textured background, the class's shape, clutter over both, light, noise."""
    labels = random.permutation(np.arange(_BLOCK) % len(CLASS_NAMES)).astype(np.uint8)
    rows = np.arange(_SIZE, dtype=np.float32)
    size = _uniform(random, *_SIZES)
    horizontal = rows[None, None, :] - _uniform(random, 9.0, 22.0)
    vertical = rows[None, :, None] - _uniform(random, 9.0, 22.0)
    u, v = _turned(horizontal / size, vertical / size, _uniform(random, -0.6, 0.6))

    distance = np.empty((_BLOCK, _SIZE, _SIZE), dtype=np.float32)
    for label, shape in enumerate(_SHAPES):
        chosen = labels == label
        distance[chosen] = shape(u[chosen], v[chosen])
    cover = np.clip(0.5 - distance * size / _SOFTNESS, 0.0, 1.0)

    hue = labels.reshape(-1, 1, 1) / np.float32(len(CLASS_NAMES))
    hue = hue + _HUE_SPREAD * random.standard_normal((_BLOCK, 1, 1), dtype=np.float32)
    front = _coloured(random, hue, _texture(random, rows))
    back = _coloured(random, _uniform(random, 0.0, 1.0), _texture(random, rows))
    picture = back + cover[..., None] * (front - back)
    for _ in range(_CLUTTER):
        _add_clutter(random, picture, rows)

    light = _uniform(random, 0.5, 1.1)[..., None]
    picture = 0.5 + light * (picture - 0.5) + _uniform(random, -0.15, 0.15)[..., None]
    noise = random.standard_normal(picture.shape, dtype=np.float32)
    noise *= _uniform(random, *_NOISE)[..., None]
    picture += noise
    return np.clip(picture * 255.0, 0.0, 255.0).astype(np.uint8), labels


def _uniform(random: np.random.Generator, low: float, high: float) -> np.ndarray:
    """One number for each picture, shaped to broadcast over its pixels."""
    return (low + (high - low) * random.random((_BLOCK, 1, 1), dtype=np.float32)).astype(np.float32)


def _turned(x: np.ndarray, y: np.ndarray, angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    cos, sin = np.cos(angle), np.sin(angle)
    return cos * x + sin * y, cos * y - sin * x


def _length(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.sqrt(x * x + y * y)  # far faster than `numpy.hypot`, which guards against overflow


def _texture(random: np.random.Generator, rows: np.ndarray) -> np.ndarray:
    """Plane waves of random direction, length and strength, as a brightness around 0: (pictures, 32, 32)."""
    angle = _uniform(random, 0.0, np.pi)
    along = np.cos(angle) * rows[None, None, :] + np.sin(angle) * rows[None, :, None]
    wave = np.sin(along * _uniform(random, 0.15, 1.6) + _uniform(random, 0.0, 2 * np.pi))
    return wave * _uniform(random, 0.0, _WAVES)


def _coloured(random: np.random.Generator, hue: np.ndarray, texture: np.ndarray) -> np.ndarray:
    """A colour of random saturation and brightness, the latter varied by a texture: (pictures, 32, 32, 3)."""
    phase = 2 * np.pi * (hue[..., None] - np.array([0, 1 / 3, 2 / 3], dtype=np.float32))
    pure = 1.0 - _uniform(random, 0.4, 1.0)[..., None] * (0.5 - 0.5 * np.cos(phase))
    return pure * (_uniform(random, 0.35, 1.0) + texture)[..., None]


def _add_clutter(random: np.random.Generator, picture: np.ndarray, rows: np.ndarray) -> None:
    """Lays a small blot, longish and of random colour, over each picture."""
    radius = _uniform(random, 1.0, 3.2)
    x = rows[None, None, :] - _uniform(random, 0.0, _SIZE - 1.0)
    y = rows[None, :, None] - _uniform(random, 0.0, _SIZE - 1.0)
    u, v = _turned(x, y, _uniform(random, 0.0, np.pi))
    cover = np.clip(radius + 0.5 - _length(u * _uniform(random, 0.25, 1.0), v), 0.0, 1.0)
    colour = random.random((_BLOCK, 1, 1, 3), dtype=np.float32)
    picture += cover[..., None] * (colour - picture)


# The shapes as distances from their edge, negative inside, in units of the shape's size.


def _disc(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return _length(u, v) - 0.9


def _ring(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.abs(_length(u, v) - 0.72) - 0.2


def _square(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(np.abs(u), np.abs(v)) - 0.8


def _frame(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.abs(np.maximum(np.abs(u), np.abs(v)) - 0.68) - 0.18


def _triangle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(np.abs(u) * 0.866 - v * 0.5, v) - 0.5


def _cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    u, v = np.abs(u), np.abs(v)
    return np.minimum(np.maximum(u - 0.26, v - 0.95), np.maximum(v - 0.26, u - 0.95))


def _star(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return _length(u, v) - 0.66 * (1.0 + 0.4 * np.cos(5.0 * np.arctan2(v, u)))


def _bar(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(np.abs(u) - 1.0, np.abs(v) - 0.34)


def _crescent(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(_length(u, v) - 0.95, 0.75 - _length(u - 0.45, v))


def _pair(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return _length(np.abs(u) - 0.58, v) - 0.4


_SHAPES = (_disc, _ring, _square, _frame, _triangle, _cross, _star, _bar, _crescent, _pair)
