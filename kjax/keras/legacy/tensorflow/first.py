"""Names and arguments that functions had in TensorFlow 1 alone, as a table, and the few that did something else."""

from __future__ import annotations

import functools
import importlib
import threading
from collections.abc import Callable, Iterable
from typing import Any

import jax.numpy as jnp

from kjax.keras.core.settings import settings
from kjax.keras.legacy.tensorflow.door import define, shape_of

_HERE = "kjax.keras.legacy.tensorflow"

_RENAMED: dict[str, tuple[str, dict[str, str]]] = {
    "expand_dims": ("functions:expand_dims", {"dim": "axis"}),
    "squeeze": ("functions:squeeze", {"squeeze_dims": "axis"}),
    "weighted_cross_entropy_with_logits": (
        "functions:weighted_cross_entropy_with_logits",
        {"targets": "labels"},
    ),
    "extract_image_patches": ("functions:extract_patches", {"ksizes": "sizes"}),
    "multinomial": ("functions:categorical", {}),
    "atrous_conv2d": ("functions:conv2d", {"value": "input", "rate": "dilations"}),
}
"""Functions of today, and arguments that had another name."""

_ALIASES = {
    "": (
        "pack=functions:stack unpack=functions:unstack mul=functions:multiply sub=functions:subtract neg=functions:negative "
        "batch_matmul=functions:matmul lin_space=functions:linspace py_func=functions:numpy_function "
        "random_crop=functions:random_crop multinomial=first:multinomial expand_dims=first:expand_dims "
        "squeeze=first:squeeze extract_image_patches=first:extract_image_patches sparse_to_dense=first:sparse_to_dense"
    ),
    "nn": (
        "dropout=first:dropout atrous_conv2d=first:atrous_conv2d "
        "weighted_cross_entropy_with_logits=first:weighted_cross_entropy_with_logits"
    ),
    "image": (
        "resize_bilinear=first:resize_bilinear resize_nearest_neighbor=first:resize_nearest_neighbor "
        "extract_image_patches=first:extract_image_patches"
    ),
    "train": "Coordinator=first:Coordinator start_queue_runners=first:start_queue_runners",
}

_CELLS = (
    "RNNCell BasicRNNCell GRUCell LSTMCell BasicLSTMCell MultiRNNCell DropoutWrapper ResidualWrapper LSTMStateTuple "
    "OutputProjectionWrapper"
)
_LOOPS = "dynamic_rnn static_rnn bidirectional_dynamic_rnn"
_DISTRIBUTIONS = (
    "Distribution Normal Uniform Categorical Bernoulli MultivariateNormalDiag Beta Exponential kl_divergence"
)
_MODULES = {
    "nn": ("cells", _LOOPS),
    "nn.rnn_cell": ("cells", _CELLS),
    "contrib.rnn": ("cells", f"{_CELLS} static_rnn"),
    "distributions": ("distributions", _DISTRIBUTIONS),
    "contrib.distributions": ("distributions", _DISTRIBUTIONS),
}
"""Modules of TensorFlow 1 alone, the files that they are in, and their names."""

_QUEUES = (
    "FIFOQueue RandomShuffleQueue PaddingFIFOQueue TextLineReader TFRecordReader WholeFileReader slice_input_producer "
    "string_input_producer range_input_producer input_producer batch batch_join shuffle_batch QueueRunner add_queue_runner"
)
INSTEAD: dict[str, str] = dict.fromkeys(
    _QUEUES.split(),
    "queues of graphs are not offered; read and batch with tf.data (tf.data.Dataset.from_tensor_slices, TextLineDataset, "
    "TFRecordDataset, shuffle, repeat, batch) and take its next element with make_one_shot_iterator().get_next()",
)
"""Names of TensorFlow 1 that are not offered, and what to use."""

_LINALG = {
    "diag_part": "tensor_diag_part",
    "matrix_diag_part": "diag_part",
    "matrix_determinant": "det",
    "matrix_solve": "solve",
    "matrix_transpose": "matrix_transpose",
    "matrix_triangular_solve": "triangular_solve",
    "self_adjoint_eig": "eigh",
    **{name: name for name in ("trace", "cholesky", "svd", "qr", "cross")},
}
"""Functions of ``tf`` that are in ``tf.linalg`` today."""

_INITIALIZERS = {
    "orthogonal_initializer": "Orthogonal",
    "glorot_uniform_initializer": "GlorotUniform",
    "glorot_normal_initializer": "GlorotNormal",
    "variance_scaling_initializer": "VarianceScaling",
}


def add_to(modules: dict[str, dict[str, Any]]) -> None:
    """Add these names to the tables of the stand-in.

    Args:
        modules: names by module; what lies elsewhere stays.
    """
    for place, names in _ALIASES.items():
        for old, target in (entry.split("=") for entry in names.split()):
            modules[place][old] = f"{_HERE}.{target}"
    for place, (file, known) in _MODULES.items():
        modules.setdefault(place, {}).update({name: f"{_HERE}.{file}:{name}" for name in known.split()})
    top, linalg, debugging = modules[""], modules["linalg"], modules["debugging"]
    top.update({old: linalg[new] for old, new in _LINALG.items()})
    top.update({old: f"kjax.keras.initializers:{new}" for old, new in _INITIALIZERS.items()})
    top["check_numerics"] = top["verify_tensor_all_finite"] = debugging["check_numerics"]


