"""The order of the entries of dicts, which JAX sorts: trees as somebody wrote them."""

from __future__ import annotations

from typing import Any


def in_order_of(pattern: Any, tree: Any) -> Any:
    """A tree with the entries of its dicts in the order in which another tree has them.

    Args:
        pattern: the other tree; where its structure differs, the tree stays as it is.
        tree: the tree.
    """
    if type(tree) is dict:
        if not isinstance(pattern, dict) or pattern.keys() != tree.keys():
            return tree
        return {key: in_order_of(part, tree[key]) for key, part in pattern.items()}
    if type(tree) in (list, tuple) and isinstance(pattern, (list, tuple)) and len(pattern) == len(tree):
        return type(tree)(in_order_of(*pair) for pair in zip(pattern, tree, strict=True))
    return tree


def order_of(tree: Any) -> Any:
    """The keys of the dicts in a tree, as a pattern for :func:`in_order_of`; None where no dict is in another order than JAX's."""
    if type(tree) is dict:
        parts = {key: order_of(part) for key, part in tree.items()}
        is_sorted = all(part is None for part in parts.values()) and list(tree) == sorted(tree, key=str)
        return None if is_sorted else parts
    if type(tree) in (list, tuple):
        listed = [order_of(part) for part in tree]
        return None if all(part is None for part in listed) else listed
    return None
