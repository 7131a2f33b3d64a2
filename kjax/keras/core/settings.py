"""Session-wide settings and counters of the Keras API: float type, dtype policy, seed, automatic names."""

from __future__ import annotations

import collections
import dataclasses
import functools
import gc
import re
import secrets
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Array

from kjax.keras.core import name_scopes
from kjax.nn.dtypes import Policy, default_float, default_policy_name, policy_name
from kjax.nn.dtypes import policy as policy_of
from kjax.train.together import surroundings


@dataclasses.dataclass
class Settings:
    """What ``keras.config`` and ``keras.utils.set_random_seed`` change.

    Attributes:
        floatx: default float type.
        policy: dtype policy for new layers; None follows ``floatx``.
        epsilon: fuzz factor that ``keras.config.epsilon`` returns.
        image_data_format: default ``data_format``.
        era: generation of Keras whose defaults, names and messages hold: ``'1'``, ``'2'``, ``'tf'`` or ``'3'``.
        release: ``'2.3'`` for scripts of Keras 2.3 in the era of Keras 2: names and aggregation of metrics were those of today.
        reads_older: whether a config of an older generation is being read.
        draws_graphs: whether functions of variables make graphs in every era, as in scripts for TensorFlow 1.
        sessions: how often the session was cleared.
        seed: seed that everything random is derived from.
        draws: number of keys drawn so far.
        seed_is_given: whether somebody set the seed.
        draws_by_seed: number of keys drawn so far of each seed that one function was given.
        learning_phase: phase that ``keras.backend.set_learning_phase`` fixed, or None.
        phase_tensor: the symbolic tensor that stands for the phase, once one was asked for.
        max_epochs: largest number of epochs of ``fit``, or None.
        max_steps_per_epoch: largest number of batches of an epoch of ``fit``, or None.
        flash_attention: whether fused attention was asked for; None where nothing was said.
        unsafe_deserialization: whether files may bring Python code with them by default.
        traceback_filtering: kept for compatibility.
        distribution: how work is spread over devices; see ``keras.distribution``.
    """

    floatx: str = "float32"
    policy: str | None = None
    epsilon: float = 1e-7
    image_data_format: str = "channels_last"
    era: str = "3"
    release: str = ""
    reads_older: bool = False
    draws_graphs: bool = False
    sessions: int = 0
    seed: int = dataclasses.field(default_factory=lambda: secrets.randbits(31))
    draws: int = 0
    seed_is_given: bool = False
    draws_by_seed: dict[int, int] = dataclasses.field(default_factory=dict)
    learning_phase: int | None = None
    phase_tensor: Any = None
    max_epochs: int | None = None
    max_steps_per_epoch: int | None = None
    flash_attention: bool | None = None
    unsafe_deserialization: bool = False
    traceback_filtering: bool = True
    distribution: Any = None
    names: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    @property
    def refuses_slashes(self) -> bool:
        """Whether names have no slashes, which stand between names in paths; before Keras 3 they had some."""
        return self.era == "3" and not self.reads_older

    @property
    def dtype(self) -> str:
        """Name of the policy that new layers get."""
        return self.policy or self.floatx


settings = Settings()
default_policy_name.append(lambda: settings.dtype)
# Sums over an epoch need float32 at least, also where layers are shorter.
default_float.append(lambda: jax.dtypes.canonicalize_dtype(np.promote_types(settings.floatx, "float32")).name)


def next_key() -> Array:
    """A fresh key, derived from the session's seed and the number of keys drawn before."""
    settings.draws += 1
    return numbered_key(settings.seed, settings.draws)


@functools.partial(jax.jit, inline=True)
def fold_in(key: Array, number: Any) -> Array:
    """``jax.random.fold_in``, compiled: loops that users write draw a key in each call."""
    return jax.random.fold_in(key, number)


def key_of_seed(seed: int) -> Array:
    """The next key of a seed that one function of TensorFlow was given, under that of the session where there is one."""
    number = settings.draws_by_seed.get(seed, 0)
    settings.draws_by_seed[seed] = number + 1
    outer = settings.seed if settings.seed_is_given else 0
    return fold_in(numbered_key(seed % 2**32, number), np.uint32(outer % 2**32))


def numbered_key(seed: int, number: int) -> Array:
    """The key of a number under a seed: ``fold_in(key(seed), number)``."""
    return fold_in(_first_key(seed, jax.config.jax_default_prng_impl), np.uint32(number))  # type: ignore[attr-defined]


@functools.lru_cache(maxsize=64)
def _first_key(seed: int, impl: str) -> Array:
    with jax.ensure_compile_time_eval():  # it outlives what is being traced
        return jax.random.key(seed, impl=impl)


