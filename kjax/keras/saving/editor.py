"""KerasFileEditor: the weights in a file, looked at, compared with a model, changed and written again."""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from kjax.keras.console import print_message
from kjax.keras.saving import atomic, hdf5, keras_zip, weights_h5
from kjax.keras.saving.errors import loading

VARS = "vars"
"""The group in which a file keeps the weights of an object."""


class KerasFileEditor:
    """Looks into a ``.keras`` or ``.weights.h5`` file, and writes a changed copy of its weights.

    An object (a layer, an optimizer) is named by its path, such as ``'layers/dense_2'``, or by the last part of that where it is
    the only one of that name. Weights are named ``'0'``, ``'1'``, ...

        editor = keras.saving.KerasFileEditor("old.weights.h5")
        editor.compare(new_model)
        editor.rename_object("dense_2", "head")
        editor.save("new.weights.h5")

    Args:
        filepath: a ``.keras`` or ``.weights.h5`` file, of kjax or of Keras 3.

    Attributes:
        weights_dict: the weights as NumPy arrays, in dicts by path.
        object_metadata: names of objects, by ``'/path'``.
        config: the model's config, from a ``.keras`` file.
        metadata: version and date, from a ``.keras`` file.

    Raises:
        FileNotFoundError: there is no such file.
        FileFormatError: the file is broken.
        ValueError: another kind of file.
    """

    def __init__(self, filepath: Any) -> None:
        self.filepath = os.fspath(filepath)
        self.config: Any = None
        self.metadata: Any = None
        self.model: Any = None
        self.weights_dict: dict[str, Any] = {}
        self.object_metadata: dict[str, dict[str, Any]] = {}
        if not self.filepath.endswith((".keras", ".weights.h5")):
            raise ValueError(
                f"Invalid filename: expected a `.keras` or `.weights.h5` file, received filepath={self.filepath!r}"
            )
        if not os.path.exists(self.filepath):
            raise FileNotFoundError(f"there is no file {self.filepath!r}")
        with loading(self.filepath), self._opened() as file:
            self.weights_dict = self._content(file, "")
        print_message(f"Keras model file '{self.filepath}'")
        if self.metadata is not None:
            print_message(f"Saved with Keras {self.metadata['keras_version']} - date: {self.metadata['date_saved']}")

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Any]:
        """The HDF5 file; notes the config and the metadata beside it."""
        if self.filepath.endswith(".weights.h5"):
            with hdf5.opened(self.filepath) as file:
                yield file
            return
        with open(self.filepath, "rb") as source, zipfile.ZipFile(source) as archive:
            self.config = keras_zip.json_member(archive, keras_zip.CONFIG)
            self.metadata = keras_zip.json_member(archive, keras_zip.METADATA)
            member = keras_zip.member_file(archive, source, keras_zip.WEIGHTS)
            with member as weights, hdf5.opened(weights) as file:
                yield file

    def _content(self, group: Any, path: str) -> dict[str, Any]:
        """The weights of an object, and the objects inside it that have some."""
        import h5py

        found: dict[str, Any] = {}
        for key in group:
            link = group.get(key, getlink=True)
            is_group = isinstance(link, h5py.HardLink) and isinstance(group[key], h5py.Group)
            if not is_group:
                found[key] = hdf5.dataset(group, key).read()
            elif key == VARS:
                inside = hdf5.group(group, key)
                found = {name: hdf5.dataset(inside, name).read() for name in inside} | found
                if inside.attrs:
                    self.object_metadata[path or "/"] = dict(inside.attrs)
            elif inner := self._content(hdf5.group(group, key), f"{path}/{key}"):
                found[key] = inner
        return found

    # -- looking -------------------------------------------------------------------------------------------------

    def summary(self) -> None:
        """Print the objects in the file, with the shapes and types of their weights."""
        print_message("\n".join(["Weights structure", *self._lines(self.weights_dict, "  ", "", True)]))

    def _lines(self, content: Mapping[str, Any], prefix: str, path: str, is_first: bool) -> Iterator[str]:
        for i, (key, value) in enumerate(content.items()):
            is_last = i == len(content) - 1
            connector = "> " if is_first and i == 0 else "└─ " if is_last else "├─ "
            if isinstance(value, Mapping):
                name = self.object_metadata.get(f"{path}/{key}", {}).get("name")
                yield f"{prefix}{connector}{key}" + (f" ('{name}')" if name else "")
                yield from self._lines(value, prefix + ("    " if is_last else "│   "), f"{path}/{key}", False)
            else:
                array = np.asarray(value)
                yield f"{prefix}{connector}{key}: shape={array.shape}, dtype={array.dtype}"

    def list_object_paths(self) -> list[str]:
        """The paths of all objects that have weights of their own."""
        return [path for path, values in _objects(self.weights_dict, "") if values]

    def compare(self, reference_model: Any) -> dict[str, Any]:
        """Print in what the file and a model differ: objects and weights that only one has, and shapes.

        Args:
            reference_model: a built model.

        Returns:
            ``'status'`` (``'success'`` or ``'error'``), ``'error_count'`` and ``'match_count'``.
        """
        print_message("Running comparison")
        wanted = {path: values for path, _, values in weights_h5.contents(reference_model) if values}
        held = {path: values for path, values in _objects(self.weights_dict, "") if values}
        errors = matches = 0
        for mine, theirs, here, there in (
            (wanted, held, "reference model", "saved file"),
            (held, wanted, "saved file", "reference model"),
        ):
            for path, values in mine.items():
                if path not in theirs:
                    errors += 1
                    print_message(f"...Object {path or '/'} present in {here}, missing from {there}")
                    print_message(f"    In {here}, {path or '/'} contains the following keys: {list(map(str, values))}")
                    continue
                others = {str(key): value for key, value in theirs[path].items()}
                for key, value in values.items():
                    if str(key) not in others:
                        errors += 1
                        print_message(f"...Weight {path}/{key} present in {here}, missing from {there}")
                    elif mine is held:
                        continue  # compared before
                    elif np.shape(value) != np.shape(others[str(key)]):
                        errors += 1
                        print_message(
                            f"...Weight shape mismatch for {path}/{key}\n    In {here}: shape={np.shape(value)}\n"
                            f"    In {there}: shape={np.shape(others[str(key)])}"
                        )
                    else:
                        matches += 1
        print_message("─────────────────────")
        if errors:
            print_message(
                f"Found {errors} error{'s' * (errors != 1)}: saved file is not compatible with the reference model"
            )
        else:
            print_message("Comparison successful: saved file is compatible with the reference model")
            print_message(f"    Found {matches} matching weight{'s' * (matches != 1)}")
        return {"status": "error" if errors else "success", "error_count": errors, "match_count": matches}

    # -- changing ------------------------------------------------------------------------------------------------

    def _edit(self, name: str, change: Callable[[dict[str, Any], str], None]) -> str:
        """Call ``change(dict around the object, its key)``; returns the object's path.

        Raises:
            ValueError: no such object, or several.
        """
        if "/" in name:
            paths = [name.strip("/")]
        else:
            paths = [p for p, _ in _objects(self.weights_dict, "") if p.rpartition("/")[2] == name]
        if len(paths) > 1:
            raise ValueError(
                f"Name '{name}' occurs more than once in the model ({', '.join(paths)}); try passing a complete path"
            )
        around = self._at(paths[0].rpartition("/")[0]) if paths else None
        if around is None or not isinstance(around.get(paths[0].rpartition("/")[2]), dict):
            known = [p for p, _ in _objects(self.weights_dict, "") if p]
            what = "Path" if "/" in name else "Source name"
            raise ValueError(f"{what} '{name}' not found in model. It has: {', '.join(known)}")
        change(around, paths[0].rpartition("/")[2])
        return paths[0]

    def _at(self, path: str) -> dict[str, Any] | None:
        """What lies at a path, or None."""
        content: Any = self.weights_dict
        for key in path.split("/") if path else ():
            content = content.get(key) if isinstance(content, dict) else None
        return content if isinstance(content, dict) else None

    def rename_object(self, object_name: str, new_name: str) -> None:
        """Give an object another name.

        Args:
            object_name: its name or path.
            new_name: its new name, without the path.

        Raises:
            ValueError: no such object, several, or a new name that is a path or is taken.
        """
        if "/" in new_name:
            raise ValueError(f"Argument `new_name` should be a leaf name, not a full path name, received {new_name!r}")

        def change(around: dict[str, Any], key: str) -> None:
            if new_name in around and new_name != key:
                raise ValueError(f"there is an object {new_name!r} beside {key!r} already")
            entries = [(new_name if k == key else k, value) for k, value in around.items()]
            around.clear()
            around.update(entries)

        path = "/" + self._edit(object_name, change)
        new = path.rpartition("/")[0] + "/" + new_name
        self.object_metadata = {
            new + key[len(path) :] if key == path or key.startswith(path + "/") else key: value
            for key, value in self.object_metadata.items()
        }

    def delete_object(self, object_name: str) -> None:
        """Take an object, and what is inside it, out.

        Args:
            object_name: its name or path.

        Raises:
            ValueError: no such object, or several.
        """
        self._edit(object_name, lambda around, key: around.__delitem__(key))

    def add_object(self, object_path: str, weights: Mapping[str, Any]) -> None:
        """Put an object in; one that is there is replaced.

        Args:
            object_path: its path; what is around it must be there.
            weights: arrays by name: ``{"0": kernel, "1": bias}``.

        Raises:
            ValueError: no dict of arrays, or nothing at the path above.
        """
        head, _, key = object_path.strip("/").rpartition("/")
        around = self._at(head)
        if around is None:
            raise ValueError(f"Path '{head}' not found in model. It has: {', '.join(self.list_object_paths())}")
        around[key] = _checked(weights)

    def delete_weight(self, object_name: str, weight_name: str) -> None:
        """Take a weight out of an object.

        Args:
            object_name: the object's name or path.
            weight_name: the weight's name, such as ``'0'``.

        Raises:
            ValueError: no such object or weight.
        """

        def change(around: dict[str, Any], key: str) -> None:
            if weight_name not in around[key]:
                raise ValueError(
                    f"Weight {weight_name} not found in object {object_name}. Weights found: {list(around[key])}"
                )
            del around[key][weight_name]

        self._edit(object_name, change)

    def add_weights(self, object_name: str, weights: Mapping[str, Any]) -> None:
        """Put weights into an object; those of the same names are replaced.

        Args:
            object_name: the object's name or path.
            weights: arrays by name.

        Raises:
            ValueError: no such object, or no dict of arrays.
        """
        found = _checked(weights)
        self._edit(object_name, lambda around, key: around[key].update(found))

    # -- writing -------------------------------------------------------------------------------------------------

    def save(self, filepath: Any) -> None:
        """Write the weights as they are now; an existing file is replaced at once, when all is written.

        Args:
            filepath: a ``.weights.h5`` file.

        Raises:
            ValueError: another kind of file.
        """
        import h5py

        if not os.fspath(filepath).endswith(".weights.h5"):
            raise ValueError(
                f"Invalid `filepath` argument: expected a `.weights.h5` extension, received filepath={os.fspath(filepath)!r}"
            )
        with atomic.replacing(filepath, True) as temporary, h5py.File(temporary, "w") as file:
            for path, values in _objects(self.weights_dict, ""):
                name = self.object_metadata.get(f"/{path}", {}).get("name")
                weights_h5.write_object(file, path, name, values)

    resave_weights = save


def _objects(content: Mapping[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Path of each object, and its own weights."""
    yield path, {key: value for key, value in content.items() if not isinstance(value, Mapping)}
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _objects(value, f"{path}/{key}" if path else key)


def _checked(weights: Any) -> dict[str, Any]:
    """Weights by name.

    Raises:
        ValueError: no dict, or something in it that is no array of numbers.
    """
    if not isinstance(weights, Mapping):
        raise ValueError(
            "Argument `weights` should be a dict where keys are weight names (usually '0', '1', etc.) and values are NumPy "
            f"arrays, received {weights!r} (a {type(weights).__name__})"
        )
    found = {
        str(key): _checked(value) if isinstance(value, Mapping) else np.asarray(value) for key, value in weights.items()
    }
    for key, value in found.items():
        if isinstance(value, np.ndarray) and value.dtype.kind not in "biufcV":
            raise ValueError(f"weight {key!r} should be an array of numbers, received {weights[key]!r}")
    return found
