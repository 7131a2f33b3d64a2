"""What the estimators need of scikit-learn, with an error that says how to get it."""

from __future__ import annotations

try:
    import sklearn.base as base
    from sklearn.utils.multiclass import type_of_target
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        "the scikit-learn wrappers need scikit-learn 1.6 or newer: pip install 'kjax[sklearn]'"
    ) from error

import kjax.keras.wrappers.parallel  # noqa: F401  registers the backend

__all__ = ["base", "check_is_fitted", "type_of_target", "validate_data"]
