"""`tf.contrib`, as far as Keras scripts used it: pictures turned and moved in a graph, and initializers."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kjax.keras import initializers, regularizers
from kjax.keras.legacy.tensorflow.door import define


@define
def transform(images: Any, transforms: Any, interpolation: str = "NEAREST", output_shape: Any = None) -> Any:
    """Pictures whose point (x, y) is that of the picture at ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k).

    Args:
        images: (rows, columns), (rows, columns, channels) or a batch of the latter.
        transforms: (a0, a1, a2, b0, b1, b2, c0, c1), k = c0 x + c1 y + 1; one for all pictures, or a row for each.
        interpolation: ``'NEAREST'`` or ``'BILINEAR'``; outside there are zeros.
        output_shape: rows and columns of the result; those of the pictures by default.
    """
    images, transforms = jnp.asarray(images), jnp.atleast_2d(jnp.asarray(transforms, jnp.float32))
    rank = images.ndim
    batch = images[None, ..., None] if rank == 2 else images[None] if rank == 3 else images
    rows, columns = batch.shape[1:3] if output_shape is None else (int(size) for size in output_shape)
    y, x = jnp.meshgrid(jnp.arange(rows), jnp.arange(columns), indexing="ij")
    order = 0 if interpolation.upper() == "NEAREST" else 1

    def one(image: Any, t: Any) -> Any:
        k = t[6] * x + t[7] * y + 1
        places = [(t[3] * x + t[4] * y + t[5]) / k, (t[0] * x + t[1] * y + t[2]) / k]

        def channel(plane: Any) -> Any:
            return jax.scipy.ndimage.map_coordinates(plane.astype(jnp.float32), places, order, cval=0.0)

        return jax.vmap(channel, in_axes=-1, out_axes=-1)(image).astype(image.dtype)

    made = jax.vmap(one)(batch, jnp.broadcast_to(transforms, (len(batch), 8)))
    return made[0, ..., 0] if rank == 2 else made[0] if rank == 3 else made


@define
def angles_to_projective_transforms(angles: Any, image_height: Any, image_width: Any) -> Any:
    """For each angle, counterclockwise in radians, the transform around the middle of the picture."""
    angles = jnp.atleast_1d(jnp.asarray(angles, jnp.float32))
    cos, sin = jnp.cos(angles), jnp.sin(angles)
    w, h = jnp.asarray(image_width, jnp.float32) - 1, jnp.asarray(image_height, jnp.float32) - 1
    right, down = (w - (cos * w - sin * h)) / 2, (h - (sin * w + cos * h)) / 2
    zeros = jnp.zeros_like(angles)
    return jnp.stack([cos, -sin, right, sin, cos, down, zeros, zeros], axis=-1)


def rotate(images: Any, angles: Any, interpolation: str = "NEAREST", name: str | None = None) -> Any:
    """``tf.contrib.image.rotate``: pictures turned counterclockwise by angles in radians."""
    rows, columns = images.shape[-3:-1] if len(images.shape) > 2 else images.shape
    return transform(images, angles_to_projective_transforms(angles, rows, columns), interpolation=interpolation)


def translate(images: Any, translations: Any, interpolation: str = "NEAREST", name: str | None = None) -> Any:
    """``tf.contrib.image.translate``: pictures moved by (dx, dy)."""
    return transform(images, _moves(translations), interpolation=interpolation)


@define
def _moves(translations: Any) -> Any:
    moves = jnp.atleast_2d(jnp.asarray(translations, jnp.float32))
    ones, zeros = jnp.ones(len(moves)), jnp.zeros(len(moves))
    return jnp.stack([ones, zeros, -moves[:, 0], zeros, ones, -moves[:, 1], zeros, zeros], axis=-1)


@define
def compose_transforms(first: Any, second: Any) -> Any:
    """``tf.contrib.image.compose_transforms`` of two: one transform after the other."""

    def matrices(rows: Any) -> Any:
        rows = jnp.atleast_2d(jnp.asarray(rows, jnp.float32))
        return jnp.concatenate([rows, jnp.ones((len(rows), 1))], axis=1).reshape(-1, 3, 3)

    flat = (matrices(first) @ matrices(second)).reshape(-1, 9)
    return (flat / flat[:, 8:])[:, :8]


def xavier_initializer(uniform: bool = True, seed: Any = None, dtype: Any = None) -> Any:
    """``tf.contrib.layers.xavier_initializer``."""
    return (initializers.GlorotUniform if uniform else initializers.GlorotNormal)(seed=seed)


def l2_regularizer(scale: float, scope: Any = None) -> Any:
    """``tf.contrib.layers.l2_regularizer``: half the sum of squares, scaled."""
    return regularizers.L2(0.5 * scale)


def l1_regularizer(scale: float, scope: Any = None) -> Any:
    """``tf.contrib.layers.l1_regularizer``."""
    return regularizers.L1(scale)
