"""The base of every layer: a Flax module whose fields are the Keras arguments, and the description of its weights."""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn import regularizers
from kjax.nn.dtypes import Policy, cast_floating, policy, policy_name
from kjax.nn.ops.sparse import dense
from kjax.nn.value import convert_fields, field, is_written

PARAMS = "params"
STATE = "state"
OVERWRITE = "overwrite"
"""Values that a step replaces by their "gradients": what float8 training keeps of recent steps."""
LOSSES = "losses"
DROPOUT = "dropout"


@dataclasses.dataclass(frozen=True)
class WeightSpec:
    """What is known of one weight before it exists.

    Attributes:
        collection: ``'params'`` (trained), ``'overwrite'`` (replaced by its gradient) or ``'state'`` (moving statistics,
            carried state, quantized weights).
        path: names from the module down to the weight.
        shape: its shape.
        dtype: name of its type.
        initializer: ``(key, shape, dtype) -> array``, or None for a weight of a foreign Flax module.
        regularizer: penalty on it, or None.
        constraint: projection after each update, or None.
        frozen: it stays what it is although the layer is trained (the kernel under low-rank adaptation).
    """

    collection: str
    path: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    initializer: Callable[..., Array] | None = None
    regularizer: Callable[[Array], Array] | None = None
    constraint: Callable[[Array], Array] | None = None
    frozen: bool = False


_recorder: contextvars.ContextVar[dict[tuple[str, ...], WeightSpec] | None] = contextvars.ContextVar(
    "weight_recorder", default=None
)


@contextlib.contextmanager
def record_weights() -> Iterator[dict[tuple[str, ...], WeightSpec]]:
    """Collect the :class:`WeightSpec` of every weight that layers touch while a function is traced inside.

    Yields:
        A dict from (collection, *path) to the spec, in the order of first use.
    """
    specs: dict[tuple[str, ...], WeightSpec] = {}
    token = _recorder.set(specs)
    try:
        yield specs
    finally:
        _recorder.reset(token)


@dataclasses.dataclass(frozen=True)
class Ambient:
    """What a user's function inside a layer may ask for: the mode it runs in, and random keys.

    Attributes:
        training: the mode.
        next_key: gives a fresh key of the random stream; None where there is no stream.
    """

    training: bool
    next_key: Callable[[], Array] | None


_ambient: contextvars.ContextVar[Ambient | None] = contextvars.ContextVar("ambient", default=None)


def ambient() -> Ambient | None:
    """That of the innermost user's function that runs now, or None."""
    return _ambient.get()


@contextlib.contextmanager
def surround(found: Ambient) -> Iterator[None]:
    """Inside, :func:`ambient` gives ``found``."""
    token = _ambient.set(found)
    try:
        yield
    finally:
        _ambient.reset(token)


def rank_of(collection: str) -> int:
    """Where the weights of a collection stand in lists: those that training changes come first."""
    return {PARAMS: 0, OVERWRITE: 0, STATE: 1}.get(collection, 2)


def announce(spec: WeightSpec) -> None:
    """Tell whoever records (:func:`record_weights`) of a weight."""
    specs = _recorder.get()
    if specs is not None:
        specs.setdefault((spec.collection, *spec.path), spec)


@functools.cache
def _signature(function: Callable[..., Any]) -> tuple[frozenset[str], bool]:
    parameters = inspect.signature(function).parameters.values()
    names = frozenset(p.name for p in parameters if p.kind is not p.VAR_KEYWORD)
    return names, any(p.kind is p.VAR_KEYWORD for p in parameters)


def accepts(module: nn.Module, argument: str) -> bool:
    """Whether calling ``module`` takes the keyword ``argument`` (``training``, ``mask``, ...)."""
    function = type(module).call if isinstance(module, Layer) else type(module).__call__
    return argument in _signature(function)[0]


def _policy(dtype: Any) -> str:
    return policy_name(dtype) or "float32"


