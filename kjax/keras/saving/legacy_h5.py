"""The HDF5 format before Keras 3: whole models and weights of Keras 1, Keras 2, tf.keras and Keras 3's ``.h5``."""

from __future__ import annotations

import contextlib
import io
import json
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from kjax.keras.core.variable import Variable
from kjax.keras.saving import atomic, eras, hdf5, legacy_training, legacy_weights
from kjax.keras.saving.errors import loading
from kjax.keras.saving.keras_zip import KERAS_VERSION, _json_default
from kjax.keras.saving.layout import graph_layers
from kjax.keras.saving.weights_h5 import need_built, verify

TOP = "top_level_model_weights"

# -- writing -----------------------------------------------------------------------------------------------------


def save_model(model: Any, filepath: Any, overwrite: bool = True, include_optimizer: bool = True) -> None:
    """Write a whole model in the layout in which Keras 3 writes ``.h5`` files.

    Args:
        model: the model.
        filepath: where to write: a path, a binary file object, or an open ``h5py.Group``.
        overwrite: False refuses to replace a file.
        include_optimizer: whether what ``compile`` was given and the optimizer's state are written.

    Raises:
        ValueError: something in the model cannot be described in a config.
        FileExistsError: there is a file, and ``overwrite`` is False.
    """
    from kjax.keras.saving.architecture import legacy_entry

    need_built(model, "save")
    attributes = {
        "keras_version": KERAS_VERSION,
        "backend": "jax",
        "model_config": _json(legacy_entry(model)),
    }
    training = legacy_training.training_config(model) if include_optimizer else None
    if training is not None:
        attributes["training_config"] = _json(training)
    with _written(filepath, overwrite) as file:
        for key, value in attributes.items():
            file.attrs[key] = value
        write_weights(model, file.create_group("model_weights"))
        if training is not None:
            legacy_training.write_optimizer(model, file)


def _json(thing: Any) -> str:
    return json.dumps(thing, default=_json_default)


def save_weights(model: Any, filepath: Any, overwrite: bool = True) -> None:
    """Write the weights of a model as Keras 2 did; arguments as those of :func:`save_model`."""
    need_built(model, "save")
    with _written(filepath, overwrite) as file:
        write_weights(model, file)


@contextlib.contextmanager
def _written(filepath: Any, overwrite: bool) -> Iterator[Any]:
    """A new HDF5 file at a path or in a binary file object, or a group that is open."""
    import h5py

    if isinstance(filepath, h5py.Group):
        yield filepath
    elif hasattr(filepath, "write"):
        with io.BytesIO() as memory:
            with h5py.File(memory, "w") as file:
                yield file
            filepath.write(memory.getbuffer())
    else:
        with atomic.replacing(filepath, overwrite) as temporary, h5py.File(temporary, "w") as file:
            yield file


def write_weights(model: Any, group: Any) -> None:
    """Write the weights of each layer of a model into an HDF5 group."""
    layers = graph_layers(model)
    hdf5.write_names(group.attrs, "layer_names", [layer.name for layer in layers])
    group.attrs["backend"] = "jax"
    group.attrs["keras_version"] = KERAS_VERSION
    for layer in sorted(layers, key=lambda layer: layer.name):
        _write_list(group.create_group(layer.name), legacy_weights.listed(layer))
    _write_list(group.create_group(TOP), top_variables(model))


def _write_list(group: Any, variables: Sequence[Variable]) -> None:
    paths = _unique([variable.path for variable in variables])
    hdf5.write_names(group.attrs, "weight_names", paths)
    for path, variable in zip(paths, variables, strict=True):
        # Keras cannot read what it writes for bfloat16 in this format; it casts what it reads.
        value = variable.value
        hdf5.write_array(group, path, value.astype("float32") if variable.dtype == "bfloat16" else value)


def _unique(paths: Sequence[str]) -> list[str]:
    """Names that do not occur twice, and of which none is the folder of another."""
    taken: set[str] = set()
    result = []
    for path in paths:
        candidate, i = path, 0
        while candidate in taken:
            i += 1
            candidate = f"{path}_{i}"
        taken.add(candidate)
        result.append(candidate)
    return result


def top_variables(model: Any) -> list[Variable]:
    """The variables that belong to the model itself and not to one of its layers."""
    return model.own_variables()


# -- reading -----------------------------------------------------------------------------------------------------


def is_legacy(filepath: Any) -> bool:
    """Whether an HDF5 file has the layout before Keras 3."""
    with loading(filepath), hdf5.opened(filepath) as file:
        return "layer_names" in file.attrs or "layer_names0" in file.attrs or "model_weights" in file


def load_model(filepath: Any, custom_objects: Any = None, compile: bool = True, safe_mode: bool = True) -> Any:
    """Read a whole model.

    Args:
        filepath: file of any Keras before Keras 3, or an ``.h5`` file of Keras 3 or kjax.
        custom_objects: a user's classes and functions by name.
        compile: whether the model is compiled as it was, with the state of its optimizer.
        safe_mode: False lets Python byte code in the file become functions.

    Raises:
        FileNotFoundError: there is no such file.
        FileFormatError: the file is broken, holds weights only, or refers to unknown classes.
    """
    from kjax.keras.saving.architecture import model_from_config
    from kjax.keras.saving.registration import CustomObjectScope
    from kjax.keras.saving.serialization import safe_scope

    with loading(filepath), hdf5.opened(filepath) as file:
        config = _json_attribute(file, "model_config")
        if config is None:
            raise ValueError("it holds weights only and no model; make the model and call its load_weights")
        version = hdf5.text(file.attrs, "keras_version")
        with CustomObjectScope(custom_objects), safe_scope(safe_mode), eras.reading(version):
            model = model_from_config(config)
            if "model_weights" in file:
                read_weights(model, hdf5.group(file, "model_weights"), match="names")
            training = _json_attribute(file, "training_config") if compile else None
            if training is not None:
                legacy_training.compile_model(model, training)
                legacy_training.read_optimizer(model, file, _saved_in(model, file))
        return model


