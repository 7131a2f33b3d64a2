"""What scripts of tf.keras call files: names without an ending, TensorFlow's checkpoints, folders of saved models.

What TensorFlow wrote is told apart by its contents and read by the package `tensorflow`. In files that are written here the
names are TensorFlow's, the contents those of Keras: the part that TensorFlow calls ``.data`` is a file of weights
of Keras 3, and a folder of a saved model holds a ``.keras`` file.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from typing import Any

from kjax.keras.saving import atomic, keras_zip, weights_h5
from kjax.keras.saving.errors import FileFormatError
from kjax.keras.saving.tensorflow import bundle, checkpoint
from kjax.keras.saving.tensorflow.object_graph import KEY

MODEL = "model.keras"
"""Name of the file in the folder of a saved model."""


class LoadStatus:
    """What loading a checkpoint returns in tf.keras.

    Args:
        unused: what is in the file and not in the objects.
        missing: what is in the objects and not in the file.
    """

    def __init__(self, unused: Sequence[str] = (), missing: Sequence[str] = ()) -> None:
        self.unused, self.missing = list(unused), list(missing)

    def expect_partial(self) -> LoadStatus:
        """That not all is used is meant."""
        return self

    def assert_consumed(self) -> LoadStatus:
        """Fail where something was not used, or not found.

        Raises:
            AssertionError: it was not.
        """
        if self.unused:
            raise AssertionError(f"the checkpoint has values that no object has: {', '.join(self.unused)}")
        return self.assert_existing_objects_matched()

    def assert_existing_objects_matched(self) -> LoadStatus:
        """Fail where an object was not found.

        Raises:
            AssertionError: it was not.
        """
        if self.missing:
            raise AssertionError(f"the checkpoint has no values for {', '.join(self.missing)}")
        return self

    def assert_nontrivial_match(self) -> LoadStatus:
        """The same as :meth:`assert_existing_objects_matched`."""
        return self.assert_existing_objects_matched()

    def initialize_or_restore(self, session: Any = None) -> None:
        """Values are set already."""


def parts_of(prefix: str) -> tuple[str, str]:
    """The files of a checkpoint: data and index."""
    return f"{prefix}.data-00000-of-00001", f"{prefix}.index"


def is_checkpoint(prefix: str) -> bool:
    """Whether there is a checkpoint of this name."""
    return os.path.exists(parts_of(prefix)[1]) and bool(bundle.data_files(prefix))


def is_of_objects(prefix: str) -> bool:
    """Whether the arrays of a checkpoint belong to objects, and not to names alone as those of ``tf.train.Saver``."""
    return not bundle.is_bundle(prefix) or KEY in bundle.Bundle(prefix).keys


def note_latest(prefix: str) -> None:
    """Write the folder's file ``checkpoint``, which names the last one."""
    folder, name = os.path.split(prefix)
    with atomic.replacing(os.path.join(folder, "checkpoint"), True) as path, open(path, "w", encoding="utf-8") as file:
        file.write(f'model_checkpoint_path: "{name}"\nall_model_checkpoint_paths: "{name}"\n')


def latest_checkpoint(checkpoint_dir: Any, latest_filename: str | None = None) -> str | None:
    """The name of the last checkpoint in a folder, or None.

    Args:
        checkpoint_dir: the folder.
        latest_filename: the file that names it; ``checkpoint`` by default.
    """
    path = os.path.join(os.fspath(checkpoint_dir), latest_filename or "checkpoint")
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        found = re.search(r'model_checkpoint_path: "([^"]*)"', file.read())
    if found is None:
        return None
    moved = os.path.join(os.fspath(checkpoint_dir), os.path.basename(found[1]))
    prefix = os.path.join(os.fspath(checkpoint_dir), found[1])
    return next((name for name in (prefix, moved) if is_checkpoint(name)), None)


def list_variables(prefix: Any) -> list[tuple[str, list[int]]]:
    """Names and shapes in a checkpoint.

    Raises:
        FileFormatError: it is damaged.
    """
    prefix = _in_folder(os.fspath(prefix))
    if bundle.is_bundle(prefix):
        found = bundle.Bundle(prefix)
        return [(key, list(found.shape(key))) for key in found.keys]
    return list(_index(prefix)["variables"].items())


def _in_folder(prefix: str) -> str:
    """The last checkpoint of a folder; other names as they are."""
    return latest_checkpoint(prefix) or prefix if os.path.isdir(prefix) else prefix


def _index(prefix: str) -> dict[str, Any]:
    """The index of a checkpoint that kjax wrote.

    Raises:
        FileFormatError: it is damaged.
    """
    _, index = parts_of(prefix)
    with open(index, "rb") as file:
        data = file.read()
    try:
        found = json.loads(data)
    except ValueError as error:
        raise FileFormatError(f"{index}: it is no index of a checkpoint: {error}") from None
    if not isinstance(found, dict) or not isinstance(found.get("variables"), dict):
        raise FileFormatError(f"{index}: it is no index of a checkpoint: it lists no variables")
    return found


def save_weights(model: Any, prefix: str) -> None:
    """Write a model's weights, and the state of its optimizer, as a checkpoint."""
    data, index = parts_of(prefix)
    weights_h5.save_weights(model, data)
    names = {weight.path: list(weight.shape) for weight in model.weights}
    with atomic.replacing(index, True) as path, open(path, "w", encoding="utf-8") as text:
        json.dump({"format": "keras", "variables": names}, text)
    note_latest(prefix)


def load_weights(model: Any, prefix: str, skip_mismatch: bool = False) -> LoadStatus:
    """Set a model's weights from a checkpoint; errors as those of :func:`weights_h5.load_weights`.

    Raises:
        FileFormatError: it is damaged, or does not fit the model.
    """
    if bundle.is_bundle(prefix):
        return LoadStatus(*checkpoint.load_weights(model, prefix, skip_mismatch))
    _index(prefix)
    weights_h5.load_weights(model, parts_of(prefix)[0], skip_mismatch)
    return LoadStatus()


def save_model(model: Any, folder: str, overwrite: bool = True) -> None:
    """Save a whole model in a folder of its own.

    Raises:
        FileExistsError: the folder holds a model, and ``overwrite`` is False.
    """
    os.makedirs(folder, exist_ok=True)
    keras_zip.save(model, os.path.join(folder, MODEL), overwrite)


def model_in(folder: str) -> str | None:
    """The file of a model that :func:`save_model` wrote, or None."""
    path = os.path.join(folder, MODEL)
    return path if os.path.isdir(folder) and os.path.exists(path) else None
