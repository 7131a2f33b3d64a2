"""Helpers that modules of Keras 2 kept to themselves, and that scripts and layers of others imported all the same."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from kjax.keras import backend
from kjax.keras.core.places import symbolic_mask
from kjax.keras.core.settings import to_snake_case
from kjax.keras.core.tensor import symbolic_leaves
from kjax.keras.inside.files import extract_archive
from kjax.keras.models.cloning import clone_model
from kjax.keras.saving import get_custom_objects, hdf5
from kjax.keras.saving.formats import load_model, save_model

HDF5_OBJECT_HEADER_LIMIT = hdf5.HEADER_LIMIT

_GLOBAL_CUSTOM_OBJECTS = get_custom_objects()

_extract_archive = extract_archive
_serialize_model, _deserialize_model = save_model, load_model
_clone_functional_model = _clone_sequential_model = clone_model


# -- layers ------------------------------------------------------------------------------------------------------


def _standardize_args(
    inputs: Any, initial_state: Any, constants: Any, num_constants: int | None
) -> tuple[Any, Any, Any]:
    """The arguments of a call of a recurrent layer, apart.

    Args:
        inputs: a tensor, or a list of it, the initial states and the constants.
        initial_state: a tensor, several or None.
        constants: a tensor, several or None.
        num_constants: how many constants are at the end of the list.

    Returns:
        The inputs, and lists or None for the other two.
    """
    if isinstance(inputs, list):
        assert initial_state is None and constants is None, "states and constants are given in the list already"
        given = list(inputs)
        if num_constants is not None:
            given, constants = given[:-num_constants], given[-num_constants:]
        inputs, *rest = given
        initial_state = rest or None
    return inputs, _listed(initial_state), _listed(constants)


def _listed(things: Any) -> list[Any] | None:
    return (
        things
        if things is None or isinstance(things, list)
        else list(things)
        if isinstance(things, tuple)
        else [things]
    )


def _generate_dropout_mask(ones: Any, rate: float, training: Any = None, count: int = 1) -> Any:
    """Masks for the gates of a recurrent layer: ones of which a part is dropped in training.

    Args:
        ones: a tensor of ones.
        rate: the part.
        training: the phase; None for that of the session.
        count: number of masks; one alone is no list.
    """
    masks = [backend.in_train_phase(lambda: backend.dropout(ones, rate), ones, training=training) for _ in range(count)]
    return masks[0] if count == 1 else masks


def _collect_previous_mask(input_tensors: Any) -> Any:
    """The mask of a symbolic tensor, or a list of those of several."""
    masks = [symbolic_mask(tensor) for tensor in symbolic_leaves(input_tensors)]
    return masks[0] if len(masks) == 1 else masks


def _collect_input_shape(input_tensors: Any) -> Any:
    """The shape of a symbolic tensor, or a list of those of several."""
    shapes = [backend.int_shape(tensor) for tensor in symbolic_leaves(input_tensors)]
    return shapes[0] if len(shapes) == 1 else shapes


def _to_snake_case(name: str) -> str:
    """``Conv2DTranspose`` as ``conv2d_transpose``; what begins with an underscore is private."""
    snake = to_snake_case(name)
    return f"private{'' if snake.startswith('__') else '_'}{snake}" if snake.startswith("_") else snake


def _make_node_key(layer_name: str, node_index: int) -> str:
    """The name of a call in the config of a model."""
    return f"{layer_name}_ib-{node_index}"


def _compute_fans(shape: Sequence[int], data_format: str = "channels_last") -> tuple[Any, Any]:
    """Numbers of inputs and of outputs of a unit.

    Args:
        shape: shape of the kernel.
        data_format: ``'channels_first'`` for kernels that begin with outputs and inputs.

    Raises:
        ValueError: another ``data_format``.
    """
    if len(shape) == 2:
        return shape[0], shape[1]
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(f"Invalid data_format: {data_format}")
    if len(shape) not in (3, 4, 5):
        root = np.sqrt(np.prod(shape))
        return root, root
    first = data_format == "channels_first"
    ends = (shape[1], shape[0]) if first else (shape[-2], shape[-1])
    field = np.prod(shape[2:] if first else shape[:-2])
    return ends[0] * field, ends[1] * field


# -- files and data ----------------------------------------------------------------------------------------------


def _hash_file(fpath: Any, algorithm: str = "sha256", chunk_size: int = 65535) -> str:
    """The checksum of a file.

    Args:
        fpath: its path.
        algorithm: ``'sha256'``, ``'auto'`` (the same) or ``'md5'``.
        chunk_size: bytes that are read at once.
    """
    found = hashlib.new("md5" if algorithm == "md5" else "sha256", usedforsecurity=False)
    with open(fpath, "rb") as file:
        while chunk := file.read(chunk_size):
            found.update(chunk)
    return found.hexdigest()


def save_attributes_to_hdf5_group(group: Any, name: str, data: Sequence[Any]) -> None:
    """Write a list of names, of text or bytes, as an attribute of a group, or as several where it is long.

    Raises:
        RuntimeError: a name that is too long for any.
    """
    texts = [hdf5.decoded(item) for item in data]
    if any(len(text.encode()) > HDF5_OBJECT_HEADER_LIMIT for text in texts):
        raise RuntimeError(
            f"an attribute of an HDF5 group holds up to {HDF5_OBJECT_HEADER_LIMIT} bytes; a name of {name!r} has more"
        )
    hdf5.write_names(group.attrs, name, texts)


def load_attributes_from_hdf5_group(group: Any, name: str) -> list[str]:
    """The names that :func:`save_attributes_to_hdf5_group` wrote."""
    return hdf5.names(group.attrs, name)


def _remove_long_seq(maxlen: int, seq: Sequence[Any], label: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """The sequences that are shorter than ``maxlen``, and their labels."""
    kept = [(s, y) for s, y in zip(seq, label, strict=False) if len(s) < maxlen]
    return [s for s, _ in kept], [y for _, y in kept]


def standardize_single_array(x: Any) -> Any:
    """An array with at least two axes; symbolic tensors and None as they are."""
    if x is None:
        return None
    shape = tuple(x.shape) if hasattr(x, "shape") else np.shape(x)
    if len(shape) != 1:
        return x
    return backend.expand_dims(x, 1) if symbolic_leaves(x) else np.expand_dims(x, 1)


# -- machines ----------------------------------------------------------------------------------------------------


def _get_available_gpus() -> list[str]:
    """Names of the GPUs that JAX sees, as TensorFlow 1 called them."""
    return [f"/device:GPU:{i}" for i, _ in enumerate(d for d in jax.devices() if d.platform != "cpu")]


def _get_available_devices() -> list[str]:
    """Names of all devices."""
    return ["/cpu:0", *map(_normalize_device_name, _get_available_gpus())]


def _normalize_device_name(name: str) -> str:
    """``'/gpu:0'`` for ``'/device:GPU:0'``."""
    return "/" + ":".join(name.lower().replace("/", "").split(":")[-2:])


def _check_pydot() -> None:
    """Refuse to draw models without Graphviz.

    Raises:
        ImportError: the package for it is not installed.
    """
    if importlib.util.find_spec("graphviz") is None:
        raise ImportError("drawing models needs the package graphviz: pip install graphviz")


# -- the backend -------------------------------------------------------------------------------------------------


def _to_tensor(x: Any, dtype: Any) -> Any:
    """A tensor with the values of a number or an array."""
    return backend.cast(x, getattr(dtype, "name", dtype)) if symbolic_leaves(x) else backend.constant(x, dtype)


def _preprocess_padding(padding: str) -> str:
    """``'SAME'`` for ``'same'``.

    Raises:
        ValueError: neither ``'same'`` nor ``'valid'``.
    """
    if padding not in ("same", "valid"):
        raise ValueError(f"Invalid padding: {padding}")
    return padding.upper()


def _spatial(x: Any, data_format: str, rank: int) -> tuple[Any, str]:
    """A tensor, in the layout that convolutions of TensorFlow have on a CPU, and that layout."""
    axes = "WHD"[:1] if rank == 1 else "HW" if rank == 2 else "DHW"
    if data_format == "channels_first":
        x = backend.permute_dimensions(x, (0, *range(2, rank + 2), 1))
    return x, f"N{axes}C"


def _preprocess_conv1d_input(x: Any, data_format: str) -> tuple[Any, str]:
    """Inputs with the channels last, and ``'NWC'``."""
    return _spatial(x, data_format, 1)


def _preprocess_conv2d_input(x: Any, data_format: str, force_transpose: bool = False) -> tuple[Any, str]:
    """Inputs with the channels last, and ``'NHWC'``."""
    del force_transpose
    return _spatial(x, data_format, 2)


def _preprocess_conv3d_input(x: Any, data_format: str) -> tuple[Any, str]:
    """Inputs with the channels last, and ``'NDHWC'``."""
    return _spatial(x, data_format, 3)


def _regular_normalize_batch_in_training(
    x: Any, gamma: Any, beta: Any, reduction_axes: Sequence[int], epsilon: float = 1e-3
) -> Any:
    """See ``keras.backend.normalize_batch_in_training``."""
    return backend.normalize_batch_in_training(x, gamma, beta, reduction_axes, epsilon)


_broadcast_normalize_batch_in_training = _fused_normalize_batch_in_training = _regular_normalize_batch_in_training


# -- the package keras_applications --------------------------------------------------------------------------------


def get_submodules_from_kwargs(kwargs: dict[str, Any]) -> tuple[Any, Any, Any, Any]:
    """The modules that builders of architectures work with: ``(backend, layers, models, utils)``.

    Args:
        kwargs: those among the arguments of such a function, by these names; Keras' own where one is missing.

    Raises:
        TypeError: another name among them.
    """
    names = ("backend", "layers", "models", "utils")
    unknown = sorted(set(kwargs) - set(names))
    if unknown:
        raise TypeError(f"unknown keyword arguments {unknown}; modules are given as {names}")
    backend_, layers, models, utils = (kwargs.get(name) or get_keras_submodule(name) for name in names)
    return backend_, layers, models, utils


def get_keras_submodule(name: str) -> Any:
    """A module of Keras.

    Args:
        name: ``'backend'``, ``'layers'``, ``'models'``, ``'utils'`` or ``'engine'``.

    Raises:
        ImportError: another name.
    """
    if name not in ("backend", "engine", "layers", "models", "utils"):
        raise ImportError(f"there is no module of Keras that is given by the name {name!r}")
    return importlib.import_module(f"kjax.keras.{name}")
