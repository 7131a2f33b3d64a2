"""``keras.tree``: functions on nested lists, tuples and dicts; None is a leaf."""

from __future__ import annotations

import collections
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax


class MAP_TO_NONE:
    """What the function of :func:`traverse` returns for None, which itself means: go on inside."""


def register_tree_node_class(cls: Any) -> Any:
    """Class decorator: objects with ``tree_flatten()`` and ``tree_unflatten(metadata, children)`` are nodes of structures.

    Args:
        cls: the class; ``tree_flatten`` returns (children, metadata), and maybe names of the children.
    """

    def flatten(thing: Any) -> tuple[Any, Any]:
        children, metadata, *_ = thing.tree_flatten()
        return tuple(children), tuple(metadata) if isinstance(metadata, list) else metadata

    jax.tree_util.register_pytree_node(cls, flatten, cls.tree_unflatten)
    return cls


def _is_none(leaf: Any) -> bool:
    return leaf is None or hasattr(type(leaf), "__next__")  # iterators are leaves too


def is_nested(structure: Any) -> bool:
    """Whether a structure is a list, tuple or dict, or another node that JAX knows."""
    return not jax.tree_util.all_leaves([structure], is_leaf=_is_none) and structure is not None


def flatten(structure: Any) -> list[Any]:
    """The leaves in order; those of dicts by their sorted keys."""
    return jax.tree.leaves(structure, is_leaf=_is_none)


