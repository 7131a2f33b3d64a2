"""Training on several devices, as ``keras.distribution``: batches are split over a mesh, weights too if asked for."""

from __future__ import annotations

import collections.abc
import re
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.core
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from kjax.keras.core.settings import settings
from kjax.train.devices import Placement


def list_devices(device_type: str | None = None) -> list[str]:
    """Names of the devices, such as ``'gpu:0'``.

    Args:
        device_type: ``'cpu'``, ``'gpu'`` or ``'tpu'``; by default the fastest kind that there is.
    """
    return [f"{d.platform}:{d.id}" for d in jax.devices(device_type.lower() if device_type else None)]


def get_device_count(device_type: str | None = None) -> int:
    """How many devices :func:`list_devices` names."""
    return len(list_devices(device_type))


def initialize(
    job_addresses: str | None = None, num_processes: int | None = None, process_id: int | None = None
) -> None:
    """Join the processes of a run on several hosts; call it before anything else.

    Args:
        job_addresses: addresses of the processes, separated by commas; the first is the coordinator's. By default what
            JAX finds out from the cluster.
        num_processes: how many there are.
        process_id: number of this one.
    """
    first = job_addresses.split(",")[0] if job_addresses else None
    jax.distributed.initialize(coordinator_address=first, num_processes=num_processes, process_id=process_id)


class DeviceMesh:
    """Devices in a grid with named axes.

    Args:
        shape: lengths of the axes.
        axis_names: their names.
        devices: names of the devices, or JAX' own; all by default.

    Raises:
        ValueError: names, shape and devices that do not go together.
    """

    __slots__ = ("axis_names", "devices", "shape")

    def __init__(self, shape: Sequence[int], axis_names: Sequence[str], devices: Any = None) -> None:
        if not shape or not axis_names:
            raise ValueError(f"DeviceMesh: give shape and axis_names, received {shape!r} and {axis_names!r}")
        if len(shape) != len(axis_names):
            raise ValueError(f"DeviceMesh: shape {tuple(shape)} has another length than axis_names {list(axis_names)}")
        given = np.asarray(list_devices() if devices is None else devices, dtype=object).reshape(-1)
        if int(np.prod(shape)) != given.size:
            raise ValueError(
                f"DeviceMesh: a mesh of shape {tuple(shape)} needs {np.prod(shape)} devices, not {given.size}"
            )
        self.shape = tuple(shape)
        self.axis_names = list(axis_names)
        self.devices = given.reshape(self.shape)

    @property
    def backend_mesh(self) -> Mesh:
        """The mesh as JAX has it."""
        found = [_device(each) for each in self.devices.reshape(-1)]
        return Mesh(np.asarray(found, dtype=object).reshape(self.shape), tuple(self.axis_names))

    def __repr__(self) -> str:
        return f"<DeviceMesh shape={self.shape}, axis_names={self.axis_names}>"


def _device(name: Any) -> Any:
    if not isinstance(name, str):
        return name
    kind, _, number = name.partition(":")
    for device in jax.devices(kind):
        if device.id == int(number or 0):
            return device
    raise ValueError(f"there is no device {name!r}; there are {list_devices(kind)}")


class TensorLayout:
    """How an array is split over a mesh.

    Args:
        axes: for each axis of the array the name of the mesh's axis that it is split over, or None.
        device_mesh: the mesh.
    """

    __slots__ = ("axes", "device_mesh")

    def __init__(self, axes: Sequence[str | None], device_mesh: DeviceMesh | None = None) -> None:
        self.axes = tuple(axes)
        self.device_mesh = device_mesh
        unknown = [
            a for a in self.axes if a is not None and device_mesh is not None and a not in device_mesh.axis_names
        ]
        if unknown:
            raise ValueError(f"TensorLayout: the mesh has no axis {unknown[0]!r}; it has {device_mesh.axis_names}")  # type: ignore[union-attr]

    @property
    def spec(self) -> PartitionSpec:
        """As JAX says it."""
        return PartitionSpec(*self.axes)

    @property
    def backend_layout(self) -> NamedSharding:
        """The layout as JAX has it."""
        if self.device_mesh is None:
            raise ValueError("TensorLayout: set its device_mesh first")
        return NamedSharding(self.device_mesh.backend_mesh, self.spec)

    def __repr__(self) -> str:
        return f"<TensorLayout axes={self.axes}, device_mesh={self.device_mesh}>"


