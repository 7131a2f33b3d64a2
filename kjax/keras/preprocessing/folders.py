"""Data sets from folders with a folder for each class: pictures, texts, sounds."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kjax.keras.console import print_message
from kjax.keras.preprocessing.dataset import Dataset, read_in_batches, stacked
from kjax.keras.preprocessing.image.files import format_of, load_img
from kjax.keras.preprocessing.resample import INTERPOLATIONS, resample

IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
CHANNELS = {"rgb": 3, "rgba": 4, "grayscale": 1}


def _files(folder: str, endings: Sequence[str], follow_links: bool) -> list[str]:
    found = []
    for root, _, names in sorted(os.walk(folder, followlinks=follow_links)):
        found += [os.path.join(root, name) for name in sorted(names) if name.lower().endswith(tuple(endings))]
    return found


def _listed(
    directory: str, labels: Any, endings: Sequence[str], class_names: Any, follow_links: bool
) -> tuple[list[str], np.ndarray | None, list[str] | None]:
    """Files, the number of each one's class, and the names of the classes.

    Raises:
        ValueError: names that are no folders, or another number of labels than files.
    """
    if labels != "inferred" or not isinstance(labels, str):
        if class_names is not None:
            raise ValueError("argument `class_names` needs labels='inferred'")
        files = _files(directory, endings, follow_links)
        if labels is None:
            return files, None, None
        if len(labels) != len(files):
            raise ValueError(f"{len(labels)} labels were given for the {len(files)} files in {directory}")
        return files, np.asarray(labels), [str(label) for label in sorted(set(labels))]
    folders = sorted(e.name for e in os.scandir(directory) if e.is_dir() and not e.name.startswith("."))
    if class_names is not None:
        if missing := [name for name in class_names if name not in folders]:
            raise ValueError(f"`class_names` has {missing[0]!r}, but the folders of {directory} are {folders}")
        folders = list(class_names)
    by_class = [_files(os.path.join(directory, name), endings, follow_links) for name in folders]
    numbers = np.repeat(np.arange(len(folders), dtype=np.int32), [len(files) for files in by_class])
    return [file for files in by_class for file in files], numbers, folders


def _from_directory(
    directory: Any,
    labels: Any,
    label_mode: str | None,
    class_names: Any,
    batch_size: int | None,
    shuffle: bool,
    seed: int | None,
    validation_split: float | None,
    subset: str | None,
    follow_links: bool,
    verbose: bool,
    what: str,
    endings: Sequence[str],
    read: Callable[[str], np.ndarray],
    pad: bool = False,
    format: str = "tf",
) -> Any:
    _check(labels, label_mode, validation_split, subset, shuffle, seed, format)
    if labels is None or label_mode is None:
        labels = label_mode = None
    seed = int(np.random.randint(10**6)) if seed is None else seed
    files, numbers, names = _listed(os.fspath(directory), labels, endings, class_names, follow_links)
    if label_mode == "binary" and len(names or ()) != 2:
        raise ValueError(f"label_mode 'binary' needs two classes, found {names}")
    if verbose:
        print_message(f"Found {len(files)} files" + ("." if names is None else f" belonging to {len(names)} classes."))
    if shuffle:  # both are mixed in the same way, as Keras does it
        np.random.RandomState(seed).shuffle(files)
        if numbers is not None:
            np.random.RandomState(seed).shuffle(numbers)
    held = int((validation_split or 0) * len(files))
    cut = len(files) - held
    parts = {"training": slice(0, cut), "validation": slice(cut, None), None: slice(None)}
    wanted = ("training", "validation") if subset == "both" else (subset,)
    made = []
    for name in wanted:
        part = parts[name]
        if verbose and name is not None:
            print_message(f"Using {cut if name == 'training' else held} files for {name}.")
        if not files[part]:
            raise ValueError(f"no {name or ''} {what} found in {directory}; files must end in {', '.join(endings)}")
        mixed = shuffle and not (subset == "both" and name == "validation")
        targets = None if numbers is None else _targets(numbers[part], label_mode, len(names or ()))
        made.append(_dataset(files[part], targets, read, pad, batch_size, mixed, seed, names))
    return made if subset == "both" else made[0]


def _dataset(
    files: list[str],
    targets: np.ndarray | None,
    read: Callable[[str], np.ndarray],
    pad: bool,
    batch_size: int | None,
    shuffle: bool,
    seed: int,
    names: list[str] | None,
) -> Dataset:
    def batch(numbers: np.ndarray) -> Any:
        samples = stacked([read(files[i]) for i in numbers], pad)
        return samples if targets is None else (samples, targets[numbers])

    return read_in_batches(batch, len(files), batch_size, shuffle, seed, class_names=names, file_paths=files)


def _check(
    labels: Any, mode: Any, split: float | None, subset: str | None, shuffle: bool, seed: Any, format: str
) -> None:
    if not (labels is None or isinstance(labels, (list, tuple, np.ndarray)) or labels == "inferred"):
        raise ValueError(
            f"argument `labels` must be 'inferred', None, or a list with a label for each file, received {labels!r}"
        )
    if mode not in ("int", "categorical", "binary", None):
        raise ValueError(f"argument `label_mode` must be 'int', 'categorical', 'binary' or None, received {mode!r}")
    if split and not 0 < split < 1:
        raise ValueError(f"`validation_split` must be between 0 and 1, received {split}")
    if bool(split) != (subset is not None):
        raise ValueError("`subset` and `validation_split` go together: set both, or none")
    if subset not in ("training", "validation", "both", None):
        raise ValueError(f'`subset` must be "training", "validation" or "both", received {subset!r}')
    if split and shuffle and seed is None:
        raise ValueError("with `validation_split` and shuffling, give a `seed`, so that the two subsets do not overlap")
    if format not in ("tf", "grain"):
        raise ValueError(f"`format` must be 'tf' or 'grain', received {format!r}")


def _targets(numbers: np.ndarray, mode: str | None, classes: int) -> np.ndarray:
    if mode == "binary":
        return numbers.astype(np.float32)[:, None]
    if mode == "categorical":
        return np.eye(classes, dtype=np.float32)[numbers]
    return numbers


def image_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Any = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: tuple[int, int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Pictures of a folder, in batches of float32 with values from 0 to 255.

    Args:
        directory: the folder; with ``labels='inferred'`` it holds a folder for each class.
        labels: ``'inferred'``, None, or a label for each file in the order of the sorted paths.
        label_mode: ``'int'``, ``'categorical'`` (one-hot rows), ``'binary'`` (0 or 1) or None.
        class_names: folders to use, in the order of their numbers; all, sorted, by default.
        color_mode: ``'rgb'``, ``'rgba'`` or ``'grayscale'``.
        batch_size: pictures in a batch; None gives single pictures.
        image_size: (height, width) to resize to.
        shuffle: draw the order anew for each epoch; otherwise sorted.
        seed: makes the orders and the split repeatable.
        validation_split: part of the files held back.
        subset: ``'training'``, ``'validation'`` or ``'both'`` (a list of two data sets).
        interpolation: one of :data:`kjax.keras.preprocessing.resample.INTERPOLATIONS`.
        follow_links: go into folders that are links.
        crop_to_aspect_ratio: cut pictures to the new proportions instead of distorting them.
        pad_to_aspect_ratio: fill pictures up with black instead.
        data_format: where the channels are; the session's by default.
        format: accepted for compatibility.
        verbose: tell how many files were found.

    Returns:
        A :class:`Dataset` with ``class_names`` and ``file_paths``.
    """
    if color_mode not in CHANNELS:
        raise ValueError(f'`color_mode` must be one of {{"rgb", "rgba", "grayscale"}}, received {color_mode!r}')
    if not hasattr(image_size, "__len__") or len(image_size) != 2:
        raise ValueError(f"`image_size` must be (height, width), received {image_size!r}")
    if interpolation.lower() not in INTERPOLATIONS:
        raise ValueError(f"`interpolation` must be one of {', '.join(INTERPOLATIONS)}, received {interpolation!r}")
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("only one of `crop_to_aspect_ratio` and `pad_to_aspect_ratio` can be set")
    first = format_of(data_format) == "channels_first"
    kept = "crop" if crop_to_aspect_ratio else "pad" if pad_to_aspect_ratio else None

    def read(path: str) -> np.ndarray:
        # As in Keras, choosing pixels leaves them integers.
        kind = np.uint8 if interpolation == "nearest" else np.float32
        pixels = np.asarray(load_img(path, color_mode=color_mode), kind)
        pixels = pixels if pixels.ndim == 3 else pixels[..., None]
        picture = resample(pixels, image_size, interpolation.lower(), kept)
        return picture.transpose(2, 0, 1) if first else picture

    return _from_directory(
        directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split, subset, follow_links,
        verbose, "images", IMAGES, read, format=format,
    )  # fmt: skip


