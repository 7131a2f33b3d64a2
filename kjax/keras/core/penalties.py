"""What layers add to the loss of a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from kjax.keras.core import scope as scopes
from kjax.keras.core.tensor import KerasTensor, NotSymbolicError, symbolic_leaves
from kjax.keras.core.variable import Variable


class Penalized:
    """The part of a layer that knows its losses."""

    if TYPE_CHECKING:
        name: str
        trainable_weights: list[Variable]
        _extra_losses: list[Any]
        _drawn_losses: Sequence[KerasTensor]
        _is_drawn: bool

        def _flatten_layers(self) -> Iterator[Any]: ...
        def _drawn_effects(self, kind: str) -> list[Any]: ...

    def add_loss(self, loss: Any, inputs: Any = None) -> None:
        """Add scalars to the loss of the model, from inside ``call``.

        Args:
            loss: a scalar, or several. Before Keras 3 symbolic ones may be added outside of ``call`` too.
            inputs: before Keras 3 the tensors that the loss depends on.

        Raises:
            NotSymbolicError: the loss is symbolic; scripts older than Keras 3 may have such ones inside ``call``.
        """
        tensors = symbolic_leaves(loss)
        if tensors and self._is_drawn:
            object.__setattr__(self, "_drawn_losses", [*self._drawn_losses, *tensors])
            return
        if scopes.is_drawing():
            items = loss if isinstance(loss, (list, tuple)) else [loss]
            object.__setattr__(self, "_given_effects", [*self._given_effects, *(("losses", i, inputs) for i in items)])
            object.__setattr__(self, "_drawn_losses", [*self._drawn_losses, *tensors])
            return
        if tensors:
            raise NotSymbolicError(
                f"{self.name}: the loss {tensors[0]!r} is symbolic; add it to the model: `model.add_loss(tensor)`"
            )
        for leaf in jax.tree.leaves(loss):
            if not hasattr(leaf, "dtype") and not isinstance(leaf, (int, float)):
                raise ValueError(
                    f"{self.name}: `add_loss()` can only be called from inside `build()` or `call()`, on scalar tensors, "
                    f"received {leaf!r}"
                )
        active = scopes.current()
        found = [jnp.sum(jnp.asarray(leaf)) for leaf in jax.tree.leaves(loss)]
        if active is None:
            self._extra_losses.extend(found)
            return
        active.losses.extend(found)
        if inputs is None:
            active.apart.extend(found)

    _given_effects: Sequence[tuple[str, Any, Any]] = ()
    """(``'losses'`` or ``'updates'``, what, its inputs) of what was given outside of ``call``, in scripts of Keras 1 and 2."""

    @property
    def losses(self) -> list[Any]:
        """Penalties: weight regularization now, and what the last eager call added.

        In scripts of Keras 1 and 2 symbolic tensors, with those of each symbolic call.
        """
        if scopes.is_drawing():
            return [loss for loss, _ in self._drawn_effects("losses")]
        own = [_penalty(v) for v in self.trainable_weights if v.regularizer is not None]
        active = scopes.current()
        added = self._extra_losses if active is None else active.losses_of(self)
        return shown_to_script([*added, *own]) if scopes.read_by_script() else [*added, *own]

    def _clear_losses(self) -> None:
        """Forget what calls added to the losses."""
        for layer in self._flatten_layers():
            layer._extra_losses = []


def _penalty(variable: Variable) -> Any:
    recorder = scopes.recording()
    if recorder is None:
        return variable.regularizer(variable.value)
    return recorder.call_function(variable.regularizer, (variable,), {})


def shown_to_script(values: list[Any]) -> list[Any]:
    """Values as a script sees them: tensors, where it uses TensorFlow."""
    recorder = scopes.recording()
    return values if recorder is None else [recorder.shown(value) for value in values]
