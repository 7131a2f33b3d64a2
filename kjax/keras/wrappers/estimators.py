"""Estimators of scikit-learn around Keras models, as Keras 3 has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import numpy as np

from kjax.keras.core.settings import settings
from kjax.keras.models import Model
from kjax.keras.wrappers.base import base, check_is_fitted, type_of_target, validate_data
from kjax.nn.value import did_you_mean

_NESTED = ("model_kwargs", "fit_kwargs")
"""Parameters that are dicts, whose entries are parameters too: ``fit_kwargs__epochs``."""


class _Estimator(base.BaseEstimator):
    """A Keras model as an estimator.

    Args:
        model: a compiled model, of which a copy with the same weights is trained; or a function that returns one and
            is called as ``model(X=..., y=..., **model_kwargs)`` with the data in the form in which they are trained on.
        warm_start: train on, from where the last ``fit`` ended.
        model_kwargs: arguments of the function. Single ones are parameters for ``set_params`` and grids, as
            ``model_kwargs__units``.
        fit_kwargs: arguments of ``Model.fit``; likewise ``fit_kwargs__epochs``.
        random_state: an integer makes initial weights, dropout and the order of the samples repeatable.

    Attributes:
        model_: the trained model.
        history_: what the last ``fit`` of the model returned.
    """

    def __init__(
        self,
        model: Model | Callable[..., Model],
        warm_start: bool = False,
        model_kwargs: Mapping[str, Any] | None = None,
        fit_kwargs: Mapping[str, Any] | None = None,
        random_state: int | None = None,
    ) -> None:
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs
        self.random_state = random_state

    # -- parameters ----------------------------------------------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters; with ``deep`` also the entries of the dicts."""
        params = {name: getattr(self, name) for name in self._get_param_names()}
        if deep:
            for name in _NESTED:
                params |= {f"{name}__{key}": value for key, value in (params[name] or {}).items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters, or single entries of the dicts: ``set_params(fit_kwargs__epochs=3)``.

        Raises:
            ValueError: an unknown parameter.
        """
        known = self._get_param_names()
        changed: dict[str, dict[str, Any]] = {}
        for name, value in params.items():
            outer, separator, key = name.partition("__")
            if separator and outer in _NESTED:
                changed.setdefault(outer, {})[key] = value
            elif name in known:
                setattr(self, name, value)
            else:
                names = [*known, *(f"{n}__..." for n in _NESTED)]
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {type(self).__name__}(); {did_you_mean(name, names)}"
                )
        for outer, entries in changed.items():
            # A new dict: the old one may be shared with the estimator that this one was cloned from.
            setattr(self, outer, {**(getattr(self, outer) or {}), **entries})
        return self

    @property
    def epoch_(self) -> int:
        """Number of epochs of the last ``fit``."""
        history = getattr(self, "history_", None)
        return len(history.epoch) if history is not None else 0

    # -- training and use ----------------------------------------------------------------------------------------

    # What scikit-learn's metadata routing may hand to `fit` beside samples and targets.
    __metadata_request__fit: ClassVar = {"sample_weight": None}

    def fit(self, X: Any, y: Any, **kwargs: Any) -> Self:
        """Train the model.

        Args:
            X: samples of shape (n, features).
            y: targets of shape (n,) or (n, outputs).
            **kwargs: arguments of ``Model.fit``, before those of ``fit_kwargs``.

        Raises:
            RuntimeError: the model is not compiled.
        """
        X, y = validate_data(self, X, y, **self._checks)
        weights = kwargs.get("sample_weight", (self.fit_kwargs or {}).get("sample_weight"))
        if weights is not None and np.ndim(weights) == 1 and len(weights) == len(X):
            counted = np.asarray(weights) != 0  # to scikit-learn a weight of 0 is a sample that is not there
            X, y, kwargs["sample_weight"] = X[counted], y[counted], np.asarray(weights)[counted]
        if not self.warm_start:
            self.__dict__.pop("model_", None)
        target = self._encode(y)
        before = (settings.seed, settings.draws)
        if self.random_state is not None:
            settings.seed, settings.draws = self._seed(), 0
        try:
            model = self._get_model(X, target)
            if not model.compiled or model.loss is None:
                raise RuntimeError(
                    f"{type(self).__name__}: the model needs to be compiled, with a loss and an optimizer; call "
                    "compile() on it, or in the function that makes it"
                )
            self.history_ = model.fit(X, target, **{**(self.fit_kwargs or {}), **kwargs})
        finally:
            if self.random_state is not None:
                settings.seed, settings.draws = before
        self.model_ = model
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predictions in the form of the targets."""
        return self._decode(self._outputs(X))

    _checks: ClassVar[dict[str, Any]] = {}
    """How ``fit`` checks its data, for scikit-learn's ``validate_data``."""

    def _outputs(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "model_")
        X = validate_data(self, X, reset=False)
        outputs = self.model_.predict(X, verbose=0)
        if isinstance(outputs, (list, tuple)) and len(outputs) == 1:
            outputs = outputs[0]
        return np.asarray(outputs)

    def _seed(self) -> int:
        state = self.random_state
        return int(state if isinstance(state, (int, np.integer)) else state.randint(2**31 - 1))  # type: ignore[union-attr]

    def _get_model(self, X: Any, y: Any) -> Any:
        if self.warm_start and hasattr(self, "model_"):
            return self.model_
        if not isinstance(self.model, Model):
            return self.model(X=X, y=y, **(self.model_kwargs or {}))
        if self.warm_start:
            return self.model
        from kjax.keras.models import clone_model

        model = clone_model(self.model)
        if self.model.built and model.built:
            model.set_weights(self.model.get_weights())
        if self.model.compiled:
            model.compile_from_config(self.model.get_compile_config())
        return model

    def _encode(self, y: np.ndarray) -> np.ndarray:
        """Targets as the model is trained on them."""
        self._target_axes = y.ndim
        return y.reshape(-1, 1) if y.ndim == 1 else y

    def _decode(self, outputs: np.ndarray) -> np.ndarray:
        """Outputs in the form in which the targets came."""
        return outputs[:, 0] if self._target_axes == 1 and outputs.ndim == 2 and outputs.shape[1] == 1 else outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.random_state is None
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")


class SKLearnClassifier(base.ClassifierMixin, _Estimator):
    __doc__ = f"""{_Estimator.__doc__}
        classes_: the classes.

    The targets are one-hot vectors for the model, so its last layer has one output a class.
    """

    def decision_function(self, X: Any) -> np.ndarray:
        """The outputs of the model; for two classes that of the second, less that of the first."""
        outputs = self._outputs(X)
        return outputs[:, 1] - outputs[:, 0] if len(self.classes_) == 2 and outputs.shape[1] == 2 else outputs

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of the classes, of shape (n, classes): the outputs, scaled to a sum of 1.

        A model that ends without an activation is taken to give logits.
        """
        outputs = np.asarray(self._outputs(X), np.float64)
        if outputs.shape[1] == 1:
            outputs = np.concatenate([1 - outputs, outputs], axis=1)
        if outputs.min(initial=0.0) < 0:
            outputs = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        totals = outputs.sum(axis=1, keepdims=True)
        return np.divide(outputs, totals, out=np.full_like(outputs, 1 / outputs.shape[1]), where=totals > 0)

    def _encode(self, y: np.ndarray) -> np.ndarray:
        kind = type_of_target(y)
        if kind not in ("binary", "multiclass"):
            if kind == "unknown":
                raise ValueError(f"Unknown label type: {y!r}")
            raise ValueError(f"Only binary and multiclass target types are supported. Target type: {kind}")
        if y.ndim == 2:
            import warnings

            from sklearn.exceptions import DataConversionWarning

            warnings.warn(
                "A column-vector y was passed when a 1d array was expected. Please change the shape of y to "
                "(n_samples,), for example using ravel().",
                DataConversionWarning,
                stacklevel=3,
            )
            y = y[:, 0]
        self._target_axes = 1
        if self.warm_start and hasattr(self, "model_") and set(np.unique(y)) <= set(self.classes_):
            places = np.searchsorted(self.classes_, y)
        else:
            self.classes_, places = np.unique(y, return_inverse=True)
        if len(self.classes_) == 1:
            raise ValueError(
                "Classifier can't train when only one class is present (samples with a `sample_weight` of 0 do not count)."
            )
        return np.eye(len(self.classes_), dtype=settings.floatx)[places]

    def _decode(self, outputs: np.ndarray) -> np.ndarray:
        if outputs.shape[1] == 1:
            return self.classes_[(outputs[:, 0] > 0.5).astype(int)]
        return self.classes_[outputs.argmax(axis=1)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True
        return tags


class SKLearnRegressor(base.RegressorMixin, _Estimator):
    __doc__ = _Estimator.__doc__

    _checks: ClassVar[dict[str, Any]] = {"multi_output": True, "y_numeric": True}

    def _decode(self, outputs: np.ndarray) -> np.ndarray:
        # What scikit-learn computes from predictions and targets, it computes in double precision.
        return super()._decode(outputs).astype(np.float64)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        tags.target_tags.multi_output = True
        return tags


class SKLearnTransformer(base.TransformerMixin, _Estimator):
    __doc__ = f"""{_Estimator.__doc__}
    ``transform`` gives the model's outputs, so a model that ends before its last layer gives features.
    """

    _checks: ClassVar[dict[str, Any]] = {"multi_output": True}

    def fit(self, X: Any, y: Any = None, **kwargs: Any) -> Self:
        """Train the model; see the other estimators. Without ``y`` the samples are the targets, as of an autoencoder."""
        if y is None:
            X = y = validate_data(self, X)
        return super().fit(X, y, **kwargs)

    def transform(self, X: Any) -> np.ndarray:
        """The outputs of the model, of shape (n, outputs)."""
        return self._outputs(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
