"""Weights in Keras 3's layout of HDF5: ``layers/dense/vars/0``, ``optimizer/vars/0``."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from kjax.keras.core.variable import Variable
from kjax.keras.models.model import Model
from kjax.keras.saving import atomic, hdf5, optimizer_state
from kjax.keras.saving.errors import loading
from kjax.keras.saving.layout import Place, places

# -- writing -----------------------------------------------------------------------------------------------------


def save_weights(model: Any, filepath: Any, overwrite: bool = True, skip: Iterable[Any] = ()) -> None:
    """Write the weights of a model, and the state of its optimizer, to a ``.weights.h5`` file.

    Args:
        model: a built model.
        filepath: where to write.
        overwrite: False refuses to replace a file.
        skip: layers or an optimizer that are left out.

    Raises:
        ValueError: the model was not built.
        FileExistsError: there is a file, and ``overwrite`` is False.
    """
    import h5py

    need_built(model, "save")
    with atomic.replacing(filepath, overwrite) as temporary, h5py.File(temporary, "w") as file:
        write_weights(model, file, skip)


def need_built(model: Any, what: str) -> None:
    """Refuse a model that has no weights yet.

    Raises:
        ValueError: it was not built.
    """
    if not is_built(model):
        raise ValueError(
            f"cannot {what} the weights of model {model.name!r}: it was not built yet; call it on data, or build(input_shape)"
        )


def is_built(model: Any) -> bool:
    """Whether a model has its weights."""
    return model.built or _is_built_inside(model)


def _is_built_inside(model: Any) -> bool:
    """Whether a model that was never called has its weights all the same: its `train_step` calls its layers alone."""
    inside = [layer for layer in model._flatten_layers() if layer is not model]
    return bool(inside) and all(layer.built for layer in inside)


def write_weights(model: Any, file: Any, skip: Iterable[Any] = ()) -> None:
    """Write the weights of a model, and the state of its optimizer, into an open HDF5 file."""
    for path, name, values in contents(model, skip):
        write_object(file, path, name, values)


def contents(model: Any, skip: Iterable[Any] = ()) -> Iterator[tuple[str, str | None, Mapping[Any, Any]]]:
    """Path, name and values (variables or arrays) of everything that a weights file holds of a model."""
    for place in places(model, skip):
        owner = owner_of_optimizer(model, place)
        if owner is not None:
            found = optimizer_state.entries(owner)
            yield place.path, place.name, dict(enumerate(found))
            inner = optimizer_state.inner_entries(owner, found)
            if inner is not None:
                yield f"{place.path}/{inner[0]}", None, dict(enumerate(inner[1]))
        elif place.variables is not None:
            merged = place.merged()
            values = [merged.get(id(variable), variable) for variable in place.variables]
            yield place.path, place.name, dict(enumerate(values))
        else:
            store: dict[str, Any] = {}
            place.owner.save_own_variables(store)
            yield place.path, place.name, store


def write_object(file: Any, path: str, name: str | None, values: Mapping[Any, Any]) -> None:
    """Write the arrays of one place."""
    group = file.require_group(f"{path}/vars" if path else "vars")
    if name is not None:
        group.attrs["name"] = name
    for key, value in values.items():
        hdf5.write_array(group, str(key), value.value if isinstance(value, Variable) else value)


def owner_of_optimizer(model: Any, place: Place) -> Any:
    """The model whose optimizer a place belongs to, or None."""
    from kjax.keras.core.optimizer import Optimizer

    if not isinstance(place.owner, Optimizer):
        return None
    models = [layer for layer in model._flatten_layers() if isinstance(layer, Model)]
    return next((inner for inner in models if inner.optimizer is place.owner), None)


# -- reading -----------------------------------------------------------------------------------------------------


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False, skip: Iterable[Any] = ()) -> None:
    """Set the weights of a model, and the state of its optimizer, from a ``.weights.h5`` file.

    Args:
        model: a built model.
        filepath: file of :func:`save_weights` or of real Keras 3.
        skip_mismatch: keep, with a warning, what a layer has where the file has nothing for it or another shape.
        skip: layers or an optimizer that are passed over.

    Raises:
        FileNotFoundError: there is no such file.
        FileFormatError: the file is broken, or does not fit the model; the model is unchanged then.
        ValueError: the model was not built.
    """
    need_built(model, "load")
    with loading(filepath), hdf5.opened(filepath) as file:
        read_weights(model, file, skip_mismatch, skip)


def read_weights(model: Any, file: Any, skip_mismatch: bool = False, skip: Iterable[Any] = ()) -> None:
    """Set the weights of a model, and the state of its optimizer, from an open HDF5 file (or :class:`shards.Shards`).

    All is checked before anything is set.

    Raises:
        ValueError: the file does not fit the model.
    """
    found = _matched(model, file, list(places(model, skip)))
    if found.problems:  # tf.keras 2.12 to 2.15 had the same layout, and walked through a user's model in another order
        older = _matched(model, file, list(places(model, skip, backwards=True)))
        found = found if older.problems else older
    problems = found.problems
    if problems and not skip_mismatch:
        more = f" (and {len(problems) - 1} more of this kind)" if len(problems) > 1 else ""
        raise ValueError(f"{problems[0]}{more}")
    for problem in problems:
        warnings.warn(f"not loaded: {problem}", stacklevel=4)
    if not found.used and any(place.variables for place in places(model, skip)):
        raise ValueError("it holds no weights in the layout of Keras 3")
    for owner, stored in found.optimizers:
        found.plan += _optimizer_plan(owner, stored)
    verify([stored for _, stored in found.plan if isinstance(stored, hdf5.Stored)])
    values = [(owner, {key: stored.read() for key, stored in store.items()}) for owner, store in found.custom]
    _load_custom(values)
    for box, stored in found.plan:
        hdf5.assign(box, stored)
    for box in found.cleared:
        box.assign(np.zeros(box.shape, box.dtype))


@dataclasses.dataclass
class _Matched:
    """What a file has for the places of a model.

    Attributes:
        plan: variables and the arrays that they get.
        custom: layers that load their values themselves, and these.
        optimizers: models, and the state of their optimizers.
        problems: what does not fit, as sentences.
        cleared: variables that are set to zero.
        used: number of places for which the file has something.
    """

    plan: list[tuple[Variable, Any]] = dataclasses.field(default_factory=list)
    custom: list[tuple[Any, dict[str, hdf5.Stored]]] = dataclasses.field(default_factory=list)
    optimizers: list[tuple[Any, dict[str, hdf5.Stored]]] = dataclasses.field(default_factory=list)
    problems: list[str] = dataclasses.field(default_factory=list)
    cleared: list[Variable] = dataclasses.field(default_factory=list)
    used: int = 0


def _matched(model: Any, file: Any, found: list[Place]) -> _Matched:
    """The places of a model with what a file has for them."""
    result = _Matched()
    for place in found:
        stored = _stored(file, place.path)
        result.used += bool(stored)
        owner = owner_of_optimizer(model, place)
        if owner is not None:
            result.optimizers.append((owner, stored))
        elif place.variables is None:
            result.custom.append((place.owner, stored))
        else:
            boxes = place.variables
            if place.optional and len(stored) == len(boxes) + len(place.optional):
                boxes = [*boxes, *place.optional]
            problem = _mismatch(place, boxes, stored)
            if problem is None:
                result.plan += [(box, stored[str(i)]) for i, box in enumerate(boxes)]
                result.cleared += place.cleared
            else:
                result.problems.append(problem)
    return result


def _load_custom(values: list[tuple[Any, dict[str, Any]]]) -> None:
    """Let layers of a user's classes load their values; where one fails, all of them get back what they had."""
    before = [(box, box.value) for owner, _ in values for box in owner.variables]
    try:
        for owner, store in values:
            owner.load_own_variables(store)
    except Exception:
        for box, value in before:
            box.assign(value)
        raise


