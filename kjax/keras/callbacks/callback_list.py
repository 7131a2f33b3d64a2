"""Several callbacks as one: what a user passed as `callbacks=`, checked, completed and called in order."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kjax.keras.callbacks.base import HOOKS, KINDS, Callback, Kind, declared_at, override
from kjax.keras.callbacks.history import History
from kjax.keras.callbacks.logs import as_logs
from kjax.keras.callbacks.progbar_logger import ProgbarLogger

NO_LIMIT = sys.maxsize
"""What :meth:`CallbackList.batch_limit` returns when no callback listens to batches."""


class BatchListener:
    """One callback's hook for batches, and at which batches it wants to be called.

    Args:
        callback: the callback.
        hook: name of the hook.
        call: the bound method.
    """

    def __init__(self, callback: Any, hook: str, call: Callable[..., Any]) -> None:
        self.callback = callback
        self.call = call
        self.at_end = hook.endswith("_end")
        # A declaration holds for the hooks of its class and above, not for one that a subclass wrote without
        # it.
        hook_depth = declared_at(callback, call.__name__ if hasattr(callback, call.__name__) else hook)
        until_depth = declared_at(callback, "batches_until")
        interval_depth = declared_at(callback, "batch_interval")
        self.adaptive = until_depth <= hook_depth and until_depth <= interval_depth
        self.every = not self.adaptive and interval_depth > hook_depth

    @property
    def interval(self) -> int | None:
        """The declared ``batch_interval``, checked."""
        interval = self.callback.batch_interval
        if interval is not None and (not isinstance(interval, int) or interval < 1):
            raise ValueError(
                f"{type(self.callback).__name__}.batch_interval must be a positive integer, or None for a "
                f"callback that is not called for batches; received {interval!r}"
            )
        return interval

    def limit(self, step: int) -> int:
        """How many batches may run from index ``step`` on before the callback has to be called."""
        if self.every:
            return 1
        if self.adaptive:
            wanted = self.callback.batches_until(step)
            return NO_LIMIT if wanted is None else max(1, wanted)
        interval = self.interval
        return NO_LIMIT if interval is None else interval - step % interval

    def due(self, batch: int) -> bool:
        """Whether the hook is called for the batch with this index."""
        if self.every or self.adaptive:
            return True
        interval = self.interval
        return interval is not None and (batch + self.at_end) % interval == 0


class CallbackList:
    """Calls every hook of several callbacks, in order.

    Args:
        callbacks: None, one callback, or callbacks in lists and tuples, nested as deep as you like.
        add_history: add a :class:`History` where there is none.
        add_progbar: add a :class:`ProgbarLogger` where there is none.
        model: the model, handed to each callback.
        params: dict with ``'verbose'``, ``'epochs'`` and ``'steps'``, handed to each callback.
        **more_params: further entries of ``params``.

    Raises:
        TypeError: something in ``callbacks`` is no callback; the message says what and where.

    Attributes:
        callbacks: the callbacks, flat.
        history: the :class:`History` among them (the last one), or None.
        shows_progress: whether a :class:`ProgbarLogger` is among them.

    Example:

        >>> callbacks = CallbackList([Callback()])
        >>> callbacks.batch_limit("train", 0) == NO_LIMIT
        True
    """

    model: Any = None

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        params: Mapping[str, Any] | None = None,
        **more_params: Any,
    ) -> None:
        self.callbacks: list[Any] = list(_flatten(callbacks, "callbacks"))
        if add_history and not any(isinstance(c, History) for c in self.callbacks):
            self.callbacks.append(History())
        if add_progbar and not self.shows_progress:
            self.callbacks.append(ProgbarLogger())
        self._listeners: dict[str, tuple[Any, ...]] = {}
        self.params: dict[str, Any] = {}
        self.set_model(model)
        given = {} if params is None else params.copy() if isinstance(params, dict) else dict(params)
        self.set_params(given | more_params)

    @property
    def history(self) -> History | None:
        """The history that is recorded."""
        return next((c for c in reversed(self.callbacks) if isinstance(c, History)), None)

    @property
    def shows_progress(self) -> bool:
        """Whether a callback among them draws the progress."""
        return any(isinstance(c, ProgbarLogger) for c in self.callbacks)

    def append(self, callback: Any) -> None:
        """Add a callback; it receives the model and the parameters."""
        new = list(_flatten(callback, "callback"))
        self.callbacks.extend(new)
        self._listeners.clear()
        for each in new:
            if self.model is not None:
                each.set_model(self.model)
            if self.params:
                each.set_params(self.params)

    def set_model(self, model: Any) -> None:
        """Hand the model to each callback."""
        self._listeners.clear()
        if model is None:
            return
        self.model = model
        for callback in self.callbacks:
            callback.set_model(model)

    def set_params(self, params: dict[str, Any]) -> None:
        """Hand the parameters of the run to each callback."""
        self.params = params
        if params:
            for callback in self.callbacks:
                callback.set_params(params)

    def batch_limit(self, kind: Kind, step: int) -> int:
        """How many batches may run in one compiled call before some callback has to be called.

        Args:
            kind: ``'train'``, ``'test'`` or ``'predict'``.
            step: index in the epoch of the first of these batches.

        Returns:
            At least 1; 1 where a callback is called for every batch; :data:`NO_LIMIT` where none listens.
        """
        limit = NO_LIMIT
        for hook in _batch_hooks(kind):
            for listener in self._of(hook):
                limit = min(limit, listener.limit(step))
        return limit

    def __iter__(self) -> Iterator[Any]:
        return iter(self.callbacks)

    def listens(self, hook: str) -> bool:
        """Whether some callback overrides the hook of this name."""
        return bool(self._of(hook))

    def _of(self, hook: str) -> tuple[Any, ...]:
        listeners = self._listeners.get(hook)
        if listeners is None:
            ordered = sorted(self.callbacks, key=lambda c: bool(getattr(c, "acts_last", False)))
            found = [(c, method) for c in ordered if (method := override(c, hook)) is not None]
            if "_batch_" in hook:
                listeners = tuple(BatchListener(c, hook, method) for c, method in found)
            else:
                listeners = tuple(method for _, method in found)
            self._listeners[hook] = listeners
        return listeners

    def _call(self, hook: str, *args: Any) -> None:
        *indices, logs = args
        if listeners := self._of(hook):
            logs = as_logs(logs)
            for call in listeners:
                call(*indices, logs)

    def _call_batch(self, hook: str, batch: int, logs: Any) -> None:
        if listeners := self._of(hook):
            logs = as_logs(logs)
            for listener in listeners:
                if listener.due(batch):
                    listener.call(batch, logs)

    def _begin(self, hook: str, logs: Any) -> None:
        # Hooks may have been set on a callback since the last run.
        self._listeners.clear()
        self._call(hook, logs)

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Call the hook of each callback."""
        self._begin("on_train_begin", logs)

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Call the hook of each callback."""
        self._call("on_train_end", logs)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Call the hook of each callback."""
        self._call("on_epoch_begin", epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Call the hook of each callback."""
        self._call("on_epoch_end", epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Call the hook of each callback that is due."""
        self._call_batch("on_train_batch_begin", batch, logs)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Call the hook of each callback that is due; ``batch`` is the last one done."""
        self._call_batch("on_train_batch_end", batch, logs)

    on_batch_begin = on_train_batch_begin
    on_batch_end = on_train_batch_end

    def on_test_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Call the hook of each callback."""
        self._call("on_test_begin", logs)

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Call the hook of each callback."""
        self._call("on_test_end", logs)

    def on_test_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Call the hook of each callback that is due."""
        self._call_batch("on_test_batch_begin", batch, logs)

    def on_test_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Call the hook of each callback that is due; ``batch`` is the last one done."""
        self._call_batch("on_test_batch_end", batch, logs)

    def on_predict_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Call the hook of each callback."""
        self._begin("on_predict_begin", logs)

    def on_predict_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Call the hook of each callback."""
        self._call("on_predict_end", logs)

    def on_predict_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Call the hook of each callback that is due."""
        self._call_batch("on_predict_batch_begin", batch, logs)

    def on_predict_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Call the hook of each callback that is due; ``batch`` is the last one done."""
        self._call_batch("on_predict_batch_end", batch, logs)


@functools.cache
def _batch_hooks(kind: str) -> tuple[str, str]:
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {KINDS}, received {kind!r}")
    return f"on_{kind}_batch_begin", f"on_{kind}_batch_end"


def _flatten(callbacks: Any, where: str) -> Iterator[Any]:
    """The callbacks in nested lists and tuples, checked."""
    if callbacks is None and where == "callbacks":
        return
    if isinstance(callbacks, CallbackList):
        callbacks = callbacks.callbacks
    if isinstance(callbacks, (list, tuple)):
        for i, item in enumerate(callbacks):
            yield from _flatten(item, f"{where}[{i}]")
        return
    if isinstance(callbacks, type):
        name = callbacks.__name__
        raise TypeError(f"{where} is the class {name}, not a callback made from it; write {name}()")
    # An object written for another Keras has the same methods, which is all that is asked of it.
    if isinstance(callbacks, Callback) or (
        callable(getattr(callbacks, "set_model", None)) and any(hasattr(callbacks, hook) for hook in HOOKS)
    ):
        yield callbacks
        return
    hint = ""
    if callable(callbacks):
        hint = "; a function becomes one by LambdaCallback(on_epoch_end=function)"
    raise TypeError(
        f"{where} must be a callback (an object of a subclass of keras.callbacks.Callback), "
        f"received {callbacks!r} of type {type(callbacks).__name__}{hint}"
    )
