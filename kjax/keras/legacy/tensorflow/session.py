"""TensorFlow's sessions, devices and settings, as far as Keras scripts touch them: mapped onto JAX, or without effect.

Where JAX has the same setting it is made; the rest says what device or thread computes and does not change results.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
import os
from collections.abc import Iterator, Mapping
from typing import Any

import jax

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
set_synchronous_execution = disable_v2_behavior = enable_v2_behavior = enable_eager_execution = without_effect
disable_eager_execution = without_effect
enable_op_determinism = without_effect  # kjax is deterministic


def do_not_convert(function: Any = None) -> Any:
    """Nothing is converted here."""
    return function if function is not None else do_not_convert


@contextlib.contextmanager
def _scope(*args: Any, **kwargs: Any) -> Iterator[Any]:
    yield args[0] if args else None


device = control_dependencies = name_scope = variable_scope = init_scope = _scope


class MirroredStrategy:
    """``tf.distribute`` strategies with one replica."""

    num_replicas_in_sync = 1

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.extended = self

    def scope(self) -> Any:
        """What is made inside is made as outside."""
        return _scope(self)

    def run(self, fn: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call a function."""
        return fn(*args, **(kwargs or {}))

    def reduce(self, reduce_op: Any, value: Any, axis: Any = None) -> Any:
        """With one replica the value itself."""
        return value

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


# -- sessions ----------------------------------------------------------------------------------------------------


class Graph:
    """``tf.Graph``: there is one."""

    def as_default(self) -> Any:
        """A context without effect."""
        return _scope(self)

    def finalize(self) -> None:
        """Nothing to do."""


_graph = Graph()


def get_default_graph() -> Graph:
    """The graph."""
    return _graph


def reset_default_graph() -> None:
    """Begin automatic names anew, as ``keras.backend.clear_session`` does."""
    from kjax.keras.core.settings import clear_session

    clear_session()


class _Nothing:
    """What stands for an operation that has happened already, such as the initialization of variables."""

    def run(self, *args: Any, **kwargs: Any) -> None:
        """Nothing to do."""

    def __repr__(self) -> str:
        return "<operation done>"


def global_variables_initializer() -> _Nothing:
    """Variables have their values from the start."""
    return _Nothing()


local_variables_initializer = initialize_all_variables = tables_initializer = global_variables_initializer


class Session:
    """``tf.Session``: evaluates symbolic tensors and variables.

    Args:
        target: accepted.
        graph: accepted.
        config: its GPU settings were given to JAX when they were made.
    """

    def __init__(self, target: str = "", graph: Any = None, config: Any = None) -> None:
        self.graph = graph or _graph
        self.config = config

    def run(self, fetches: Any, feed_dict: Mapping[Any, Any] | None = None, **kwargs: Any) -> Any:
        """The values of symbolic tensors, variables or trees of them, as NumPy arrays.

        Args:
            fetches: a symbolic tensor, variable, operation, or a list, tuple or dict of them.
            feed_dict: values of the placeholders or inputs.
            **kwargs: accepted.
        """
        import numpy as np

        from kjax.keras.core.tensor import is_symbolic
        from kjax.keras.core.variable import Variable

        feed = {k: v for k, v in (feed_dict or {}).items() if is_symbolic(k)}
        leaves, structure = jax.tree.flatten(fetches, is_leaf=lambda x: is_symbolic(x) or isinstance(x, Variable))
        symbolic = [leaf for leaf in leaves if is_symbolic(leaf)]
        values: Iterator[Any] = iter(())
        if symbolic:
            from kjax.keras import backend

            values = iter(backend.function(list(feed), symbolic)(list(feed.values())))
        found = []
        for leaf in leaves:
            if is_symbolic(leaf):
                found.append(np.asarray(next(values)))
            elif isinstance(leaf, _Nothing):
                found.append(None)
            else:
                found.append(leaf.numpy() if isinstance(leaf, Variable) else np.asarray(leaf))
        return jax.tree.unflatten(structure, found)

    def as_default(self) -> Any:
        """A context without effect."""
        return _scope(self)

    def close(self) -> None:
        """Nothing to do."""

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


InteractiveSession = Session


