"""The functions of ``keras.ops`` against real Keras: values, shapes and types, symbolically too, and their presence."""

from __future__ import annotations

import inspect
from typing import Any

import jax
import numpy as np
import pytest

from kjax.keras import ops
from kjax.keras.core.tensor import KerasTensor
from kjax.keras.ops.table import entries
from tests.keras.ops_cases import BY_HAND, CASES, Call

CONCRETE = {
    # sizes of the results depend on values
    "nonzero",
    "unique",
    "bincount",
    "repeat",
    "histogram",
    # arguments that are no tensors
    "arange",
    "array",
    "convert_to_numpy",
    "convert_to_tensor",
    "dtype",
    "shape",
    "ndim",
    "size",
    "linspace",
    "logspace",
    "geomspace",
    "isin",
}

NAMES = {name: entry for name, entry in entries().items()}


@pytest.fixture(autouse=True)
def broadcasting():
    """Arrays of unequal rank are the caller's business here."""
    with jax.numpy_rank_promotion("allow"):
        yield


def find(root: Any, name: str) -> Any:
    for part in name.split("."):
        root = getattr(root, part)
    return root


def check(ours: Any, theirs: Any, call: Call) -> None:
    mine, other = jax.tree.leaves(ours), jax.tree.leaves(theirs)
    assert len(mine) == len(other), f"{call}: {len(mine)} results, Keras gives {len(other)}"
    for a, b in zip(mine, other, strict=True):
        if isinstance(b, (str, int)):
            assert a == b, f"{call}: {a!r}, Keras gives {b!r}"
            continue
        assert a.dtype == b.dtype, f"{call}: {a.dtype}, Keras gives {b.dtype}"
        a, b = np.asarray(a), np.asarray(b)
        assert a.shape == b.shape, f"{call}: {a.shape}, Keras gives {b.shape}"
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6, err_msg=str(call))


def symbolic(tree: Any) -> Any:
    def replace(leaf: Any) -> Any:
        if not isinstance(leaf, np.ndarray) or leaf.dtype.kind != "f":
            return leaf
        return KerasTensor(leaf.shape, str(leaf.dtype), name="x")

    return jax.tree.map(replace, tree)


def check_symbolic(call: Call, results: Any) -> bool:
    """Symbolic calls have the shapes and types of the results; whether there is such a call."""
    drawn = symbolic(call.args)
    if call.name in CONCRETE or not any(isinstance(leaf, KerasTensor) for leaf in jax.tree.leaves(drawn)):
        return False
    tensors = jax.tree.leaves(find(ops, call.name)(*drawn, **call.kwargs))
    expected = jax.tree.leaves(results)
    for tensor, array in zip(tensors, expected, strict=True):
        assert (tensor.shape, tensor.dtype) == (array.shape, str(array.dtype)), call
    # The node computes what the function does.
    layer, index, _ = tensors[0]._keras_history
    node = layer._inbound_nodes[index]
    given = iter(leaf for leaf in jax.tree.leaves(call.args) if isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f")
    args, kwargs = jax.tree.map(
        lambda leaf: next(given) if isinstance(leaf, KerasTensor) else leaf, (node.args, node.kwargs)
    )
    for a, b in zip(jax.tree.leaves(layer.function(*args, **kwargs)), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, err_msg=str(call))
    return True


@pytest.mark.slow
@pytest.mark.parametrize("part", CASES)
def test_values_and_types_are_those_of_keras(part: str, keras3: Any):
    count = 0
    for call in CASES[part]:
        theirs = find(keras3.ops, call.name)(*call.args, **call.kwargs)
        ours = find(ops, call.name)(*call.args, **call.kwargs)
        check(ours, theirs, call)
        count += check_symbolic(call, ours)
    assert count > 10


def test_every_function_has_a_case():
    called = {call.name.removeprefix("image.") for calls in CASES.values() for call in calls} | set(BY_HAND)
    assert set(NAMES) - called == set()


def test_names_and_arguments_are_those_of_keras(keras3: Any):
    for name, entry in NAMES.items():
        theirs = find(keras3.ops, f"image.{name}" if entry.module == "image" else name)
        mine = find(ops, f"image.{name}" if entry.module == "image" else name)
        expected = [(p.name, p.default) for p in inspect.signature(theirs).parameters.values()]
        assert [(p.name, p.default) for p in inspect.signature(mine).parameters.values()] == expected, name
    public = {n for n in dir(keras3.ops) if not n.startswith("_")}
    assert public - set(dir(ops)) == set()
    for part in ("numpy", "nn", "linalg", "image"):
        listed = {n for n in dir(getattr(keras3.ops, part)) if not n.startswith("_")}
        assert listed - set(dir(getattr(ops, part))) == set(), part


def test_operations_are_written_as_those_of_keras(keras3: Any):
    from importlib import import_module

    for name, entry in NAMES.items():
        if entry.class_name is None:
            continue
        cls = getattr(import_module(f"keras.src.ops.{entry.module}"), entry.class_name)
        parameters = inspect.signature(cls.__init__).parameters.values()
        expected = [p.name for p in parameters if p.name not in ("self", "name", "args", "kwargs")]
        assert sorted(entry.arguments) == sorted(expected), name
