"""Models whose inputs or targets are tensors with values of their own, which are computed for each batch (Keras 1 and 2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from kjax.keras.core.doors import graphs
from kjax.keras.models import data as adapt
from kjax.keras.models.training_graph import is_fed, target_tensors

if TYPE_CHECKING:
    from kjax.keras.models.model import Model


class TensorData:
    """Completes the data of a model by the values of its tensors.

    Args:
        inputs: for each input its tensor, None where data are fed.
        targets: likewise for each output.
        model: the model, for names.
    """

    def __init__(self, inputs: list[Any], targets: list[Any], model: Model) -> None:
        self.inputs, self.targets, self.model = inputs, targets, model
        tensors = [tensor for tensor in (*inputs, *targets) if tensor is not None]
        self.values = graphs.function([], tensors)

    def complete(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Fed inputs and targets together with the values of the tensors.

        Args:
            x: the inputs that are fed, or None.
            y: the targets that are fed, or None.

        Raises:
            ValueError: another number of arrays than are fed.
        """
        values = iter(self.values([]))
        names, outputs = self.model.input_names, self.model.output_names
        inputs = _filled(self.inputs, names, x, values, "x")
        targets = list(self.targets)
        if y is None and all(t is None for t in targets):
            return _one(inputs), None
        trained = [t.loss is not None for t in self.model._prepare_objective().targets]
        fed = [
            tensor if tensor is not None else None if needed else False
            for tensor, needed in zip(targets, trained, strict=True)
        ]
        filled = _filled(fed, outputs, y, values, "y")
        named = {name: value for name, value in zip(outputs, filled, strict=True) if value is not False}
        return _one(inputs), filled[0] if len(filled) == 1 else named

    def batches(self, x: Any, y: Any, weights: Any, batch_size: int | None, shuffle: Any, steps: int | None) -> Any:
        """Batches of fed arrays, completed each; without any, as many as there are steps.

        Raises:
            ValueError: neither arrays nor a number of steps.
        """
        fed = [tree for tree in (x, y) if tree is not None]
        if not fed and steps is None:
            raise ValueError(
                f"model {self.model.name!r}: its data are tensors, which have no end; say how many batches are taken: "
                "`steps_per_epoch` of fit, `steps` of evaluate and predict"
            )
        return self._batches(x, y, weights, batch_size, shuffle, steps)

    def _batches(self, x: Any, y: Any, weights: Any, batch_size: int | None, shuffle: Any, steps: Any) -> Iterator[Any]:
        whole = steps is not None or (x is None and y is None)
        trees = [adapt.as_tree(tree, name) for tree, name in ((x, "x"), (y, "y"), (weights, "sample_weight"))]
        count = next((adapt.count_samples(tree) for tree in trees if tree is not None), 1)
        size = count if whole else batch_size or 32
        while True:
            order = np.random.permutation(count) if shuffle and not whole else np.arange(count)
            for start in range(0, count, size):
                rows = order[start : start + size]
                some = [None if tree is None else _rows(tree, rows, whole) for tree in trees]
                try:
                    inputs, targets = self.complete(some[0], some[1])
                except StopIteration:  # an iterator behind the tensors has come to its end
                    return
                yield (inputs, targets) if some[2] is None else (inputs, targets, some[2])
            if not whole:
                return


def tensor_data(model: Model) -> TensorData | None:
    """The tensors with values of their own among a model's inputs and targets; None where all data are fed."""
    if not model.is_functional:
        return None
    inputs = [None if is_fed(tensor) else tensor for tensor in model.inputs]
    compilation = model._compilation
    targets: list[Any] = [None] * len(model.output_names)
    if compilation is not None and compilation.target_tensors is not None:
        given = target_tensors(compilation.target_tensors, model.output_names)
        graph = model._training_graph if any(t is not None for t in given) else None
        drawn = graph.targets if graph is not None else given
        targets = [None if t is None or g is None or is_fed(t) else t for g, t in zip(given, drawn, strict=True)]
    if all(tensor is None for tensor in (*inputs, *targets)):
        return None
    return TensorData(inputs, targets, model)


def _filled(places: list[Any], names: list[str], given: Any, values: Iterator[Any], argument: str) -> list[Any]:
    """The given arrays in the places that are None, values in those of tensors; False stays."""
    open_names = [name for place, name in zip(places, names, strict=True) if place is None]
    if isinstance(given, dict):
        missing = [name for name in open_names if name not in given]
        if missing:
            raise ValueError(f"argument `{argument}`: missing {missing[0]!r}; fed are {open_names}")
        arrays = [given[name] for name in open_names]
    else:
        arrays = [] if given is None else list(given) if isinstance(given, (list, tuple)) else [given]
    if len(arrays) != len(open_names):
        raise ValueError(
            f"argument `{argument}`: data are fed for {open_names}, the rest are tensors; received {len(arrays)} array(s)"
        )
    rest = iter(arrays)
    return [next(rest) if place is None else place if place is False else next(values) for place in places]


def _one(items: list[Any]) -> Any:
    return items[0] if len(items) == 1 else items


def _rows(tree: Any, rows: Any, whole: bool) -> Any:
    if isinstance(tree, dict):
        return {name: _rows(value, rows, whole) for name, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [_rows(value, rows, whole) for value in tree]
    return tree if whole else tree[rows]
