"""``compile``, what it fixes, and the state of a training: what every way of running a model stands on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from kjax.keras.core import optimizer as optimizers
from kjax.keras.core import structure
from kjax.keras.core.metric import StatefulMetric
from kjax.keras.core.session import Session
from kjax.keras.core.settings import next_seed, settings
from kjax.keras.core.variable import Variable
from kjax.keras.legacy.arguments import OLD_ERAS, method
from kjax.keras.models import older_checks
from kjax.keras.models.closures import OUTSIDE, Closing
from kjax.keras.models.compilation import Compilation, check_names
from kjax.nn.module import PARAMS
from kjax.nn.randomness import STREAM, may_draw
from kjax.train import loop
from kjax.train.objective import Objective
from kjax.train.steps import make_eval_step, make_predict_step, make_train_step

if TYPE_CHECKING:
    from kjax.keras.core.layer import Layer as _Base
else:
    _Base = object


class NotCompiledError(ValueError, RuntimeError):
    """A model is trained or evaluated that was not compiled: for Keras 3 a wrong value, before an error of its own kind."""


class Training(Closing, _Base):
    """The part of a model that trains; :class:`Model` is the other."""

    if TYPE_CHECKING:

        @property
        def is_functional(self) -> bool: ...
        def _take_given(self) -> None: ...
        @property
        def input_names(self) -> list[str]: ...
        @property
        def output_names(self) -> list[str]: ...
        @property
        def _named_outputs(self) -> Any: ...

    _step: Variable
    _epoch: Variable

    # -- compile -------------------------------------------------------------------------------------------------

    def _init_training(self) -> None:
        self._compilation: Compilation | None = None
        self._class_output_names: tuple[str, ...] = ("output",)
        self._class_structure: Any = "output"
        self.stop_training = False
        self.history: Any = None
        for name in ("step", "epoch"):  # counters of the training, not weights of the model
            counter = Variable(np.int32(0), dtype="int32", trainable=False, name=name)
            object.__setattr__(self, f"_{name}", counter)
        self._seed: int | None = None
        self.distribution: Any = None
        """How this model is spread over devices, where it is not as ``keras.distribution`` says for all."""
        self._runs_outside_training = 0
        self._session: Session | None = None
        self._forget_training()

    def _forget_training(self) -> None:
        """Forget what was prepared for training, because the model changed."""
        self._objective: Objective | None = None
        self._trained: frozenset[int] | None = None
        self._state_parts: dict[str, Any] | None = None
        self._has_methods: bool | None = None
        self._closures = None
        self._prepared: Any = None
        self._empty: Any = None
        self._key: Any = None
        self._train_module: Any = None
        self._batch_metrics: Any = None
        self._sample: tuple[Any, Any] = (None, None)
        self._checked: dict[Any, tuple[Any, Any]] = {}
        self._class_output_names, self._class_structure = ("output",), "output"
        self._outputs_seen = False
        self._custom: Any = None
        self._tensors: Any = None
        self._sample_batches: dict[str, Any] = {}
        if self._compilation is not None:
            self._compilation.forget()

    @method
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
        **kwargs: Any,
    ) -> None:
        """Say how the model is trained. What is trainable is fixed here: compile again after freezing layers.

        Args:
            optimizer: name, Keras optimizer, or Optax transformation.
            loss: name, function or loss object; a list or dict for several outputs.
            loss_weights: factor of each output's loss.
            metrics: list of names, functions or metric objects; lists or dicts of them for several outputs.
            weighted_metrics: the same, measured with sample weights.
            run_eagerly: run every step uncompiled, for debugging.
            steps_per_execution: the hooks for batches of callbacks are called once in so many batches; how many steps
                a compiled call runs the engine chooses by itself.
            jit_compile: accepted; steps are always compiled unless ``run_eagerly``.
            auto_scale_loss: with a float16 policy, scale the loss dynamically.
            **kwargs: arguments of older generations: ``sample_weight_mode``, ``target_tensors``; others have no meaning here.

        Raises:
            ValueError: an unknown optimizer, loss or metric.
            TypeError: an unknown argument, or one of the wrong type.
        """
        if (
            isinstance(steps_per_execution, bool)
            or not hasattr(steps_per_execution, "__index__")
            or steps_per_execution < 1
        ):
            raise ValueError(
                f"compile: argument `steps_per_execution` must be a positive integer, received {steps_per_execution!r}"
            )
        unknown = [k for k in kwargs if k not in ("sample_weight_mode", "target_tensors", "distribute", "class_mode")]
        if unknown:
            raise TypeError(f"compile: unknown argument {unknown[0]!r}")
        if isinstance(loss_weights, str):
            raise ValueError(
                f"compile: argument `loss_weights` is a number, or a list or dict of them, received {loss_weights!r}"
            )
        if settings.era in ("1", "2"):
            older_checks.check_types(optimizer, loss_weights, metrics)
        check_names(loss, [metrics, weighted_metrics])
        handle = optimizers.get(optimizer)
        if auto_scale_loss and getattr(self, "_dtype_policy", None) and self._dtype_policy.name == "mixed_float16":
            from kjax.keras.core.optimizer_groups import LossScaleOptimizer, ScalingBase

            if not isinstance(handle, ScalingBase):
                handle = LossScaleOptimizer(handle)
        self._compilation = Compilation(handle, loss, loss_weights, metrics, weighted_metrics, bool(run_eagerly))
        self._compilation.steps_per_execution = int(steps_per_execution)
        self._compilation.jit_compile = (not run_eagerly) if jit_compile == "auto" else bool(jit_compile)
        self._compilation.keras2 = settings.era in ("1", "2") and not settings.release
        self.stop_training = False
        self._forget_training()
        for name in ("target_tensors", "sample_weight_mode"):
            setattr(self._compilation, name, kwargs.get(name))
        if self.built:
            self._snapshot()
        if settings.era in ("1", "2"):
            self._take_given()
            for name in ("train", "test", "predict"):
                setattr(self, f"{name}_function", None)
            shown = {"loss_weights": loss_weights, "sample_weight_mode": kwargs.get("sample_weight_mode")}
            self.__dict__.update(shown)
            try:
                older_checks.check_compilation(self)  # type: ignore[arg-type]
            except BaseException:
                self._compilation = None
                raise

    @property
    def compiled(self) -> bool:
        """Whether :meth:`compile` was called."""
        return self._compilation is not None

    @property
    def optimizer(self) -> Any:
        """The optimizer, or None before ``compile``. Another one may be set, which begins anew."""
        return self._compilation.optimizer if self._compilation else self.__dict__.get("_early_optimizer")

    @optimizer.setter
    def optimizer(self, value: Any) -> None:
        if self._compilation is None:  # kept for the user's own methods, until `compile` says which one trains
            object.__setattr__(self, "_early_optimizer", value)
            return
        self._compilation.optimizer = optimizers.get(value)
        self._prepared = self._custom = None

    @property
    def loss(self) -> Any:
        """The loss as it was given to ``compile``."""
        return self._compilation.loss if self._compilation else None

    @property
    def run_eagerly(self) -> bool:
        """Whether steps run uncompiled."""
        return bool(self._compilation and self._compilation.run_eagerly)

    @run_eagerly.setter
    def run_eagerly(self, value: bool) -> None:
        if self._compilation is not None:
            self._compilation.run_eagerly = bool(value)

    @property
    def jit_compile(self) -> bool:
        """What ``compile`` was told; steps are compiled unless :attr:`run_eagerly`."""
        return bool(self._compilation is None or self._compilation.jit_compile)

    @jit_compile.setter
    def jit_compile(self, value: Any) -> None:
        if self._compilation is not None:
            self._compilation.jit_compile = bool(value)

    @property
    def steps_per_execution(self) -> int:
        """Batches for which the hooks for batches of callbacks are called once."""
        return self._compilation.steps_per_execution if self._compilation is not None else 1

    @steps_per_execution.setter
    def steps_per_execution(self, value: int) -> None:
        if self._compilation is not None:
            self._compilation.steps_per_execution = int(value)

    @property
    def metrics_names(self) -> list[str]:
        """Names of what ``evaluate`` returns."""
        if self._objective is None and self._compilation is not None and self.built:
            self._prepare_objective()
        return self._order(self._objective) if self._objective is not None else []

    def _order(self, measured: Any) -> list[str]:
        """Names of what a list of results holds, in the order in which Keras lists them."""
        names = list(measured.names)
        if not isinstance(measured, Objective) or len(measured.targets) == 1 or settings.era != "3":
            return names
        losses = measured.loss_names
        if self._compilation is not None:
            losses = self._compilation.in_order(losses)
        return ["loss", *losses, *sorted(measured.metric_names)]

    def _need_compilation(self) -> Compilation:
        if self._compilation is None:
            raise NotCompiledError(
                f"model {self.name!r} must be compiled before it is trained or evaluated. You must call `compile()` before using the model"
            )
        return self._compilation

    def _snapshot(self) -> None:
        """Fix what is trained, and the module in which it is."""
        self._state_parts = None
        self._trained = frozenset(id(v) for v in self.trainable_weights)
        self._train_module = self.module

    def _prepare_objective(self) -> Objective:
        if self._objective is None:
            closures = self._find_closures()
            replace = closures.replace if closures.drawn else None
            self._objective = self._need_compilation().objective(self.output_names, self._named_outputs, replace)
        return self._objective

    # -- state ---------------------------------------------------------------------------------------------------

    def _partition(self) -> dict[str, Any]:
        """The variables as the trees of a train state: trained, frozen, state."""
        if self._trained is None:
            self._snapshot()
        if not self.is_functional:  # layers may come to be on their first use
            return dict(structure.kept(self, "parts", self._make_parts))
        if self._state_parts is None:
            self._state_parts = self._make_parts()
        return dict(self._state_parts)

    def _repeats_variables(self) -> bool:
        """Whether variables lie in several places: a layer is shared by models of which one is not inside the other."""

        def count() -> bool:
            boxes = jax.tree.leaves(self.variable_tree(), is_leaf=is_box)
            return len({id(box) for box in boxes}) < len(boxes)

        return structure.kept(self, "repeats", count)

    def _make_parts(self) -> dict[str, Any]:
        tree = self.variable_tree()
        if self._repeats_variables():
            met: set[int] = set()
            tree = _select(tree, lambda v: not (id(v) in met or met.add(id(v))))
        params = tree.pop(PARAMS, {})
        trained = self._trained or frozenset()
        return {
            "params": _select(params, lambda v: id(v) in trained),
            "frozen": _select(params, lambda v: id(v) not in trained),
            "state": tree,
        }

    def _prepare_optimizer(self, trained: Any = None) -> Any:
        """The optimizer, with a state for the trained weights."""
        optimizer = self._need_compilation().optimizer
        if optimizer is None:
            raise ValueError(f"model {self.name!r} was compiled without an optimizer: give compile() one to train it")
        parts = self._partition()["params"] if trained is None else trained
        if self._prepared is not None and self._prepared[0] is parts and optimizer.is_prepared(self._prepared[1]):
            return optimizer
        chosen = self._trained or frozenset()
        self._prepared = parts, optimizer.prepare(parts, [v for v in self.weights if id(v) in chosen])
        return optimizer

    # -- the steps -----------------------------------------------------------------------------------------------

    def _is_custom(self) -> bool:
        """Whether the model trains through methods of its own, see :mod:`kjax.keras.models.overriding`."""
        raise NotImplementedError

    def _own_steps(self) -> Any:
        """The steps made of those methods."""
        raise NotImplementedError

    def _training_step(self) -> tuple[Any, Any]:
        """The pure training step, and what it measures: an objective, or what stands for one."""
        if self._is_custom():
            own = self._own_steps()
            if self._find_closures():
                self._prepare_optimizer()  # which may have served another model meanwhile
            own.discover("train", self._sample_batches["train"])
            return own.train_step, own.train
        objective = self._ready_objective()
        module, optimizer = self._train_module, self._prepare_optimizer().pure

        def make() -> tuple[Any, ...]:
            if settings.era in ("1", "2"):
                older_checks.check_gradients(self, objective)
            return make_train_step(module, objective, optimizer), module, objective, optimizer

        step, *_ = structure.kept(self, ("training", id(module), id(objective), id(optimizer)), make)
        return step, objective

    def _ready_objective(self) -> Objective:
        """The objective; metrics that users wrote have seen the shapes of the data."""
        objective = self._prepare_objective()
        if any(isinstance(m, StatefulMetric) for t in objective.targets for m in (*t.metrics, *t.weighted_metrics)):
            objective.init_metrics(*self._sample)
        return objective

    def _evaluation_step(self) -> tuple[Any, Any]:
        """The pure step of an evaluation, and what it measures."""
        if self._is_custom():
            own = self._own_steps()
            own.discover("test", self._sample_batches["test"])
            return own.test_step, own.test
        objective = self._ready_objective()
        carries = self._carries_state(False)
        step, _ = structure.kept(
            self,
            ("evaluation", id(objective)),
            lambda: (make_eval_step(self.module, objective, carries=carries), objective),
        )  # what a name has the number of is kept with it, so that the number stays its own
        return step, objective

    def _prediction_step(self) -> Any:
        """The pure step of a prediction."""
        if self._predicts_by_itself():
            return self._own_steps().predict_step
        carries = self._carries_state(False)
        return structure.kept(self, "prediction", lambda: make_predict_step(self.module, carries))

    def _stream(self) -> np.ndarray:
        """Where the random numbers of one evaluation or prediction begin: apart from those of others."""
        self._runs_outside_training += 1
        return np.random.SeedSequence([self._run_seed(), self._runs_outside_training]).generate_state(2)

    def _asked_variables(self, by_itself: bool) -> dict[str, Any]:
        """The variables for an evaluation or prediction, with a stream of random numbers for those who draw some.

        Args:
            by_itself: whether the step is one of the user's.
        """
        variables = self._variables()
        outside = self._outside_variables()
        if by_itself and outside:
            variables |= {OUTSIDE: {name: v.value for name, v in outside.items()}}
        return variables | {STREAM: self._stream()} if by_itself or self._may_draw() else variables

    def _predicts_by_itself(self) -> bool:
        """Whether the model has a ``predict_step`` of its own."""
        raise NotImplementedError

    def _programs(self, step: Any, objective: Any, make: Any) -> tuple[Any, Any]:
        """A step as the loop engine runs it, and the function from accumulators to log values.

        Args:
            step: the step.
            objective: what it measures.
            make: :func:`kjax.train.loop.train_program` or ``eval_program``.
        """
        if self.run_eagerly:
            return make(step, True), objective.compute
        report, _ = structure.kept(self, ("report", id(objective)), lambda: (loop.report_program(objective), objective))
        return make(step), report

    def _make_session(self, single: bool = False) -> Session:
        if self._is_custom():
            own = self._own_steps()
            boxes, accumulators = own.trees(), own.train.init()
        else:
            boxes = self._partition()
            boxes["opt_state"] = self._prepare_optimizer(boxes["params"]).tree
            accumulators = self._empty_accumulators()
        boxes |= {"step": self._step, "epoch": self._epoch}
        return Session(boxes, self._run_key(), accumulators, self.distribution, single)

    def _empty_accumulators(self) -> Any:
        """:meth:`_accumulators`, made once: a session copies them before it gives their memory away."""
        if self._empty is None or self._empty[0] is not self._sample:
            self._empty = self._sample, self._accumulators()
        return self._empty[1]

    def _run_key(self) -> Any:
        """The key of the run, made once."""
        seed = self._run_seed()
        if self._key is None or self._key[0] != seed:
            self._key = seed, jax.random.key(seed)
        return self._key[1]

    def _run_seed(self) -> int:
        """The seed that all randomness of this model's training is derived from."""
        if self._seed is None:
            self._seed = next_seed()
        return self._seed

    def _variables(self) -> dict[str, Any]:
        boxes, layout = self._boxes_in_order()
        values = layout.unflatten([v.value for v in boxes])
        distribution = self.distribution or settings.distribution
        return values if distribution is None else distribution.place(layout.unflatten(boxes), values)

    def _boxes_in_order(self) -> tuple[list[Variable], Any]:
        """The variables in the order of their tree, and how they unflatten to it."""
        return structure.kept(self, "boxes", lambda: jax.tree.flatten(self.variable_tree(), is_leaf=is_box))

    def _carries_state(self, by_itself: bool) -> bool:
        """Whether state may change outside training too: that of stateful layers, and of layers that users wrote.

        Args:
            by_itself: whether the step is one of the user's, which sees to its state by itself.
        """

        def carries() -> bool:
            return any(layer.carries_state for layer in self._flatten_layers()) or self._may_draw()

        return not by_itself and structure.kept(self, "carries", carries)

    def _may_draw(self) -> bool:
        """Whether random numbers may be drawn outside training."""
        return structure.kept(self, "draws", lambda: may_draw(self.module))

    def _keep_state(self, state: Any) -> None:
        """Store the state that a run outside training ended with."""
        state = {name: values for name, values in state.items() if name != STREAM}
        # In Keras 1 and 2 only stateful layers had updates outside training; others are run for what they draw.
        if not state or (settings.era in OLD_ERAS and not any(layer.carries_state for layer in self._flatten_layers())):
            return
        boxes, layout = self._boxes_in_order()
        tree = layout.unflatten(boxes)
        for collection, values in state.items():
            jax.tree.map(lambda box, value: box.assign(value), tree[collection], values, is_leaf=is_box)

    def _accumulators(self, objective: Any = None) -> Any:
        """Empty accumulators of the loss and the metrics."""
        return (objective or self._prepare_objective()).init(*self._sample)


def _select(tree: Any, wanted: Any) -> Any:
    """The part of a nested dict whose leaves are wanted."""
    result = {}
    for name, inner in tree.items():
        if isinstance(inner, Mapping):
            part = _select(inner, wanted)
            if part:
                result[name] = part
        elif wanted(inner):
            result[name] = inner
    return result


def is_box(thing: Any) -> bool:
    """Whether a leaf of a tree is a variable."""
    return isinstance(thing, Variable)
