"""``evaluate`` and ``predict``, on the loop engine of floor 2."""

from __future__ import annotations

import contextlib
from typing import Any

import jax
import jax.numpy as jnp

from kjax.data.arrays import Arrays
from kjax.data.reader import Reader, Source
from kjax.keras.callbacks.logs import in_shown_order
from kjax.keras.core.settings import settings
from kjax.keras.legacy.arguments import OLD_ERAS, method
from kjax.keras.models.following import Follower
from kjax.keras.models.older_checks import check_steps, run_of_era
from kjax.keras.models.on_batch import number_of
from kjax.keras.models.sourcing import Sourcing
from kjax.nn.module import PARAMS
from kjax.train import loop


class Inference(Sourcing):
    """The part of a model that is evaluated and asked for predictions."""

    def _evaluate(self, source: Source, steps: int | None, follower: Any) -> tuple[dict[str, Any], int]:
        """The logs, and the number of batches."""
        step, objective = self._evaluation_step()
        program, compute = self._programs(step, objective, loop.eval_program)
        carries = self._carries_state(self._is_custom())
        variables = self._asked_variables(self._is_custom())
        state = {name: value for name, value in variables.items() if name != PARAMS}

        def report(carry: Any) -> Any:
            return compute(carry[0] if carries else carry)

        with contextlib.closing(Reader(source, steps, **run_of_era())) as reader:
            lends = reader.steps != 1 or loop.partner.get() is not None
            if carries and lends:  # the layers go on to hold the arrays that their state has now
                state = jax.tree.map(jnp.copy, state)
            own = lends or self._is_custom()
            accumulators = self._accumulators(objective) if own else self._empty_accumulators()
            holder = loop.Holder((accumulators, state) if carries else accumulators, lends)
            done = loop.run_epoch(
                program,
                holder,
                variables,
                reader.begin(),
                report=report,
                batch_bytes=source.batch_bytes,
                steps=reader.steps,
                resident_bytes=source.bytes,
                listener=follower,
            )
            reader.end(done)
        follower.end_of_data(done)
        accumulators = holder.carry
        if carries:
            accumulators, state = holder.carry
            self._keep_state(state)
        self._keep_metrics(objective, accumulators)
        values = [number_of(v) for v in jax.device_get(compute(accumulators))]
        return dict(zip(objective.names, values, strict=True)), done

    @method
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
        max_queue_size: int | None = None,
        workers: int | None = None,
        use_multiprocessing: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        """Loss and metrics on data.

        Args:
            x: inputs; or anything that gives batches, as for ``fit``.
            y: targets.
            batch_size: samples in a batch; 32 by default.
            verbose: 0 silent, 1 progress bar, 2 a line.
            sample_weight: weight of each sample.
            steps: batches; all by default.
            callbacks: one callback or a list.
            return_dict: return a dict by name.
            max_queue_size: see ``fit``.
            workers: see ``fit``.
            use_multiprocessing: see ``fit``.
            **kwargs: none are known.

        Returns:
            The loss, or a list of the loss and the metrics in the order of ``metrics_names``.
        """
        from kjax.keras.callbacks import CallbackList

        if kwargs:
            raise ValueError(f"evaluate: arguments not recognized: {kwargs}")
        self._need_compilation()
        if settings.era in OLD_ERAS:
            check_steps(x, batch_size, steps, "steps")
        how = {"workers": workers, "processes": use_multiprocessing, "ahead": max_queue_size}
        with contextlib.closing(self._source(x, y, sample_weight, batch_size, steps=steps, **how)) as source:
            self._check_shapes(source, "test")
            _, objective = self._evaluation_step()
            count = steps if steps is not None else source.steps
            params = {"verbose": verbose, "epochs": 1, "steps": count}
            callback_list = (
                callbacks if isinstance(callbacks, CallbackList) else CallbackList(callbacks, model=self, params=params)
            )
            follower = Follower(self, callback_list, objective.names, verbose, 1, count, kind="test")
            follower.progress.count_samples(source.samples if steps is None else None, source.batch_size, None)
            with contextlib.ExitStack() as stack:
                stack.callback(follower.progress.finish)  # after an error the line of the bar is still open
                follower.phase_begin()
                logs, _ = self._evaluate(source, steps, follower)
                follower.phase_end(logs)
            if return_dict:
                return {name: logs[name] for name in in_shown_order(logs)}
            values = [logs[name] for name in self._order(objective)]
            return values[0] if len(values) == 1 else values

    @method
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
        max_queue_size: int | None = None,
        workers: int | None = None,
        use_multiprocessing: bool | None = None,
    ) -> Any:
        """Outputs for inputs, as numpy arrays.

        Args:
            x: inputs; or anything that gives batches, as for ``fit`` (targets in them are left alone).
            batch_size: samples in a batch; 32 by default.
            verbose: 0 silent, 1 progress bar, 2 a line.
            steps: batches; all by default.
            callbacks: one callback or a list.
            max_queue_size: see ``fit``.
            workers: see ``fit``.
            use_multiprocessing: see ``fit``.
        """
        from kjax.keras.callbacks import CallbackList
        from kjax.train.predict import run_predict

        if settings.era in OLD_ERAS:
            check_steps(x, batch_size, steps, "steps")
        how = {"workers": workers, "processes": use_multiprocessing, "ahead": max_queue_size}
        chosen = self._source(x, batch_size=batch_size, steps=steps, inputs_only=True, **how)
        with contextlib.closing(chosen) as source:
            if self.is_functional:
                from kjax.keras.models.checks import check_inputs

                check_inputs(self, source.sample[0])
            count = steps if steps is not None else source.steps
            params = {"verbose": verbose, "epochs": 1, "steps": count}
            callback_list = (
                callbacks if isinstance(callbacks, CallbackList) else CallbackList(callbacks, model=self, params=params)
            )
            follower = Follower(self, callback_list, (), verbose, 1, count, kind="predict")
            follower.progress.count_samples(source.samples if steps is None else None, source.batch_size, None)
            with contextlib.ExitStack() as stack:
                stack.callback(follower.progress.finish)
                follower.phase_begin()
                carries = self._carries_state(self._predicts_by_itself())
                step = self._prediction_step()
                with contextlib.closing(Reader(source, steps, **run_of_era())) as reader:
                    outputs, done = run_predict(
                        step,
                        self._asked_variables(self._predicts_by_itself()),
                        reader.begin(),
                        samples=_samples_of(source, steps),
                        batch_bytes=source.batch_bytes,
                        steps=reader.steps,
                        listener=follower,
                        keep=self._keep_state if carries else None,
                    )
                    reader.end(done)
                follower.end_of_data(done)
                follower.phase_end({})
            return outputs


def _samples_of(source: Any, steps: int | None) -> int | None:
    """How many samples a prediction is over, if that is known."""
    if steps is None or source.samples is None:
        return source.samples
    asked = steps * source.batch_size
    return asked if settings.era in OLD_ERAS and isinstance(source, Arrays) else min(source.samples, asked)
