"""Layers in a row."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax

from kjax.keras.core import scope as scopes
from kjax.keras.core.doors import files
from kjax.keras.core.layer import Layer
from kjax.keras.core.operation import Input, InputLayer
from kjax.keras.core.settings import settings, to_snake_case, unique_name
from kjax.keras.core.tensor import KerasTensor, batch_is_free, is_symbolic
from kjax.keras.legacy.arguments import OLD_ERAS
from kjax.keras.legacy.form import of_era
from kjax.keras.models.model import Model
from kjax.keras.models.plan import make_plan, variable_names


class Sequential(Model):
    """A plain stack of layers.

    Args:
        layers: layers to begin with.
        trainable: False freezes the model.
        name: the model's name.
    """

    def __init__(self, layers: Sequence[Any] | None = None, trainable: bool = True, name: str | None = None) -> None:
        if isinstance(trainable, str):  # the place of the name before Keras 3
            trainable, name = True, trainable
        super().__init__(name=name, trainable=trainable)
        self._stack: list[Layer] = []
        self._input_layer: InputLayer | None = None
        for layer in layers or []:
            self.add(layer, rebuild=False)
        self._rebuild()

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Put a layer on top.

        Args:
            layer: a layer, a model, an ``Input``, or a Flax module.
            rebuild: False waits for the next ``add`` (used when several are added).

        Raises:
            ValueError: not a layer, a second layer of the same name, or a second input.
        """
        if is_symbolic(layer):
            layer = layer._keras_history[0]
        if not isinstance(layer, Layer):
            from kjax.keras.core.foreign import NoLayerError, as_layer

            try:
                layer = as_layer(layer)
            except TypeError as error:
                raise NoLayerError(
                    f"Only instances of `keras.Layer` can be added to a Sequential model, {self.name!r}: {error}"
                ) from None
        if isinstance(layer, InputLayer):
            if self._input_layer is not None:
                raise ValueError(
                    f"Sequential model {self.name!r} has already been configured to use input shape "
                    f"{self._input_layer.batch_shape}; it cannot have another"
                )
            self._input_layer = layer
            if rebuild and self._stack:
                self._rebuild()
            return
        if any(layer.name == other.name for other in self._stack):
            raise ValueError(
                f"All layers added to a Sequential model should have unique names: {layer.name!r} is already the name of a "
                f"layer in {self.name!r}"
            )
        if not self._stack and self._input_layer is None:
            shape = _declared_shape(layer)
            if shape is not None:
                name = f"{layer.name}_input" if settings.era != "3" else None
                if settings.era == "1":  # ``dense_input_1``, whatever the layer's own name
                    name = unique_name(f"{to_snake_case(type(layer).__name__)}_input")
                self._input_layer = Input(batch_shape=shape, dtype=layer._input_dtype, name=name)._keras_history[0]
        self._stack.append(layer)
        if rebuild and self._plan is not None:
            # The tensors of the layers below stay what they are: a user may hold them.
            with scopes.inside(self):
                outputs = layer(self._plan.outputs[0])
            _check_single(self.name, layer, outputs)
            self._adopt_plan(make_plan(self._plan.input_structure, outputs, self.name))
            _count_functional()
        elif rebuild:
            self._rebuild()

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the top layer off and return it."""
        if not self._stack:
            raise TypeError(f"model {self.name!r} has no layers to take off")
        layer = self._stack.pop()
        if rebuild and self._plan is not None and self._stack and not hasattr(layer, "branches"):
            # The tensors of the layers below stay what they are: a user may hold them.
            below = self._plan.outputs[0]._keras_history
            (tensor,) = below[0]._inbound_nodes[below[1]].sources
            self._adopt_plan(make_plan(self._plan.input_structure, tensor, self.name))
            _count_functional()
        elif rebuild:
            self._rebuild()
        return layer

    def _rebuild(self) -> None:
        self._plan = None
        self.built = False
        self._forget_training()
        if self.is_joined:
            inputs, outputs = self._stack[0].join()  # type: ignore[attr-defined]
            for layer in self._stack[1:]:
                outputs = layer(outputs)
            self._adopt_plan(make_plan(inputs, outputs, self.name))
        elif self._input_layer is not None and self._stack:
            tensor: Any = self._input_layer._inbound_nodes[0].outputs[0]
            self._draw(tensor)

    @property
    def is_joined(self) -> bool:
        """Whether the model begins with Keras 1's ``Merge`` of several models: it is a graph then, and no row."""
        return bool(self._stack and getattr(self._stack[0], "branches", None))

    @property
    def written_as(self) -> Callable[[], tuple[type, dict[str, Any]]] | None:
        """Makes what files hold in the place of a model that :attr:`is_joined`: class and config of a functional one."""
        return (lambda: (Model, files.functional_config(self))) if self.is_joined else None

    def _draw(self, tensor: KerasTensor) -> None:
        inputs, outputs = tensor, tensor
        with scopes.inside(self):
            for layer in self._stack:
                outputs = layer(outputs)
                _check_single(self.name, layer, outputs)
        self._adopt_plan(make_plan(inputs, outputs, self.name))
        _count_functional()

    def _lock_state(self) -> None:
        """Layers may be added at any time."""

    def build(self, input_shape: Any = None) -> None:
        """Build the model for inputs of a shape (with the batch axis)."""
        if self._plan is not None:
            return
        if not self._stack:
            raise ValueError(
                f"Sequential model {self.name!r} cannot be built because it has no layers; call .add(layer)"
            )
        if input_shape is None:
            raise ValueError(
                f"Sequential model {self.name!r} does not know its input shape: give the first layer an `input_shape`, "
                "begin with keras.Input(shape=...), or call it on data"
            )
        shape, dtype = tuple(input_shape), self._first_type()
        self._input_layer = Input(batch_shape=shape, dtype=dtype, name=self._input_name)._keras_history[0]
        self._rebuild()
        self._is_built_now()

    @property
    def _input_name(self) -> str | None:
        return f"{self.name}_input" if settings.era in OLD_ERAS else None

    def _draw_for(self, data: Any) -> None:
        """Build the model for inputs structured like data."""
        inputs = jax.tree.map(
            lambda a: Input(batch_shape=(None, *a.shape[1:]), dtype=a.dtype, name=self._input_name),
            data,
            is_leaf=is_symbolic,
        )
        outputs = inputs
        for layer in self._stack:
            outputs = layer(outputs)
        self._adopt_plan(make_plan(inputs, outputs, self.name))
        self._is_built_now()

    def _first_type(self) -> str | None:
        """Type of the inputs, where the first layer is one that does not take floats."""
        first = self._stack[0]
        while isinstance(first, Sequential) and first._stack:
            first = first._stack[0]
        return getattr(first, "input_type", None)

    def _ensure_built(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        if self._plan is None:
            if hasattr(args[0], "shape"):
                # Keras 3 takes the shape of the first batch, size included, and takes batches of other sizes later.
                is_known = settings.era == "3" and not batch_is_free()
                self.build((args[0].shape[0] if is_known else None, *tuple(args[0].shape)[1:]))
            else:  # a dict or list of arrays, for a first layer that takes them
                self._draw_for(args[0])
            if self._plan is not None:
                self._plan = dataclasses.replace(self._plan, drawn_from_data=True)  # type: ignore[type-var]

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input."""
        return self._stack if settings.era == "1" else list(self._stack)  # scripts of Keras 1 took layers off the list

    @layers.setter
    def layers(self, value: Any) -> None:
        raise AttributeError(
            "`Sequential.layers` attribute is reserved and should not be used: use `add()` and `pop()` to change the layers"
        )

    def _leave_out_unused(self) -> None:
        assert self._plan is not None
        used = {id(layer) for layer in self._plan.layers}
        self._stack = [layer for layer in self._stack if id(layer) in used]

    @property
    def input(self) -> Any:
        """Symbolic input: its own, or in Keras 3 that of its first call, where it was called."""
        return super(Model, self).input if self._stands_in_graph else super().input

    @property
    def output(self) -> Any:
        """Symbolic output: its own, or in Keras 3 that of its first call, where it was called."""
        return super(Model, self).output if self._stands_in_graph else super().output

    @property
    def _stands_in_graph(self) -> bool:
        return settings.era == "3" and bool(self._inbound_nodes)

    @property
    def operations(self) -> list[Layer]:
        """The layers: there is nothing between them."""
        return self.layers

    def _members(self) -> Iterator[tuple[str, Layer]]:
        if self._plan is not None:
            yield from super()._members()
            return
        names = variable_names(self._stack)
        for layer in self._stack:
            yield names[id(layer)], layer

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """Run the layers one after the other."""
        return super().call(inputs, training, mask)

    def __len__(self) -> int:
        return len(self._stack)

    @property
    def model(self) -> Sequential:
        """The model itself: in Keras 1 a Sequential stood around another model."""
        return self

    def get_build_config(self) -> dict[str, Any] | None:
        """The shape of the inputs that the model was built for."""
        return {"input_shape": self._plan.inputs[0].shape} if self._plan is not None else None

    @of_era
    def get_config(self) -> dict[str, Any]:
        """What makes an equal model."""
        return files.sequential_config(self)

    @classmethod
    def from_config(cls, config: Any, custom_objects: Any = None) -> Any:
        """Make a model from what :meth:`get_config` returned."""
        return files.sequential_from_config(cls, config, custom_objects)


class SeveralOutputsError(TypeError, ValueError):
    """A layer with several outputs in a row of layers; Keras 2 had both kinds of errors for it."""


def _count_functional() -> None:
    """Count as Keras 3 does, whose Sequential holds a functional model with a name of its own, a new one at each change."""
    if settings.era == "3":
        unique_name("functional")


def _check_single(name: str, layer: Layer, outputs: Any) -> None:
    if settings.era in ("1", "2") and not is_symbolic(outputs):
        raise SeveralOutputsError(
            f"model {name!r}: layers of a Sequential have one output, {layer.name!r} has several; use the functional API"
        )


def joined(branches: Sequence[Any]) -> tuple[list[KerasTensor], list[KerasTensor]]:
    """The inputs and the outputs of models, or of layers that say the shape of their input, side by side.

    Args:
        branches: the models and layers; an input that several share is listed once.
    """
    inputs: list[KerasTensor] = []
    outputs: list[KerasTensor] = []
    for branch in branches:
        if branch._inbound_nodes or hasattr(branch, "inputs"):
            found = branch.inputs if getattr(branch, "inputs", None) else branch.input
            output = branch.output
        else:
            found = Input(batch_shape=branch._batch_input_shape)
            output = branch(found)
        for tensor in found if isinstance(found, (list, tuple)) else [found]:
            if all(tensor is not known for known in inputs):
                inputs.append(tensor)
        outputs.append(output)
    return inputs, outputs


def _declared_shape(layer: Layer) -> tuple[int | None, ...] | None:
    if layer._batch_input_shape is not None:
        return layer._batch_input_shape
    if isinstance(layer, Model) and layer._plan is not None:
        return layer._plan.inputs[0].shape
    return None
