"""ImageDataGenerator: batches of images, changed at random and standardized on the host."""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from kjax.keras.core.settings import settings
from kjax.keras.legacy.arguments import respelled
from kjax.keras.preprocessing.image import affine
from kjax.keras.preprocessing.image.arguments import LABELLED, SAVED, takes
from kjax.keras.preprocessing.image.files import check_channels, format_of
from kjax.keras.preprocessing.image.iterators import NumpyArrayIterator
from kjax.keras.preprocessing.image.stored import DataFrameIterator, DirectoryIterator

EPSILON = 1e-6


class ImageDataGenerator:
    """Random changes and standardization of images.

    Random numbers come from NumPy's global generator, in the order in which Keras draws them.

    Args:
        featurewise_center: subtract the mean of each channel over the data set (needs :meth:`fit`).
        samplewise_center: subtract each image's mean.
        featurewise_std_normalization: divide by the standard deviation of each channel (needs :meth:`fit`).
        samplewise_std_normalization: divide each image by its standard deviation.
        zca_whitening: remove correlations between pixels (needs :meth:`fit`).
        zca_epsilon: keeps small components of the whitening from growing too much.
        rotation_range: largest rotation in degrees.
        width_shift_range: largest shift: below 1 a part of the width, from 1 on pixels; a list gives the choices; an
            integer n stands for the whole pixels below n.
        height_shift_range: the same of the height.
        brightness_range: (lowest, highest) factor of the brightness.
        shear_range: largest shear in degrees.
        zoom_range: (lowest, highest) zoom, or z for (1 - z, 1 + z).
        channel_shift_range: largest number that is added to all values.
        fill_mode: ``'constant'``, ``'nearest'``, ``'reflect'`` or ``'wrap'``: what comes in from outside.
        cval: value for ``'constant'``.
        horizontal_flip: mirror left and right with probability 1/2.
        vertical_flip: mirror top and bottom with probability 1/2.
        rescale: factor for all values, applied after the random changes.
        preprocessing_function: from an image to an image, applied before rescaling.
        data_format: where the channels are; the session's by default.
        validation_split: part of the images that ``subset='validation'`` selects.
        interpolation_order: degree of the spline that interpolates.
        dtype: type of the images; the session's float type by default.

    Raises:
        ValueError: an argument that cannot be used.
    """

    @respelled
    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: Any = 0.0,
        height_shift_range: Any = 0.0,
        brightness_range: Any = None,
        shear_range: float = 0.0,
        zoom_range: Any = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[np.ndarray], np.ndarray] | None = None,
        data_format: str | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: Any = None,
    ) -> None:
        self.featurewise_center = featurewise_center
        self.samplewise_center = samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening = zca_whitening
        self.zca_epsilon = zca_epsilon
        self.rotation_range = rotation_range
        self.width_shift_range = width_shift_range
        self.height_shift_range = height_shift_range
        self.shear_range = shear_range
        self.channel_shift_range = channel_shift_range
        self.fill_mode = fill_mode
        self.cval = cval
        self.horizontal_flip = horizontal_flip
        self.vertical_flip = vertical_flip
        self.rescale = rescale
        self.preprocessing_function = preprocessing_function
        self.interpolation_order = interpolation_order
        self.dtype = dtype or settings.floatx
        self.data_format = format_of(data_format)
        first = self.data_format == "channels_first"
        self.channel_axis, self.row_axis, self.col_axis = (1, 2, 3) if first else (3, 1, 2)
        if validation_split and not 0 < validation_split < 1:
            raise ValueError(f"`validation_split` must be between 0 and 1, received {validation_split!r}")
        self._validation_split = validation_split
        self.mean: Any = None
        self.std: Any = None
        self.principal_components: Any = None
        if isinstance(zoom_range, numbers.Real):
            self.zoom_range = [1 - float(zoom_range), 1 + float(zoom_range)]
        elif np.ndim(zoom_range) == 1 and len(zoom_range) == 2:
            self.zoom_range = [zoom_range[0], zoom_range[1]]
        else:
            raise ValueError(f"`zoom_range` should be a float or two floats, received {zoom_range!r}")
        if brightness_range is not None and np.shape(brightness_range) != (2,):
            raise ValueError(f"`brightness_range` should be two floats, received {brightness_range!r}")
        self.brightness_range = brightness_range
        self._imply("zca_whitening", "featurewise_center", True)
        self._imply("zca_whitening", "featurewise_std_normalization", False)
        self._imply("featurewise_std_normalization", "featurewise_center", True)
        self._imply("samplewise_std_normalization", "samplewise_center", True)

    def _imply(self, given: str, implied: str, value: bool) -> None:
        if getattr(self, given) and bool(getattr(self, implied)) != value:
            setattr(self, implied, value)
            warnings.warn(f"ImageDataGenerator: `{given}` sets `{implied}` to {value}", stacklevel=3)

    # -- where images come from ----------------------------------------------------------------------------------

    @takes(f"x y batch_size shuffle sample_weight seed {SAVED} ignore_class_split subset")
    def flow(self, ignore_class_split: Any, subset: str | None, **given: Any) -> NumpyArrayIterator:
        """Batches from arrays."""
        if isinstance(ignore_class_split, str):  # Keras 2.2 has the subset in this place
            ignore_class_split, subset = False, ignore_class_split
        return NumpyArrayIterator(**given, subset=subset, ignore_class_split=ignore_class_split, **self._own())

    @takes(f"directory {LABELLED} {SAVED} follow_links subset interpolation keep_aspect_ratio")
    def flow_from_directory(self, **given: Any) -> DirectoryIterator:
        """Batches from a folder with a folder for each class."""
        return DirectoryIterator(**given, **self._own())

    @takes(
        f"dataframe directory x_col y_col weight_col {LABELLED} {SAVED} subset interpolation validate_filenames",
        more="keep_aspect_ratio has_ext sort drop_duplicates",
        directory=None,
    )
    def flow_from_dataframe(self, class_mode: str | None, **given: Any) -> DataFrameIterator:
        """Batches of the image files that a table names.

        ``sort`` and ``drop_duplicates``, of older versions, are taken and have no effect.
        """
        for name in ("sort", "drop_duplicates"):
            if given.pop(name, None) is not None:
                warnings.warn(f"flow_from_dataframe: `{name}` has no effect any more", DeprecationWarning, stacklevel=3)
        if class_mode == "other":
            warnings.warn("class_mode 'other' is called 'raw' today", DeprecationWarning, stacklevel=3)
            class_mode = "raw"
        return DataFrameIterator(**given, class_mode=class_mode, **self._own())

    def _own(self) -> dict[str, Any]:
        """What an iterator takes from the generator."""
        return {"image_data_generator": self, "data_format": self.data_format, "dtype": self.dtype}

    # -- what happens to an image --------------------------------------------------------------------------------

    def standardize(self, x: np.ndarray) -> np.ndarray:
        """One image, or a batch of them, standardized; floating-point arrays are changed in place, as in Keras."""
        if self.preprocessing_function:
            x = self.preprocessing_function(x)
        if self.rescale:
            x *= self.rescale
        if self.samplewise_center:
            x -= np.mean(x, keepdims=True)
        if self.samplewise_std_normalization:
            x /= np.std(x, keepdims=True) + EPSILON
        if self.featurewise_center and self._is_fitted("featurewise_center", self.mean):
            x -= self.mean
        if self.featurewise_std_normalization and self._is_fitted("featurewise_std_normalization", self.std):
            x /= self.std + EPSILON
        if self.zca_whitening and self._is_fitted("zca_whitening", self.principal_components):
            flat = np.reshape(x, (-1, int(np.prod(x.shape[-3:]))))
            x = np.reshape(flat @ self.principal_components, x.shape)
        return x

    @staticmethod
    def _is_fitted(argument: str, statistic: Any) -> bool:
        if statistic is None:
            warnings.warn(
                f"ImageDataGenerator: `{argument}` has no effect before `.fit(images)` was called", stacklevel=3
            )
        return statistic is not None

    def get_random_transform(self, img_shape: Any, seed: int | None = None) -> dict[str, Any]:
        """Draw the parameters of a random change.

        Args:
            img_shape: shape of one image.
            seed: for NumPy's global generator.

        Returns:
            What :meth:`apply_transform` takes.
        """
        if seed is not None:
            np.random.seed(seed)
        # The order of the draws is part of what this promises.
        theta = np.random.uniform(-self.rotation_range, self.rotation_range) if self.rotation_range else 0
        tx = _shift(self.height_shift_range, img_shape[self.row_axis - 1])
        ty = _shift(self.width_shift_range, img_shape[self.col_axis - 1])
        shear = np.random.uniform(-self.shear_range, self.shear_range) if self.shear_range else 0
        low, high = self.zoom_range
        zx, zy = (1, 1) if low == high == 1 else np.random.uniform(low, high, 2)
        flip_horizontal = (np.random.random() < 0.5) * self.horizontal_flip
        flip_vertical = (np.random.random() < 0.5) * self.vertical_flip
        reach = self.channel_shift_range
        intensity = np.random.uniform(-reach, reach) if reach != 0 else None
        brightness = None if self.brightness_range is None else np.random.uniform(*self.brightness_range)
        return {
            "theta": theta,
            "tx": tx,
            "ty": ty,
            "shear": shear,
            "zx": zx,
            "zy": zy,
            "flip_horizontal": flip_horizontal,
            "flip_vertical": flip_vertical,
            "channel_shift_intensity": intensity,
            "brightness": brightness,
        }

    def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray:
        """Change one image.

        Args:
            x: image of 3 axes.
            transform_parameters: any of ``theta``, ``tx``, ``ty``, ``shear``, ``zx``, ``zy`` (see
                :func:`apply_affine_transform`), ``flip_horizontal``, ``flip_vertical``, ``channel_shift_intensity``,
                ``brightness``.
        """
        given = transform_parameters
        rows, columns, channels = self.row_axis - 1, self.col_axis - 1, self.channel_axis - 1
        x = affine.apply_affine_transform(
            x,
            **{name: given[name] for name in ("theta", "tx", "ty", "shear", "zx", "zy") if name in given},
            row_axis=rows,
            col_axis=columns,
            channel_axis=channels,
            fill_mode=self.fill_mode,
            cval=self.cval,
            order=self.interpolation_order,
        )
        if given.get("channel_shift_intensity") is not None:
            x = affine.apply_channel_shift(x, given["channel_shift_intensity"], channels)
        if given.get("flip_horizontal"):
            x = affine.flip_axis(x, columns)
        if given.get("flip_vertical"):
            x = affine.flip_axis(x, rows)
        if given.get("brightness") is not None:
            x = affine.apply_brightness_shift(x, given["brightness"])
        return x

    def random_transform(self, x: np.ndarray, seed: int | None = None) -> np.ndarray:
        """One image, changed at random."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Learn means, standard deviations and the whitening from images.

        Args:
            x: images, 4 axes.
            augment: learn from randomly changed images.
            rounds: how many changed images of each, with ``augment``.
            seed: for NumPy's global generator.

        Raises:
            ValueError: another number of axes.
        """
        x = np.array(x, dtype=self.dtype)
        if x.ndim != 4:
            raise ValueError(f"`fit` needs a batch of images, 4 axes, received an array of shape {x.shape}")
        check_channels(x.shape, self.channel_axis, self.data_format, "ImageDataGenerator.fit", frames=2)
        if seed is not None:
            np.random.seed(seed)
        if self.rescale:
            x *= self.rescale
        if augment:
            x = np.stack([self.random_transform(image) for _ in range(rounds) for image in x]).astype(self.dtype)
        axes = (0, self.row_axis, self.col_axis)
        if self.featurewise_center:
            self.mean = np.mean(x, axis=axes, keepdims=True)[0]
            x -= self.mean
        if self.featurewise_std_normalization:
            self.std = np.std(x, axis=axes, keepdims=True)[0]
            x /= self.std + EPSILON
        if self.zca_whitening:
            from scipy import linalg

            flat = x.reshape(len(x), -1)
            u, s, _ = linalg.svd(flat.T @ flat / len(flat))
            self.principal_components = (u * (1.0 / np.sqrt(s[np.newaxis] + self.zca_epsilon))) @ u.T


def _shift(reach: Any, size: int) -> float:
    """A shift in pixels: a choice of the given ones (or of those below an integer), or a number from a range."""
    if np.ndim(reach) == 0 and not reach:
        return 0
    if np.ndim(reach) == 0 and not isinstance(reach, (int, np.integer)):
        shift = np.random.uniform(-reach, reach)
    else:
        shift = np.random.choice(reach) * np.random.choice([-1, 1])
    return shift * size if np.max(reach) < 1 else shift
