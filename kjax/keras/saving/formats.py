"""Saving and loading by file name: which format a name stands for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from kjax.keras.core.settings import settings
from kjax.keras.saving import (
    flat,
    folder,
    keras_zip,
    legacy_h5,
    orbax_folder,
    remote,
    shards,
    tensorflow_names,
    weights_h5,
)
from kjax.keras.saving.tensorflow import saved_model
from kjax.keras.utils import io_utils
from kjax.nn.value import did_you_mean

LEGACY = (".h5", ".hdf5")


def _name(filepath: Any) -> str:
    if not isinstance(filepath, (str, os.PathLike)):
        raise TypeError(f"argument `filepath` must be a path, received {filepath!r}")
    return os.fspath(filepath)


def _is_open(thing: Any, method: str) -> bool:
    """Whether something is a binary file object, or a group of an open HDF5 file, rather than a path."""
    return (hasattr(thing, method) and not isinstance(thing, os.PathLike)) or hasattr(thing, "create_dataset")


def _may_write(name: str, overwrite: bool) -> bool:
    """Whether a file may be written; where there is one and it was not said that it may be replaced, the user is asked.

    Raises:
        FileExistsError: nobody is there to answer.
    """
    if overwrite or not os.path.exists(name):
        return True
    try:
        return io_utils.ask_to_proceed_with_overwrite(name)
    except (EOFError, OSError) as error:
        raise FileExistsError(f"{name!r} exists already; pass overwrite=True to replace it") from error


def _unknown(what: str, name: str, formats: str) -> ValueError:
    ending = os.path.splitext(name)[1]
    hint = f"; {did_you_mean(ending, ('.keras', '.h5', '.hdf5'))}" if ending else ""
    return ValueError(f"cannot {what} {name!r}: the name must end in {formats}{hint}")


@remote.writes
def save_model(model: Any, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
    """Save a whole model: architecture, weights, what ``compile`` was given, state of the optimizer.

    The file is written beside its place first, so that there is always either the old file or the whole new one.

    Args:
        model: the model.
        filepath: a name that ends in ``.keras`` (Keras 3), or in ``.h5`` or ``.hdf5`` (the format before it); or a binary file
            object (for ``.keras``, in the eras before Keras 3 for ``.h5``), or an open ``h5py.Group``.
        overwrite: False asks on the terminal whether a file may be replaced.
        zipped: False makes a folder of the name, with the files that a ``.keras`` file holds.
        **kwargs: ``include_optimizer`` (False leaves it out of ``.h5`` files), ``save_format`` of older scripts.

    Raises:
        ValueError: another ending, or something in the model that cannot be described in a config.
        FileExistsError: there is a file, ``overwrite`` is False, and nobody answers.
    """
    include_optimizer = kwargs.pop("include_optimizer", True)
    if settings.era != "3" and zipped is not None:  # the argument at this place was another
        include_optimizer, zipped = zipped, None
    written = kwargs.pop("save_format", None)
    if settings.era == "tf":  # what a SavedModel has beside the model
        for option in ("options", "signatures", "save_traces"):
            kwargs.pop(option, None)
    if kwargs:
        raise TypeError(f"save: unknown argument {next(iter(kwargs))!r}")
    if _is_open(filepath, "write"):
        if hasattr(filepath, "create_dataset") or settings.era != "3":
            legacy_h5.save_model(model, filepath, True, include_optimizer)
        else:
            keras_zip.save(model, filepath)
        return
    name = _name(filepath)
    if name.startswith("hf://"):
        raise ValueError(
            f"cannot save to {name!r}: models are not uploaded; save it with zipped=False and upload the folder with huggingface_hub"
        )
    if zipped is False and name.endswith(".keras"):
        raise ValueError(f"save: a folder (zipped=False) has no name that ends in .keras, received {name!r}")
    if zipped is False or not name.endswith(".weights.h5"):
        if not _may_write(name, overwrite):
            return
        overwrite = True
    if zipped is False:
        folder.save(model, name)
    elif name.endswith(".keras"):
        keras_zip.save(model, filepath, overwrite)
    elif name.endswith(".weights.h5"):
        raise ValueError(f"{name!r} is a name for weights only: call save_weights, or end the name in .keras")
    elif name.endswith(LEGACY):
        legacy_h5.save_model(model, filepath, overwrite, include_optimizer)
    elif settings.era == "tf" and written not in ("h5", "hdf5"):
        tensorflow_names.save_model(model, name, overwrite)
    elif settings.era != "3":
        legacy_h5.save_model(model, filepath, overwrite, include_optimizer)
    else:
        raise _unknown("save a model to", name, ".keras (or .h5, the older format)")


@remote.reads
def load_model(
    filepath: Any,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Load a whole model that kjax or any real Keras saved.

    Args:
        filepath: ``.keras``, ``.h5`` or ``.hdf5`` file, a binary file object or open ``h5py.Group`` of one, a folder of
            ``save(zipped=False)``, a folder of checkpoints that Orbax wrote, or a SavedModel of tf.keras.
        custom_objects: a user's classes and functions by name.
        compile: whether the model is compiled as it was, with the state of its optimizer.
        safe_mode: False lets Python byte code in the file (lambdas) become functions; it can do anything when it runs.

    Raises:
        FileNotFoundError: there is no such file.
        FileFormatError: the file is broken, of another format, or refers to unknown classes.
    """
    if _is_open(filepath, "read"):
        load = keras_zip.load if _kind_of_open(filepath) == "zip" else legacy_h5.load_model
        return load(filepath, custom_objects, compile, safe_mode)
    name = _name(filepath)
    if not os.path.exists(name):
        raise FileNotFoundError(f"there is no file {name!r}")
    if folder.is_model(name):
        return folder.load(filepath, custom_objects, compile, safe_mode)
    if orbax_folder.is_checkpoint(name):
        return orbax_folder.load_model(filepath, custom_objects, compile, safe_mode)
    inside = tensorflow_names.model_in(name)
    if inside is not None:
        return keras_zip.load(inside, custom_objects, compile, safe_mode)
    if saved_model.is_saved_model(name):
        return saved_model.load_model(name, custom_objects, compile, safe_mode)
    kind = kind_of(name)
    if kind == "zip":
        return keras_zip.load(filepath, custom_objects, compile, safe_mode)
    if kind == "hdf5":
        return legacy_h5.load_model(filepath, custom_objects, compile, safe_mode)
    if name.endswith(".keras"):
        return keras_zip.load(filepath, custom_objects, compile, safe_mode)  # says what is wrong with it
    if name.endswith(LEGACY):
        return legacy_h5.load_model(filepath, custom_objects, compile, safe_mode)
    raise _unknown("load a model from", name, ".keras, .h5 or .hdf5")


