"""``keras.utils.data_utils`` of Keras 2: sequences, the queues that read them, and files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from kjax.data.datasets.get_file import get_file as get_file
from kjax.data.datasets.storage import is_intact
from kjax.keras.progbar import Progbar as Progbar
from kjax.keras.utils.enqueuers import GeneratorEnqueuer as GeneratorEnqueuer
from kjax.keras.utils.enqueuers import OrderedEnqueuer as OrderedEnqueuer
from kjax.keras.utils.enqueuers import SequenceEnqueuer as SequenceEnqueuer
from kjax.keras.utils.sequence import Sequence as Sequence


def validate_file(
    fpath: str | os.PathLike[str], file_hash: str, algorithm: str = "auto", chunk_size: int = 65535
) -> bool:
    """Whether a file has a checksum.

    Args:
        fpath: its path.
        file_hash: the checksum, as hexadecimal digits.
        algorithm: ``'auto'`` (by the length of the checksum), ``'sha256'`` or ``'md5'``.
        chunk_size: accepted for Keras 2.
    """
    del algorithm, chunk_size
    return is_intact(Path(fpath), file_hash)


_shared: dict[int, Any] = {}
"""The sequences and generators of a worker, by number."""


def init_pool(seqs: dict[int, Any]) -> None:
    """Let a worker read from these sequences."""
    _shared.clear()
    _shared.update(seqs)


def init_pool_generator(gens: dict[int, Iterable[Any]], random_seed: int | None = None) -> None:
    """Let a worker read from these generators.

    Args:
        gens: the generators by number.
        random_seed: seed of NumPy's random numbers in the worker.
    """
    init_pool(gens)
    if random_seed is not None:
        np.random.seed(random_seed)


def get_index(uid: int, i: int) -> Any:
    """Batch ``i`` of the worker's sequence ``uid``."""
    return _shared[uid][i]


def next_sample(uid: int) -> Any:
    """The next batch of the worker's generator ``uid``."""
    return next(_shared[uid])
