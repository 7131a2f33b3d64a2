"""Steps of models that train through methods of their own, as pure functions for the loop engine."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from kjax.keras.core import scope as scopes
from kjax.keras.core import structure, tape
from kjax.keras.core.optimizer import Optimizer
from kjax.keras.core.settings import settings
from kjax.keras.core.variable import Variable
from kjax.keras.models.closures import OUTSIDE
from kjax.keras.models.overridden import FUNCTIONS, overrides, takes_data_only
from kjax.keras.utils.batches import pack_x_y_sample_weight
from kjax.nn.dtypes import abstract
from kjax.nn.randomness import STREAM, moved_on, take_key
from kjax.train.state import TrainState
from kjax.train.steps import explain_numpy


class Measured:
    """What a step of a user's reports: stands where an :class:`kjax.train.Objective` stands for other models.

    The accumulators are the values of the metrics' variables, and the logs that the last step returned.

    Attributes:
        names: names of the logs; known when the step was traced.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.names: tuple[str, ...] = ()
        self.shapes: dict[str, Any] = {}

    def init(self, *sample: Any) -> Any:
        """The accumulators at the beginning of an epoch: metrics after ``reset_metrics``."""
        del sample
        boxes = metric_boxes(self.model)
        _, values = scopes.run_with(boxes, [box.value for box in boxes], self.model.reset_metrics)
        logs = {name: jnp.zeros(leaf.shape, leaf.dtype) for name, leaf in self.shapes.items()}
        return {"variables": values, "logs": logs, STREAM: jnp.asarray(self.model._stream())}

    def compute(self, accumulators: Any) -> tuple[Any, ...]:
        """The values of :attr:`names`."""
        return tuple(accumulators["logs"][name] for name in self.names)

    def store(self, accumulators: Any) -> None:
        """Give the values of the metrics back to their variables."""
        for box, value in zip(metric_boxes(self.model), accumulators["variables"], strict=True):
            box.store(jnp.array(value))