def kind_of(name: str) -> str | None:
    """``'zip'`` or ``'hdf5'`` by a file's first bytes, whatever its name; None for others."""
    if os.path.isdir(name):
        raise IsADirectoryError(
            f"{name!r} is a folder without a model: neither one that kjax or Orbax wrote, nor a SavedModel of TensorFlow"
        )
    with open(name, "rb") as file:
        return _kind_by(file.read(8))


def _kind_of_open(file: Any) -> str | None:
    if hasattr(file, "create_dataset"):
        return "hdf5"
    place = file.tell()
    start = file.read(8)
    file.seek(place)
    return _kind_by(start)


def _kind_by(start: bytes) -> str | None:
    if start == b"\x89HDF\r\n\x1a\n":
        return "hdf5"
    return "zip" if start[:4] in (b"PK\x03\x04", b"PK\x05\x06") else None


@remote.writes
def save_weights(
    model: Any, filepath: Any, overwrite: bool = True, max_shard_size: float | None = None, **kwargs: Any
) -> None:
    """Save the weights of a model (and the state of its optimizer, in the format of Keras 3).

    Args:
        model: a built model.
        filepath: a name that ends in ``.weights.h5`` (Keras 3), in ``.h5`` or ``.hdf5`` (the format before it), or in
            ``.npz`` or ``.safetensors`` (one array for each weight, under its path). An open ``h5py.Group`` takes the format
            before Keras 3.
        overwrite: False asks on the terminal whether a file may be replaced.
        max_shard_size: GiB of the largest file; the name ends in ``.weights.json`` then, and lists the files beside it.
        **kwargs: ``objects_to_skip``: layers or an optimizer that are left out (``.weights.h5`` and ``.weights.json``);
            ``save_format`` of older scripts.

    Raises:
        ValueError: another ending, or a model without weights.
        FileExistsError: there is a file, ``overwrite`` is False, and nobody answers.
    """
    written, skip = kwargs.pop("save_format", None), kwargs.pop("objects_to_skip", None) or ()
    if settings.era == "tf":
        kwargs.pop("options", None)
    if kwargs:
        raise TypeError(f"save_weights: unknown argument {next(iter(kwargs))!r}")
    if hasattr(filepath, "create_dataset"):
        legacy_h5.save_weights(model, filepath)
        return
    name = _name(filepath)
    if max_shard_size is not None and not name.endswith(("weights.h5", shards.ENDING)):
        raise ValueError(f"cannot save weights to {name!r}: with max_shard_size the name must end in .weights.json")
    if not _may_write(name, overwrite):
        return
    if max_shard_size is not None:
        shards.save_weights(model, filepath, max_shard_size, skip)
    elif name.endswith(".weights.h5"):
        weights_h5.save_weights(model, filepath, skip=skip)
    elif name.endswith(LEGACY):
        legacy_h5.save_weights(model, filepath)
    elif name.endswith(flat.ENDINGS):
        flat.save_weights(model, filepath)
    elif settings.era == "tf" and written not in ("h5", "hdf5") and not name.endswith(".keras"):
        tensorflow_names.save_weights(model, name)
    elif settings.era != "3":
        legacy_h5.save_weights(model, filepath)
    else:
        hint = "; give max_shard_size, too" if name.endswith(shards.ENDING) else ""
        raise _unknown("save weights to", name, f".weights.h5, .h5, .npz or .safetensors{hint}")


