"""The generator of ``keras.src.random.seed_generator`` behind random numbers without a seed."""

from __future__ import annotations

from kjax.keras.core.name_scopes import get_global_attribute, set_global_attribute
from kjax.keras.core.seeds import SeedGenerator
from kjax.keras.inside.tools import is_in_jax_tracing_scope

GLOBAL_SEED_GENERATOR = "global_seed_generator"


def global_seed_generator() -> SeedGenerator:
    """The generator behind random numbers without a seed.

    Raises:
        ValueError: inside a function that is traced, where its numbers would become constants.
    """
    if is_in_jax_tracing_scope():
        raise ValueError(
            "inside a function that JAX traces, random numbers need a seed: make a `keras.random.SeedGenerator` an attribute "
            "of the layer and give it as `seed`; numbers without a seed would become constants of the compiled function"
        )
    return get_global_attribute(GLOBAL_SEED_GENERATOR) or _made()


def _made() -> SeedGenerator:
    generator = SeedGenerator()
    set_global_attribute(GLOBAL_SEED_GENERATOR, generator)
    return generator
