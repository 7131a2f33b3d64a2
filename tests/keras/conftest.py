"""What tests of the Keras API share: scripts' TensorFlow, for which kjax stands in."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

import pytest

import kjax.keras

IS_INSTALLED = importlib.util.find_spec("tensorflow") is not None
"""Whether TensorFlow itself is there; asked before anything stands in for it."""


@pytest.fixture
def tf() -> Iterator[Any]:
    """``tensorflow`` as a script of TensorFlow 2 imports it."""
    if IS_INSTALLED:
        pytest.skip("TensorFlow is installed, so nothing stands in for it")
    kjax.keras.install("tf")
    import tensorflow

    yield tensorflow
    kjax.keras.uninstall()
