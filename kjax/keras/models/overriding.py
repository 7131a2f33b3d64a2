"""The methods of a model that users override: ``train_step``, ``compute_loss``, ``compute_metrics`` and their kin."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from kjax.keras.core import scope as scopes
from kjax.keras.core import structure
from kjax.keras.core.metric import Metric
from kjax.keras.core.session import copied
from kjax.keras.core.settings import settings
from kjax.keras.core.variable import Variable
from kjax.keras.legacy.arguments import OLD_ERAS
from kjax.keras.models.compiled_metrics import CompiledMetrics
from kjax.keras.models.custom import CustomSteps
from kjax.keras.models.layer_metrics import Latest, stateful_layers
from kjax.keras.models.overridden import OVERRIDABLE, overrides, takes_data_only
from kjax.keras.models.training import Training
from kjax.keras.utils.batches import unpack_x_y_sample_weight
from kjax.train.steps import batch_size_of


class UnmadeMetrics:
    """The metrics of ``compile`` of a model that is never called itself: its first outputs say what they measure.

    Args:
        model: the model.
    """

    metrics: tuple[Any, ...] = ()

    def __init__(self, model: Any) -> None:
        self._model = model

    def update_state(self, y: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Make them, and add a batch."""
        y, y_pred, sample_weight = scopes.plain((y, y_pred, sample_weight))
        self._model._objective_for(y_pred)
        self._model.compiled_metrics.update_state(y, y_pred, sample_weight=sample_weight)


