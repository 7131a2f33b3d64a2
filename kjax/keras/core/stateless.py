"""Scopes and graphs as Keras names them: ``StatelessScope``, ``SymbolicScope``, ``Function``, ``Operation``."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self

import jax

from kjax.keras.core import scope as scopes
from kjax.keras.core.evaluate import evaluate, nodes_between
from kjax.keras.core.layer import Layer
from kjax.keras.core.name_scopes import get_global_attribute
from kjax.keras.core.settings import to_snake_case, unique_name
from kjax.keras.core.tensor import KerasTensor, is_symbolic, symbolic_leaves
from kjax.keras.core.variable import Variable
from kjax.nn.order import in_order_of


class _ScopeContext:
    """A scope as a context manager."""

    def __init__(self, scope: scopes.Scope) -> None:
        self._scope = scope
        self._stack: list[contextlib.ExitStack] = []

    def __enter__(self) -> Any:
        stack = contextlib.ExitStack()
        stack.enter_context(scopes.enter(self._scope))
        self._stack.append(stack)
        open_scopes().append(self)
        return self

    def __exit__(self, *details: Any) -> None:
        open_scopes().remove(self)
        self._stack.pop().close()


def open_scopes() -> list[Any]:
    """The scopes of this module that the present thread is inside of."""
    return get_global_attribute("open_scopes", [], set_to_default=True)


class StatelessScope(_ScopeContext):
    """Inside, variables have given values, and what is assigned to them stays in the scope.

    Args:
        state_mapping: pairs (variable, value).
        collect_losses: whether ``add_loss`` inside adds to :attr:`losses`.
        initialize_variables: accepted for compatibility: variables are initialized when they are first read.

    Raises:
        ValueError: a key that is no variable, or a value of another shape.
    """

    def __init__(
        self,
        state_mapping: Iterable[tuple[Variable, Any]] | None = None,
        collect_losses: bool = False,
        initialize_variables: bool = True,
    ) -> None:
        del initialize_variables
        super().__init__(scopes.Scope(keeps=True))
        self.collect_losses = collect_losses
        for variable, value in state_mapping or ():
            if not isinstance(variable, Variable):
                raise ValueError(
                    f"Invalid reference variable in StatelessScope: keys must be Variable instances, received {variable!r}"
                )
            array = jax.numpy.asarray(value, variable.stored_dtype)
            if tuple(array.shape) != variable.shape:
                raise ValueError(
                    f"Invalid variable value in StatelessScope: variable {variable.path!r} has shape {variable.shape}, its value "
                    f"{array.shape}"
                )
            self._scope.values[id(variable)] = array

    @property
    def losses(self) -> list[Any]:
        """What ``add_loss`` added inside, where losses are collected."""
        return self._scope.losses if self.collect_losses else []

    def get_current_value(self, variable: Variable) -> Any:
        """The value that a variable has in the scope, or None."""
        return self._scope.values.get(id(variable))

    def add_update(self, update: tuple[Variable, Any]) -> None:
        """Set the value that a variable has in the scope."""
        variable, value = update
        self._scope.values[id(variable)] = value

    def add_loss(self, loss: Any) -> None:
        """Add a loss."""
        self._scope.losses.append(loss)


class SymbolicScope(_ScopeContext):
    """Inside, only shapes matter: variables read as zeros and nothing is stored."""

    def __init__(self) -> None:
        super().__init__(scopes.Scope(abstract=True))


class _Operations(type):
    """Lets layers and functions count as operations, as in Keras, where these classes are built on one another."""

    def __instancecheck__(cls, instance: Any) -> bool:
        if cls is Operation and isinstance(instance, (Layer, Function)):
            return True
        return super().__instancecheck__(instance)


class Operation(Layer, metaclass=_Operations):
    """Base of functions that can be called on arrays and drawn into graphs: a subclass writes ``call``.

    Args:
        name: its name.
    """

    _allow_non_tensor_positional_args = True

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name=name)
        self.autocast = False
        self.built = True

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, and the name where it is one of them."""
        config = super().get_config()
        if type(self).__init__ is Operation.__init__:
            return {"name": self.name}
        names = inspect.signature(type(self).__init__).parameters
        return {
            key: value for key, value in config.items() if key not in ("name", "trainable", "dtype") or key in names
        }

    def __repr__(self) -> str:
        return f"<Operation name={self.name}>"


