"""Keras models as scikit-learn estimators: those of Keras 3 here, those of Keras 1 and 2 in ``scikit_learn``."""

from __future__ import annotations

from typing import Any

_ESTIMATORS = ("SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer")


def __getattr__(name: str) -> Any:
    if name in _ESTIMATORS:
        from kjax.keras.wrappers import estimators

        return getattr(estimators, name)
    if name == "scikit_learn":
        import importlib

        return importlib.import_module("kjax.keras.wrappers.scikit_learn")
    from kjax.nn.value import did_you_mean

    raise AttributeError(f"module 'kjax.keras.wrappers' has no attribute {name!r}; {did_you_mean(name, __dir__())}")


def __dir__() -> list[str]:
    return [*_ESTIMATORS, "scikit_learn"]
