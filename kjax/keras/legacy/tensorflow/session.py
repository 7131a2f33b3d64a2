"""TensorFlow's sessions, devices and settings, as far as Keras scripts touch them: mapped onto JAX, or without effect.

Where JAX has the same setting it is made; the rest says what device or thread computes and does not change results.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax

from kjax.keras.core import doors
from kjax.keras.core.shapes import Dimension as Dimension
from kjax.keras.core.shapes import TensorShape as TensorShape

_logger = logging.getLogger("tensorflow")


# -- memory and devices ------------------------------------------------------------------------------------------


class GPUOptions:
    """``tf.GPUOptions``: what of the GPU's memory may be taken.

    Args:
        per_process_gpu_memory_fraction: share of the memory that JAX takes when it starts.
        allow_growth: take memory when it is needed, not when JAX starts.
        **options: others have no counterpart.
    """

    def __init__(
        self, per_process_gpu_memory_fraction: float | None = None, allow_growth: bool | None = None, **options: Any
    ) -> None:
        self.per_process_gpu_memory_fraction = per_process_gpu_memory_fraction
        self.allow_growth = allow_growth
        self.visible_device_list = options.get("visible_device_list", "")

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "per_process_gpu_memory_fraction" and value is not None:
            # Read by JAX when it first uses the GPU; https://docs.jax.dev/en/latest/gpu_memory_allocation.html
            os.environ["XLA_PYTHON_CLIENT_MEM_FRACTION"] = f"{float(value):.4g}"
        elif name == "allow_growth" and value is not None:
            os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false" if value else "true"


class OptimizerOptions:
    """``tf.OptimizerOptions``: XLA always optimizes."""

    def __init__(self, **options: Any) -> None:
        self.__dict__.update(options)


class ConfigProto:
    """``tf.ConfigProto``: settings of a session; those of the GPU's memory are given to JAX."""

    def __init__(self, gpu_options: GPUOptions | None = None, **options: Any) -> None:
        self.gpu_options = gpu_options or GPUOptions()
        self.graph_options = options.pop("graph_options", OptimizerOptions())
        self.__dict__.update(options)


class RunOptions(OptimizerOptions):
    """``tf.RunOptions``: without effect."""

    NO_TRACE, SOFTWARE_TRACE, HARDWARE_TRACE, FULL_TRACE = range(4)


class RunMetadata(OptimizerOptions):
    """``tf.RunMetadata``: stays empty."""


@dataclasses.dataclass(frozen=True)
class PhysicalDevice:
    """A device, as ``tf.config`` lists them."""

    name: str
    device_type: str


