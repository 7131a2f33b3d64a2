"""TensorFlow's assertions, `tf.test.TestCase`, `tf.nest`, `tf.compat`."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
import unittest
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from kjax.keras.core import scope as scopes
from kjax.keras.legacy.tensorflow.tensor import Tensor, is_leaf, unwrap

failures: list[str] = []
"""What assertions in compiled functions found; whoever runs such a function looks here when it is done."""


def _demand(condition: Callable[..., Any], title: str, values: Sequence[Any]) -> None:
    """Raise where a condition does not hold; in a compiled function it is looked at when that runs.

    Raises:
        ValueError: it does not hold.
    """

    def found(*arrays: Any) -> str | None:
        return None if np.all(condition(*map(np.asarray, arrays))) else f"{title}: {[np.asarray(a) for a in arrays]}"

    if not any(isinstance(value, Tracer) for value in values):
        failure = found(*values)
        if failure is not None:
            raise ValueError(failure)
        return
    scope = scopes.current()
    if not getattr(scope, "optional", False):  # in the steps of `fit` nothing waits for single values
        return
    scope.checked = True  # type: ignore[union-attr]
    jax.debug.callback(lambda *arrays: failures.extend(filter(None, [found(*arrays)])), *values)


def _assertion(name: str, holds: Callable[..., Any]) -> Callable[..., Any]:
    def check(*args: Any, message: str | None = None, summarize: Any = None, name: str | None = None) -> None:
        del summarize, name
        _demand(holds, f"{title} does not hold{': ' + message if message else ''}", [unwrap(a) for a in args])

    title = name
    check.__name__ = check.__qualname__ = name
    check.__doc__ = f"``tf.debugging.{name}``."
    return check


assert_equal = _assertion("assert_equal", lambda a, b: a == b)
assert_greater = _assertion("assert_greater", lambda a, b: a > b)
assert_greater_equal = _assertion("assert_greater_equal", lambda a, b: a >= b)
assert_less = _assertion("assert_less", lambda a, b: a < b)
assert_less_equal = _assertion("assert_less_equal", lambda a, b: a <= b)
assert_near = _assertion("assert_near", lambda a, b: np.isclose(a, b, rtol=1e-5, atol=1e-5))
assert_positive = _assertion("assert_positive", lambda a: a > 0)
assert_non_negative = _assertion("assert_non_negative", lambda a: a >= 0)
assert_rank = _assertion("assert_rank", lambda a, rank: a.ndim == rank)
assert_all_finite = _assertion("assert_all_finite", np.isfinite)
assert_negative = _assertion("assert_negative", lambda a: a < 0)
assert_non_positive = _assertion("assert_non_positive", lambda a: a <= 0)
assert_none_equal = _assertion("assert_none_equal", lambda a, b: a != b)
assert_rank_at_least = _assertion("assert_rank_at_least", lambda a, rank: a.ndim >= rank)
assert_rank_in = _assertion("assert_rank_in", lambda a, *ranks: a.ndim in np.ravel(ranks))
assert_scalar = _assertion("assert_scalar", lambda a: a.ndim == 0)
assert_integer = _assertion("assert_integer", lambda a: a.dtype.kind in "iu")
assert_same_float_dtype = _assertion("assert_same_float_dtype", lambda *a: len({x.dtype for x in a}) == 1)
assert_shapes = _assertion("assert_shapes", lambda *a: True)
assert_type = _assertion("assert_type", lambda *a: True)


def check_numerics(tensor: Any, message: str, name: str | None = None) -> Any:
    """``tf.debugging.check_numerics``: the tensor, which must be finite."""
    assert_all_finite(tensor, message=message)
    return tensor


def assert_true(condition: Any, data: Any = None, summarize: Any = None, name: str | None = None) -> None:
    """``tf.debugging.Assert``."""
    del summarize, name
    _demand(lambda holds, *rest: holds, "the assertion does not hold", [unwrap(condition), *(unwrap(data) or ())])


class TestCase(unittest.TestCase):
    """``tf.test.TestCase``: comparisons of arrays."""

    def evaluate(self, tensors: Any) -> Any:
        """The values as NumPy arrays."""
        return jax.tree.map(lambda t: np.asarray(unwrap(t)), tensors, is_leaf=is_leaf)

    @contextlib.contextmanager
    def cached_session(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """A session."""
        from kjax.keras.legacy.tensorflow.graphs import Session

        yield Session()

    session = test_session = cached_session

    def get_temp_dir(self) -> str:
        """A folder for the test's files."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        return folder

    def assertAllClose(self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: Any = None) -> None:
        """Trees of arrays are close."""
        mine, theirs = jax.tree.leaves(self.evaluate(a)), jax.tree.leaves(self.evaluate(b))
        if len(mine) != len(theirs):
            mine, theirs = [np.asarray(mine)], [np.asarray(theirs)]
        for x, y in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(x, y, rtol=rtol, atol=atol, err_msg=str(msg or ""))

    def assertNotAllClose(self, a: Any, b: Any, **kwargs: Any) -> None:
        """Trees of arrays are not close."""
        with self.assertRaises(AssertionError):
            self.assertAllClose(a, b, **kwargs)

    def assertAllEqual(self, a: Any, b: Any, msg: Any = None) -> None:
        """Arrays are equal."""
        np.testing.assert_array_equal(np.asarray(unwrap(a)), np.asarray(unwrap(b)), err_msg=str(msg or ""))

    def assertAllInRange(self, target: Any, lower_bound: Any, upper_bound: Any, **options: Any) -> None:
        """All values lie between two."""
        values = np.asarray(unwrap(target))
        self.assertTrue(((values >= lower_bound) & (values <= upper_bound)).all())

    def assertAllGreater(self, a: Any, comparison_target: Any) -> None:
        """All values are larger."""
        self.assertTrue((np.asarray(unwrap(a)) > comparison_target).all())

    def assertAllLess(self, a: Any, comparison_target: Any) -> None:
        """All values are smaller."""
        self.assertTrue((np.asarray(unwrap(a)) < comparison_target).all())

    def assertShapeEqual(self, input_a: Any, input_b: Any, msg: Any = None) -> None:
        """Shapes are equal."""
        self.assertEqual(tuple(input_a.shape), tuple(input_b.shape), msg)

    def assertNear(self, f1: float, f2: float, err: float, msg: Any = None) -> None:
        """Two numbers are near each other."""
        self.assertLessEqual(abs(float(f1) - float(f2)), err, msg)