class Layer(nn.Module):
    """Base of the kjax layers: a value, used with ``init`` and ``apply``.

    A subclass declares its Keras arguments as fields and writes ``call(self, inputs, ...)``; ``training`` and ``mask``
    are passed to ``call`` only if it names them.

    Attributes:
        trainable: False freezes the layer: its regularizers do not count and batch normalization uses its moving
            statistics.
        dtype: dtype policy name.
        activity_regularizer: penalty on the output, collected in ``losses``.
    """

    if TYPE_CHECKING:  # checkers do not know what `field` does with `kw_only`
        _: dataclasses.KW_ONLY
        trainable: bool = True
        dtype: str = "float32"
        activity_regularizer: Any = None
    else:
        trainable: bool = field(True, convert=bool, kw_only=True)
        dtype: str = field("float32", convert=_policy, kw_only=True)
        activity_regularizer: Any = field(None, convert=regularizers.get, kw_only=True)

    supports_masking: ClassVar[bool] = False
    autocast: ClassVar[bool] = True
    activates_last: ClassVar[Any] = False
    """Whether the outputs are those with ``activation=None``, and ``activation`` of these."""
    takes_sparse: ClassVar[bool] = False
    """Whether ``call`` takes sparse arrays as they are; others get dense ones."""

    def __post_init__(self) -> None:
        convert_fields(self)
        super().__post_init__()

    @property
    def dtype_policy(self) -> Policy:
        """The dtype policy."""
        return policy(self.dtype)

    @property
    def compute_dtype(self) -> str:
        """Name of the type the layer computes in."""
        return self.dtype_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        """Name of the type the weights are stored in."""
        return self.dtype_policy.variable_dtype

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer, by name."""
        skipped = ("parent", "name")
        fields = (f for f in dataclasses.fields(self) if f.init and f.name not in skipped and is_written(self, f))
        return {f.name: getattr(self, f.name) for f in fields}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make a layer from what :meth:`get_config` returned."""
        return cls(**config)

    @nn.compact
    def __call__(self, *args: Any, training: bool = False, mask: Any = None, **kwargs: Any) -> Any:
        """Apply the layer.

        Args:
            *args: inputs; floating-point arrays are cast to the compute dtype.
            training: True in a training step (dropout acts, batch normalization uses the batch).
            mask: boolean array (or tree of them, as the inputs) of the steps that count, or None.
            **kwargs: further arguments of the layer's ``call``.
        """
        if not self.takes_sparse:
            args, kwargs = dense((args, kwargs))
        if self.autocast:
            args, kwargs = jax.tree.map(lambda leaf: cast_floating(leaf, self.compute_dtype), (args, kwargs))
        names, _ = _signature(type(self).call)
        if "training" in names:
            kwargs["training"] = training
        if "mask" in names:
            kwargs["mask"] = mask
        outputs = self.call(*args, **kwargs)
        if self.activity_regularizer is not None:
            self.regularize_activity(outputs)
        return outputs

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The layer's computation; every layer writes its own."""
        raise NotImplementedError(f"Layer {type(self).__name__} does not have a `call` method implemented; write one")

    def regularize_activity(self, outputs: Any) -> None:
        """Add the activity penalty of these outputs to the losses."""
        for leaf in jax.tree.leaves(outputs):
            # Keras 3: the penalty of a sample on average, so that it does not grow with the batch.
            self.add_loss("activity", self.activity_regularizer(leaf) / (leaf.shape[0] if leaf.ndim else 1))

    def compute_mask(self, inputs: Any, mask: Any) -> Any:
        """The mask of the output, given that of the inputs: passed on where the layer supports masking."""
        del inputs
        return mask if self.supports_masking else None

    def weight(
        self,
        name: str,
        shape: tuple[int, ...],
        initializer: Callable[..., Array],
        *,
        regularizer: Callable[[Array], Array] | None = None,
        constraint: Callable[[Array], Array] | None = None,
        dtype: str | None = None,
        cast: bool = True,
        frozen: bool = False,
    ) -> Array:
        """A trained weight, in the compute dtype.

        Args:
            name: its name in the ``params`` collection.
            shape: its shape.
            initializer: ``(key, shape, dtype) -> array``.
            regularizer: penalty on the stored weight; added to ``losses`` while the layer is trainable.
            constraint: projection that the training step applies after each update.
            dtype: storage type; the layer's variable dtype by default.
            cast: False returns the weight in its storage type.
            frozen: True keeps it out of training: no gradient reaches it, and it has no penalty.

        Raises:
            ValueError: the variables that were given hold this weight in another shape.
        """
        dtype = dtype or self.variable_dtype
        regularizer = None if frozen else regularizer
        self._record(PARAMS, name, shape, dtype, initializer, regularizer, constraint, frozen)
        if self.has_variable(PARAMS, name):
            value = self.get_variable(PARAMS, name)
            self._check_shape(name, value, shape)
        else:
            value = self.param(name, initializer, shape, jnp.dtype(dtype))
        if frozen:
            value = jax.lax.stop_gradient(value)
        if regularizer is not None and self.trainable:
            self.set_loss(name, regularizer(value))
        return cast_floating(value, self.compute_dtype) if cast else value

    def state(
        self,
        name: str,
        shape: tuple[int, ...],
        initializer: Callable[..., Array],
        dtype: str | None = None,
        collection: str = STATE,
    ) -> Array:
        """A value that is carried from call to call and not trained; change it with :meth:`set_state`.

        Args:
            name: its name.
            shape: its shape.
            initializer: ``(key, shape, dtype) -> array``.
            dtype: its type; the layer's variable dtype by default.
            collection: ``'overwrite'`` for a value whose "gradient" is the value after the step.
        """
        dtype = dtype or self.variable_dtype
        self._record(collection, name, shape, dtype, initializer)
        if self.has_variable(collection, name):
            value = self.get_variable(collection, name)
        else:
            # The collection's values do not depend on data, so any key will do: only random initializers use it.
            first = initializer(jax.random.key(0), shape, jnp.dtype(dtype))
            value = self.variable(collection, name, lambda: first).value
        self._check_shape(name, value, shape)
        return value

    def set_state(self, name: str, value: Array) -> None:
        """Store a new value of :meth:`state` ``name``, where the caller asked for it (``mutable=['state']``)."""
        if self.is_mutable_collection(STATE) and not self.is_initializing():
            old = self.get_variable(STATE, name)
            self.put_variable(STATE, name, jnp.asarray(value, old.dtype))

    def set_loss(self, name: str, value: Array) -> None:
        """Put a penalty into the ``losses`` collection; of several under one name the last counts."""
        if self.is_mutable_collection(LOSSES) and not self.is_initializing():
            self.put_variable(LOSSES, name, jnp.asarray(value, jnp.float32))

    def add_loss(self, name: str, value: Array) -> None:
        """Add a penalty to the ``losses`` collection; several under one name are summed (one for each call)."""
        if self.is_mutable_collection(LOSSES) and not self.is_initializing():
            before = self.get_variable(LOSSES, name) if self.has_variable(LOSSES, name) else jnp.float32(0)
            self.put_variable(LOSSES, name, before + jnp.asarray(value, jnp.float32))

    def _record(
        self,
        collection: str,
        name: str,
        shape: tuple[int, ...],
        dtype: str,
        initializer: Callable[..., Array],
        regularizer: Callable[[Array], Array] | None = None,
        constraint: Callable[[Array], Array] | None = None,
        frozen: bool = False,
    ) -> None:
        path = (*self.path, name)
        announce(WeightSpec(collection, path, tuple(shape), dtype, initializer, regularizer, constraint, frozen))

    def _check_shape(self, name: str, value: Array, shape: tuple[int, ...]) -> None:
        if tuple(value.shape) != tuple(shape):
            where = "/".join(self.path) or self.name or type(self).__name__
            raise ValueError(
                f"{type(self).__name__} layer {where!r}: weight {name!r} has shape {tuple(value.shape)}, "
                f"but these inputs and arguments need {tuple(shape)}"
            )


