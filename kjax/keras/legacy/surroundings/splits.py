"""``sklearn.cross_validation`` and ``sklearn.grid_search``: splits that know their data, searches with ``grid_scores_``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import sklearn.model_selection as today


class Splits:
    """Pairs of (indices to train on, indices to test on), as the old classes were: an iterable that knows its data.

    Args:
        splitter: today's object that splits.
        count: number of samples.
        y: classes of the samples, or None.
        groups: groups of the samples, or None.
    """

    def __init__(self, splitter: Any, count: int, y: Any = None, groups: Any = None) -> None:
        self._splitter, self.n, self.y, self._groups = splitter, count, y, groups

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return iter(self._splitter.split(np.zeros((self.n, 1)), self.y, self._groups))

    def __len__(self) -> int:
        return int(self._splitter.get_n_splits(np.zeros((self.n, 1)), self.y, self._groups))

    def __repr__(self) -> str:
        return f"{self._splitter!r} of {self.n} samples"


def _seeded(shuffle: bool, random_state: Any) -> dict[str, Any]:
    return {"shuffle": shuffle, "random_state": random_state if shuffle else None}


def KFold(n: int, n_folds: int = 3, shuffle: bool = False, random_state: Any = None) -> Splits:
    """Folds of ``n`` samples, one after the other."""
    return Splits(today.KFold(n_folds, **_seeded(shuffle, random_state)), int(n))


def StratifiedKFold(y: Any, n_folds: int = 3, shuffle: bool = False, random_state: Any = None) -> Splits:
    """Folds in which classes are as frequent as in ``y``."""
    return Splits(today.StratifiedKFold(n_folds, **_seeded(shuffle, random_state)), len(y), np.asarray(y))


def LabelKFold(labels: Any, n_folds: int = 3) -> Splits:
    """Folds that no label is in twice."""
    return Splits(today.GroupKFold(n_folds), len(labels), groups=np.asarray(labels))


def LeaveOneOut(n: int) -> Splits:
    """Each sample is tested on once."""
    return Splits(today.LeaveOneOut(), int(n))


def LeavePOut(n: int, p: int) -> Splits:
    """Each set of ``p`` samples is tested on once."""
    return Splits(today.LeavePOut(p), int(n))


def LeaveOneLabelOut(labels: Any) -> Splits:
    """The samples of each label are tested on once."""
    return Splits(today.LeaveOneGroupOut(), len(labels), groups=np.asarray(labels))


def ShuffleSplit(
    n: int, n_iter: int = 10, test_size: Any = 0.1, train_size: Any = None, random_state: Any = None
) -> Splits:
    """Random parts."""
    return Splits(
        today.ShuffleSplit(n_iter, test_size=test_size, train_size=train_size, random_state=random_state), int(n)
    )


def StratifiedShuffleSplit(
    y: Any, n_iter: int = 10, test_size: Any = 0.1, train_size: Any = None, random_state: Any = None
) -> Splits:
    """Random parts in which classes are as frequent as in ``y``."""
    splitter = today.StratifiedShuffleSplit(
        n_iter, test_size=test_size, train_size=train_size, random_state=random_state
    )
    return Splits(splitter, len(y), np.asarray(y))


class Score(NamedTuple):
    """An entry of ``grid_scores_``.

    Attributes:
        parameters: the parameters.
        mean_validation_score: mean over the folds.
        cv_validation_scores: of each fold.
    """

    parameters: dict[str, Any]
    mean_validation_score: float
    cv_validation_scores: np.ndarray

    def __repr__(self) -> str:
        spread = np.std(self.cv_validation_scores)
        return f"mean: {self.mean_validation_score:.5f}, std: {spread:.5f}, params: {self.parameters}"


class _Scored:
    """The part of a search that lists its scores as it did before scikit-learn 0.20."""

    cv_results_: dict[str, Any]
    n_splits_: int

    @property
    def grid_scores_(self) -> list[Score]:
        """The scores of all parameters that were tried."""
        results = self.cv_results_
        folds = np.stack([results[f"split{i}_test_score"] for i in range(self.n_splits_)], axis=1)
        return [Score(*entry) for entry in zip(results["params"], results["mean_test_score"], folds, strict=True)]


class GridSearchCV(_Scored, today.GridSearchCV):
    """``GridSearchCV`` with ``grid_scores_``; arguments by position as they were.

    Args:
        estimator: what is fitted.
        param_grid: values of parameters.
        scoring: how it is judged.
        n_jobs: processes.
        refit: whether the best one is fitted on all data.
        cv: folds.
        verbose: how much is printed.
        pre_dispatch: see scikit-learn.
        error_score: see scikit-learn.
        return_train_score: see scikit-learn.
    """

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        scoring: Any = None,
        n_jobs: Any = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        error_score: Any = np.nan,
        return_train_score: bool = False,
    ) -> None:
        super().__init__(
            estimator,
            param_grid,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )


class RandomizedSearchCV(_Scored, today.RandomizedSearchCV):
    """``RandomizedSearchCV`` with ``grid_scores_``."""


def Imputer(
    missing_values: Any = "NaN", strategy: str = "mean", axis: int = 0, verbose: int = 0, copy: bool = True
) -> Any:
    """``SimpleImputer`` with the arguments of ``Imputer``.

    Raises:
        ValueError: ``axis`` is not 0: today rows cannot be filled from themselves.
    """
    from sklearn.impute import SimpleImputer

    if axis != 0:
        raise ValueError("Imputer(axis=1) is gone from scikit-learn: impute the transposed array, along axis 0")
    missing: Any = np.nan if isinstance(missing_values, str) and missing_values == "NaN" else missing_values
    return SimpleImputer(missing_values=missing, strategy=strategy, copy=copy)


def load_boston(return_X_y: bool = False) -> Any:
    """The Boston housing prices, from Keras' file of the same 506 samples; in its order, the two parts one after the other."""
    from sklearn.utils import Bunch

    from kjax.keras.datasets import boston_housing

    (x, y), (more_x, more_y) = boston_housing.load_data()
    data, target = np.concatenate([x, more_x]), np.concatenate([y, more_y])
    if return_X_y:
        return data, target
    names = np.array("CRIM ZN INDUS CHAS NOX RM AGE DIS RAD TAX PTRATIO B LSTAT".split())
    return Bunch(data=data, target=target, feature_names=names, DESCR="Boston housing prices, 506 samples")


def fetch_mldata(dataname: str, target_name: Any = "label", data_name: Any = "data", data_home: Any = None) -> Any:
    """The handwritten digits, which is what scripts asked mldata.org for; from Keras' file.

    Args:
        dataname: ``'MNIST original'``.
        target_name: ignored.
        data_name: ignored.
        data_home: ignored: the file lies in Keras' folder.

    Raises:
        ValueError: another data set; the server is gone.
    """
    from sklearn.utils import Bunch

    from kjax.keras.datasets import mnist

    if dataname.lower().replace("-", " ").replace("_", " ") not in ("mnist original", "mnist"):
        raise ValueError(
            f"mldata.org is gone, and with it {dataname!r}; look for the data set with sklearn.datasets.fetch_openml"
        )
    (x, y), (more_x, more_y) = mnist.load_data()
    # Each part was in the order of its digits.
    parts = [(a[order], b[order]) for a, b in ((x, y), (more_x, more_y)) for order in [np.argsort(b, kind="stable")]]
    data = np.concatenate([a.reshape(len(a), -1) for a, _ in parts])
    return Bunch(
        data=data, target=np.concatenate([b for _, b in parts]).astype(float), DESCR="mldata.org: mnist-original"
    )
