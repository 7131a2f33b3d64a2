"""``fit``: checks, a session, the loop engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kjax.data.arrays import Arrays
from kjax.keras.core.session import Session
from kjax.keras.legacy.arguments import method
from kjax.keras.models.following import Follower
from kjax.keras.models.inference import Inference
from kjax.keras.models.sourcing import hold_back
from kjax.train import loop
from kjax.train.steps import make_train_step


class Fitting(Inference):
    """The part of a model that is trained over epochs."""

    @method
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
            x, y, sample_weight, validation_data = hold_back(x, y, sample_weight, validation_split)
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


def _check_range(name: str, value: Any, minimum: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < minimum:
        raise ValueError(f"argument `{name}` must be an integer of at least {minimum}, received {value!r}")


def _is_due(frequency: Any, epoch: int) -> bool:
    if isinstance(frequency, (int, np.integer)):
        return (epoch + 1) % max(int(frequency), 1) == 0
    return (epoch + 1) in list(frequency)
