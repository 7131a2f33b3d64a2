"""Folders that Orbax writes, by the callback OrbaxCheckpoint of kjax or real Keras: models and weights from them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from kjax.keras.models.state_tree import lacking
from kjax.keras.saving.errors import FileFormatError, loading

MARKS = {"orbax.checkpoint", "pytree.orbax-checkpoint", "checkpoint_metadata", "_CHECKPOINT_METADATA", "pytree"}
"""Names of which one is in every checkpoint."""

WEIGHTS = ("trainable_variables", "non_trainable_variables")


def is_checkpoint(filepath: Any) -> bool:
    """Whether a folder is a checkpoint of Orbax, or holds numbered ones."""
    path = Path(filepath)
    return path.is_dir() and _newest(path) is not None


def _newest(path: Path) -> Path | None:
    """The folder itself if it is a checkpoint, otherwise the one with the largest number in it."""
    inside = {item.name for item in path.iterdir()}
    if inside & MARKS:
        return path
    steps = [(int(m[1]), path / name) for name in inside if (m := re.fullmatch(r"(?:[A-Za-z]+_)?(\d+)", name))]
    complete = [step for step in steps if step[1].is_dir() and {item.name for item in step[1].iterdir()} & MARKS]
    return max(complete)[1] if complete else None


def load_model(filepath: Any, custom_objects: Any = None, compile: bool = True, safe_mode: bool = True) -> Any:
    """The model of the newest checkpoint in a folder, with the state of its optimizer.

    Args:
        filepath: the folder.
        custom_objects: a user's classes and functions by name.
        compile: whether the model is compiled as it was.
        safe_mode: False lets Python byte code in the config become functions.

    Raises:
        FileFormatError: it is broken, or holds weights only.
    """
    from kjax.keras.saving.keras_zip import model_from

    with loading(filepath):
        checkpoint = _checkpoint(filepath)
        config = _load(checkpoint, "model_config")
        if not isinstance(config, Mapping) or "config" not in config:
            raise FileFormatError(
                f"cannot load {os.fspath(filepath)!r}: the checkpoint holds weights only and no model; make the model "
                "and call its load_weights"
            )
        text = config["config"]
        model = model_from(json.loads(str(text)), custom_objects, compile, safe_mode)
        _set(model, checkpoint, None if compile else WEIGHTS)
    return model


def load_weights(model: Any, filepath: Any) -> None:
    """Set the weights of a model, and the state of its optimizer, from the newest checkpoint in a folder.

    Raises:
        FileFormatError: it is broken, or does not fit the model; the model is unchanged then.
    """
    with loading(filepath):
        _set(model, _checkpoint(filepath), None if getattr(model, "compiled", False) else WEIGHTS)


def _checkpoint(filepath: Any) -> Path:
    found = _newest(Path(filepath))
    if found is None:
        raise FileFormatError(f"cannot load {os.fspath(filepath)!r}: there is no complete checkpoint in the folder")
    return found.absolute()


def _load(checkpoint: Path, name: str) -> Any:
    import orbax.checkpoint as ocp

    if not (checkpoint / name).is_dir():
        return None
    path, wanted = os.fspath(checkpoint), None
    if name == "pytree":
        # To arrays of this process, whatever devices wrote them.
        described = ocp.v1.checkpointables_metadata(path).metadata[name]
        device = jax.sharding.SingleDeviceSharding(jax.devices()[0])
        wanted = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=device), described)
    return ocp.v1.load_checkpointables(path, {name: wanted})[name]


def _set(model: Any, checkpoint: Path, kinds: tuple[str, ...] | None) -> None:
    """Give a model the values of a checkpoint: all of them, or none."""
    tree = _load(checkpoint, "pytree")
    if not isinstance(tree, Mapping):
        raise ValueError("the checkpoint holds no tree of variables")
    tree = {key: tree[key] for key in tree if key in (kinds or tree) and key != "metrics_variables"}
    if lacking(model, {kind: tree.get(kind, {}) for kind in WEIGHTS}):
        known = model.get_state_tree()
        tree = {key: _renamed(part, known.get(key, {})) if key in WEIGHTS else part for key, part in tree.items()}
    _check(model, tree)
    model.set_state_tree(tree)


def _renamed(tree: Any, known: Any) -> Any:
    """The tree under the names of another, where these differ in the numbers that Keras counts up (``dense_1``)."""
    if not isinstance(tree, Mapping) or not isinstance(known, Mapping):
        return tree
    ours = _by_stem(known)
    names = {}
    for stem, theirs in _by_stem(tree).items():
        if len(ours.get(stem, ())) == len(theirs):
            names |= dict(zip(theirs, ours[stem], strict=True))
    return {names.get(key, key): _renamed(part, known.get(names.get(key, key))) for key, part in tree.items()}


def _by_stem(names: Mapping[str, Any]) -> dict[str, list[str]]:
    """Names without their numbers, and the names of each in the order of these."""
    groups: dict[str, list[tuple[int, str]]] = {}
    for name in names:
        found = re.fullmatch(r"(.*?)(?:_(\d+))?", name)
        assert found is not None  # it matches everything
        groups.setdefault(found[1], []).append((int(found[2] or 0), name))
    return {stem: [name for _, name in sorted(group)] for stem, group in groups.items()}


def _check(model: Any, tree: Mapping[str, Any]) -> None:
    """Compare the weights with those of the model, before any is set.

    Raises:
        ValueError: others are missing, or have another shape.
    """
    problems = lacking(model, {kind: tree.get(kind, {}) for kind in WEIGHTS})
    if problems:
        more = f" (and {len(problems) - 1} more of this kind)" if len(problems) > 1 else ""
        raise ValueError(f"the checkpoint does not fit the model: {problems[0]}{more}")
