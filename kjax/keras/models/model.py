"""The model: a layer that can be compiled, trained, evaluated and saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import flax.linen as nn

from kjax.keras.core import codes, eager, structure
from kjax.keras.core import scope as scopes
from kjax.keras.core.abstract import symbolic_of_shape
from kjax.keras.core.applying import apply_pure
from kjax.keras.core.doors import files
from kjax.keras.core.handle import Handle, Owner
from kjax.keras.core.input_spec import InputSpec
from kjax.keras.core.layer import Layer, Tree
from kjax.keras.core.operation import InputLayer, Operation
from kjax.keras.core.penalties import shown_to_script
from kjax.keras.core.settings import settings, unique_name
from kjax.keras.core.tensor import Node, symbolic_leaves
from kjax.keras.legacy.arguments import OLD_ERAS, method
from kjax.keras.legacy.form import is_converted, of_era
from kjax.keras.models.data import arrange_inputs, is_nested
from kjax.keras.models.drawn import Drawn
from kjax.keras.models.measure import Measure
from kjax.keras.models.older_checks import check_ends
from kjax.keras.models.on_batch import OnBatch
from kjax.keras.models.plan import Plan, make_plan
from kjax.nn.value import did_you_mean

if TYPE_CHECKING:
    from kjax.keras.models.dry_run import DryRun


class Model(OnBatch, Drawn, Layer):
    """A functional model (``Model(inputs, outputs)``) or the base of a model written as a class (``call``).

    Args:
        inputs: symbolic inputs: a tensor, list or dict.
        outputs: symbolic outputs: a tensor, list or dict.
        name: the model's name.
        **kwargs: arguments of every layer; ``input`` and ``output`` are the Keras 1 names.
    """

    _recomputed_as_a_whole = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        for old, new in (("input", "inputs"), ("output", "outputs")):
            if old in kwargs:
                kwargs[new] = kwargs.pop(old)
        args = () if len(args) == 1 and args[0] is self else args  # `super().__init__(self)`, which TensorFlow let pass
        graph = dict(zip(("inputs", "outputs", "name"), args, strict=False))
        graph.update({k: kwargs.pop(k) for k in ("inputs", "outputs") if k in kwargs})
        kwargs.setdefault("name", graph.pop("name", None))
        if kwargs["name"] is None and type(self) is Model and graph:
            kwargs["name"] = unique_name("functional" if settings.era == "3" else "model")
            Layer.__init__(self, **kwargs)
            self._explicit_name = False
        else:
            Layer.__init__(self, **kwargs)
        self._plan: Plan | None = None
        self._listed: tuple[Plan, list[Layer]] | None = None
        self._loss_functions: list[Any] = []
        self._init_training()
        if graph:
            if "inputs" not in graph or "outputs" not in graph:
                raise ValueError(f"{type(self).__name__}: give both `inputs` and `outputs`, or neither")
            outputs = graph["outputs"]
            if settings.era in OLD_ERAS:
                check_ends(self, graph["inputs"], outputs)
            if settings.era != "3" and isinstance(outputs, (list, tuple)) and len(outputs) == 1:
                outputs = outputs[0]  # before Keras 3 a list of one tensor stood for the tensor
            self._adopt_plan(make_plan(graph["inputs"], outputs, self.name))
            self._take_given()

    def _adopt_plan(self, plan: Plan) -> None:
        self._plan = plan
        self.built = True
        self._forget_training()

    @property
    def is_functional(self) -> bool:
        """Whether the model is a graph (functional or sequential), not a class with ``call``."""
        return self._plan is not None

    # -- what it is made of --------------------------------------------------------------------------------------

    def _members(self) -> Iterator[tuple[str, Layer]]:
        if self._plan is None:
            yield from super()._members()
            return
        for layer in (*self._plan.layers, *self._plan.aside_layers):
            if id(layer) in self._plan.names:
                yield self._plan.names[id(layer)], layer

    def add_loss(self, loss: Any, inputs: Any = None) -> None:
        """Add to the loss.

        Args:
            loss: a symbolic tensor that depends on the inputs of a functional model, or several; a function without
                arguments, called in each step; or inside ``call`` scalars.
            inputs: accepted, as Keras 2 had it.

        Raises:
            ValueError: a symbolic tensor, and the model is no graph or the tensor does not depend on its inputs.
        """
        if callable(loss):
            self._loss_functions.append(loss)
            self._forget_training()
            return
        tensors = symbolic_leaves(loss)
        if not tensors:
            super().add_loss(loss)
            return
        self._add_aside(tensors, "add_loss", losses=tensors)

    def add_metric(self, value: Any = None, aggregation: str | None = None, name: str | None = None) -> None:
        """Measure a symbolic tensor of a functional model in each step, or inside ``call`` a number.

        Args:
            value: the tensor.
            aggregation: ``'mean'``, the only way.
            name: its name in the logs.

        Raises:
            ValueError: as for :meth:`add_loss`; no name.
        """
        if isinstance(aggregation, str) and aggregation != "mean" and name is None:  # the place of the name in tf.keras
            aggregation, name = None, aggregation
        tensors = symbolic_leaves(value)
        if not tensors:
            super().add_metric(value, aggregation, name)
            return
        if not name:
            raise ValueError(f"model {self.name!r}: add_metric needs the metric's `name`")
        if aggregation not in (None, "mean"):
            raise ValueError(f"model {self.name!r}: add_metric: `aggregation` must be 'mean', received {aggregation!r}")
        self._add_aside(tensors, "add_metric", measures=[Measure(name)(tensors[0])])

    def _add_aside(self, tensors: list[Any], method: str, **added: Any) -> None:
        if self._plan is None:
            raise ValueError(
                f"model {self.name!r}: {method} takes the symbolic tensor {tensors[0]!r} only in a functional model; "
                f"in a model written as a class call self.{method} inside `call`"
            )
        self._plan = self._plan.with_added(self.name, **added)
        self._forget_training()

    @property
    def losses(self) -> list[Any]:
        """Penalties: what the last call added, weight regularization, and the functions given to :meth:`add_loss`."""
        found = [*super().losses, *(function() for function in self._loss_functions)]
        return shown_to_script(found) if scopes.read_by_script() else found

    @property
    def input_spec(self) -> Any:
        """What the inputs must be like: what was set, or in a functional model what its inputs say; None without either."""
        own = self.__dict__.get("_input_spec")
        if own is not None or self._plan is None:
            return own
        return [
            InputSpec(shape=(None, *tensor.shape[1:]), allow_last_axis_squeeze=True, name=name, optional=layer.optional)
            for name, tensor in zip(self.input_names, self.inputs, strict=True)
            for layer in tensor._keras_history[:1]
        ]

    @input_spec.setter
    def input_spec(self, spec: Any) -> None:
        self._input_spec = spec

    def _check_first(self, first: Any) -> None:
        if self.__dict__.get("_input_spec") is not None:  # the graph sees to what its inputs say
            super()._check_first(first)

    @property
    def layers(self) -> list[Layer]:
        """The model's layers, inputs too (those of a Sequential are listed without its input)."""
        if settings.era == "tf" and scopes.read_by_script():  # there functions on tensors are layers
            return self.operations
        found = [layer for layer in self.operations if not isinstance(layer, Operation)]
        if self._plan is None or settings.era not in OLD_ERAS:
            return found
        if (
            self._listed is None or self._listed[0] is not self._plan
        ):  # the same list each time: scripts take layers off it
            self._listed = self._plan, found
        return self._listed[1]

    @layers.setter
    def layers(self, value: Any) -> None:
        raise AttributeError(
            f"`{type(self).__name__}.layers` attribute is reserved and should not be used: it lists the layers of the model. "
            "Take another name"
        )

    @property
    def operations(self) -> list[Layer]:
        """The model's layers, and the functions on symbolic tensors between them."""
        if self._plan is not None:
            return list(self._plan.layers)
        return [layer for _, layer in self._members()]

    @property
    def module(self) -> nn.Module:
        """The model as a pure Flax module."""
        return structure.kept(self, "module", self._make_module)

    def _make_module(self) -> nn.Module:
        if self._plan is not None:
            return self._plan.graph()
        flags = tuple(layer.trainable for layer in self._flatten_layers())
        return Handle(Owner(self), flags)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by name or by its place in :attr:`layers`.

        Raises:
            ValueError: none of that name or index, or neither was given.
        """
        layers = self.operations if settings.era == "tf" else self.layers
        if index is not None and name is not None:
            raise ValueError(f"Provide only a layer name or a layer index, received {name!r} and {index!r}")
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ValueError(
                    f"Was asked to retrieve layer at index {index} but model {self.name!r} only has {len(layers)} layers"
                )
            return layers[index]
        if name is None:
            raise ValueError("Provide either a layer name or layer index")
        for layer in layers:
            if layer.name == name:
                return layer
        raise ValueError(
            f"No such layer: {name!r} in model {self.name!r}; {did_you_mean(name, [x.name for x in layers])}"
        )

    @property
    def _nodes(self) -> list[Node]:
        """The calls that belong to the model, those of its inputs too."""
        assert self._plan is not None
        starts = [t._keras_history[0]._inbound_nodes[t._keras_history[1]] for t in self._plan.inputs]
        return [*starts, *self._plan.nodes]

    # -- inputs and outputs --------------------------------------------------------------------------------------

    @property
    def inputs(self) -> Any:
        """Symbolic inputs, as a list; None for a model written as a class."""
        return list(self._plan.inputs) if self._plan is not None else None

    @property
    def outputs(self) -> Any:
        """Symbolic outputs, as a list; None for a model written as a class."""
        return list(self._plan.outputs) if self._plan is not None else None

    @outputs.setter
    def outputs(self, tensors: Any) -> None:
        if self._plan is None or settings.era not in OLD_ERAS:
            raise AttributeError(
                f"model {self.name!r}: `outputs` cannot be set; make another model of the same layers: "
                "keras.Model(model.inputs, tensors)"
            )
        several = list(tensors) if isinstance(tensors, (list, tuple)) else [tensors]
        self._adopt_plan(make_plan(self._plan.input_structure, several if len(several) > 1 else several[0], self.name))
        self._leave_out_unused()

    def _leave_out_unused(self) -> None:
        """Forget layers that the graph does not have any more; those of a functional model are told by its graph."""

    @property
    def input(self) -> Any:
        """Symbolic input, in the structure in which it was given."""
        if self._plan is None:
            return super().input
        structure = self._plan.input_structure
        return structure[0] if isinstance(structure, (list, tuple)) and len(structure) == 1 else structure

    @property
    def output(self) -> Any:
        """Symbolic output, in the structure in which it was given."""
        if self._plan is None:
            return super().output
        tree = self._plan.arranged(self._plan.outputs)
        return tree[0] if isinstance(tree, (list, tuple)) and len(tree) == 1 else tree

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs."""
        return self._plan.input_names if self._plan is not None else []

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs."""
        if self._plan is not None:
            return self._plan.output_names
        return list(self._class_output_names)

    @property
    def _named_outputs(self) -> Any:
        """The outputs' names in the structure of the outputs."""
        return self._plan.named_outputs if self._plan is not None else self._class_structure

    # -- calling -------------------------------------------------------------------------------------------------

    _allow_non_tensor_positional_args = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the model on symbolic tensors (draws a node) or on data (computes)."""
        if args and codes.holds_strings(given := scopes.plain(args[0])) and self.takes_strings:
            args = (self._looked_up(codes.encode_tree(given)), *args[1:])
        if self._when_built and self.built:
            self._finish_building(args, kwargs)
        return super().__call__(*args, **kwargs)

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """Run the graph; a model written as a class writes its own."""
        if self._plan is None:
            raise NotImplementedError(
                f"Model {type(self).__name__} does not have a `call()` method implemented, nor a graph (inputs and outputs)"
            )
        if isinstance(inputs, Mapping) or is_nested(inputs):
            inputs = arrange_inputs(inputs, self.input_names)
        for tensor, value in zip(self.inputs, inputs if isinstance(inputs, tuple) else (inputs,), strict=False):
            if value is None and not getattr(tensor._keras_history.operation, "optional", False):
                raise ValueError(
                    f"model {self.name!r}: the input {tensor.name!r} is not optional, but None was passed; give it an array, or "
                    "make it with `Input(..., optional=True)`"
                )
        active = scopes.current()
        assert active is not None, "models are called through __call__"
        if eager.is_plain(active, (inputs, mask)):
            graph = structure.kept(self, "call", lambda: eager.AppliedGraph(self.module, self.variable_tree()))  # type: ignore[arg-type]
            return self._in_order(eager.call_graph(graph, active, inputs, training, mask))
        kwargs: dict[str, Any] = {"training": training}
        if mask is not None:
            kwargs["mask"] = mask
        return self._in_order(apply_pure(self.module, self.variable_tree(), (inputs,), kwargs))

    def _in_order(self, outputs: Any) -> Any:
        """What is structured like the outputs, with dicts in the order in which they were written."""
        return outputs if self._plan is None else self._plan.in_order(outputs)

    def _lock_state(self) -> None:
        """Graphs take further layers as attributes at any time; classes that were built do not."""
        if self._plan is None:
            super()._lock_state()

    def _ensure_built(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        if self._plan is not None or self.built:
            return
        if type(self).build is Model.build and type(self).call is not Model.call:
            self.built = True
            self.trace_call(args, kwargs)
            self._note_shapes(args, kwargs)
            self._after_build()
        else:
            super()._ensure_built(args, kwargs)
        if self._when_built:
            self._finish_building(args, kwargs)

    def build(self, input_shape: Any = None) -> None:
        """Build a model written as a class for inputs of a shape (with the batch axis, None where free)."""
        if self._plan is None and input_shape is not None and type(self).call is not Model.call and not self.built:
            self.built = True
            self.trace_call((symbolic_of_shape(input_shape, self.compute_dtype),), {})
            self._build_shapes = {"input_shape": input_shape}
        self.built = True
        self._is_built_now()

    def variable_tree(self) -> Tree:
        """The variables as nested dicts by collection."""
        tree = super().variable_tree()
        # Operations that read variables of layers have none of their own.
        for reader in self._plan.readers if self._plan is not None else ():
            assert self._plan is not None
            for group in tree.values():
                group.pop(self._plan.names[reader], None)
        return {collection: group for collection, group in tree.items() if group}

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Print the layers, output shapes and numbers of weights as Keras does."""
        from kjax.keras.summary import print_summary

        print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)

    def dry_run(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        batch_size: int | None = None,
        print_fn: Callable[[str], Any] | None = None,
    ) -> DryRun:
        """Print what a training step on these data takes, without taking it: shapes, memory, operations.

        Args:
            x: inputs as for :meth:`fit`, or ``jax.ShapeDtypeStruct`` of their shape.
            y: targets likewise; without them the loss and the optimizer are left out.
            sample_weight: weight of each sample.
            batch_size: samples in a batch; 32 by default.
            print_fn: called with the text; ``print`` by default.

        Returns:
            The numbers, as attributes.

        Raises:
            ValueError: the data do not fit the model or its losses.
        """
        from kjax.keras.console import print_message
        from kjax.keras.models.dry_run import dry_run

        result = dry_run(self, x, y, sample_weight, batch_size)
        (print_fn or print_message)(str(result))
        return result

    def quantize(self, mode: str | None = None, config: Any = None, filters: Any = None, **kwargs: Any) -> None:
        """Keep the weights of the layers that can be quantized in fewer bits; compile the model again afterwards.

        Args:
            mode: ``'int8'``, ``'int4'`` or ``'float8'``; ``'gptq'`` and ``'awq'`` need a config with data.
            config: a config of ``keras.quantizers``; that of the mode by default.
            filters: which layers: a regular expression or a list of such, searched in their names, or a function.
            **kwargs: ``type_check``: False quantizes classes derived from the built-in ones too.

        Raises:
            ValueError: an unknown mode, a config that does not fit, a model that is not built or is quantized already.
        """
        from kjax.keras.models.quantizing import quantize_model

        type_check = kwargs.pop("type_check", True)
        if kwargs:
            raise ValueError(f"quantize: Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}")
        try:
            quantize_model(self, mode, config, filters, type_check)
        finally:  # where one of the layers refuses, others have changed
            self._forget_training()

    def get_quantization_layer_structure(self, mode: str | None = None) -> Any:
        """The blocks that GPTQ and AWQ go through; a model that has some overrides this.

        Args:
            mode: ``'gptq'`` or ``'awq'``.

        Returns:
            ``{'pre_block_layers': layers that data go through first, 'sequential_blocks': the blocks}``, or None.
        """
        del mode

    def run_internal_graph(self, inputs: Any, mask: Any = None) -> tuple[list[Any], list[Any], list[Any]]:
        """Outputs, their masks and shapes for inputs (Keras 2)."""
        import jax

        from kjax.keras.core.tensor import is_symbolic

        outputs = jax.tree.leaves(self(inputs) if mask is None else self(inputs, mask=mask), is_leaf=is_symbolic)
        return outputs, [getattr(t, "_keras_mask", None) for t in outputs], [tuple(t.shape) for t in outputs]

    def _up_to(self, outputs: Any) -> Model:
        """The functional model from the inputs of this one to other tensors of its graph."""
        return Model(self.inputs, outputs)

    def reset_states(self) -> None:
        """Reset the carried state of stateful layers."""
        for layer in self._flatten_layers():
            reset = getattr(layer, "reset_states", None)
            if layer is not self and reset is not None and getattr(layer, "stateful", False):
                reset()

    # -- files ---------------------------------------------------------------------------------------------------

    @method
    def save(self, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
        """Save the whole model: architecture, weights, optimizer. The format follows the file name."""
        files.save_model(self, filepath, overwrite=overwrite, zipped=zipped, **kwargs)

    @method
    def save_weights(
        self, filepath: Any, overwrite: bool = True, max_shard_size: float | None = None, **kwargs: Any
    ) -> None:
        """Save the weights to a ``.weights.h5`` file, or with ``max_shard_size`` (GiB) to several."""
        files.save_weights(self, filepath, overwrite=overwrite, max_shard_size=max_shard_size, **kwargs)

    @method
    def load_weights(self, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> Any:
        """Load weights that :meth:`save_weights` or real Keras wrote."""
        return files.load_weights(self, filepath, skip_mismatch=skip_mismatch, **kwargs)

    def get_compile_config(self) -> dict[str, Any]:
        """What :meth:`compile_from_config` needs to compile an equal model; empty before ``compile``."""
        return files.compile_config(self)

    def compile_from_config(self, config: Mapping[str, Any]) -> None:
        """Compile as :meth:`get_compile_config` says."""
        files.compile_from_config(self, config)

    def get_build_config(self) -> dict[str, Any] | None:
        """The shape of the inputs that the model was built for."""
        return self._build_shapes if self._plan is None else {"input_shape": None}

    @of_era
    def get_config(self) -> dict[str, Any]:
        """What makes an equal model."""
        if self._plan is not None and type(self).get_config is Model.get_config:
            return files.functional_config(self)
        if settings.era == "tf" and is_converted() and type(self).get_config is Model.get_config:
            return {}
        if is_converted() and type(self).get_config is Model.get_config and type(self) is not Model:
            raise NotImplementedError(
                f"{type(self).__name__} is a model written as a class, which has no config; save its weights with save_weights"
            )
        return super().get_config()

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> Any:
        """Make a model from what :meth:`get_config` returned."""
        if "input_layers" in config and "layers" in config:
            return files.functional_from_config(cls, config, custom_objects)
        return super().from_config(config)

    def to_json(self, **kwargs: Any) -> str:
        """The architecture as JSON, in the format of Keras 3."""
        return files.model_to_json(self, **kwargs)

    def to_yaml(self, **kwargs: Any) -> str:
        """The architecture as YAML (needs PyYAML)."""
        return files.model_to_yaml(self, **kwargs)

    def export(self, filepath: Any, format: str = "stablehlo", verbose: Any = None, **kwargs: Any) -> None:
        """Write what the model computes as StableHLO: :func:`kjax.keras.saving.export_model` has the arguments."""
        files.export_model(self, filepath, format, verbose, **kwargs)

    def get_state_tree(self, value_format: str = "backend_tensor") -> dict[str, Any]:
        """The values of all variables, of the optimizer too, as dicts nested by their paths.

        Args:
            value_format: ``'backend_tensor'`` for JAX arrays, ``'numpy_array'`` for NumPy arrays.
        """
        from kjax.keras.models.state_tree import state_tree

        return state_tree(self, value_format)

    def get_weight_paths(self) -> dict[str, Any]:
        """The variables of a built model by their places in it, ``'dense.kernel'``, as tf.keras gives them."""
        from kjax.keras.models.weight_paths import weight_paths

        return weight_paths(self)

    def set_state_tree(self, state_tree: Mapping[str, Any]) -> None:
        """Set the values that a tree like that of :meth:`get_state_tree`, or a part of it, names."""
        from kjax.keras.models.state_tree import set_state_tree

        set_state_tree(self, state_tree)

    def __reduce__(self) -> Any:
        return files.model_of, (files.state_of(self),)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__reduce__()

    def __deepcopy__(self, memo: Any) -> Any:
        return files.deep_copy(self)


Model.without_overrides = Model


def is_input_layer(layer: Layer) -> bool:
    """Whether a layer is an input."""
    return isinstance(layer, InputLayer)
