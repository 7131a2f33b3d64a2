"""Seeds that move on with each draw, as variables that layers carry."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from kjax.keras.core.settings import next_seed, unique_name
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
            raise ValueError(f"SeedGenerator: unknown arguments {sorted(kwargs)}")
        if seed is not None and not isinstance(seed, (int, np.integer)):
            raise ValueError(f"SeedGenerator: `seed` must be an integer or None, received {seed!r}")
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
            self.state.assign(present + jnp.asarray([0, 1], present.dtype))
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
