"""The base class of callbacks: hooks that `fit`, `evaluate` and `predict` call, and who overrides which."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from kjax.keras.legacy import homes

Kind: TypeAlias = Literal["train", "test", "predict"]
"""What runs: ``fit``; ``evaluate`` and the validation in ``fit``; ``predict``."""

KINDS: tuple[Kind, ...] = ("train", "test", "predict")

LEGACY_HOOKS = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}
"""Today's name of a hook, and the name that it had in Keras 2."""


class Callback:
    """Base class: override the hooks that you need.

    ``self.model`` is the model; its weights, layers and optimizer may be read and changed at any hook.
    ``self.params`` is a dict with ``'verbose'``, ``'epochs'`` and ``'steps'``.

    Each hook receives ``logs``, a dict of metric values by name, possibly empty. What a callback writes into
    the logs of ``on_epoch_end`` is seen by the callbacks after it, ``History`` among them.

    A callback that overrides a hook for batches is called for every batch, so the compiled loop has to come
    back to Python after each. One that needs less says so with the class attribute ``batch_interval``: an
    integer ``k`` (called at each k-th batch of an epoch, with the index of the batch that was the last) or
    None (not called for batches). The declaration covers the hooks of the class where it stands and those of
    its base classes; a subclass that overrides the hook again is called for every batch, until it declares
    its own. What an interval cannot say, a method ``batches_until(step)`` can: it returns how many batches
    may run from index ``step`` on before the callback has to be called, or None; such a callback is called
    whenever the compiled loop comes back, with the index of the last batch that was done.

    What a callback counts or remembers in attributes is lost when the process is killed, unless the class attribute
    ``lasting`` names them: ``BackupAndRestore`` then saves them with the model and gives them back to the callback of
    the run that goes on. They may be numbers, texts, None, arrays and lists of arrays.

    Example:

        >>> class Lines(Callback):
        ...     batch_interval = 100
        ...
        ...     def on_train_batch_end(self, batch, logs=None):
        ...         print(batch, logs["loss"])
    """

    validation_data: Any = None
    """In scripts of Keras 1 and 2: inputs, targets and weights of the validation in one list, where they are arrays."""

    lasting: tuple[str, ...] = ()
    acts_last: bool = False
    """Whether the hooks are called after those of all other callbacks, wherever it stands among them."""

    params: dict[str, Any] | None = None
    validation_data: Any = None
    """In scripts of Keras 1 and 2 inputs, targets and weights of the validation in one list, where they are arrays."""
    _model: Any = None

    def __init__(self) -> None:
        self.params = None
        self._model = None

    def __repr__(self) -> str:
        return homes.shown(self, super().__repr__())

    def set_params(self, params: dict[str, Any]) -> None:
        """Receive the parameters of the run."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Receive the model."""
        self._model = model

    @property
    def model(self) -> Any:
        """The model that is trained, evaluated or asked for predictions."""
        return self._model

    @model.setter
    def model(self, model: Any) -> None:
        self._model = model

    def on_train_begin(self, logs: Any = None) -> None:
        """Called when ``fit`` begins.

        Args:
            logs: empty dict.
        """

    def on_train_end(self, logs: Any = None) -> None:
        """Called when ``fit`` ends.

        Args:
            logs: those of the last ``on_epoch_end``.
        """

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Called when an epoch begins.

        Args:
            epoch: index of the epoch, from 0.
            logs: empty dict.
        """

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Called when an epoch has ended, after its validation.

        Args:
            epoch: index of the epoch, from 0.
            logs: the metrics of the epoch, those of the validation with the prefix ``val_``.
        """

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Called before a training batch.

        Args:
            batch: index of the batch in the epoch, from 0.
            logs: empty dict.
        """
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Called after a training batch.

        Args:
            batch: index of the batch in the epoch, from 0.
            logs: the metrics over the batches of this epoch so far.
        """
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        """The name of :meth:`on_train_batch_begin` in Keras 2."""

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """The name of :meth:`on_train_batch_end` in Keras 2."""

    def on_test_begin(self, logs: Any = None) -> None:
        """Called when ``evaluate``, or the validation in ``fit``, begins.

        Args:
            logs: empty dict.
        """

    def on_test_end(self, logs: Any = None) -> None:
        """Called when ``evaluate``, or the validation in ``fit``, ends.

        Args:
            logs: the metrics over all batches.
        """

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Called before a batch of ``evaluate`` or of the validation in ``fit``.

        Args:
            batch: index of the batch, from 0.
            logs: empty dict.
        """

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Called after a batch of ``evaluate`` or of the validation in ``fit``.

        Args:
            batch: index of the batch, from 0.
            logs: the metrics over the batches so far.
        """

    def on_predict_begin(self, logs: Any = None) -> None:
        """Called when ``predict`` begins.

        Args:
            logs: empty dict.
        """

    def on_predict_end(self, logs: Any = None) -> None:
        """Called when ``predict`` ends.

        Args:
            logs: empty dict.
        """

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Called before a batch of ``predict``.

        Args:
            batch: index of the batch, from 0.
            logs: empty dict.
        """

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """Called after a batch of ``predict``.

        Args:
            batch: index of the batch, from 0.
            logs: ``{'outputs': the predictions of the batch}``.
        """


HOOKS: tuple[str, ...] = tuple(name for name in vars(Callback) if name.startswith("on_"))
"""Names of all hooks."""


def override(callback: Any, hook: str) -> Any:
    """The bound method that a callback has of its own for a hook, or None.

    Args:
        callback: a :class:`Callback`, or an object with the same methods (such as one written for real
            Keras).
        hook: name of the hook; a legacy name of it counts too.
    """
    for name in (hook, LEGACY_HOOKS.get(hook, hook)):
        method = getattr(callback, name, None)
        if method is None:
            continue
        is_default = getattr(method, "__func__", None) is vars(Callback)[name]
        # Real Keras marks the empty hooks of its base class in this way.
        if not is_default and not getattr(method, "_is_default", False):
            return method
    return None


def declared_at(callback: Any, name: str) -> float:
    """How far up the classes of an object a name is defined: -1 on the object itself, infinity nowhere."""
    if name in getattr(callback, "__dict__", {}):
        return -1
    for depth, base in enumerate(type(callback).__mro__):
        if name in vars(base):
            return depth
    return float("inf")