def _devices(kind: str | None) -> list[tuple[str, int]]:
    found = []
    for platform in ("cpu", "gpu", "tpu"):
        if kind is not None and platform != kind.lower():
            continue
        try:
            found += [(platform.upper(), index) for index, _ in enumerate(jax.devices(platform))]
        except RuntimeError:  # JAX's way to say that there is none of this kind
            continue
    return found


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The devices that JAX sees, of one kind (``'CPU'``, ``'GPU'``, ``'TPU'``) or of all."""
    return [PhysicalDevice(f"/physical_device:{kind}:{index}", kind) for kind, index in _devices(device_type)]


get_visible_devices = list_logical_devices = list_physical_devices


def list_local_devices(session_config: Any = None) -> list[PhysicalDevice]:
    """The devices, as ``tensorflow.python.client.device_lib`` lists them."""
    del session_config
    return [PhysicalDevice(f"/device:{kind}:{index}", kind) for kind, index in _devices(None)]


def is_gpu_available(*args: Any, **kwargs: Any) -> bool:
    """Whether JAX sees a GPU."""
    return bool(_devices("gpu"))


is_built_with_cuda = is_built_with_gpu_support = is_gpu_available


def gpu_device_name() -> str:
    """The name of the first GPU, or an empty string."""
    return "/device:GPU:0" if _devices("gpu") else ""


def set_memory_growth(device: Any, enable: bool) -> None:
    """Whether JAX takes memory when it is needed rather than when it starts."""
    del device
    GPUOptions(allow_growth=bool(enable))


def get_memory_growth(device: Any) -> bool:
    """What :func:`set_memory_growth` set."""
    return os.environ.get("XLA_PYTHON_CLIENT_PREALLOCATE") == "false"


class VirtualDeviceConfiguration:
    """A limit of memory for a device; without effect."""

    def __init__(self, memory_limit: float | None = None, **options: Any) -> None:
        self.memory_limit = memory_limit


def without_effect(*args: Any, **kwargs: Any) -> None:
    """Says where or how something runs; here JAX decides that."""


set_visible_devices = set_virtual_device_configuration = set_soft_device_placement = without_effect
set_inter_op_parallelism_threads = set_intra_op_parallelism_threads = set_jit = set_log_device_placement = (
    without_effect
)
set_synchronous_execution = enable_v2_behavior = without_effect
enable_op_determinism = without_effect  # kjax is deterministic


def do_not_convert(function: Any = None) -> Any:
    """Nothing is converted here."""
    return function if function is not None else do_not_convert


@contextlib.contextmanager
def _scope(*args: Any, **kwargs: Any) -> Iterator[Any]:
    yield args[0] if args else None


device = init_scope = _scope


class MirroredStrategy:
    """``tf.distribute`` strategies with one replica."""

    num_replicas_in_sync = 1
    should_checkpoint = should_save_summary = True
    _task_id, _task_type = 0, None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.extended = self

    def _in_multi_worker_mode(self) -> bool:
        return False

    def scope(self) -> Any:
        """What is made inside is made as outside."""
        return _scope(self)

    def run(self, fn: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call a function."""
        return fn(*args, **(kwargs or {}))

    def reduce(self, reduce_op: Any, value: Any, axis: Any = None) -> Any:
        """With one replica the value itself, added up or averaged along an axis where one is given."""
        if axis is None:
            return value
        from kjax.keras.legacy.tensorflow import mathematics

        kind = "reduce_mean" if str(reduce_op).upper().endswith("MEAN") else "reduce_sum"
        return getattr(mathematics, kind)(value, axis)

    def unwrap(self, value: Any) -> tuple[Any, ...]:
        """The value of the only replica (TensorFlow 1)."""
        return (value,)

    def group(self, value: Any, name: str | None = None) -> Any:
        """The value, once it is there."""
        return value

    def experimental_distribute_values_from_function(self, value_fn: Any) -> Any:
        """What a function gives for the only replica."""
        return value_fn(InputContext())

    cluster_resolver = None
    worker_devices: tuple[str, ...] = ("/job:localhost/replica:0/task:0/device:CPU:0",)
    replica_id_in_sync_group = 0

    def experimental_distribute_dataset(self, dataset: Any, options: Any = None) -> Any:
        """The data set."""
        return dataset

    def distribute_datasets_from_function(self, dataset_fn: Any, options: Any = None) -> Any:
        """The data set that a function makes."""
        return dataset_fn(InputContext())

    experimental_distribute_datasets_from_function = distribute_datasets_from_function

    def experimental_local_results(self, value: Any) -> tuple[Any, ...]:
        """The value of the only replica."""
        return (value,)

    def gather(self, value: Any, axis: int) -> Any:
        """With one replica the value itself."""
        return value

    experimental_run_v2 = run


@dataclasses.dataclass(frozen=True)
class InputContext:
    """``tf.distribute.InputContext``: one pipeline for one replica."""

    num_input_pipelines: int = 1
    input_pipeline_id: int = 0
    num_replicas_in_sync: int = 1

    def get_per_replica_batch_size(self, global_batch_size: int) -> int:
        """The whole batch."""
        return global_batch_size


class ReduceOp:
    """``tf.distribute.ReduceOp``."""

    SUM, MEAN = "SUM", "MEAN"


