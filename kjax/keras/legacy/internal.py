"""``keras.__internal__`` of tf.keras 2: what was public for KerasCV, KerasNLP and those who copied from them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp

from kjax.keras import random
from kjax.keras.core.layer import Layer
from kjax.keras.core.seeds import SeedGenerator
from kjax.keras.core.tensor import KerasTensor as KerasTensor
from kjax.keras.layers import Attention  # type: ignore[attr-defined]
from kjax.keras.models import clone_model
from kjax.nn.losses.wrapper import LossFunctionWrapper


class RandomGenerator:
    """Random numbers of a layer, each call other ones.

    Args:
        seed: where they begin; the seed of the session by default.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._seeds = SeedGenerator(seed)

    def random_normal(self, shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, **_: Any) -> Any:
        """Normally distributed numbers."""
        return random.normal(shape, mean, stddev, dtype, seed=self._seeds)

    def random_uniform(self, shape: Any, minval: float = 0.0, maxval: Any = None, dtype: Any = None, **_: Any) -> Any:
        """Evenly distributed numbers."""
        return random.uniform(shape, minval, 1.0 if maxval is None else maxval, dtype, seed=self._seeds)

    def truncated_normal(self, shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, **_: Any) -> Any:
        """Normally distributed numbers, those beyond two deviations drawn anew."""
        return random.truncated_normal(shape, mean, stddev, dtype, seed=self._seeds)

    def dropout(self, inputs: Any, rate: float, noise_shape: Any = None) -> Any:
        """The inputs, a share of them 0."""
        return random.dropout(inputs, rate, noise_shape, seed=self._seeds)

    def make_legacy_seed(self) -> int:
        """A seed for functions that take a number."""
        return int(jnp.asarray(self._seeds.next())[1])


class BaseRandomLayer(Layer):
    """A layer with random numbers, ``self._random_generator``.

    Args:
        seed: where they begin.
        force_generator: accepted, like the next.
        rng_type: accepted.
        **kwargs: arguments of every layer.
    """

    def __init__(self, seed: int | None = None, force_generator: bool = False, rng_type: Any = None, **kwargs: Any) -> None:  # fmt: skip
        super().__init__(**kwargs)
        generator = RandomGenerator(seed)
        self._random_seeds = generator._seeds
        object.__setattr__(self, "_random_generator", generator)


def clone_and_build_model(
    model: Any, input_tensors: Any = None, target_tensors: Any = None, custom_objects: Any = None,
    compile_clone: bool = True, in_place_reset: bool = False, optimizer_iterations: Any = None, optimizer_config: Any = None,
) -> Any:  # fmt: skip
    """A fresh model of the same layers, compiled as the given one is.

    Args:
        model: the model.
        input_tensors: symbolic tensors for its inputs.
        target_tensors: accepted, like the next.
        custom_objects: accepted.
        compile_clone: whether the clone is compiled.
        in_place_reset: accepted, like the rest.
        optimizer_iterations: accepted.
        optimizer_config: accepted.
    """
    clone = clone_model(model, input_tensors)
    config = model.get_compile_config() if compile_clone else None
    if config:
        clone.compile_from_config(config)
    return clone


def compute_weighted_loss(losses: Any, sample_weight: Any = None, reduction: str = "sum_over_batch_size", name: Any = None) -> Any:  # fmt: skip
    """Losses of samples as one number.

    Args:
        losses: the losses.
        sample_weight: what each counts.
        reduction: ``'sum'``, ``'sum_over_batch_size'`` or ``'none'``.
        name: accepted.
    """
    return LossFunctionWrapper(lambda _, values: values, reduction)(losses, losses, sample_weight)


RaggedKerasTensor = SparseKerasTensor = KerasTensor
backend = SimpleNamespace(initialize_variables=lambda session=None: None, track_variable=lambda variable: None)
layers = SimpleNamespace(BaseDenseAttention=Attention, BaseRandomLayer=BaseRandomLayer)
losses = SimpleNamespace(LossFunctionWrapper=LossFunctionWrapper, compute_weighted_loss=compute_weighted_loss)
models = SimpleNamespace(
    clone_and_build_model=clone_and_build_model, in_place_subclassed_model_state_restoration=lambda model: None
)
optimizers = SimpleNamespace(convert_to_legacy_optimizer=lambda optimizer: optimizer)
utils = SimpleNamespace(register_symbolic_tensor_type=lambda cls: None)


def apply_name_scope_on_model_declaration(enable: bool) -> None:
    """Accepted: names of layers in name scopes follow the era."""


def enable_unsafe_deserialization() -> None:
    """Let models with Python's code in them be read."""
    from kjax.keras.config import enable_unsafe_deserialization as enable

    enable()
