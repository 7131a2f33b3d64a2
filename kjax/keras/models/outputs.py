"""Arguments of ``compile`` that have an entry for each output of a model, whatever the structure of the outputs is."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kjax.keras.core.settings import settings
from kjax.keras.legacy.arguments import OLD_ERAS
from kjax.nn.value import did_you_mean


class UnknownOutputError(ValueError, KeyError):
    """An argument speaks of an output that the model has not; Keras raises a ``KeyError`` here."""

    __str__ = ValueError.__str__


def is_dict(thing: Any) -> bool:
    """Whether something is a dict with entries for outputs, and no config of a loss or metric."""
    return isinstance(thing, Mapping) and "class_name" not in thing


def is_nested(structure: Any) -> bool:
    """Whether outputs are dicts or lists that hold further dicts or lists."""
    inner = structure.values() if is_dict(structure) else structure if isinstance(structure, (list, tuple)) else ()
    return any(isinstance(part, (list, tuple, Mapping)) for part in inner)


def _parts(structure: Any) -> list[tuple[Any, Any]]:
    """(key, part) of a dict or list, in the order of the outputs: that of the sorted keys, or of the list."""
    return sorted(structure.items()) if is_dict(structure) else list(enumerate(structure))


def leaves(structure: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """(path, leaf) of each output."""
    if not isinstance(structure, (list, tuple, Mapping)):
        yield path, structure
        return
    for key, part in _parts(structure):
        yield from leaves(part, (*path, key))


def renamed(structure: Any, names: Iterator[str]) -> Any:
    """Names in the structure of outputs, in the order of :func:`leaves`."""
    if not isinstance(structure, (list, tuple, Mapping)):
        return next(names)
    if is_dict(structure):
        return {key: renamed(part, names) for key, part in _parts(structure)}
    return [renamed(part, names) for part in structure]


def labels(structure: Any) -> list[str]:
    """What the losses of nested outputs are called: their paths, with the output's name for its place in a list."""
    result = []
    for path, name in leaves(structure):
        *outer, last = path
        result.append("/".join(map(str, (*outer, name if isinstance(last, int) else last))))
    return result


def along(structure: Any, given: Any) -> list[Any] | None:
    """The entries of an argument that is structured as the outputs are.

    Args:
        structure: the outputs.
        given: the argument; a part of it that is one thing stands for all outputs there, and what a dict lacks is None.

    Returns:
        One entry for each output; None where the structures differ.
    """
    if not isinstance(structure, (list, tuple, Mapping)):
        return [given]
    if given is None or not isinstance(given, (list, tuple, Mapping)) or not (is_dict(given) or is_list(given)):
        return [given for _ in leaves(structure)]
    if is_dict(structure) != is_dict(given):
        return None
    if isinstance(given, Mapping):
        if not set(given) <= set(structure):
            return None
        pairs = [(part, given.get(key)) for key, part in _parts(structure)]
    else:
        if len(given) != len(structure):
            return None
        pairs = list(zip(structure, given, strict=True))
    result: list[Any] = []
    for part, entry in pairs:
        inner = along(part, entry)
        if inner is None:
            return None
        result += inner
    return result


def is_list(thing: Any) -> bool:
    """Whether something is a list or tuple."""
    return isinstance(thing, (list, tuple))


def each_output(
    given: Any,
    names: Sequence[str],
    argument: str,
    structure: Any = None,
    *,
    lists: bool = False,
    spread: bool = False,
) -> list[Any]:
    """One entry for each output.

    Args:
        given: None, one thing, a list in the order of the outputs, a dict by output name, or something structured as
            the outputs are.
        names: the outputs' names.
        argument: for messages.
        structure: the names in the structure of the outputs.
        lists: entries are lists themselves (metrics); a flat list of another length than there are outputs
            belongs to every output.
        spread: one thing stands for every output.

    Raises:
        ValueError: unknown output names, or another number of entries than outputs.
    """
    count = len(names)
    if given is None:
        return [None] * count
    if is_nested(structure) and not (is_list(given) and len(given) == count and not is_nested(given)):
        found = along(structure, given)
        if found is not None:
            return found
    if is_dict(given):
        for key in given:
            if key not in names:
                if lists and settings.era in OLD_ERAS:  # was passed over
                    warnings.warn(f"compile: argument `{argument}`: no output is called {key!r}", stacklevel=4)
                    continue
                raise UnknownOutputError(
                    f"compile: argument `{argument}`: no output is called {key!r}; {did_you_mean(key, names)}"
                )
        return [given.get(name) for name in names]
    if lists:
        return _lists(given, names, argument)
    if is_list(given):
        return _listed(given, names, argument)
    if spread or count == 1:
        return [given] * count
    raise ValueError(f"compile: argument `{argument}`: expected {count} entries for {list(names)}, received {given!r}")


def _listed(given: Sequence[Any], names: Sequence[str], argument: str) -> list[Any]:
    count = len(names)
    if argument == "loss" and len(given) < count and settings.era == "3":  # the others have none there
        if given:
            warnings.warn(
                f"compile: argument `{argument}` has {len(given)} entries for the {count} outputs {list(names)}: "
                f"{list(names[len(given) :])} are left out",
                stacklevel=2,
            )
        return [*given, *[None] * (count - len(given))]
    if len(given) != count:
        raise UnknownOutputError(
            f"compile: argument `{argument}`: expected {count} entries for the outputs {list(names)}, "
            f"received {len(given)}"
        )
    return list(given)


def _lists(given: Any, names: Sequence[str], argument: str) -> list[Any]:
    count = len(names)
    items = list(given) if is_list(given) else [given]
    if count == 1:
        flat = items[0] if len(items) == 1 and is_list(items[0]) else items
        return [flat]
    # In Keras 3 a list with an entry for each output is taken apart; before, a flat list belonged to every output.
    apart = settings.era == "3" or any(is_list(i) or i is None for i in items)
    if len(items) == count and apart:
        return items
    if any(is_list(i) for i in items):
        raise ValueError(
            f"compile: argument `{argument}`: expected {count} lists for the outputs {list(names)}, "
            f"received {len(items)}"
        )
    return [items] * count
