"""`tf.audio`: WAV files."""

from __future__ import annotations

import io
import wave
from typing import Any

import numpy as np

from kjax.keras.legacy.tensorflow.tensor import Tensor, unwrap


def decode_wav(contents: Any, desired_channels: int = -1, desired_samples: int = -1, name: str | None = None) -> Any:
    """``tf.audio.decode_wav``: samples from -1 to 1 (samples, channels), and their number in a second.

    Raises:
        ValueError: samples of another size than 16 bits.
    """
    with wave.open(io.BytesIO(np.asarray(unwrap(contents)).item())) as file:
        if file.getsampwidth() != 2:
            raise ValueError(f"decode_wav: only samples of 16 bits are read, the file has {8 * file.getsampwidth()}")
        rate, channels = file.getframerate(), file.getnchannels()
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, channels) / np.float32(32768)
    if desired_channels > 0:
        samples = samples[:, :desired_channels] if channels >= desired_channels else np.tile(samples, desired_channels)
    if desired_samples > 0:
        missing = max(desired_samples - len(samples), 0)
        samples = np.pad(samples[:desired_samples], [(0, missing), (0, 0)])
    return Tensor(samples.astype(np.float32)), Tensor(np.int32(rate))


def encode_wav(audio: Any, sample_rate: Any, name: str | None = None) -> Tensor:
    """``tf.audio.encode_wav``."""
    samples = np.clip(np.asarray(unwrap(audio)) * 32768, -32768, 32767).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(int(unwrap(sample_rate)))
        file.writeframes(samples.tobytes())
    found = np.empty((), object)
    found[()] = buffer.getvalue()
    return Tensor(found)
