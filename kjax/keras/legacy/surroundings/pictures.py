"""The functions for pictures of ``scipy.misc``, on Pillow. Formulas: SciPy 1.1, ``scipy/misc/pilutil.py``."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np


def _pillow(module: str = "Image") -> Any:
    try:
        return importlib.import_module(f"PIL.{module}")
    except ImportError as error:
        raise ImportError("the functions of scipy.misc for pictures need Pillow: pip install 'kjax[image]'") from error


def _resampling(interp: str, known: str) -> Any:
    names = {
        "nearest": "NEAREST",
        "lanczos": "LANCZOS",
        "bilinear": "BILINEAR",
        "bicubic": "BICUBIC",
        "cubic": "BICUBIC",
    }
    if interp not in names:
        raise ValueError(f"argument `interp` of {known} must be one of {sorted(names)}, received {interp!r}")
    return getattr(_pillow().Resampling, names[interp])


def bytescale(data: Any, cmin: Any = None, cmax: Any = None, high: int = 255, low: int = 0) -> np.ndarray:
    """Values between ``cmin`` and ``cmax`` (the smallest and largest by default) as bytes between ``low`` and ``high``.

    Args:
        data: array of any shape; bytes stay as they are.
        cmin: value that becomes ``low``.
        cmax: value that becomes ``high``.
        high: at most 255.
        low: at least 0.

    Raises:
        ValueError: limits in the wrong order or no bytes.
    """
    data = np.asarray(data)
    if data.dtype == np.uint8:
        return data
    if not 0 <= low <= high <= 255:
        raise ValueError(f"0 <= low <= high <= 255 must hold, received low={low} and high={high}")
    cmin = data.min() if cmin is None else cmin
    cmax = data.max() if cmax is None else cmax
    if cmax < cmin:
        raise ValueError(f"`cmax` must not be smaller than `cmin`, received {cmax} and {cmin}")
    scale = (high - low) / (float(cmax) - float(cmin) or 1.0)
    return (np.clip((data - cmin) * scale + low, low, high) + 0.5).astype(np.uint8)


def toimage(
    arr: Any,
    high: int = 255,
    low: int = 0,
    cmin: Any = None,
    cmax: Any = None,
    pal: Any = None,
    mode: str | None = None,
    channel_axis: int | None = None,
) -> Any:
    """A picture of Pillow of an array, whose values are scaled to bytes.

    Args:
        arr: (height, width), or with an axis of 3 or 4 channels.
        high: see :func:`bytescale`.
        low: likewise.
        cmin: likewise.
        cmax: likewise.
        pal: palette of a grey picture.
        mode: of Pillow: ``'L'``, ``'P'``, ``'F'``, ``'I'``, ``'1'``, ``'RGB'``, ``'RGBA'``.
        channel_axis: axis of the channels; by default the last one of length 3 or 4.

    Raises:
        ValueError: an array of another shape.
    """
    image, data = _pillow(), np.asarray(arr)
    if np.iscomplexobj(data):
        raise ValueError("an array of complex numbers is no picture")
    if data.ndim == 2:
        if mode == "F":
            return image.fromarray(data.astype(np.float32))
        if mode == "I":
            return image.fromarray(data.astype(np.int32))
        picture = image.fromarray(bytescale(data, cmin, cmax, high, low))
        if mode in (None, "L", "P"):
            if pal is not None:
                picture.putpalette(np.asarray(pal, np.uint8).tobytes())
            return picture
        if mode == "1":
            return image.fromarray(bytescale(data, cmin, cmax, high, low) > 127)
        return picture.convert(mode)
    channels = [axis for axis in range(data.ndim) if data.shape[axis] in (3, 4)]
    if data.ndim != 3 or not channels:
        raise ValueError(f"a picture has the shape (height, width), or 3 or 4 channels besides, received {data.shape}")
    axis = (2 if 2 in channels else channels[-1]) if channel_axis is None else channel_axis
    if data.shape[axis] not in (3, 4):
        raise ValueError(f"axis {axis} of an array of shape {data.shape} is no axis of 3 or 4 channels")
    picture = image.fromarray(np.ascontiguousarray(np.moveaxis(bytescale(data, cmin, cmax, high, low), axis, -1)))
    return picture if mode is None else picture.convert(mode)


def fromimage(im: Any, flatten: bool = False, mode: str | None = None) -> np.ndarray:
    """The array of a picture of Pillow.

    Args:
        im: the picture.
        flatten: as grey values of float32.
        mode: turn it into this mode first.
    """
    if mode is not None:
        im = im if im.mode == mode else im.convert(mode)
    elif im.mode == "P":
        im = im.convert("RGBA" if "transparency" in im.info else "RGB")
    if flatten:
        im = im.convert("F")
    elif im.mode == "1":
        im = im.convert("L")
    return np.array(im)


def imread(name: Any, flatten: bool = False, mode: str | None = None) -> np.ndarray:
    """The array of a picture in a file; arguments as for :func:`fromimage`."""
    with _pillow().open(name) as im:
        return fromimage(im, flatten=flatten, mode=mode)


def imsave(name: Any, arr: Any, format: str | None = None) -> None:
    """Write an array as a picture, its values scaled to bytes.

    Args:
        name: file name or file object.
        arr: see :func:`toimage`.
        format: of the file; by default told by the name.
    """
    toimage(arr, channel_axis=2 if np.ndim(arr) == 3 else None).save(name, format)


def imresize(arr: Any, size: Any, interp: str = "bilinear", mode: str | None = None) -> np.ndarray:
    """A picture in another size, as bytes.

    Args:
        arr: see :func:`toimage`.
        size: percents (int), a factor (float), or (height, width).
        interp: ``'nearest'``, ``'lanczos'``, ``'bilinear'``, ``'bicubic'`` or ``'cubic'``.
        mode: see :func:`toimage`.
    """
    im = toimage(arr, mode=mode)
    if np.ndim(size):
        wanted = (int(size[1]), int(size[0]))
    else:
        factor = size / 100.0 if isinstance(size, (int, np.integer)) else size
        wanted = (int(im.size[0] * factor), int(im.size[1] * factor))
    return fromimage(im.resize(wanted, resample=_resampling(interp, "imresize")))


def imrotate(arr: Any, angle: float, interp: str = "bilinear") -> np.ndarray:
    """A picture turned around its centre, in its own size, as bytes.

    Args:
        arr: see :func:`toimage`.
        angle: in degrees, counter-clockwise.
        interp: see :func:`imresize`.
    """
    kind = _resampling("bicubic" if interp == "lanczos" else interp, "imrotate")
    return fromimage(toimage(arr).rotate(angle, resample=kind))


def imfilter(arr: Any, ftype: str) -> np.ndarray:
    """A picture through one of Pillow's filters.

    Args:
        arr: see :func:`toimage`.
        ftype: ``'blur'``, ``'contour'``, ``'detail'``, ``'edge_enhance'``, ``'edge_enhance_more'``, ``'emboss'``,
            ``'find_edges'``, ``'smooth'``, ``'smooth_more'`` or ``'sharpen'``.
    """
    filters = _pillow("ImageFilter")
    known = "blur contour detail edge_enhance edge_enhance_more emboss find_edges smooth smooth_more sharpen".split()
    if ftype not in known:
        raise ValueError(f"argument `ftype` must be one of {known}, received {ftype!r}")
    return fromimage(toimage(arr).filter(getattr(filters, ftype.upper())))


def imshow(arr: Any) -> None:
    """Show a picture in the viewer of the system."""
    toimage(arr).show()