class TPUClusterResolver:
    """``tf.distribute.cluster_resolver.TPUClusterResolver``: JAX finds its TPUs by itself.

    Raises:
        ValueError: there is none, as scripts that look for one expect.
    """

    def __init__(self, tpu: Any = None, **options: Any) -> None:
        if not _devices("tpu"):
            raise ValueError("there is no TPU here")

    def master(self) -> str:
        """A name of the TPU."""
        return "local"


OneDeviceStrategy = MultiWorkerMirroredStrategy = TPUStrategy = CentralStorageStrategy = MirroredStrategy
ParameterServerStrategy = MirroredStrategy


def has_strategy() -> bool:
    """Whether there is more than the default strategy: there never is."""
    return False


def get_strategy() -> MirroredStrategy:
    """The strategy in use."""
    return MirroredStrategy()


# -- modules and shapes ------------------------------------------------------------------------------------------


class Module:
    """``tf.Module``: a class with variables; those set as attributes are found."""

    def __init__(self, name: str | None = None) -> None:
        self.name = name or type(self).__name__.lower()

    def _found(self, wanted: Callable[[Any], bool]) -> tuple[Any, ...]:
        """What is wanted among the attributes, and in the lists, modules and layers among them."""
        from kjax.keras.core.layer import Layer
        from kjax.keras.core.variable import Variable

        found: dict[int, Any] = {}
        seen: set[int] = set()

        def collect(value: Any) -> None:
            if id(value) in seen:
                return
            if wanted(value):
                found.setdefault(id(value), value)
            if isinstance(value, (list, tuple)):
                for item in value:
                    collect(item)
            elif isinstance(value, Mapping):
                collect(list(value.values()))
            elif isinstance(value, Module):
                seen.add(id(value))
                for name in sorted(vars(value)):
                    collect(vars(value)[name])
            elif not isinstance(value, Variable) and not callable(getattr(value, "variables", None)):
                seen.add(id(value))
                collect(list(getattr(value, "variables", ())))
                if isinstance(value, Layer):
                    collect([inner for inner in value._flatten_layers() if inner is not value])

        collect(self)
        return tuple(thing for thing in found.values() if thing is not self)

    @property
    def variables(self) -> tuple[Any, ...]:
        """The variables among the attributes, those of layers and modules too."""
        from kjax.keras.core.variable import Variable

        return self._found(lambda value: isinstance(value, Variable))

    @property
    def submodules(self) -> tuple[Any, ...]:
        """The modules and layers inside."""
        from kjax.keras.core.layer import Layer

        return self._found(lambda value: isinstance(value, (Module, Layer)))

    @classmethod
    def with_name_scope(cls, method: Any) -> Any:
        """The method: names say nothing here."""
        return method

    @property
    def name_scope(self) -> Any:
        """A name scope of the module's name, for ``with``."""
        from kjax.keras.legacy.tensorflow.graph_variables import open_name_scope

        scope: Any = open_name_scope(self.name)
        scope.name = f"{self.name}/"
        return scope

    @property
    def trainable_variables(self) -> tuple[Any, ...]:
        """Those that are trained."""
        return tuple(v for v in self.variables if v.trainable)

    @property
    def non_trainable_variables(self) -> tuple[Any, ...]:
        """Those that are not trained."""
        return tuple(v for v in self.variables if not v.trainable)


# -- logging -----------------------------------------------------------------------------------------------------


def set_verbosity(level: Any) -> None:
    """How much the logger ``tensorflow`` says."""
    _logger.setLevel(level if isinstance(level, int) and level >= 10 else logging.WARNING)


def get_verbosity() -> int:
    """The level of the logger."""
    return _logger.level


def get_logger() -> logging.Logger:
    """The logger."""
    return _logger


info, warn, error, debug = _logger.info, _logger.warning, _logger.error, _logger.debug


doors.strategies.fill(get_strategy=get_strategy)
