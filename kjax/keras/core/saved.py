"""What a layer says about itself to files: the shapes it was built for, and the values that are its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any

import numpy as np

from kjax.keras.core.variable import Variable
from kjax.nn.module import rank_of


def _miscounted(layer: Any, variables: list[Variable], store: Mapping[str, Any]) -> str:
    """Why the arrays of a file do not fit a layer: they are more, or fewer."""
    if not variables:
        return (
            f"Layer {layer.name!r} was never built and thus it doesn't have any variables. However the weights file has "
            f"{len(store)} variables for it. Build it in the `build` of the layer that it belongs to, or call the model "
            "on data before its weights are loaded"
        )
    return (
        f"Layer {layer.name!r} expected {len(variables)} variables, but received {len(store)} variables during loading. "
        f"Expected: {[variable.name for variable in variables]}"
    )


class Saved:
    """The part of a layer that files use; users may override each method, as in Keras."""

    name: str
    built: bool
    _own_variables: list[tuple[str, str, Variable]]
    _build_shapes: dict[str, Any] | None = None
    _members: Callable[[], Iterable[tuple[str, Any]]]
    _built_at_once: bool = False  # for built-in layers that have no weights and note no shapes

    def build(self, *args: Any, **kwargs: Any) -> None:
        """Make the layer's weights."""
        raise NotImplementedError

    def get_build_config(self) -> dict[str, Any] | None:
        """What :meth:`build_from_config` needs to make the weights: the shapes of the inputs, or None."""
        return self._build_shapes

    def build_from_config(self, config: Mapping[str, Any]) -> None:
        """Make the weights for the shapes that :meth:`get_build_config` returned; a layer without `build` makes them when called."""
        if getattr(type(self).build, "makes_nothing", False) and any(not inner.built for _, inner in self._members()):
            return
        if config.get("input_shape") is not None:
            self.build(config["input_shape"])
        elif config.get("shapes_dict"):
            self.build(**config["shapes_dict"])

    def own_variables(self) -> list[Variable]:
        """The variables that belong to this layer and not to one inside: trained ones first."""
        entries = sorted(self._own_variables, key=lambda entry: rank_of(entry[0]))
        return [variable for _, _, variable in entries]

    def _stored_variables(self) -> list[Variable]:
        """Those of :meth:`own_variables`, after the ones that a built-in layer declares for itself."""
        boxes = [entry for entry in self.__dict__.get("_boxes", ()) if len(entry[1]) == 1]
        declared = [variable for _, _, variable in sorted(boxes, key=lambda entry: rank_of(entry[0]))]
        return [*declared, *(v for v in self.own_variables() if all(v is not d for d in declared))]

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Put the values of the layer's own variables into a file.

        Args:
            store: dict of arrays.
        """
        for i, variable in enumerate(self._stored_variables()):
            store[str(i)] = variable.numpy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Take the values of the layer's own variables from a file.

        Args:
            store: dict of arrays.

        Raises:
            ValueError: another number of arrays, or other shapes.
        """
        variables = self._stored_variables()
        if len(store) != len(variables):
            raise ValueError(_miscounted(self, variables, store))
        missing = [str(i) for i in range(len(variables)) if str(i) not in store]
        if missing:
            raise ValueError(f"layer {self.name!r}: the file has no array {missing[0]!r} for it, only {list(store)}")
        for i, variable in enumerate(variables):
            variable.assign(np.asarray(store[str(i)]))