class Overridable(Training):
    """Keras' training methods, written with Keras' names.

    A model that overrides none of them, and keeps no metrics as attributes, trains by
    :func:`kjax.train.steps.make_train_step`. Any other trains by its methods, compiled all the same: inside of them
    variables stand for traced values, and metrics and optimizers may be used as usual.
    """

    _loss_functions: list[Any]
    without_overrides: ClassVar[type[Overridable]]
    """The class whose methods are Keras' own."""

    def _learn_outputs(self, outputs: Any) -> None:
        raise NotImplementedError

    # -- metrics -------------------------------------------------------------------------------------------------

    @property
    def metrics(self) -> list[Metric]:
        """The tracker of the loss, the compiled metrics, those of the outputs' losses, and those kept as attributes."""
        found: list[Metric] = []
        asked = settings.era in OLD_ERAS and scopes.current() is None and scopes.read_by_script()
        if asked and not settings.release:
            return self._given_metrics()  # type: ignore[return-value]
        if self._compilation is not None:
            self._show_running_metrics()
            found = [self._compilation.loss_tracker, *self._compiled_metrics()]
            if settings.era == "tf" and self._compilation.loss is None and overrides(self, "train_step"):
                if scopes.read_by_script():  # to whom there is no loss whose mean could be told
                    found = found[1:]
            if asked:
                found = found[1:]
            if asked or (settings.era == "tf" and scopes.current() is None):  # listed one by one, losses first
                found = sorted(found, key=lambda metric: isinstance(metric, CompiledMetrics))
                given = self._compilation.given_metrics
                found = [
                    m
                    for metric in found
                    for m in (
                        metric.parts(given(metric.objective)) if isinstance(metric, CompiledMetrics) else [metric]
                    )
                ]
        return [*found, *self._kept_metrics()]

    def _compiled_metrics(self) -> list[Metric]:
        compiled = self._need_compilation().measured
        if compiled is None:
            objective = self._prepare_objective() if self._outputs_known() else None
            if objective is None:
                return []
            compiled = self._need_compilation().measure(objective)
        return list(compiled)

    def _outputs_known(self) -> bool:
        return self.built or self.is_functional

    def _is_custom(self) -> bool:
        if self._has_methods is None:
            found = overrides(self, *OVERRIDABLE) or type(self).metrics is not Overridable.metrics
            found = found or bool(self._held_metrics() or self._loss_functions or self._find_closures())
            found = found or self._repeats_variables()
            if not self.built and not found:
                return False  # layers that are still to be built may keep metrics
            self._has_methods = found
        return self._has_methods

    def _own_steps(self) -> CustomSteps:
        if self._custom is None:
            self._custom = CustomSteps(self)
        return self._custom

    def _predicts_by_itself(self) -> bool:
        return overrides(self, "predict_step", "make_predict_function")

    def _builds_by_itself(self) -> bool:
        """Whether layers are built by the model's own step and not by calling the model on the inputs."""
        return not self.is_functional and overrides(self, "train_step") and takes_data_only(self.train_step)

    def _keep_metrics(self, objective: Any, accumulators: Any) -> None:
        """After a run: let the metric objects show its results."""
        if self._is_custom():
            objective.store(accumulators)
        else:
            self._need_compilation().show(objective, accumulators)

    def _show_running_metrics(self) -> None:
        """While ``fit`` runs: let the metric objects show the values so far."""
        session = self._session
        if session is not None and scopes.current() is None and not self._is_custom():
            metrics = copied(session.holder.carry.metrics)  # the run goes on with its own buffers
            self._need_compilation().show(self._prepare_objective(), metrics)

    def _given_metrics(self) -> Any:
        """What ``compile(metrics=...)`` was given, which is what ``metrics`` is in Keras 1 and 2."""
        return [] if self._compilation is None else self._compilation.metrics or []

    @property
    def stateful_metric_functions(self) -> list[Any]:
        """In Keras 2 the metrics of ``compile`` that are layers and go on from batch to batch."""
        return stateful_layers(self._given_metrics())

    @property
    def stateful_metric_names(self) -> list[str]:
        """Names of :attr:`stateful_metric_functions` in the logs."""
        objective = None if self._compilation is None else self._prepare_objective()
        if objective is None:
            return []
        measured = [m for target in objective.targets for m in (*target.metrics, *target.weighted_metrics)]
        return [n for n, m in zip(objective.metric_names, measured, strict=False) if isinstance(m, Latest)]

    def _kept_metrics(self) -> list[Metric]:
        """The metrics that the model and its layers hold as attributes, not those of models inside; states of metrics."""
        return [*self._held_metrics(), *self._find_closures().states]

    def _held_metrics(self) -> list[Metric]:

        def find() -> list[Metric]:
            found: dict[int, Metric] = {}
            for layer in self._flatten_layers():
                if isinstance(layer, Training) and layer is not self:
                    continue
                for _, holder in layer._state_holders():
                    if isinstance(holder, Metric):
                        found.setdefault(id(holder), holder)
            return list(found.values())

        return list(structure.kept(self, "metrics", find))

    @property
    def metrics_variables(self) -> list[Variable]:
        """The states of :attr:`metrics`."""
        return [variable for metric in self.metrics for variable in metric.variables]

    def reset_metrics(self) -> None:
        """Forget all data that the metrics have seen."""
        for metric in self.metrics:
            metric.reset_state()

    def get_metrics_result(self) -> dict[str, Any]:
        """The results of :attr:`metrics` by name; a result that is a dict is spread out."""
        found: dict[str, Any] = {}
        for metric in self.metrics:
            result = metric.result()
            found.update(result if isinstance(result, Mapping) else {metric.name: result})
        return found

    # -- the loss ------------------------------------------------------------------------------------------------

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The loss of a batch: that of ``compile``, plus :attr:`losses`.

        An override runs inside the compiled step, under ``jax.grad``.

        Args:
            x: inputs.
            y: targets.
            y_pred: outputs.
            sample_weight: weights.
            training: the mode.

        Returns:
            A scalar.
        """
        del x, training
        penalties = self.losses
        if self._compilation is None or self._compilation.loss is None:
            return scopes.through(_sum, penalties)
        total, values = self._objective_value(y, y_pred, sample_weight, penalties)
        size = batch_size_of(scopes.plain(y_pred))
        for tracker, value in zip(self._need_compilation().output_trackers, values[1:], strict=False):
            tracker.update_state(value, sample_weight=size)
        if settings.era == "tf" and not self._is_told_the_loss:  # a step of the user's, which leaves it to this method
            self._need_compilation().loss_tracker.update_state(total, sample_weight=size)
        return total

    _is_told_the_loss = False
    """Whether a step that tells the metric of the loss by itself is asking :meth:`compute_loss`."""

    def _masks_of(self, y_pred: Any) -> Any:
        active = scopes.current()
        masks = [active.mask_of(leaf) if active is not None else None for leaf in jax.tree.leaves(y_pred)]
        return masks if any(mask is not None for mask in masks) else None

    def _objective_for(self, y_pred: Any) -> Any:
        if not self.is_functional and not self._outputs_seen:
            self._learn_outputs(y_pred)
        objective = self._prepare_objective()
        self._need_compilation().measure(objective)
        return objective

    def _compute_loss(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> Any:
        """Call :meth:`compute_loss`, whose older form has no ``training``."""
        parameters = inspect.signature(self.compute_loss).parameters.values()
        takes = any(p.name == "training" or p.kind is p.VAR_KEYWORD for p in parameters)
        object.__setattr__(self, "_is_told_the_loss", True)
        try:
            return self.compute_loss(x, y, y_pred, sample_weight, **({"training": training} if takes else {}))
        finally:
            object.__setattr__(self, "_is_told_the_loss", False)

    def stateless_compute_loss(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        metrics_variables: Sequence[Any],
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """:meth:`compute_loss` as a pure function.

        Args:
            trainable_variables: values of :attr:`trainable_variables`.
            non_trainable_variables: values of :attr:`non_trainable_variables`.
            metrics_variables: values of :attr:`metrics_variables`.
            x: inputs.
            y: targets.
            y_pred: outputs.
            sample_weight: weights.
            training: the mode.

        Returns:
            The loss, and the three lists of values after it.
        """
        groups = (self.trainable_variables, self.non_trainable_variables, self.metrics_variables)
        values = (trainable_variables, non_trainable_variables, metrics_variables)
        loss, after = _run(groups, values, lambda: self._compute_loss(x, y, y_pred, sample_weight, training))
        return loss, (list(trainable_variables), *after[1:])

    def compute_loss_and_updates(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        metrics_variables: Sequence[Any],
        x: Any,
        y: Any,
        sample_weight: Any,
        training: bool = False,
        optimizer_variables: Sequence[Any] | None = None,
    ) -> Any:
        """Call the model and compute its loss, as a pure function for ``jax.grad``.

        Args:
            trainable_variables: values of :attr:`trainable_variables`.
            non_trainable_variables: values of :attr:`non_trainable_variables`.
            metrics_variables: values of :attr:`metrics_variables`.
            x: inputs.
            y: targets.
            sample_weight: weights.
            training: the mode.
            optimizer_variables: values of ``optimizer.variables``, for an optimizer that scales the loss.

        Returns:
            The loss to differentiate, and (the loss, the outputs, untrained variables, metrics' variables).
        """
        groups = (self.trainable_variables, self.non_trainable_variables, self.metrics_variables)
        values = (trainable_variables, non_trainable_variables, metrics_variables)

        scaled, (*rest, _) = self._loss_and_updates(
            groups, values, (x, y, sample_weight), training, optimizer_variables
        )
        return scaled, tuple(rest)

    def _loss_and_updates(
        self, groups: Any, values: Any, data: Any, training: bool, optimizer_variables: Any = None
    ) -> Any:
        """:meth:`compute_loss_and_updates`, with the values of the tensors that losses and metrics need at the end."""
        x, y, sample_weight = data

        def run() -> Any:
            y_pred, tensors = self._call_observed(x, training)
            self._give_tensors(tensors)
            return self._compute_loss(x, y, y_pred, sample_weight, training), y_pred, tensors

        (loss, y_pred, tensors), after = _run(groups, values, run)
        scaled = loss
        if training and self.optimizer is not None and optimizer_variables is not None:
            own = (self.optimizer.variables,)
            scaled, _ = _run(own, (optimizer_variables,), lambda: self.optimizer.scale_loss(loss))
        return scaled, (loss, y_pred, after[1], after[2], tensors)

    # -- the steps -----------------------------------------------------------------------------------------------

    def train_step(self, *args: Any) -> Any:
        """One training step, in either of two forms.

        ``train_step(self, state, data)`` is a pure function as in Keras 3 on JAX: ``state`` is (trained variables,
        untrained variables, optimizer's variables, metrics' variables), lists of arrays; it returns the logs and the
        new state. ``train_step(self, data)`` is written as for tf.keras: variables, metrics and optimizers are used
        and changed directly, gradients come from a ``GradientTape``; it returns the logs. Both are compiled.

        Args:
            *args: ``state, data`` or ``data``. Data are ``x``, ``(x, y)`` or ``(x, y, sample_weight)``.
        """
        if len(args) == 1:
            return self._directly(self._pure_train_step, args[0], ("optimizer",))
        return self._pure_train_step(*args)

    def _pure_train_step(self, state: Any, data: Any) -> Any:
        trained, untrained, optimizer_variables, metrics_variables = state
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        gradient = jax.value_and_grad(self._observed_loss, has_aux=True)
        (_, (loss, y_pred, untrained, metrics_variables, tensors)), grads = gradient(
            list(trained),
            list(untrained),
            list(metrics_variables),
            x,
            y,
            sample_weight,
            training=True,
            optimizer_variables=list(optimizer_variables),
        )
        trained, optimizer_variables = self.optimizer.stateless_apply(optimizer_variables, grads, trained)
        logs, metrics_variables = self._measure(metrics_variables, loss, x, y, y_pred, sample_weight, tensors)
        return logs, (trained, untrained, optimizer_variables, metrics_variables)

    def _observed_loss(
        self, trained: Any, untrained: Any, measured: Any, x: Any, y: Any, sample_weight: Any, **how: Any
    ) -> Any:
        """:meth:`compute_loss_and_updates` and the values of the tensors that losses and metrics need."""
        if not self._find_closures():
            scaled, rest = self.compute_loss_and_updates(trained, untrained, measured, x, y, sample_weight, **how)
            return scaled, (*rest, [])
        groups = (*self._stepped_variables(), self.metrics_variables)
        return self._loss_and_updates(groups, (trained, untrained, measured), (x, y, sample_weight), **how)

    def test_step(self, *args: Any) -> Any:
        """One step of an evaluation: ``test_step(self, state, data)`` or ``test_step(self, data)``.

        The state is (trained variables, untrained variables, metrics' variables); see :meth:`train_step`.
        """
        if len(args) == 1:
            return self._directly(self._pure_test_step, args[0], ())
        return self._pure_test_step(*args)

    def _pure_test_step(self, state: Any, data: Any) -> Any:
        trained, untrained, metrics_variables = state
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        _, (loss, y_pred, untrained, metrics_variables, tensors) = self._observed_loss(
            trained, untrained, metrics_variables, x, y, sample_weight, training=False
        )
        logs, metrics_variables = self._measure(metrics_variables, loss, x, y, y_pred, sample_weight, tensors)
        return logs, (trained, untrained, metrics_variables)

    def predict_step(self, *args: Any) -> Any:
        """One step of a prediction: ``predict_step(self, state, data)`` or ``predict_step(self, data)``.

        The state is (trained variables, untrained variables); the first form returns the outputs and the untrained
        variables, the second the outputs.
        """
        x, _, _ = unpack_x_y_sample_weight(args[-1])
        outputs = self(x, training=False)
        return outputs if len(args) == 1 else (outputs, args[0][1])

    def _directly(self, step: Any, data: Any, extra: tuple[str, ...]) -> Any:
        """Run a pure step on the variables themselves: what ``super().train_step(data)`` means."""
        if "optimizer" in extra and not self.optimizer.built:
            self._prepare_optimizer()
        groups = [self.trainable_variables, self.non_trainable_variables]
        groups += [getattr(self, name).variables for name in extra]
        groups.append(self.metrics_variables)
        with scopes.deeper():
            logs, state = step(tuple([v.value for v in group] for group in groups), scopes.plain(data))
        for group, values in zip(groups, state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        return logs

    def _measure(
        self, metrics_variables: Sequence[Any], loss: Any, x: Any, y: Any, y_pred: Any, sample_weight: Any,
        tensors: Sequence[Any] = (),
    ) -> tuple[Any, list[Any]]:  # fmt: skip
        """Update the metrics, as a pure function of their variables."""

        def run() -> Any:
            self._give_tensors(tensors)
            self._need_compilation().loss_tracker.update_state(loss, sample_weight=batch_size_of(x))
            return self.compute_metrics(x, y, y_pred, sample_weight)

        logs, (after,) = _run((self.metrics_variables,), (metrics_variables,), run)
        return logs, after

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Update the metrics of ``compile`` with a batch and return the results of all.

        Args:
            x: inputs.
            y: targets.
            y_pred: outputs.
            sample_weight: weights.
        """
        del x
        y, y_pred, sample_weight = scopes.plain((y, y_pred, sample_weight))
        self._objective_for(y_pred)
        compiled = self._need_compilation().compiled_metrics
        assert compiled is not None, "made with the objective"
        compiled.update_state(y, y_pred, sample_weight=sample_weight)
        return self.get_metrics_result()

    # -- what tf.keras called these ------------------------------------------------------------------------------

    @property
    def compiled_metrics(self) -> Any:
        """The metrics of ``compile`` as one; ``update_state(y, y_pred, sample_weight)`` updates them all."""
        if self._compilation is None:
            return None
        self._compiled_metrics()
        return self._compilation.compiled_metrics or UnmadeMetrics(self)

    def compiled_loss(self, y: Any, y_pred: Any, sample_weight: Any = None, regularization_losses: Any = None) -> Any:
        """The loss of ``compile`` for a batch, as tf.keras calls it.

        Args:
            y: targets.
            y_pred: outputs.
            sample_weight: weights.
            regularization_losses: what to add; usually ``self.losses``.
        """
        added = [] if regularization_losses is None else jax.tree.leaves(regularization_losses)
        total, _ = self._objective_value(y, y_pred, sample_weight, added)
        size = batch_size_of(scopes.plain(y_pred))
        self._need_compilation().loss_tracker.update_state(total, sample_weight=size)
        return total

    def _objective_value(self, y: Any, y_pred: Any, sample_weight: Any, added: list[Any]) -> Any:
        """The loss of ``compile`` and its parts, as the code of a step gets them."""
        objective = self._objective_for(scopes.plain(y_pred))
        masks = self._masks_of(scopes.plain(y_pred))
        return scopes.through(
            lambda *data: objective.loss(data[0], data[1], data[2], masks, data[3]), y, y_pred, sample_weight, added
        )


def _sum(penalties: Sequence[Any]) -> Any:
    return sum((jnp.sum(jnp.asarray(p, jnp.float32)) for p in penalties), start=jnp.float32(0))


def _run(groups: Sequence[Sequence[Variable]], values: Sequence[Sequence[Any]], function: Any) -> tuple[Any, list[Any]]:
    """:func:`kjax.keras.core.scope.run_with` for several lists of variables."""
    for group, given in zip(groups, values, strict=True):
        if len(group) != len(given):
            raise ValueError(f"expected {len(group)} values, one for each variable, received {len(given)}")
    flat = [variable for group in groups for variable in group]
    result, after = scopes.run_with(flat, [value for given in values for value in given], function)
    parts, start = [], 0
    for group in groups:
        parts.append(after[start : start + len(group)])
        start += len(group)
    return result, parts
