"""The data sets of tensorflow-datasets, without TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from kjax.data.errors import DatasetError
from kjax.data.examples import Examples


def load(
    name: str,
    split: Any = "train",
    *,
    batch_size: int = 32,
    shuffle: bool = False,
    seed: int | None = None,
    as_supervised: bool = True,
    transform: Callable[[Any], Any] | None = None,
    drop_remainder: bool = False,
    shard: tuple[int, int] | None = None,
    workers: int = 2,
    use_multiprocessing: bool = False,
    max_queue_size: int = 10,
    data_dir: str | os.PathLike[str] | None = None,
    download: bool = True,
    decoders: Any = None,
    builder_kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """A prepared data set as a source of batches; downloaded and prepared first where it is not.

    Args:
        name: such as ``'mnist'``, ``'mnist:3.*.*'`` or ``'glue/sst2'``.
        split: such as ``'train'`` or ``'train[:80%]'``; a list or dict of them, for as many sources; None for all.
        batch_size: examples in a batch.
        shuffle: draw the order of the examples anew in each pass.
        seed: the orders are derived from it; by default from the seed of the run.
        as_supervised: batches are ``(x, y)``; otherwise dicts with all features.
        transform: function of one example (``(x, y)``, or the dict), on the host: scaling, cropping, words to numbers.
        drop_remainder: leave out a last batch that is not full.
        shard: ``(index, count)``; by default the index and the number of this process in JAX.
        workers: batches that are read and decoded at the same time.
        use_multiprocessing: in processes instead of threads.
        max_queue_size: how many batches workers are ahead.
        data_dir: where prepared data sets are; by default tensorflow-datasets' own folder.
        download: whether to download and prepare what is missing. ``KJAX_OFFLINE=1`` never does.
        decoders: see ``tfds.data_source``; ``tfds.decode.SkipDecoding()`` for bytes.
        builder_kwargs: see ``tfds.data_source``.

    Returns:
        A :class:`kjax.data.Examples`; for several splits a list or dict of them.

    Raises:
        DatasetError: an unknown data set or split; it is not prepared, and cannot be.
        ValueError: as :class:`kjax.data.Examples`; or the data set has no targets.
    """
    import tensorflow_datasets as tfds

    download = download and os.environ.get("KJAX_OFFLINE", "0") in ("", "0")
    where = os.fspath(data_dir) if data_dir is not None else None
    kwargs = {"file_format": "array_record", **(builder_kwargs or {})}
    try:
        builder = tfds.builder(name, data_dir=where, **kwargs)
        if download:
            builder.download_and_prepare()
        found: Any = builder.as_data_source(split=split, decoders=decoders)  # pyright: ignore[reportCallIssue]
    except Exception as error:  # tensorflow-datasets raises whatever its parts raise
        hint = "" if download else "; it must be prepared beforehand, as downloads are switched off"
        raise DatasetError(
            f"data set {name!r}, split {split!r}, cannot be loaded from {where or 'the default folder'}{hint}: "
            f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else error!r}"
        ) from error
    keys = builder.info.supervised_keys if as_supervised else None
    if as_supervised and keys is None:
        raise ValueError(
            f"data set {name!r} has no targets: pass as_supervised=False and a transform that makes (x, y)"
        )
    prepare = _chain(_Supervised(keys) if keys else None, transform)

    def wrap(source: Any) -> Examples:
        examples = Examples(
            source,
            batch_size,
            shuffle=shuffle,
            seed=seed,
            transform=prepare,
            drop_remainder=drop_remainder,
            shard=shard,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
            max_queue_size=max_queue_size,
        )
        examples.name = f"data set {name!r}"
        return examples

    if isinstance(found, Mapping):
        return {key: wrap(source) for key, source in found.items()}
    return [wrap(source) for source in found] if isinstance(split, (list, tuple)) else wrap(found)


class _Supervised:
    """From a dict of features to ``(x, y)``, or ``(x, y, weight)``."""

    def __init__(self, keys: Any) -> None:
        self.keys = keys

    def __call__(self, example: Any) -> Any:
        return tuple(_pick(example, key) for key in self.keys)


def _pick(example: Any, key: Any) -> Any:
    """A feature, or several in the structure of the keys."""
    if isinstance(key, Mapping):
        return {name: _pick(example, inner) for name, inner in key.items()}
    return tuple(_pick(example, inner) for inner in key) if isinstance(key, tuple) else example[key]


def _chain(first: Any, second: Any) -> Any:
    if first is None or second is None:
        return first or second
    return lambda example: second(first(example))
