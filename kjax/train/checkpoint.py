"""Checkpoints of a train state with Orbax: atomic, versioned, and exact, in the middle of an epoch too."""

from __future__ import annotations

import os
import pathlib
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import numpy as np

from kjax.train.pieces import Pieces
from kjax.train.state import TrainState

T = TypeVar("T")


class CheckpointError(RuntimeError):
    """A checkpoint that cannot be read, or that belongs to another model."""


class Checkpoints:
    """A folder of checkpoints.

    Args:
        directory: the folder; made if it does not exist.
        keep: how many are kept; the oldest go first.

    Raises:
        CheckpointError: the folder cannot be made or written.
    """

    def __init__(self, directory: str | os.PathLike[str], keep: int = 2) -> None:
        import orbax.checkpoint as ocp

        self.directory = pathlib.Path(directory).expanduser().absolute()
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            if not os.access(self.directory, os.W_OK):
                raise PermissionError(13, "Permission denied")
        except OSError as error:
            raise CheckpointError(f"cannot write checkpoints to {self.directory}: {error.strerror}") from error
        self._orbax = ocp
        options = ocp.CheckpointManagerOptions(
            max_to_keep=keep,
            enable_async_checkpointing=False,
            create=True,
            cleanup_tmp_directories=True,  # of processes that were killed
        )
        # Numbers as they are: compressed, floats take a tenth less room and eight times as long.
        handlers: dict[str, Any] = {
            item: ocp.PyTreeCheckpointHandler(use_compression=False) for item in ("state", "extra")
        }
        handlers["metadata"] = ocp.JsonCheckpointHandler()
        self._manager = ocp.CheckpointManager(self.directory, options=options, item_handlers=handlers)

    def latest(self) -> int | None:
        """Number of the newest complete checkpoint, or None."""
        return self._manager.latest_step()

    def save(
        self,
        number: int,
        state: TrainState,
        metadata: dict[str, Any] | None = None,
        extra: dict[str, np.ndarray] | None = None,
    ) -> None:
        """Write a checkpoint; one of the same number is replaced.

        Args:
            number: its number; they grow.
            state: the state.
            metadata: anything that JSON can hold (the position in the epoch, ...).
            extra: further arrays by name, of any shape; see :meth:`extra`.

        Raises:
            CheckpointError: it could not be written (no space, no permission).
        """
        args = self._orbax.args
        arrays = {name: np.asarray(leaf) for name, leaf in _named(state).items()}
        items = {"state": args.PyTreeSave(arrays), "metadata": args.JsonSave(metadata or {})}
        if extra:
            items["extra"] = args.PyTreeSave({name: np.asarray(array) for name, array in extra.items()})
        try:
            if number in self._manager.all_steps():
                self._manager.delete(number)
            self._manager.save(number, args=args.Composite(**items), force=True)
            self._manager.wait_until_finished()
        except (OSError, ValueError) as error:
            raise CheckpointError(f"cannot write checkpoint {number} to {self.directory}: {error}") from error

    def newest(self, read: Callable[[int], T]) -> T:
        """What a function makes of the newest checkpoint that can be read; the user is told of those that cannot.

        Args:
            read: gets the number of a checkpoint, and raises a :class:`CheckpointError` if it cannot be read.

        Raises:
            CheckpointError: there is none, or none can be read: what is wrong with the newest.
        """
        wrong: CheckpointError | None = None
        for number in sorted(self._manager.all_steps(), reverse=True):
            try:
                found = read(number)
            except CheckpointError as error:
                wrong = wrong or error
                continue
            if wrong is not None:
                warnings.warn(f"{wrong}; checkpoint {number}, an older one, is taken instead", stacklevel=3)
            return found
        raise wrong or CheckpointError(f"there is no checkpoint in {self.directory}")

    def restore(
        self, like: TrainState, number: int | None = None, donate: bool = False
    ) -> tuple[TrainState, dict[str, Any]]:
        """Read a checkpoint.

        Args:
            like: a state of the same model and optimizer, whose arrays say what is expected.
            number: which one; by default the newest that can be read, with a warning where that is not the last.
            donate: whether ``like`` is given up: its memory is that of the new state, or is freed array by array, so that
                hardly more is needed than one state takes. When files cannot be read after all it is lost.

        Returns:
            The state and the metadata.

        Raises:
            CheckpointError: there is none, it is damaged, or it belongs to another model.
        """
        if number is None:
            return self.newest(lambda found: self.restore(like, found, donate))
        metadata = self.metadata(number)
        expected = _named(like)
        kinds = {name: (tuple(np.shape(leaf)), np.dtype(leaf.dtype)) for name, leaf in expected.items()}
        structure = jax.tree.structure(_plain(like))
        try:
            pieces = Pieces(self.directory / str(number) / "state")
            keys = {name: pieces.find([name], *kind) for name, kind in kinds.items()}
            if all(keys.values()):
                leaves = []
                for name, leaf in expected.items():
                    array = pieces.read(str(keys[name]), *kinds[name], into=_given_up(leaf) if donate else None)
                    leaves.append(jax.device_put(array))
            else:
                leaves = [jax.device_put(np.asarray(array)) for array in self._whole(kinds, number)]
        except (OSError, ValueError) as error:
            raise CheckpointError(
                f"checkpoint {number} in {self.directory} cannot be read for this model (it is damaged, or was written "
                f"by another model or optimizer): {str(error).splitlines()[0]}"
            ) from error
        plain = jax.tree.unflatten(structure, leaves)
        return plain.replace(key=jax.random.wrap_key_data(plain.key)), metadata

    def metadata(self, number: int) -> dict[str, Any]:
        """What was noted with a checkpoint.

        Args:
            number: which one.

        Raises:
            CheckpointError: there is none of this number, or it is damaged.
        """
        return dict(self._item(number, "metadata", self._orbax.args.JsonRestore()) or {})

    def _whole(self, kinds: dict[str, tuple[tuple[int, ...], np.dtype[Any]]], number: int) -> list[Any]:
        """The arrays as Orbax reads them, however they are stored."""
        # Orbax restores to the type that it is shown; numpy arrays keep the devices out of it.
        wanted = {name: np.empty(*kind) for name, kind in kinds.items()}
        arrays = self._item(number, "state", self._orbax.args.PyTreeRestore(wanted))
        for name, (shape, _) in kinds.items():
            if name not in arrays or tuple(arrays[name].shape) != shape:
                have = tuple(arrays[name].shape) if name in arrays else "nothing"
                raise CheckpointError(
                    f"checkpoint {number} in {self.directory} belongs to another model: "
                    f"{name} should have shape {shape}, there is {have}"
                )
        return [arrays[name] for name in kinds]

    def _item(self, number: int, name: str, args: Any) -> Any:
        try:
            return self._manager.restore(number, args=self._orbax.args.Composite(**{name: args}))[name]
        except Exception as error:  # of any class
            raise CheckpointError(
                f"checkpoint {number} in {self.directory} cannot be read for this model (it is damaged, or was written "
                f"by another model or optimizer): {str(error).splitlines()[0]}"
            ) from error

    def extra(self, shapes: dict[str, tuple[Any, str]], number: int | None = None) -> dict[str, np.ndarray]:
        """The further arrays of a checkpoint.

        Args:
            shapes: shape and type of each by name.
            number: which checkpoint; the newest by default.

        Raises:
            CheckpointError: they cannot be read.
        """
        if not shapes:
            return {}
        if number is None:
            return self.newest(lambda found: self.extra(shapes, found))
        like = {name: np.empty(tuple(shape), dtype) for name, (shape, dtype) in shapes.items()}
        found = self._item(number, "extra", self._orbax.args.PyTreeRestore(like))
        return {name: np.asarray(array) for name, array in found.items()}

    def clear(self) -> None:
        """Delete all checkpoints."""
        for number in list(self._manager.all_steps()):
            self._manager.delete(number)

    def close(self) -> None:
        """Free what Orbax holds."""
        self._manager.close()


def _given_up(leaf: Any) -> np.ndarray | None:
    """The memory of an array that nobody needs any more; one of JAX is freed."""
    if isinstance(leaf, np.ndarray):
        return leaf if leaf.flags.writeable and leaf.flags.c_contiguous else None
    leaf.delete()
    return None


def _plain(state: TrainState) -> Any:
    """The state with its key as numbers, which files can hold."""
    return state.replace(key=jax.random.key_data(state.key))  # type: ignore[attr-defined]


def _named(state: TrainState) -> dict[str, Any]:
    """The leaves by their place in the state."""
    pairs = jax.tree_util.tree_leaves_with_path(_plain(state))
    return {jax.tree_util.keystr(path): leaf for path, leaf in pairs}
