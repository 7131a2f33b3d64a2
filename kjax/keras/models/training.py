"""``compile``, ``fit``, ``evaluate``, ``predict`` and the batch methods, on the loop engine of floor 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.data.arrays import Arrays
from kjax.keras.core import optimizer as optimizers
from kjax.keras.core.session import Session
from kjax.keras.core.settings import next_seed
from kjax.keras.core.variable import Variable
from kjax.keras.models import data as adapt
from kjax.keras.models.compilation import Compilation, check_names
from kjax.keras.models.following import Follower
from kjax.keras.models.on_batch import number_of
from kjax.nn.module import PARAMS
from kjax.train import loop
from kjax.train.objective import Objective
from kjax.train.steps import apply_module, make_eval_step, make_predict_step, make_train_step

if TYPE_CHECKING:
    from kjax.keras.core.layer import Layer as _Base
else:
    _Base = object


class Training(_Base):
    """The part of a model that trains; :class:`Model` is the other."""

    if TYPE_CHECKING:

        @property
        def is_functional(self) -> bool: ...
        @property
        def input_names(self) -> list[str]: ...
        @property
        def output_names(self) -> list[str]: ...

    _step: Variable
    _epoch: Variable

    # -- compile -------------------------------------------------------------------------------------------------

    def _init_training(self) -> None:
        self._compilation: Compilation | None = None
        self._class_output_names: tuple[str, ...] = ("output",)
        self.stop_training = False
        self.history: Any = None
        for name in ("step", "epoch"):  # counters of the training, not weights of the model
            counter = Variable(np.int32(0), dtype="int32", trainable=False, name=name)
            object.__setattr__(self, f"_{name}", counter)
        self._seed: int | None = None
        self._session: Session | None = None
        self._forget_training()

    def _forget_training(self) -> None:
        """Forget what was prepared for training, because the model changed."""
        self._objective: Objective | None = None
        self._trained: frozenset[int] | None = None
        self._train_module: Any = None
        self._batch_metrics: Any = None
        self._sample: tuple[Any, Any] = (None, None)
        self._checked: dict[Any, tuple[Any, Any]] = {}
        self._class_output_names = ("output",)

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
            steps_per_execution: accepted; the engine chooses by itself how many steps a compiled call runs.
            jit_compile: accepted; steps are always compiled unless ``run_eagerly``.
            auto_scale_loss: with a float16 policy, scale the loss dynamically.
            **kwargs: arguments of older generations that have no meaning here (``sample_weight_mode`` ...).

        Raises:
            ValueError: an unknown optimizer, loss or metric.
        """
        del steps_per_execution, jit_compile
        unknown = [k for k in kwargs if k not in ("sample_weight_mode", "target_tensors", "distribute", "class_mode")]
        if unknown:
            raise TypeError(f"compile: unknown argument {unknown[0]!r}")
        check_names(loss, [metrics, weighted_metrics])
        handle = optimizers.get(optimizer)
        if auto_scale_loss and getattr(self, "_dtype_policy", None) and self._dtype_policy.name == "mixed_float16":
            from kjax.nn import optimizers as rules

            if not isinstance(handle.rule, rules.LossScaleOptimizer):
                handle = optimizers.get(rules.LossScaleOptimizer(handle.rule))
        self._compilation = Compilation(handle, loss, loss_weights, metrics, weighted_metrics, bool(run_eagerly))
        self.stop_training = False
        self._forget_training()
        if self.built:
            self._snapshot()

    @property
    def compiled(self) -> bool:
        """Whether :meth:`compile` was called."""
        return self._compilation is not None

    @property
    def optimizer(self) -> Any:
        """The optimizer, or None before ``compile``."""
        return self._compilation.optimizer if self._compilation else None

    @property
    def loss(self) -> Any:
        """The loss as it was given to ``compile``."""
        return self._compilation.loss if self._compilation else None

    @property
    def run_eagerly(self) -> bool:
        """Whether steps run uncompiled."""
        return bool(self._compilation and self._compilation.run_eagerly)

    @property
    def metrics_names(self) -> list[str]:
        """Names of what ``evaluate`` returns."""
        if self._objective is None and self._compilation is not None and self.built:
            self._prepare_objective()
        return list(self._objective.names) if self._objective is not None else []

    def _need_compilation(self) -> Compilation:
        if self._compilation is None:
            raise ValueError(f"model {self.name!r} must be compiled before it is trained or evaluated: call compile()")
        return self._compilation

    def _snapshot(self) -> None:
        """Fix what is trained, and the module in which it is."""
        self._trained = frozenset(id(v) for v in self.trainable_weights)
        self._train_module = self.module

    def _prepare_objective(self) -> Objective:
        if self._objective is None:
            self._objective = self._need_compilation().objective(self.output_names)
        return self._objective

    # -- state ---------------------------------------------------------------------------------------------------

    def _partition(self) -> dict[str, Any]:
        """The variables as the trees of a train state: trained, frozen, state."""
        if self._trained is None:
            self._snapshot()
        tree = self.variable_tree()
        params = tree.pop(PARAMS, {})
        trained = self._trained or frozenset()
        return {
            "params": _select(params, lambda v: id(v) in trained),
            "frozen": _select(params, lambda v: id(v) not in trained),
            "state": tree,
        }

    def _make_session(self) -> Session:
        boxes = self._partition()
        if not jax.tree.leaves(boxes["params"], is_leaf=_is_box):
            raise ValueError(f"model {self.name!r} has no trainable weights: there is nothing to train")
        optimizer = self._need_compilation().optimizer
        optimizer.build(boxes["params"])
        if self._seed is None:
            self._seed = next_seed()
        boxes |= {"step": self._step, "epoch": self._epoch, "opt_state": optimizer.tree}
        return Session(boxes, jax.random.key(self._seed), self._accumulators())

    def _variables(self) -> dict[str, Any]:
        return jax.tree.map(lambda v: v.value, self.variable_tree(), is_leaf=_is_box)

    def _build_for(self, inputs: Any) -> None:
        """Build the model, and learn how many outputs it has, from one batch of inputs (arrays, only shapes count)."""
        from kjax.keras.core.tensor import KerasTensor

        def symbolic(a: Any) -> KerasTensor:
            return KerasTensor((None, *a.shape[1:]), str(jax.dtypes.canonicalize_dtype(a.dtype)), name="data")

        if not self.built:
            tensors = jax.tree.map(symbolic, inputs)
            if isinstance(tensors, tuple):
                tensors = list(tensors)
            self._ensure_built((tensors,), {})
        if not self.is_functional and self._train_module is None:
            samples = jax.tree.map(lambda a: jax.ShapeDtypeStruct((2, *a.shape[1:]), a.dtype), inputs)
            outputs = self._trace((samples,), {})
            if isinstance(outputs, Mapping):
                self._class_output_names = tuple(sorted(outputs))
            elif isinstance(outputs, (list, tuple)):
                self._class_output_names = tuple(f"output_{i + 1}" for i in range(len(outputs)))
        if self._trained is None:
            self._snapshot()

    # -- data ----------------------------------------------------------------------------------------------------

    def _source(
        self,
        x: Any,
        y: Any,
        sample_weight: Any,
        batch_size: int | None,
        *,
        shuffle: Any = False,
        class_weight: Any = None,
        what: str = "",
    ) -> Arrays:
        """Checked arrays as a source of batches; builds the model if it was not."""
        batch_size = 32 if batch_size is None else batch_size
        if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
            raise ValueError(f"argument `batch_size` must be a positive integer, received {batch_size!r}")
        x = adapt.as_tree(x, f"{what}x")
        if x is None:
            raise ValueError(f"argument `{what}x` is missing: there are no data")
        y, weights = adapt.as_tree(y, f"{what}y"), adapt.as_tree(sample_weight, f"{what}sample_weight")
        adapt.check_counts(x, y, weights)
        adapt.check_values(y, f"{what}y")
        adapt.check_values(weights, f"{what}sample_weight")
        names = None
        if self.is_functional:
            names = self.input_names
        inputs = adapt.arrange_inputs(x, names) if names else x
        self._build_for(inputs)
        if names is None and self.is_functional:
            names = self.input_names
        if class_weight is not None:
            if len(self.output_names) > 1 or y is None:
                raise ValueError("class_weight needs a model with one output, and targets")
            by_class = adapt.weights_of_classes(class_weight, jax.tree.leaves(y)[0])
            weights = by_class if weights is None else by_class * np.asarray(jax.tree.leaves(weights)[0]).reshape(-1)
        return adapt.make_source(x, y, weights, names, self.output_names, int(batch_size), shuffle)

    def _check_shapes(self, source: Arrays) -> None:
        """Compare data with the model's inputs and losses before anything is computed."""
        from kjax.keras.models.checks import check_inputs, check_targets

        sample = jax.tree.unflatten(
            source.structure,
            [jax.ShapeDtypeStruct((source.batch_size, *leaf.shape[1:]), leaf.dtype) for leaf in source.leaves],
        )
        inputs, targets, _ = sample
        if self.is_functional:
            check_inputs(self, inputs)
        if targets is None:
            return
        # Tracing the model takes a while, and the answer depends on shapes and types alone.
        key = (source.structure, tuple((leaf.shape, str(leaf.dtype)) for leaf in jax.tree.leaves(sample)))
        if key in self._checked:
            self._sample = self._checked[key]
            return
        variables = jax.tree.map(
            lambda v: jax.ShapeDtypeStruct(v.shape, jnp.dtype(v.dtype)), self.variable_tree(), is_leaf=_is_box
        )
        module = self._train_module
        outputs = jax.eval_shape(lambda v, i: apply_module(module, v, i, training=False)[0], variables, inputs)
        check_targets(self, self._prepare_objective(), targets, outputs)
        self._sample = self._checked[key] = (targets, outputs)

    def _accumulators(self) -> Any:
        """Empty accumulators of the loss and the metrics."""
        return self._prepare_objective().init(*self._sample)

    # -- fit -----------------------------------------------------------------------------------------------------

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: Any = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> Any:
        """Train the model.

        Args:
            x: inputs: an array, a list of arrays, or a dict by input name.
            y: targets: likewise, by output.
            batch_size: samples in a batch; 32 by default.
            epochs: index of the epoch to stop before.
            verbose: 0 silent, 1 progress bar, 2 a line an epoch; ``'auto'`` is 1.
            callbacks: one callback or a list.
            validation_split: share of the samples, taken from the end, that is kept for validation.
            validation_data: ``(x, y)`` or ``(x, y, sample_weight)``.
            shuffle: whether samples are shuffled in each epoch; ``'batch'`` shuffles whole batches.
            class_weight: weight of each class.
            sample_weight: weight of each sample.
            initial_epoch: index of the first epoch.
            steps_per_epoch: batches in an epoch; all by default.
            validation_steps: batches in a validation; all by default.
            validation_batch_size: samples in a batch of validation.
            validation_freq: validate every so many epochs, or in the listed ones (counted from 1).

        Returns:
            The ``History`` callback, whose ``history`` has a list for each log.

        Raises:
            ValueError: an argument that cannot be used; raised before training starts.
        """
        from kjax.keras.callbacks import CallbackList

        self._need_compilation()
        _check_range("epochs", epochs, 0)
        _check_range("initial_epoch", initial_epoch, 0)
        for name, value in (("steps_per_epoch", steps_per_epoch), ("validation_steps", validation_steps)):
            if value is not None:
                _check_range(name, value, 1)
        if validation_data is None and validation_split:
            x, y, sample_weight, validation_data = _hold_back(x, y, sample_weight, validation_split)
        source = self._source(x, y, sample_weight, batch_size, shuffle=shuffle, class_weight=class_weight)
        validation = None
        if validation_data is not None:
            if not isinstance(validation_data, (list, tuple)) or not 1 <= len(validation_data) <= 3:
                raise ValueError("argument `validation_data` must be (x, y) or (x, y, sample_weight)")
            parts = (*validation_data, None, None)[:3]
            validation = self._source(
                parts[0], parts[1], parts[2], validation_batch_size or batch_size, what="validation "
            )
        self._check_shapes(source)
        if validation is not None:
            self._check_shapes(validation)
        objective = self._prepare_objective()
        step = make_train_step(self._train_module, objective, self.optimizer.rule)
        program = loop.train_program(step)
        report = loop.report_program(objective)
        steps = source.steps if steps_per_epoch is None else steps_per_epoch
        params = {"verbose": 1 if verbose == "auto" else verbose, "epochs": epochs, "steps": steps}
        callback_list = callbacks if isinstance(callbacks, CallbackList) else CallbackList(callbacks, self, params)
        follower = Follower(self, callback_list, objective.names, verbose, epochs, steps)
        session = self._make_session()
        session.position = (initial_epoch, 0)
        session.history = callback_list.history
        self.stop_training = False
        session.open()
        self._session = follower.session = session
        logs: Any = {}
        try:
            follower.train_begin()
            first, done = session.position  # a callback may have restored an earlier run
            for epoch in range(first, epochs):
                follower.epoch_begin(epoch)
                if done == 0:
                    session.begin_epoch(self._accumulators())
                else:
                    follower.resume(report(session.holder.carry.metrics))
                session.position = (epoch, done)
                self._run_epochs(program, session, source, steps, report, follower)
                done = 0
                logs = follower.logs()
                if validation is not None and _is_due(validation_freq, epoch):
                    values = self._evaluate(validation, validation_steps, follower.inner(validation_steps))
                    follower.add_validation(logs, values)
                follower.epoch_end(epoch, logs)
                if self.stop_training:
                    break
            follower.train_end(logs)
        finally:
            session.close()
            self._session = None
        self.history = callback_list.history
        return self.history

    def _run_epochs(
        self, program: Any, session: Session, source: Arrays, steps: int, report: Any, follower: Follower
    ) -> None:
        """Run the batches of an epoch from the session's position on; a source that is too short begins anew."""
        assert self._seed is not None
        number = int(self._epoch) - 1
        done = session.position[1]
        while done < steps:
            before = done
            done = loop.run_epoch(
                program,
                session.holder,
                None,
                source.feed(self._seed, number, done % source.steps),
                report=lambda carry: report(carry.metrics),
                batch_bytes=source.batch_bytes,
                steps=steps,
                resident_bytes=source.bytes,
                listener=follower,
                done=done,
            )
            if done == before or self.stop_training:
                return

    # -- evaluate and predict ------------------------------------------------------------------------------------

    def _evaluate(self, source: Arrays, steps: int | None, follower: Any) -> list[float]:
        objective = self._prepare_objective()
        program = loop.eval_program(make_eval_step(self.module, objective))
        report = loop.report_program(objective)
        holder = loop.Holder(self._accumulators())
        loop.run_epoch(
            program,
            holder,
            self._variables(),
            source.feed(),
            report=report,
            batch_bytes=source.batch_bytes,
            steps=steps if steps is not None else source.steps,
            resident_bytes=source.bytes,
            listener=follower,
        )
        return [number_of(v) for v in jax.device_get(report(holder.carry))]

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Loss and metrics on data.

        Args:
            x: inputs.
            y: targets.
            batch_size: samples in a batch; 32 by default.
            verbose: 0 silent, 1 progress bar, 2 a line.
            sample_weight: weight of each sample.
            steps: batches; all by default.
            callbacks: one callback or a list.
            return_dict: return a dict by name.
            **kwargs: none are known.

        Returns:
            The loss, or a list of the loss and the metrics in the order of ``metrics_names``.
        """
        from kjax.keras.callbacks import CallbackList

        if kwargs:
            raise TypeError(f"evaluate: unknown argument {next(iter(kwargs))!r}")
        self._need_compilation()
        source = self._source(x, y, sample_weight, batch_size)
        self._check_shapes(source)
        objective = self._prepare_objective()
        count = steps if steps is not None else source.steps
        params = {"verbose": verbose, "epochs": 1, "steps": count}
        callback_list = (
            callbacks
            if isinstance(callbacks, CallbackList)
            else CallbackList(callbacks, self, params, add_history=False)
        )
        follower = Follower(self, callback_list, objective.names, verbose, 1, count, kind="test")
        follower.phase_begin()
        values = self._evaluate(source, steps, follower)
        logs = dict(zip(objective.names, values, strict=True))
        follower.phase_end(logs)
        if return_dict:
            return logs
        return values[0] if len(values) == 1 else values

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Outputs for inputs, as numpy arrays.

        Args:
            x: inputs.
            batch_size: samples in a batch; 32 by default.
            verbose: 0 silent, 1 progress bar, 2 a line.
            steps: batches; all by default.
            callbacks: one callback or a list.
        """
        from kjax.keras.callbacks import CallbackList
        from kjax.train.predict import run_predict

        source = self._source(x, None, None, batch_size)
        if self.is_functional:
            from kjax.keras.models.checks import check_inputs

            check_inputs(self, jax.tree.unflatten(source.structure, source.leaves)[0])
        count = steps if steps is not None else source.steps
        params = {"verbose": verbose, "epochs": 1, "steps": count}
        callback_list = (
            callbacks
            if isinstance(callbacks, CallbackList)
            else CallbackList(callbacks, self, params, add_history=False)
        )
        follower = Follower(self, callback_list, (), verbose, 1, count, kind="predict")
        follower.phase_begin()
        step = make_predict_step(self.module)
        outputs = run_predict(
            step,
            self._variables(),
            source.feed(),
            samples=min(source.samples, count * source.batch_size),
            batch_bytes=source.batch_bytes,
            steps=count,
            listener=follower,
        )
        follower.phase_end({})
        return outputs


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