class Function:
    """A graph of symbolic tensors as a function, on arrays and on other symbolic tensors.

    Args:
        inputs: symbolic tensors, in any structure.
        outputs: symbolic tensors that depend on them, in any structure.
        name: its name.

    Raises:
        ValueError: outputs that depend on something else.
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None) -> None:
        self.name = name or unique_name(to_snake_case(type(self).__name__))
        self._inputs, self._input_structure = jax.tree.flatten(inputs, is_leaf=is_symbolic)
        self._outputs, self._output_structure = jax.tree.flatten(outputs, is_leaf=is_symbolic)
        self._input, self._output = inputs, outputs
        if not self._inputs or not self._outputs:
            raise ValueError(f"`inputs` and `outputs` cannot be empty, received inputs={inputs} and outputs={outputs}")
        self._nodes, missing = nodes_between(self._inputs, self._outputs)
        if missing:
            raise ValueError(
                f"Graph disconnected: the outputs of Function {self.name!r} depend on {missing[0]}, which is not among the inputs"
            )

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs, flat."""
        return self._inputs

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs, flat."""
        return self._outputs

    @property
    def input(self) -> Any:
        """The symbolic inputs, structured as they were given."""
        return in_order_of(self._input, jax.tree.unflatten(self._input_structure, self._inputs))

    @property
    def output(self) -> Any:
        """The symbolic outputs, structured as they were given."""
        return self._arranged(self._outputs)

    def _arranged(self, outputs: Any) -> Any:
        return in_order_of(self._output, jax.tree.unflatten(self._output_structure, outputs))

    @property
    def operations(self) -> list[Layer]:
        """The inputs, and the layers and operations that are called, each once."""
        begin = [tensor._keras_history[0] for tensor in self._inputs if tensor._keras_history]
        return list({id(found): found for found in (*begin, *(node.layer for node in self._nodes))}.values())

    def __call__(self, inputs: Any) -> Any:
        """The outputs for other inputs, structured like those of the graph."""
        given = self._given(inputs)
        if symbolic_leaves(given):
            return self._arranged(self._draw(given))
        values = {id(t): self._fit(t, v) for t, v in zip(self._inputs, given, strict=True)}
        active = scopes.current()
        with contextlib.ExitStack() as stack:
            if active is None:
                stack.enter_context(scopes.enter(scopes.Scope()))
            found = evaluate(self._outputs, values, self._nodes)
        return self._arranged(found)

    call = __call__

    def _given(self, inputs: Any) -> list[Any]:
        """The inputs of a call, flat."""
        try:
            return self._input_structure.flatten_up_to(inputs)
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"Function {self.name!r} was called with an invalid input structure. Expected input structure: {self.input}; "
                f"received {inputs}"
            ) from error

    def symbolic_call(self, inputs: Any) -> Any:
        """The graph drawn once more, from other symbolic tensors."""
        return self(inputs)

    def rematerialized_call(self, layer_call: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[..., Any]:
        """The function as it is given: the layers inside see to what is computed again."""
        del args, kwargs
        return layer_call

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        """Functions are not quantized, their layers are.

        Raises:
            NotImplementedError: always, as in Keras.
        """
        raise NotImplementedError(f"Function {self.name!r} is not quantized; quantize its layers, or a Model of them")

    def get_config(self) -> dict[str, Any]:
        """The arguments: name, inputs and outputs. They are symbolic tensors, so only a ``Model`` of them can be written."""
        return {"name": self.name, "inputs": self.input, "outputs": self.output}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make a function from what :meth:`get_config` returned."""
        return cls(**config)

    def _draw(self, given: Sequence[Any]) -> list[Any]:
        tensors = {id(t): v for t, v in zip(self._inputs, given, strict=True)}
        for node in self._nodes:
            args, kwargs = jax.tree.map(
                lambda leaf: tensors[id(leaf)] if is_symbolic(leaf) else leaf,
                (node.args, node.kwargs),
                is_leaf=is_symbolic,
            )
            results = jax.tree.leaves(node.layer._symbolic_call(args, kwargs), is_leaf=is_symbolic)
            tensors.update((id(t), r) for t, r in zip(node.outputs, results, strict=True))
        return [tensors[id(t)] for t in self._outputs]

    def _fit(self, tensor: KerasTensor, value: Any) -> Any:
        array = jax.numpy.asarray(value.value if isinstance(value, Variable) else value)
        shape = tuple(array.shape)
        if len(shape) != len(tensor.shape) or any(
            a is not None and a != b for a, b in zip(tensor.shape, shape, strict=True)
        ):
            raise ValueError(
                f"Function {self.name!r} was passed incompatible inputs: for input {tensor.name!r} expected shape "
                f"{tensor.shape}, received {shape}"
            )
        return array

    def compute_output_spec(self, inputs: Any) -> Any:
        """Symbolic tensors of the shapes and types of the outputs."""
        return self(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shapes of the outputs for shapes of the inputs."""
        shapes = self._input_structure.flatten_up_to(input_shape)
        tensors = [KerasTensor(s, t.dtype, name="spec") for s, t in zip(shapes, self._inputs, strict=True)]
        outputs = self._draw(tensors)
        return self._arranged([t.shape for t in outputs])