@dataclasses.dataclass(frozen=True)
class Description:
    """The weights of a module in the order in which it makes them, and the abstract outputs for given inputs."""

    weights: tuple[WeightSpec, ...]
    outputs: Any


def describe(module: nn.Module, *args: Any, **kwargs: Any) -> Description:
    """Trace ``module`` on abstract inputs: no memory is allocated, nothing is compiled.

    Args:
        module: any Flax module.
        *args: inputs: arrays or ``jax.ShapeDtypeStruct``s.
        **kwargs: static keyword arguments of the call.

    Returns:
        Its weights and the shapes and types of its outputs.
    """
    found: list[WeightSpec] = []

    def trace(*inputs: Any) -> Any:
        rngs = {PARAMS: jax.random.key(0), DROPOUT: jax.random.key(0)}
        with record_weights() as specs:
            outputs, variables = module.init_with_output(rngs, *inputs, **kwargs)
        # The dict is read inside the trace, because JAX sorts the keys of dicts that leave it.
        for collection in (PARAMS, STATE, *(c for c in variables if c not in (PARAMS, STATE, LOSSES))):
            for path, leaf in _flatten(variables.get(collection, {})):
                default = WeightSpec(collection, path, tuple(leaf.shape), str(leaf.dtype))
                found.append(specs.get((collection, *path), default))
        return outputs

    outputs = jax.eval_shape(trace, *args)
    return Description(tuple(found), outputs)


def _flatten(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _flatten(value, (*path, key))
    elif isinstance(tree, nn.meta.AxisMetadata):
        yield path, tree.unbox()
    else:
        yield path, tree
