"""Members of layers that Keras 2 had and Keras 3 has not: scripts of that time use them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax

from kjax.keras.core.input_spec import check_inputs
from kjax.keras.core.metric import Metric, derive_metric
from kjax.keras.core.variable import Variable
from kjax.nn import metrics as rules


class Earlier:
    """The part of a layer that is there for scripts of Keras 1 and 2."""

    if TYPE_CHECKING:
        _state_holders: Any
        input_spec: Any
        losses: list[Any]

    stateful: bool = False
    """Whether a state is carried from batch to batch."""

    @property
    def updates(self) -> list[Any]:
        """Empty: a variable that ``call`` assigns takes the new value at once."""
        return []

    def add_update(self, updates: Any, inputs: Any = None) -> None:
        """Give variables new values, from inside ``call``.

        Args:
            updates: pairs (variable, new value); results of assignments, which have happened already, are accepted.
            inputs: accepted for compatibility.
        """
        del inputs
        pairs = [updates] if _is_pair(updates) else updates if isinstance(updates, (list, tuple)) else []
        for pair in pairs:
            if _is_pair(pair):
                pair[0].assign(pair[1])

    def get_updates_for(self, inputs: Any) -> list[Any]:
        """Empty, as :attr:`updates`."""
        del inputs
        return []

    def get_losses_for(self, inputs: Any) -> list[Any]:
        """The penalties on weights where ``inputs`` is None, otherwise those that depend on inputs."""
        own = getattr(self, "_extra_losses", [])
        if inputs is not None:
            return list(own)
        return [loss for loss in self.losses if all(loss is not other for other in own)]

    def assert_input_compatibility(self, inputs: Any) -> None:
        """Compare inputs with :attr:`input_spec`.

        Raises:
            ValueError: they do not fit.
        """
        if self.input_spec is not None:
            tree = list(inputs) if isinstance(inputs, tuple) else inputs
            check_inputs(self.input_spec, tree, self)

    def add_metric(self, value: Any = None, aggregation: str | None = None, name: str | None = None) -> None:
        """Report a number with the metrics of the model, averaged over the batches.

        Args:
            value: an array, from inside ``call``.
            aggregation: ``'mean'``, the only way.
            name: its name.

        Raises:
            ValueError: no name, or another aggregation.
        """
        if not name:
            if any(isinstance(held, Metric) for _, held in self._state_holders()):
                return  # the result of a metric that is an attribute, which is measured already
            raise ValueError(f"{type(self).__name__}.add_metric: give the metric a `name`")
        if aggregation not in (None, "mean"):
            raise ValueError(
                f"{type(self).__name__}.add_metric: `aggregation` must be 'mean', received {aggregation!r}"
            )
        kept = self.__dict__.setdefault("added_metrics", {})
        if name not in kept:
            kept[name] = derive_metric(rules.Mean)(name=name)
        kept[name].update_state(jax.numpy.asarray(value))


def _is_pair(thing: Any) -> bool:
    return isinstance(thing, (list, tuple)) and len(thing) == 2 and isinstance(thing[0], Variable)


def batch_shape(kwargs: Mapping[str, Any]) -> tuple[int | None, ...] | None:
    """The shape with the batch axis that a first layer was given, in any of the spellings."""
    for key in ("batch_input_shape", "batch_shape"):
        if kwargs.get(key) is not None:
            return tuple(kwargs[key])
    batch = kwargs.get("batch_size")
    if kwargs.get("input_shape") is not None:
        shape = kwargs["input_shape"]
        return (batch, *(shape if hasattr(shape, "__iter__") else (shape,)))
    if kwargs.get("input_dim") is not None:
        length = (kwargs["input_length"],) if kwargs.get("input_length") is not None else ()
        return (batch, *length, int(kwargs["input_dim"]))
    return None
