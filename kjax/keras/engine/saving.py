"""``keras.engine.saving`` of Keras 2: models and their weights in HDF5 files and groups that the caller has open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kjax.keras.saving import eras, legacy_h5, legacy_weights
from kjax.keras.saving.architecture import model_from_config as model_from_config
from kjax.keras.saving.architecture import model_from_json as model_from_json
from kjax.keras.saving.architecture import model_from_yaml as model_from_yaml
from kjax.keras.saving.formats import load_model as load_model
from kjax.keras.saving.formats import save_model as save_model


class _Layers:
    """Layers as what holds them: all that writing and reading weights asks of a model.

    Args:
        layers: the layers.
    """

    def __init__(self, layers: Sequence[Any]) -> None:
        self.layers = list(layers)

    def own_variables(self) -> list[Any]:
        """None but those of the layers."""
        return []


def save_weights_to_hdf5_group(f: Any, layers: Sequence[Any]) -> None:
    """Write the weights of layers.

    Args:
        f: an open HDF5 group.
        layers: the layers.
    """
    legacy_h5.write_weights(_Layers(layers), f)


def load_weights_from_hdf5_group(f: Any, layers: Sequence[Any], reshape: bool = False) -> None:
    """Read weights that :func:`save_weights_to_hdf5_group`, or real Keras, wrote, layer after layer.

    Args:
        f: an open HDF5 group.
        layers: the layers.
        reshape: accepted for Keras 2: arrays have to have the shapes of the weights.

    Raises:
        ValueError: other layers or shapes than the file has.
    """
    del reshape
    legacy_h5.read_weights(_Layers(layers), f)


def load_weights_from_hdf5_group_by_name(
    f: Any, layers: Sequence[Any], skip_mismatch: bool = False, reshape: bool = False
) -> None:
    """Read the weights of those layers whose names the file has; arguments as in :func:`load_weights_from_hdf5_group`.

    Args:
        f: an open HDF5 group.
        layers: the layers.
        skip_mismatch: keep, with a warning, weights for which the file has another shape.
        reshape: as there.
    """
    del reshape
    legacy_h5.read_weights(_Layers(layers), f, skip_mismatch, "given names")


class _Given:
    """An array in memory where a file's is expected.

    Args:
        array: the array.
    """

    def __init__(self, array: Any) -> None:
        self.array = np.asarray(array)
        self.shape = self.array.shape

    def read(self) -> np.ndarray:
        """The array."""
        return self.array


def preprocess_weights_for_loading(
    layer: Any,
    weights: Sequence[Any],
    original_keras_version: str | None = None,
    original_backend: str | None = None,
    reshape: bool = False,
) -> list[np.ndarray]:
    """Weights of another generation or backend in the form in which the layer of today has them.

    Args:
        layer: the built layer.
        weights: arrays in the order of the file.
        original_keras_version: version that wrote them; ``'1'`` where None.
        original_backend: backend that wrote them: the kernels of Theano are mirrored.
        reshape: give arrays the shapes of the weights where only these differ.

    Returns:
        Arrays for ``layer.set_weights``.
    """
    with eras.reading(original_keras_version or "1"):
        found = legacy_weights.converted(layer, [_Given(w) for w in weights], original_backend)
    if reshape:
        shapes = [v.shape for v in legacy_weights.listed(layer)]
        pairs = zip(found, shapes, strict=False)
        found = [np.reshape(a, s) if a.size == np.prod(s) else a for a, s in pairs]
    return found


def pickle_model(model: Any) -> Mapping[str, Any]:
    """The state of a model, as plain data, for :func:`unpickle_model`."""
    from kjax.keras.saving.copying import state_of

    return state_of(model)


def unpickle_model(state: Mapping[str, Any]) -> Any:
    """The model of a state that :func:`pickle_model` returned."""
    from kjax.keras.saving.copying import model_of

    return model_of(state)
