"""joblib's backend ``kjax``: scikit-learn's searches and validations train their models together."""

from __future__ import annotations

import joblib
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kjax import keras
from kjax.keras.layers import Dense
from kjax.keras.wrappers import SKLearnClassifier
from kjax.keras.wrappers.scikit_learn import KerasClassifier
from kjax.train import joint

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4)).astype("float32")
Y = np.where(X[:, 0] > 0, "up", "down")
FOLDS = KFold(3)


def build(X=None, y=None, rate: float = 0.01) -> keras.Model:
    model = keras.Sequential([keras.Input((4,)), Dense(5, "tanh"), Dense(2, "softmax")])
    model.compile(keras.optimizers.Adam(rate), "categorical_crossentropy", metrics=["accuracy"])
    return model


def score_of_folds() -> np.ndarray:
    fit = {"epochs": 3, "batch_size": 8, "verbose": 0}
    return cross_val_score(SKLearnClassifier(build, fit_kwargs=fit, random_state=1), X, Y, cv=FOLDS)


def score_of_old_folds() -> np.ndarray:
    targets = keras.utils.to_categorical(Y == "up", 2)
    return cross_val_score(KerasClassifier(build, epochs=3, batch_size=8, verbose=0), X, targets, cv=FOLDS)


def scores_of_grid() -> np.ndarray:
    fit = {"epochs": 2, "batch_size": 8, "verbose": 0}
    estimator = make_pipeline(StandardScaler(), SKLearnClassifier(build, fit_kwargs=fit, random_state=1))
    grid = {"sklearnclassifier__model_kwargs__rate": [0.001, 0.1]}
    return GridSearchCV(estimator, grid, cv=FOLDS).fit(X, Y).cv_results_["mean_test_score"]


@pytest.mark.parametrize("function", [score_of_folds, score_of_old_folds, scores_of_grid])
def test_scores_are_those_of_one_after_the_other(function, monkeypatch):
    widths = []
    run = joint._Joint.run
    monkeypatch.setattr(joint._Joint, "run", lambda self: (widths.append(len(self.calls)), run(self))[1])
    keras.utils.set_random_seed(0)
    apart = function()
    assert not widths
    keras.utils.set_random_seed(0)
    with joblib.parallel_config("kjax"):
        beside = function()
    np.testing.assert_allclose(beside, apart)
    assert max(widths) == (6 if function is scores_of_grid else 3)


def test_an_error_of_one_is_raised_by_scikit_learn():
    def broken(X, y):
        raise RuntimeError("no model today")

    with joblib.parallel_config("kjax"), pytest.raises(RuntimeError, match="no model today"):
        cross_val_score(SKLearnClassifier(broken), X, Y, cv=FOLDS, error_score="raise")


def test_few_at_a_time():
    with joblib.parallel_config("kjax", n_jobs=2):
        assert joblib.Parallel()(joblib.delayed(divmod)(i, 3) for i in range(7)) == [divmod(i, 3) for i in range(7)]
    with joblib.parallel_config("kjax", n_jobs=0), pytest.raises(ValueError, match="n_jobs == 0"):
        joblib.Parallel()([])
