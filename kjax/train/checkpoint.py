"""Checkpoints of a train state with Orbax: atomic, versioned, and exact, in the middle of an epoch too."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import jax
import numpy as np

from kjax.train.state import TrainState


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
        options = ocp.CheckpointManagerOptions(max_to_keep=keep, enable_async_checkpointing=False, create=True)
        self._manager = ocp.CheckpointManager(self.directory, options=options)

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
        items = {"state": args.StandardSave(arrays), "metadata": args.JsonSave(metadata or {})}
        if extra:
            items["extra"] = args.StandardSave({name: np.asarray(array) for name, array in extra.items()})
        try:
            if number in self._manager.all_steps():
                self._manager.delete(number)
            self._manager.save(number, args=args.Composite(**items), force=True)
            self._manager.wait_until_finished()
        except (OSError, ValueError) as error:
            raise CheckpointError(f"cannot write checkpoint {number} to {self.directory}: {error}") from error

    def restore(self, like: TrainState, number: int | None = None) -> tuple[TrainState, dict[str, Any]]:
        """Read a checkpoint.

        Args:
            like: a state of the same model and optimizer, whose arrays say what is expected.
            number: which one; the newest by default.

        Returns:
            The state and the metadata.

        Raises:
            CheckpointError: there is none, it is damaged, or it belongs to another model.
        """
        number = self.latest() if number is None else number
        if number is None:
            raise CheckpointError(f"there is no checkpoint in {self.directory}")
        expected = _named(like)
        args = self._orbax.args
        wanted = {name: jax.ShapeDtypeStruct(np.shape(leaf), leaf.dtype) for name, leaf in expected.items()}
        try:
            found = self._manager.restore(
                number,
                args=args.Composite(state=args.StandardRestore(_on_host(wanted)), metadata=args.JsonRestore()),
            )
        except Exception as error:
            raise CheckpointError(
                f"checkpoint {number} in {self.directory} cannot be read for this model (it is damaged, or was written "
                f"by another model or optimizer): {str(error).splitlines()[0]}"
            ) from error
        arrays = found["state"]
        for name, leaf in expected.items():
            if name not in arrays or tuple(arrays[name].shape) != tuple(np.shape(leaf)):
                have = tuple(arrays[name].shape) if name in arrays else "nothing"
                raise CheckpointError(
                    f"checkpoint {number} in {self.directory} belongs to another model: "
                    f"{name} should have shape {tuple(np.shape(leaf))}, there is {have}"
                )
        leaves = [arrays[name] for name in expected]
        structure = jax.tree.structure(_plain(like))
        plain = jax.tree.unflatten(structure, [jax.device_put(np.asarray(leaf)) for leaf in leaves])
        return plain.replace(key=jax.random.wrap_key_data(plain.key)), dict(found["metadata"] or {})

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
        number = self.latest() if number is None else number
        like = {name: np.empty(tuple(shape), dtype) for name, (shape, dtype) in shapes.items()}
        args = self._orbax.args
        try:
            found = self._manager.restore(number, args=args.Composite(extra=args.StandardRestore(like)))
        except Exception as error:
            raise CheckpointError(
                f"checkpoint {number} in {self.directory} cannot be read: {str(error).splitlines()[0]}"
            ) from error
        return {name: np.asarray(array) for name, array in found["extra"].items()}

    def clear(self) -> None:
        """Delete all checkpoints."""
        for number in list(self._manager.all_steps()):
            self._manager.delete(number)

    def close(self) -> None:
        """Free what Orbax holds."""
        self._manager.close()


def _on_host(tree: dict[str, Any]) -> dict[str, np.ndarray]:
    # Orbax restores to the type that it is shown; numpy arrays keep the devices out of it.
    return {name: np.empty(spec.shape, spec.dtype) for name, spec in tree.items()}


def _plain(state: TrainState) -> Any:
    """The state with its key as numbers, which files can hold."""
    return state.replace(key=jax.random.key_data(state.key))  # type: ignore[attr-defined]


def _named(state: TrainState) -> dict[str, Any]:
    """The leaves by their place in the state."""
    pairs = jax.tree_util.tree_leaves_with_path(_plain(state))
    return {jax.tree_util.keystr(path): leaf for path, leaf in pairs}