def get_default_session() -> Session:
    """A session."""
    return Session()


def placeholder(dtype: Any = None, shape: Any = None, name: str | None = None) -> Any:
    """A symbolic tensor that a session or ``K.function`` is given a value for."""
    from kjax.keras import backend

    return backend.placeholder(shape=shape, dtype=None if dtype is None else str(dtype), name=name)


def global_variables() -> list[Any]:
    """Variables belong to their layers; there is no list of all."""
    return []


trainable_variables = global_variables


class Module:
    """``tf.Module``: a class with variables; those set as attributes are found."""

    def __init__(self, name: str | None = None) -> None:
        self.name = name or type(self).__name__.lower()

    @property
    def variables(self) -> list[Any]:
        """The variables among the attributes, those of layers and modules too."""
        from kjax.keras.core.variable import Variable

        found: dict[int, Any] = {}

        def collect(value: Any) -> None:
            if isinstance(value, Variable):
                found.setdefault(id(value), value)
            elif isinstance(value, (list, tuple)):
                for item in value:
                    collect(item)
            elif isinstance(value, Mapping):
                collect(list(value.values()))
            elif not callable(getattr(value, "variables", None)):
                collect(list(getattr(value, "variables", ())))

        for name in sorted(vars(self)):
            collect(vars(self)[name])
        return list(found.values())

    @property
    def submodules(self) -> tuple[Any, ...]:
        """The modules among the attributes."""
        return tuple(value for value in vars(self).values() if isinstance(value, Module))

    @classmethod
    def with_name_scope(cls, method: Any) -> Any:
        """The method: names say nothing here."""
        return method

    @property
    def trainable_variables(self) -> list[Any]:
        """Those that are trained."""
        return [v for v in self.variables if v.trainable]


class TensorShape(tuple[Any, ...]):
    """``tf.TensorShape``: a tuple with its methods."""

    __slots__ = ()

    def as_list(self) -> list[Any]:
        """The sizes as a list."""
        return list(self)

    @property
    def ndims(self) -> int:
        """Number of axes."""
        return len(self)

    rank = ndims

    @property
    def dims(self) -> list[Any]:
        """The sizes as objects with a ``value``."""
        return [Dimension(size) for size in self]

    def num_elements(self) -> int | None:
        """Number of elements; None where a size is free."""
        return None if None in self else math.prod(self)

    def is_fully_defined(self) -> bool:
        """Whether no size is free."""
        return None not in self

    def with_rank(self, rank: int) -> TensorShape:
        """The shape, which must have so many axes."""
        if len(self) != rank:
            raise ValueError(f"the shape {self} has {len(self)} axes, not {rank}")
        return self

    def assert_is_compatible_with(self, other: Any) -> None:
        """Fail where the sizes are others."""
        if not self.is_compatible_with(other):
            raise ValueError(f"shapes {self} and {tuple(other)} do not fit")

    def is_compatible_with(self, other: Any) -> bool:
        """Whether the sizes agree, but for free ones."""
        pairs = zip(self, other, strict=False)
        return len(self) == len(other) and all(a is None or b is None or int(a) == int(b) for a, b in pairs)

    def concatenate(self, other: Any) -> TensorShape:
        """The sizes of this shape, then those of another."""
        return TensorShape((*self, *other))

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return TensorShape(found) if isinstance(key, slice) else found

    def __add__(self, other: Any) -> TensorShape:
        return TensorShape((*self, *other))

    def __repr__(self) -> str:
        return f"({', '.join(map(str, self))}{',' if len(self) == 1 else ''})"


class Dimension(int):
    """``tf.Dimension``: a size with a ``value``."""

    def __new__(cls, value: Any) -> Dimension:
        return super().__new__(cls, -1 if value is None else value)

    @property
    def value(self) -> int | None:
        """The size."""
        return None if self < 0 else int(self)


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """Shape and type of an argument."""

    shape: Any
    dtype: Any = "float32"
    name: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", TensorShape(() if self.shape is None else self.shape))
        object.__setattr__(self, "dtype", getattr(self.dtype, "name", self.dtype))

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype=tf.{self.dtype}, name={self.name!r})"


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