main = unittest.main


def as_str(bytes_or_text: Any, encoding: str = "utf-8") -> str:
    """``tf.compat.as_str``, ``as_text``."""
    return bytes_or_text.decode(encoding) if isinstance(bytes_or_text, bytes) else str(bytes_or_text)


def as_str_any(value: Any, encoding: str = "utf-8") -> str:
    """``tf.compat.as_str_any``."""
    return as_str(value, encoding)


def as_bytes(bytes_or_text: Any, encoding: str = "utf-8") -> bytes:
    """``tf.compat.as_bytes``."""
    return bytes_or_text if isinstance(bytes_or_text, bytes) else bytes_or_text.encode(encoding)


# -- nested structures -------------------------------------------------------------------------------------------


def flatten(structure: Any, expand_composites: bool = False) -> list[Any]:
    """``tf.nest.flatten``."""
    from kjax.keras import tree

    return tree.flatten(structure)


def map_structure(func: Callable[..., Any], *structures: Any, **options: Any) -> Any:
    """``tf.nest.map_structure``."""
    from kjax.keras import tree

    return tree.map_structure(func, *structures)


def pack_sequence_as(structure: Any, flat_sequence: Any, expand_composites: bool = False) -> Any:
    """``tf.nest.pack_sequence_as``."""
    from kjax.keras import tree

    return tree.pack_sequence_as(structure, list(flat_sequence))


def assert_same_structure(nest1: Any, nest2: Any, *args: Any, **options: Any) -> None:
    """``tf.nest.assert_same_structure``."""
    from kjax.keras import tree

    tree.assert_same_structure(nest1, nest2)


def is_nested(structure: Any) -> bool:
    """``tf.nest.is_nested``."""
    return isinstance(structure, (list, tuple, dict))


def timestamp(name: str | None = None) -> Any:
    """``tf.timestamp``: seconds since 1970."""
    return Tensor(np.float64(time.time()))


def dimension_value(dimension: Any) -> int | None:
    """``tf.compat.dimension_value``: a size as a number."""
    return getattr(dimension, "value", dimension)


def path_to_str(path: Any) -> str:
    """``tf.compat.path_to_str``."""
    return os.fspath(path) if hasattr(path, "__fspath__") else path
