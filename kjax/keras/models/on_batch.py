"""``train_on_batch`` and its siblings: one step a call, for loops that users write themselves."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from kjax.data.arrays import Arrays
from kjax.data.recognise import batches_of
from kjax.keras.callbacks.logs import in_shown_order
from kjax.keras.core import codes
from kjax.keras.core.settings import settings
from kjax.keras.legacy.arguments import OLD_ERAS
from kjax.keras.models import data as adapt
from kjax.keras.models.layer_metrics import going_on
from kjax.nn.module import PARAMS
from kjax.train import loop

if TYPE_CHECKING:
    from kjax.keras.models.sourcing import Sourcing as _Base
else:
    _Base = object


class OnBatch(_Base):
    """The batch methods of a model."""

    if TYPE_CHECKING:

        def _warn_of_changes(self) -> None: ...

    def _batch(self, kind: str, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None) -> Any:
        tensors = self._tensor_data()
        if tensors is not None and batches_of(x) is None:
            (batch,) = itertools.islice(tensors.batches(x, y, sample_weight, None, False, 1), 1)
            return self._batch_of(kind, batch[0], batch[1], batch[2] if len(batch) > 2 else None, class_weight)
        return self._batch_of(kind, x, y, sample_weight, class_weight)

    def _batch_of(self, kind: str, x: Any, y: Any, sample_weight: Any, class_weight: Any) -> Any:
        if batches_of(x) is None and self.takes_strings:
            x = codes.encode_tree(x)
        count = 1 if batches_of(x) is not None else adapt.count_samples(adapt.as_tree(x, "x"))
        source = self._source(x, y, sample_weight, max(count, 1), class_weight=class_weight, completed=True)
        if not isinstance(source, Arrays):
            raise ValueError(f"the batch methods take the arrays of one batch, received a {source.name} of batches")
        unseen = (y is not None and self._sample[0] is None) or (sample_weight is not None and settings.era in OLD_ERAS)
        if kind != "predict" and (self._is_custom() or unseen):
            self._check_shapes(source, kind)
        batch = source.gather(None, 0, count, (count,))
        return jax.device_put(batch) if self.run_eagerly else batch  # compiled calls put it there at less cost

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
        reset_metrics: bool = True,
    ) -> Any:
        """One training step; returns the loss (and the metrics) of this batch."""
        self._need_compilation()
        if settings.era in OLD_ERAS:
            self._warn_of_changes()
        batch = self._batch("train", x, y, sample_weight, class_weight)
        step, objective = self._training_step()
        program, report = self._programs(step, objective, loop.train_program)
        with going_on(self._find_closures().states):
            session = self._make_session()
        if not reset_metrics and self._batch_metrics is not None:
            session.holder.carry = session.holder.carry.replace(metrics=self._batch_metrics)
        try:
            session.holder.carry = program.once(session.holder.carry, None, batch)
        except TypeError:  # shapes that do not go together: what is wrong is said by the checks of `fit`
            self._check_shapes(self._source(x, y, sample_weight, class_weight=class_weight))
            raise
        session.close()
        self._batch_metrics = session.holder.carry.metrics
        self._keep_metrics(objective, self._batch_metrics)
        return self._report(objective, report(self._batch_metrics), return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Loss (and metrics) of one batch."""
        self._need_compilation()
        batch = self._batch("test", x, y, sample_weight)
        step, objective = self._evaluation_step()
        program, report = self._programs(step, objective, loop.eval_program)
        variables = self._asked_variables(self._is_custom())
        with going_on(self._find_closures().states):
            carry = self._accumulators(objective) if self._is_custom() else self._empty_accumulators()
        if self._carries_state(self._is_custom()):
            state = {name: value for name, value in variables.items() if name != PARAMS}
            carry, state = program.once((carry, state), variables, batch)
            self._keep_state(state)
        else:
            carry = program.once(carry, variables, batch)
        self._keep_metrics(objective, carry)
        return self._report(objective, report(carry), return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """Outputs for one batch, as numpy arrays."""
        inputs = self._batch("predict", x)[0]
        outputs = loop.predict_program(self._prediction_step())(
            self._asked_variables(self._predicts_by_itself()), inputs
        )
        if self._carries_state(self._predicts_by_itself()):
            outputs, state = outputs
            self._keep_state(state)
        return jax.tree.map(np.asarray, outputs)

    def _report(self, objective: Any, report: Any, return_dict: bool) -> Any:
        values = [number_of(v) for v in jax.device_get(report)]
        if settings.era in OLD_ERAS:  # what a session of TensorFlow returned
            values = [np.float32(v) if isinstance(v, float) else v for v in values]
        logs = dict(zip(objective.names, values, strict=True))
        if return_dict:
            return {name: logs[name] for name in in_shown_order(logs)}
        values = [logs[name] for name in self._order(objective)] if len(logs) == len(values) else values
        return values[0] if len(values) == 1 else values


def number_of(value: Any) -> Any:
    """A Python float, in the eras of Keras 1 and 2 one of NumPy, or a numpy array for a metric with several values."""
    if np.ndim(value):
        return np.asarray(value)
    return np.float64(value) if settings.era in OLD_ERAS else float(value)
