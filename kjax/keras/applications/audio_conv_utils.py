"""Spectrograms for :func:`kjax.keras.applications.music_tagger_crnn.MusicTaggerCRNN`, and the names of its tags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kjax.keras.core.settings import settings

TAGS: Sequence[str] = (
    "rock;pop;alternative;indie;electronic;female vocalists;dance;00s;alternative rock;jazz;beautiful;metal;chillout;"
    "male vocalists;classic rock;soul;indie rock;Mellow;electronica;80s;folk;90s;chill;instrumental;punk;oldies;blues;"
    "hard rock;ambient;acoustic;experimental;female vocalist;guitar;Hip-Hop;70s;party;country;easy listening;sexy;catchy;"
    "funk;electro;heavy metal;Progressive rock;60s;rnb;indie pop;sad;House;happy"
).split(";")
"""The tags, in the order of the network's outputs."""

RATE, SECONDS, BANDS, WINDOW, HOP = 12000, 29.12, 96, 512, 256
"""What the network was trained on: samples a second, seconds, mel bands, and window and step of the spectrogram."""


def preprocess_input(audio_path: str, dim_ordering: str = "default") -> np.ndarray:
    """The mel spectrogram of the middle 29 seconds of a recording, in decibels.

    Args:
        audio_path: path of the recording; a shorter one is filled up with silence.
        dim_ordering: ``'tf'`` for (96, 1366, 1), ``'th'`` for (1, 96, 1366), ``'default'`` for the session's order.

    Raises:
        ImportError: librosa is not installed.
        ValueError: another order.
    """
    if dim_ordering == "default":
        dim_ordering = "th" if settings.image_data_format == "channels_first" else "tf"
    if dim_ordering not in ("tf", "th"):
        raise ValueError(f"preprocess_input: `dim_ordering` must be 'tf', 'th' or 'default', received {dim_ordering!r}")
    try:
        import librosa  # type: ignore[import-not-found]
    except ImportError as error:
        raise ImportError("preprocess_input reads recordings by librosa: run `pip install librosa`") from error
    samples, _ = librosa.load(audio_path, sr=RATE)
    wanted = int(SECONDS * RATE)
    if len(samples) < wanted:
        samples = np.pad(samples, (0, wanted - len(samples)))
    start = (len(samples) - wanted) // 2
    samples = samples[start : start + wanted]
    power = librosa.feature.melspectrogram(y=samples, sr=RATE, hop_length=HOP, n_fft=WINDOW, n_mels=BANDS) ** 2
    return np.expand_dims(librosa.power_to_db(power, ref=1.0), 0 if dim_ordering == "th" else 2)


def decode_predictions(preds: Any, top_n: int = 5) -> list[list[tuple[str, Any]]]:
    """The likeliest tags of each recording, with what the network gave them.

    Args:
        preds: outputs (recordings, 50).
        top_n: number of tags.

    Raises:
        ValueError: other shapes.
    """
    preds = np.asarray(preds)
    if preds.ndim != 2 or preds.shape[1] != len(TAGS):
        raise ValueError(f"decode_predictions: expected the shape (recordings, {len(TAGS)}), received {preds.shape}")
    return [sorted(zip(TAGS, row, strict=True), key=lambda tag: tag[1], reverse=True)[:top_n] for row in preds]
