"""Seeds that move on with each draw, as variables that layers carry."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from kjax.keras.core.settings import next_seed, settings, unique_name
from kjax.keras.core.variable import Variable


class SeedGenerator:
    """A seed that moves on with each draw: as an attribute of a layer, its state advances with every training step.

    Args:
        seed: an integer; drawn from the session's seed by default.
        name: its name.

    Raises:
        ValueError: a seed that is no integer.
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any) -> None:
        kwargs.pop("backend", None)
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments of SeedGenerator: {sorted(kwargs)}")
        if seed is not None and not isinstance(seed, (int, np.integer)):
            raise ValueError(f"SeedGenerator: Argument `seed` must be an integer or None, received {seed!r}")
        self.name = name or unique_name("seed_generator")
        self._initial_seed = None if seed is None else int(seed)
        first = next_seed() if seed is None else int(seed)
        words = np.array([first & 0xFFFFFFFF, (first >> 32) & 0xFFFFFFFF], np.uint32)
        self.state = Variable(
            words,
            dtype="uint32",
            trainable=False,
            name="seed_generator_state",
            path=f"{self.name}/seed_generator_state",
        )

    tracked_state = True
    built_in = False
    """Whether this is the generator of a built-in layer, which draws from the stream of the call around it."""

    @property
    def variables(self) -> list[Variable]:
        """The state, for the layer that has the generator as an attribute."""
        return [self.state]

    def next(self, ordered: bool = True) -> Array:
        """The present state, two words; the state moves on.

        Args:
            ordered: False mixes the words more; kept for compatibility.
        """
        present = self.state.value
        if ordered:
            self.state.assign(following(present))
        else:
            self.state.assign((present + 1) * 5387 % 933199)
        return present

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal generator."""
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """Make a generator from what :meth:`get_config` returned."""
        return cls(**config)


class Seeded:
    """The part of a built-in layer that shows its randomness as Keras does: one generator, where it draws at all."""

    if TYPE_CHECKING:
        name: str
        _module: Any

    @property
    def _seed_generators(self) -> list[Any]:
        own = super()._seed_generators  # type: ignore[misc]
        generator = self._built_in_generator()
        return own if generator is None else [generator, *own]

    def built_in_generator(self, attribute: str) -> SeedGenerator:
        """The generator, under the name that Keras' layer of this kind has for it.

        Raises:
            AttributeError: the layer has none, or has it under another name.
        """
        changes_pictures = hasattr(self._module, "get_random_transformation")
        generator = self._built_in_generator() if changes_pictures == (attribute == "generator") else None
        if generator is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {attribute!r}")
        return generator

    def _built_in_generator(self) -> SeedGenerator | None:
        """The generator of a layer that draws random numbers, or None."""
        known = self.__dict__.get("_generator")
        if "seed_generator" in self.__dict__ or not _draws(self._module):
            return None
        if known is None:
            known = generator_of_layer(self.name, self._module.seed)
            object.__setattr__(self, "_generator", known)
        return known


def _draws(module: Any) -> bool:
    """Whether a module of a built-in layer may draw random numbers."""
    if not hasattr(module, "seed"):
        return False
    if hasattr(module, "recurrent_dropout"):  # cells of recurrent layers have a generator in any case
        return True
    amounts = [getattr(module, name) for name in ("rate", "stddev", "dropout") if hasattr(module, name)]
    return not amounts or any(amount for amount in amounts)


def following(state: Array) -> Array:
    """The state after one draw."""
    return state + jnp.asarray([0, 1], state.dtype)


def draw_seed(seed: Any) -> Array:
    """The two words of a seed: of an integer, of the next draw of a generator, or new ones for None.

    Raises:
        ValueError: something else.
    """
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if seed is not None and not isinstance(seed, (int, np.integer)):
        raise ValueError(
            f"Argument `seed` must be either an integer or an instance of `SeedGenerator`, or None, received {seed!r}"
        )
    return jnp.asarray([next_seed() if seed is None else int(seed), 0], jnp.uint32)


def key_of(state: Array) -> Array:
    """The key that a state stands for."""
    return jax.random.wrap_key_data(state, impl="threefry2x32")


def generator_of_layer(name: str, seed: int | None) -> SeedGenerator:
    """The generator of a built-in layer; it comes from the session's seed and the layer's name, and draws nothing.

    Args:
        name: the layer's name.
        seed: the layer's seed, or None.
    """
    if seed is None:
        words = np.random.SeedSequence([settings.seed, zlib.crc32(name.encode())]).generate_state(1)
        generator = SeedGenerator(int(words[0]), name="seed_generator")
        generator._initial_seed = None
    else:
        generator = SeedGenerator(seed, name="seed_generator")
    generator.state.path = f"{name}/{generator.state.path}"
    generator.built_in = True
    return generator
