"""Models without weights: configs, JSON and YAML of every generation, and clones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from kjax.keras.core.settings import INNER_NAMES
from kjax.keras.legacy.form import CONVERTED, is_older, today
from kjax.keras.models.model import Model
from kjax.keras.saving import eras, legacy_config, names, older, operations
from kjax.keras.saving.errors import reading_config
from kjax.keras.saving.registration import CustomObjectScope
from kjax.keras.saving.serialization import deserialize_keras_object, serialize_keras_object, shared_config, sharing


def model_from_config(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """A model from what ``serialize_keras_object(model)``, or any real Keras, wrote.

    Args:
        config: dict with ``class_name`` and ``config``.
        custom_objects: a user's classes and functions by name.

    Raises:
        ValueError: unknown classes or arguments, or no config of a model.
    """
    if not isinstance(config, Mapping) or "class_name" not in config or "config" not in config:
        raise ValueError("the config of a model must be a dict with 'class_name' and 'config'")
    with CustomObjectScope(custom_objects), sharing():
        if eras.is_old():
            config = legacy_config.modernized(config)
        if eras.era() == eras.KERAS1:
            config = legacy_config.ordered(config)
        if "module" in config:
            model = deserialize_keras_object(config)
        else:
            model = legacy_config.layer_from_config(config)
    if not isinstance(model, Model):
        raise ValueError(f"the config names {config['class_name']!r}, which is no model")
    return model


def model_to_json(model: Any, **kwargs: Any) -> str:
    """The architecture of a model as JSON, in the format of Keras 3 or, in the eras of Keras 1 and 2, of Keras 2.

    Args:
        model: the model.
        **kwargs: arguments of ``json.dumps``.
    """
    from kjax.keras.saving.keras_zip import _json_default

    kwargs.setdefault("default", _json_default)
    if is_older():
        with today(CONVERTED):
            entry = serialize_keras_object(model)
        return json.dumps(older.model_entry(entry), **kwargs)
    return json.dumps(shared_config(model), **kwargs)


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """A model, not compiled unless the text says how, from what ``to_json`` of kjax or of any real Keras returned.

    Args:
        json_string: the text.
        custom_objects: a user's classes and functions by name.

    Raises:
        ValueError: no JSON, no config of a model, or unknown classes.
    """
    try:
        config = json.loads(json_string)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"model_from_json: the text is no JSON: {error}") from error
    return _from_text(config, custom_objects)


MAX_PARTS = 10_000_000
"""Values of a config above which it is refused."""


def _from_text(config: Any, custom_objects: Mapping[str, Any] | None) -> Any:
    version = None
    if isinstance(config, Mapping):  # Keras 3 names modules and no version
        version = "3" if "module" in config else config.get("keras_version", "2")
    with reading_config(), eras.reading(version):
        return model_from_config(config, custom_objects)


_CALL = "tag:yaml.org,2002:python/object/apply:"
_NUMBERS = {name: name for name in ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")}
"""The types that a number of NumPy in a text may have."""
_BYTE_ORDERS = {"<": "<", ">": ">", "|": "|", "=": "="}


def model_to_yaml(model: Any, **kwargs: Any) -> str:
    """The architecture of a model as YAML.

    Args:
        model: the model.
        **kwargs: arguments of ``yaml.safe_dump``.

    Raises:
        ImportError: PyYAML is not installed.
    """
    yaml = _yaml()
    config = json.loads(model_to_json(model))
    if not is_older():
        return yaml.safe_dump(config, **kwargs)

    class Dumper(yaml.SafeDumper):  # type: ignore[misc, name-defined]
        """Shapes as Python's tuples, which Keras 2 kept them in."""

    Dumper.add_representer(
        tuple, lambda dumper, value: dumper.represent_sequence("tag:yaml.org,2002:python/tuple", value)
    )
    return yaml.dump(_with_tuples(config), Dumper=Dumper, **kwargs)


def _with_tuples(config: Any) -> Any:
    if isinstance(config, list):
        return [_with_tuples(item) for item in config]
    if not isinstance(config, dict):
        return config
    return {
        key: tuple(value) if key in _TUPLES and isinstance(value, list) else _with_tuples(value)
        for key, value in config.items()
    }


_TUPLES = frozenset(
    "batch_input_shape kernel_size strides dilation_rate pool_size target_shape dims size padding cropping".split()
)
"""Arguments that were tuples in configs of Keras 2."""


