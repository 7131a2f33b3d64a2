"""``keras.utils.data_utils`` of Keras 2: sequences, the queues that read them, and files."""

from __future__ import annotations

import os
from pathlib import Path

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
