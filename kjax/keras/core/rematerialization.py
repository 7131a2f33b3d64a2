"""``RematScope`` and ``remat``: layers and functions that compute their insides again for the gradient."""

from __future__ import annotations

import contextvars
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax

from kjax.keras.core import scope as scopes
from kjax.keras.core.tensor import symbolic_leaves
from kjax.nn.recompute import Recomputed, checkpointed

MODES = ("full", "activations", "larger_than", "list_of_layers", None)


class RematMode(NamedTuple):
    """What a layer was told when it was made; the arguments of :class:`RematScope`."""

    mode: str | None
    output_size_threshold: int
    layer_names: tuple[str, ...]


_present: contextvars.ContextVar[tuple[RematMode, ...]] = contextvars.ContextVar("kjax_remat", default=())


class RematScope:
    """Layers that are made inside keep less for the gradient, and compute it again: less memory, more time.

    Results and gradients stay the same. Models made inside count by their layers.

        with keras.RematScope(mode="larger_than", output_size_threshold=4096):
            x = keras.layers.Conv2D(64, 3, activation="gelu")(x)

    Args:
        mode: ``'full'``: every layer; ``'activations'``: the activation functions of layers; ``'larger_than'``: layers whose
            outputs have more numbers than the threshold; ``'list_of_layers'``: layers with the given names; None: none.
        output_size_threshold: numbers in the outputs, all examples of a batch counted.
        layer_names: names of layers.

    Raises:
        ValueError: another mode.
    """

    def __init__(
        self, mode: str | None = "full", output_size_threshold: int = 1024, layer_names: Sequence[str] | None = None
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"RematScope: Invalid mode {mode!r}. Supported modes are: {', '.join(map(repr, MODES))}")
        self.mode, self.output_size_threshold = mode, output_size_threshold
        self.layer_names = list(layer_names or ())

    def __enter__(self) -> RematScope:
        entry = RematMode(self.mode, self.output_size_threshold, tuple(self.layer_names))
        _present.set((*_present.get(), entry))
        return self

    def __exit__(self, *details: Any) -> None:
        _present.set(_present.get()[:-1])


def get_current_remat_mode() -> RematMode | None:
    """What the innermost scope says, or None outside of all."""
    stack = _present.get()
    return stack[-1] if stack else None


def remat(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function, or layer, whose intermediate results are computed again for the gradient instead of kept.

    Args:
        f: takes and returns trees of arrays; inside models it may read and assign variables.
    """

    @functools.wraps(f, updated=())
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return f(*args, **kwargs) if symbolic_leaves((args, kwargs)) else recompute(f, args, kwargs)

    return wrapped


def recompute(function: Callable[..., Any], args: Any, kwargs: Any, larger_than: int | None = None) -> Any:
    """Call a function under ``jax.checkpoint``; what it does to the scope around it is done outside of that.

    Args:
        function: the function.
        args: its positional arguments.
        kwargs: its keyword arguments.
        larger_than: call it plainly where its outputs have no more numbers than these.
    """
    active = scopes.current()
    if active is None:
        return checkpointed(lambda a, k: function(*a, **k), args, kwargs)
    values = _known_values(active)
    masks = jax.tree.map(active.mask_of, jax.tree.leaves((args, kwargs)))
    changed: list[int] = []
    keys = _holder(active, lambda scope: scope.key is not None)
    first = keys.draws

    def pure(args: Any, kwargs: Any, masks: Any) -> Any:
        inner = scopes.Scope(
            dict(values),
            keys.key,
            active.training,
            active.abstract,
            draws=first,
            autocast=active.autocast,
            keeps=True,
            depth=active.depth,
        )
        for leaf, mask in zip(jax.tree.leaves((args, kwargs)), masks, strict=True):
            if mask is not None:
                inner.masks[id(leaf)] = (leaf, mask)
        with scopes.enter(inner):
            outputs = function(*args, **kwargs)
        changed[:], keys.draws = inner.changed, inner.draws
        found = [inner.mask_of(leaf) for leaf in jax.tree.leaves(outputs)]
        return outputs, found, inner.losses, [inner.changed[i] for i in changed]

    given = (args, kwargs, masks)
    if larger_than is not None:
        shapes = checkpointed(pure, *given, transform=lambda f: functools.partial(jax.eval_shape, f))[0]
        if sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes)) <= larger_than:
            keys.draws = first
            return function(*args, **kwargs)
    outputs, found, losses, new = checkpointed(pure, *given)
    for leaf, mask in zip(jax.tree.leaves(outputs), found, strict=True):
        if mask is not None:
            active.masks[id(leaf)] = (leaf, mask)
    active.losses.extend(losses)
    for identity, value in zip(changed, new, strict=True):
        holder = _holder(active, lambda scope, i=identity: i in scope.values)
        holder.values[identity] = holder.changed[identity] = value
    return outputs


def _known_values(active: scopes.Scope) -> dict[int, Any]:
    """The values of all variables that the scopes around hold, the innermost first."""
    values: dict[int, Any] = {}
    scope: scopes.Scope | None = active
    while scope is not None:
        for identity, value in scope.values.items():
            shift = scope.shifts.get(identity)
            values.setdefault(identity, value if shift is None else value + shift)
        scope = scope.outer
    return values


def _holder(active: scopes.Scope, holds: Callable[[scopes.Scope], bool]) -> scopes.Scope:
    """The innermost scope around for which something holds, otherwise the innermost."""
    scope: scopes.Scope | None = active
    while scope is not None and not holds(scope):
        scope = scope.outer
    return active if scope is None else scope


class Rematerialized:
    """The part of a layer that does what a :class:`RematScope` asked for."""

    name: str
    _remat_mode: RematMode | None = None
    _recomputed_as_a_whole = True
    """False for models, whose layers are recomputed one by one."""

    def rematerialized_call(self, layer_call: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[..., Any]:
        """The layer's call, or one that computes again for the gradient where the layer was told to.

        Args:
            layer_call: the call.
            *args: its arguments.
            **kwargs: its keyword arguments.
        """
        del args, kwargs
        mode = self._remat_mode
        if mode is None or mode.mode is None:
            return layer_call
        if mode.mode == "larger_than":
            return lambda *a, **k: recompute(layer_call, a, k, mode.output_size_threshold)
        if mode.mode == "activations":
            return functools.partial(self._with_activation_recomputed, layer_call)
        return remat(layer_call) if mode.mode == "full" or self.name in mode.layer_names else layer_call

    def _with_activation_recomputed(self, layer_call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        activation = self.__dict__.get("activation")  # that of a built-in layer is replaced in its module
        if not callable(activation):
            return layer_call(*args, **kwargs)
        self.__dict__["activation"] = Recomputed(activation)
        try:
            return layer_call(*args, **kwargs)
        finally:
            self.__dict__["activation"] = activation

    def recomputed_above(self, outputs: Sequence[Any]) -> int | None:
        """For a call that was drawn: from which size of its outputs on it is computed again; None for never.

        Args:
            outputs: its symbolic outputs.
        """
        mode = self._remat_mode
        if mode is None or mode.mode in (None, "activations"):
            return None
        if mode.mode == "list_of_layers" and self.name not in mode.layer_names:
            return None
        if mode.mode != "larger_than":
            return 0
        per_example = sum(math.prod(size or 1 for size in tensor.shape[1:]) for tensor in outputs)
        return mode.output_size_threshold // max(per_example, 1) + 1
