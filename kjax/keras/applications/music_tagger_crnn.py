"""``keras.applications.music_tagger_crnn`` of Keras 1."""

from __future__ import annotations

from typing import Any

from kjax import keras
from kjax.keras.applications.audio_conv_utils import BANDS
from kjax.keras.applications.audio_conv_utils import decode_predictions as decode_predictions
from kjax.keras.applications.audio_conv_utils import preprocess_input as preprocess_input
from kjax.keras.core.settings import settings
from kjax.keras.utils.layer_utils import get_source_inputs

FRAMES = 1366
_WEIGHTS = "music_tagger_crnn_weights_tf_kernels_{}_dim_ordering.h5"
_URL = "https://github.com/fchollet/deep-learning-models/releases/download/v0.3/"
_BLOCKS = ((64, 2), (128, 3), (128, 4), (128, 4))
"""Filters of each convolution, and the size of the pooling behind it."""


def MusicTaggerCRNN(
    weights: str | None = "msd", input_tensor: Any = None, include_top: bool = True, classes: int = 50
) -> Any:
    """Four convolutions over a mel spectrogram, two GRU layers over what is left of time, and tags for music.

    Args:
        weights: ``'msd'`` for weights that were trained on the Million Song Dataset, None for random ones.
        input_tensor: the spectrograms as a symbolic tensor; (96, 1366, 1), in the session's order, by default.
        include_top: False for the 32 features without the last layer.
        classes: number of tags.

    Raises:
        ValueError: other weights, or trained ones with another number of tags.

    Source: Choi, Fazekas, Sandler and Cho, 2016, "Convolutional recurrent neural networks for music classification".
    """
    if weights not in ("msd", None):
        raise ValueError(f"MusicTaggerCRNN: `weights` must be 'msd' or None, received {weights!r}")
    if weights == "msd" and include_top and classes != 50:
        raise ValueError(f"MusicTaggerCRNN: the trained weights are for 50 tags, received `classes` {classes}")
    layers: Any = keras.layers
    first = settings.image_data_format == "channels_first"
    channel_axis, time_axis = (1, 3) if first else (3, 2)
    shape = (1, BANDS, FRAMES) if first else (BANDS, FRAMES, 1)
    inputs = layers.Input(shape) if input_tensor is None else input_tensor
    x = layers.ZeroPadding2D((0, 37))(inputs)
    x = layers.BatchNormalization(axis=time_axis, name="bn_0_freq")(x)
    for number, (filters, size) in enumerate(_BLOCKS, start=1):
        x = layers.Conv2D(filters, 3, padding="same", name=f"conv{number}")(x)
        x = layers.BatchNormalization(axis=channel_axis, name=f"bn{number}")(x)
        x = layers.ELU()(x)
        x = layers.MaxPooling2D(size, name=f"pool{number}")(x)
    if first:
        x = layers.Permute((3, 1, 2))(x)
    x = layers.Reshape((15, 128))(x)
    gates = {"recurrent_activation": "hard_sigmoid_keras2", "reset_after": False}
    x = layers.GRU(32, return_sequences=True, name="gru1", **gates)(x)
    x = layers.GRU(32, name="gru2", **gates)(x)
    if include_top:
        x = layers.Dense(classes, activation="sigmoid", name="output")(x)
    sources = inputs if input_tensor is None else get_source_inputs(input_tensor)
    model = keras.Model(sources, x, name="music_tagger_crnn")
    if weights is not None:
        from kjax.data.datasets.get_file import get_file

        name = _WEIGHTS.format("th" if first else "tf")
        model.load_weights(get_file(name, _URL + name, cache_subdir="models"), by_name=True)
    return model
