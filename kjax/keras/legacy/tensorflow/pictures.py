"""TensorFlow's functions of pictures."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.core.settings import next_seed
from kjax.keras.legacy.tensorflow.door import define, dtype_of, function_of, shape_of
from kjax.keras.legacy.tensorflow.tensor import Tensor, unwrap
from kjax.nn import image as colours


@define
def resize_images(
    images: Any, size: Any, method: Any = "bilinear", preserve_aspect_ratio: bool = False, antialias: bool = False
) -> Any:
    method = {0: "bilinear", 1: "nearest", 2: "bicubic", 3: "area"}.get(method, method)
    rows, columns = shape_of(size)
    if preserve_aspect_ratio:
        height, width = images.shape[-3:-1]
        share = min(rows / height, columns / width)
        rows, columns = round(height * share), round(width * share)
    kept = images.dtype if method == "nearest" else jnp.float32
    if method in ("area", "gaussian", "mitchellcubic"):
        vertical, horizontal = (
            jnp.asarray(_weights(have, wanted, str(method), antialias), jnp.float32)
            for have, wanted in zip(images.shape[-3:-1], (rows, columns), strict=True)
        )
        return jnp.einsum("ih,jw,...hwc->...ijc", vertical, horizontal, jnp.asarray(images, jnp.float32))
    shape = (*images.shape[:-3], rows, columns, images.shape[-1])
    return jax.image.resize(jnp.asarray(images, jnp.float32), shape, str(method), antialias=antialias).astype(kept)


def _weights(have: int, wanted: int, method: str, antialias: bool) -> np.ndarray:
    """What each pixel of an axis counts for each new one: (new, old), by TensorFlow's kernels."""
    scale = have / wanted
    if method == "area":
        begin, end = np.arange(wanted)[:, None] * scale, np.arange(1, wanted + 1)[:, None] * scale
        share = np.minimum(end, np.arange(1, have + 1)) - np.maximum(begin, np.arange(have))
        return np.clip(share, 0, None) / scale
    wide = max(scale, 1.0) if antialias else 1.0
    away = np.abs(np.arange(have) + 0.5 - (np.arange(wanted)[:, None] + 0.5) * scale) / wide
    if method == "gaussian":  # of radius 1.5, three times its deviation
        found = np.where(away < 1.5, np.exp(-(away**2) / (2 * 0.5**2)), 0)
    else:  # Mitchell and Netravali, 1988, with both parameters 1/3
        near = ((7 * away - 12) * away**2 + 16 / 3) / 6
        far = ((-7 / 3 * away + 12) * away**2 - 20 * away + 32 / 3) / 6
        found = np.where(away < 1, near, np.where(away < 2, far, 0))
    return found / found.sum(1, keepdims=True)


@define
def flip_left_right(image: Any) -> Any:
    return jnp.flip(image, -2)


@define
def flip_up_down(image: Any) -> Any:
    return jnp.flip(image, -3)


def _as_floats(change: Callable[..., Any]) -> Callable[..., Any]:
    """A change of a picture as floats from 0 to 1; the picture keeps its type."""

    @functools.wraps(change)
    def changed(image: Any, *args: Any, **kwargs: Any) -> Any:
        dtype = image.dtype
        if jnp.issubdtype(dtype, jnp.floating):
            return change(image, *args, **kwargs)
        top = jnp.iinfo(dtype).max
        return jnp.clip(change(image / top, *args, **kwargs) * top + 0.5, 0, top).astype(dtype)

    return changed


@define
@_as_floats
def adjust_brightness(image: Any, delta: Any) -> Any:
    return image + delta


@define
@_as_floats
def adjust_contrast(images: Any, contrast_factor: Any) -> Any:
    middle = jnp.mean(images, (-3, -2), keepdims=True)
    return (images - middle) * contrast_factor + middle


@define
@_as_floats
def adjust_saturation(image: Any, saturation_factor: Any) -> Any:
    hsv = colours.rgb_to_hsv(image)
    return colours.hsv_to_rgb(hsv.at[..., 1].set(jnp.clip(hsv[..., 1] * saturation_factor, 0, 1)))