class LayoutMap(collections.abc.MutableMapping):
    """Layouts by the path of a variable; keys are regular expressions for the whole path.

    Args:
        device_mesh: the mesh of layouts that are given as tuples.
    """

    __slots__ = ("_layouts", "device_mesh")

    def __init__(self, device_mesh: DeviceMesh) -> None:
        self.device_mesh = device_mesh
        self._layouts: dict[str, TensorLayout] = {}

    def __getitem__(self, key: str) -> TensorLayout | None:  # type: ignore[override]
        """The layout for a path, or None.

        Raises:
            ValueError: several keys match.
        """
        if key in self._layouts:
            return self._layouts[key]
        matching = [pattern for pattern in self._layouts if re.fullmatch(pattern, key)]
        if len(matching) > 1:
            raise ValueError(f"LayoutMap: path {key!r} matches several keys: {matching}; make them tell it apart")
        return self._layouts[matching[0]] if matching else None

    def get(self, key: str, default: Any = None) -> Any:
        """The layout for a path, or ``default``."""
        found = self[key]
        return default if found is None else found

    def __setitem__(self, key: str, layout: Any) -> None:
        if key in self._layouts:
            raise ValueError(f"LayoutMap: there is a layout for {key!r} already; delete it first")
        if isinstance(layout, (tuple, list)):
            layout = TensorLayout(layout, self.device_mesh)
        if not isinstance(layout, TensorLayout):
            raise ValueError(f"LayoutMap: a layout is a TensorLayout or a tuple of axis names, received {layout!r}")
        if layout.device_mesh is None:
            layout = TensorLayout(layout.axes, self.device_mesh)
        self._layouts[key] = layout

    def __delitem__(self, key: str) -> None:
        del self._layouts[key]

    def __len__(self) -> int:
        return len(self._layouts)

    def __iter__(self) -> Iterator[str]:
        return iter(self._layouts)


class Distribution:
    """Base class: where batches and variables lie.

    Args:
        device_mesh: the devices.
        batch_dim_name: the mesh's axis that batches are split over.
        auto_shard_dataset: taken for scripts; each host of several trains on what it is given, and
            ``kjax.data.tfds.load`` gives each its share.
    """

    __slots__ = ("_placement", "auto_shard_dataset", "batch_dim_name", "device_mesh")

    def __init__(
        self, device_mesh: DeviceMesh, batch_dim_name: str | None = None, auto_shard_dataset: bool = True
    ) -> None:
        self.device_mesh = device_mesh
        self.batch_dim_name = batch_dim_name
        self.auto_shard_dataset = auto_shard_dataset
        self._placement = Placement(device_mesh.backend_mesh, batch_dim_name or device_mesh.axis_names[0])

    @property
    def num_processes(self) -> int:
        """Hosts."""
        return jax.process_count()

    @property
    def num_model_replicas(self) -> int:
        """In how many parts a batch is split."""
        return self._placement.count

    @property
    def data_shard_id(self) -> int:
        """Number of this host."""
        return jax.process_index()

    def get_data_layout(self, data_shape: Sequence[Any]) -> TensorLayout:
        """Layout of a batch."""
        return TensorLayout([self.batch_dim_name, *[None] * (len(data_shape) - 1)], self.device_mesh)

    def get_variable_layout(self, variable: Any) -> TensorLayout:
        """Layout of a variable: whole on each device."""
        return TensorLayout([None] * len(variable.shape), self.device_mesh)

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        """Layout of an intermediate result: left to XLA."""
        del path
        return None

    def distribute_dataset(self, dataset: Any) -> Any:
        """The data set of this host: the one that was given."""
        return dataset

    distribute_tf_dataset = distribute_dataset

    def scope(self) -> Scope:
        """Context in which this is the distribution."""
        return Scope(self)

    # -- what fit asks for ---------------------------------------------------------------------------------------

    @property
    def place_batch(self) -> Any:
        """How batches get to the devices; see :func:`kjax.data.arrays.to_device`."""
        return self._placement.batch

    def place(self, boxes: Any, values: Any) -> Any:
        """Put the values of variables where they belong.

        Args:
            boxes: tree of variables; or a dict of trees with ``params`` and ``opt_state``, where what an optimizer
                remembers of a weight lies as the weight does.
            values: the same tree of their values.
        """
        owners = _owners(boxes)
        specs = jax.tree.map(
            lambda box: self.get_variable_layout(owners.get(id(box), box)).spec, boxes, is_leaf=_is_variable
        )
        return self._placement.state(values, specs)

    def replicate(self, tree: Any) -> Any:
        """Put arrays whole on each device."""
        return self._placement.state(tree)