def _saved_in(model: Any, file: Any) -> Sequence[legacy_training.Saved]:
    """What a file of Keras 1 has of each layer's weights; the state of its optimizer lies in the order of their names."""
    if eras.era() != eras.KERAS1 or "model_weights" not in file:
        return ()
    return _pairs(model, hdf5.group(file, "model_weights"), "names")


def _json_attribute(file: Any, name: str) -> Any:
    text = hdf5.text(file.attrs, name)
    if text is None:
        return None
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"the attribute {name!r} is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"the attribute {name!r} must hold an object, it holds a {type(value).__name__}")
    return value


def load_weights(
    model: Any, filepath: Any, skip_mismatch: bool = False, by_name: bool = False, reshape: bool = False
) -> None:
    """Set the weights of a model.

    Args:
        model: a built model.
        filepath: file of weights, or of a whole model.
        skip_mismatch: keep, with a warning, the weights of layers that do not fit.
        by_name: match layers by name; layers that the file does not name keep their weights.
        reshape: arrays of as many numbers in another shape fit.

    Raises:
        FileFormatError: the file is broken, or does not fit the model; the model is unchanged then.
    """
    need_built(model, "load")
    with loading(filepath), hdf5.opened(filepath) as file:
        group = (
            hdf5.group(file, "model_weights") if "layer_names" not in file.attrs and "model_weights" in file else file
        )
        read_weights(model, group, skip_mismatch, "given names" if by_name else "order", reshape)


def read_weights(
    model: Any, group: Any, skip_mismatch: bool = False, match: str = "order", reshape: bool = False
) -> None:
    """Set the weights of a model from an HDF5 group.

    All is checked before anything is set.

    Args:
        model: a built model.
        group: the group that lists the layers.
        skip_mismatch: keep, with a warning, the weights of layers that do not fit.
        match: ``'order'``: the layers with weights, one after the other. ``'given names'``: layers of the same name, others
            are passed over. ``'names'``: by name if model and file name the same layers, otherwise by order.
        reshape: arrays of as many numbers in another shape fit.

    Raises:
        ValueError: the file does not fit the model.
    """
    version = hdf5.text(group.attrs, "keras_version") if "keras_version" in group.attrs else None
    backend = hdf5.text(group.attrs, "backend") if "backend" in group.attrs else None
    with eras.reading(version):
        pairs = _pairs(model, group, match)
        if backend is None and eras.era() == eras.KERAS1:
            backend = legacy_weights.backend_of_keras1(name for _, _, arrays in pairs for name in arrays)
        plan: list[tuple[Variable, Any]] = []
        for layer, variables, stored in pairs:
            try:
                plan += legacy_weights.matched(layer, variables, stored, backend, reshape)
            except ValueError as error:
                if not skip_mismatch:
                    raise
                warnings.warn(f"not loaded: {error}", stacklevel=4)
    verify([stored for _, stored in plan if isinstance(stored, hdf5.Stored)])
    for box, stored in plan:
        hdf5.assign(box, stored)


Pair = tuple[Any, list[Variable], dict[str, hdf5.Stored]]


def _pairs(model: Any, group: Any, match: str) -> list[Pair]:
    """Each layer with its variables and the file's arrays for it."""
    layers = {layer.name: layer for layer in graph_layers(model)}
    stored = {name: _arrays(group, name) for name in hdf5.names(group.attrs, "layer_names")}
    pairs: list[Pair] = []
    if match == "given names":
        pairs = [(layers[n], legacy_weights.listed(layers[n]), s) for n, s in stored.items() if n in layers]
    else:
        ours = [layer for layer in layers.values() if legacy_weights.listed(layer)]
        theirs = {name: arrays for name, arrays in stored.items() if arrays}
        if match == "names" and {layer.name for layer in ours} == set(theirs):
            pairs = [(layer, legacy_weights.listed(layer), theirs[layer.name]) for layer in ours]
        else:
            if len(ours) != len(theirs):
                raise ValueError(
                    f"the model has {len(ours)} layers with weights ({_list([x.name for x in ours])}), the file has "
                    f"{len(theirs)} ({_list(list(theirs))})"
                )
            pairs = [(x, legacy_weights.listed(x), s) for x, s in zip(ours, theirs.values(), strict=True)]
    top = top_variables(model)
    if TOP in group and (top or match == "order"):
        arrays = _arrays(group, TOP)
        if arrays or top:
            pairs.append((model, top, arrays))
    return pairs


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")


def _arrays(group: Any, name: str) -> dict[str, hdf5.Stored]:
    inner = hdf5.group(group, name)
    return {weight: hdf5.dataset(inner, weight) for weight in hdf5.names(inner.attrs, "weight_names")}
