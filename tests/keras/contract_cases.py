"""Small programs on layers, variables, graphs and metrics; real Keras 3 and kjax must answer them alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

X = np.arange(6, dtype="float32").reshape(2, 3) / 5
CASES: dict[str, Callable[[Any], Any]] = {}


def case(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Add a program to the table."""
    CASES[function.__name__] = function
    return function


def outcome(function: Callable[[], Any]) -> Any:
    """What a call raises, as the name of the built-in class of the error, or 'ok'."""
    try:
        function()
    except Exception as error:
        return next(cls.__name__ for cls in type(error).__mro__ if cls.__module__ == "builtins")
    return "ok"


def plain(result: Any) -> Any:
    """A result as lists, numbers and strings that can be compared."""
    if isinstance(result, dict):
        return {key: plain(value) for key, value in result.items()}
    if isinstance(result, (list, tuple)):
        return [plain(item) for item in result]
    if type(result).__name__ == "KerasTensor":
        return ["symbolic", list(result.shape), str(result.dtype)]
    if hasattr(result, "shape") and hasattr(result, "dtype"):
        values = np.asarray(result)
        return [str(result.dtype), list(result.shape), np.round(values.astype("float64"), 3).ravel().tolist()]
    return round(result, 4) if isinstance(result, float) else result


@case
def what_a_layer_owns(lib):
    class Inner(lib.layers.Layer):
        def build(self, shape):
            self.k = self.add_weight(shape=(shape[-1],), name="k")
            self.n = self.add_weight(shape=(), trainable=False, name="n", initializer="zeros")

        def call(self, x):
            return x * self.k

    class Outer(lib.layers.Layer):
        def __init__(this):  # the object need not be called self
            super().__init__()
            this.listed = [Inner(), Inner()]
            this.named = {"a": lib.layers.Dense(2)}
            this.seed = lib.random.SeedGenerator(1)
            this.mean = lib.metrics.Mean(name="m")
            this.pair = (Inner(),)
            this.bag = {lib.layers.Identity()}

        def call(this, x):
            for layer in this.listed:
                x = layer(x)
            this.mean.update_state(x)
            return this.named["a"](this.pair[0](x))

    outer = Outer()
    outer(X)
    counts = [
        len(outer.weights),
        len(outer.variables),
        len(outer.non_trainable_variables),
        len(outer.metrics_variables),
    ]
    return [counts, [v.name for v in outer.trainable_variables], len(outer._layers)]


@case
def shapes_for_build(lib):
    seen = []

    class Two(lib.layers.Layer):
        def build(self, x_shape, y_shape=None):
            seen.append((x_shape, y_shape))

        def call(self, x, y=None):
            return x

    Two()(X), Two()(X, X), Two()(x=X, y=X)
    return seen