def flatten_with_path(structure: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """Pairs (path, leaf); a path is a tuple of indices and keys."""
    found, _ = jax.tree_util.tree_flatten_with_path(structure, is_leaf=_is_none)
    return [(tuple(_step(entry) for entry in path), leaf) for path, leaf in found]


def _step(entry: Any) -> Any:
    for name in ("idx", "key", "name"):
        if hasattr(entry, name):
            return getattr(entry, name)
    return entry


def _fields(structure: Any) -> Any:
    """Named tuples as plain ones, whose paths are indices."""
    return tuple(structure) if isinstance(structure, tuple) and hasattr(structure, "_fields") else structure


def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """``func`` of the leaves at the same places of structures.

    Args:
        func: the function.
        *structures: at least one, all nested in the same way.
        none_is_leaf: whether ``func`` is called for None.

    Raises:
        TypeError: ``func`` is no function.
        ValueError: no structure, or structures that differ.
    """
    if not callable(func):
        raise TypeError(f"map_structure: `func` must be a function, received {func!r}")
    if not structures:
        raise ValueError("map_structure: at least one structure is needed")
    for other in structures[1:]:
        assert_same_structure(structures[0], other)
    kept = func if none_is_leaf else lambda *leaves: None if leaves[0] is None else func(*leaves)
    return _in_order_of(structures[0], jax.tree.map(kept, *structures, is_leaf=_is_none))


def _in_order_of(structure: Any, mapped: Any) -> Any:
    """``mapped`` with the keys of its dictionaries in the order in which ``structure`` has them: JAX sorts them."""
    if isinstance(structure, dict) and type(structure) is type(mapped) and structure.keys() == mapped.keys():
        for key, value in structure.items():
            mapped[key] = _in_order_of(value, mapped.pop(key))
    elif isinstance(structure, (list, tuple)) and type(structure) is type(mapped):
        for value, part in zip(structure, mapped, strict=True):
            _in_order_of(value, part)
    return mapped


def map_structure_up_to(shallow_structure: Any, func: Callable[..., Any], *structures: Any) -> Any:
    """``func`` of the parts of structures at the leaves of a shallower one."""
    if not structures:
        raise ValueError("map_structure_up_to: at least one structure is needed")
    shallow, treedef = jax.tree.flatten(shallow_structure, is_leaf=_is_none)
    parts = [treedef.flatten_up_to(structure) for structure in structures]
    del shallow
    return jax.tree.unflatten(treedef, [func(*items) for items in zip(*parts, strict=True)])


def map_shape_structure(func: Callable[[Any], Any], structure: Any) -> Any:
    """``func`` of each shape (a tuple or list of integers and None) in a structure."""

    def is_shape(thing: Any) -> bool:
        return isinstance(thing, (list, tuple)) and all(s is None or isinstance(s, int) for s in thing)

    if not callable(func):
        raise TypeError(f"map_shape_structure: `func` must be a function, received {func!r}")
    return jax.tree.map(func, structure, is_leaf=lambda x: x is None or is_shape(x))


def assert_same_structure(a: Any, b: Any, check_types: Any = None) -> None:
    """Check that two structures are nested in the same way.

    Raises:
        ValueError: they are not.
    """
    del check_types
    first, second = (jax.tree.structure(_plain_dicts(s), is_leaf=_is_none) for s in (a, b))
    if first != second:
        raise ValueError(f"the structures differ: {first} and {second}")


def _plain_dicts(structure: Any) -> Any:
    if isinstance(structure, Mapping):
        return {key: _plain_dicts(structure[key]) for key in structure}
    if isinstance(structure, (list, tuple)) and not hasattr(structure, "_fields"):
        return type(structure)(_plain_dicts(item) for item in structure)
    return structure


def assert_same_paths(a: Any, b: Any) -> None:
    """Check that two structures have leaves at the same paths, whatever holds them.

    Raises:
        ValueError: they have not.
    """

    def paths(structure: Any) -> set[Any]:
        return {path for path, _ in flatten_with_path(_tuples_of_fields(structure))}

    if paths(a) != paths(b):
        raise ValueError(f"the paths differ: {sorted(map(str, paths(a)))} and {sorted(map(str, paths(b)))}")


def _tuples_of_fields(structure: Any) -> Any:
    structure = _fields(structure)
    if isinstance(structure, Mapping):
        return {key: _tuples_of_fields(value) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        return [_tuples_of_fields(item) for item in structure]
    return structure


def pack_sequence_as(structure: Any, flat_sequence: Any) -> Any:
    """A flat sequence nested as a structure.

    Raises:
        TypeError: no sequence was given.
        ValueError: another number of items than the structure has leaves.
    """
    if isinstance(flat_sequence, str) or not isinstance(flat_sequence, (Sequence, collections.deque)):
        raise TypeError(f"pack_sequence_as: `flat_sequence` must be a sequence, received {flat_sequence!r}")
    treedef = jax.tree.structure(structure, is_leaf=_is_none)
    if treedef.num_leaves != len(flat_sequence):
        raise ValueError(
            f"pack_sequence_as: the structure has {treedef.num_leaves} leaves, {len(flat_sequence)} items were given"
        )
    return _in_order_of(structure, jax.tree.unflatten(treedef, list(flat_sequence)))


def lists_to_tuples(structure: Any) -> Any:
    """The same structure with tuples in place of lists."""

    def convert(thing: Any) -> Any:
        return tuple(thing) if isinstance(thing, list) else None

    return traverse(convert, structure, top_down=False)


def traverse(func: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """``func`` of every part of a structure, depth first.

    Args:
        func: returns what a part is replaced by; None leaves it (and goes on inside), :class:`MAP_TO_NONE` puts None.
        structure: the structure.
        top_down: parts before what is inside them, or after.
    """
    if top_down:
        found = func(structure)
        if found is not None:
            return None if found is MAP_TO_NONE or isinstance(found, MAP_TO_NONE) else found
    if isinstance(structure, Mapping):
        keys = structure if isinstance(structure, collections.OrderedDict) else sorted(structure)
        items = {key: traverse(func, structure[key], top_down) for key in keys}
        kind: Any = type(structure)
        structure = kind((key, items[key]) for key in structure) if items else structure
    elif isinstance(structure, tuple) and hasattr(structure, "_fields"):
        structure = type(structure)(*(traverse(func, item, top_down) for item in structure))
    elif isinstance(structure, (list, tuple)):
        structure = type(structure)(traverse(func, item, top_down) for item in structure)
    if not top_down:
        found = func(structure)
        if found is not None:
            return None if found is MAP_TO_NONE or isinstance(found, MAP_TO_NONE) else found
    return structure
