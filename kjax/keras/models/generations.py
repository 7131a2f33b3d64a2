"""Methods of models that only some Keras has: the same work under today's names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from kjax.keras.core.settings import settings
from kjax.keras.legacy.arguments import OLD_ERAS, method
from kjax.keras.models.fitting import Fitting
from kjax.keras.models.overridden import overrides
from kjax.keras.utils.batches import unpack_x_y_sample_weight


class Generations(Fitting):
    """``fit_generator`` and its siblings, ``predict_classes`` and ``predict_proba``, ``make_train_function``."""

    if TYPE_CHECKING:
        train_on_batch: Callable[..., Any]
        test_on_batch: Callable[..., Any]
        predict_on_batch: Callable[..., Any]

    @property
    def uses_learning_phase(self) -> bool:
        """Whether the model computes something else in training than otherwise (dropout, batch normalization)."""
        outputs = getattr(self, "outputs", None)
        if outputs:
            return any(tensor._uses_learning_phase for tensor in outputs)
        return any(layer.differs_in_training for layer in self._flatten_layers() if not list(layer._members()))

    @method
    def fit_generator(
        self,
        generator: Any,
        steps_per_epoch: int | None = None,
        epochs: int = 1,
        verbose: Any = 1,
        callbacks: Any = None,
        validation_data: Any = None,
        validation_steps: int | None = None,
        validation_freq: Any = 1,
        class_weight: Mapping[int, float] | None = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        shuffle: bool = True,
        initial_epoch: int = 0,
    ) -> Any:
        """``fit`` on a generator or a ``Sequence``, as Keras 2 called it; arguments as those of :meth:`fit`.

        Raises:
            ValueError: a generator, and no ``steps_per_epoch``.
        """
        _check_steps("fit_generator", "steps_per_epoch", generator, steps_per_epoch)
        if validation_data is not None:
            _check_steps("fit_generator", "validation_steps", validation_data, validation_steps)
        return self.fit(
            generator,
            steps_per_epoch=steps_per_epoch,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_data=validation_data,
            validation_steps=validation_steps,
            validation_freq=validation_freq,
            class_weight=class_weight,
            shuffle=shuffle,
            initial_epoch=initial_epoch,
            **_queue(max_queue_size, workers, use_multiprocessing),
        )

    @method
    def evaluate_generator(
        self,
        generator: Any,
        steps: int | None = None,
        callbacks: Any = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        verbose: Any = 0,
    ) -> Any:
        """``evaluate`` on a generator or a ``Sequence``, as Keras 2 called it; arguments as those of :meth:`evaluate`.

        Raises:
            ValueError: a generator, and no ``steps``.
        """
        _check_steps("evaluate_generator", "steps", generator, steps)
        queue = _queue(max_queue_size, workers, use_multiprocessing)
        return self.evaluate(generator, steps=steps, callbacks=callbacks, verbose=verbose, **queue)

    @method
    def predict_generator(
        self,
        generator: Any,
        steps: int | None = None,
        callbacks: Any = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        verbose: Any = 0,
    ) -> Any:
        """``predict`` on a generator or a ``Sequence``, as Keras 2 called it; arguments as those of :meth:`predict`.

        Raises:
            ValueError: a generator, and no ``steps``.
        """
        _check_steps("predict_generator", "steps", generator, steps)
        queue = _queue(max_queue_size, workers, use_multiprocessing)
        return self.predict(generator, steps=steps, callbacks=callbacks, verbose=verbose, **queue)

    def predict_proba(self, x: Any, batch_size: int | None = None, verbose: Any = 0, **kwargs: Any) -> Any:
        """Probabilities of the classes: ``predict`` under the name that Keras 1 and 2 had besides."""
        return self.predict(x, batch_size=batch_size, verbose=verbose, **kwargs)

    def predict_classes(self, x: Any, batch_size: int | None = None, verbose: Any = 0, **kwargs: Any) -> np.ndarray:
        """Classes: the index of the largest output, or whether a single output is above 0.5 (Keras 1 and 2)."""
        outputs = self.predict(x, batch_size=batch_size, verbose=verbose, **kwargs)
        return outputs.argmax(axis=-1) if outputs.shape[-1] > 1 else (outputs > 0.5).astype("int32")

    @property
    def input_layers(self) -> list[Any]:
        """The layers that the inputs come from."""
        return [t._keras_history[0] for t in getattr(self, "inputs", None) or []]

    @property
    def output_layers(self) -> list[Any]:
        """The layers that the outputs come from."""
        return [t._keras_history[0] for t in getattr(self, "outputs", None) or []]

    _input_layers, _output_layers = input_layers, output_layers

    @property
    def _collected_trainable_weights(self) -> list[Any]:
        """The weights that ``compile`` found to train."""
        chosen = self._trained or frozenset()
        return [v for v in self.weights if id(v) in chosen]

    def jax_state_sync(self) -> None:
        """Nothing to do: variables can be read at any time, while the model is trained too."""

    # -- the functions that Keras makes of a step ----------------------------------------------------------------

    def make_train_function(self, force: bool = False) -> Callable[[Iterator[Any]], dict[str, Any]]:
        """A function that takes an iterator over batches, trains on the next one and returns the logs."""
        del force
        if overrides(self, "make_train_function"):  # part of what a user's own makes
            return lambda batches: self.train_step(next(batches))
        self.train_function = lambda batches: self.train_on_batch(**_parts(next(batches)), return_dict=True)
        return self.train_function

    def make_test_function(self, force: bool = False) -> Callable[[Iterator[Any]], dict[str, Any]]:
        """A function that takes an iterator over batches, evaluates the next one and returns the logs."""
        del force
        if overrides(self, "make_test_function"):  # part of what a user's own makes
            return lambda batches: self.test_step(next(batches))
        self.test_function = lambda batches: self.test_on_batch(**_parts(next(batches)), return_dict=True)
        return self.test_function

    def make_predict_function(self, force: bool = False) -> Callable[[Iterator[Any]], Any]:
        """A function that takes an iterator over batches and returns the outputs for the next one."""
        del force
        if overrides(self, "make_predict_function"):  # part of what a user's own makes
            return lambda batches: self.predict_step(next(batches))
        self.predict_function = lambda batches: self.predict_on_batch(_parts(next(batches))["x"])
        return self.predict_function


def _parts(batch: Any) -> dict[str, Any]:
    """Inputs, targets and weights of a batch by name."""
    x, y, weights = unpack_x_y_sample_weight(batch)
    return {"x": x, "y": y, "sample_weight": weights}


def _check_steps(method: str, argument: str, generator: Any, steps: Any) -> None:
    """Generators of Keras 1 and 2 never ended, so that the number of batches had to be given."""
    if steps is None and inspect.isgenerator(generator) and settings.era in OLD_ERAS:
        raise ValueError(
            f"{method}: argument `{argument}` says how many batches a generator is asked for; without it, pass a "
            "keras.utils.Sequence, which knows its length"
        )


def _queue(max_queue_size: int, workers: int, use_multiprocessing: bool) -> dict[str, Any]:
    """Arguments about the queue of batches, where they are not the defaults."""
    given = {"max_queue_size": max_queue_size, "workers": workers, "use_multiprocessing": use_multiprocessing}
    defaults = {"max_queue_size": 10, "workers": 1, "use_multiprocessing": False}
    return {name: value for name, value in given.items() if value != defaults[name]}
