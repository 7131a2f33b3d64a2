"""What Keras' attention layers have beyond arguments and weights: the dense layers inside."""

from __future__ import annotations

from typing import Any

from kjax.keras.core.pure import PureLayer

PROJECTIONS = {
    "query_dense": "query",
    "key_dense": "key",
    "value_dense": "value",
    "gate_dense": "gate",
    "output_dense": "attention_output",
}
"""Attributes of Keras' layer and the names of the modules."""


class AttentionMembers(PureLayer):
    """Members of the attention layers with several heads; ``query_dense`` and so on share their weights."""

    def __getattr__(self, name: str) -> Any:
        inner = PROJECTIONS.get(name.removeprefix("_"))
        if inner is not None and "_module" in self.__dict__:
            from kjax.keras import layers

            module: Any = self._module
            return self.part(inner, layers.EinsumDense, module.dense(inner, *self._sizes()), (inner,))  # type: ignore[attr-defined]
        return super().__getattr__(name)

    def _sizes(self) -> tuple[int, tuple[int, ...]]:
        """Number of axes of the query, and sizes of the outputs, as the weights show them."""
        for _, path, variable in self._boxes:
            if path == ("attention_output", "kernel"):
                shapes = (self._build_shapes or {}).get("shapes_dict") or {}
                query = shapes.get("query_shape")
                return len(query) if query is not None else 3, tuple(variable.shape[2:])
        return 3, (1,)
