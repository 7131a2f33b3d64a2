"""SwapEMAWeights: evaluates, and if asked saves, the moving average of the weights in place of the weights."""

from __future__ import annotations

from typing import Any

import jax

from kjax.keras.callbacks.base import Callback
from kjax.keras.core.variable import Variable


class SwapEMAWeights(Callback):
    """Puts the moving average that an optimizer with ``use_ema=True`` keeps into the model while it is evaluated.

    Args:
        swap_on_epoch: also from the end of an epoch to the beginning of the next, so that the callbacks after this one
            (a ``ModelCheckpoint``) see the average.

    Raises:
        ValueError: when it is about to act, if the optimizer keeps no average.

    Example:

        >>> callback = SwapEMAWeights(swap_on_epoch=True)
    """

    lasting = ("kept_weights",)

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._kept: list[tuple[Variable, Any]] | None = None

    @property
    def kept_weights(self) -> list[Any] | None:
        """The weights themselves, while their average is in the model."""
        return None if self._kept is None else [value for _, value in self._kept]

    @kept_weights.setter
    def kept_weights(self, values: list[Any] | None) -> None:
        if values is None:
            self._kept = None
        else:
            self._kept = [(weight, value) for (weight, _), value in zip(_averages(self.model), values, strict=True)]

    def _put_average(self) -> None:
        if self._kept is not None:
            return
        pairs = _averages(self.model)
        # The weights are kept here; the optimizer's average stays what it is.
        self._kept = [(weight, weight.value) for weight, _ in pairs]
        for weight, average in pairs:
            weight.assign(average)

    def _put_weights(self) -> None:
        kept, self._kept = self._kept, None
        for weight, value in kept or []:
            weight.assign(value)

    def on_train_begin(self, logs: Any = None) -> None:
        self._kept = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if self.swap_on_epoch:
            self._put_weights()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.swap_on_epoch:
            self._put_average()

    def on_train_end(self, logs: Any = None) -> None:
        self._kept = None  # a training ends with the average in the model

    def on_test_begin(self, logs: Any = None) -> None:
        self._put_average()

    def on_test_end(self, logs: Any = None) -> None:
        self._put_weights()

    def on_predict_begin(self, logs: Any = None) -> None:
        self._put_average()

    def on_predict_end(self, logs: Any = None) -> None:
        self._put_weights()


def _averages(model: Any) -> list[tuple[Variable, Any]]:
    """(weight, its moving average) for each weight of which one is kept."""
    optimizer = model.optimizer
    if optimizer is None or not optimizer.built:
        raise ValueError("SwapEMAWeights: the optimizer has no state yet; train the model first, with use_ema=True")
    boxes = model._partition()["params"]
    model._prepare_optimizer(boxes)
    params, state = (jax.tree.map(lambda v: v.value, tree, is_leaf=_is_box) for tree in (boxes, optimizer.tree))
    final = optimizer.pure.finalize(state, params)
    rows = zip(jax.tree.leaves(boxes, is_leaf=_is_box), jax.tree.leaves(params), jax.tree.leaves(final), strict=True)
    found = [(box, average) for box, value, average in rows if average is not value]
    if not found:
        raise ValueError("SwapEMAWeights needs an optimizer with use_ema=True, such as SGD(use_ema=True)")
    return found


def _is_box(thing: Any) -> bool:
    return isinstance(thing, Variable)
