"""Programs about layers that real Keras 3 and kjax answer alike: what is built when, what is refused, what is counted."""

from __future__ import annotations

import importlib

import numpy as np

X = np.ones((2, 3), "float32")
CASES = {}


def case(program):
    """Add a program to the table."""
    CASES[program.__name__] = program
    return program


def outcome(function):
    """What a function gives, or the kind of error that it raises."""
    try:
        return function()
    except Exception as error:
        kinds = (ValueError, TypeError, AttributeError, KeyError, NotImplementedError)
        return next((kind.__name__ for kind in kinds if isinstance(error, kind)), type(error).__name__)


def names(variables):
    """Paths of variables, in their order; seeds are counted in other places."""
    return ["seed" if "seed" in variable.path else variable.path for variable in variables]


@case
def inputs_that_do_not_fit(lib):
    layers = lib.layers
    dense = layers.Dense(2)
    dense(X)
    spec = dense.input_spec
    return [
        [spec.min_ndim, {int(axis): size for axis, size in spec.axes.items()}],
        [
            layers.Conv2D(2, 3).input_spec.min_ndim,
            layers.LSTM(1).input_spec.ndim,
            layers.RNN(layers.GRUCell(1)).input_spec,
        ],
        *map(
            outcome,
            [
                lambda: dense(np.ones((2, 4), "float32")),
                lambda: dense(np.ones(3, "float32")),
                lambda: dense(lib.Input((5,))),
                lambda: dense([X, X]),
                lambda: layers.Conv2D(2, 3)(lib.Input((3,))),
                lambda: layers.LSTM(2)(X),
                lambda: layers.SpatialDropout1D(0.5)(X),
                lambda: layers.Dense(2)(lib.Input((None,))),
                lambda: layers.BatchNormalization()(lib.Input((None,))),
                lambda: layers.PReLU()(lib.Input((None, 3))),
                lambda: layers.Dense(2).build((None, None)),
                lambda: layers.Dense(2)([[1.0, 2.0]]),
                lambda: layers.ReLU()(1.0),
                lambda: layers.Rescaling(2.0)([1.0, 2.0]),
            ],
        ),
    ]


@case
def state_after_building(lib):
    class Own(lib.layers.Layer):
        def build(self, shape):
            self.w = self.add_weight(shape=(1,), name="w")

        def call(self, x):
            return x * self.w

    class Late(lib.layers.Layer):
        def call(self, x):
            self.dense = lib.layers.Dense(2)
            return self.dense(x)

    own, built = Own(), Own()
    own(X)
    built.build((2, 3))
    metric, dense = lib.metrics.Mean(), lib.layers.Dense(2)
    tries = [
        lambda: own.add_weight(shape=(1,)),
        lambda: setattr(own, "v", lib.Variable(X)),
        lambda: setattr(own, "d", dense),
        lambda: setattr(own, "l", [dense]),
        lambda: setattr(own, "m", metric),
        lambda: setattr(own, "n", [1, 2]),
        lambda: setattr(own, "w", own.w),
        lambda: Late()(X),
    ]
    inputs = lib.Input((3,))
    graph = lib.Model(inputs, dense(inputs))
    stack = lib.Sequential([lib.layers.Dense(2)])
    graph(X), stack(X)
    tries += [lambda model=model: setattr(model, "new", lib.layers.Dense(1)) for model in (graph, stack)]
    return [built.built, built.get_build_config(), [outcome(attempt) is None for attempt in tries]]


@case
def order_of_variables(lib):
    class Own(lib.layers.Layer):
        def __init__(self):
            super().__init__()
            self.steps = [lib.layers.Dense(2, name="d0"), {"x": lib.layers.Dropout(0.5, name="drop")}]
            self.held = [lib.Variable(np.ones(2), name="v0"), lib.Variable(np.ones(3), name="v1", trainable=False)]
            self.seeds = lib.random.SeedGenerator(1)

        def build(self, shape):
            self.w = self.add_weight(shape=(1,), name="w")
            self.n = self.add_weight(shape=(1,), name="n", trainable=False)

        def call(self, x):
            return self.steps[1]["x"](self.steps[0](x))

    own = Own()
    own(X)
    groups = [own.variables, own.weights, own.trainable_variables, own.non_trainable_variables]
    own.trainable = False
    return [*map(names, groups), names(own.trainable_variables), names(own.non_trainable_variables)]


@case
def spectral_normalization(lib):
    layer = lib.layers.SpectralNormalization(lib.layers.Dense(2, kernel_initializer="ones", use_bias=False))
    layer.build((2, 3))
    layer.vector_u.assign(np.array([[0.02, 0.01]]))
    found = [layer(X, training=False), layer(X, training=True), layer.get_weights(), layer(X)]
    model = lib.Sequential(
        [lib.Input((3,)), lib.layers.SpectralNormalization(lib.layers.Dense(2, kernel_initializer="ones"))]
    )
    model.layers[0].vector_u.assign(np.array([[0.02, 0.01]]))
    model.compile("sgd", "mse")
    history = model.fit(X, np.zeros((2, 2)), epochs=2, verbose=0).history["loss"]
    return [*found, history, model.get_weights(), model.predict(X, verbose=0)]


