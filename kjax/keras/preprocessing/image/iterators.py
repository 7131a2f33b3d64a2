"""Batches of images in random order: the base of the iterators, and the one over arrays."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator as PythonIterator
from typing import Any

import numpy as np

from kjax.data.py_dataset import PyDataset
from kjax.keras.core.settings import settings
from kjax.keras.preprocessing.image.arguments import REQUIRED, SAVED, takes
from kjax.keras.preprocessing.image.files import array_to_img, check_channels, format_of


class Iterator(PyDataset):
    """Numbered batches of numbered samples; as an iterator it never ends.

    A subclass writes ``_get_batches_of_transformed_samples(index_array)``. Orders come from NumPy's global generator.

    Args:
        n: number of samples.
        batch_size: samples in a batch.
        shuffle: draw a new order for each epoch.
        seed: seeds NumPy's global generator before each batch, with the number of batches seen added.
    """

    def __init__(self, n: int, batch_size: int, shuffle: bool, seed: int | None) -> None:
        super().__init__()
        self.n = n
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.batch_index = 0
        self.total_batches_seen = 0
        self.lock = threading.Lock()
        self.index_array: np.ndarray | None = None
        self.index_generator = self._flow_index()

    def _set_index_array(self) -> None:
        self.index_array = np.random.permutation(self.n) if self.shuffle else np.arange(self.n)

    def _seed_batch(self) -> None:
        if self.seed is not None:
            np.random.seed(self.seed + self.total_batches_seen)

    def __getitem__(self, idx: int) -> Any:
        if idx >= len(self):
            raise ValueError(f"batch {idx} was asked for, but there are {len(self)} batches")
        self._seed_batch()
        self.total_batches_seen += 1
        if self.index_array is None:
            self._set_index_array()
        assert self.index_array is not None
        chosen = self.index_array[self.batch_size * idx : self.batch_size * (idx + 1)]
        return self._get_batches_of_transformed_samples(chosen)

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def on_epoch_end(self) -> None:
        """Draw the order of the next epoch."""
        self._set_index_array()

    def reset(self) -> None:
        """Begin anew with the first batch."""
        self.batch_index = 0

    def _flow_index(self) -> PythonIterator[np.ndarray]:
        self.reset()
        while True:
            self._seed_batch()
            if self.batch_index == 0:
                self._set_index_array()
            assert self.index_array is not None
            start = self.batch_index * self.batch_size % self.n if self.n else 0
            self.batch_index = self.batch_index + 1 if self.n > start + self.batch_size else 0
            self.total_batches_seen += 1
            yield self.index_array[start : start + self.batch_size]

    def __iter__(self) -> PythonIterator[Any]:
        return self

    def __next__(self) -> Any:
        return self.next()

    def next(self) -> Any:
        """The next batch; after the last one comes the first of a new epoch."""
        with self.lock:
            chosen = next(self.index_generator)
        return self._get_batches_of_transformed_samples(chosen)

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define _get_batches_of_transformed_samples")


class ImageIterator(Iterator):
    """What the iterators over images share: changing a picture, and keeping copies of what was made."""

    image_data_generator: Any
    data_format: str
    dtype: Any
    save_to_dir: Any
    save_prefix: str
    save_format: str
    # How far the random part of the names of saved copies goes.
    name_range = 10**7

    def _keep(
        self,
        image_data_generator: Any,
        data_format: str | None,
        dtype: Any,
        save_to_dir: Any,
        save_prefix: str,
        save_format: str,
    ) -> None:
        self.image_data_generator = image_data_generator
        self.data_format = format_of(data_format)
        self.dtype = dtype or settings.floatx
        self.save_to_dir, self.save_prefix, self.save_format = save_to_dir, save_prefix, save_format

    def _changed(self, x: np.ndarray) -> np.ndarray:
        generator = self.image_data_generator
        if generator is None:
            return x
        x = generator.apply_transform(x, generator.get_random_transform(x.shape))
        return generator.standardize(x)

    def _save(self, batch: np.ndarray, index_array: np.ndarray) -> None:
        if not self.save_to_dir:
            return
        for image, index in zip(batch, index_array, strict=True):
            number = np.random.randint(self.name_range)
            name = f"{self.save_prefix}_{index}_{number}.{self.save_format}"
            array_to_img(image, self.data_format, scale=True).save(os.path.join(self.save_to_dir, name))


class NumpyArrayIterator(ImageIterator):
    """Batches of randomly changed images from arrays."""

    name_range = 10**4

    @takes(
        "x y image_data_generator batch_size shuffle sample_weight seed data_format "
        f"{SAVED} subset ignore_class_split dtype",
        y=REQUIRED,
        image_data_generator=REQUIRED,
        shuffle=False,
    )
    def __init__(
        self,
        x: Any,
        y: Any,
        image_data_generator: Any,
        batch_size: int,
        shuffle: bool,
        sample_weight: Any,
        seed: int | None,
        subset: str | None,
        ignore_class_split: bool,
        **how: Any,
    ) -> None:
        """Look at the arrays.

        Raises:
            ValueError: arrays of different lengths, no images, or parts with different classes.
        """
        self._keep(image_data_generator, **how)
        further: list[np.ndarray] = []
        if isinstance(x, (tuple, list)):
            others = x[1] if isinstance(x[1], list) else [x[1]]
            x, further = x[0], [np.asarray(other) for other in others]
        lengths = [("y", y), ("sample_weight", sample_weight), *(("a further array", a) for a in further)]
        for name, array in lengths:
            if array is not None and len(array) != len(x):
                raise ValueError(
                    f"the images and {name} must have the same length, received {np.shape(x)} and {np.shape(array)}"
                )
        if subset is not None:
            part = subset_slice(subset, len(x), image_data_generator._validation_split)
            if y is not None and not ignore_class_split:
                cut = int(len(x) * image_data_generator._validation_split)
                if not np.array_equal(np.unique(y[:cut]), np.unique(y[cut:])):
                    raise ValueError(
                        "the training and the validation part have different classes; if the samples are sorted by "
                        "class, shuffle them first"
                    )
            x, further = x[part], [a[part] for a in further]
            y = None if y is None else y[part]
            sample_weight = None if sample_weight is None else sample_weight[part]
        self.x = np.asarray(x, dtype=self.dtype)
        self.x_misc = further
        if self.x.ndim != 4:
            raise ValueError(f"images have 4 axes, received an array of shape {self.x.shape}")
        check_channels(
            self.x.shape, 3 if self.data_format == "channels_last" else 1, self.data_format, "flow", frames=5
        )
        self.y = None if y is None else np.asarray(y)
        self.sample_weight = None if sample_weight is None else np.asarray(sample_weight)
        super().__init__(len(self.x), batch_size, shuffle, seed)

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        batch = np.zeros((len(index_array), *self.x.shape[1:]), self.dtype)
        for i, j in enumerate(index_array):
            # A copy: standardizing works in place, and a change of nothing returns the image itself.
            batch[i] = self._changed(self.x[j].astype(self.dtype))
        self._save(batch, index_array)
        inputs = [batch, *(a[index_array] for a in self.x_misc)] if self.x_misc else batch
        if self.y is None:
            return inputs
        if self.sample_weight is None:
            return inputs, self.y[index_array]
        return inputs, self.y[index_array], self.sample_weight[index_array]


def subset_slice(subset: str, count: int, validation_split: float) -> slice:
    """The samples of ``'validation'`` (the first) or ``'training'`` (the rest).

    Raises:
        ValueError: another name.
    """
    if subset not in ("training", "validation"):
        raise ValueError(f"argument `subset` must be 'training' or 'validation', received {subset!r}")
    cut = int(count * validation_split)
    return slice(0, cut) if subset == "validation" else slice(cut, count)
