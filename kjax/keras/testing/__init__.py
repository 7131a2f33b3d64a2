"""Tests of layers and other parts of models, by one contract: ``keras.src.testing`` of Keras 3."""

from kjax.keras.testing.case import TestCase as TestCase
from kjax.keras.testing.data import get_test_data as get_test_data
from kjax.keras.testing.data import named_product as named_product
from kjax.keras.testing.devices import jax_uses_gpu as jax_uses_gpu
from kjax.keras.testing.devices import jax_uses_tpu as jax_uses_tpu
from kjax.keras.testing.devices import tensorflow_uses_gpu as tensorflow_uses_gpu
from kjax.keras.testing.devices import tensorflow_uses_tpu as tensorflow_uses_tpu
from kjax.keras.testing.devices import torch_uses_gpu as torch_uses_gpu
from kjax.keras.testing.devices import uses_gpu as uses_gpu
from kjax.keras.testing.devices import uses_tpu as uses_tpu
