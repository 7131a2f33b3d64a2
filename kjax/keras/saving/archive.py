"""ExportArchive: several functions of models as StableHLO in one file, with the weights that they share."""

from __future__ import annotations

import functools
import json
import os
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np

from kjax._version import __version__
from kjax.keras.console import print_message
from kjax.keras.core import scope as scopes
from kjax.keras.core.layer import Layer
from kjax.keras.core.variable import Variable
from kjax.keras.saving import atomic, exported, remote
from kjax.keras.saving.errors import loading
from kjax.keras.saving.flat import npy_entry, write_npy
from kjax.keras.saving.keras_zip import json_member

DEFAULT = "serving_default"
"""Name under which the first endpoint can be called too, as in Keras."""


class ExportArchive:
    """Collects functions (endpoints) of models and writes them as StableHLO, for :func:`load_exported` and other runtimes.

        archive = keras.export.ExportArchive()
        archive.track(model)
        archive.add_endpoint("serve", lambda x: model(x, training=False), [keras.InputSpec(shape=(None, 3))])
        archive.write_out("model.stablehlo")
        keras.export.load_exported("model.stablehlo").serve(x)

    Args:
        format: ``'stablehlo'``, or None for that.
        platforms: what the functions shall run on.

    Raises:
        ValueError: another format.
    """

    def __init__(self, format: str | None = None, platforms: Sequence[str] = exported.PLATFORMS) -> None:
        if format not in (None, *exported.FORMATS):
            raise ValueError(
                f"ExportArchive: format {format!r} is not supported: kjax writes 'stablehlo'. For a SavedModel of TensorFlow, "
                "save the model as .keras and export it with Keras on TensorFlow"
            )
        self.platforms = tuple(platforms)
        self._layers: list[Any] = []
        self._endpoints: dict[str, tuple[Any, list[Variable]]] = {}
        self._collections: dict[str, list[Variable]] = {}

    @property
    def variables(self) -> list[Variable]:
        """The variables of all that is tracked, each once."""
        return list({id(v): v for layer in self._layers for v in layer.variables}.values())

    @property
    def trainable_variables(self) -> list[Variable]:
        """Those that training changes."""
        return list({id(v): v for layer in self._layers for v in layer.trainable_variables}.values())

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """Those that training leaves as they are."""
        return list({id(v): v for layer in self._layers for v in layer.non_trainable_variables}.values())

    def track(self, resource: Any) -> None:
        """Let the weights of a layer or model be stored once, for all endpoints.

        Weights that a function uses of layers that are not tracked become constants in its code.

        Args:
            resource: a built layer or model.

        Raises:
            ValueError: something else, or a layer that is not built.
        """
        if not isinstance(resource, Layer):
            raise ValueError(
                f"Invalid resource type. Expected a Keras `Layer` or `Model`, received {resource!r} of type "
                f"{type(resource).__name__}; resources of TensorFlow can only be exported with Keras on TensorFlow"
            )
        if not resource.built:
            raise ValueError(
                f"The layer provided has not yet been built ({resource.name!r}). It must be built before export."
            )
        if all(resource is not layer for layer in self._layers):
            self._layers.append(resource)

    def add_endpoint(
        self, name: str, fn: Callable[..., Any], input_signature: Any = None, **kwargs: Any
    ) -> Callable[..., Any]:
        """Add a function.

        Args:
            name: name by which it is called.
            fn: a function of arrays, which may call models. Randomness in it is drawn once, and changes of weights are dropped.
            input_signature: a list with what describes each argument: ``keras.InputSpec``, symbolic tensors, arrays, or
                structures of them; None in a shape where any size goes.
            **kwargs: ``is_static`` and ``jax2tf_kwargs`` of Keras, which have no meaning here.

        Returns:
            The function as it was exported.

        Raises:
            ValueError: a name that is taken or no name, no signature, or a function that cannot be exported.
        """
        unknown = [key for key in kwargs if key not in ("is_static", "jax2tf_kwargs")]
        if unknown:
            raise TypeError(f"add_endpoint: unknown argument {unknown[0]!r}")
        if name in self._endpoints or name in self._collections:
            raise ValueError(f"Endpoint name '{name}' is already taken.")
        if not isinstance(name, str) or not name.isidentifier() or hasattr(Archive, name):
            raise ValueError(f"add_endpoint: {name!r} cannot be the name of a function of the archive")
        if input_signature is None:
            raise ValueError(
                "you must provide an `input_signature` argument to specify the shape and dtype of the function arguments: "
                "input_signature=[keras.InputSpec(shape=(None, 3), dtype='float32')]"
            )
        given = list(input_signature) if isinstance(input_signature, (list, tuple)) else [input_signature]
        layers = [*self._layers, *_layers_of(fn)]
        exported.need_code(f"endpoint {name!r}", _layers_of(fn))
        boxes = list({id(v): v for layer in layers for v in layer.variables}.values())

        def pure(weights: list[Any], *arguments: Any) -> Any:
            return scopes.run_with(boxes, weights, lambda: fn(*arguments))[0]

        shapes = [jax.ShapeDtypeStruct(box.shape, jnp.dtype(box.dtype)) for box in boxes]
        code = exported.exported_function(
            pure, f"endpoint {name!r}", self.platforms, shapes, *exported.abstract_inputs(given)
        )
        self._endpoints[name] = code, boxes
        return lambda *arguments: code.call([box.value for box in boxes], *map(_as_arrays, arguments))

    def track_and_add_endpoint(
        self, name: str, resource: Any, input_signature: Any, **kwargs: Any
    ) -> Callable[..., Any]:
        """:meth:`track` a layer or model, and :meth:`add_endpoint` its call.

        Args:
            name: name of the endpoint.
            resource: the layer or model.
            input_signature: as of :meth:`add_endpoint`.
            **kwargs: as of :meth:`add_endpoint`.
        """
        self.track(resource)
        return self.add_endpoint(name, resource.__call__, input_signature, **kwargs)

    def add_variable_collection(self, name: str, variables: Iterable[Variable]) -> None:
        """Store variables, to be had from the loaded archive by a name.

        Args:
            name: the name.
            variables: list, tuple or set of variables.

        Raises:
            ValueError: something else, or a name that is taken.
        """
        if not isinstance(variables, (list, tuple, set)):
            raise ValueError(
                f"Expected `variables` to be a list/tuple/set, received an object of type {type(variables)}"
            )
        wrong = [type(v).__name__ for v in variables if not isinstance(v, Variable)]
        if wrong:
            raise ValueError(f"Expected all elements in `variables` to be `keras.Variable` instances, found: {wrong}")
        if name in self._endpoints or name in self._collections or hasattr(Archive, name):
            raise ValueError(f"the name '{name}' is already taken")
        self._collections[name] = list(variables)

    @remote.writes
    def write_out(self, filepath: Any, options: Any = None, verbose: bool = True) -> None:
        """Write the archive: one file.

        Args:
            filepath: where to write.
            options: those of TensorFlow; none are known here.
            verbose: whether the endpoints are printed.

        Raises:
            ValueError: there are no endpoints, or options of TensorFlow.
        """
        if not self._endpoints:
            raise ValueError("No endpoints have been set yet. Call add_endpoint().")
        if options is not None:
            raise ValueError("write_out: `options` are those of TensorFlow's SavedModel, which is not written here")
        used = [*self.variables, *(v for _, boxes in self._endpoints.values() for v in boxes)]
        stored = list({id(v): v for v in [*used, *(v for c in self._collections.values() for v in c)]}.values())
        numbers = {id(v): i for i, v in enumerate(stored)}
        tracked = {
            kind: [numbers[id(v)] for v in getattr(self, kind)]
            for kind in ("variables", "trainable_variables", "non_trainable_variables")
        }
        metadata = {
            "kjax_version": __version__,
            "platforms": list(self.platforms),
            "endpoints": {name: [numbers[id(v)] for v in boxes] for name, (_, boxes) in self._endpoints.items()},
            "collections": {name: [numbers[id(v)] for v in c] for name, c in self._collections.items()} | tracked,
            "weights": len(stored),
        }
        with atomic.replacing(filepath, True) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            archive.writestr(exported.METADATA, json.dumps(metadata))
            for name, (code, _) in self._endpoints.items():
                archive.writestr(f"endpoints/{name}", bytes(exported.serialization(code.serialize)))
            for i, variable in enumerate(stored):
                write_npy(archive, f"weights/{i}.npy", variable.value)
        if verbose:
            print_message(f"Saved artifact at '{filepath}'. The following endpoints are available:\n")
            for name, (code, _) in self._endpoints.items():
                args = jax.tree.unflatten(code.in_tree, code.in_avals)[0][1:]
                results = jax.tree.unflatten(code.out_tree, code.out_avals)
                print_message(f"* Endpoint '{name}'\n  args: {args}\n  output: {results}")


