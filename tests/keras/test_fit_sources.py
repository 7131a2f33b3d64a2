"""``fit``, ``evaluate`` and ``predict`` on every kind of source, next to real Keras."""

from __future__ import annotations

import threading
import warnings

import numpy as np
import pytest

from kjax import keras
from kjax.data import PyDataset

RNG = np.random.default_rng(0)
X = RNG.standard_normal((100, 6)).astype("float32")
Y = RNG.integers(0, 3, 100)
W = RNG.uniform(0.5, 2, 100).astype("float32")
SIZE = 16
LOWS = range(0, 100, SIZE)
KERNEL = RNG.standard_normal((6, 3)).astype("float32")


def build(keras=keras):
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3, activation="softmax")])
    model.set_weights([KERNEL, np.zeros(3)])
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def batches(weights=False):
    for low in LOWS:
        part = slice(low, low + SIZE)
        yield (X[part], Y[part], W[part]) if weights else (X[part], Y[part])


def endless():
    while True:
        yield from batches()


def numbers(base, **options):
    class Numbers(base):
        def __init__(self):
            super().__init__(**options)
            self.said = []

        def __len__(self):
            return len(LOWS)

        def __getitem__(self, index):
            low = index * SIZE
            return X[low : low + SIZE], Y[low : low + SIZE]

        def on_epoch_begin(self):
            self.said.append("begin")

        def on_epoch_end(self):
            self.said.append("end")

    return Numbers()


def run(keras, x, **options):
    options = {"epochs": 3, "shuffle": False, "verbose": 0, **options}
    model = build(keras)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = model.fit(x, **options).history
    told = sum("ran out of data" in str(w.message) for w in caught)
    return history, model.get_weights(), told