@case
def moving_statistics_over_time(lib):
    x = np.arange(24, dtype="float32").reshape(2, 4, 3) ** 1.3
    layer = lib.layers.TimeDistributed(lib.layers.BatchNormalization(momentum=0.5))
    return [layer(x, training=True), layer.get_weights(), layer(x)]


@case
def rows_that_see_nothing(lib):
    query, value = np.ones((1, 2, 4), "float32"), np.arange(12, dtype="float32").reshape(1, 3, 4)
    seen = np.array([[[False, False, False], [True, False, True]]])
    found = [lib.layers.Softmax()(value, mask=value > 9)]
    for layer in (lib.layers.MultiHeadAttention(1, 2), lib.layers.GroupQueryAttention(2, 2, 1)):
        found.append(layer(query, value, attention_mask=seen, return_attention_scores=True)[1][0, 0, 0])
    return found


@case
def modes_that_calls_see(lib):
    seen = []

    class Inner(lib.layers.Layer):
        def call(self, x, training=None):
            seen.append(training)
            return x

    class Outer(lib.layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = Inner()

        def build(self, shape):
            self.inner.build(shape)

        def call(self, x):
            return self.inner(x)

    outer = Outer()
    outer(X)
    seen.clear()
    for kwargs in ({}, {"training": True}, {"training": False}):
        outer(X, **kwargs)
    return [str(mode) for mode in seen]


@case
def declared_outputs(lib):
    class Shape(lib.layers.Layer):
        def call(self, x):
            return x * 2

        def compute_output_shape(self, shape):
            return (shape[0], 7)

    class Spec(lib.layers.Layer):
        def call(self, x):
            return x * 2

        def compute_output_spec(self, x):
            return lib.KerasTensor((None, 9), "float16")

    class Two(lib.layers.Layer):
        def call(self, a, b):
            return a

        def compute_output_shape(self, a_shape, b_shape):
            return b_shape

    class Nested(lib.layers.Layer):
        def call(self, x):
            return {"a": x, "b": [x, x]}

        def compute_mask(self, x, mask=None):
            return {"a": None, "b": [None, None]}

    class Wrong(lib.layers.Layer):
        def build(self, a_shape, c_shape):
            pass

        def call(self, a, b):
            return a

    x, y = lib.Input((3,)), lib.Input((4,))
    tensors = [Shape()(x), Spec()(x), Shape().compute_output_spec(x), Two()(x, y), Nested()(x)["b"][1]]
    return [[[*tensor.shape] for tensor in tensors], outcome(lambda: Wrong()(X, X))]


@case
def configs_that_write_themselves(lib):
    class Own(lib.layers.Layer):
        def __init__(self, a, b=2, *, c="x", **kwargs):
            super().__init__(**kwargs)

        def call(self, x):
            return x

    class Plain(lib.layers.Layer):
        def call(self, x):
            return x

    class Positional(lib.layers.Layer):
        def __init__(self, *args, **kwargs):
            super().__init__(**kwargs)

    configs = [Own([1, {"k": 2}], name="n").get_config(), Plain(name="p", trainable=False).get_config()]
    kept = [{k: v for k, v in config.items() if k != "dtype"} for config in configs]
    return [*kept, outcome(lambda: Positional(1).get_config())]


@case
def losses_and_metrics_of_compile(lib):
    path = "keras.src.trainers.compile_utils" if lib.__name__ == "keras" else "kjax.keras.inside.compiling"
    utils = importlib.import_module(path)
    y, q = np.array([[1.0], [0.0]], "float32"), np.array([[0.8], [0.3]], "float32")
    single = utils.CompileLoss("crossentropy")
    several = utils.CompileLoss(["mse", "mae"], loss_weights=[1.0, 0.5], output_names=["a", "b"])
    nested = utils.CompileLoss({"a": "mse", "b": {"c": "mae"}}, loss_weights={"a": 1.0, "b": {"c": 2.0}})
    found = [
        single(y, q, np.array([1.0, 0.0])),
        several([y, y], [q, q]),
        nested({"a": y, "b": {"c": y}}, {"a": q, "b": {"c": q}}),
    ]
    found += [[metric.name for metric in loss.metrics] for loss in (single, several, nested)]
    found += [[metric.result() for metric in several.metrics]]
    measured = utils.CompileMetrics(["mae", "accuracy"], ["mse"])
    by_output = utils.CompileMetrics({"a": ["mae"], "b": "mse"}, None, output_names=["a", "b"])
    measured.update_state(y, q, np.array([1.0, 0.0]))
    by_output.update_state({"a": y, "b": y}, {"a": q, "b": q})
    found += [measured.result(), by_output.result(), len(measured.variables), [m.name for m in measured.metrics]]
    measured.reset_state()
    found += [measured.result()]
    return found + [
        outcome(attempt)
        for attempt in (
            lambda: utils.CompileLoss("mse", loss_weights=[1.0, 2.0])(y, q),
            lambda: utils.CompileLoss("nope")(y, q),
            lambda: utils.CompileLoss({"z": "mse"}, output_names=["a"])({"a": y}, {"a": q}),
            lambda: utils.CompileLoss("mse")([y, y], [q]),
            lambda: utils.CompileMetrics("mae", None),
            lambda: utils.CompileMetrics(["mae"], None).result(),
            lambda: utils.CompileMetrics({"z": "mae"}, None, output_names=["a", "b"]).build([y, y], [q, q]),
        )
    ]