class Archive:
    """What :func:`load_exported` returns for a file of :meth:`ExportArchive.write_out`: endpoints are its functions.

    Attributes:
        endpoints: the functions by name; the first is ``serving_default`` too.
        platforms: what they run on.
    """

    def __init__(
        self, endpoints: Mapping[str, Any], collections: Mapping[str, list[Any]], platforms: Sequence[str]
    ) -> None:
        self.endpoints = dict(endpoints)
        self.endpoints.setdefault(DEFAULT, next(iter(self.endpoints.values())))
        self._collections = dict(collections)
        self.platforms = list(platforms)

    def __getattr__(self, name: str) -> Any:
        for group in ("endpoints", "_collections"):
            if name in self.__dict__.get(group, {}):
                return self.__dict__[group][name]
        raise AttributeError(
            f"the archive has no {name!r}; its endpoints are {list(self.__dict__.get('endpoints', {}))}"
        )


def read_archive(archive: zipfile.ZipFile, metadata: Mapping[str, Any]) -> Archive:
    """The archive in an open file.

    Args:
        archive: the file.
        metadata: what it says about itself.

    Raises:
        ValueError: it is no archive, or its weights do not fit its code.
    """
    endpoints, collections = metadata["endpoints"], metadata.get("collections", {})
    if not isinstance(endpoints, dict) or not endpoints or not isinstance(collections, dict):
        raise ValueError(f"{exported.METADATA} does not describe an archive")
    entries = [npy_entry(archive, archive.getinfo(f"weights/{i}.npy")) for i in range(int(metadata["weights"]))]
    functions = {}
    for name, numbers in endpoints.items():
        code = exported.serialization(jax.export.deserialize, bytearray(archive.read(f"endpoints/{name}")))
        weights = exported.fitting(code, [entries[i] for i in numbers])
        functions[name] = functools.partial(_call, jax.jit(code.call), code, weights)
    for entry in {i for numbers in collections.values() for i in numbers}:
        entries[entry].verify()
    arrays = {name: [jnp.asarray(entries[i].read()) for i in numbers] for name, numbers in collections.items()}
    return Archive(functions, arrays, metadata.get("platforms", ()))


