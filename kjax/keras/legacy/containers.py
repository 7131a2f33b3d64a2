"""The container ``Graph`` of Keras 0.3 and 1: a model that is put together by the names of its nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kjax.keras import layers
from kjax.keras.legacy.layers import merge
from kjax.keras.models import Model
from kjax.nn.value import did_you_mean


class Graph:
    """A model of nodes with names: inputs, layers and outputs, trained with dicts of arrays.

    Example:

        >>> graph = Graph()
        >>> graph.add_input(name="x", input_shape=(4,))
        >>> graph.add_node(layers.Dense(2), name="dense", input="x")
        >>> graph.add_output(name="y", input="dense")
        >>> graph.output_shape["y"]
        (None, 2)
    """

    def __init__(self) -> None:
        self.nodes: dict[str, Any] = {}
        self._tensors: dict[str, Any] = {}
        self._input_names: list[str] = []
        self._output_names: list[str] = []
        self._loss: dict[str, Any] = {}
        self.model: Any = None

    def _tensor(self, name: str) -> Any:
        if name not in self._tensors:
            raise ValueError(f"Graph: there is no node {name!r}; {did_you_mean(name, self._tensors)}")
        return self._tensors[name]

    def _joined(self, input: Any, inputs: Sequence[str], mode: str, concat_axis: int, dot_axes: Any) -> Any:
        if input is not None:
            return self._tensor(input)
        tensors = [self._tensor(name) for name in inputs]
        if not tensors:
            raise ValueError("Graph: give `input` or `inputs`")
        if mode == "join":
            return tensors
        return tensors[0] if len(tensors) == 1 else merge(tensors, mode, concat_axis, dot_axes)

    def _add(self, name: str, tensor: Any) -> None:
        if name in self._tensors:
            raise ValueError(f"Graph: there is a node {name!r} already")
        self._tensors[name] = tensor
        self.model = None

    def add_input(
        self, name: str, input_shape: Any = None, batch_input_shape: Any = None, dtype: Any = "float"
    ) -> None:
        """Add an input.

        Args:
            name: its name.
            input_shape: shape of a sample.
            batch_input_shape: shape with the batch axis, instead.
            dtype: type of the data.
        """
        kind = {"float": None, "int": "int32"}.get(dtype, dtype)
        given: dict[str, Any] = (
            {"shape": input_shape} if input_shape is not None else {"batch_shape": batch_input_shape}
        )
        self._add(name, layers.Input(**given, dtype=kind, name=name))
        self._input_names.append(name)

    def add_node(
        self, layer: Any, name: str, input: str | None = None, inputs: Sequence[str] = (), merge_mode: str = "concat",
        concat_axis: int = -1, dot_axes: Any = -1, create_output: bool = False,
    ) -> None:  # fmt: skip
        """Add a layer.

        Args:
            layer: the layer.
            name: the node's name.
            input: the node before it.
            inputs: several nodes before it, which are merged.
            merge_mode: how, see :func:`~kjax.keras.legacy.layers.merge`; ``'join'`` gives the layer the list.
            concat_axis: axis of ``'concat'``.
            dot_axes: axes of ``'dot'``.
            create_output: whether the node is an output too.

        Raises:
            ValueError: a name that is taken, or none of that name.
        """
        self._add(name, layer(self._joined(input, inputs, merge_mode, concat_axis, dot_axes)))
        self.nodes[name] = layer
        if create_output:
            self._output_names.append(name)

    def add_shared_node(
        self, layer: Any, name: str, inputs: Sequence[str] = (), merge_mode: str | None = None, concat_axis: int = -1,
        dot_axes: Any = -1, outputs: Sequence[str] = (), create_output: bool = False,
    ) -> None:  # fmt: skip
        """Add a layer that works on several nodes; its outputs are merged, or get names of their own.

        Args:
            layer: the layer.
            name: the node's name.
            inputs: the nodes.
            merge_mode: how the outputs are merged, or None.
            concat_axis: axis of ``'concat'``.
            dot_axes: axes of ``'dot'``.
            outputs: names of the outputs, where they are not merged.
            create_output: whether the node is an output too.
        """
        made = [layer(self._tensor(each)) for each in inputs]
        self.nodes[name] = layer
        if merge_mode is None or merge_mode == "join":
            for own, tensor in zip(outputs, made, strict=True):
                self._add(own, tensor)
            return
        self._add(name, merge(made, merge_mode, concat_axis, dot_axes))
        if create_output:
            self._output_names.append(name)

    def add_output(
        self, name: str, input: str | None = None, inputs: Sequence[str] = (), merge_mode: str = "concat",
        concat_axis: int = -1, dot_axes: Any = -1,
    ) -> None:  # fmt: skip
        """Add an output; arguments as those of :meth:`add_node`."""
        tensor = self._joined(input, inputs, merge_mode, concat_axis, dot_axes)
        self._add(name, layers.Activation("linear", name=name)(tensor))
        self._output_names.append(name)

    def build(self) -> None:
        """Make the functional model, :attr:`model`."""
        if self.model is None:
            self.model = Model([self._tensors[n] for n in self._input_names], self._outputs())

    def _outputs(self) -> list[Any]:
        return [self._tensors[n] for n in self._output_names]

    def compile(self, optimizer: Any, loss: Mapping[str, Any], **kwargs: Any) -> None:
        """Compile the model, with a loss for each output; arguments as those of ``Model.compile``."""
        self.build()
        self._loss = dict(loss)
        self.model.compile(optimizer, dict(loss), **kwargs)

    def _data(self, data: Mapping[str, Any], names: Sequence[str]) -> list[Any]:
        missing = [name for name in names if name not in data]
        if missing:
            raise ValueError(f"Graph: the data have no {missing[0]!r}; they have {sorted(data)}")
        return [data[name] for name in names]

    def _both(self, data: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
        return self._data(data, self._input_names), self._data(data, self._output_names)

    def fit(self, data: Mapping[str, Any], batch_size: int = 32, validation_data: Any = None, **kwargs: Any) -> Any:
        """Train on a dict of arrays for inputs and outputs; further arguments as those of ``Model.fit``."""
        if isinstance(validation_data, Mapping):
            validation_data = self._both(validation_data)
        x, y = self._both(data)
        return self.model.fit(x, y, batch_size=batch_size, validation_data=validation_data, **kwargs)

    def evaluate(self, data: Mapping[str, Any], batch_size: int = 128, **kwargs: Any) -> Any:
        """The loss on a dict of arrays; further arguments as those of ``Model.evaluate``."""
        return self.model.evaluate(*self._both(data), batch_size=batch_size, **kwargs)

    def predict(self, data: Mapping[str, Any], batch_size: int = 128, verbose: int = 0) -> dict[str, Any]:
        """The outputs by name, for a dict of arrays for the inputs."""
        self.build()
        found = self.model.predict(self._data(data, self._input_names), batch_size=batch_size, verbose=verbose)
        return dict(zip(self._output_names, found if isinstance(found, list) else [found], strict=True))

    def train_on_batch(self, data: Mapping[str, Any], **kwargs: Any) -> Any:
        """One step."""
        return self.model.train_on_batch(*self._both(data), **kwargs)

    def test_on_batch(self, data: Mapping[str, Any], **kwargs: Any) -> Any:
        """The loss of one batch."""
        return self.model.test_on_batch(*self._both(data), **kwargs)

    def predict_on_batch(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The outputs of one batch."""
        return self.predict(data)

    @property
    def input_shape(self) -> dict[str, Any]:
        """Shapes of the inputs by name."""
        return {name: self._tensors[name].shape for name in self._input_names}

    @property
    def output_shape(self) -> dict[str, Any]:
        """Shapes of the outputs by name."""
        return {name: self._tensors[name].shape for name in self._output_names}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        self.build()
        return getattr(self.model, name)