def verify(found: list[hdf5.Stored]) -> None:
    """Read what could turn out to be broken only when it is read, so that nothing is set by halves."""
    for stored in found:
        if stored.dataset.chunks is not None or stored.dataset.compression is not None:
            stored.read()


def _stored(file: Any, path: str) -> dict[str, hdf5.Stored]:
    """The arrays at a path of the file, by name."""
    head, _, tail = path.rpartition("/")
    for candidate in (path, path.replace("layers", "_layer_checkpoint_dependencies", 1), f"{head}/_{tail}"):
        place = f"{candidate}/vars" if candidate else "vars"
        found = arrays_of(file, place) if hasattr(file, "create_group") else file.arrays(place)
        if found is not None:
            return found
    return {}


def arrays_of(file: Any, place: str) -> dict[str, hdf5.Stored] | None:
    """The arrays of a group by name; None where there is no such group."""
    if not hdf5.has_group(file, place):
        return None
    group = hdf5.group(file, place)
    return {name: hdf5.dataset(group, name) for name in group}


def _mismatch(place: Place, variables: list[Variable], stored: dict[str, hdf5.Stored]) -> str | None:
    """Why the arrays of a file do not fit the variables of a layer, or None."""
    label = f"layer {place.owner.name!r} ({type(place.owner).__name__}, {place.path or 'top'!r} in the file)"
    if len(stored) != len(variables) or any(str(i) not in stored for i in range(len(variables))):
        return f"{label} has {len(variables)} weights, the file has {len(stored)} for it"
    for i, variable in enumerate(variables):
        if stored[str(i)].shape != variable.shape:
            return f"{label}: weight {variable.name!r} has shape {variable.shape}, the file has {stored[str(i)].shape}"
        if not _fits(stored[str(i)].dataset, variable):
            return f"{label}: weight {variable.name!r} is {variable.dtype}, the file has {stored[str(i)].dataset.dtype}"
    return None


def _fits(dataset: Any, variable: Variable) -> bool:
    """Whether the numbers of an array may be put into a variable."""
    return dataset.dtype.kind != "c" or variable.dtype.startswith("complex")


def _optimizer_plan(owner: Any, stored: dict[str, hdf5.Stored]) -> list[tuple[Variable, Any]]:
    """What is set of an optimizer's state: nothing, with a warning, where the file's does not fit."""
    if not stored:
        return []
    entries = optimizer_state.entries(owner, build=len(stored) > len(owner.optimizer.variables))
    arrays = [stored[str(i)] for i in range(len(stored)) if str(i) in stored]
    plan = optimizer_state.paired(owner, arrays, entries) if len(arrays) == len(stored) else None
    if plan is None:
        warnings.warn(
            f"the file holds {len(stored)} arrays of an optimizer's state, which are not those of the optimizer "
            f"{owner.optimizer.name!r} of model {owner.name!r} ({len(entries)} arrays): it starts anew",
            stacklevel=6,
        )
        return []
    return plan
