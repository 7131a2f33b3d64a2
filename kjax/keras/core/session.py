"""A training in progress: gathers variables into a train state, and keeps them readable and settable meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from kjax.data.arrays import aligned_empty
from kjax.keras.core.settings import settings
from kjax.keras.core.variable import Variable
from kjax.train.devices import gathered
from kjax.train.loop import Holder
from kjax.train.state import TrainState

FIELDS = ("step", "epoch", "params", "frozen", "state", "opt_state")
"""The parts of a train state whose leaves belong to variables."""


class Session:
    """Between ``open`` and ``close`` the truth of the variables is the holder's :class:`TrainState`.

    Args:
        boxes: for each of :data:`FIELDS` a tree of variables.
        key: the run's key.
        metrics: empty accumulators.
        distribution: how the state is spread over devices; by default as ``keras.distribution`` says.
        single: whether it is one step: then it works on the arrays that the variables hold.
    """

    def __init__(
        self, boxes: dict[str, Any], key: Array, metrics: Any, distribution: Any = None, single: bool = False
    ) -> None:
        self.boxes = boxes
        self.leaves: list[Variable]
        self.leaves, self.layout = jax.tree.flatten([boxes[f] for f in FIELDS], is_leaf=_is_box)
        self.index = {id(box): i for i, box in enumerate(self.leaves)}
        parts = self.layout.unflatten([box.value for box in self.leaves])
        self.distribution = distribution or settings.distribution
        """How the state is spread over devices, or None."""
        state = TrainState(**dict(zip(FIELDS, parts, strict=True)), key=key, metrics=metrics)
        self.holder = Holder(state, lends=not single or self.distribution is not None)
        self.position: tuple[int, int] = (0, 0)
        """Epoch, and batches of it that are done."""
        self.history: Any = None
        """The history callback of the run."""
        self.callbacks: list[Any] = []
        """All callbacks of the run."""
        self.reader: Any = None
        """Where the run stands in its data; see :class:`kjax.data.Reader`."""

    def open(self) -> None:
        """Make the session the truth of its variables, in buffers of its own where these are donated."""
        if self.holder.lends:
            self.adopt(self.holder.carry)
        for box in self.leaves:
            box._live = self

    def adopt(self, carry: TrainState, own: bool = False) -> None:
        """Go on with a state, in buffers of its own, on the devices that it belongs on.

        Args:
            carry: the state.
            own: whether nobody else has its buffers.
        """
        carry = carry if own else copied(carry)
        if self.distribution is not None:
            parts = self.distribution.place(self.boxes, {f: getattr(carry, f) for f in FIELDS})
            key, metrics = self.distribution.replicate((carry.key, carry.metrics))
            carry = carry.replace(**parts, key=key, metrics=metrics)  # type: ignore[attr-defined]
        self.holder.carry = carry

    def begin_epoch(self, metrics: Any) -> None:
        """Count one more epoch and start its accumulators."""
        metrics = copied(metrics) if self.holder.lends else metrics
        if self.distribution is not None:
            metrics = self.distribution.replicate(metrics)
        self.holder.begin_epoch(metrics)

    def close(self) -> None:
        """Give the latest values back to the variables."""
        for box, value in zip(self.leaves, self._values(), strict=True):
            if box._live is self:
                box._live = None
            box.store(gathered(value))

    def read(self, variable: Variable) -> Array:
        """The present value, copied."""
        with self.holder.lock:
            return copied(self._values()[self.index[id(variable)]])

    def numpy(self, variables: Sequence[Variable]) -> list[np.ndarray]:
        """The present values as numpy arrays of their own."""
        with self.holder.lock:
            values = self._values()
            return [np.array(gathered(values[self.index[id(variable)]])) for variable in variables]

    def write(self, variables: Sequence[Variable], values: Sequence[Array]) -> None:
        """Replace values."""
        with self.holder.lock:
            present = self._values()
            for variable, value in zip(variables, copied(list(values)), strict=True):
                index = self.index[id(variable)]
                sharding = present[index].sharding
                present[index] = value if self.distribution is None else jax.device_put(value, sharding)
            structure = jax.tree.structure([getattr(self.holder.carry, f) for f in FIELDS])
            parts = jax.tree.unflatten(structure, present)
            self.holder.carry = self.holder.carry.replace(**dict(zip(FIELDS, parts, strict=True)))

    def _values(self) -> list[Any]:
        return jax.tree.leaves([getattr(self.holder.carry, f) for f in FIELDS])


def copied(tree: Any) -> Any:
    """The arrays of a tree in buffers of their own.

    On CPU through the host: JAX' own copy would be compiled for each shape.
    """

    if jax.default_backend() != "cpu":
        return jax.tree.map(jnp.copy, tree)

    def copy(array: Any) -> Any:
        if jnp.issubdtype(array.dtype, jax.dtypes.prng_key):
            return jnp.copy(array)
        memory = aligned_empty(array.shape, array.dtype)
        np.copyto(memory, np.asarray(array))
        return memory

    return jax.device_put(jax.tree.map(copy, tree))  # once for all: each call costs more than a small array's bytes


def _is_box(thing: Any) -> bool:
    return isinstance(thing, Variable)
