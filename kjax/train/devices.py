"""Several devices: one mesh, batches split over it, the state on every device or laid out over an axis."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec


@dataclasses.dataclass(frozen=True)
class Placement:
    """Where batches and states lie on a mesh of devices.

    The steps are the same as on one device: XLA splits them as their inputs are split, and sums gradients and
    statistics over the whole batch. So results are those of one device, up to the order in which floats are added.

    Args:
        mesh: the devices.
        axis: the mesh's axis that batches are split over.

    Example:

        >>> placement = data_parallel()
        >>> placement.count == len(jax.devices())
        True
    """

    mesh: Mesh
    axis: str = "batch"

    @property
    def count(self) -> int:
        """In how many parts a batch is split."""
        return self.mesh.shape[self.axis]

    def batch(self, tree: Any, axis: int | None) -> Any:
        """Put a batch on the devices; on several hosts, this host's part of it.

        A batch that cannot be split evenly, such as the last one of an epoch, is computed by every device.

        Args:
            tree: arrays on the host.
            axis: which axis counts the samples; None for what every device gets.
        """
        hosts = jax.process_count()

        def put(array: Any) -> jax.Array:
            array = np.asarray(array)
            split = axis is not None and (array.shape[axis] * hosts) % self.count == 0
            spec = PartitionSpec(*[None] * (axis or 0), self.axis) if split else PartitionSpec()
            return jax.make_array_from_process_local_data(NamedSharding(self.mesh, spec), array)

        return jax.tree.map(put, tree)

    def state(self, tree: Any, specs: Any = None) -> Any:
        """Put a state, or variables, on the devices.

        Args:
            tree: arrays.
            specs: a tree of partition specs; on every device by default.
        """
        if specs is None:
            return jax.device_put(tree, NamedSharding(self.mesh, PartitionSpec()))
        return jax.tree.map(lambda a, spec: jax.device_put(a, NamedSharding(self.mesh, spec)), tree, specs)


def data_parallel(devices: Sequence[Any] | None = None) -> Placement:
    """Batches split over devices, the state on each.

    Use it in a research loop by ``source.place = placement.batch`` and ``state = placement.state(state)``.

    Args:
        devices: JAX' devices; all by default.
    """
    chosen = np.asarray(jax.devices() if devices is None else list(devices), dtype=object)
    return Placement(Mesh(chosen, ("batch",)))


def gathered(array: Any) -> Any:
    """An array that is whole on each of several devices, as an array of the first of them; another one as it is."""
    if isinstance(array, jax.Array) and len(array.sharding.device_set) > 1 and array.is_fully_replicated:
        return array.addressable_data(0)
    return array
