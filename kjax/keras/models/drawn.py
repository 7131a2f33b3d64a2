"""What scripts of Keras 1 and 2 find on a model: its losses, updates and training as symbolic tensors, for ``K.function``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kjax.keras import losses
from kjax.keras.core import scope as scopes
from kjax.keras.core.doors import checks, graphs
from kjax.keras.core.layer import Layer
from kjax.keras.core.settings import settings
from kjax.keras.core.tensor import computed_mask, symbolic_leaves
from kjax.keras.legacy.arguments import OLD_ERAS
from kjax.keras.legacy.depths import depths_of
from kjax.keras.models.compilation import Compilation, each_output
from kjax.keras.models.generations import Generations
from kjax.keras.models.measure import Measure, Store
from kjax.keras.models.training_graph import SPARSE, TrainingGraph, draw_training, is_fed


class Drawn(Generations):
    """The part of a functional model that shows what training does as a graph."""

    if TYPE_CHECKING:
        inputs: Any
        outputs: Any
        _plan: Any
        _add_aside: Any
        add_metric: Any
        add_loss: Any

    def _drawn_effects(self, kind: str, of_calls: bool = False) -> list[tuple[Any, Any]]:
        """See :meth:`Layer._drawn_effects`: those of the model's own graph, and of its calls where they count."""
        plan = getattr(self, "_plan", None)
        if plan is None:
            return Layer._drawn_effects(self, kind)
        if kind == "updates" and not (self.trainable or self.stateful):
            return []
        own = {id(tensor) for node in (*plan.nodes, *plan.aside) for tensor in node.sources}
        found: list[tuple[Any, Any]] = []
        seen: set[int] = set()
        for layer in (*plan.layers, *plan.aside_layers):
            for thing, on in layer._drawn_effects(kind, of_calls=True):
                if id(thing) in seen or (on is not None and not _within(on, own)):
                    continue
                seen.add(id(thing))
                found.append((thing, None if on is None else plan.inputs))
        if kind == "losses":
            found += [(loss, plan.inputs) for loss in plan.losses if id(loss) not in seen]
        found += [(thing, inputs) for k, thing, inputs in self._given_effects if k == kind and id(thing) not in seen]
        if of_calls:
            found += [pair for pair in Layer._drawn_effects(self, kind) if id(pair[0]) not in seen]
        return found

    @property
    def _nodes_by_depth(self) -> dict[int, list[Any]]:
        """The calls of layers by their distance from the outputs, as in Keras 2."""
        return self._depths()[0]

    @property
    def _layers_by_depth(self) -> dict[int, list[Any]]:
        """The layers by their distance from the outputs, as in Keras 2."""
        return self._depths()[1]

    nodes_by_depth, layers_by_depth = _nodes_by_depth, _layers_by_depth  # as in Keras 1

    def _depths(self) -> tuple[dict[int, list[Any]], dict[int, list[Any]]]:
        plan = getattr(self, "_plan", None)
        if plan is None:
            raise AttributeError(f"model {self.name!r} is no graph of layers, so they have no depths")
        return depths_of(plan.inputs, plan.outputs)

    def _tensors_at(self, kind: str, index: int) -> Any:
        """Before Keras 3 the graph itself counted as the first call."""
        plan = getattr(self, "_plan", None)
        if plan is None or settings.era == "3":
            return super()._tensors_at(kind, index)
        if index == 0:
            return plan.inputs if kind == "input" else plan.outputs
        return super()._tensors_at(kind, index - 1 if index > 0 else index)

    def _take_given(self) -> None:
        """Let what was added to layers and the model outside of their calls take part in training."""
        plan = self._plan
        if plan is None:
            return
        owners = [self, *plan.layers]
        known = {id(tensor) for tensor in plan.losses}
        fresh = [t for owner in owners for t in owner._drawn_losses if id(t) not in known]
        if fresh:
            self.add_loss(fresh)
        stored = self.__dict__.setdefault("_stored_updates", {})
        for owner in owners:
            for kind, update, _ in owner._given_effects:
                target = getattr(update, "target", None)
                if kind == "updates" and target is not None and id(update) not in stored:
                    stored[id(update)] = update
                    self._add_aside(list(update.tensors), "add_update", measures=[Store(target)(update.tensors[0])])

    def compute_mask(self, inputs: Any, mask: Any = None, previous_mask: Any = None) -> Any:
        """The masks of the outputs, given those of the inputs; in scripts of Keras 1 and 2 also for symbolic inputs."""
        mask = previous_mask if mask is None else mask
        plan = getattr(self, "_plan", None)
        if plan is None or settings.era not in OLD_ERAS or not symbolic_leaves(inputs):
            return super().compute_mask(inputs, mask)
        same = [id(t) for t in symbolic_leaves(inputs)] == [id(t) for t in plan.inputs]
        outputs = plan.outputs if same else symbolic_leaves(self(inputs))
        masks = [computed_mask(tensor) for tensor in outputs]
        return masks if len(masks) > 1 else masks[0]

    @property
    def stateful(self) -> bool:
        """Whether a layer inside carries a state from batch to batch."""
        own = self.__dict__.get("_is_stateful", False)
        return own or any(getattr(layer, "stateful", False) for _, layer in self._members())

    @stateful.setter
    def stateful(self, value: bool) -> None:
        self._is_stateful = bool(value)

    @property
    def state_updates(self) -> list[Any]:
        """The updates of stateful layers, for ``K.function``, in scripts of Keras 1 and 2; otherwise empty.

        Layers with a state set it themselves.
        """
        if not scopes.is_drawing():
            return []
        layers = [layer for _, layer in self._members() if getattr(layer, "stateful", False)]
        return [update for layer in layers for update in layer.updates]

    # -- the training as a graph ---------------------------------------------------------------------------------

    @property
    def _training_graph(self) -> TrainingGraph:
        found = self.__dict__.get("_drawn_training")
        if found is None:
            found = self.__dict__["_drawn_training"] = draw_training(self)  # type: ignore[arg-type]
        return found

    @property
    def targets(self) -> list[Any]:
        """A symbolic tensor for the targets of each output; None for those without a loss."""
        return list(self._training_graph.targets)

    @property
    def sample_weights(self) -> list[Any]:
        """A placeholder for the sample weights of each output; None for those without a loss."""
        return list(self._training_graph.sample_weights)

    @property
    def total_loss(self) -> Any:
        """The loss of a batch, penalties included, as a symbolic tensor."""
        return self._training_graph.total_loss

    @property
    def metrics_tensors(self) -> list[Any]:
        """What training shows besides the loss, as symbolic tensors; further ones may be appended, with their names."""
        return self._training_graph.metrics_tensors

    @property
    def metrics_names(self) -> list[str]:
        """Names of what ``evaluate`` returns; in scripts of Keras 1 and 2 a list to which names may be appended."""
        if settings.era not in OLD_ERAS or self._compilation is None:
            return super().metrics_names
        if "_names_shown" not in self.__dict__:
            plan = getattr(self, "_plan", None)
            layers = [t._keras_history[0] for t in plan.measures] if plan is not None else []
            measured = [layer.metric.name for layer in layers if isinstance(layer, Measure)]
            self.__dict__["_names_shown"] = [*super().metrics_names, *measured]
        return self.__dict__["_names_shown"]

    def _need_compilation(self) -> Compilation:
        names, drawn = self.__dict__.get("_names_shown"), self.__dict__.get("_drawn_training")
        if names and drawn is not None and len(drawn.metrics_tensors) > drawn.count:
            added = drawn.metrics_tensors[drawn.count :]
            for name, tensor in zip(names[-len(added) :], added, strict=True):
                self.add_metric(tensor, aggregation="mean", name=name)
        return super()._need_compilation()

    def _forget_training(self) -> None:
        super()._forget_training()
        for drawn in ("_names_shown", "_drawn_training"):
            self.__dict__.pop(drawn, None)

    @property
    def metrics_updates(self) -> list[Any]:
        """Empty: metrics are functions of a batch here."""
        return []

    @property
    def sample_weight_modes(self) -> list[Any]:
        """``'temporal'`` or None for each output."""
        return self._need_compilation().weight_modes(self.output_names)

    @property
    def loss_functions(self) -> list[Any]:
        """The loss of each output, or None."""
        given = self._need_compilation().loss
        each = each_output(given, self.output_names, "loss", spread=not isinstance(given, (list, tuple)))
        return [losses.get(loss) for loss in each]

    @property
    def loss_weights_list(self) -> list[float]:
        """The factor of each output's loss."""
        return [target.weight for target in self._prepare_objective().targets]

    @property
    def _fed(self) -> list[Any]:
        return [tensor for tensor in self.inputs or [] if is_fed(tensor)]

    @property
    def _feed_inputs(self) -> list[Any]:
        """The inputs that data are given for."""
        return self._fed

    @property
    def _feed_input_names(self) -> list[str]:
        return [n for n, tensor in zip(self.input_names, self.inputs or [], strict=True) if is_fed(tensor)]

    @property
    def _feed_input_shapes(self) -> list[Any]:
        return [tensor.shape for tensor in self._fed]

    @property
    def _trained_outputs(self) -> list[int]:
        graph = self._training_graph
        fed = {id(t) for t in graph.fed_targets}
        return [i for i, target in enumerate(graph.targets) if id(target) in fed]

    @property
    def _feed_targets(self) -> list[Any]:
        """The targets that data are given for."""
        return self._training_graph.fed_targets

    @property
    def _feed_sample_weights(self) -> list[Any]:
        return self._training_graph.fed_weights

    @property
    def _feed_sample_weight_modes(self) -> list[Any]:
        modes, weights = self.sample_weight_modes, self.sample_weights
        return [mode for mode, weight in zip(modes, weights, strict=True) if weight is not None]

    @property
    def _feed_outputs(self) -> list[Any]:
        return [self.outputs[i] for i in self._trained_outputs]

    @property
    def _feed_output_names(self) -> list[str]:
        return [self.output_names[i] for i in self._trained_outputs]

    @property
    def _feed_loss_fns(self) -> list[Any]:
        return [self.loss_functions[i] for i in self._trained_outputs]

    @property
    def _feed_output_shapes(self) -> list[Any]:
        """What the shapes of targets have to be; None where only the loss knows."""
        found = []
        for i in self._trained_outputs:
            loss, shape = self._prepare_objective().targets[i].loss, self.outputs[i].shape
            found.append((*shape[:-1], 1) if type(loss) in SPARSE else shape)
        return found

    def _uses_dynamic_learning_phase(self) -> bool:
        return self.uses_learning_phase and not isinstance(graphs.learning_phase(), int)

    def _phase_inputs(self) -> list[Any]:
        return [graphs.learning_phase()] if self._uses_dynamic_learning_phase() else []

    def _training_inputs(self) -> list[Any]:
        return [*self._fed, *self._feed_targets, *self._feed_sample_weights, *self._phase_inputs()]

    def _make_train_function(self) -> None:
        """Set ``train_function``: from a list of inputs, targets, sample weights and the phase to losses and metrics."""
        self._need_compilation()
        if self.__dict__.get("train_function") is None:
            steps = self.optimizer.get_updates(params=self._collected_trainable_weights, loss=self.total_loss)
            outputs = [self.total_loss, *self.metrics_tensors]
            self.train_function = graphs.function(self._training_inputs(), outputs, [*self.updates, *steps])

    def _make_test_function(self) -> None:
        """Set ``test_function``; see :meth:`_make_train_function`."""
        self._need_compilation()
        if self.__dict__.get("test_function") is None:
            outputs = [self.total_loss, *self.metrics_tensors]
            self.test_function = graphs.function(self._training_inputs(), outputs, self.state_updates)

    def _make_predict_function(self) -> None:
        """Set ``predict_function``: from a list of inputs, and the phase, to the outputs."""
        if self.__dict__.get("predict_function") is None:
            inputs = [*self._fed, *self._phase_inputs()]
            self.predict_function = graphs.function(inputs, list(self.outputs), self.state_updates)

    def _standardize_user_data(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        check_array_lengths: bool = True,
        batch_size: int | None = None,
        **older: Any,
    ) -> tuple[list[Any], list[Any], list[Any]]:
        """Inputs, targets and weights as the lists that ``train_function`` takes.

        Args:
            x: as for ``fit``.
            y: as for ``fit``.
            sample_weight: as for ``fit``.
            class_weight: as for ``fit``.
            check_array_lengths: whether numbers of samples are compared.
            batch_size: accepted.
            **older: arguments of earlier versions.

        Raises:
            ValueError: data that do not fit.
        """
        del batch_size, older
        inputs = checks.standardize_input_data(
            x, self._feed_input_names, self._feed_input_shapes, check_batch_axis=False, exception_prefix="input"
        )
        if y is None:
            return inputs, [], []
        self._need_compilation()
        names = self._feed_output_names
        targets = checks.standardize_input_data(
            y, names, self._feed_output_shapes, check_batch_axis=False, exception_prefix="target"
        )
        given = checks.standardize_sample_weights(sample_weight, names)
        classes = checks.standardize_class_weights(class_weight, names)
        rows = zip(targets, given, classes, self._feed_sample_weight_modes, strict=True)
        weights = [checks.standardize_weights(*row) for row in rows]
        if check_array_lengths:
            checks.check_array_length_consistency(inputs, targets, weights)
        return inputs, targets, weights

    def _check_trainable_weights_consistency(self) -> None:
        self._warn_of_changes()


def _within(on: Any, own: set[int]) -> bool:
    return all(id(tensor) in own for tensor in (on if isinstance(on, (list, tuple)) else [on]))