def _today(target: str) -> Callable[..., Any]:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(f"{_HERE}.{module}"), name)


def _renamed(name: str) -> Callable[..., Any]:
    target, renames = _RENAMED[name]

    @functools.wraps(_today(target))
    def function(*args: Any, **kwargs: Any) -> Any:
        return _today(target)(*args, **{renames.get(key, key): value for key, value in kwargs.items()})

    return function


expand_dims, squeeze, weighted_cross_entropy_with_logits, extract_image_patches, multinomial = map(
    _renamed, ("expand_dims", "squeeze", "weighted_cross_entropy_with_logits", "extract_image_patches", "multinomial")
)


def atrous_conv2d(value: Any, filters: Any, rate: int, padding: str, name: str | None = None) -> Any:
    """``tf.nn.atrous_conv2d``: a convolution whose kernel has holes."""
    del name
    return _today("functions:conv2d")(value, filters, strides=1, padding=padding, dilations=rate)


def dropout(
    x: Any, keep_prob: Any = None, noise_shape: Any = None, seed: Any = None, name: Any = None, rate: Any = None
) -> Any:
    """``tf.nn.dropout``: in TensorFlow 1 the second argument was the share that is kept, and is the share left out since.

    Args:
        x: tensor.
        keep_prob: the share that is kept, in the eras of Keras 1 and 2.
        noise_shape: shape of the choices.
        seed: accepted.
        name: accepted.
        rate: the share that is left out.
    """
    if rate is None:
        rate = keep_prob if settings.era not in ("1", "2") else None
    if rate is None:
        return _kept(x, keep_prob, noise_shape=noise_shape)
    return _today("functions:dropout")(x, rate, noise_shape, seed)


@define
def _kept(x: Any, keep_prob: Any, noise_shape: Any = None) -> Any:
    import jax

    from kjax.keras.legacy.tensorflow.door import fresh_key

    keep = jax.random.bernoulli(fresh_key(), keep_prob, noise_shape or jnp.shape(x))
    return jnp.where(keep, x / keep_prob, 0)


@define
def sparse_to_dense(sparse_indices: Any, output_shape: Any, sparse_values: Any, default_value: Any = 0) -> Any:
    """``tf.sparse_to_dense``: values at places, ``default_value`` elsewhere."""
    places, values = jnp.asarray(sparse_indices), jnp.asarray(sparse_values)
    places = places.reshape(-1, 1) if places.ndim < 2 else places
    return jnp.full(shape_of(output_shape), default_value, values.dtype).at[tuple(places.T)].set(values)


def _places(size: int, wanted: int, align_corners: bool) -> Any:
    step = (size - 1) / (wanted - 1) if align_corners and wanted > 1 else size / wanted
    return jnp.arange(wanted) * jnp.float32(step)


@define
def resize_bilinear(images: Any, size: Any, align_corners: bool = False) -> Any:
    """``tf.image.resize_bilinear``: the first pixels of both pictures lie upon each other, as TensorFlow 1 had it."""
    images = images.astype(jnp.float32)
    for axis, wanted in zip((1, 2), shape_of(size), strict=True):
        at = _places(images.shape[axis], wanted, align_corners)
        low = jnp.floor(at).astype(jnp.int32)
        high = jnp.minimum(low + 1, images.shape[axis] - 1)
        share = (at - low).reshape([-1 if a == axis else 1 for a in range(images.ndim)])
        images = jnp.take(images, low, axis) * (1 - share) + jnp.take(images, high, axis) * share
    return images


@define
def resize_nearest_neighbor(images: Any, size: Any, align_corners: bool = False) -> Any:
    """``tf.image.resize_nearest_neighbor`` of TensorFlow 1."""
    for axis, wanted in zip((1, 2), shape_of(size), strict=True):
        at = _places(images.shape[axis], wanted, align_corners)
        nearest = jnp.floor(at + 0.5) if align_corners else jnp.floor(at)
        images = jnp.take(images, jnp.clip(nearest.astype(jnp.int32), 0, images.shape[axis] - 1), axis)
    return images


class Coordinator:
    """``tf.train.Coordinator``: tells threads of a script when to stop, and waits for them."""

    def __init__(self, clean_stop_exception_types: Any = None) -> None:
        del clean_stop_exception_types
        self._stop = threading.Event()

    def request_stop(self, ex: Any = None) -> None:
        """Ask the threads to stop."""
        del ex
        self._stop.set()

    def should_stop(self) -> bool:
        """Whether they were asked to stop."""
        return self._stop.is_set()

    def wait_for_stop(self, timeout: float | None = None) -> bool:
        """Wait until they are asked to stop."""
        return self._stop.wait(timeout)

    def join(self, threads: Iterable[Any] | None = None, stop_grace_period_secs: float = 120, **options: Any) -> None:
        """Wait until the threads have ended."""
        for thread in threads or ():
            thread.join(stop_grace_period_secs)


def start_queue_runners(sess: Any = None, coord: Any = None, **options: Any) -> list[Any]:
    """``tf.train.start_queue_runners``: there are no queues in the graphs of the stand-in, so no threads either."""
    return []
