"""Models as folders (``zipped=False``): what a ``.keras`` file holds, as files beside one another."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from kjax.keras.saving import asset_files, atomic, eras, hdf5, keras_zip, weights_h5
from kjax.keras.saving.errors import loading


def is_model(filepath: Any) -> bool:
    """Whether a folder holds a model."""
    return os.path.isfile(os.path.join(filepath, keras_zip.CONFIG))


def save(model: Any, filepath: Any) -> None:
    """Write a model into a folder; other files in it stay.

    The new folder takes the place of an older one when it is whole.

    Args:
        model: the model.
        filepath: the folder; made if it does not exist.

    Raises:
        ValueError: something in the model cannot be described in a config.
        NotADirectoryError: there is a file of this name.
    """
    import h5py

    config, metadata = keras_zip.described(model)
    with atomic.replacing_folder(filepath) as folder:
        for name, file in asset_files.made(model):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / name)
        with h5py.File(folder / keras_zip.WEIGHTS, "w") as weights:
            weights_h5.write_weights(model, weights)
        (folder / keras_zip.METADATA).write_text(metadata, encoding="utf-8")
        (folder / keras_zip.CONFIG).write_text(config, encoding="utf-8")


def load(filepath: Any, custom_objects: Any = None, compile: bool = True, safe_mode: bool = True) -> Any:
    """Read a model from a folder; arguments as those of :func:`keras_zip.load`.

    Raises:
        FileFormatError: the files are broken, or refer to unknown classes.
    """
    folder = Path(os.fspath(filepath))
    with loading(filepath):
        metadata = _json(folder / keras_zip.METADATA) if (folder / keras_zip.METADATA).exists() else {}
        with eras.reading(keras_zip.version_in(metadata)):
            model = keras_zip.model_from(_json(folder / keras_zip.CONFIG), custom_objects, compile, safe_mode)
        keras_zip.prepare(model, metadata, filepath)
        if not (folder / keras_zip.WEIGHTS).exists():
            raise ValueError(f"the folder holds no {keras_zip.WEIGHTS}")
        with hdf5.opened(folder / keras_zip.WEIGHTS) as file:
            weights_h5.read_weights(model, file)
        asset_files.read_folder(model, folder)
        keras_zip.set_training_state(model, metadata)
    return model


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False) -> None:
    """Set a model's weights from those in a folder; arguments as in :func:`weights_h5.load_weights`."""
    weights_h5.load_weights(model, os.path.join(filepath, keras_zip.WEIGHTS), skip_mismatch)


def _json(path: Path) -> Any:
    if path.stat().st_size > keras_zip.MAX_JSON:
        raise ValueError(f"{path.name} has {path.stat().st_size} bytes, which is too much for a config")
    return keras_zip.parsed(path.read_bytes(), path.name)