def _call(function: Callable[..., Any], code: Any, weights: list[Any], *arguments: Any) -> Any:
    """Call an endpoint with arrays of the types that it takes."""
    wanted = jax.tree.unflatten(code.in_tree, code.in_avals)[0][1:]
    return function(
        weights, *jax.tree.map(lambda spec, value: jnp.asarray(value, spec.dtype), tuple(wanted), arguments)
    )


def _as_arrays(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)), tree)


def _layers_of(function: Any) -> list[Any]:
    """The layer that a function is, or whose method it is, and those that it closes over."""
    inner = getattr(function, "func", function)
    cells = [cell.cell_contents for cell in getattr(inner, "__closure__", None) or () if cell is not None]
    found = [function, getattr(function, "__self__", None), *cells]
    return [thing for thing in found if isinstance(thing, Layer)]


@remote.reads
def load_exported(filepath: Any) -> Any:
    """Read a file of ``model.export``, or of :meth:`ExportArchive.write_out`.

    Args:
        filepath: the file.

    Raises:
        FileNotFoundError: there is no such file.
        FileFormatError: it is broken, or something else.

    Returns:
        An :class:`~kjax.keras.saving.exported.Exported`, or an :class:`Archive`.
    """
    if not os.path.exists(filepath):
        raise FileNotFoundError(f"there is no file {os.fspath(filepath)!r}")
    with loading(filepath), zipfile.ZipFile(filepath) as archive:
        metadata = json_member(archive, exported.METADATA)
        is_archive = isinstance(metadata, dict) and "endpoints" in metadata
        return (read_archive if is_archive else exported.read_exported)(archive, metadata)
