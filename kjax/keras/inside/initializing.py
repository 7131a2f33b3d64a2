"""The base of random initializers, as ``keras.src.initializers.random_initializers`` has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from kjax.keras.core.seeds import SeedGenerator
from kjax.keras.core.settings import next_seed
from kjax.keras.initializers import Initializer
from kjax.nn.initializers import Initializer as Base


class _Seeded(type(Initializer)):  # type: ignore[misc]
    """Lets all initializers with a seed count as random ones."""

    def __subclasscheck__(cls, subclass: type) -> bool:
        if (
            cls is RandomInitializer
            and issubclass(subclass, Base)
            and "seed" in getattr(subclass, "__dataclass_fields__", {})
        ):
            return True
        return super().__subclasscheck__(subclass)

    def __instancecheck__(cls, instance: Any) -> bool:
        return cls.__subclasscheck__(type(instance))


class RandomInitializer(Initializer, metaclass=_Seeded):
    """Base of initializers that draw: a subclass writes ``__call__(self, shape, dtype=None)``.

    Args:
        seed: integer, a ``SeedGenerator``, the config of one, or None for a new seed.

    Raises:
        ValueError: something else.
    """

    def __init__(self, seed: Any = None) -> None:
        if isinstance(seed, Mapping):
            seed = SeedGenerator.from_config(seed.get("config", seed))
        if seed is not None and not isinstance(seed, (int, SeedGenerator)):
            raise ValueError(
                f"`seed` argument should be an instance of `SeedGenerator` or an integer, received {seed!r}"
            )
        self._init_seed = seed
        self.seed = next_seed() if seed is None else seed

    def get_config(self) -> dict[str, Any]:
        """The seed that was given."""
        from kjax.keras.saving import serialize_keras_object

        return {"seed": serialize_keras_object(self._init_seed)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make an initializer from what :meth:`get_config` returned."""
        return cls(**config)
