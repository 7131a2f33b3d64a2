"""``keras.wrappers.scikit_learn`` of Keras 1 and 2: `KerasClassifier` and `KerasRegressor` around a building function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np

from kjax.keras.legacy.incidental import held_by as _held_by
from kjax.keras.legacy.notes import note
from kjax.keras.wrappers.base import base, check_is_fitted
from kjax.nn.value import did_you_mean

__getattr__ = _held_by("wrappers.scikit_learn")

_METHODS = ("fit", "predict", "predict_classes", "evaluate")
_OLD = {"nb_epoch": "epochs"}
"""Parameters of Keras 1, which may be given, searched over and read under their old names."""


class BaseWrapper(base.BaseEstimator):
    """A Keras model, made anew by each ``fit``, as an estimator.

    Args:
        build_fn: makes and compiles the model; a function, an object with ``__call__``, or None for a subclass that
            has a ``__call__`` of its own.
        **sk_params: arguments of ``build_fn`` and of the model's ``fit``, ``predict`` and ``evaluate``; each goes
            where it is known. All are parameters for ``set_params`` and grids.

    Raises:
        ValueError: an argument that none of them knows.
    """

    _default: ClassVar[tuple[str, ...]] = _METHODS

    def __init__(self, build_fn: Callable[..., Any] | None = None, **sk_params: Any) -> None:
        self.build_fn = build_fn
        self.sk_params = sk_params
        self.check_params(sk_params)

    def check_params(self, params: Any) -> None:
        """Check that each parameter is known somewhere.

        Raises:
            ValueError: one is not; the message suggests near ones.
        """
        known = {name for function in self._functions() for name in _names(function)} | _OLD.keys()
        for name in params:
            if name not in known:
                raise ValueError(f"{name} is not a legal parameter; {did_you_mean(name, known)}")

    def _functions(self) -> list[Callable[..., Any]]:
        from kjax.keras.models import Sequential

        return [*(getattr(Sequential, name) for name in self._default), self._builder()]

    def _builder(self) -> Callable[..., Any]:
        if self.build_fn is None:
            return self.__call__  # type: ignore[attr-defined]
        if inspect.isroutine(self.build_fn) or inspect.isclass(self.build_fn):
            return self.build_fn
        return self.build_fn.__call__ if not hasattr(self.build_fn, "func") else self.build_fn

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """All parameters."""
        del deep
        return {**self.sk_params, "build_fn": self.build_fn}

    def set_params(self, **params: Any) -> Self:
        """Set parameters.

        Raises:
            ValueError: one is unknown.
        """
        params = dict(params)
        if "build_fn" in params:
            self.build_fn = params.pop("build_fn")
        self.check_params(params)
        self.sk_params = {**self.sk_params, **params}
        return self

    def filter_sk_params(self, fn: Callable[..., Any], override: Any = None) -> dict[str, Any]:
        """The parameters that a function knows.

        Args:
            fn: the function.
            override: others, which come before them.
        """
        given = {_OLD.get(key, key): value for key, value in self.sk_params.items()}
        names = _names(fn)
        return {key: value for key, value in given.items() if key in names} | dict(override or {})

    def fit(self, x: Any, y: Any, **kwargs: Any) -> Any:
        """Make a model and train it.

        Args:
            x: samples.
            y: targets.
            **kwargs: arguments of ``Model.fit``, before those of the constructor.

        Returns:
            The model's ``History``.
        """
        builder = self._builder()
        self.model = builder(**self.filter_sk_params(builder))
        loss = self.model.loss
        loss = getattr(loss, "name", getattr(loss, "__name__", loss))
        if loss == "categorical_crossentropy" and np.ndim(y) != 2:
            from kjax.keras.utils import to_categorical

            y = to_categorical(y)
        for old, new in _OLD.items():
            if old in self.sk_params or old in kwargs:
                note(f"{type(self).__name__}: the argument `{old}` is called `{new}` today")
        kwargs = {_OLD.get(key, key): value for key, value in kwargs.items()}
        return self.model.fit(x, y, **self.filter_sk_params(type(self.model).fit, kwargs))

    def _ask(self, name: str, x: Any, kwargs: Any, *data: Any) -> Any:
        check_is_fitted(self, "model")
        method = getattr(self.model, name)
        given = self.filter_sk_params(method, kwargs)
        return method(x, *data, **given)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True
        tags.input_tags.three_d_array = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model")

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        given = ", ".join(f"{key}={value!r}" for key, value in self.get_params().items())
        text = f"{type(self).__name__}({given})"
        return text if len(text) <= N_CHAR_MAX else f"{text[: N_CHAR_MAX - 3]}..."


class KerasClassifier(base.ClassifierMixin, BaseWrapper):
    __doc__ = f"""{BaseWrapper.__doc__}
    Attributes:
        classes_: the classes.
        n_classes_: how many.
    """

    def fit(self, x: Any, y: Any, sample_weight: Any = None, **kwargs: Any) -> Any:
        """Make a model and train it.

        Args:
            x: samples.
            y: classes of shape (n,) or (n, 1), or one-hot rows.
            sample_weight: weight of each sample.
            **kwargs: arguments of ``Model.fit``.

        Returns:
            The model's ``History``.

        Raises:
            ValueError: ``y`` has another shape.
        """
        y = np.asarray(y)
        if y.ndim == 2 and y.shape[1] > 1:
            self.classes_ = np.arange(y.shape[1])
        elif (y.ndim == 2 and y.shape[1] == 1) or y.ndim == 1:
            self.classes_ = np.unique(y)
            y = np.searchsorted(self.classes_, y)
        else:
            raise ValueError(f"Invalid shape for y: {y.shape}; expected (n,), (n, 1) or one-hot rows (n, classes)")
        self.n_classes_ = len(self.classes_)
        if sample_weight is not None:
            kwargs["sample_weight"] = sample_weight
        return super().fit(x, y, **kwargs)

    def predict(self, x: Any, **kwargs: Any) -> np.ndarray:
        """The class of each sample, of shape (n,)."""
        return self.classes_[self._ask("predict_classes", x, kwargs).reshape(-1)]

    def predict_proba(self, x: Any, **kwargs: Any) -> np.ndarray:
        """Probabilities of the classes, of shape (n, classes), also for a model with one output."""
        found = self._ask("predict", x, {"verbose": 0, **kwargs})
        return np.hstack([1 - found, found]) if found.shape[1] == 1 else found

    def score(self, x: Any, y: Any, **kwargs: Any) -> float:
        """The accuracy on data.

        Raises:
            ValueError: the model was not compiled with ``metrics=['accuracy']``.
        """
        check_is_fitted(self, "model")
        y = np.asarray(y)
        if y.ndim < 2 or y.shape[1] == 1:
            y = np.searchsorted(self.classes_, y)
            if self.model.output_shape[-1] > 1 and "sparse" not in str(_loss_name(self.model)):
                from kjax.keras.utils import to_categorical

                y = to_categorical(y, len(self.classes_))
        found = self._ask("evaluate", x, {"verbose": 0, **kwargs}, y)
        values = found if isinstance(found, list) else [found]
        for name, value in zip(self.model.metrics_names, values, strict=False):
            if name in ("acc", "accuracy"):
                return float(value)
        raise ValueError(
            "the model has no accuracy to score by; pass metrics=['accuracy'] to compile() in the building function"
        )


class KerasRegressor(base.RegressorMixin, BaseWrapper):
    __doc__ = BaseWrapper.__doc__

    def predict(self, x: Any, **kwargs: Any) -> np.ndarray:
        """Predictions; of shape (n,) for a model with one output."""
        found = self._ask("predict", x, {"verbose": 0, **kwargs})
        return found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found

    def score(self, x: Any, y: Any, **kwargs: Any) -> float:
        """Minus the loss on data, so that more is better."""
        found = self._ask("evaluate", x, {"verbose": 0, **kwargs}, np.asarray(y))
        return -float(found[0] if isinstance(found, list) else found)


def _loss_name(model: Any) -> Any:
    return getattr(model.loss, "name", getattr(model.loss, "__name__", model.loss))


def _names(function: Callable[..., Any]) -> set[str]:
    """Names of the keyword arguments of a function; of one that takes any, those that it names."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)} - {"self", "x", "y"}
