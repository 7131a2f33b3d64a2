"""Equal layers are traced once in a session; what is not equal, or users wrote, never counts as known."""

import gc
import weakref

import numpy as np
import pytest

from kjax import keras
from kjax.keras import layers, ops
from kjax.keras.core import applying, known
from kjax.nn.module import describe

SIZE = 3


@pytest.fixture
def traced(monkeypatch):
    """Names of the modules that are traced, as they come."""
    found = []

    def watching(module, *args, **kwargs):
        found.append(type(module.inner[0][1]).__name__)
        return describe(module, *args, **kwargs)

    monkeypatch.setattr(applying, "describe", watching)
    known._results.clear()
    return found


def small():
    """A model with branches, state, masks and a wrapped layer."""
    tokens = keras.Input((5,), dtype="int32")
    x = layers.Embedding(11, 4, mask_zero=True)(tokens)
    x = layers.Bidirectional(layers.GRU(3, return_sequences=True))(x)
    x = layers.TimeDistributed(layers.Dense(4, "relu"))(x)
    x = layers.BatchNormalization()(layers.Dropout(0.1)(x))
    return keras.Model(tokens, layers.add([layers.Dense(4)(x), layers.Dense(4)(x)]))


def test_a_second_model_is_drawn_without_tracing(traced):
    first = small()
    assert traced.count("Dense") == 2  # for two batch sizes, not for two layers
    count = len(traced)
    second = small()
    assert len(traced) == count
    shapes = [[tuple(v.shape) for v in model.weights] for model in (first, second)]
    assert shapes[0] == shapes[1]
    assert second.output.shape == (None, 5, 4)
    assert second.layers[3].output._keras_mask is not None
    # Known is what they are like, not what they hold.
    kernels = [layer.kernel.numpy() for model in (first, second) for layer in model.layers if hasattr(layer, "kernel")]
    assert all(not np.array_equal(a, b) for i, a in enumerate(kernels) for b in kernels[:i])
    tokens = np.array([[1, 2, 3, 0, 0]])
    second.set_weights(first.get_weights())
    np.testing.assert_allclose(first.predict(tokens, verbose=0), second.predict(tokens, verbose=0), rtol=1e-6)


def test_a_clone_is_drawn_without_tracing(traced):
    model = small()
    count = len(traced)
    clone = keras.models.clone_model(model)
    assert len(traced) == count
    assert [w.shape for w in clone.get_weights()] == [w.shape for w in model.get_weights()]


def cut(x):
    """A function of a user, which looks at something outside."""
    return x[..., :SIZE]


class Cut(layers.Dense):
    """A layer of a user, which does the same."""

    def call(self, inputs):
        """The first outputs."""
        return cut(super().call(inputs))


def _with_size(make, size):
    """A layer or function made while :data:`SIZE` has a value."""
    global SIZE
    before, SIZE = SIZE, size
    try:
        return make(keras.Input((8,)))
    finally:
        SIZE = before


@pytest.mark.parametrize(
    "make",
    [
        lambda x: layers.Lambda(cut)(x),
        lambda x: Cut(8)(x),
        lambda x: layers.Activation(cut)(x),
        lambda x: layers.Dense(8, activation=lambda y: cut(y))(x),
        lambda x: layers.TimeDistributed(layers.Lambda(cut))(ops.expand_dims(x, 1)),
    ],
    ids=["lambda", "subclass", "activation", "argument", "inside"],
)
def test_what_users_wrote_is_traced_for_each_layer(make):
    assert _with_size(make, 2).shape[-1] == 2
    assert _with_size(make, 5).shape[-1] == 5


def test_types_and_settings_count():
    whole = keras.Input((2,), dtype="int32")
    assert [(whole + one).dtype for one in (1, 1.0, 1, 1.0)] == ["int32", "float32", "int32", "float32"]
    x = keras.Input((4, 6, 2))
    try:
        shapes = []
        for order in ("channels_last", "channels_first", "channels_last"):
            keras.config.set_image_data_format(order)
            shapes.append(layers.Conv2D(3, 1)(x).shape)
        assert shapes == [(None, 4, 6, 3), (None, 3, 6, 2), (None, 4, 6, 3)]
    finally:
        keras.config.set_image_data_format("channels_last")
    assert [layers.Dense(2, dtype=d)(keras.Input((2,))).dtype for d in ("float16", "float32")] == ["float16", "float32"]


def test_what_is_known_keeps_no_layers_alive():
    known._results.clear()
    model = small()
    layer, result = weakref.ref(model.layers[1]), weakref.ref(model)
    assert known._results
    del model
    gc.collect()
    assert layer() is None
    assert result() is None


def test_only_so_much_is_kept(monkeypatch):
    monkeypatch.setattr(known, "_most", 5)
    known._results.clear()
    for units in range(1, 9):
        assert layers.Dense(units)(keras.Input((3,))).shape == (None, units)
        assert len(known._results) <= 5


def test_weights_are_set_together_or_not_at_all():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2), layers.Dense(1, dtype="float16")])
    before = model.get_weights()
    assert [w.dtype for w in before] == ["float32", "float32", "float16", "float16"]
    wrong = [w + 1 for w in before[:-1]] + [np.zeros((2,))]
    with pytest.raises(ValueError, match="not compatible with provided"):
        model.set_weights(wrong)
    assert all(map(np.array_equal, before, model.get_weights()))
    given = [np.arange(w.size, dtype="float64").reshape(w.shape) for w in before]
    model.set_weights(given)
    for array in given:
        array[...] = -1  # the arrays stay those of the caller
    read = model.get_weights()
    for array, weight in zip(read, model.weights, strict=True):
        np.testing.assert_array_equal(array, np.arange(array.size).reshape(array.shape))
        assert array.dtype == weight.dtype
        array[...] = 7  # and those that were read are nobody else's
    assert model.get_weights()[0].max() == 5


def test_weights_and_state_of_the_optimizer_are_set_while_a_model_trains():
    model = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.0, momentum=0.9), "mse")
    seen = []

    class Halve(keras.callbacks.Callback):
        """Halves the weights after each epoch."""

        def on_epoch_end(self, epoch, logs=None):
            self.model.set_weights([w / 2 for w in self.model.get_weights()])
            state = self.model.optimizer.get_weights()
            self.model.optimizer.set_weights(state)
            seen.append(len(state))

    model.set_weights([np.full((2, 1), 8.0), np.full((1,), 4.0)])
    model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=3, verbose=0, callbacks=[Halve()])
    assert [w.ravel().tolist() for w in model.get_weights()] == [[1.0, 1.0], [0.5]]
    assert seen == [4, 4, 4]
    state = model.optimizer.get_weights()
    with pytest.raises(ValueError, match="does not fit"):
        model.optimizer.set_weights([*[s + 1 for s in state[:-1]], np.zeros((9,))])
    assert all(map(np.array_equal, state, model.optimizer.get_weights()))
