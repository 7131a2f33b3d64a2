"""LambdaCallback: a callback made from functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kjax.keras.callbacks.base import HOOKS, Callback
from kjax.nn.value import did_you_mean


class LambdaCallback(Callback):
    """A callback made from functions.

    Args:
        on_epoch_begin: function ``(epoch, logs)``.
        on_epoch_end: function ``(epoch, logs)``.
        on_train_begin: function ``(logs)``.
        on_train_end: function ``(logs)``.
        on_train_batch_begin: function ``(batch, logs)``.
        on_train_batch_end: function ``(batch, logs)``.
        **kwargs: a function for any other hook of :class:`Callback`, by its name; what does not begin with ``on_`` becomes
            an attribute.

    Raises:
        TypeError: there is no hook of that name, or what was given for it is no function.

    Example:

        >>> callback = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        functions = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        for name, function in functions.items():
            if name not in HOOKS and not name.startswith("on_"):  # what the functions may ask the callback for
                setattr(self, name, function)
                continue
            if name not in HOOKS:
                raise TypeError(f"LambdaCallback: there is no hook {name!r}; {did_you_mean(name, HOOKS)}")
            if function is None:
                continue
            if not callable(function):
                raise TypeError(f"LambdaCallback: {name} must be a function, received {function!r}")
            setattr(self, name, function)