def assert_same(ours, theirs):
    assert sorted(ours[0]) == sorted(theirs[0])
    for name, values in theirs[0].items():
        np.testing.assert_allclose(ours[0][name], values, rtol=2e-5, err_msg=name)
    for a, b in zip(ours[1], theirs[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


def threads_of_data() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("kjax") and t.name != "kjax-together"]


def test_epochs_go_on_in_the_pass_as_in_keras(keras3):
    options = {"epochs": 2, "steps_per_epoch": 3, "batch_size": SIZE}
    theirs = run(keras3, X, y=Y, **options)
    assert_same(run(keras, X, y=Y, **options), theirs)
    options.pop("batch_size")
    assert_same(run(keras, numbers(PyDataset), **options), run(keras3, numbers(keras3.utils.PyDataset), **options))


def test_epochs_go_on_in_the_next_pass_as_in_keras_2():
    """Seven batches in epochs of 3, 4 and 6: all have their full length; an endless generator gives the same."""
    for steps in (3, 4, 6):
        expected = run(keras, endless(), epochs=6, steps_per_epoch=steps)
        for arguments in ({"x": X, "y": Y, "batch_size": SIZE}, {"x": numbers(PyDataset, workers=2)}):
            found = run(keras, **arguments, epochs=6, steps_per_epoch=steps)
            assert found[2] == 0
            assert_same(found, expected)


def test_epochs_longer_than_a_pass_end_early_as_in_keras(keras3):
    options = {"epochs": 2, "steps_per_epoch": 9}
    theirs = run(keras3, numbers(keras3.utils.PyDataset), **options)
    ours = run(keras, numbers(PyDataset), **options)
    assert_same(ours, theirs)
    assert ours[2] >= 1 and theirs[2] >= 1


def test_endless_generator_as_in_keras(keras3):
    theirs = run(keras3, endless(), steps_per_epoch=5)
    ours = run(keras, endless(), steps_per_epoch=5)
    assert_same(ours, theirs)
    # Keras 3 gives a validation from a generator the same first batches each time; here it goes on, as in Keras 2.
    validated = run(keras, endless(), steps_per_epoch=5, validation_data=endless(), validation_steps=7)
    arrays = run(keras, endless(), steps_per_epoch=5, validation_data=(X, Y), validation_batch_size=SIZE)
    assert_same(validated, arrays)
    assert not threads_of_data()


def test_number_of_steps_gives_the_batch_size(keras3):
    options = {"epochs": 2, "steps_per_epoch": 4}
    assert_same(run(keras, X, y=Y, **options), run(keras3, X, y=Y, **options))


def test_generators_that_end(keras3):
    ours = run(keras, batches(), epochs=3)
    assert len(ours[0]["loss"]) == 1 and ours[2] == 1
    np.testing.assert_allclose(ours[0]["loss"], run(keras3, X, y=Y, epochs=1, batch_size=SIZE)[0]["loss"], rtol=2e-5)
    short = run(keras, batches(), epochs=5, steps_per_epoch=5)
    assert len(short[0]["loss"]) == 2 and short[2] == 1  # five, and two
    again = run(keras, batches, epochs=3)  # the function, which can begin anew
    assert_same(again, run(keras3, X, y=Y, epochs=3, batch_size=SIZE))


def test_weights_through_every_source(keras3):
    weighted = run(keras3, X, y=Y, sample_weight=W, batch_size=SIZE, epochs=2)
    assert_same(run(keras, lambda: batches(weights=True), epochs=2), weighted)
    by_class = {0: 1.0, 1: 3.0, 2: 0.5}
    classes = run(keras3, X, y=Y, class_weight=by_class, batch_size=SIZE, epochs=2)
    assert_same(run(keras, lambda: batches(), class_weight=by_class, epochs=2), classes)
    assert_same(run(keras, numbers(PyDataset), class_weight=by_class, epochs=2), classes)


def test_the_data_set_hears_of_each_epoch_once():
    data, validation = numbers(PyDataset), numbers(PyDataset)
    build().fit(data, validation_data=validation, epochs=2, verbose=0)
    assert data.said == validation.said == ["begin", "end"] * 2


def test_real_keras_data_sets_and_legacy_arguments(keras3):
    expected = run(keras, X, y=Y, batch_size=SIZE)
    theirs = numbers(keras3.utils.PyDataset, workers=2)
    assert_same(run(keras, theirs), expected)
    for options in ({"workers": 3, "max_queue_size": 2}, {"workers": 0}, {"workers": 2, "use_multiprocessing": True}):
        assert_same(run(keras, numbers(PyDataset), **options), expected)


def test_evaluate_and_predict():
    model = build()
    expected = model.evaluate(X, Y, batch_size=SIZE, verbose=0)
    outputs = model.predict(X, verbose=0)
    for data in (batches(), numbers(PyDataset, workers=2), batches):
        np.testing.assert_allclose(model.evaluate(data, verbose=0), expected, rtol=1e-6)
    for data in (batches(), numbers(PyDataset), (x for x, _ in batches()), batches):
        np.testing.assert_allclose(model.predict(data, verbose=0), outputs, rtol=1e-6)
    np.testing.assert_allclose(model.predict(endless(), steps=3, verbose=0), outputs[: 3 * SIZE], rtol=1e-6)
    np.testing.assert_allclose(
        model.evaluate(endless(), steps=2, verbose=0), model.evaluate(X[:32], Y[:32], verbose=0), rtol=1e-6
    )


def test_callbacks_for_batches_hear_each_one():
    class Each(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.seen = []

        def on_train_batch_end(self, batch, logs=None):
            self.seen.append((batch, int(self.model.optimizer.iterations), logs["loss"]))

    each, plain = Each(), keras.callbacks.LambdaCallback()
    a = run(keras, numbers(PyDataset), epochs=2, callbacks=each)
    b = run(keras, numbers(PyDataset), epochs=2, callbacks=plain)
    assert [batch for batch, _, _ in each.seen] == [*range(7), *range(7)]
    assert [n for _, n, _ in each.seen] == list(range(1, 15))
    assert each.seen[6][2] == a[0]["loss"][0]
    for x, y in zip(a[1], b[1], strict=True):
        np.testing.assert_array_equal(x, y)


def test_an_exception_leaves_nothing_behind():
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    model = build()
    data = numbers(PyDataset, workers=3)
    with pytest.raises(KeyboardInterrupt):
        model.fit(data, verbose=0, callbacks=Stop())
    assert not threads_of_data()
    model.fit(data, verbose=0)
    assert int(model.optimizer.iterations) == 8


def test_workers_end_also_where_the_data_do_not_fit():
    class Wide(PyDataset):
        def __len__(self):
            return 5

        def __getitem__(self, index):
            return X[:4, :5], Y[:4]

    for wrong in ("fit", "evaluate", "predict"):
        with pytest.raises(ValueError, match="expects samples of shape"):
            getattr(build(), wrong)(Wide(workers=3), verbose=0)
        assert not threads_of_data()


def test_a_generator_may_ask_the_model():
    model = build()

    def asking():
        for _ in range(40):
            sure = model.predict(X[:SIZE], verbose=0).max(axis=1)
            assert np.isfinite(model.get_weights()[0]).all()
            yield X[:SIZE], Y[:SIZE], 1 - sure

    model.fit(asking(), verbose=0)
    assert int(model.optimizer.iterations) == 40


def test_tables():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": [1, 2, 3], "b": [True, False, True], "word": ["u", "v", "w"]})
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(table[["a", "b"]], table["a"], verbose=0)
    with pytest.raises(ValueError, match=r"column 'word' of the table holds .* not numbers"):
        model.fit(table, table["a"], verbose=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": batches, "y": Y}, "hold the targets and weights themselves"),
        ({"x": batches, "validation_split": 0.2}, "only supported for tensors or NumPy arrays"),
        ({"x": X, "y": Y, "validation_data": 3}, "a source of such batches, received int"),
        ({"x": iter([])}, "gave no batch"),
        ({"x": iter([(X[:, :4], Y)])}, r"expects samples of shape \(6,\), received \(4,\)"),
    ],
)
def test_errors_come_before_training(arguments, message):
    with pytest.raises(ValueError, match=message):
        build().fit(**arguments, verbose=0)


def test_a_model_without_a_shape_is_built_by_the_first_batch():
    model = keras.Sequential([keras.layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(({"x": x}["x"], y) for x, y in batches())
    assert model.count_params() == 21


def test_inputs_by_name_and_several_outputs():
    a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    both = keras.layers.Concatenate()([a, b])
    model = keras.Model([a, b], [keras.layers.Dense(1, name="p")(both), keras.layers.Dense(1, name="q")(a)])
    model.compile("sgd", {"p": "mse", "q": "mae"})
    start = model.get_weights()
    targets = X[:, :1], X[:, 1:2]
    model.fit({"a": X, "b": X}, targets, batch_size=SIZE, shuffle=False, verbose=0)
    ends = [model.get_weights()]
    by_name = ({"b": X[i : i + 16], "a": X[i : i + 16]} for i in LOWS), None
    named = [(x, {"q": X[i : i + 16, 1:2], "p": X[i : i + 16, :1]}) for x, i in zip(by_name[0], LOWS, strict=True)]
    listed = [([X[i : i + 16]] * 2, [X[i : i + 16, :1], X[i : i + 16, 1:2]]) for i in LOWS]
    for data in (named, listed):
        model.set_weights(start)
        model.fit(iter(data), verbose=0)
        ends.append(model.get_weights())
    for other in ends[1:]:
        for u, v in zip(ends[0], other, strict=True):
            np.testing.assert_array_equal(u, v)
    two = model.predict(iter([[X[:8], X[:8]]]), verbose=0)
    np.testing.assert_allclose(two[1], model.predict([X[:8], X[:8]], verbose=0)[1], rtol=1e-6)
