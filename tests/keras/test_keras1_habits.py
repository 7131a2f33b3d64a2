"""Habits of scripts of Keras 1: layers taken off lists, weights that layers declare themselves, names with slashes."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from kjax import keras

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")
X = np.random.default_rng(0).random((6, 3)).astype("float32")


def of(path: str) -> Any:
    """A module of Keras as a script imports it."""
    return importlib.import_module(path)


@pytest.fixture(autouse=True)
def era() -> Iterator[None]:
    keras.install(version=1)
    keras.backend.clear_session()
    yield
    keras.uninstall()


def test_layers_taken_off_a_sequential_model() -> None:
    L, Sequential = of("keras.layers"), of("keras.models").Sequential
    model = Sequential([L.Dense(4, input_dim=3), L.Dropout(0.5), L.Dense(2)])
    expected = X @ model.get_weights()[0] + model.get_weights()[1]
    assert model.layers.pop() is not None and len(model.layers) == 2
    model.layers.pop()
    model.outputs = [model.layers[-1].output]
    model.layers[-1].outbound_nodes = []
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-5)
    model.add(L.Dense(5))
    assert model.output_shape == (None, 5) and [w.shape for w in model.get_weights()] == [(3, 4), (4,), (4, 5), (5,)]
    model.compile("sgd", "mse")
    assert np.isfinite(model.train_on_batch(X, np.zeros((6, 5))))


def test_layers_taken_off_a_functional_model() -> None:
    L, Model = of("keras.layers"), of("keras.models").Model
    a = L.Input(shape=(3,))
    model = Model(input=a, output=L.Dense(2)(L.Dense(4)(a)))
    model.layers.pop()
    assert len(model.layers) == 2
    assert Model(input=model.input, output=L.Dense(7)(model.layers[-1].output)).output_shape == (None, 7)
    keras.install(3)
    with pytest.raises(AttributeError, match=r"make another model of the same layers: keras.Model\(model.inputs"):
        model.outputs = []


def test_variables_that_a_layer_does_not_declare_are_no_weights() -> None:
    K, L = of("keras.backend"), of("keras.layers")

    class Scale(of("keras.engine.topology").Layer):
        def build(self, input_shape: Any) -> None:
            self.factor, self.shift, self.offset = K.variable(0.5), K.variable(1.0), K.variable(2.0)
            self.gain = self.add_weight((input_shape[-1],), initializer="one", name="gain")
            self.trainable_weights += [self.shift]
            self.non_trainable_weights.append(self.offset)

        def call(self, x: Any, mask: Any = None) -> Any:
            return x * self.factor * self.gain + self.shift - self.offset

    layer = Scale(input_shape=(3,))
    model = of("keras.models").Sequential([layer, L.Activation("linear")])
    assert [w.shape for w in model.get_weights()] == [(3,), (), ()]
    assert [len(layer.trainable_weights), len(layer.non_trainable_weights)] == [2, 1]
    model.compile("sgd", "mse")
    model.fit(X, X, nb_epoch=1, verbose=0)
    assert K.get_value(layer.factor) == 0.5 and K.get_value(layer.offset) == 2.0 and K.get_value(layer.shift) != 1.0
    K.set_value(layer.factor, 0.0)
    np.testing.assert_allclose(model.predict(X), np.full((6, 3), K.get_value(layer.shift) - 2.0), rtol=1e-5)


def test_the_list_of_trained_weights_says_which_and_in_which_order() -> None:
    K, Layer = of("keras.backend"), of("keras.engine.topology").Layer

    class Two(Layer):
        def build(self, input_shape: Any) -> None:
            self.b, self.w = K.zeros((2,)), K.zeros((input_shape[-1], 2))
            self.trainable_weights = [self.w, self.b]
            if self.initial_weights is not None:
                self.set_weights(self.initial_weights)
                del self.initial_weights

        def call(self, x: Any, mask: Any = None) -> Any:
            return K.dot(x, self.w) + self.b

        def get_output_shape_for(self, shape: Any) -> Any:
            return shape[0], 2

    given = [np.ones((3, 2)), np.full(2, 3.0)]
    model = of("keras.models").Sequential([Two(input_shape=(3,), weights=given)])
    np.testing.assert_allclose(model.predict(X), X.sum(1, keepdims=True) + np.full((1, 2), 3.0), rtol=1e-6)
    model.layers[0].trainable_weights = [model.layers[0].b]
    assert [w.shape for w in model.get_weights()] == [(2,)]


def test_initial_values_by_functions_of_the_time() -> None:
    K, L = of("keras.backend"), of("keras.layers")
    normal = of("keras.initializations").normal
    layer = L.Dense(4, input_dim=3, init=lambda shape, name: normal(shape, scale=1e-4, name=name))
    kernel = of("keras.models").Sequential([layer]).get_weights()[0]
    assert 0 < np.abs(kernel).max() < 1e-3
    recurrent = L.LSTM(3, inner_init="identity")
    made = recurrent.inner_init((2, 2), name="mine")
    assert recurrent.init.__name__ == "glorot_uniform" and recurrent.inner_init.__name__ == "identity"
    np.testing.assert_array_equal(K.get_value(made), np.eye(2))


def test_names_with_slashes_and_shapes_given_twice() -> None:
    L, models = of("keras.layers"), of("keras.models")
    a = L.Input(shape=(3,), batch_shape=(2, 3), name="in")
    model = models.Model(input=a, output=L.Dense(2, name="block/out")(a))
    assert model.input_shape == (2, 3) and model.layers[-1].name == "block/out"
    text = model.to_json()
    assert models.model_from_json(text).layers[-1].name == "block/out"
    keras.install(3)
    with pytest.raises(ValueError, match="cannot contain character `/`"):
        keras.layers.Dense(2, name="block/out")


def test_generators_count_samples(capsys: pytest.CaptureFixture[str]) -> None:
    """An epoch ends when as many samples were seen as it holds, and that is what bar and callbacks count."""
    L, told = of("keras.layers"), []
    model = of("keras.models").Sequential([L.Dense(1, input_dim=3)])
    model.compile("sgd", "mse")

    class Told(of("keras.callbacks").Callback):  # type: ignore[misc]
        def on_train_begin(self, logs: Any = None) -> None:
            told.append(dict(self.params))

    def batches() -> Iterator[Any]:
        while True:
            yield X[:2], X[:2, 0]

    model.fit_generator(batches(), samples_per_epoch=5, nb_epoch=1, callbacks=[Told()])
    assert "5/5 [=====" in capsys.readouterr().out and int(model.optimizer.iterations) == 3
    # Keras 1.2.2 tells callbacks exactly this.
    assert told == [
        {"nb_epoch": 1, "nb_sample": 5, "verbose": 1, "do_validation": False, "metrics": ["loss", "val_loss"]}
    ]
    model.fit(X, X[:, 0], nb_epoch=1, batch_size=4, verbose=0, callbacks=[Told()])
    assert told[1] == {
        "batch_size": 4, "nb_epoch": 1, "nb_sample": 6, "verbose": 0, "do_validation": False, "metrics": ["loss"]
    }  # fmt: skip


def test_embeddings_drop_words() -> None:
    L = of("keras.layers")
    model = of("keras.models").Sequential([L.Embedding(40, 2, input_length=3, dropout=0.5, init="one")])
    model.compile("sgd", "mse")
    words = np.array([[i, i, 7] for i in range(40)])
    step = of("keras.backend").function([model.input, of("keras.backend").learning_phase()], [model.output])
    dropped = np.asarray(step([words, 1])[0])
    np.testing.assert_array_equal(dropped[:, 0], dropped[:, 1])  # a word is dropped wherever it stands
    assert np.ptp(dropped[:, 2]) == 0 and set(np.unique(dropped[:, 0])) == {0.0, 2.0}
    np.testing.assert_array_equal(np.asarray(step([words, 0])[0]), 1)


@pytest.mark.parametrize("version", [1, 2])
def test_blocks_of_resnet50(version: int) -> None:
    keras.install(version=version)
    L, resnet50 = of("keras.layers"), of("keras.applications.resnet50")
    pictures = L.Input(shape=(8, 8, 3))
    x = resnet50.conv_block(pictures, 3, [2, 2, 4], stage=2, block="a")
    x = resnet50.identity_block(x, 3, [2, 2, 4], stage=2, block="b")
    model = of("keras.models").Model(pictures, x)
    added = "merge_1" if version == 1 else "add_1"
    assert model.output_shape == (None, 4, 4, 4) and {"res2a_branch1", "bn2b_branch2c", added} <= {
        layer.name for layer in model.layers
    }


def test_tables_of_sequential_models(capsys: pytest.CaptureFixture[str]) -> None:
    """As Keras 1.2.2 shows them: what the first layer reads, and the layers of merged branches."""
    L, Sequential = of("keras.layers"), of("keras.models").Sequential
    a, b = Sequential([L.Dense(2, input_dim=2)]), Sequential([L.Dense(2, input_dim=3)])
    both = Sequential([L.Merge([a, b], mode="sum"), L.Dense(1)])
    both.compile("sgd", "mse")
    assert both.model.input_names == ["dense_input_1", "dense_input_2"]
    both.summary()
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("dense")]
    assert [(row[0], row[-1]) for row in rows] == [
        ("dense_1", "dense_input_1[0][0]"), ("dense_2", "dense_input_2[0][0]"), ("dense_3", "merge_1[0][0]")
    ]  # fmt: skip


def test_names_of_iterators_and_of_modules_as_dicts(tmp_path: Any) -> None:
    image = pytest.importorskip("PIL.Image")
    for kind in ("cats", "dogs"):
        (tmp_path / kind).mkdir()
        image.new("RGB", (4, 4)).save(tmp_path / kind / "0.png")
    found = of("keras.preprocessing.image").ImageDataGenerator().flow_from_directory(str(tmp_path), target_size=(4, 4))
    assert (found.nb_sample, found.nb_class) == (2, 2)
    activations, get = of("keras.activations"), of("keras.utils.generic_utils").get_from_module
    assert get("relu", vars(activations), "activation") is activations.relu
