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


def with_ids_of_firsts(config: Any) -> Any:
    """A config in which an entry that is met again has the id of the first one: real Keras gives ids to the later ones only.

    Args:
        config: entries, lists and dicts of them.
    """
    firsts: dict[str, list[tuple[Any, dict[str, Any]]]] = {}

    def walk(entry: Any) -> Any:
        if isinstance(entry, list):
            return [walk(item) for item in entry]
        if not isinstance(entry, Mapping):
            return entry
        result = dict(entry)
        inside = entry.get("config")
        if isinstance(inside, Mapping) and isinstance(inside.get("name"), str):
            bare = without_ids([entry.get("class_name"), inside], set())
            met = firsts.setdefault(inside["name"], [])
            first = next((kept for other, kept in met if other == bare), None)
            if SHARED not in entry:
                met.append((bare, result))
            elif first is not None:
                result[SHARED] = first.setdefault(SHARED, entry[SHARED])
                return result
        result.update((key, walk(value)) for key, value in entry.items() if key != SHARED)
        return result

    return walk(config)
