"""``OneHotEncoder`` with the arguments that it had: ``categorical_features``, ``sparse``, ``n_values``."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import preprocessing

_Today: Any = preprocessing.OneHotEncoder


class OneHotEncoder(_Today):
    """One column for each category.

    Args:
        categories: of each column, or ``'auto'``.
        categorical_features: indices or a mask of the columns to encode; they come first in the output, and the other
            columns behind them. ``'all'`` or None: all of them.
        sparse: whether the output is a sparse matrix; an older name of ``sparse_output``.
        n_values: taken for compatibility: the categories are those of the data.
        **options: those of today.
    """

    def __init__(
        self,
        *,
        categories: Any = "auto",
        categorical_features: Any = None,
        sparse: Any = None,
        n_values: Any = None,
        sparse_output: bool = True,
        drop: Any = None,
        dtype: Any = np.float64,
        handle_unknown: str = "error",
        min_frequency: Any = None,
        max_categories: Any = None,
        feature_name_combiner: Any = "concat",
    ) -> None:
        super().__init__(
            categories=categories,
            drop=drop,
            sparse_output=sparse_output if sparse is None else bool(sparse),
            dtype=dtype,
            handle_unknown=handle_unknown,
            min_frequency=min_frequency,
            max_categories=max_categories,
            feature_name_combiner=feature_name_combiner,
        )
        self.categorical_features, self.sparse, self.n_values = categorical_features, sparse, n_values

    def _apart(self, x: Any) -> tuple[Any, Any] | None:
        """The columns to encode and the others, or None where all are encoded."""
        chosen = self.categorical_features
        if chosen is None or (isinstance(chosen, str) and chosen == "all"):
            return None
        x, chosen = np.asarray(x), np.asarray(chosen)
        mask = chosen if chosen.dtype == bool else np.isin(np.arange(x.shape[1]), chosen)
        return x[:, mask], x[:, ~mask]

    def fit(self, X: Any, y: Any = None) -> Any:
        """Find the categories.

        Args:
            X: (samples, features).
            y: ignored.
        """
        parts = self._apart(X)
        return super().fit(X if parts is None else parts[0], y)

    def transform(self, X: Any) -> Any:
        """Encode.

        Args:
            X: (samples, features).
        """
        parts = self._apart(X)
        if parts is None:
            return super().transform(X)
        encoded = super().transform(parts[0])
        rest = np.asarray(parts[1], self.dtype)
        if not self.sparse_output:
            return np.concatenate([encoded, rest], axis=1)
        from scipy import sparse

        return sparse.hstack([encoded, sparse.csr_matrix(rest)]).tocsr()

    def fit_transform(self, X: Any, y: Any = None, **options: Any) -> Any:
        """Find the categories and encode."""
        return self.fit(X, y).transform(X)