def _check_range(name: str, value: Any, minimum: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < minimum:
        raise ValueError(f"argument `{name}` must be an integer of at least {minimum}, received {value!r}")


def _is_due(frequency: Any, epoch: int) -> bool:
    if isinstance(frequency, (int, np.integer)):
        return (epoch + 1) % max(int(frequency), 1) == 0
    return (epoch + 1) in list(frequency)


def _hold_back(x: Any, y: Any, weights: Any, share: float) -> tuple[Any, Any, Any, Any]:
    """Split the last share of the samples off for validation."""
    if not 0 < share < 1:
        raise ValueError(f"argument `validation_split` must be between 0 and 1, received {share!r}")
    x, y, weights = adapt.as_tree(x, "x"), adapt.as_tree(y, "y"), adapt.as_tree(weights, "sample_weight")
    if x is None:
        raise ValueError("argument `x` is missing: there are no data")
    adapt.check_counts(x, y, weights)
    n = adapt.count_samples(x)
    at = int(np.floor(n * (1 - share)))
    if at == 0 or at == n:
        raise ValueError(f"argument `validation_split`={share} leaves no samples on one side: there are {n}")
    (x, vx), (y, vy), (weights, vw) = (adapt.split(t, at) if t is not None else (None, None) for t in (x, y, weights))
    return x, y, weights, (vx, vy, vw)


def _is_box(thing: Any) -> bool:
    return isinstance(thing, Variable)