def text_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Any = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """The texts of ``.txt`` files of a folder, as batches of strings.

    Args:
        directory: the folder; other arguments as those of :func:`image_dataset_from_directory`.
        max_length: bytes after which texts are cut.
    """

    def read(path: str) -> np.ndarray:
        with open(path, "rb") as file:
            return np.array(file.read(max_length or -1).decode("utf-8", "ignore"), object)

    return _from_directory(
        directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split, subset, follow_links,
        verbose, "text files", (".txt",), read, format=format,
    )  # fmt: skip


def audio_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Any = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """The sounds of ``.wav`` files of a folder, as (samples, channels) with values from -1 to 1.

    Args:
        directory: the folder; other arguments as those of :func:`image_dataset_from_directory`.
        sampling_rate: samples a second that sounds are brought to; None leaves them.
        output_sequence_length: samples that sounds are cut or filled up to; by default the longest of each batch.
        ragged: False.
    """
    if ragged:
        raise ValueError("ragged batches are not made: sounds are filled up with zeros; see output_sequence_length")
    if sampling_rate is not None and (not isinstance(sampling_rate, int) or sampling_rate <= 0):
        raise ValueError(f"`sampling_rate` must be a positive integer, received {sampling_rate!r}")

    def read(path: str) -> np.ndarray:
        return read_wave(path, sampling_rate, output_sequence_length)

    return _from_directory(
        directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split, subset, follow_links,
        verbose, "audio files", (".wav",), read, True, format,
    )  # fmt: skip


def read_wave(path: str, sampling_rate: int | None, length: int | None) -> np.ndarray:
    """A sound as float32 (samples, channels).

    Args:
        path: a ``.wav`` file.
        sampling_rate: samples a second to bring it to, or None.
        length: samples to cut or fill it up to, or None.
    """
    from scipy.io import wavfile

    rate, sound = wavfile.read(path)
    if sound.dtype.kind in "iu":
        scale = float(np.iinfo(sound.dtype).max) + 1
        sound = (sound.astype(np.float32) - (128 if sound.dtype == np.uint8 else 0)) / (
            128 if sound.dtype == np.uint8 else scale
        )
    sound = sound.astype(np.float32).reshape(len(sound), -1)
    if length is not None:
        sound = np.pad(sound[:length], ((0, max(length - len(sound), 0)), (0, 0)))
    if sampling_rate is not None and sampling_rate != rate:
        from scipy.signal import resample_poly

        sound = resample_poly(sound, sampling_rate, rate, axis=0).astype(np.float32)
    return sound
