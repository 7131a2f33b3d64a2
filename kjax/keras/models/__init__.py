"""Models: Sequential, functional and subclassed, on one class."""

from typing import Any

from kjax.keras.models.cloning import clone_model as clone_model
from kjax.keras.models.from_module import from_module as from_module
from kjax.keras.models.model import Model as Model
from kjax.keras.models.sequential import Sequential as Sequential

_SAVING = "load_model model_from_config model_from_json model_from_yaml save_model".split()
"""Functions of ``kjax.keras.saving`` that are found here too."""


def __getattr__(name: str) -> Any:
    if name in _SAVING:
        from kjax.keras import saving

        return getattr(saving, name)
    if name in ("Input", "InputLayer"):  # Keras 2 had them here
        from kjax.keras.core import operation

        return getattr(operation, name)
    from kjax.keras.legacy.incidental import find
    from kjax.nn.value import did_you_mean

    if (found := find("models", name)) is not None:
        return found

    raise AttributeError(f"module 'kjax.keras.models' has no attribute {name!r}; {did_you_mean(name, __dir__())}")


def __dir__() -> list[str]:
    return sorted([*_SAVING, "Model", "Sequential", "clone_model", "from_module"])