@remote.reads
def load_weights(
    model: Any, filepath: Any, skip_mismatch: bool = False, by_name: bool | None = None, **kwargs: Any
) -> Any:
    """Load weights that kjax or any real Keras saved, from a file of weights or of a whole model.

    All is checked before anything is set: where the file does not fit, the model stays as it was.

    Args:
        model: a built model.
        filepath: ``.weights.h5``, ``.weights.json``, ``.h5``, ``.hdf5``, ``.keras``, ``.npz`` or ``.safetensors`` file, a
            folder of ``save(zipped=False)`` or of checkpoints that Orbax wrote, or an open ``h5py.Group``.
        skip_mismatch: keep, with a warning, the weights of layers for which the file has nothing or another shape.
        by_name: match layers by name rather than by order (files of the format before Keras 3).
        **kwargs: ``objects_to_skip``: layers or an optimizer that are passed over (``.weights.h5`` and ``.weights.json``);
            ``reshape`` of Keras 2: arrays of as many numbers in another shape fit.

    Returns:
        None; for a checkpoint named as TensorFlow names them an object with ``expect_partial()`` and its like.

    Raises:
        FileNotFoundError: there is no such file.
        FileFormatError: the file is broken, or does not fit the model.
        ValueError: the model has no weights yet, or ``by_name`` for a file of Keras 3.
    """
    skip, reshape = kwargs.pop("objects_to_skip", None), bool(kwargs.pop("reshape", False))
    if settings.era == "tf":
        kwargs.pop("options", None)
    if kwargs:
        raise TypeError(f"load_weights: unknown argument {next(iter(kwargs))!r}")
    if hasattr(filepath, "create_dataset"):
        legacy_h5.load_weights(model, filepath, skip_mismatch, bool(by_name), reshape)
        return None
    name = _name(filepath)
    if skip is not None and not name.endswith((".weights.h5", shards.ENDING)):
        raise ValueError(f"load_weights: `objects_to_skip` is for .weights.h5 files, received {name!r}")
    name = saved_model.weights_of(name) or name
    if tensorflow_names.is_checkpoint(name):
        if by_name and tensorflow_names.is_of_objects(name):
            raise ValueError(f"load_weights: by_name is not for checkpoints, whose objects are matched: {name!r}")
        return tensorflow_names.load_weights(model, name, skip_mismatch)
    if not os.path.exists(name):
        raise FileNotFoundError(f"there is no file {name!r}")
    if name.endswith(flat.ENDINGS):
        flat.load_weights(model, filepath, skip_mismatch, bool(by_name))
        return None
    if orbax_folder.is_checkpoint(name):
        orbax_folder.load_weights(model, filepath)
        return None
    if name.endswith(shards.ENDING):
        shards.load_weights(model, filepath, skip_mismatch, skip or ())
        return None
    if folder.is_model(name):
        folder.load_weights(model, filepath, skip_mismatch)
        return None
    legacy = kind_of(name) != "zip" and legacy_h5.is_legacy(filepath)
    if by_name and not legacy:
        raise ValueError(f"load_weights: by_name works for .h5 files of the format before Keras 3; {name!r} is none")
    if legacy:
        legacy_h5.load_weights(model, filepath, skip_mismatch, bool(by_name), reshape)
    elif kind_of(name) == "zip":
        keras_zip.load_weights(model, filepath, skip_mismatch)
    else:
        weights_h5.load_weights(model, filepath, skip_mismatch, skip or ())
    return None