def model_from_yaml(yaml_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """A model from what ``to_yaml`` of kjax or of an older Keras returned; only plain data are read from the text.

    Args:
        yaml_string: the text.
        custom_objects: a user's classes and functions by name.

    Raises:
        ImportError: PyYAML is not installed.
        ValueError: no YAML of plain data, no config of a model, or unknown classes.
    """
    yaml = _yaml()

    class PlainLoader(yaml.SafeLoader):  # type: ignore[misc, name-defined]
        """Python's tuples, which older Keras wrote, as lists; nothing else of Python."""

    def as_list(loader: Any, node: Any) -> list[Any]:
        return [loader.construct_object(item, deep=True) for item in node.value]

    def as_text(loader: Any, node: Any) -> Any:
        return loader.construct_scalar(node)

    def as_type(loader: Any, node: Any) -> np.dtype[Any]:
        found = loader.construct_mapping(node, deep=True)
        return np.dtype(_BYTE_ORDERS[found["state"][1]] + _NUMBERS[found["args"][0]])

    def as_number(loader: Any, node: Any) -> Any:
        dtype, data = loader.construct_sequence(node, deep=True)
        (number,) = np.frombuffer(data, dtype)
        return number.item()

    def as_array(loader: Any, node: Any) -> Any:
        _, shape, dtype, columns, data = loader.construct_mapping(node, deep=True)["state"]
        return np.frombuffer(data, dtype).reshape(shape, order="F" if columns else "C").tolist()

    def narrow(construct: Any) -> Any:
        def checked(loader: Any, node: Any) -> Any:
            try:
                return construct(loader, node)
            except (KeyError, IndexError, TypeError, ValueError) as error:
                raise yaml.constructor.ConstructorError(
                    None, None, "something that claims to be numbers of NumPy is none", node.start_mark
                ) from error

        return checked

    # Numbers and arrays of NumPy, as Keras 2 writes those that an optimizer or a layer was given.
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        PlainLoader.add_constructor(f"{_CALL}{module}.scalar", narrow(as_number))
        PlainLoader.add_constructor(f"{_CALL}{module}._reconstruct", narrow(as_array))
    PlainLoader.add_constructor("tag:yaml.org,2002:python/name:numpy.ndarray", as_text)
    PlainLoader.add_constructor(f"{_CALL}numpy.dtype", narrow(as_type))
    PlainLoader.add_constructor("tag:yaml.org,2002:python/tuple", as_list)
    PlainLoader.add_constructor("tag:yaml.org,2002:python/unicode", as_text)
    try:
        config = yaml.load(yaml_string, Loader=PlainLoader)
        _check_size(config)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"model_from_yaml: the text is no YAML of plain data: {error}") from error
    return _from_text(config, custom_objects)


def _check_size(config: Any) -> None:
    """Refuse YAML whose names for parts (``&a``, ``*a``) make more of a short text than any model needs, or a circle.

    Raises:
        ValueError: they do.
    """
    sizes: dict[int, int] = {}
    open_parts: set[int] = set()

    def size(part: Any) -> int:
        if not isinstance(part, (Mapping, list, tuple)):
            return 1
        if id(part) in open_parts:
            raise ValueError("model_from_yaml: a part of the text contains itself")
        if id(part) not in sizes:
            open_parts.add(id(part))
            sizes[id(part)] = 1 + sum(map(size, part.values() if isinstance(part, Mapping) else part))
            open_parts.remove(id(part))
        return sizes[id(part)]

    if size(config) > MAX_PARTS:
        raise ValueError(f"model_from_yaml: the text stands for {size(config)} values, which is too much for a config")


def _yaml() -> Any:
    try:
        import yaml
    except ImportError as error:
        raise ImportError(
            "YAML needs the package PyYAML: pip install pyyaml (or use to_json and model_from_json)"
        ) from error
    return yaml


def legacy_entry(model: Any) -> dict[str, Any]:
    """A model's config as ``.h5`` files hold it: layers by class name, without their modules.

    Args:
        model: the model.

    Raises:
        ValueError: something in the model cannot be described in a config.
    """
    with today():
        return _legacy(json.loads(model_to_json(model)))


def _legacy(entry: Mapping[str, Any]) -> dict[str, Any]:
    registered = entry.get("registered_name")
    builtin = names.builtin(entry.get("module"), entry["class_name"]) is not None and ">" not in (registered or "")
    config = entry["config"]
    if isinstance(config, Mapping) and isinstance(config.get("layers"), list):
        layers = [e if operations.is_operation(e) else _legacy(e) for e in config["layers"]]
        config = {**config, "layers": layers}
    name = entry["class_name"]
    name = INNER_NAMES.get(name, name) if builtin else registered or name
    kept = {key: entry[key] for key in ("name", "inbound_nodes", "kjax") if key in entry}
    return {"class_name": name, "config": config, **kept}