def _owners(boxes: Any) -> dict[int, Any]:
    """For what an optimizer remembers of a weight, the weight."""
    slots = getattr(boxes.get("opt_state"), "slots", None) if isinstance(boxes, dict) else None
    if not slots:
        return {}
    weights = jax.tree.leaves(boxes["params"], is_leaf=_is_variable)
    found = {}
    for column in slots.values():
        for slot, weight in zip(
            jax.tree.leaves(column, is_leaf=lambda x: x is None or _is_variable(x)), weights, strict=False
        ):
            if slot is not None and tuple(slot.shape) == tuple(weight.shape):
                found[id(slot)] = weight
    return found


class Scope:
    """Context in which a distribution holds.

    Args:
        value: the distribution.
    """

    def __init__(self, value: Distribution) -> None:
        self.value = value
        self._before: Any = None

    def __enter__(self) -> Distribution:
        self._before = settings.distribution
        settings.distribution = self.value
        return self.value

    def __exit__(self, *error: object) -> None:
        settings.distribution = self._before


class DataParallel(Distribution):
    """Batches are split over the devices; each has all weights.

    Args:
        device_mesh: the devices.
        devices: names of the devices instead; all by default.
        auto_shard_dataset: see :class:`Distribution`.

    Example:

        >>> set_distribution(DataParallel())
        >>> distribution().num_model_replicas == get_device_count()
        True
        >>> set_distribution(None)
    """

    def __init__(
        self, device_mesh: DeviceMesh | None = None, devices: Any = None, auto_shard_dataset: bool = True
    ) -> None:
        if device_mesh is not None and not isinstance(device_mesh, DeviceMesh):
            raise ValueError(f"DataParallel: device_mesh must be a DeviceMesh, received {device_mesh!r}")
        if device_mesh is None:
            names = list_devices() if devices is None else list(devices)
            device_mesh = DeviceMesh((len(names),), ["batch"], names)
        super().__init__(device_mesh, device_mesh.axis_names[0], auto_shard_dataset)


class ModelParallel(Distribution):
    """Batches are split over one axis of the mesh, variables as a map of layouts says.

    Args:
        layout_map: layouts by the path of a variable; variables without one are whole on each device.
        batch_dim_name: the mesh's axis for batches; the first by default.
        auto_shard_dataset: see :class:`Distribution`.

    Raises:
        ValueError: no layout map.
    """

    def __init__(
        self,
        *,
        layout_map: LayoutMap | None = None,
        batch_dim_name: str | None = None,
        auto_shard_dataset: bool = True,
        device_mesh: DeviceMesh | None = None,
    ) -> None:
        del device_mesh  # Keras 3.0 wanted it beside the map, which has it
        if not isinstance(layout_map, LayoutMap):
            raise ValueError(f"ModelParallel: argument `layout_map` must be a LayoutMap, received {layout_map!r}")
        mesh = layout_map.device_mesh
        super().__init__(mesh, batch_dim_name or mesh.axis_names[0], auto_shard_dataset)
        self._layout_map = layout_map

    def get_variable_layout(self, variable: Any) -> TensorLayout:
        """The layout that the map has for the variable's path."""
        found = self._layout_map[variable.path]
        if found is None or len(found.axes) != len(variable.shape):
            return super().get_variable_layout(variable)
        return found

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        """The layout that the map has for a path."""
        return self._layout_map[path]


def distribute_tensor(tensor: Any, layout: TensorLayout) -> Any:
    """An array in a layout; inside a compiled step a constraint on it."""
    if isinstance(tensor, jax.core.Tracer):
        return jax.lax.with_sharding_constraint(tensor, layout.backend_layout)
    return jax.device_put(tensor, layout.backend_layout)


def distribution() -> Distribution | None:
    """The distribution that holds, or None."""
    return settings.distribution


def set_distribution(value: Distribution | None) -> None:
    """Train, evaluate and predict in this way from now on; None goes back to one device.

    Raises:
        ValueError: something else than a distribution.
    """
    if value is not None and not isinstance(value, Distribution):
        raise ValueError(f"set_distribution: expected a distribution such as DataParallel(), received {value!r}")
    settings.distribution = value


def _is_variable(thing: Any) -> bool:
    return hasattr(thing, "path") and hasattr(thing, "value")
