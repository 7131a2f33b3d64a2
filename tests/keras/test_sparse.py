"""Sparse arrays: in operations as real Keras has them, through layers and models, as data, and as outputs of encodings."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import sparse

from kjax import keras
from kjax.keras import backend, layers, ops

rng = np.random.default_rng(0)
A = np.array([[0, 2, 0, 3], [1, 0, 0, 0], [0, 0, 0, 4]], "float32")
B = np.array([[0, 1, 5, 0], [1, 0, 0, 0], [0, 0, 0, 2]], "float32")
SA, SB = sparse.BCOO.fromdense(jnp.asarray(A)), sparse.BCOO.fromdense(jnp.asarray(B))
MATRIX = rng.normal(size=(4, 2)).astype("float32")

CALLS = [
    ("add", (SA, SB), {}),
    ("add", (SA, B), {}),
    ("subtract", (SA, SB), {}),
    ("multiply", (SA, SB), {}),
    ("multiply", (SA, B), {}),
    ("multiply", (SA, 2.0), {}),
    ("divide", (SA, 2.0), {}),
    ("matmul", (SA, MATRIX), {}),
    ("matmul", (MATRIX.T, SA.T), {}),
    ("matmul", (SA, SB.T), {}),
    ("sum", (SA,), {"axis": 1}),
    ("sum", (SA,), {"axis": 0, "keepdims": True}),
    ("mean", (SA,), {"axis": -1}),
    ("sqrt", (SA,), {}),
    ("exp", (SA,), {}),
    ("log1p", (SA,), {}),
    ("absolute", (SA,), {}),
    ("reshape", (SA, (-1, 3)), {}),
    ("transpose", (SA,), {}),
    ("expand_dims", (SA, 1), {}),
    ("concatenate", ([SA, SB],), {"axis": 1}),
    ("concatenate", ([SA, B],), {}),
    ("cast", (SA, "float16"), {}),
    ("convert_to_tensor", (SA,), {"sparse": False}),
    ("one_hot", (np.array([[1, 3], [0, -1]]), 4), {"sparse": True}),
    ("multi_hot", (np.array([[1, 3, 1], [0, -1, 9]]), 4), {"sparse": True}),
    ("bincount", (np.array([[1, 2, 2], [0, 1, 1]]),), {"minlength": 4, "sparse": True}),
]


def dense(x: Any) -> np.ndarray:
    return np.asarray(x.todense() if isinstance(x, sparse.BCOO) else x)


@pytest.mark.parametrize(("name", "args", "kwargs"), CALLS, ids=[f"{i}-{c[0]}" for i, c in enumerate(CALLS)])
def test_operations_give_what_they_give_in_keras(name: str, args: Any, kwargs: Any, keras3: Any):
    theirs, mine = getattr(keras3.ops, name)(*args, **kwargs), getattr(ops, name)(*args, **kwargs)
    assert isinstance(mine, sparse.BCOO) == isinstance(theirs, sparse.BCOO)
    assert dense(mine).dtype == dense(theirs).dtype
    np.testing.assert_allclose(dense(mine), dense(theirs), rtol=1e-6)


def test_other_operations_make_them_dense():
    np.testing.assert_allclose(ops.max(SA, axis=0), A.max(axis=0))
    np.testing.assert_allclose(ops.softmax(SA), ops.softmax(A))
    np.testing.assert_allclose(ops.convert_to_numpy(SA), A)
    assert ops.is_tensor(SA) and ops.shape(SA) == (3, 4)


def test_layers_models_and_programs_take_them():
    x = keras.Input((4,), sparse=True)
    assert x.sparse and x._keras_history[0].get_config()["sparse"]
    seen = []
    h = layers.Lambda(lambda t: seen.append(type(t).__name__) or ops.matmul(t, np.eye(4, dtype="float32")))(x)
    model = keras.Model(x, layers.Dense(2)(layers.Dropout(0.5)(h)))
    np.testing.assert_allclose(model(SA), model(A), rtol=1e-5)
    assert "BCOO" in seen
    np.testing.assert_allclose(jax.jit(lambda a: model(a))(SA), model(A), rtol=1e-5)
    dense_layer = layers.Dense(3)
    np.testing.assert_allclose(dense_layer(SA), dense_layer(A), rtol=1e-5)
    gradient = jax.grad(lambda k: dense_layer.stateless_call([k, np.zeros(3, "float32")], [], SA)[0].sum())
    np.testing.assert_allclose(gradient(dense_layer.kernel.value), A.T @ np.ones((3, 3), "float32"), rtol=1e-6)
    assert layers.Flatten()(ops.expand_dims(SA, 1)).shape == (3, 4)
    plain = keras.Input((4,))
    assert not plain.sparse
    np.testing.assert_allclose(keras.Model(plain, plain + 1)(SA), A + 1)
    again = keras.models.clone_model(keras.Model(x, layers.Dense(1)(x)))
    assert again.inputs[0].sparse


def test_sparse_data():
    scipy_sparse = pytest.importorskip("scipy.sparse")
    data = scipy_sparse.random(24, 50, 0.1, format="csr", dtype="float32", random_state=0)
    y = rng.normal(size=(24, 1)).astype("float32")
    results = []
    for given in (data.toarray(), data, sparse.BCOO.from_scipy_sparse(data)):
        keras.utils.set_random_seed(0)
        x = keras.Input((50,), sparse=True)
        model = keras.Model(x, layers.Dense(1)(layers.Dense(4, "relu")(x)))
        model.compile("sgd", "mse")
        history = model.fit(given, y, batch_size=8, epochs=2, verbose=0).history["loss"]
        results.append((history, model.evaluate(given, y, verbose=0), model.predict(given, verbose=0)))
    for other in results[1:]:
        for a, b in zip(other, results[0], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)


SPARSE_OR_NOT: tuple[dict[str, Any], ...] = ({"sparse": True}, {})


def test_encodings_may_be_sparse():
    def same(layer: Any, twin: Any, *inputs: Any) -> None:
        result = layer(*inputs)
        assert isinstance(result, sparse.BCOO) and layer.get_config()["sparse"]
        np.testing.assert_array_equal(result.todense(), twin(*inputs))
        assert layers.Dense(2)(ops.cast(result, "float32")).shape == (len(result.todense()), 2)

    both = []
    numbers, words = np.array([[1, 2], [0, 4]]), [["a", "b"], ["c", "a"]]
    for how in SPARSE_OR_NOT:
        made = [
            layers.CategoryEncoding(5, **how),
            layers.Discretization([0.5, 2.5], output_mode="count", **how),
            layers.IntegerLookup(vocabulary=[1, 4], output_mode="multi_hot", **how),
            layers.StringLookup(vocabulary=["a", "b"], output_mode="count", **how),
            layers.Hashing(4, output_mode="multi_hot", **how),
            layers.TextVectorization(vocabulary=["a", "b"], output_mode="tf_idf", idf_weights=[1.0, 2.0], **how),
        ]
        both.append(made)
    inputs = [numbers, numbers, numbers, words, words, ["a b a", "c"]]
    for layer, twin, given in zip(*both, inputs, strict=True):
        same(layer, twin, given)
    crossing = [layers.HashedCrossing(5, output_mode="one_hot", sparse=flag) for flag in (True, False)]
    same(*crossing, [np.array(["a", "b"]), np.array([1, 2])])
    x = keras.Input((2,), dtype="int32")  # inside compiled models rows are dense
    model = keras.Model(x, layers.CategoryEncoding(5, sparse=True)(x))
    np.testing.assert_array_equal(model.predict(numbers, verbose=0), layers.CategoryEncoding(5)(numbers))
    for make in (lambda: layers.Hashing(3, sparse=True), lambda: layers.StringLookup(vocabulary=["a"], sparse=True)):
        with pytest.raises(ValueError, match="output_mode"):
            make()


def test_the_backend_tells_them_apart():
    assert backend.is_sparse(SA) and not backend.is_sparse(A)
    np.testing.assert_array_equal(backend.to_dense(SA), A)
    x = backend.placeholder((None, 4), sparse=True)
    assert backend.is_sparse(x) and not backend.is_sparse(backend.to_dense(x))
    run = backend.function([x], [backend.dot(x, backend.variable(MATRIX))])
    np.testing.assert_allclose(run([SA])[0], A @ MATRIX, rtol=1e-6)
    with pytest.raises(ValueError, match="ragged"):
        keras.Input((3,), ragged=True)
    with pytest.raises(ValueError, match="two axes"):
        keras.Sequential([layers.Flatten()]).predict(sparse.BCOO.fromdense(jnp.asarray(A[None])), verbose=0)