class CustomSteps:
    """The steps of a model with methods of its own.

    Args:
        model: the model.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.train, self.test = Measured(model), Measured(model)
        self._known: dict[str, set[Any]] = {"train": set(), "test": set()}

    # -- learning what a step needs ------------------------------------------------------------------------------

    def discover(self, kind: str, sample: Any) -> None:
        """Trace a step once: layers, metrics and optimizers that are made on their first use are made, logs are named.

        Args:
            kind: ``'train'`` or ``'test'``.
            sample: a batch, or abstract arrays of its shapes.
        """
        described = jax.tree.map(abstract, sample)
        key = (jax.tree.structure(described), tuple((x.shape, str(x.dtype)) for x in jax.tree.leaves(described)))
        if key in self._known[kind]:
            return
        measured: Measured = getattr(self, kind)
        if kind == "train" and not takes_data_only(step_of(self.model, "train")):
            self.model._prepare_optimizer()
        for _ in range(4):
            before = self._inventory()
            boxes = [*self._boxes(), *metric_boxes(self.model)]
            logs: Any = {}

            def run(values: Any, batch: Any, seed: Any, boxes: list[Variable] = boxes) -> Any:
                nonlocal logs
                logs, _ = self._run(kind, boxes, values, seed, batch)
                return logs

            values = [jax.ShapeDtypeStruct(box.shape, jnp.dtype(box.stored_dtype)) for box in boxes]
            shapes = jax.eval_shape(run, values, described, jax.random.key(0))
            if self._inventory() == before:
                break
            self.model._trained = None  # layers were built
        measured.names = tuple(logs)
        measured.shapes = {name: shapes[name] for name in measured.names}
        self._known[kind].add(key)

    def _inventory(self) -> list[int]:
        return [id(box) for box in (*self._boxes(), *metric_boxes(self.model))]

    def _boxes(self) -> list[Variable]:
        trees = self.trees()
        return jax.tree.leaves([trees[name] for name in _FIELDS], is_leaf=_is_box)

    def trees(self) -> dict[str, Any]:
        """The variables as the parts of a train state; the optimizer's state is that of all optimizers."""
        parts = self.model._partition()
        states = {str(i): optimizer.tree for i, optimizer in enumerate(optimizers_of(self.model)) if optimizer.built}
        outside = self.model._outside_variables()
        if outside:
            parts["state"] = {**parts["state"], OUTSIDE: outside}
        return parts | {"opt_state": states}

    def _asked_boxes(self) -> list[Variable]:
        """The variables that an evaluation or prediction reads."""
        tree, outside = self.model.variable_tree(), self.model._outside_variables()
        return jax.tree.leaves({**tree, OUTSIDE: outside} if outside else tree, is_leaf=_is_box)

    # -- running -------------------------------------------------------------------------------------------------

    def _run(self, kind: str, boxes: list[Variable], values: Any, key: Any, batch: Any) -> tuple[Any, list[Any]]:
        """One step on given values: the logs, flat, and the values after it."""

        records = scopes.recorder is not None and takes_data_only(step_of(self.model, kind))

        def make_scope() -> scopes.Scope:
            known = {id(b): v for b, v in zip(boxes, values, strict=True)}
            return scopes.Scope(known, key=key, records=records)

        data = pack_x_y_sample_weight(*_plain(batch))
        with explain_numpy(), _explain_backward():
            logs, scope = tape.run(make_scope, lambda: self._call(kind, data))
        if isinstance(logs, Mapping):  # one by one, since trees sort their names
            logs = {name: scopes.plain(value) for name, value in logs.items()}
        return flat_logs(logs, f"{type(self.model).__name__}.{kind}_step"), [scope.values[id(b)] for b in boxes]

    def _call(self, kind: str, data: Any) -> Any:
        model = self.model
        step = step_of(model, kind)
        if takes_data_only(step):
            return step(scopes.shown(data))
        if model._find_closures():
            groups = list(model._stepped_variables())
        else:
            groups = [model.trainable_variables, model.non_trainable_variables]
        if kind == "train":
            groups.append(model.optimizer.variables)
        groups.append(model.metrics_variables)
        result = step(tuple([v.value for v in group] for group in groups), data)
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(
                f"{type(model).__name__}.{kind}_step(self, state, data) must return (logs, state), received "
                f"{type(result).__name__}"
            )
        logs, state = result
        for group, values in zip(groups, state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        return logs

    def train_step(self, state: TrainState, batch: Any) -> TrainState:
        """The training step."""
        parts = {name: getattr(state, name) for name in _FIELDS}
        leaves, structure = jax.tree.flatten([parts[name] for name in _FIELDS])
        boxes, own = self._boxes(), metric_boxes(self.model)
        key = jax.random.fold_in(state.key, state.step)
        values = [*leaves, *state.metrics["variables"]]
        logs, after = self._run("train", [*boxes, *own], values, key, batch)
        parts = dict(zip(_FIELDS, jax.tree.unflatten(structure, after[: len(boxes)]), strict=True))
        metrics = {**state.metrics, "variables": after[len(boxes) :], "logs": logs}
        return state.replace(step=state.step + 1, metrics=metrics, **parts)  # type: ignore[attr-defined]

    def test_step(self, accumulators: Any, variables: Any, batch: Any) -> Any:
        """The step of an evaluation."""
        boxes = self._asked_boxes()
        own = metric_boxes(self.model)
        variables, _ = take_key(variables)
        values = [*jax.tree.leaves(variables), *accumulators["variables"]]
        _, key = take_key(accumulators)  # those change from batch to batch
        logs, after = self._run("test", [*boxes, *own], values, key, batch)
        return moved_on({**accumulators, "variables": after[len(boxes) :], "logs": logs}, 1)

    def predict_step(self, variables: Any, inputs: Any) -> Any:
        """The step of a prediction."""
        model = self.model
        boxes = self._asked_boxes()
        variables, key = take_key(variables)
        scope = scopes.Scope({id(b): v for b, v in zip(boxes, jax.tree.leaves(variables), strict=True)}, key=key)
        data = pack_x_y_sample_weight(inputs)
        step = step_of(model, "predict")
        scope.records = scopes.recorder is not None and takes_data_only(step)
        with scopes.enter(scope):
            if takes_data_only(step):
                return scopes.plain(step(scopes.shown(data)))
            groups = (model.trainable_variables, model.non_trainable_variables)
            return step(tuple([v.value for v in group] for group in groups), data)[0]


_FIELDS = ("params", "frozen", "state", "opt_state")


@contextlib.contextmanager
def _explain_backward() -> Iterator[None]:
    """Say what to do where a step is written for PyTorch."""
    try:
        yield
    except AttributeError as error:
        if error.name not in ("backward", "detach", "zero_grad"):
            raise
        raise TypeError(
            f"the step calls `.{error.name}()`, which only tensors of PyTorch have: here gradients come from "
            "`jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)` in `train_step(self, state, data)`, or from a "
            "`keras.GradientTape` in `train_step(self, data)`"
        ) from error


def step_of(model: Any, kind: str) -> Callable[..., Any]:
    """The step of a model, or what its own ``make_train_function`` and the like make of it: a function of an iterator.

    Args:
        model: the model.
        kind: ``'train'``, ``'test'`` or ``'predict'``.
    """
    if not overrides(model, FUNCTIONS[kind]):
        return getattr(model, f"{kind}_step")
    function = getattr(model, FUNCTIONS[kind])()
    function = function if function is not None else getattr(model, f"{kind}_function")
    if takes_data_only(function):
        return lambda data: function(iter([data]))
    return lambda state, data: function(state, iter([data]))


def flat_logs(logs: Any, who: str) -> dict[str, Any]:
    """The logs of a step as arrays by name; dicts inside are spread out, the loss comes first.

    Args:
        logs: what the step returned.
        who: for the message.

    Raises:
        TypeError: not a dict of numbers.
    """
    if logs is None:
        return {}
    if not isinstance(logs, Mapping):
        raise TypeError(f"{who} must return a dict of logs by name, received {type(logs).__name__}")
    flat: dict[str, Any] = {}
    for name, value in logs.items():
        if isinstance(value, Mapping):
            flat |= flat_logs(value, who)
        else:
            flat[name] = jnp.asarray(value.value if isinstance(value, Variable) else value)
    if settings.era == "tf":  # in the order in which the step returns them
        return flat
    return {name: flat[name] for name in sorted(flat, key=lambda name: name != "loss")}


def optimizers_of(model: Any) -> list[Optimizer]:
    """The optimizer of ``compile`` and those that the model holds as attributes."""
    found: dict[int, Optimizer] = {}
    if model.optimizer is not None:
        found[id(model.optimizer)] = model.optimizer
    for item in structure.kept(model, "optimizers", lambda: list(_optimizers_inside(model))):
        found.setdefault(id(item), item)
    return list(found.values())


def _optimizers_inside(model: Any) -> Iterator[Optimizer]:
    for layer in model._flatten_layers():
        for value in layer.__dict__.values():
            for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]:
                if isinstance(item, Optimizer):
                    yield item


def metric_boxes(model: Any) -> list[Variable]:
    """The variables of all metrics: those that ``model.metrics`` lists, and others that the model keeps."""
    found: dict[int, Variable] = {}
    for metric in (*model.metrics, *model._kept_metrics()):
        for variable in metric.variables:
            found.setdefault(id(variable), variable)
    return list(found.values())


def _plain(batch: Any) -> tuple[Any, Any, Any]:
    """A batch with tuples of one entry for models with one output taken out of their tuples."""
    x, y, weights = batch
    return x, _single(y), _single(weights)


def _single(tree: Any) -> Any:
    return tree[0] if isinstance(tree, tuple) and len(tree) == 1 else tree


def _is_box(thing: Any) -> bool:
    return isinstance(thing, Variable)
