"""The whole state of a model as nested dicts of arrays, under the paths that Keras gives to variables."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax

from kjax.keras.core.variable import Variable

KINDS = ("trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables")


def state_tree(model: Any, value_format: str = "backend_tensor") -> dict[str, Any]:
    """The values of all variables of a model, nested by their paths.

    Args:
        model: the model.
        value_format: ``'backend_tensor'`` for JAX arrays, ``'numpy_array'`` for NumPy arrays.

    Returns:
        A dict with the keys :data:`KINDS`.

    Raises:
        ValueError: another format, or two variables of one path.
    """
    if value_format not in ("backend_tensor", "numpy_array"):
        raise ValueError(f"value_format must be 'backend_tensor' or 'numpy_array', received {value_format!r}")
    return nested(model, lambda variable: variable.value if value_format == "backend_tensor" else variable.numpy())


def nested(model: Any, leaf: Callable[[Variable], Any]) -> dict[str, Any]:
    """What a function says of each variable of a model, nested by their paths under the keys :data:`KINDS`.

    Raises:
        ValueError: two variables of one path.
    """
    tree: dict[str, Any] = {}
    for kind, variables in _variables(model).items():
        tree[kind] = {}
        for path, variable in variables.items():
            *folders, name = path.split("/")
            node = tree[kind]
            for folder in folders:
                node = node.setdefault(folder, {})
            node[name] = leaf(variable)
    return tree


def set_state_tree(model: Any, tree: Mapping[str, Any]) -> None:
    """Set the values of variables; those that the tree does not name stay what they are.

    Args:
        model: the model.
        tree: nested dicts as :func:`state_tree` returns, or a part of them. Paths that the model does not have are
            a warning.

    Raises:
        ValueError: unknown keys, or arrays of other shapes.
    """
    for variable, value in pairs(model, tree):
        variable.assign(value)


def pairs(model: Any, tree: Mapping[str, Any]) -> Iterator[tuple[Variable, Any]]:
    """The variables that a tree names, each with its leaf there; arguments, warnings and errors as in :func:`set_state_tree`."""
    unknown = [kind for kind in tree if kind not in KINDS]
    if unknown:
        raise ValueError(f"set_state_tree: unknown key {unknown[0]!r}; the keys are {', '.join(KINDS)}")
    if tree.get("optimizer_variables") and model.optimizer is not None and not model.optimizer.built and model.built:
        model._snapshot()
        model._prepare_optimizer()
    known = _variables(model)
    for kind, part in tree.items():
        for path, value in _flat_of(model, kind, part):
            variable = _look_up(known[kind], path, model.name)
            if variable is None and _is_seed(path):
                continue
            if variable is None:
                warnings.warn(f"model {model.name!r} has no variable {path!r} among its {kind}", stacklevel=3)
            else:
                yield variable, value


def lacking(model: Any, tree: Mapping[str, Any]) -> list[str]:
    """What keeps a tree from setting all variables of the kinds that it names: one sentence part for each problem.

    Args:
        model: the model.
        tree: nested dicts as :func:`state_tree` returns, or a part of them.
    """
    problems = []
    known = _variables(model)
    for kind, part in tree.items():
        missing = dict(known[kind])
        for path, value in _flat_of(model, kind, part):
            variable = _look_up(known[kind], path, model.name)
            if variable is None:
                problems += [] if _is_seed(path) else [f"the model has no variable {path!r}"]
                continue
            missing = {key: other for key, other in missing.items() if other is not variable}
            if tuple(value.shape) != variable.shape:
                problems.append(f"{path!r} has shape {tuple(value.shape)}, the variable {variable.shape}")
        problems += [f"it has nothing for the variable {path!r}" for path in missing]
    return problems


def _look_up(known: Mapping[str, Variable], path: str, name: str) -> Variable | None:
    """The variable of a path, with or without the model's name, which Keras puts in front or not as it was built."""
    optimizer, _, rest = path.rpartition("/")
    candidates = [path, path.removeprefix(f"{name}/"), f"{name}/{path}"]
    candidates += [f"{optimizer}/{rest.removeprefix(f'{name}_')}", f"{optimizer}/{name}_{rest}"]
    return next((known[candidate] for candidate in candidates if candidate in known), None)


def _flat_of(model: Any, kind: str, tree: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Paths and leaves; an optimizer's name that was counted up (``adam_1``) is that of the model's optimizer of its kind."""
    for path, value in _flat(tree):
        first, _, inside = path.partition("/")
        own = getattr(model.optimizer, "name", first)
        alike = kind == "optimizer_variables" and re.sub(r"_\d+$", "", first) == re.sub(r"_\d+$", "", own)
        yield f"{own}/{inside}" if alike else path, value


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}/")
        else:
            yield prefix + name, value


def _variables(model: Any) -> dict[str, dict[str, Variable]]:
    """The variables of each kind by path."""
    paths = {id(variable): variable.path for variable in model.weights}
    found: dict[str, dict[str, Variable]] = {kind: {} for kind in KINDS}

    def add(kind: str, path: str, variable: Variable) -> None:
        if path in found[kind]:
            raise ValueError(
                f"model {model.name!r} has two variables with the path {path!r}; give its layers names of their own"
            )
        found[kind][path] = variable

    for kind, variables in (
        ("trainable_variables", model.trainable_weights),
        ("non_trainable_variables", model.non_trainable_weights),
    ):
        for variable in variables:
            add(kind, paths[id(variable)], variable)
    if model.optimizer is not None:
        for path, variable in _of_optimizer(model, paths):
            add("optimizer_variables", path, variable)
    return found


def _is_seed(path: str) -> bool:
    """Whether a path is of a generator of random numbers, which many layers of Keras have and those of kjax need not."""
    return path.endswith("seed_generator_state")


def _of_optimizer(model: Any, paths: Mapping[int, str]) -> Iterator[tuple[str, Variable]]:
    """The variables of the optimizer: slots are named after their weights."""
    optimizer = model.optimizer
    name = optimizer.name
    yield f"{name}/iteration", optimizer.iterations
    seen = {id(optimizer.iterations)}
    rate = optimizer._rate  # None with a schedule, and for an Optax transformation
    if rate is not None:
        seen.add(id(rate))
        yield f"{name}/learning_rate", rate
    weights = optimizer._leaves if optimizer.built else []
    trees = dict(getattr(optimizer.tree, "slots", None) or {})
    trees |= {kind: tree for kind in ("average", "accumulator") if (tree := getattr(optimizer.tree, kind, None))}
    for weight_index, weight in enumerate(weights):
        for slot, tree in trees.items():
            boxes = jax.tree.leaves(tree, is_leaf=_is_box)
            if len(boxes) == len(weights):
                seen.add(id(boxes[weight_index]))
                yield f"{name}/{paths[id(weight)].replace('/', '_')}_{slot}", boxes[weight_index]
    for variable in optimizer.variables:
        if id(variable) not in seen:
            yield variable.path, variable


def _is_box(thing: Any) -> bool:
    return isinstance(thing, Variable)
