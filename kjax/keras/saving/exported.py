"""Models as StableHLO: one file with compiled-to-portable code and weights, which runs without the model's classes."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
from jax import export

from kjax._version import __version__
from kjax.keras.features.host import HostLayer
from kjax.keras.saving import atomic, remote
from kjax.keras.saving.flat import npy_entry, write_npy
from kjax.nn import lowering

CODE, METADATA = "model.jax_export", "exported.json"
PLATFORMS = ("cpu", "cuda", "tpu")
FORMATS = ("stablehlo", "jax")


@remote.writes
def export_model(
    model: Any,
    filepath: Any,
    format: str = "stablehlo",
    verbose: Any = None,
    input_signature: Any = None,
    platforms: Sequence[str] = PLATFORMS,
    overwrite: bool = True,
    **kwargs: Any,
) -> None:
    """Write what a model computes for a prediction, as StableHLO, together with its weights.

    The file runs for batches of any size, on each of the platforms, wherever JAX is installed: :func:`~kjax.keras.saving.archive.load_exported`. It
    needs neither the model's classes nor kjax' layers, and nothing in it is Python code.

    Args:
        model: a built model.
        filepath: where to write; one file, with any name.
        format: ``'stablehlo'``.
        verbose: accepted for Keras' sake.
        input_signature: for a model written as a class, or to fix sizes: arrays, or anything with ``shape`` and ``dtype``
            (None in a shape where any size goes), in the structure in which the model takes them.
        platforms: what it shall run on.
        overwrite: False refuses to replace a file.
        **kwargs: none are known.

    Raises:
        ValueError: another format, a model without known inputs, or one whose computation depends on the size of a free
            axis.
        FileExistsError: there is a file, and ``overwrite`` is False.
    """
    del verbose
    if kwargs:
        raise TypeError(f"export: unknown argument {next(iter(kwargs))!r}")
    if format not in FORMATS:
        raise ValueError(
            f"export: format {format!r} is not supported: kjax writes 'stablehlo', which JAX, IREE and OpenXLA read. For a "
            "SavedModel or ONNX, save the model as .keras and export it with Keras on TensorFlow"
        )
    need_code(f"model {model.name!r}", [model])
    inputs, names = _signature(model, input_signature)
    leaves, structure = jax.tree.flatten(model.variables_tree)
    module = model.module

    def predict(weights: list[Any], *arguments: Any) -> Any:
        return module.apply(jax.tree.unflatten(structure, weights), *arguments)

    shapes = [jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in leaves]
    exported = exported_function(predict, f"model {model.name!r}", platforms, shapes, inputs)
    code = bytes(serialization(exported.serialize))
    metadata = {
        "kjax_version": __version__,
        "name": model.name,
        "input_names": names,
        "platforms": list(platforms),
        "weights": len(leaves),
    }
    with atomic.replacing(filepath, overwrite) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        archive.writestr(METADATA, json.dumps(metadata))
        archive.writestr(CODE, code)
        for i, leaf in enumerate(leaves):
            write_npy(archive, f"weights/{i}.npy", leaf)


def exported_function(function: Any, what: str, platforms: Sequence[str], *args: Any) -> export.Exported:
    """A pure function as StableHLO.

    Args:
        function: the function.
        what: what it is, for messages.
        platforms: what it shall run on.
        *args: abstract arguments, which may have symbolic sizes.

    Raises:
        ValueError: it depends on the size of a free axis.
    """
    try:
        with lowering.portable():
            return export.export(jax.jit(function), platforms=tuple(platforms))(*args)
    except Exception as error:
        said = f"{type(error).__name__} {error}".lower()
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if "dimension" not in said and "symbolic" not in said:
            raise
        raise ValueError(
            f"export: {what} computes something that depends on the size of a free axis ({reason}). Give "
            "the sizes with input_signature=[keras.layers.InputSpec(shape=(1, ...))]"
        ) from error


def need_code(what: str, layers: Iterable[Any]) -> None:
    """Refuse layers that work on the host, which StableHLO cannot hold.

    Raises:
        ValueError: there are some.
    """
    found = [inner.name for layer in layers for inner in layer._flatten_layers() if isinstance(inner, HostLayer)]
    if found:
        raise ValueError(
            f"export: {what} has layers that work on the host (lookups, texts, hashes), which StableHLO cannot hold: "
            f"{', '.join(found)}. Export the part behind them"
        )


def serialization(function: Any, *args: Any) -> Any:
    try:
        return function(*args)
    except ImportError as error:
        raise ImportError("exported models need the package flatbuffers: pip install kjax[export]") from error


def abstract_inputs(tree: Any) -> Any:
    """Inputs of symbolic sizes: one for the batch, one for each other free axis.

    Args:
        tree: arrays, or anything with ``shape`` and ``dtype``; None in a shape where any size goes.
    """
    scope = export.SymbolicScope()
    free = 0

    def abstract(spec: Any) -> jax.ShapeDtypeStruct:
        nonlocal free
        shape, dtype = tuple(spec.shape), getattr(spec, "dtype", None)
        dtype = getattr(dtype, "as_numpy_dtype", dtype)  # that of TensorFlow
        sizes = []
        for i, size in enumerate(shape):
            if size is None and i > 0:
                free += 1
            sizes.append(str(size) if size is not None else "batch" if i == 0 else f"size{free}")
        return jax.ShapeDtypeStruct(export.symbolic_shape(",".join(sizes), scope=scope), jnp.dtype(dtype or "float32"))

    return jax.tree.map(abstract, tree, is_leaf=lambda leaf: hasattr(leaf, "shape"))


def _signature(model: Any, given: Any) -> tuple[Any, list[str] | None]:
    """Abstract inputs with symbolic sizes, and their names."""
    if given is not None:
        return abstract_inputs(given[0] if isinstance(given, (list, tuple)) and len(given) == 1 else given), None
    if getattr(model, "_plan", None) is None:
        shapes = list((getattr(model, "_build_shapes", None) or {}).values())
        if len(shapes) == 1:  # as real Keras does for a model that was called
            return abstract_inputs(_specs(shapes[0], model)), None
        raise ValueError(
            f"export: the inputs of model {model.name!r} are not known, since it is written as a class and was not called; "
            "call it on data, or give input_signature=[keras.layers.InputSpec(shape=(None, ...))]"
        )
    return abstract_inputs(model._plan.input_structure), list(model.input_names)


def _specs(shapes: Any, model: Any) -> Any:
    """Inputs of any number of samples for the shapes that a model was built for."""
    if isinstance(shapes, dict):
        return {key: _specs(value, model) for key, value in shapes.items()}
    if all(size is None or isinstance(size, int) for size in shapes):
        return SimpleNamespace(shape=(None, *tuple(shapes)[1:]), dtype=model.compute_dtype)
    return [_specs(value, model) for value in shapes]


class Exported:
    """What :func:`~kjax.keras.saving.archive.load_exported` returns: call it with the inputs that the model took.

    Attributes:
        exported: the ``jax.export.Exported``.
        weights: the weights, as the code takes them.
        name: name of the model.
        input_names: names of its inputs, where it had some.
        platforms: what it runs on.
    """

    def __init__(self, exported: Any, weights: list[Any], metadata: dict[str, Any]) -> None:
        self.exported, self.weights = exported, weights
        self.name = metadata.get("name")
        self.input_names = metadata.get("input_names")
        self.platforms = metadata.get("platforms")
        self._call = jax.jit(exported.call)

    def __call__(self, inputs: Any) -> Any:
        """The model's outputs; a pure function of the inputs, which may be traced.

        Args:
            inputs: in the structure in which the model took them; or a dict by the names of its inputs.

        Raises:
            ValueError: another structure, or other shapes.
        """
        wanted = jax.tree.unflatten(self.exported.in_tree, self.exported.in_avals)[0][1]
        names = list(self.input_names or ())
        if isinstance(inputs, dict) and isinstance(wanted, (list, tuple)) and set(inputs) == set(names):
            inputs = type(wanted)(inputs[name] for name in names)
        if jax.tree.structure(inputs) != jax.tree.structure(wanted):
            known = f" (their names: {', '.join(names)})" if names else ""
            raise ValueError(
                f"the exported model {self.name!r} takes {jax.tree.structure(wanted)}{known}, "
                f"received {jax.tree.structure(inputs)}"
            )
        inputs = jax.tree.map(lambda value, spec: jnp.asarray(value, spec.dtype), inputs, wanted)
        return self._call(self.weights, inputs)

    predict = __call__

    def mlir_module(self) -> str:
        """The StableHLO as text."""
        return self.exported.mlir_module()


def read_exported(archive: zipfile.ZipFile, metadata: Any) -> Exported:
    """A function from an open file of :func:`export_model`.

    Args:
        archive: the file.
        metadata: what it says of itself.

    Raises:
        ValueError: it does not hold what it says.
    """
    if not isinstance(metadata, dict) or not isinstance(metadata.get("weights"), int):
        raise ValueError(f"{METADATA} does not describe an exported model")
    exported = serialization(export.deserialize, bytearray(archive.read(CODE)))
    entries = [npy_entry(archive, archive.getinfo(f"weights/{i}.npy")) for i in range(metadata["weights"])]
    return Exported(exported, fitting(exported, entries), metadata)


def fitting(exported: export.Exported, entries: Sequence[Any]) -> list[Any]:
    """The weights of a file as its code takes them.

    Raises:
        ValueError: other shapes.
    """
    wanted = jax.tree.unflatten(exported.in_tree, exported.in_avals)[0][0]
    if [tuple(entry.shape) for entry in entries] != [tuple(spec.shape) for spec in wanted]:
        raise ValueError("its weights do not fit its code")
    for entry in entries:
        entry.verify()
    return [jnp.asarray(entry.read(), spec.dtype) for entry, spec in zip(entries, wanted, strict=True)]
