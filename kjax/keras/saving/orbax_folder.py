"""Folders that Orbax writes, by the callback OrbaxCheckpoint of kjax or real Keras: models and weights from them."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from kjax.keras.core.variable import Variable
from kjax.keras.models.state_tree import lacking, nested, pairs
from kjax.keras.saving import asset_files, memory
from kjax.keras.saving.errors import FileFormatError, loading
from kjax.train.pieces import Pieces

MARKS = {"orbax.checkpoint", "pytree.orbax-checkpoint", "checkpoint_metadata", "_CHECKPOINT_METADATA", "pytree"}
"""Names of which one is in every checkpoint."""

ASSETS = "assets"
"""The item that holds the bytes of files of layers, as real Keras writes it."""

CHEAP = 16 * 2**20
"""Bytes of arrays that are read at once, whatever the size of each."""

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
        config = _item(checkpoint, "model_config")
        if not isinstance(config, Mapping) or "config" not in config:
            raise FileFormatError(
                f"cannot load {os.fspath(filepath)!r}: the checkpoint holds weights only and no model; make the model "
                "and call its load_weights"
            )
        text = config["config"]
        model = model_from(json.loads(str(text)), custom_objects, compile, safe_mode)
        _set(model, checkpoint, None if compile else WEIGHTS, fresh=True)
        _set_assets(model, checkpoint)
    return model


def load_weights(model: Any, filepath: Any) -> None:
    """Set the weights of a model, and the state of its optimizer, from the newest checkpoint in a folder.

    Raises:
        FileFormatError: it is broken, or does not fit the model; the model is unchanged then.
    """
    with loading(filepath):
        checkpoint = _checkpoint(filepath)
        _set(model, checkpoint, None if getattr(model, "compiled", False) else WEIGHTS)
        _set_assets(model, checkpoint)


def _checkpoint(filepath: Any) -> Path:
    found = _newest(Path(filepath))
    if found is None:
        raise FileFormatError(f"cannot load {os.fspath(filepath)!r}: there is no complete checkpoint in the folder")
    return found.absolute()


def _item(checkpoint: Path, name: str) -> Any:
    """A small item of a checkpoint as a whole, or None."""
    import orbax.checkpoint as ocp

    if not (checkpoint / name).is_dir():
        return None
    return ocp.v1.load_checkpointables(os.fspath(checkpoint), {name: None})[name]


@dataclasses.dataclass(frozen=True)
class _Stored:
    """An array of a checkpoint that has not been read."""

    index: int
    """Its place among the leaves of the checkpoint."""
    keys: tuple[str, ...]
    """Its place in the tree."""
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


class _Arrays:
    """The arrays of a checkpoint, of which a few are read at a time.

    Args:
        checkpoint: its folder.

    Raises:
        ValueError: there are none.
    """

    def __init__(self, checkpoint: Path) -> None:
        import orbax.checkpoint as ocp

        self._ocp, self._folder = ocp, checkpoint / "pytree"
        described = None
        if self._folder.is_dir():
            described = ocp.v1.checkpointables_metadata(os.fspath(checkpoint)).metadata["pytree"]
        if not isinstance(described, Mapping):
            raise ValueError("the checkpoint holds no tree of variables")
        leaves, self._structure = jax.tree_util.tree_flatten_with_path(described)
        self._stored = [
            _Stored(i, tuple(map(_key, path)), tuple(leaf.shape), np.dtype(leaf.dtype))
            for i, (path, leaf) in enumerate(leaves)
        ]
        self._pieces = Pieces(self._folder)
        self.tree: dict[str, Any] = dict(jax.tree.unflatten(self._structure, self._stored))
        """The arrays as they are nested in the checkpoint."""

    def find(self, stored: _Stored) -> str | None:
        """What :meth:`read_pieces` needs; None for an array that is not stored as its bytes."""
        return self._pieces.find(stored.keys, stored.shape, stored.dtype)

    def read_pieces(self, stored: _Stored, key: Any) -> np.ndarray:
        """An array on the host, in new memory and with no more of it.

        Raises:
            ValueError: the files are damaged.
        """
        return self._pieces.read(key, stored.shape, stored.dtype)

    def read(self, wanted: Mapping[int, jax.sharding.Sharding]) -> list[jax.Array]:
        """Some arrays.

        Args:
            wanted: where to put each, by its place.

        Raises:
            ValueError: the files are damaged.
        """
        ocp = self._ocp
        skipped = [ocp.PLACEHOLDER] * len(self._stored)
        item, args = list(skipped), [ocp.RestoreArgs() for _ in skipped]
        for index, sharding in wanted.items():
            stored = self._stored[index]
            item[index] = jax.ShapeDtypeStruct(stored.shape, stored.dtype, sharding=sharding)
            args[index] = ocp.ArrayRestoreArgs(sharding=sharding)
        asked = ocp.args.PyTreeRestore(
            jax.tree.unflatten(self._structure, item), restore_args=jax.tree.unflatten(self._structure, args)
        )
        with contextlib.closing(ocp.PyTreeCheckpointHandler()) as handler:
            try:
                restored = handler.restore(_orbax_path(self._folder), args=asked)
            except Exception as error:  # Orbax raises that very class
                why = str(error.__cause__ or error).splitlines()[0]
                raise ValueError(f"the arrays of the checkpoint cannot be read, it is damaged: {why}") from error
            found = self._structure.flatten_up_to(restored)
        return [found[index] for index in wanted]

    def is_whole(self) -> bool:
        """Whether the files are seen, without reading the arrays, to hold all bytes; they need not be if they are compressed."""
        size = sum(item.stat().st_size for item in self._folder.rglob("*") if item.is_file())
        return size >= sum(stored.nbytes for stored in self._stored)


def _key(entry: Any) -> str:
    """A step into a tree, as it stands in the names of files."""
    return str(next(getattr(entry, kind) for kind in ("key", "idx", "name") if hasattr(entry, kind)))


def _orbax_path(path: Path) -> Any:
    from etils import epath  # the paths of Orbax

    return epath.Path(path)


def _set(model: Any, checkpoint: Path, kinds: tuple[str, ...] | None, fresh: bool = False) -> None:
    """Give a model the values of a checkpoint: all of them, or none.

    Args:
        model: the model.
        checkpoint: the folder.
        kinds: the keys of the tree that are read; None for all but the metrics.
        fresh: nobody has seen the model; it may be left half set.
    """
    arrays = _Arrays(checkpoint)
    tree = {key: part for key, part in arrays.tree.items() if key in (kinds or arrays.tree)}
    tree.pop("metrics_variables", None)
    if lacking(model, {kind: tree.get(kind, {}) for kind in WEIGHTS}):
        known = nested(model, lambda variable: variable.path)
        tree = {key: _renamed(part, known.get(key, {})) if key in WEIGHTS else part for key, part in tree.items()}
    _check(model, tree)
    # All of them before any value is set: it says whether the bytes are there.
    keys = {stored.index: arrays.find(stored) for stored in jax.tree.leaves(tree)}
    parts = [tree]
    if fresh or not any(variable.sharding for variable in model.weights):
        # The weights before the optimizer is built, for which the model would make first values that nobody needs.
        parts = [{key: tree[key] for key in tree if (key in WEIGHTS) == first} for first in (True, False)]
    for part in parts:
        found = list(pairs(model, part))
        for variable, stored in found:
            if stored.shape != variable.shape:
                raise ValueError(
                    f"the checkpoint does not fit the model: {variable.path!r} has shape {stored.shape}, the variable {variable.shape}"
                )
        near = [(variable, stored) for variable, stored in found if keys[stored.index] and not _is_spread(variable)]
        rest = [(variable, stored) for variable, stored in found if not keys[stored.index] or _is_spread(variable)]
        # If something may be missing, all is read before anything is set.
        for group in _groups(rest) if fresh or arrays.is_whole() else [rest] if rest else []:
            values = arrays.read({stored.index: _place(variable) for variable, stored in group})
            for variable, _ in reversed(group):
                variable.assign(values.pop())
        for variable, stored in near:
            memory.give(variable, arrays.read_pieces(stored, keys[stored.index]))


def _set_assets(model: Any, checkpoint: Path) -> None:
    """Let the layers of a model take what they keep in files of their own, such as vocabularies."""
    files = _item(checkpoint, ASSETS)
    if files is not None:
        asset_files.read_tree(model, files)


def _groups(found: list[tuple[Variable, _Stored]]) -> Iterator[list[tuple[Variable, _Stored]]]:
    """Variables that are read together: not more bytes than the largest of them has, or than are cheap."""
    limit = max([CHEAP, *(stored.nbytes for _, stored in found)])
    group: list[tuple[Variable, _Stored]] = []
    size = 0
    for variable, stored in found:
        if group and size + stored.nbytes > limit:
            yield group
            group, size = [], 0
        group.append((variable, stored))
        size += stored.nbytes
    if group:
        yield group


def _place(variable: Variable) -> jax.sharding.Sharding:
    """Where an array for a variable goes: where its value is, whatever devices wrote it."""
    return variable.sharding or jax.sharding.SingleDeviceSharding(jax.devices()[0])


def _is_spread(variable: Variable) -> bool:
    """Whether the value is on several devices, each of which reads its own part."""
    return variable.sharding is not None and len(variable.sharding.device_set) > 1


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
