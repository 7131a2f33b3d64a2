"""What `tf.data` calls the set that each method makes, and which sizes of its elements are free: one table."""

from __future__ import annotations

import functools
from typing import Any

_MADE = (
    "from_tensor_slices=TensorSlice from_tensors=Tensor range=Range zip=Zip from_generator=FlatMap list_files=TensorSlice "
    "choose_from_datasets=DirectedInterleave sample_from_datasets=DirectedInterleave counter=Counter random=Random"
)
_KEPT = (
    "map=Map filter=Filter take_while=TakeWhile scan=Scan shuffle=Shuffle repeat=Repeat take=Take skip=Skip cache=Cache "
    "concatenate=Concatenate shard=Shard prefetch=Prefetch with_options=Options snapshot=Snapshot ignore_errors=IgnoreErrors"
)
_BATCHED = (
    "batch=Batch padded_batch=PaddedBatch ragged_batch=Map bucket_by_sequence_length=GroupByWindow rebatch=Rebatch"
)
_OTHERS = (
    "flat_map=FlatMap interleave=Interleave window=Window group_by_window=GroupByWindow unique=Unique unbatch=Unbatch "
    "enumerate=Zip rejection_resample=Map"
)


def _kind(name: str, kwargs: dict[str, Any]) -> str:
    parallel = name in ("Map", "Interleave", "Batch") and kwargs.get("num_parallel_calls") is not None
    return f"_{'Parallel' * parallel}{name}Dataset"


def name_kinds(cls: Any) -> None:
    """Let the methods of a class of sets say what the sets are that they make.

    Args:
        cls: the class; its sets get ``_kind``, the name in TensorFlow, and ``_open``, whether the first axis of all parts of
            an element has as many rows as there happen to be.
    """

    def wrap(method: str, name: str, opens: bool | None) -> None:
        function = getattr(cls, method)
        is_made = not hasattr(function, "__code__") or function.__code__.co_varnames[:1] != ("self",)

        @functools.wraps(function)
        def making(*args: Any, **kwargs: Any) -> Any:
            found = function(*args, **kwargs)
            if isinstance(found, cls):
                found._kind = _kind(name, kwargs)
                if opens is None:
                    found._open = getattr(args[0], "_open", False) if args else False
                else:
                    found._open = opens and not (kwargs.get("drop_remainder") or (len(args) > 2 and args[2] is True))
            return found

        setattr(cls, method, staticmethod(making) if is_made else making)

    for table, opens in ((_MADE, False), (_KEPT, None), (_BATCHED, True), (_OTHERS, False)):
        for entry in table.split():
            method, _, name = entry.partition("=")
            wrap(method, name, opens)
