"""What Keras' attention layers have beyond arguments and weights: the dense layers inside."""

from __future__ import annotations

from typing import Any

from kjax.keras.core import scope as scopes
from kjax.keras.core.derived import class_of
from kjax.keras.core.fields import all_fields
from kjax.keras.core.pure import PureLayer
from kjax.keras.core.quantized import FIELDS
from kjax.keras.core.settings import settings, unique_name
from kjax.nn.layers import EinsumDense
from kjax.nn.module import DROPOUT

_PROJECTIONS = {
    "query_dense": "query",
    "key_dense": "key",
    "value_dense": "value",
    "gate_dense": "gate",
    "output_dense": "attention_output",
}
"""Attributes of Keras' layer and the names of the modules."""


class _Inside:
    """A dense layer inside, as an attribute."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, layer: Any, owner: Any = None) -> Any:
        return self if layer is None else layer.dense_part(self.name)


class AttentionMembers(PureLayer):
    """Members of the attention layers with several heads; ``query_dense`` and so on share their weights."""

    query_dense, key_dense, value_dense, gate_dense, output_dense = map(_Inside, _PROJECTIONS.values())
    _query_dense, _key_dense, _value_dense, _gate_dense, _output_dense = map(_Inside, _PROJECTIONS.values())

    def __getattr__(self, name: str) -> Any:
        module = self.__dict__.get("_module")
        if (
            module is not None and name[:1] == "_" and name[1:] in all_fields(type(module))
        ):  # `_num_heads`, `_key_dim`, ...
            value = getattr(self, name[1:])
            if name == "_attention_axes" and value is None:
                return tuple(range(1, self._sizes()[0] - 1))
            return value
        return super().__getattr__(name)

    def _compute_attention_mask(
        self,
        query: Any,
        value: Any,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """Which values each query sees ``[batch, query time, value time]``, from all masks; None: all."""
        module: Any = self._module
        return module.seen(query, value, (query_mask, value_mask, key_mask), attention_mask, use_causal_mask)

    def _compute_attention(
        self,
        query: Any,
        key: Any,
        value: Any,
        attention_mask: Any = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> tuple[Any, Any]:
        """Attention on what was projected, for a `call` of a subclass.

        Args:
            query: ``[batch, query time, heads, width]``.
            key: ``[batch, value time, heads, width]``.
            value: ``[batch, value time, heads, value width]``.
            attention_mask: which values each query sees ``[batch, query time, value time]``.
            training: whether dropout acts.
            return_attention_scores: whether the weights are wanted.
            use_causal_mask: whether a query sees no later values.

        Returns:
            The mixed values ``[batch, query time, heads, value width]``, and the weights or None.
        """
        module: Any = self._module
        seen = module.seen(query, value, (None,) * 3, attention_mask, use_causal_mask)
        acts = bool(training) and module.dropout > 0
        axes = (
            tuple(range(1, query.ndim - 2)) if getattr(module, "attention_axes", None) is None else self.attention_axes
        )
        active = scopes.current()
        rngs = {DROPOUT: self.fresh_key() if active is None else active.next_key()} if acts else {}
        return module.apply({}, query, key, value, seen, axes, acts, return_attention_scores, rngs=rngs, method="mix")

    def adapt_arguments(self, fields: dict[str, Any]) -> dict[str, Any]:
        """With a map of policies, those of the dense layers inside: their paths are ``<name>/query`` and so on."""
        policies = self.__dict__.get("_policy_map")
        if policies is None:
            return fields
        found = ((name, policies[f"{self.name}/{name}"]) for name in _PROJECTIONS.values())
        own = [(name, "dtype", entry.spelling) for name, entry in found if entry != self._dtype_policy]
        return fields | {"projections": (*fields.get("projections", ()), *own)}

    def _after_build(self) -> None:
        """Count as Keras 3 does, which has layers for these two steps as well."""
        super()._after_build()
        if settings.era == "3":
            unique_name("softmax")
            unique_name("dropout")

    def dense_part(self, name: str) -> PureLayer:
        """One of the dense layers inside, by the name of its module."""
        module: Any = self._module
        layer: Any = self.part(name, class_of(EinsumDense), module.dense(name, *self._sizes()), (name,))
        layer._whole = self, name
        layer.name = name
        return layer

    def dense_parts(self) -> list[PureLayer]:
        """All dense layers inside that have weights."""
        names = dict.fromkeys(path[0] for _, path, _ in self._boxes if len(path) > 1)
        return [self.dense_part(name) for name in names]

    def adopt_part(self, name: str, part: Any) -> None:
        """Compute with a dense layer inside as it is now.

        Args:
            name: its name.
            part: the layer, one of :meth:`dense_parts`, which has become another.
        """
        module: Any = self._module
        kept = tuple(entry for entry in module.projections if entry[0] != name)
        own = tuple((name, field, getattr(part._module, field)) for field in (*FIELDS, "lora_rank", "lora_alpha"))
        self._module = module.clone(projections=(*kept, *own))
        self._described.clear()
        at = next(i for i, entry in enumerate(self._boxes) if entry[1][0] == name)
        others = [entry for entry in self._boxes if entry[1][0] != name]
        others[at:at] = [(c, (name, *path), v) for c, path, v in part._boxes]
        self._boxes = others
        self._parts[name] = len(self._boxes), part

    def _sizes(self) -> tuple[int, tuple[int, ...]]:
        """Number of axes of the query, and sizes of the outputs, as the weights show them."""
        for _, path, variable in self._boxes:
            if path == ("attention_output", "kernel"):
                shapes = (self._build_shapes or {}).get("shapes_dict") or {}
                query = shapes.get("query_shape")
                return len(query) if query is not None else 3, tuple(variable.shape[2:])
        return 3, (1,)
