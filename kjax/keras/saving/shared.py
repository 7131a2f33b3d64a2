"""Ids in configs of what several parts of a model share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SHARED = "shared_object_id"
"""Key of an entry under which its id stands."""


def without_ids(config: Any, shared: set[int]) -> Any:
    """A config in which only entries of things that are shared have an id.

    Args:
        config: entries, lists and dicts of them.
        shared: the ids that are kept.
    """
    if isinstance(config, (list, tuple)):
        items = [without_ids(item, shared) for item in config]
        return tuple(items) if isinstance(config, tuple) else items
    if not isinstance(config, Mapping):
        return config
    single = config.get(SHARED) not in shared
    return {k: without_ids(v, shared) for k, v in config.items() if not (single and k == SHARED)}
