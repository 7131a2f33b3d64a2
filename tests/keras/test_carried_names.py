"""Names that modules of Keras 1 and 2 had besides their own: `import *`, private bases, the decorators of interfaces."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from kjax import keras
from kjax.keras.legacy import interfaces
from kjax.keras.legacy.bases import _GlobalPooling2D, _Pooling1D, _Pooling2D
from kjax.keras.legacy.modules import MODULES
from tests.processes import one_device

STARS = """
import sys
import kjax.keras
from kjax.keras.legacy.modules import MODULES
kjax.keras.install(version=sys.argv[1])
for path in MODULES:
    if not path.startswith("src"):
        exec(f"from keras.{path} import *".replace("keras. ", "keras "), {})
from keras.layers import *
from keras.utils.generic_utils import *
from keras.utils.io_utils import *
assert Dense and Progbar and CustomObjectScope and HDF5Matrix
if sys.argv[1] in "12":
    assert K.ndim(K.zeros((2, 3))) == 2 and np.zeros(3).shape == (3,) and regularizers.l2(0.1)
    from keras.engine.training import Progbar, make_batches, standardize_input_data
    from keras.engine.topology import to_list
    from keras.layers.convolutional import K as backend, conv_utils
    assert backend is K and conv_utils.normalize_tuple(3, 2, "size") == (3, 3)
    import keras.models
    assert not hasattr(keras.models, "no_such_name") and not hasattr(keras, "np")
print("all", len(MODULES))
"""


@pytest.mark.parametrize("version", ["1", "2", "tf", "3"])
def test_all_names_of_every_module_can_be_imported(version):
    environment = one_device({"PYTHONWARNINGS": "ignore"})
    command = [sys.executable, "-c", STARS, version]
    process = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert process.stdout.strip() == f"all {len(MODULES)}", process.stderr


class Mean2D(_Pooling2D):
    def _pooling_function(self, inputs, pool_size, strides, padding, data_format):
        return keras.backend.pool2d(inputs, pool_size, strides, padding, data_format, pool_mode="avg")


class Mean1D(_Pooling1D):
    def _pooling_function(self, inputs, pool_size, strides, padding, data_format):
        return keras.backend.pool2d(inputs, pool_size, strides, padding, data_format, pool_mode="avg")


class Largest(_GlobalPooling2D):
    def call(self, inputs):
        return keras.backend.max(inputs, axis=[1, 2])


@pytest.mark.parametrize(
    ("mine", "built_in", "shape"),
    [
        (Mean2D(2), keras.layers.AveragePooling2D(2), (2, 5, 6, 3)),
        (Mean2D((2, 3), 1, "same"), keras.layers.AveragePooling2D((2, 3), 1, "same"), (2, 5, 6, 3)),
        (Mean1D(3, 2), keras.layers.AveragePooling1D(3, 2), (2, 8, 3)),
        (Largest(), keras.layers.GlobalMaxPooling2D(), (2, 5, 6, 3)),
    ],
)
def test_pooling_layers_of_ones_own(mine, built_in, shape):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    expected = built_in(x)
    np.testing.assert_allclose(mine(x), expected, rtol=1e-6, atol=1e-6)
    assert mine.compute_output_shape(shape) == expected.shape
    again = type(mine).from_config(mine.get_config())
    np.testing.assert_array_equal(again(x), mine(x))


def test_a_copied_layer_takes_the_spelling_of_keras_1():
    class Copied(keras.layers.Layer):
        @interfaces.legacy_dense_support
        def __init__(self, units, kernel_initializer="glorot_uniform", use_bias=True, **kwargs):
            super().__init__(**kwargs)
            self.given = units, kernel_initializer, use_bias

    with pytest.warns(FutureWarning, match="`output_dim` is `units`, `init` is `kernel_initializer`"):
        layer = Copied(output_dim=3, init="zeros", bias=False)
    assert layer.given == (3, "zeros", False)
    assert Copied(4).given == (4, "glorot_uniform", True)


def test_interfaces_of_ones_own():
    class Window:
        @interfaces.generate_legacy_interface(
            allowed_positional_args=["size"],
            conversions=[("length", "size")],
            value_conversions={"mode": {"th": "first"}},
        )
        def __init__(self, size, mode="last"):
            self.given = size, mode

    with pytest.warns(FutureWarning, match="`length` is `size` today"):
        assert Window(length=3, mode="th").given == (3, "first")
    with pytest.raises(TypeError, match=r"by position only \['size'\]"):
        Window(3, "last")
    with pytest.raises(AttributeError, match="legacy_dense_support"):
        interfaces.legacy_dens_support  # noqa: B018
