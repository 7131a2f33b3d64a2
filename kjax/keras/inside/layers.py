"""Small things around layers, models and their configs that Keras has in its modules of layers and of models."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from kjax.keras import layers, tree
from kjax.keras.core.tensor import KerasTensor
from kjax.keras.inside.backend import is_tensor
from kjax.keras.inside.shapes import standardize_shape
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


class CallSpec:
    """The arguments of one call of a layer, sorted.

    ``user_arguments_dict`` has those that were given, ``arguments_dict`` the defaults of the others too,
    ``tensor_arguments_dict`` those made of tensors, ``nested_tensor_argument_names`` the names of structures of tensors;
    ``first_arg`` is the first, and ``eager`` says that none is symbolic.

    Args:
        signature: the signature of the layer's ``call``, without ``self``.
        call_context_args: names of arguments that travel to inner layers, such as ``training``; without a default they
            are no arguments of the call.
        args: positional arguments.
        kwargs: keyword arguments.

    Raises:
        TypeError: the arguments do not fit the signature.
        ValueError: there are none.
    """

    def __init__(
        self, signature: inspect.Signature, call_context_args: Any, args: Any, kwargs: Mapping[str, Any]
    ) -> None:
        travelling = {name for name in call_context_args if name not in signature.parameters}
        bound = signature.bind(*args, **{name: value for name, value in kwargs.items() if name not in travelling})
        self.user_arguments_dict = dict(bound.arguments)
        bound.apply_defaults()
        self.arguments_dict = dict(bound.arguments)
        if not self.arguments_dict:
            raise ValueError("Layers should be called with at least one positional argument, received none")
        self.argument_names = list(self.arguments_dict)
        self.first_arg = self.arguments_dict[self.argument_names[0]]
        self.tensor_arguments_dict: dict[str, Any] = {}
        self.nested_tensor_argument_names: list[str] = []
        for name, value in self.arguments_dict.items():
            leaves = tree.flatten(value)
            alone = is_backend_tensor_or_symbolic(value, allow_none=True) and value is not None
            if alone or (leaves and all(is_backend_tensor_or_symbolic(leaf, allow_none=True) for leaf in leaves)):
                if not any(leaf is not None for leaf in leaves):
                    continue
                self.tensor_arguments_dict[name] = value
                if not alone:
                    self.nested_tensor_argument_names.append(name)
        self.tensor_arguments_names = list(self.tensor_arguments_dict)
        self.eager = not any(isinstance(leaf, KerasTensor) for leaf in tree.flatten(self.arguments_dict))


class CallContext:
    """What the call of an outermost layer says to the layers inside.

    Args:
        entry_layer: the outermost layer.
    """

    def __init__(self, entry_layer: Any) -> None:
        self.entry_layer = entry_layer

    def get_value(self, arg_name: str, default: Any = None) -> Any:
        """What travels under a name."""
        return getattr(self, arg_name, default)

    def set_value(self, arg_name: str, value: Any) -> None:
        """Let something travel."""
        setattr(self, arg_name, value)


def is_shape_tuple(s: Any) -> bool:
    """Whether a thing is a list or tuple of sizes, None among them."""
    return isinstance(s, (list, tuple)) and all(size is None or isinstance(size, int) for size in s)


def get_shapes_dict(call_spec: CallSpec) -> dict[str, Any]:
    """The shapes of the tensors of a call: ``<name>_shape`` of each argument that is made of tensors."""
    found: dict[str, Any] = {}
    for name, value in call_spec.tensor_arguments_dict.items():
        if name not in ("mask", "initial_state") and not name.endswith("_mask"):
            found[f"{name}_shape"] = tree.map_structure(
                lambda x: None if x is None else standardize_shape(x.shape), value
            )
    return found


def update_shapes_dict_for_target_fn(
    target_fn: Callable[..., Any], shapes_dict: Mapping[str, Any], call_spec: CallSpec, class_name: str
) -> dict[str, Any]:
    """The shapes that a ``build`` or ``compute_output_shape`` takes, by the names of its arguments.

    Args:
        target_fn: the method.
        shapes_dict: what :func:`get_shapes_dict` found.
        call_spec: the call.
        class_name: the class of the layer, for the message.

    Raises:
        ValueError: an argument of the method that is named after no argument of the call.
    """
    parameters = inspect.signature(target_fn).parameters.values()
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.POSITIONAL_ONLY, p.KEYWORD_ONLY)]
    if len(names) == 1:
        first = next((name for name in call_spec.argument_names if f"{name}_shape" in shapes_dict), None)
        return {names[0]: shapes_dict[f"{first}_shape"]} if first is not None else dict(shapes_dict)
    for name in names:
        if not name.endswith("_shape") or name.removesuffix("_shape") not in call_spec.arguments_dict:
            raise ValueError(
                f"For layer {class_name!r}, received `{target_fn.__name__}()` argument `{name}`, but `call()` does not have "
                f"argument `{name.removesuffix('_shape')}`. With several arguments all of them have a `_shape` suffix"
            )
    return {name: shape for name, shape in shapes_dict.items() if name in names}


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