@define
@_as_floats
def adjust_hue(image: Any, delta: Any) -> Any:
    hsv = colours.rgb_to_hsv(image)
    return colours.hsv_to_rgb(hsv.at[..., 0].set(jnp.mod(hsv[..., 0] + delta, 1.0)))


@define
@_as_floats
def adjust_gamma(image: Any, gamma: Any = 1, gain: Any = 1) -> Any:
    return gain * image**gamma


@define
def rot90(image: Any, k: Any = 1) -> Any:
    return jnp.rot90(image, int(k) % 4, (-3, -2))


@define
def transpose_image(image: Any) -> Any:
    return jnp.swapaxes(image, -3, -2)


@define
def per_image_standardization(image: Any) -> Any:
    image = jnp.asarray(image, jnp.float32)
    axes, size = (-3, -2, -1), math.prod(image.shape[-3:])
    spread = jnp.maximum(jnp.std(image, axes, keepdims=True), 1 / math.sqrt(size))
    return (image - jnp.mean(image, axes, keepdims=True)) / spread


@define
def rgb_to_hsv(images: Any) -> Any:
    return colours.rgb_to_hsv(images)


@define
def hsv_to_rgb(images: Any) -> Any:
    return colours.hsv_to_rgb(images)


@define
def crop_to_bounding_box(
    image: Any, offset_height: Any, offset_width: Any, target_height: Any, target_width: Any
) -> Any:
    top, left, rows, columns = (int(v) for v in (offset_height, offset_width, target_height, target_width))
    return image[..., top : top + rows, left : left + columns, :]


@define
def pad_to_bounding_box(
    image: Any, offset_height: Any, offset_width: Any, target_height: Any, target_width: Any
) -> Any:
    top, left, rows, columns = (int(v) for v in (offset_height, offset_width, target_height, target_width))
    below, right = rows - top - image.shape[-3], columns - left - image.shape[-2]
    return jnp.pad(image, [(0, 0)] * (image.ndim - 3) + [(top, below), (left, right), (0, 0)])


@define
def resize_with_crop_or_pad(image: Any, target_height: Any, target_width: Any) -> Any:
    for axis, wanted in ((-3, int(target_height)), (-2, int(target_width))):
        have = image.shape[axis]
        if have > wanted:
            start = (have - wanted) // 2
            image = jax.lax.slice_in_dim(image, start, start + wanted, axis=image.ndim + axis)
        elif have < wanted:
            before = (wanted - have) // 2
            widths = [(0, 0)] * image.ndim
            widths[axis] = (before, wanted - have - before)
            image = jnp.pad(image, widths)
    return image


