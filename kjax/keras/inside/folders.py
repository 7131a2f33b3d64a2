"""Files in folders of classes, and batches of samples: ``keras.src.utils.dataset_utils`` and its neighbours."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from kjax.keras import tree
from kjax.keras.console import print_message
from kjax.keras.inside.adapters import is_grain_dataset as is_grain_dataset
from kjax.keras.inside.adapters import is_tf_dataset as is_tf_dataset
from kjax.keras.preprocessing import folders
from kjax.keras.preprocessing.resample import INTERPOLATIONS
from kjax.keras.utils.batches import split_dataset as split_dataset

ALLOWLIST_FORMATS = folders.IMAGES
ALLOWED_FORMATS = (".wav",)

PIL_INTERPOLATION_METHODS = INTERPOLATIONS


def is_torch_dataset(dataset: Any) -> bool:
    """Whether a thing is a dataset of PyTorch."""
    return any(c.__name__ == "Dataset" and c.__module__.startswith("torch.utils.data") for c in type(dataset).__mro__)


def is_batched(dataset: Any) -> bool:
    """Whether a dataset says how large its batches are."""
    return hasattr(dataset, "_batch_size")


def get_batch_size(dataset: Any) -> int | None:
    """The size of the batches of a dataset, or None."""
    return getattr(dataset, "_batch_size", None)


def iter_valid_files(directory: str, follow_links: bool, formats: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Folder and name of each file below a folder whose name has one of the endings."""
    for path in folders._files(directory, formats, follow_links):
        yield os.path.split(path)


def index_subdirectory(
    directory: str, class_indices: dict[str, int], follow_links: bool, formats: Sequence[str]
) -> tuple[list[str], list[int]]:
    """The files of one class.

    Args:
        directory: folder of the class.
        class_indices: number of each class.
        follow_links: whether links to folders are followed.
        formats: endings of names.

    Returns:
        Paths that begin with the name of the folder, and the number of the class for each.
    """
    name = os.path.basename(directory)
    files = folders._files(directory, formats, follow_links)
    found = [os.path.join(name, os.path.relpath(path, directory)) for path in files]
    return found, [class_indices[name]] * len(found)


def index_directory(
    directory: Any,
    labels: Any,
    formats: Sequence[str],
    class_names: Any = None,
    shuffle: bool = True,
    seed: int | None = None,
    follow_links: bool = False,
    verbose: bool = True,
) -> tuple[list[str], list[int] | None, list[str] | None]:
    """All files of a folder, with the numbers of their classes.

    Args:
        directory: the folder.
        labels: ``'inferred'``: folders in it are classes; None; or a number for each file.
        formats: endings of names.
        class_names: order of the classes, with ``labels='inferred'``.
        shuffle: whether the files are mixed.
        seed: seed of the order.
        follow_links: whether links to folders are followed.
        verbose: print how many were found.

    Returns:
        Paths, numbers of classes (None without labels), names of classes.

    Raises:
        ValueError: names that are no folders, or another number of labels than files.
    """
    files, numbers, names = folders._listed(os.fspath(directory), labels, tuple(formats), class_names, follow_links)
    if verbose:
        print_message(f"Found {len(files)} files" + ("." if names is None else f" belonging to {len(names)} classes."))
    classes = None if numbers is None else list(numbers.tolist())
    if shuffle:
        chosen = int(np.random.randint(10**6)) if seed is None else seed
        np.random.RandomState(chosen).shuffle(files)
        if classes is not None:
            np.random.RandomState(chosen).shuffle(classes)
    return files, classes, names


def check_validation_split_arg(validation_split: float | None, subset: str | None, shuffle: bool, seed: Any) -> None:
    """Check the arguments that divide files.

    Args:
        validation_split: share for validation, or None.
        subset: ``'training'``, ``'validation'``, ``'both'`` or None.
        shuffle: whether the files are mixed.
        seed: seed of the order.

    Raises:
        ValueError: they do not fit together.
    """
    folders._check(None, None, validation_split, subset, shuffle, seed, "tf")


def get_training_or_validation_split(
    samples: Any, labels: Any, validation_split: float | None, subset: str | None
) -> tuple[Any, Any]:
    """One of the two parts of samples and labels, of which the last are for validation.

    Args:
        samples: list of samples.
        labels: list of labels, or None.
        validation_split: share for validation; all samples are returned without it.
        subset: ``'training'`` or ``'validation'``.

    Raises:
        ValueError: another subset.
    """
    if not validation_split:
        return samples, labels
    held = int(validation_split * len(samples))
    parts = {"training": slice(None, len(samples) - held), "validation": slice(len(samples) - held, None)}
    if subset not in parts:
        raise ValueError(f'`subset` must be "training" or "validation", received {subset!r}')
    count = held if subset == "validation" else len(samples) - held
    print_message(f"Using {count} files for {subset}.")
    part = parts[subset]
    return samples[part], None if labels is None else labels[part]


def _batch(values: Sequence[Any], strings: bool) -> Any:
    if not values:
        raise ValueError("a batch needs at least one sample")

    def joined(*leaves: Any) -> Any:
        return leaves if strings and isinstance(leaves[0], str) else jnp.stack([jnp.asarray(leaf) for leaf in leaves])

    return tree.map_structure(joined, *values)


def make_batch(values: Sequence[Any]) -> Any:
    """Samples of one structure as arrays with an axis more.

    Raises:
        ValueError: no samples.
    """
    return _batch(values, False)


def make_string_batch(values: Sequence[Any]) -> Any:
    """As :func:`make_batch`; strings become tuples of strings."""
    return _batch(values, True)