def next_seed() -> int:
    """A fresh integer seed, derived like :func:`next_key` but without touching a device."""
    settings.draws += 1
    return int(np.random.SeedSequence([settings.seed, settings.draws]).generate_state(1)[0])


def _seed_of_task(kept: tuple[int, int] | None) -> Callable[[], tuple[int, int] | None]:
    """A seed that one of several tasks sets is its own; see :data:`kjax.train.together.surroundings`."""
    outer = settings.seed, settings.draws
    if kept is not None:
        settings.seed, settings.draws = kept

    def leave() -> tuple[int, int] | None:
        mine = settings.seed, settings.draws
        if mine[0] != outer[0]:
            settings.seed, settings.draws = outer
            return mine
        settings.draws = max(mine[1], outer[1])
        return None

    return leave


surroundings.append(_seed_of_task)


def set_random_seed(seed: int) -> None:
    """Make everything that kjax draws from now on, and Python's and NumPy's global generators, repeatable.

    Args:
        seed: a non-negative integer.

    Raises:
        ValueError: not an integer, or negative.
    """
    import random

    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"seed must be a non-negative integer, received {seed!r}")
    settings.seed = int(seed)
    settings.draws = 0
    settings.seed_is_given = True
    settings.draws_by_seed = {}
    random.seed(int(seed))
    np.random.seed(int(seed) % 2**32)


INNER_NAMES = {"GroupQueryAttention": "GroupedQueryAttention"}
"""Class names that Keras exports under another one."""


NAMES_OF_KERAS1 = {
    **{f"Conv{rank}D": f"Convolution{rank}D" for rank in (1, 2, 3)},
    "SeparableConv2D": "SeparableConvolution2D",
    "AtrousConv1D": "AtrousConvolution1D",
    "AtrousConv2D": "AtrousConvolution2D",
    "Conv2DTranspose": "Deconvolution2D",
}
"""What classes were called in Keras 1, where the names of layers were those of their classes in small letters."""


def to_snake_case(name: str, era: str | None = None) -> str:
    """``Conv2DTranspose`` as ``conv2d_transpose``, the way Keras names layers; ``deconvolution2d`` in the era of Keras 1.

    Args:
        name: name of a class.
        era: whose way; that of the era that holds by default.
    """
    name = INNER_NAMES.get(name, name)
    name = re.sub(r"\W+", "", name)
    if (era or settings.era) == "1":
        return NAMES_OF_KERAS1.get(name, name).lower()
    word = r"[A-Z][a-z0-9]+" if (era or settings.era) == "2" else r"[A-Z][a-z]+"  # ConvLSTM2D was conv_lst_m2d
    name = re.sub(rf"(.)({word})", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def unique_name(prefix: str) -> str:
    """``dense``, then ``dense_1``, ``dense_2``, ...; in the eras of Keras 1 and 2 ``dense_1`` is the first."""
    if settings.era in ("1", "2") and not settings.names[prefix]:
        settings.names[prefix] = 1
    count = settings.names[prefix]
    settings.names[prefix] += 1
    return prefix if count == 0 else f"{prefix}_{count}"


def counted_name(kind: type) -> str:
    """The name of a metric or optimizer that was given none: ``auc``, then ``auc_1``, ...; before Keras 3 all are alike.

    Args:
        kind: its class.
    """
    name = to_snake_case(kind.__name__)
    if settings.era == "tf" and not hasattr(kind, "result"):  # an optimizer
        return kind.__name__
    return name if settings.era in ("1", "2") else unique_name(name)


def clear_session(free_memory: bool = True) -> None:
    """Start automatic names anew and leave the learning phase open.

    Compiled programs stay, up to some hundred of them: they hold no data, and the next model that is like one before needs
    no compilation.

    Args:
        free_memory: whether Python collects at once what nobody holds any more.
    """
    settings.names.clear()
    settings.sessions += 1
    settings.learning_phase = settings.phase_tensor = None
    name_scopes.forget()
    if free_memory:
        gc.collect()


def set_dtype_policy(policy: Any) -> None:
    """Set the dtype policy of new layers: ``'float32'``, ``'mixed_bfloat16'``, ..."""
    settings.policy = policy_name(policy)


def dtype_policy() -> Policy:
    """The dtype policy of new layers."""
    return policy_of(settings.dtype)


def set_floatx(value: str) -> None:
    """Set the default float type: ``'float16'``, ``'bfloat16'``, ``'float32'`` or ``'float64'``."""
    if value not in ("float16", "bfloat16", "float32", "float64"):
        raise ValueError(
            f"Unknown `floatx` value: {value!r}. Expected one of 'float16', 'bfloat16', 'float32', 'float64'"
        )
    settings.floatx = value
