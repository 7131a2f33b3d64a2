"""The scikit-learn wrappers of Keras 3 in a grid search and a pipeline."""
import numpy as np
import keras
from keras.wrappers import SKLearnClassifier, SKLearnRegressor
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def dynamic_model(X, y, loss, layers=[10]):
    n_features_in = X.shape[1]
    inp = keras.layers.Input(shape=(n_features_in,))
    hidden = inp
    for layer_size in layers:
        hidden = keras.layers.Dense(layer_size, activation="relu")(hidden)
    n_outputs = y.shape[1] if len(y.shape) > 1 else 1
    out = keras.layers.Dense(n_outputs, activation="softmax")(hidden)
    model = keras.models.Model(inp, out)
    model.compile(loss=loss, optimizer="rmsprop")
    return model


rng = np.random.default_rng(0)
X = rng.normal(size=(48, 4))
y = np.where(X[:, 0] > 0, "yes", "no")
est = SKLearnClassifier(
    model=dynamic_model, model_kwargs={"loss": "categorical_crossentropy", "layers": [8]},
    fit_kwargs={"epochs": 2, "verbose": 0},
)
est.fit(X, y)
assert set(est.predict(X)) <= {"yes", "no"} and est.predict_proba(X).shape == (48, 2)
grid = GridSearchCV(est, {"model_kwargs__layers": [[4], [8]], "fit_kwargs__epochs": [1, 3]}, cv=2, refit=True)
grid.fit(X, y)
assert set(grid.best_params_) == {"model_kwargs__layers", "fit_kwargs__epochs"}
assert len(grid.best_estimator_.history_.epoch) == grid.best_params_["fit_kwargs__epochs"]
assert cross_val_score(make_pipeline(StandardScaler(), est), X, y, cv=2).shape == (2,)
assert SKLearnRegressor(dynamic_model, model_kwargs={"loss": "mse"}, fit_kwargs={"verbose": 0}).fit(X, X[:, 0]).predict(X).shape == (48,)
