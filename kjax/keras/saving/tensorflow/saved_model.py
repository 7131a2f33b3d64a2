"""Folders of TensorFlow's SavedModel: the Keras model that is described in them, rebuilt from its config."""

from __future__ import annotations

import json
import os
from typing import Any

from kjax.keras.saving import eras, legacy_config, legacy_training
from kjax.keras.saving.errors import loading
from kjax.keras.saving.tensorflow import checkpoint
from kjax.keras.saving.tensorflow.bundle import is_bundle
from kjax.keras.saving.tensorflow.wire import Message, parse

PROGRAM, METADATA = "saved_model.pb", "keras_metadata.pb"

_NODE: Message = {2: ("id", int), 3: ("path", str), 4: ("identifier", str), 5: ("metadata", str)}
_METADATA: Message = {1: ("nodes", [_NODE])}

_USER: Message = {1: ("identifier", str), 3: ("metadata", str)}
_OBJECTS: Message = {1: ("nodes", [{4: ("user", _USER)}])}
_PROGRAM: Message = {2: ("graphs", [{7: ("objects", _OBJECTS)}])}
"""Until TensorFlow 2.4 the metadata lay beside the graph (``saved_object_graph.proto``)."""


def is_saved_model(folder: str) -> bool:
    """Whether a folder is one that TensorFlow wrote."""
    return any(os.path.isfile(os.path.join(folder, name)) for name in (PROGRAM, METADATA))


def weights_of(folder: str) -> str | None:
    """The name of the checkpoint in such a folder, or None."""
    prefix = os.path.join(folder, "variables", "variables")
    return prefix if is_saved_model(folder) and is_bundle(prefix) else None


def _root(folder: str) -> dict[str, Any]:
    """What is said of the object that was saved: its kind, and what Keras wrote of it."""
    path = os.path.join(folder, METADATA)
    if os.path.isfile(path):
        with loading(path), open(path, "rb") as file:
            nodes = parse(file.read(), _METADATA)["nodes"]
            found = [node for node in nodes if node["id"] == 0]
    else:
        path = os.path.join(folder, PROGRAM)
        with loading(path), open(path, "rb") as file:
            graphs = parse(file.read(), _PROGRAM)["graphs"]
            nodes = graphs[0]["objects"]["nodes"] if graphs and graphs[0]["objects"] else []
            found = [nodes[0]["user"]] if nodes and nodes[0]["user"] else []
    with loading(folder):
        if not found or not found[0]["identifier"].startswith("_tf_keras_"):
            raise ValueError(
                "it is a SavedModel without a Keras model: a program of TensorFlow, which only TensorFlow can run; where "
                "its Keras model is at hand, save that as .keras or .h5"
            )
        metadata = json.loads(found[0]["metadata"] or "null")
        if not isinstance(metadata, dict):
            raise ValueError("what Keras wrote of the model is no object")
        return _plain(metadata)


def _plain(thing: Any) -> Any:
    """Tuples and shapes, which are written as objects, as lists."""
    if isinstance(thing, list):
        return [_plain(item) for item in thing]
    if not isinstance(thing, dict):
        return thing
    if thing.get("class_name") in ("__tuple__", "TensorShape") and isinstance(thing.get("items"), list):
        return _plain(thing["items"])
    return {key: _plain(value) for key, value in thing.items()}


def load_model(folder: str, custom_objects: Any = None, compile: bool = True, safe_mode: bool = True) -> Any:
    """Read a whole model.

    Args:
        folder: the folder.
        custom_objects: a user's classes and functions by name.
        compile: whether the model is compiled as it was, with the state of its optimizer.
        safe_mode: False lets Python byte code in the config become functions.

    Raises:
        FileFormatError: the folder is damaged, holds no Keras model, or one of a class that was not given.
    """
    from kjax.keras.saving.registration import CustomObjectScope
    from kjax.keras.saving.serialization import safe_scope

    metadata = _root(folder)
    with (
        loading(folder),
        CustomObjectScope(custom_objects),
        safe_scope(safe_mode),
        eras.reading(metadata.get("keras_version", "2.15.0")),
    ):
        _refuse_learned(metadata.get("config"))
        model = _model(metadata)
        prefix = weights_of(folder)
        training = metadata.get("training_config") if compile else None
        if isinstance(training, dict):
            legacy_training.compile_model(model, training)
        if prefix is None and model.weights:
            raise ValueError("it has no variables: the folder 'variables' is missing or damaged")
        if prefix is not None:
            _, missing = checkpoint.load_weights(model, prefix)
            if missing:
                raise ValueError(f"it has no values for these weights of its model: {', '.join(missing[:8])}")
        return model


def _refuse_learned(config: Any) -> None:
    """Refuse what would predict something else.

    Raises:
        ValueError: a vocabulary was learned by ``adapt``; it lies in the program alone.
    """
    for entry in config.get("layers") or () if isinstance(config, dict) else ():
        inner = entry.get("config") if isinstance(entry, dict) else None
        if not isinstance(inner, dict):
            continue
        _refuse_learned(inner)
        size = inner.get("vocabulary_size")
        special = int(inner.get("num_oov_indices", 1)) + (inner.get("mask_token", "") is not None)
        if inner.get("vocabulary") is None and isinstance(size, int) and size > special:
            raise ValueError(
                f"layer {inner.get('name')!r} ({entry.get('class_name')}) learned its vocabulary of {size} entries by adapt(), and "
                "the folder has it in TensorFlow's program (saved_model.pb) alone: save the model as .keras there, or make the "
                "model, adapt the layer and call load_weights with the folder"
            )


def _called_with(spec: Any) -> Any:
    """The shape of the inputs with which a model was called; None where it is not that of one array."""
    written = spec.get("serialized") if isinstance(spec, dict) else None
    shape = written[0] if isinstance(written, list) and written else None
    return [None, *shape[1:]] if isinstance(shape, list) and shape else None


def _model(metadata: dict[str, Any]) -> Any:
    from kjax.keras.saving.architecture import model_from_config
    from kjax.keras.saving.registration import get_registered_object

    config = metadata.get("model_config")
    name = metadata.get("class_name")
    if not isinstance(config, dict):
        config = {"class_name": name, "config": metadata.get("config")}
    cls = get_registered_object(str(name)) or get_registered_object(str(name).rpartition(">")[2])
    if cls is None and (name not in ("Sequential", "Functional", "Model") or not isinstance(config["config"], dict)):
        raise ValueError(
            f"the model is of the class {name!r}, whose code is not in the folder: pass custom_objects={{{name!r}: ...}}, or "
            "make the model and call load_weights with the folder"
        )
    if (
        isinstance(metadata.get("config"), dict) and "layers" in metadata["config"]
    ):  # here lists of vocabularies are whole
        config = {**config, "config": metadata["config"]}
    if cls is None or metadata.get("is_graph_network"):
        return model_from_config(config)
    given = config["config"] if isinstance(config["config"], dict) else {}
    model = cls.from_config(legacy_config.modernized(given) if "layers" in given else given)
    shape = metadata.get("build_input_shape") or _called_with(metadata.get("save_spec"))
    if not model.built and shape is not None:
        model.build(tuple(shape) if all(not isinstance(size, list) for size in shape) else [tuple(s) for s in shape])
    return model
