"""What tells TensorFlow how and where to run, which JAX decides: accepted, and answered where there is an answer."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterator
from typing import Any

import jax


class Options:
    """Settings that change nothing here; they are kept as attributes.

    Args:
        *args: accepted.
        **options: the settings.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self.__dict__.update(options)


class AutoShardPolicy:
    """``tf.data.experimental.AutoShardPolicy``."""

    OFF, AUTO, FILE, DATA, HINT = -1, 0, 1, 2, 3


class CollectiveCommunication:
    """``tf.distribute.experimental.CollectiveCommunication``."""

    AUTO, RING, NCCL = "AUTO", "RING", "NCCL"


class AggregationMethod:
    """``tf.AggregationMethod``."""

    ADD_N, DEFAULT, EXPERIMENTAL_TREE, EXPERIMENTAL_ACCUMULATE_N = 0, 0, 1, 2


class IndexedSlices:
    """``tf.IndexedSlices``: gradients of rows; here all gradients are whole arrays, so nothing is one.

    Args:
        values: the rows.
        indices: their places.
        dense_shape: the sizes of the whole.
    """

    def __init__(self, values: Any, indices: Any, dense_shape: Any = None) -> None:
        self.values, self.indices, self.dense_shape = values, indices, dense_shape


class ReplicaContext:
    """``tf.distribute.ReplicaContext``: there is one replica, which a mesh may spread over devices."""

    num_replicas_in_sync = 1
    replica_id_in_sync_group = 0

    def all_reduce(self, reduce_op: Any, value: Any, options: Any = None) -> Any:
        """The value: nobody else has another."""
        return value

    def merge_call(self, merge_fn: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call a function with the strategy."""
        from kjax.keras.legacy.tensorflow.session import get_strategy

        return merge_fn(get_strategy(), *args, **(kwargs or {}))


def get_replica_context() -> ReplicaContext:
    """``tf.distribute.get_replica_context``."""
    return ReplicaContext()


def in_cross_replica_context() -> bool:
    """``tf.distribute.in_cross_replica_context``: whether one is outside of all replicas."""
    return False


@contextlib.contextmanager
def block(*args: Any, **options: Any) -> Iterator[None]:
    """A ``with`` block that changes nothing, such as ``tf.profiler.experimental.Trace``."""
    yield


def get_memory_info(device: str) -> dict[str, int]:
    """``tf.config.experimental.get_memory_info``: bytes in use now, and at most so far."""
    stats = jax.devices()[0].memory_stats() or {}
    return {"current": stats.get("bytes_in_use", 0), "peak": stats.get("peak_bytes_in_use", 0)}


def get_memory_usage(device: str) -> int:
    """``tf.config.experimental.get_memory_usage``: bytes in use."""
    return get_memory_info(device)["current"]


def get_device_details(device: Any) -> dict[str, Any]:
    """``tf.config.experimental.get_device_details``: the name of a device."""
    return {"device_name": jax.devices()[0].device_kind}


def zero() -> int:
    """How many threads were asked for: 0, JAX decides."""
    return 0


def yes() -> bool:
    """A setting that is on: operations go where they can."""
    return True


def get_build_info() -> dict[str, Any]:
    """``tf.sysconfig.get_build_info``: what it was built for."""
    on_gpu = jax.default_backend() == "gpu"
    return {"is_cuda_build": on_gpu, "is_rocm_build": False, "is_tensorrt_build": False, "platform": platform.system()}


def no_flags() -> list[str]:
    """Flags for compilers: there are none."""
    return []
