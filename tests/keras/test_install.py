"""`install`: after it `import keras` means kjax, by the paths of all generations; without it nothing changes."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from kjax import keras as kjax_keras
from kjax.keras.core.settings import settings
from kjax.keras.legacy import guess
from kjax.keras.legacy.install import version_of

OLDER_PATHS = """
from keras.layers import Dense
from keras.layers.core import Dense as d1, Dropout, Activation, Flatten, Lambda, Reshape
from keras.layers.convolutional import Convolution2D, Conv2D, MaxPooling2D, ZeroPadding2D, UpSampling2D
from keras.layers.pooling import MaxPooling2D, GlobalAveragePooling2D
from keras.layers.recurrent import LSTM, GRU, SimpleRNN
from keras.layers.embeddings import Embedding
from keras.layers.merge import concatenate, add, Concatenate
from keras.layers.normalization import BatchNormalization
from keras.layers.advanced_activations import LeakyReLU, PReLU, ELU
from keras.layers.wrappers import TimeDistributed, Bidirectional
from keras.layers.noise import GaussianNoise
from keras.layers.local import LocallyConnected2D
from keras.engine import Layer, InputSpec, Input, Model
from keras.engine.topology import Layer, Input
from keras.engine.training import Model
from keras.engine.base_layer import Layer
from keras.models import Sequential, Model, load_model, model_from_json
from keras.optimizers import SGD, Adam, RMSprop
from keras.utils import np_utils, to_categorical
from keras.utils.np_utils import to_categorical
from keras.objectives import categorical_crossentropy
from keras.regularizers import l2, l1l2, activity_l2
from keras.constraints import maxnorm
from keras.initializations import normal
from keras.callbacks import EarlyStopping, ModelCheckpoint
from keras.datasets import mnist
import keras.layers.core, keras.utils.np_utils
from tensorflow import keras as tfk
from tensorflow.keras.layers import Dense as d2
from tensorflow.python.keras.layers import Dense as d3
from tensorflow.python.keras.layers.core import Dense as d4
from tensorflow.contrib.keras.python.keras.layers import Dense as d5
import tensorflow as tf
import tensorflow.keras.models
import tensorflow.compat.v1 as tf1
assert Dense is d1 is d2 is d3 is d4 is d5 is tf.keras.layers.Dense is tfk.layers.Dense is tf1.keras.layers.Dense
assert keras.layers.core.Dense is Dense and keras.utils.np_utils.to_categorical is to_categorical
from kjax import keras as own
assert Dense is own.layers.Dense and Model is own.Model and keras.Sequential is Sequential
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_paths_of_all_generations_mean_kjax():
    result = run(f"import kjax.keras\nkjax.keras.install(2)\n{OLDER_PATHS}\nprint(keras.__version__)")
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "2.2.4"


def test_it_lives_next_to_real_keras_and_goes_away():
    program = """
import sys
before = set(sys.modules)
import kjax.keras
assert not any(name.partition('.')[0] in ('keras', 'tensorflow') for name in set(sys.modules) - before)
import keras
real = keras
assert real.__version__.startswith('3.') and hasattr(real, '__file__')
kjax.keras.install('tf')
import keras
assert keras is not real and keras.layers.Dense is kjax.keras.layers.Dense and keras.__version__ == '2.15.0'
import tensorflow
kjax.keras.uninstall()
assert 'tensorflow' not in sys.modules
import keras.layers
assert keras.layers.Dense is not kjax.keras.layers.Dense and hasattr(keras, '__file__')
"""
    result = run(program)
    assert result.returncode == 0, result.stderr


def test_an_installed_tensorflow_keeps_all_but_its_keras(tmp_path):
    package = tmp_path / "tensorflow"
    package.mkdir()
    (package / "__init__.py").write_text("real = True\nkeras = 'its own'\nfrom tensorflow import python\n")
    (package / "python").mkdir()
    (package / "python" / "__init__.py").write_text("real = True\n")
    program = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
import kjax.keras
kjax.keras.install('tf')
from tensorflow import keras
assert keras.layers.Dense is kjax.keras.layers.Dense
import tensorflow as tf
from tensorflow.keras.layers import Dense
import tensorflow.python
assert tf.real and tensorflow.python.real and tf.keras.layers.Dense is Dense is kjax.keras.layers.Dense
"""
    result = run(program)
    assert result.returncode == 0, result.stderr


def test_missing_names_say_so():
    program = """
import kjax.keras
kjax.keras.install()
import keras
for path in ('layers.Dens', 'nothing'):
    try:
        found = keras
        for name in path.split('.'):
            found = getattr(found, name)
    except AttributeError as error:
        print(error)
try:
    import keras.nothing
except ModuleNotFoundError as error:
    print(error)
"""
    result = run(program)
    assert result.returncode == 0, result.stderr
    first, second, third = result.stdout.splitlines()
    assert "has no attribute 'Dens'; did you mean 'Dense'" in first
    assert second.startswith("module 'keras' has no attribute 'nothing'")
    assert third == "No module named 'keras.nothing'"


def test_the_extension_of_notebooks_installs_and_gives_modules_back(keras3):
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "keras"}
    try:
        kjax_keras.load_ipython_extension(None)
        assert importlib.import_module("keras").layers is not None
        assert importlib.import_module("keras.layers").Dense is kjax_keras.layers.Dense
        kjax_keras.load_ipython_extension(None)  # twice is as once
        kjax_keras.unload_ipython_extension(None)
        after = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "keras"}
        assert after == before
        assert sys.modules["keras"] is keras3
    finally:
        kjax_keras.uninstall()
        settings.era = "3"


@pytest.mark.parametrize(
    ("version", "era"),
    [
        (1, "1"),
        ("1.2.2", "1"),
        (2, "2"),
        ("2.2.4", "2"),
        ("2.3.1", "2"),
        ("2.15.0", "tf"),
        ("tf", "tf"),
        (3, "3"),
        ("3.15", "3"),
    ],
)
def test_versions(version, era):
    assert version_of(version) == era


def test_an_unknown_version_is_refused():
    with pytest.raises(ValueError, match="version must be 1, 2, 'tf' or 3"):
        version_of("4")


@pytest.mark.parametrize(
    ("source", "era"),
    [
        ("from keras.layers import Dense\nmodel.fit(x, y, nb_epoch=3)", "1"),
        ("from keras.layers import Convolution2D\nm.add(Convolution2D(32, 3, 3))", "1"),
        ("from keras.layers import merge", "1"),
        ("from keras.layers.core import Dense", "2"),
        ("import keras\nmodel.fit_generator(g)", "2"),
        ("from keras.utils import np_utils\nfrom keras.layers import Dense", "2"),
        ("from tensorflow.keras import layers\nfrom tensorflow import keras", "tf"),
        ("import tensorflow as tf\nmodel = tf.keras.Sequential()", "tf"),
        ("import keras\nfrom keras import layers, ops", "3"),
        ("from keras.models import Sequential", "3"),
        ("import keras\npipe = make_pipeline(keras.wrappers.SKLearnClassifier(f))\npipe.predict_proba(x)", "3"),
        ("import keras\nx = keras.ops.ones(3)\nclf.predict_proba(x)", "3"),
        ("import numpy\nf(nb_epoch=2)", "3"),
        ("this is no python", "3"),
    ],
)
def test_the_generation_of_a_script_is_told_by_its_text(source, era):
    assert guess.era_of(source)[0] == era