@case
def context_arguments_go_on(lib):
    seen = []

    class Inner(lib.layers.Layer):
        def call(self, x, level=5):
            seen.append(level)
            return x

    class Outer(lib.layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = Inner()
            for layer in (self, self.inner):
                layer._register_call_context_args("level")

        def call(self, x):
            return self.inner(x)

    outer = Outer()
    outer(X)
    seen.clear()
    outer(X, level=7), outer(X)
    return seen


@case
def masks_of_several_arguments(lib):
    class Two(lib.layers.Layer):
        def call(self, a, b, a_mask=None, b_mask=None):
            self.seen = [a_mask is not None, b_mask is not None]
            return a

    masked = lib.layers.Embedding(4, 2, mask_zero=True)(np.array([[1, 0]]))
    both, first = Two(), Two()
    both(masked, masked), first(masked, np.ones((1, 2, 2)))
    return [both.seen, first.seen]


@case
def types(lib):
    class Weights(lib.layers.Layer):
        def build(self, shape):
            self.a = self.add_weight(shape=(3,), initializer="ones")
            self.b = self.add_weight(shape=(3,), autocast=False, initializer="ones")
            self.i = self.add_weight(shape=(3,), dtype="int32", initializer="ones")

        def call(self, x):
            self.seen = [str(x.dtype), self.a.dtype, self.b.dtype, self.i.dtype, str((self.a + 1).dtype)]
            return x * self.a

    layer = Weights(dtype="mixed_float16")
    layer(X)
    dense = lib.layers.Dense(2)
    dense.dtype_policy = "mixed_bfloat16"
    found = [str(dense(X).dtype), str(dense.kernel.dtype), dense.compute_dtype]
    return [layer.seen, layer.a.dtype, found, outcome(lambda: lib.layers.Dense(2, dtype="float31"))]


@case
def errors_of_layers(lib):
    class Bare(lib.layers.Layer):
        def __init__(self):
            self.a = 1

        def call(self, x):
            return x

    class Held(lib.layers.Layer):
        def __init__(self, thing, **kwargs):
            super().__init__(**kwargs)

    dense = lib.layers.Dense(2)
    dense(X)
    return [
        outcome(lambda: Bare()(X)),
        outcome(lambda: lib.layers.Dense(3, name="a/b")),
        outcome(lambda: dense(np.ones((2, 4)))),
        outcome(lambda: dense.set_weights([X])),
        outcome(lambda: dense.stateless_call([], [], X)),
        outcome(lambda: dense.load_own_variables({"0": X})),
        outcome(Held(object()).get_config),
        outcome(lambda: dense.add_loss("x")),
        outcome(lambda: lib.layers.Dense(2).count_params()),
    ]


@case
def variables_as_numbers(lib):
    v = lib.Variable(np.array([1.4, -2.6], "float32"), name="v")
    i, flags = lib.Variable([1, 2], dtype="int32"), lib.Variable([True, False], dtype="bool")
    one = lib.Variable(3.0)
    return [
        [v + i, 1 - v, v / 2, v // 2, i % 2, i**2, v @ v, i & i, flags | True, flags ^ flags, ~flags],
        [v > 0, v != v, -v, abs(v), round(v), i / 2, i + 0.5],
        [int(one), float(one), outcome(lambda: int(v)), outcome(lambda: bool(one))],
        [v.assign([1, 2]), v.assign_add([1, 1]), outcome(lambda: v.assign([1])), v.aggregation, v.synchronization],
        [outcome(lambda: lib.Variable("ones")), outcome(lambda: lib.Variable(1.0, aggregation="x"))],
        [outcome(lambda: setattr(v, "regularizer", 3)), outcome(lambda: lib.Variable("ones", (None, 2)))],
    ]


@case
def symbolic_tensors(lib):
    k, b = lib.KerasTensor((2, 3)), lib.KerasTensor((2, 3), "bool")
    refused = [outcome(lambda f=f: f(k)) for f in (int, float, bool, np.array, list, len)]
    return [k + 1, 1 - k, k // 2, k < 1, b & b, ~b, k[0], k[:, None], round(k), k.reshape((3, 2)), refused]


@case
def functions_of_structures(lib):
    a, b = lib.Input((3,), name="a"), lib.Input((3,), name="b")
    function = lib.Function({"a": a, "b": b}, {"sum": a + b, "difference": a - b})
    model = lib.Model({"a": a, "b": b}, {"o": a + b})
    deep = lib.Model({"p": [a], "q": {"r": b}}, a + b)
    return [
        function({"a": X, "b": X}),
        model({"a": X, "b": X}),
        model([X, X]),
        [model.input_shape, model.output_shape],
        deep({"p": [X], "q": {"r": X}}),
        [outcome(lambda: model({"a": X})), outcome(lambda: lib.Function(a, b)), outcome(lambda: lib.Model(a, "x"))],
        len(lib.Function([a, b], lib.layers.Add()([a, b])).operations),
    ]


@case
def inputs_fit_the_declared_rank_and_type(lib):
    flat, column, whole = lib.Input(()), lib.Input((1,)), lib.Input((3,), dtype="int32")
    return [
        lib.Model(flat, flat + 1)(np.ones((4, 1))),
        lib.Model(column, column + 1)(np.ones(4)),
        lib.Model(whole, whole * 2)(np.ones((2, 3))),
        outcome(lambda: lib.Model(whole, whole * 2)(np.ones((2, 4)))),
    ]


@case
def sequential(lib):
    model = lib.Sequential()
    found = [model.built, outcome(lambda: model(X)), outcome(lambda: model.add(3))]
    model.add(lib.layers.Dense(2))
    found += [model.built, len(model.weights)]
    model(X)
    model.add(lib.layers.Dense(1))
    found += [len(model.weights), model(X).shape]
    model.pop()

    class Sum(lib.layers.Layer):
        def call(self, x):
            return x["a"] + x["b"]

    of_dict = lib.Sequential([Sum()])
    return [*found, len(model.layers), of_dict({"a": X, "b": X}), of_dict.predict({"a": X, "b": X}, verbose=0)]


@case
def variables_of_metrics(lib):
    true, pred = np.array([[0.0], [1.0], [1.0]]), np.array([[0.1], [0.8], [0.4]])
    found = []
    for metric in (
        lib.metrics.MeanSquaredError(),
        lib.metrics.Precision(),
        lib.metrics.TruePositives(),
        lib.metrics.AUC(num_thresholds=5),
        lib.metrics.F1Score(),
        lib.metrics.BinaryIoU(),
    ):
        metric.update_state(true, pred)
        found.append([metric.result(), [(v.name, v.shape) for v in metric.variables]])
        metric.reset_state()
        found.append([float(np.sum(np.asarray(v))) for v in metric.variables])
    mean = lib.metrics.Mean()
    mean.update_state([1.0, 2.0])
    state = mean.stateless_update_state([v.value for v in mean.variables], [3.0])
    return [*found, mean.total.value, mean.count.value, mean.stateless_result(state)]


@case
def what_fit_measures(lib):
    inputs = lib.Input((3,))
    outputs = [lib.layers.Dense(1, kernel_initializer="ones", name=name)(inputs) for name in "uv"]
    model = lib.Model(inputs, outputs)
    model.compile("adam", ["mse", "mae"], loss_weights=[1.0, 0.5], metrics=[["mae"], ["mse"]])
    y = np.ones((2, 1), "float32")
    history = model.fit(X, [y, y], verbose=0).history
    return [history, type(model.optimizer).__name__, model.test_on_batch(X, [y, y], return_dict=True)]


@case
def layers_without_weights_are_built_at_once(lib):
    class Own(lib.layers.Dropout):
        def build(self, shape):
            self.w = self.add_weight(shape=(1,))

    own = Own(0.5)
    found = [own.built]
    own(X)
    layers = [
        lib.layers.Dropout(0.5),
        lib.layers.MaxPooling2D(),
        lib.layers.ReLU(),
        lib.layers.Dense(1),
        lib.layers.Add(),
    ]
    return [*found, len(own.weights), [layer.built for layer in layers], layers[2](X), layers[2].get_build_config()]


@case
def losses_in_dicts_of_dicts(lib):
    inputs = lib.Input((3,))
    p, r, s = (lib.layers.Dense(1, kernel_initializer="ones", name=name)(inputs) for name in "prs")
    model = lib.Model(inputs, {"p": p, "q": {"r": r, "s": s}})
    model.compile("sgd", {"p": "mse", "q": {"r": "mae", "s": "mse"}})
    y = np.ones((2, 1), "float32")
    return model.fit(X, {"p": y, "q": {"r": y, "s": y}}, verbose=0).history