@define
def resize_with_pad(
    image: Any, target_height: Any, target_width: Any, method: Any = "bilinear", antialias: bool = False
) -> Any:
    wanted = int(target_height), int(target_width)
    ratio = max(have / want for have, want in zip(image.shape[-3:-1], wanted, strict=True))
    exact = [have / ratio for have in image.shape[-3:-1]]
    small = resize_images(image, tuple(int(size) for size in exact), method, antialias=antialias)
    top, left = (max(0, int((want - size) // 2)) for want, size in zip(wanted, exact, strict=True))
    return unwrap(pad_to_bounding_box(small, top, left, *wanted))


@define
def sobel_edges(image: Any) -> Any:
    kernels = jnp.array([[[-1, -2, -1], [0, 0, 0], [1, 2, 1]], [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]], jnp.float32)
    padded = jnp.pad(jnp.asarray(image, jnp.float32), [(0, 0), (1, 1), (1, 1), (0, 0)], "reflect")
    planes = jnp.moveaxis(padded, -1, 1).reshape(-1, 1, *padded.shape[1:3])
    found = jax.lax.conv_general_dilated(planes, kernels[:, None], (1, 1), "VALID")
    batch, rows, columns, channels = image.shape
    return jnp.moveaxis(found.reshape(batch, channels, 2, rows, columns), (1, 2), (3, 4))


@define
def psnr(a: Any, b: Any, max_val: Any) -> Any:
    error = jnp.mean(jnp.square(jnp.asarray(a, jnp.float32) - jnp.asarray(b, jnp.float32)), (-3, -2, -1))
    return 20 * jnp.log10(jnp.asarray(max_val, jnp.float32)) - 10 * jnp.log10(error)


@define
def ssim(
    img1: Any, img2: Any, max_val: Any, filter_size: int = 11, filter_sigma: float = 1.5, k1: float = 0.01, k2: float = 0.03
) -> Any:  # fmt: skip
    # Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861, with a Gaussian window.
    places = jnp.arange(filter_size) - (filter_size - 1) / 2
    line = jnp.exp(-jnp.square(places) / (2 * filter_sigma**2))
    window = jnp.outer(line, line) / jnp.sum(line) ** 2

    def blurred(x: Any) -> Any:
        planes = jnp.moveaxis(x, -1, -3).reshape(-1, 1, *x.shape[-3:-1])
        return jax.lax.conv_general_dilated(planes, window[None, None], (1, 1), "VALID")

    a, b = jnp.asarray(img1, jnp.float32), jnp.asarray(img2, jnp.float32)
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    mean_a, mean_b = blurred(a), blurred(b)
    means = mean_a * mean_b
    light = (2 * means + c1) / (mean_a**2 + mean_b**2 + c1)
    spread = blurred(a * a + b * b) - mean_a**2 - mean_b**2
    structure = (2 * (blurred(a * b) - means) + c2) / (spread + c2)
    return jnp.mean((light * structure).reshape(*a.shape[:-3], -1), -1)


@define
def extract_patches(images: Any, sizes: Any, strides: Any, rates: Any, padding: str) -> Any:
    from kjax.nn.ops import image as pictures

    return pictures.extract_patches(
        images, tuple(sizes[1:3]), tuple(strides[1:3]), dilation_rate=rates[1], padding=padding.lower()
    )


@define
def image_gradients(image: Any) -> Any:
    rows = jnp.pad(image[:, 1:] - image[:, :-1], [(0, 0), (0, 1), (0, 0), (0, 0)])
    columns = jnp.pad(image[:, :, 1:] - image[:, :, :-1], [(0, 0), (0, 0), (0, 1), (0, 0)])
    return rows, columns


# -- random changes ----------------------------------------------------------------------------------------------


def _draw(seed: Any) -> np.random.Generator:
    """Numbers of a pair of seeds, or the next of the session's."""
    from kjax.keras.core.settings import next_seed

    known = isinstance(seed, (tuple, list)) or hasattr(seed, "shape")
    return np.random.default_rng([int(s) for s in np.asarray(unwrap(seed))] if known else next_seed())


def _randomly(change: Callable[..., Any], name: str, pick: Callable[..., Any]) -> Callable[..., Any]:
    """A random change of a picture: ``pick`` draws the arguments of ``change``; the same with ``stateless_`` and a seed."""

    count = len(inspect.signature(pick).parameters) - 1

    def changed(image: Any, *args: Any, seed: Any = None, **kwargs: Any) -> Any:
        if len(args) + len(kwargs) > count:  # the seed may stand behind the arguments
            args, seed = args[:-1], args[-1]
        return change(image, *pick(_draw(seed), *args, **kwargs))

    changed.__name__ = changed.__qualname__ = name
    changed.__doc__ = f"``tf.image.{name}``."
    return changed


def _around(draw: Any, max_delta: float) -> tuple[float]:
    return (float(draw.uniform(-max_delta, max_delta)),)


def _between(draw: Any, lower: float, upper: float) -> tuple[float]:
    return (float(draw.uniform(lower, upper)),)


def _maybe(change: Callable[..., Any]) -> Callable[..., Any]:
    return lambda image, act: change(image) if act else identity(image)


def _coin(draw: Any) -> tuple[bool]:
    return (bool(draw.random() < 0.5),)


@define
def identity(image: Any) -> Any:
    return jnp.asarray(image)


random_flip_left_right = _randomly(_maybe(flip_left_right), "random_flip_left_right", _coin)
random_flip_up_down = _randomly(_maybe(flip_up_down), "random_flip_up_down", _coin)
random_brightness = _randomly(adjust_brightness, "random_brightness", _around)
random_contrast = _randomly(adjust_contrast, "random_contrast", _between)
random_saturation = _randomly(adjust_saturation, "random_saturation", _between)
random_hue = _randomly(adjust_hue, "random_hue", _around)


def random_crop(value: Any, size: Any, seed: Any = None, name: str | None = None) -> Any:
    """``tf.image.random_crop``: a part of the given size from a random place."""
    sizes = shape_of(size)
    draw = _draw(seed)
    whole = [s if w == -1 else w for s, w in zip(value.shape, sizes, strict=True)]
    starts = [int(draw.integers(0, have - want + 1)) for have, want in zip(value.shape, whole, strict=True)]
    return value[tuple(slice(a, a + n) for a, n in zip(starts, whole, strict=True))]


@define
def convert_image_dtype(image: Any, dtype: Any, saturate: bool = False) -> Any:
    image, wanted = jnp.asarray(image), dtype_of(dtype)
    whole, to_whole = (jnp.issubdtype(t, jnp.integer) for t in (image.dtype, wanted))
    if image.dtype == wanted or not (whole or to_whole):
        return image.astype(wanted)
    if not to_whole:
        return image.astype(wanted) / jnp.iinfo(image.dtype).max
    top = jnp.iinfo(wanted).max
    if not whole:
        scaled = image * (top + 0.5)
        return (jnp.clip(scaled, jnp.iinfo(wanted).min, top) if saturate else scaled).astype(wanted)
    have = jnp.iinfo(image.dtype).max
    if have > top:
        return (image // ((have + 1) // (top + 1))).astype(wanted)
    return image.astype(wanted) * ((top + 1) // (have + 1))


@define
def rgb_to_grayscale(images: Any) -> Any:
    images = jnp.asarray(images)
    floats = unwrap(convert_image_dtype(images, "float32"))
    weights = jnp.asarray([0.2989, 0.587, 0.114]).reshape((1,) * (floats.ndim - 1) + (3,))
    grey = jnp.sum(floats * weights, axis=-1, keepdims=True)
    return unwrap(convert_image_dtype(grey, str(images.dtype)))


@define
def grayscale_to_rgb(images: Any) -> Any:
    return jnp.repeat(images, 3, axis=-1)


@define
def central_crop(image: Any, central_fraction: float) -> Any:
    rows, columns = image.shape[-3:-1]
    top, left = int((rows - rows * central_fraction) / 2), int((columns - columns * central_fraction) / 2)
    return image[..., top : rows - top, left : columns - left, :]


@define
def total_variation(images: Any) -> Any:
    rows = jnp.abs(images[..., 1:, :, :] - images[..., :-1, :, :])
    columns = jnp.abs(images[..., :, 1:, :] - images[..., :, :-1, :])
    axes = (-1, -2, -3)
    return jnp.sum(rows, axes) + jnp.sum(columns, axes)


_YUV = np.array([[0.299, -0.14714119, 0.61497538], [0.587, -0.28886916, -0.51496512], [0.114, 0.43601035, -0.10001026]])
_YIQ = np.array([[0.299, 0.59590059, 0.21153661], [0.587, -0.27455667, -0.52273617], [0.114, -0.32134392, 0.31119955]])


def _by_matrix(matrix: np.ndarray, name: str) -> Callable[..., Any]:
    """Colours as products with a matrix."""
    return function_of(lambda images: images @ jnp.asarray(matrix, images.dtype), name)


rgb_to_yuv, yuv_to_rgb = _by_matrix(_YUV, "rgb_to_yuv"), _by_matrix(np.linalg.inv(_YUV), "yuv_to_rgb")
rgb_to_yiq, yiq_to_rgb = _by_matrix(_YIQ, "rgb_to_yiq"), _by_matrix(np.linalg.inv(_YIQ), "yiq_to_rgb")


def adjust_jpeg_quality(image: Any, jpeg_quality: int, name: str | None = None) -> Any:
    """``tf.image.adjust_jpeg_quality``: the picture as it is after it was written as JPEG."""
    from kjax.keras.legacy.tensorflow.files import decode_image, encode_jpeg

    array = np.asarray(unwrap(image))
    as_float = array.dtype.kind == "f"
    whole = (np.clip(array, 0, 1) * 255.5).astype(np.uint8) if as_float else array
    found = np.asarray(unwrap(decode_image(encode_jpeg(whole, quality=int(unwrap(jpeg_quality))))))
    return Tensor(jnp.asarray(found / np.float32(255) if as_float else found))


def random_jpeg_quality(image: Any, min_jpeg_quality: int, max_jpeg_quality: int, seed: Any = None) -> Any:
    """``tf.image.random_jpeg_quality``: :func:`adjust_jpeg_quality` with a quality drawn between two."""
    drawn = np.random.default_rng(next_seed() if seed is None else int(seed))
    return adjust_jpeg_quality(image, int(drawn.integers(min_jpeg_quality, max_jpeg_quality)))


def ssim_multiscale(
    img1: Any, img2: Any, max_val: Any, power_factors: Any = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333),
    filter_size: int = 11, filter_sigma: float = 1.5, k1: float = 0.01, k2: float = 0.03,
) -> Any:  # fmt: skip
    """``tf.image.ssim_multiscale``: how like pictures are, at several scales.

    Source: Wang, Simoncelli and Bovik, 2003, "Multiscale structural similarity for image quality assessment".
    """
    window = np.exp(-0.5 * ((np.arange(filter_size) - (filter_size - 1) / 2) / filter_sigma) ** 2)
    kernel = np.outer(window, window) / np.outer(window, window).sum()
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2

    def compute(a: Any, b: Any) -> Any:
        def blurred(x: Any) -> Any:
            planes = jnp.moveaxis(x, -1, 1).reshape(-1, 1, *x.shape[1:3])
            found = jax.lax.conv_general_dilated(planes, jnp.asarray(kernel[None, None], x.dtype), (1, 1), "VALID")
            return found.reshape(x.shape[0], x.shape[-1], *found.shape[2:])

        def halved(x: Any) -> Any:
            x = jnp.pad(x, [(0, 0), (0, x.shape[1] % 2), (0, x.shape[2] % 2), (0, 0)], "symmetric")
            return x.reshape(x.shape[0], x.shape[1] // 2, 2, x.shape[2] // 2, 2, -1).mean((2, 4))

        a, b = jnp.asarray(a, jnp.float32), jnp.asarray(b, jnp.float32)
        parts = []
        for scale in range(len(power_factors)):
            if scale:
                a, b = halved(a), halved(b)
            ma, mb = blurred(a), blurred(b)
            light = (2 * ma * mb + c1) / (ma**2 + mb**2 + c1)
            shape = (2 * (blurred(a * b) - ma * mb) + c2) / (blurred(a**2 + b**2) - ma**2 - mb**2 + c2)
            last = scale == len(power_factors) - 1
            parts.append(jax.nn.relu(jnp.mean(light * shape if last else shape, (2, 3))))
        powers = jnp.asarray(power_factors)[:, None, None]
        return jnp.mean(jnp.prod(jnp.stack(parts) ** powers, 0), -1)

    return _applied(compute, "ssim_multiscale")(img1, img2)


def _applied(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    from kjax.keras.legacy.tensorflow.tensor import apply

    return lambda *args: apply(function, args, {}, name)


def stateless_random_jpeg_quality(image: Any, min_jpeg_quality: int, max_jpeg_quality: int, seed: Any) -> Any:
    """``tf.image.stateless_random_jpeg_quality``."""
    draw = np.random.default_rng([int(s) for s in np.asarray(unwrap(seed))])
    return adjust_jpeg_quality(image, int(draw.integers(min_jpeg_quality, max_jpeg_quality)))
