"""Batches of images from files: those of a folder, and those that a table names."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator as PythonIterator
from typing import Any

import numpy as np

from kjax.keras.preprocessing.image.arguments import LABELLED, REQUIRED, SAVED, takes
from kjax.keras.preprocessing.image.files import FORMATS, img_to_array, load_img
from kjax.keras.preprocessing.image.iterators import ImageIterator, subset_slice

CHANNELS = {"rgb": 3, "rgba": 4, "grayscale": 1}


def image_files(directory: str, follow_links: bool = False) -> PythonIterator[str]:
    """Paths of the image files in a folder and the folders inside, sorted by folder, then by name."""
    for root, _, names in sorted(os.walk(directory, followlinks=follow_links)):
        for name in sorted(names):
            if name.lower().endswith(tuple(f".{ending}" for ending in FORMATS)):
                yield os.path.join(root, name)


class _FileIterator(ImageIterator):
    """What the two share: reading files, and targets of each class mode."""

    white_list_formats = FORMATS
    allowed_class_modes: frozenset[str | None] = frozenset()
    class_indices: dict[Any, int]
    classes: Any
    filenames: list[str]
    samples: int
    num_classes: int
    _filepaths: list[str]

    @property
    def nb_sample(self) -> int:
        """The number of samples, as Keras 1 called it."""
        return self.samples

    @property
    def nb_class(self) -> int:
        """The number of classes, as Keras 1 called it."""
        return self.num_classes

    @takes(
        f"image_data_generator target_size color_mode data_format {SAVED} subset interpolation keep_aspect_ratio dtype"
    )
    def set_processing_attrs(
        self,
        target_size: Any,
        color_mode: str,
        subset: str | None,
        interpolation: str,
        keep_aspect_ratio: bool,
        **how: Any,
    ) -> None:
        """Keep what says how a file becomes an image.

        Raises:
            ValueError: unknown color mode or subset.
        """
        self._keep(**how)
        if np.shape(target_size) != (2,):
            raise ValueError(f"argument `target_size` must be (height, width), received {target_size!r}")
        self.target_size = tuple(target_size)
        if color_mode not in CHANNELS:
            raise ValueError(f'argument `color_mode` must be "rgb", "rgba" or "grayscale", received {color_mode!r}')
        self.color_mode = color_mode
        channels = (CHANNELS[color_mode],)
        last = self.data_format == "channels_last"
        self.image_shape = self.target_size + channels if last else channels + self.target_size
        self.subset = subset
        if subset is not None:
            subset_slice(subset, 0, 0.0)  # refuses unknown names
        self.interpolation = interpolation
        self.keep_aspect_ratio = keep_aspect_ratio

    def _check_class_mode(self, class_mode: str | None) -> None:
        if class_mode not in self.allowed_class_modes:
            known = sorted(map(str, self.allowed_class_modes))
            raise ValueError(f"argument `class_mode` must be one of {known}, received {class_mode!r}")
        self.class_mode = class_mode

    def _part(self, files: list[Any]) -> list[Any]:
        if self.subset is None:
            return files
        return files[subset_slice(self.subset, len(files), self.image_data_generator._validation_split)]

    @property
    def filepaths(self) -> list[str]:
        """Paths of the files, in the order of the samples."""
        return self._filepaths

    @property
    def labels(self) -> Any:
        """Classes of the samples."""
        return self.classes

    @property
    def sample_weight(self) -> Any:
        """Weights of the samples, or None."""
        return None

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        batch = np.zeros((len(index_array), *self.image_shape), self.dtype)
        for i, j in enumerate(index_array):
            image = load_img(
                self.filepaths[j],
                color_mode=self.color_mode,
                target_size=self.target_size,
                interpolation=self.interpolation,
                keep_aspect_ratio=self.keep_aspect_ratio,
            )
            batch[i] = self._changed(img_to_array(image, data_format=self.data_format))
        self._save(batch, index_array)
        if self.class_mode is None:
            return batch
        targets = self._targets_of(batch, index_array)
        if self.sample_weight is None:
            return batch, targets
        return batch, targets, self.sample_weight[index_array]

    def _targets_of(self, batch: np.ndarray, index_array: np.ndarray) -> Any:
        match self.class_mode:
            case "input":
                return batch.copy()
            case "binary" | "sparse":
                return np.array([self.classes[j] for j in index_array], self.dtype)
            case "categorical":
                targets = np.zeros((len(batch), len(self.class_indices)), self.dtype)
                for row, j in zip(targets, index_array, strict=True):
                    row[self.classes[j]] = 1.0
                return targets
            case "multi_output":
                return [output[index_array] for output in self.labels]
            case _:
                return self.labels[index_array]


class DirectoryIterator(_FileIterator):
    """Batches of images from a folder that holds a folder for each class."""

    allowed_class_modes = frozenset({"categorical", "binary", "sparse", "input", None})

    @takes(
        f"directory image_data_generator {LABELLED} data_format "
        f"{SAVED} follow_links subset interpolation keep_aspect_ratio dtype",
        image_data_generator=REQUIRED,
    )
    def __init__(
        self,
        directory: Any,
        classes: Any,
        class_mode: str | None,
        batch_size: int,
        shuffle: bool,
        seed: int | None,
        follow_links: bool,
        **how: Any,
    ) -> None:
        """Find the files.

        Raises:
            ValueError: an unknown color mode, class mode or subset.
        """
        self.set_processing_attrs(**how)
        self.directory = directory
        self._check_class_mode(class_mode)
        if not classes:
            classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
        self.num_classes = len(classes)
        self.class_indices = {name: number for number, name in enumerate(classes)}
        numbers: list[int] = []
        self.filenames = []
        for name, number in self.class_indices.items():
            files = self._part(list(image_files(os.path.join(directory, name), follow_links)))
            self.filenames += [os.path.relpath(path, directory) for path in files]
            numbers += [number] * len(files)
        self.classes = np.array(numbers, "int32")
        self.samples = len(self.filenames)
        self._filepaths = [os.path.join(directory, name) for name in self.filenames]
        print(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        super().__init__(self.samples, batch_size, shuffle, seed)


class DataFrameIterator(_FileIterator):
    """Batches of the image files that a pandas DataFrame names."""

    allowed_class_modes = frozenset({"binary", "categorical", "input", "multi_output", "raw", "sparse", None})

    @takes(
        f"dataframe directory image_data_generator x_col y_col weight_col {LABELLED} data_format "
        f"{SAVED} subset interpolation keep_aspect_ratio dtype validate_filenames has_ext",
        directory=None,
    )
    def __init__(
        self,
        dataframe: Any,
        directory: Any,
        x_col: str,
        y_col: Any,
        weight_col: str | None,
        classes: Any,
        class_mode: str | None,
        batch_size: int,
        shuffle: bool,
        seed: int | None,
        validate_filenames: bool,
        has_ext: bool,
        **how: Any,
    ) -> None:
        """Look at the table; classes are numbered in sorted order.

        Raises:
            TypeError: columns of types that do not fit the class mode.
            ValueError: unknown class mode, or not two classes for ``'binary'``.
        """
        self.set_processing_attrs(**how)
        self.directory = directory or ""
        self._check_class_mode(class_mode)
        table = dataframe.copy()
        self._check_columns(table, x_col, y_col, weight_col, classes)
        if not has_ext:
            table[x_col] = self._with_endings(table[x_col])
        if validate_filenames:
            table = self._existing(table, x_col)
        by_class = class_mode in ("binary", "categorical", "sparse")
        if by_class:
            table, names = _keep_classes(table, y_col, classes)
            self.class_indices = {name: number for number, name in enumerate(names)}
        if self.subset is not None:
            split = self.image_data_generator._validation_split
            table = table.iloc[subset_slice(self.subset, len(table), split)]
        if by_class:
            self.classes = [_numbers(cell, self.class_indices) for cell in table[y_col]]
        self.filenames = table[x_col].tolist()
        self._sample_weight = table[weight_col].to_numpy() if weight_col else None
        if class_mode == "multi_output":
            self._targets: Any = [np.array(table[column].tolist()) for column in y_col]
        elif class_mode == "raw":
            self._targets = table[y_col].to_numpy()
        self.samples = len(self.filenames)
        self._filepaths = [os.path.join(self.directory, name) for name in self.filenames]
        kind = "validated" if validate_filenames else "non-validated"
        belonging = f" belonging to {len(self.class_indices)} classes" if by_class else ""
        print(f"Found {self.samples} {kind} image filenames{belonging}.")
        super().__init__(self.samples, batch_size, shuffle, seed)

    def _check_columns(self, table: Any, x_col: str, y_col: Any, weight_col: str | None, classes: Any) -> None:
        mode = self.class_mode
        if mode == "multi_output" and not isinstance(y_col, list):
            raise TypeError(f"class_mode 'multi_output' needs a list of columns as y_col, received {y_col!r}")
        if not all(isinstance(name, str) for name in table[x_col]):
            raise TypeError(f"all values in the column x_col={x_col!r} must be strings")
        if mode in ("binary", "categorical", "sparse") and not isinstance(y_col, str):
            raise TypeError(
                f"class_mode {mode!r} needs one column of strings as y_col, received {y_col!r}; several columns are for "
                "'raw' and 'multi_output'"
            )
        kinds = {"binary": (str,), "sparse": (str,), "categorical": (str, list, tuple)}.get(mode or "")
        if kinds and not all(isinstance(cell, kinds) for cell in table[y_col]):
            wanted = " or ".join(kind.__name__ for kind in kinds)
            raise TypeError(f"class_mode {mode!r}: values in the column y_col={y_col!r} must be of type {wanted}")
        if mode == "binary":
            count = len(set(classes)) if classes else table[y_col].nunique()
            if count != 2:
                raise ValueError(f"class_mode 'binary' needs 2 classes, found {count}")
        if classes and kinds is None:
            warnings.warn(f"`classes` has no effect with class_mode {mode!r}", stacklevel=6)
        if weight_col and np.asarray(table[weight_col]).dtype.kind not in "biuf":
            raise TypeError(f"the column weight_col={weight_col!r} must be numeric")

    def _with_endings(self, names: Any) -> Any:
        files = {
            os.path.splitext(name)[0]: name for name in os.listdir(self.directory) if name.lower().endswith(FORMATS)
        }
        return names.map(lambda name: files.get(name, name))

    def _existing(self, table: Any, x_col: str) -> Any:
        paths = [os.path.join(self.directory, name) for name in table[x_col]]
        valid = np.array([path.lower().endswith(FORMATS) and os.path.isfile(path) for path in paths], bool)
        if not valid.all():
            warnings.warn(
                f"{(~valid).sum()} file name(s) in x_col={x_col!r} are no image files; they are left out", stacklevel=6
            )
        return table[valid]

    @property
    def labels(self) -> Any:
        """Classes of the samples, or their targets for ``'raw'`` and ``'multi_output'``."""
        return self._targets if self.class_mode in ("multi_output", "raw") else self.classes

    @property
    def sample_weight(self) -> Any:
        """Weights of the samples, or None."""
        return self._sample_weight


def _numbers(cell: Any, indices: dict[Any, int]) -> Any:
    return [indices[name] for name in cell] if isinstance(cell, (list, tuple)) else indices[cell]


def _keep_classes(table: Any, y_col: str, classes: Any) -> tuple[Any, list[str]]:
    """The rows that have one of the classes, and the classes in sorted order."""
    if not classes:
        names = {name for cell in table[y_col] for name in (cell if isinstance(cell, (list, tuple)) else [cell])}
        return table, sorted(names)
    names = set(classes)

    def kept(cell: Any) -> Any:
        if isinstance(cell, (list, tuple)):
            return [name for name in cell if name in names] or None
        return cell if cell in names else None

    table = table.copy()
    table[y_col] = [kept(cell) for cell in table[y_col]]
    return table.dropna(subset=[y_col]), sorted(names)
