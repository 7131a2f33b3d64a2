"""`tf.train`: checkpoints of objects that hold variables."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from kjax.keras.core.metric import Metric
from kjax.keras.core.optimizer import Optimizer
from kjax.keras.core.variable import Variable
from kjax.keras.legacy.tensorflow.data import Dataset
from kjax.keras.saving.tensorflow import bundle, checkpoint
from kjax.keras.saving.tensorflow_names import LoadStatus, latest_checkpoint, list_variables, note_latest, parts_of

__all__ = [
    "Checkpoint",
    "CheckpointManager",
    "LoadStatus",
    "get_checkpoint_state",
    "latest_checkpoint",
    "list_variables",
]


class Checkpoint:
    """``tf.train.Checkpoint``: the variables of models, layers, optimizers, metrics and lists of them, in one file.

    Restoring before a model or optimizer has its variables keeps their values until it has.

    Args:
        root: an object whose attributes are saved beside those given by name.
        **kwargs: what to save.
    """

    def __init__(self, root: Any = None, **kwargs: Any) -> None:
        self._things = dict(kwargs)
        if root is not None:
            self._things = {"root": root, **self._things}
        self.save_counter = Variable(np.int32(0), dtype="int32", trainable=False, name="save_counter")

    def __getattr__(self, name: str) -> Any:
        things = self.__dict__.get("_things", {})
        if name in things:
            return things[name]
        raise AttributeError(f"the checkpoint has no {name!r}; it has: {', '.join(things)}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_") or name == "save_counter":
            object.__setattr__(self, name, value)
        else:
            self._things[name] = value

    def variables(self) -> dict[str, Variable]:
        """The variables that are saved, by where they are found."""
        found = dict(_walk(self._things, ""))
        return found | {"save_counter": self.save_counter}

    def write(self, file_prefix: Any, options: Any = None) -> str:
        """Save under a name as it is."""
        return write_arrays(os.fspath(file_prefix), {name: v.numpy() for name, v in self.variables().items()})

    def save(self, file_prefix: Any, options: Any = None) -> str:
        """Save under a name with a number that counts up."""
        self.save_counter.assign(int(self.save_counter) + 1)
        path = self.write(f"{os.fspath(file_prefix)}-{int(self.save_counter)}")
        note_latest(path)
        return path

    def restore(self, save_path: Any, options: Any = None) -> LoadStatus:
        """Set the variables from a checkpoint; None does nothing.

        Raises:
            FileNotFoundError: there is no such checkpoint.
        """
        if save_path is None:
            return LoadStatus()
        if bundle.is_bundle(os.fspath(save_path)):
            things = {**self._things, "save_counter": self.save_counter}
            return LoadStatus(*checkpoint.restore(things, os.fspath(save_path)))
        arrays = read_arrays(os.fspath(save_path))
        self._make_room(arrays)
        mine = self.variables()
        for name, variable in mine.items():
            if name in arrays:
                variable.assign(arrays[name])
        return LoadStatus([n for n in arrays if n not in mine], [n for n in mine if n not in arrays])

    read = restore

    def _make_room(self, arrays: Mapping[str, Any]) -> None:
        """Optimizers that have no state yet get one, for the weights that were saved with them."""
        models = [
            t for t in self._things.values() if hasattr(t, "trainable_variables") and not isinstance(t, Optimizer)
        ]
        for key, thing in self._things.items():
            if isinstance(thing, Optimizer) and not thing.built:
                saved = sum(name.startswith(f"{key}/") for name in arrays)
                for model in models:
                    weights = list(model.trainable_variables)
                    if weights and saved > len(thing.variables):
                        thing.build(weights)
                        if len(thing.variables) == saved:
                            break


def write_arrays(prefix: str, arrays: Mapping[str, Any]) -> str:
    """Write a checkpoint of arrays by name; returns its path."""
    os.makedirs(os.path.dirname(prefix) or ".", exist_ok=True)
    data, index = parts_of(prefix)
    with open(data, "wb") as file:
        np.savez(file, **arrays)
    with open(index, "w", encoding="utf-8") as text:
        json.dump({"format": "npz", "variables": {n: list(a.shape) for n, a in arrays.items()}}, text)
    return prefix


def read_arrays(prefix: str) -> dict[str, np.ndarray]:
    """The arrays in a checkpoint, by name.

    Raises:
        FileNotFoundError: there is no such checkpoint.
    """
    if bundle.is_bundle(prefix):
        found = bundle.Bundle(prefix)
        return {key: found.read(key) for key in found.keys}
    data, _ = parts_of(prefix)
    if not os.path.exists(data):
        raise FileNotFoundError(f"there is no checkpoint {prefix!r}")
    with np.load(data, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _walk(thing: Any, path: str) -> Iterator[tuple[str, Variable]]:
    if isinstance(thing, Variable):
        yield path, thing
    elif isinstance(thing, (list, tuple)):
        for i, item in enumerate(thing):
            yield from _walk(item, f"{path}/{i}".lstrip("/"))
    elif isinstance(thing, Mapping):
        for key, item in thing.items():
            yield from _walk(item, f"{path}/{key}".lstrip("/"))
    elif isinstance(thing, Dataset):
        return
    elif isinstance(thing, (Optimizer, Metric)):
        yield from _walk(list(thing.variables), path)
    elif hasattr(thing, "weights"):
        yield from _walk(list(thing.weights), path)
    elif hasattr(thing, "variables") and not callable(thing.variables):
        yield from _walk(list(thing.variables), path)


class CheckpointManager:
    """``tf.train.CheckpointManager``: numbered checkpoints in a folder, the oldest of which are deleted.

    Args:
        checkpoint: what to save.
        directory: the folder.
        max_to_keep: how many to keep; None keeps all.
        checkpoint_name: the name before the number.
        **options: ``keep_checkpoint_every_n_hours`` and the like are accepted.
    """

    def __init__(
        self, checkpoint: Checkpoint, directory: Any, max_to_keep: int | None = 5, checkpoint_name: str = "ckpt", **options: Any
    ) -> None:  # fmt: skip
        self.checkpoint, self.directory = checkpoint, os.fspath(directory)
        self._keep, self._prefix = max_to_keep, os.path.join(self.directory, checkpoint_name)
        self._paths: list[str] = []
        if os.path.isdir(self.directory):
            pattern = re.compile(re.escape(checkpoint_name) + r"-(\d+)\.index$")
            numbers = sorted(int(m[1]) for m in map(pattern.match, os.listdir(self.directory)) if m)
            self._paths = [f"{self._prefix}-{number}" for number in numbers]

    @property
    def checkpoints(self) -> list[str]:
        """Those that are kept, the oldest first."""
        return list(self._paths)

    @property
    def latest_checkpoint(self) -> str | None:
        """The last one, or None."""
        return self._paths[-1] if self._paths else None

    def save(self, checkpoint_number: Any = None, check_interval: bool = True, options: Any = None) -> str:
        """Save, and delete what is more than ``max_to_keep``."""
        if checkpoint_number is None:
            path = self.checkpoint.save(self._prefix)
        else:
            path = self.checkpoint.write(f"{self._prefix}-{int(checkpoint_number)}")
            note_latest(path)
        self._paths = [p for p in self._paths if p != path] + [path]
        while self._keep is not None and len(self._paths) > self._keep:
            delete(self._paths.pop(0))
        return path

    def restore_or_initialize(self) -> str | None:
        """Go on from the last checkpoint, where there is one."""
        if self.latest_checkpoint is not None:
            self.checkpoint.restore(self.latest_checkpoint)
        return self.latest_checkpoint


def delete(path: str) -> None:
    """Delete a checkpoint."""
    for part in (*parts_of(path), f"{path}.meta"):
        if os.path.exists(part):
            os.remove(part)


def get_checkpoint_state(checkpoint_dir: Any, latest_filename: str | None = None) -> Any:
    """``tf.train.get_checkpoint_state``: an object that names the last checkpoint, or None."""
    path = latest_checkpoint(checkpoint_dir)
    if path is None:
        return None

    class State:
        model_checkpoint_path = path
        all_model_checkpoint_paths = _beside(path)

    return State()


def _beside(path: str) -> list[str]:
    """The checkpoints of a series that are left, the last of which is given."""
    stem, _, number = path.rpartition("-")
    if not number.isdigit():
        return [path]
    pattern = re.compile(re.escape(os.path.basename(stem)) + r"-(\d+)\.index$")
    found = [int(m[1]) for m in map(pattern.match, os.listdir(os.path.dirname(path) or ".")) if m]
    return [f"{stem}-{n}" for n in sorted(found) if n <= int(number)]


class Reader:
    """What ``tf.train.load_checkpoint`` gives: the arrays in a checkpoint.

    Args:
        arrays: the arrays, by name.
    """

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        self._arrays = dict(arrays)

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        """The shapes."""
        return {name: list(np.shape(array)) for name, array in self._arrays.items()}

    def get_variable_to_dtype_map(self) -> dict[str, Any]:
        """The types."""
        return {name: np.asarray(array).dtype for name, array in self._arrays.items()}

    def has_tensor(self, name: str) -> bool:
        """Whether there is one of this name."""
        return name in self._arrays

    def get_tensor(self, name: str) -> np.ndarray:
        """An array."""
        return np.asarray(self._arrays[name])


def load_checkpoint(ckpt_dir_or_file: Any) -> Reader:
    """``tf.train.load_checkpoint``: the arrays in a checkpoint, or in the last one of a folder."""
    prefix = os.fspath(ckpt_dir_or_file)
    prefix = latest_checkpoint(prefix) if os.path.isdir(prefix) else prefix
    if prefix is None:
        raise ValueError(f"there is no checkpoint in {os.fspath(ckpt_dir_or_file)!r}")
    return Reader(read_arrays(prefix))


def load_variable(ckpt_dir_or_file: Any, name: str) -> np.ndarray:
    """``tf.train.load_variable``: one array in a checkpoint."""
    return load_checkpoint(ckpt_dir_or_file).get_tensor(name)


class ExponentialMovingAverage:
    """``tf.train.ExponentialMovingAverage``: averages that follow variables.

    Args:
        decay: the share of the average that stays in each step.
        num_updates: the step, which lets the average follow faster at first.
        zero_debias: whether the averages start from zeros and are corrected for that.
        name: its name.
    """

    def __init__(
        self, decay: float, num_updates: Any = None, zero_debias: bool = False, name: str = "ExponentialMovingAverage"
    ) -> None:
        self.decay, self.num_updates, self.zero_debias, self.name = decay, num_updates, zero_debias, name
        self._averages: dict[int, Any] = {}
        self._steps = 0

    def apply(self, var_list: Any = None) -> None:
        """Let the averages follow their variables once."""
        from kjax.keras.legacy.tensorflow.variables import Variable as TensorVariable

        self._steps += 1
        decay = self.decay
        if self.num_updates is not None:
            step = float(np.asarray(getattr(self.num_updates, "value", self.num_updates)))
            decay = min(decay, (1 + step) / (10 + step))
        for variable in var_list or ():
            known = self._averages.get(id(variable))
            if known is None:
                start = np.zeros(variable.shape) if self.zero_debias else np.asarray(variable)
                known = self._averages[id(variable)] = TensorVariable(start, trainable=False, dtype=str(variable.dtype))
                if not self.zero_debias:
                    continue
            known.assign(np.asarray(known) * decay + np.asarray(variable) * (1 - decay))

    def average(self, var: Any) -> Any:
        """The average of a variable, None where there is none."""
        found = self._averages.get(id(var))
        return found / (1 - self.decay**self._steps) if found is not None and self.zero_debias else found
