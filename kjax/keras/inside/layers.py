"""Small things around layers, models and their configs that Keras has in its modules of layers and of models."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from kjax.keras import layers, tree
from kjax.keras.core.tensor import KerasTensor
from kjax.keras.inside.backend import is_tensor
from kjax.keras.inside.variables import map_saveable_variables
from kjax.keras.models import Model
from kjax.keras.saving.serialization import serialize_keras_object


def is_backend_tensor_or_symbolic(x: Any, allow_none: bool = False) -> bool:
    """Whether a thing is an array or a symbolic tensor, or None where that is allowed."""
    return (allow_none and x is None) or is_tensor(x) or isinstance(x, KerasTensor)


def might_have_unbuilt_state(layer: Any) -> bool:
    """Whether a layer inside of a layer has no weights yet."""
    return any(not inner.built for inner in layer._layers)


def get_arguments_dict(fn: Callable[..., Any], args: Any, kwargs: Any) -> dict[str, Any]:
    """The arguments of a call by name, those that were given.

    Raises:
        TypeError: they do not fit the function.
    """
    return dict(inspect.signature(fn).bind(*args, **kwargs).arguments)


def unpack_singleton(x: Any) -> Any:
    """The thing in a list or tuple of one; other things as they are."""
    return x[0] if isinstance(x, (list, tuple)) and len(x) == 1 else x


def functional_init_arguments(args: Any, kwargs: Mapping[str, Any]) -> bool:
    """Whether arguments of a model's constructor are inputs and outputs."""
    return len(args) == 2 or (len(args) == 1 and "outputs" in kwargs) or {"inputs", "outputs"} <= set(kwargs)


def functional_like_constructor(cls: type) -> bool:
    """Whether the constructor of a class takes the arguments of a functional model, or any."""
    given = inspect.getfullargspec(cls.__init__)
    return given.args[1:] == ["inputs", "outputs", "name"] or (given.varargs is not None and given.varkw is not None)


def clone_single_keras_tensor(x: KerasTensor) -> KerasTensor:
    """A symbolic tensor of the same shape and type, without a history."""
    return KerasTensor(x.shape, dtype=x.dtype, sparse=x.sparse, name=f"{x.name}_clone")


def clone_keras_tensors(tensors: Any, kt_id_mapping: MutableMapping[int, KerasTensor]) -> Any:
    """A structure with clones in place of its symbolic tensors.

    Args:
        tensors: the structure.
        kt_id_mapping: the clones so far by ``id`` of what they are clones of.
    """

    def swap(x: Any) -> Any:
        if not isinstance(x, KerasTensor):
            return x
        if id(x) not in kt_id_mapping:
            kt_id_mapping[id(x)] = clone_single_keras_tensor(x)
        return kt_id_mapping[id(x)]

    return tree.map_structure(swap, tensors)


def clone_graph_nodes(inputs: Any, outputs: Any) -> tuple[Any, Any]:
    """The calls between tensors once more, on new inputs; the layers are the same.

    Args:
        inputs: structure of symbolic tensors.
        outputs: structure of symbolic tensors that follow from them.

    Returns:
        New inputs, and the outputs for them.
    """

    def fresh(x: KerasTensor) -> Any:
        return layers.Input(batch_shape=x.shape, dtype=x.dtype, name=f"{x.name}_clone", sparse=bool(x.sparse))

    made = tree.map_structure(fresh, inputs)
    return made, Model(inputs, outputs)(made)


def map_container_variables(container: Any, store: dict[str, Any], visited_saveables: set[int]) -> None:
    """:func:`map_saveable_variables` for all things in a list or dict that have variables."""
    from kjax.keras.inside.saving import KerasSaveable

    for thing in container.values() if isinstance(container, Mapping) else container:
        if isinstance(thing, KerasSaveable):
            map_saveable_variables(thing, store, visited_saveables)


def get_build_and_compile_config(obj: Any, config: dict[str, Any]) -> None:
    """Put what a thing was built and compiled with into its config."""
    for name, method in (("build_config", "get_build_config"), ("compile_config", "get_compile_config")):
        found = getattr(obj, method)() if hasattr(obj, method) else None
        if found is not None:
            config[name] = serialize_keras_object(found) if name == "build_config" else found
