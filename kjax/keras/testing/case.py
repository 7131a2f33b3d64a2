"""The base class of tests: comparisons of tensors, configs that come back, and the contract of layers."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from absl.testing import parameterized

from kjax.keras import config, ops
from kjax.keras.backend.session import standardize_dtype
from kjax.keras.core.settings import clear_session
from kjax.keras.core.variable import Variable
from kjax.keras.testing.contract import LayerContract
from kjax.keras.testing.data import from_json_with_tuples, to_json_with_tuples
from kjax.keras.testing.devices import uses_tpu


class TestCase(parameterized.TestCase):
    """Base of tests of parts of models; every test begins with a fresh session."""

    maxDiff = None

    def setUp(self) -> None:
        """Begin with a fresh session."""
        clear_session(free_memory=False)
        config.disable_traceback_filtering()

    def get_temp_dir(self) -> str:
        """A new folder that is deleted after the test."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        return folder

    def convert_to_numpy(self, x: Any) -> np.ndarray:
        """A tensor, variable, sparse array or list as a NumPy array."""
        if isinstance(x, np.ndarray):
            return x
        if hasattr(x, "todense"):
            x = x.todense()
        return np.asarray(ops.convert_to_numpy(x)) if ops.is_tensor(x) or isinstance(x, Variable) else np.array(x)

    # -- comparisons ---------------------------------------------------------------------------------------------------

    def assertAllClose(
        self,
        actual: Any,
        desired: Any,
        atol: float = 1e-6,
        rtol: float = 1e-6,
        tpu_atol: float | None = None,
        tpu_rtol: float | None = None,
        msg: str | None = None,
    ) -> None:
        """Check that two arrays have one shape and nearly equal numbers.

        Args:
            actual: what was computed.
            desired: what it should be.
            atol: absolute tolerance.
            rtol: relative tolerance.
            tpu_atol: absolute tolerance on a TPU.
            tpu_rtol: relative tolerance on a TPU.
            msg: what the error says.
        """
        if uses_tpu():
            atol = atol if tpu_atol is None else tpu_atol
            rtol = rtol if tpu_rtol is None else tpu_rtol
        first, second = self.convert_to_numpy(actual), self.convert_to_numpy(desired)
        np.testing.assert_allclose(first, second, atol=atol, rtol=rtol, err_msg=msg or "")

    def assertNotAllClose(
        self, x1: Any, x2: Any, atol: float = 1e-6, rtol: float = 1e-6, msg: str | None = None
    ) -> None:
        """Check that two arrays differ somewhere."""
        try:
            self.assertAllClose(x1, x2, atol=atol, rtol=rtol)
        except AssertionError:
            return
        raise AssertionError(f"all elements are nearly equal. {msg or ''}\n{x1}")

    def assertAlmostEqual(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, actual: Any, desired: Any, decimal: int = 3, tpu_decimal: int | None = None, msg: str | None = None
    ) -> None:
        """Check that two arrays are equal to a number of decimals."""
        if uses_tpu() and tpu_decimal is not None:
            decimal = tpu_decimal
        first, second = self.convert_to_numpy(actual), self.convert_to_numpy(desired)
        np.testing.assert_almost_equal(first, second, decimal=decimal, err_msg=msg or "")

    def assertAllEqual(self, actual: Any, desired: Any, msg: str | None = None) -> None:
        """Check that two arrays are equal."""
        np.testing.assert_array_equal(self.convert_to_numpy(actual), self.convert_to_numpy(desired), err_msg=msg or "")

    def assertLen(self, iterable: Any, expected_len: int, msg: str | None = None) -> None:  # pyright: ignore
        """Check a length."""
        self.assertEqual(len(iterable), expected_len, msg=msg)

    def assertSparse(self, x: Any, sparse: bool = True) -> None:
        """Check that a tensor is sparse, or that it is not."""
        from jax.experimental.sparse import JAXSparse

        found = x.sparse if hasattr(x, "_keras_history") else isinstance(x, JAXSparse)
        self.assertEqual(bool(found), sparse)

    def assertRagged(self, x: Any, ragged: bool = True) -> None:
        """Check that a tensor is ragged, or that it is not; none is on JAX."""
        self.assertEqual(bool(getattr(x, "ragged", False)), ragged, "JAX has no ragged tensors")

    def assertDType(self, x: Any, dtype: Any, msg: str | None = None) -> None:
        """Check the type of a tensor or of a number of Python."""
        found = standardize_dtype(x.dtype if hasattr(x, "dtype") else type(x))
        self.assertEqual(found, standardize_dtype(dtype), msg or f"the dtype is {found} instead of {dtype}")

    def assertFileExists(self, path: Any) -> None:
        """Check that there is a file."""
        self.assertTrue(Path(path).is_file(), f"there is no file {path}")

    # -- contracts -----------------------------------------------------------------------------------------------------

    def run_class_serialization_test(self, instance: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Check that an object comes back from its config, and from its serialized form through JSON.

        Args:
            instance: the object.
            custom_objects: classes that are not registered, by name.

        Returns:
            The object that came back.
        """
        from kjax.keras.saving import custom_object_scope, deserialize_keras_object, serialize_keras_object

        written = to_json_with_tuples(instance.get_config())
        serialized = to_json_with_tuples(serialize_keras_object(instance))
        with custom_object_scope(custom_objects or {}):
            from_config = type(instance).from_config(instance.get_config())
            revived: Any = deserialize_keras_object(from_json_with_tuples(serialized))
        for found in (from_config, revived):
            self.assertEqual(written, to_json_with_tuples(found.get_config()))
            names = [set(dir(thing)) - {"__annotations__"} for thing in (instance, found)]
            self.assertEqual(*names)
        return revived

    def run_layer_test(
        self,
        layer_cls: Any,
        init_kwargs: dict[str, Any] | None,
        input_shape: Any = None,
        input_dtype: Any = None,
        input_sparse: bool = False,
        input_ragged: bool = False,
        input_data: Any = None,
        call_kwargs: dict[str, Any] | None = None,
        expected_output_shape: Any = None,
        expected_output_dtype: Any = None,
        expected_output_sparse: bool = False,
        expected_output_ragged: bool = False,
        expected_output: Any = None,
        expected_num_trainable_weights: int | None = None,
        expected_num_non_trainable_weights: int | None = None,
        expected_num_non_trainable_variables: int | None = None,
        expected_num_seed_generators: int | None = None,
        expected_num_losses: int | None = None,
        supports_masking: bool | None = None,
        expected_mask_shape: Any = None,
        custom_objects: Mapping[str, Any] | None = None,
        run_training_check: bool = True,
        run_mixed_precision_check: bool = True,
        assert_built_after_instantiation: bool = False,
        tpu_atol: float | None = None,
        tpu_rtol: float | None = None,
    ) -> None:
        """Check a layer by the contract that all layers keep.

        It comes back from its config; it can be built by shapes, called on symbolic tensors and on arrays, trained by
        ``fit``, and used in mixed precision; all ways give the same numbers of weights, and the same shapes and types.

        Args:
            layer_cls: the class.
            init_kwargs: arguments of its constructor.
            input_shape: shape of the input, or a list, tuple or dict of shapes.
            input_dtype: types of the inputs, structured like the shapes; float32 by default.
            input_sparse: whether the inputs are sparse.
            input_ragged: refused where it is True.
            input_data: an input in place of its shape.
            call_kwargs: further arguments of the call.
            expected_output_shape: shape of the output, None where any size is right, or a structure of shapes.
            expected_output_dtype: type of the output, or a structure of types.
            expected_output_sparse: whether the output must be sparse.
            expected_output_ragged: whether the output must be ragged.
            expected_output: the output for ``input_data``.
            expected_num_trainable_weights: number of weights that are trained.
            expected_num_non_trainable_weights: number of other weights.
            expected_num_non_trainable_variables: number of other variables, states of seeds among them.
            expected_num_seed_generators: number of random generators.
            expected_num_losses: number of penalties after a call.
            supports_masking: what the layer must say of itself.
            expected_mask_shape: shape of the mask that it computes.
            custom_objects: classes that are not registered, by name.
            run_training_check: whether it is trained.
            run_mixed_precision_check: whether it is used in mixed precision.
            assert_built_after_instantiation: whether it must be built from the start.
            tpu_atol: absolute tolerance on a TPU.
            tpu_rtol: relative tolerance on a TPU.

        Raises:
            ValueError: arguments that exclude one another.
        """
        if input_shape is not None and input_data is not None:
            raise ValueError("give either `input_shape` or `input_data`, not both")
        if expected_output_shape is not None and expected_output is not None:
            raise ValueError("give either `expected_output_shape` or `expected_output`, not both")
        if expected_output is not None and input_data is None:
            raise ValueError("`expected_output` needs `input_data`")
        if expected_mask_shape is not None and supports_masking is not True:
            raise ValueError("`expected_mask_shape` needs supports_masking=True")
        if input_ragged or expected_output_ragged:
            raise ValueError("JAX has no ragged tensors, and kjax refuses them.")
        contract = LayerContract(
            self,
            layer_cls,
            init_kwargs or {},
            call_kwargs or {},
            {
                "trainable_weights": expected_num_trainable_weights,
                "non_trainable_weights": expected_num_non_trainable_weights,
                "non_trainable_variables": expected_num_non_trainable_variables,
                "seed_generators": expected_num_seed_generators,
            },
        )
        contract.set_inputs(input_shape, input_dtype, input_data, input_sparse)
        self.run_class_serialization_test(contract.make(), custom_objects)
        if supports_masking is not None:
            self.assertEqual(contract.make().supports_masking, supports_masking, "supports_masking")
        if not contract.has_inputs:
            return
        contract.check_build()
        layer, outputs = contract.check_symbolic_call()
        contract.check_outputs(outputs, expected_output_shape, expected_output_dtype, expected_output_sparse)
        if expected_mask_shape is not None:
            self.assertEqual(expected_mask_shape, layer.compute_mask(contract.symbolic).shape)
        if assert_built_after_instantiation:
            contract.check_built_at_once()
        layer, outputs = contract.call()
        contract.check_outputs(outputs, expected_output_shape, expected_output_dtype, expected_output_sparse)
        if expected_output is not None:
            contract.check_values(outputs, expected_output, tpu_atol, tpu_rtol)
        if expected_num_losses is not None:
            self.assertLen(layer.losses, expected_num_losses)
        if run_training_check:
            contract.check_training(layer, outputs)
        if run_mixed_precision_check:
            contract.check_mixed_precision()
