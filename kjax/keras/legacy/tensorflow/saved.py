"""`tf.saved_model`: models of Keras in folders; variables of modules."""

from __future__ import annotations

import os
from typing import Any

from kjax.keras.saving import tensorflow_names
from kjax.keras.saving.tensorflow import saved_model


class Options:
    """``tf.saved_model.SaveOptions``, ``LoadOptions``: accepted."""

    def __init__(self, **options: Any) -> None:
        self.__dict__.update(options)


def save(obj: Any, export_dir: Any, signatures: Any = None, options: Any = None) -> None:
    """``tf.saved_model.save``: a Keras model, in a folder.

    Raises:
        TypeError: another object: Python functions are not written to files here.
    """
    from kjax.keras.models.model import Model

    if not isinstance(obj, Model):
        raise TypeError(
            f"tf.saved_model.save writes Keras models here, received {type(obj).__name__}; save variables with "
            "tf.train.Checkpoint"
        )
    tensorflow_names.save_model(obj, os.fspath(export_dir))


class Loaded:
    """A loaded model as ``tf.saved_model.load`` gives it: called, and asked for its signatures.

    Args:
        model: the model.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self.signatures = {"serving_default": self._serve}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._model(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def _serve(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        given = args if args else tuple(kwargs.values())
        outputs = self._model(given[0] if len(given) == 1 else list(given))
        listed = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        return dict(zip(self._model.output_names, listed, strict=True))


def load(export_dir: Any, tags: Any = None, options: Any = None) -> Loaded:
    """``tf.saved_model.load``: a model that :func:`save` or ``model.save`` wrote."""
    from kjax.keras.saving import load_model

    return Loaded(load_model(os.fspath(export_dir)))


def contains_saved_model(export_dir: Any) -> bool:
    """``tf.saved_model.contains_saved_model``: whether a folder holds a model that can be loaded here."""
    folder = os.fspath(export_dir)
    return tensorflow_names.model_in(folder) is not None or saved_model.is_saved_model(folder)
