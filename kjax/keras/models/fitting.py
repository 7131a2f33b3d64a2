"""``fit``: checks, a session, the loop engine."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from kjax.data.arrays import Arrays
from kjax.data.reader import Reader
from kjax.data.recognise import batches_of
from kjax.keras.core import structure
from kjax.keras.core.session import Session, copied
from kjax.keras.core.settings import settings
from kjax.keras.legacy.arguments import OLD_ERAS, method
from kjax.keras.legacy.names import older_params
from kjax.keras.legacy.samples import asked
from kjax.keras.models import data as adapt
from kjax.keras.models.following import Follower
from kjax.keras.models.inference import Inference
from kjax.keras.models.older_checks import check_steps, run_of_era, show_validation_data
from kjax.keras.models.sourcing import hold_back
from kjax.train import loop


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
        class_weight: Mapping[Any, Any] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
        max_queue_size: int | None = None,
        workers: int | None = None,
        use_multiprocessing: bool | None = None,
    ) -> Any:
        """Train the model.

        Args:
            x: inputs: an array, a list of arrays, or a dict by input name. Arrays may be NumPy's, of other libraries, in
                files (memory maps, HDF5), tables, or sparse. Or anything that gives batches ``(x, y)`` or
                ``(x, y, sample_weight)``: a ``keras.utils.PyDataset``, a generator or other iterator, a
                ``tf.data.Dataset``, data sets of grain, a PyTorch ``DataLoader``, any object that can be iterated over.
            y: targets: likewise, by output.
            batch_size: samples in a batch of arrays; 32 by default.
            epochs: index of the epoch to stop before.
            verbose: 0 silent, 1 progress bar, 2 a line an epoch; ``'auto'`` is 1.
            callbacks: one callback or a list.
            validation_split: share of the samples, taken from the end, that is kept for validation.
            validation_data: ``(x, y)`` or ``(x, y, sample_weight)``, or anything that gives batches.
            shuffle: whether samples are shuffled in each epoch; ``'batch'`` shuffles whole batches. Of a ``PyDataset``
                the batches are. Other sources have their own order.
            class_weight: weight of each class; for several outputs a dict from their names to such dicts.
            sample_weight: weight of each sample.
            initial_epoch: index of the first epoch.
            steps_per_epoch: batches in an epoch; all by default. An epoch goes on where the one before ended, and into the
                next pass over the data.
            validation_steps: batches in a validation; all by default.
            validation_batch_size: samples in a batch of validation.
            validation_freq: validate every so many epochs, or in the listed ones (counted from 1).
            max_queue_size: of a ``PyDataset``, instead of its own: how many batches are computed ahead.
            workers: likewise: how many are computed at the same time; 0 computes them, and fetches batches of any
                source, in this thread.
            use_multiprocessing: likewise: compute in processes.

        Returns:
            The ``History`` callback, whose ``history`` has a list for each log.

        Raises:
            ValueError: an argument that cannot be used; raised before training starts.
        """
        self._need_compilation()
        _check_range("epochs", epochs, 0)
        _check_range("initial_epoch", initial_epoch, 0)
        if settings.max_epochs is not None:
            epochs = min(epochs, settings.max_epochs)
        for name, value in (("steps_per_epoch", steps_per_epoch), ("validation_steps", validation_steps)):
            if value is not None:
                _check_range(name, value, 1)
        if settings.era in OLD_ERAS:
            check_steps(x, batch_size, steps_per_epoch, "steps_per_epoch")
            if validation_steps is not None and steps_per_epoch is None and batches_of(x) is None:
                raise ValueError("argument `validation_steps` needs `steps_per_epoch`")
        if settings.era in OLD_ERAS and isinstance(class_weight, str):
            warnings.warn(
                f"argument `class_weight`={class_weight!r} says nothing: Keras only looked at dicts from classes to weights; "
                "sklearn.utils.class_weight.compute_class_weight finds balanced ones",
                stacklevel=3,
            )
            class_weight = None
        if validation_data is None and validation_split:
            if class_weight is not None and sample_weight is None and self._follows_keras2:
                # Keras 1 and 2 made sample weights of them first, so that they count in validation too.
                y = adapt.as_tree(y, "y")
                names = self.output_names if self.is_functional else None
                sample_weight = adapt.weighted_by_class(class_weight, y, None, names)
                class_weight = None
            x, y, sample_weight, validation_data = hold_back(x, y, sample_weight, validation_split)
        if settings.era in OLD_ERAS and isinstance(callbacks, (list, tuple)):
            show_validation_data(callbacks, validation_data, getattr(self, "uses_learning_phase", False))
        how = {"workers": workers, "processes": use_multiprocessing, "ahead": max_queue_size}
        number = int(self._epoch)
        with contextlib.ExitStack() as opened:
            source = opened.enter_context(
                contextlib.closing(
                    self._source(
                        x,
                        y,
                        sample_weight,
                        batch_size,
                        shuffle=shuffle,
                        class_weight=class_weight,
                        steps=steps_per_epoch,
                        number=number,
                        **how,
                    )
                )
            )
            validation = None
            if validation_data is not None:
                size = validation_batch_size or batch_size
                validation = self._validation_source(validation_data, size, validation_steps, how)
                opened.enter_context(contextlib.closing(validation))
            limits = [n for n in (steps_per_epoch, settings.max_steps_per_epoch) if n is not None]
            reader = Reader(source, min(limits, default=None), self._run_seed(), number, **run_of_era())
            return self._train(
                reader, validation, validation_steps, validation_freq, range(initial_epoch, epochs), verbose, callbacks
            )

    def _train(
        self,
        reader: Reader,
        validation: Any,
        validation_steps: int | None,
        validation_freq: Any,
        epochs_wanted: range,
        verbose: Any,
        callbacks: Any,
    ) -> Any:
        """Train on checked sources; see :meth:`fit`."""
        from kjax.keras.callbacks import CallbackList

        source: Any = reader.source
        steps, told = reader.steps, asked()
        initial_epoch, epochs = epochs_wanted.start, epochs_wanted.stop
        self._check_shapes(source)
        if validation is not None:
            try:
                self._check_shapes(validation, "test")
            except ValueError as error:
                raise ValueError(f"argument `validation_data`: {error}") from error
        self._warn_of_changes()
        step, objective = self._training_step()
        program, report = self._programs(step, objective, loop.train_program)
        params = {"verbose": 1 if verbose == "auto" else verbose, "epochs": epochs, "steps": steps}
        if settings.era in OLD_ERAS:
            arrays = None
            if isinstance(source, Arrays):
                arrays = source.samples, None if reader.wanted is not None else source.batch_size
            elif told is not None:
                arrays = told.count, told.batch_size
            wanted = reader.steps if arrays is None else reader.wanted
            params = older_params(objective.names, epochs, params["verbose"], validation is not None, wanted, arrays)
        callback_list = callbacks
        if not isinstance(callbacks, CallbackList):
            callback_list = CallbackList(callbacks, add_history=True, model=self, params=params)
        follower = Follower(self, callback_list, objective.names, verbose, epochs, steps)
        if getattr(objective, "batch_means", False):
            follower.batch_report = loop.batch_report_program(objective)
        follower.counts_steps = reader.wanted is not None and isinstance(source, Arrays)
        session = self._make_session(steps == 1 and epochs - initial_epoch == 1 and loop.partner.get() is None)
        session.position = (initial_epoch, 0)
        session.history = callback_list.history
        session.callbacks = callback_list.callbacks
        session.reader = reader
        self.stop_training = False
        session.open()
        self._session = follower.session = session
        logs: Any = {}
        validated = False
        try:
            follower.progress.count_samples(
                source.samples if isinstance(source, Arrays) else told and told.count,
                told.batch_size if told else source.batch_size,
                validation.samples if isinstance(validation, Arrays) and told is None else None,
                counted=reader.wanted is None or told is not None,
            )
            follower.train_begin()
            first, done = session.position  # a callback may have restored an earlier run
            for epoch in range(first, epochs):
                validated = False
                follower.epoch_begin(epoch)
                if done == 0:
                    fresh = session.holder.lends or self._is_custom()
                    session.begin_epoch(self._accumulators(objective) if fresh else self._empty_accumulators())
                else:
                    follower.resume(report(session.holder.carry.metrics))
                session.position = (epoch, done)
                done = self._run_epoch(program, session, report, follower)
                if done == 0:
                    break
                follower.learn_steps(done)
                done = 0
                logs = follower.logs()
                if (
                    validation is not None
                    and _is_due(validation_freq, epoch)
                    and not self._left_early(follower, reader)
                ):
                    validated = True
                    names = self._evaluation_step()[1].names
                    inner = follower.inner(validation_steps, names)
                    values, batches = self._evaluate(validation, validation_steps, inner)
                    if batches:
                        follower.add_validation(logs, values)
                follower.epoch_end(epoch, logs)
                if self.stop_training or reader.exhausted:
                    break
            self._finish_weights(session)
            follower.train_end(logs)
        finally:
            follower.progress.finish()  # after an error the line of the bar is still open
            session.close()
            self._session = None
            if not validated:  # otherwise the metrics show the validation, as in Keras
                self._keep_metrics(objective, session.holder.carry.metrics)
        self.history = callback_list.history
        return self.history

    def _left_early(self, follower: Follower, reader: Reader) -> bool:
        """Whether a callback stopped an epoch in its middle, after which Keras 1 and 2 did not validate."""
        if settings.era not in OLD_ERAS or not self.stop_training or follower.counts_steps:
            return False
        return reader.steps is not None and follower.done < reader.steps

    def _warn_of_changes(self) -> None:
        """Say that layers were frozen or unfrozen since ``compile``, which fixed what is trained."""
        trained = structure.kept(self, "trained", lambda: frozenset(id(v) for v in self.trainable_weights))
        if self._trained is not None and self._trained != trained:
            warnings.warn(
                f"model {self.name!r}: `trainable` of some layers was changed after compile(), which fixed what is trained; "
                "call compile() again for the change to take effect",
                stacklevel=5,
            )

    def _finish_weights(self, session: Session) -> None:
        """End with what the optimizer says are the weights: their moving average, where it keeps one."""
        carry = session.holder.carry
        if int(carry.step) > 0:
            final = self.optimizer.pure.finalize(carry.opt_state, carry.params)
            if final is not carry.params:
                session.holder.carry = carry.replace(params=copied(final))

    def _validation_source(self, data: Any, batch_size: int | None, steps: int | None, how: dict[str, Any]) -> Any:
        """What ``validation_data`` says, as a source."""
        if batches_of(data) is not None:
            return self._source(data, what="validation ", **how)
        if hasattr(data, "shape") or isinstance(data, dict):  # inputs alone, for a model whose loss needs no targets
            data = (data,)
        if not isinstance(data, (list, tuple)) or not 1 <= len(data) <= 3:
            raise ValueError(
                "argument `validation_data` must be (x, y), (x, y, sample_weight) or a source of such batches, received "
                f"{type(data).__name__}"
            )
        x, y, weights = (*data, None, None)[:3]
        return self._source(x, y, weights, batch_size, what="validation ", steps=steps, **how)

    def _run_epoch(self, program: Any, session: Session, report: Any, follower: Follower) -> int:
        """Run the batches of an epoch from the session's position on; returns how many of the epoch are done."""
        reader, done = session.reader, session.position[1]
        try:
            feed = reader.begin(done)
            done = loop.run_epoch(
                program,
                session.holder,
                None,
                feed,
                report=lambda carry: report(carry.metrics),
                batch_bytes=reader.source.batch_bytes,
                steps=reader.steps,
                resident_bytes=reader.source.bytes,
                listener=follower,
                done=done,
            )
        except BaseException:
            reader.close()
            raise
        reader.end(done, interrupted=self.stop_training)
        follower.end_of_data(done)
        return done


def _check_range(name: str, value: Any, minimum: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < minimum:
        raise ValueError(f"argument `{name}` must be an integer of at least {minimum}, received {value!r}")


def _is_due(frequency: Any, epoch: int) -> bool:
    if isinstance(frequency, (int, np.integer)):
        return (epoch + 1) % max(int(frequency), 1) == 0
    return (epoch + 1) in list(frequency)
