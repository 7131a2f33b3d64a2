"""The contract that every deterministic layer passes: equal to real Keras 3 in outputs, gradients, weights and shapes."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import jax.numpy as jnp
import numpy as np

from kjax.nn.module import Description, describe

RTOL, ATOL = 1e-5, 2e-6


@dataclasses.dataclass(frozen=True)
class Case:
    """One row of a table of layers.

    Attributes:
        module: the kjax layer.
        keras: makes the Keras layer; called as ``keras(keras.layers)`` with the real package's module.
        shapes: shapes of the inputs with the batch axis; several inputs are given as one list (merging layers) when
            ``as_list`` is set, else as separate arguments.
        dtype: type of the inputs; integers are drawn from ``range(high)``.
        training: modes that are compared (a random layer is compared at inference only).
        mask: makes a boolean mask from the inputs, or None.
        call: further keyword arguments of the call, static.
        scale: absolute size of outputs, which sets the absolute tolerance.
    """

    module: Any
    keras: Callable[[Any], Any]
    shapes: Sequence[tuple[int, ...]]
    dtype: str = "float32"
    high: int = 7
    as_list: bool = False
    training: tuple[bool, ...] = (False, True)
    mask: Callable[[Any], Any] | None = None
    call: dict[str, Any] = dataclasses.field(default_factory=dict)
    scale: float = 1.0
    id: str = ""

    @property
    def label(self) -> str:
        """Name of the test case."""
        fields = ",".join(f"{k}={v}" for k, v in changed_fields(self.module).items())
        return self.id or f"{type(self.module).__name__}({fields})"


def changed_fields(module: Any) -> dict[str, Any]:
    """The arguments of a layer that differ from the defaults."""
    result = {}
    for f in dataclasses.fields(module):
        if f.name in ("parent", "name"):
            continue
        value = getattr(module, f.name)
        default, convert = f.default, f.metadata.get("convert")
        if default is not dataclasses.MISSING and convert is not None:
            default = (convert(type(module).rank) if f.metadata["ranked"] else convert)(default)
        if default is dataclasses.MISSING or default != value:
            plain = isinstance(value, (int, float, str, tuple, bool))
            result[f.name] = value if plain else getattr(value, "__name__", type(value).__name__)
    return result


def make_inputs(case: Case, seed: int = 0) -> list[np.ndarray]:
    """Random inputs of the shapes and type of the case."""
    rng = np.random.default_rng(seed)
    if np.issubdtype(np.dtype(case.dtype), np.floating):
        return [rng.standard_normal(shape).astype(case.dtype) for shape in case.shapes]
    return [rng.integers(0, case.high, shape).astype(case.dtype) for shape in case.shapes]


def random_variables(description: Description, seed: int = 1) -> dict[str, Any]:
    """Variables of the described shapes with random values (state positive, as a variance must be)."""
    rng = np.random.default_rng(seed)
    tree: dict[str, Any] = {}
    for spec in description.weights:
        value = 0.5 * rng.standard_normal(spec.shape)
        value = np.abs(value) + 0.5 if spec.collection == "state" else value
        node = tree.setdefault(spec.collection, {})
        for name in spec.path[:-1]:
            node = node.setdefault(name, {})
        node[spec.path[-1]] = jnp.asarray(value, spec.dtype)
    return tree


def ordered(tree: dict[str, Any], description: Description, collection: str) -> list[np.ndarray]:
    """The leaves of one collection in the order in which the module makes them."""
    leaves = []
    for spec in description.weights:
        if spec.collection == collection:
            node = tree[collection]
            for name in spec.path:
                node = node[name]
            leaves.append(node)
    return leaves


def check(case: Case) -> None:
    """Compare the kjax layer with the Keras layer: weights, outputs, new state, gradients, config round trip.

    Raises:
        AssertionError: they differ by more than the arithmetic of their types explains.
    """
    import keras

    module = case.module
    assert type(module).from_config(module.get_config()) == module, "config round trip changed the layer"
    inputs = make_inputs(case)
    mask = case.mask(inputs) if case.mask else None
    extra = dict(case.call) | ({} if mask is None else {"mask": mask})
    args: list[Any] = [inputs] if case.as_list else inputs

    oracle = case.keras(keras.layers)
    symbolic = [keras.KerasTensor(x.shape, str(x.dtype)) for x in inputs]
    oracle(*([symbolic] if case.as_list else symbolic), **case.call)  # builds it

    abstract = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), args)
    description = describe(module, *abstract, mask=mask, **case.call)
    variables = random_variables(description)
    params = ordered(variables, description, "params")
    state = ordered(variables, description, "state")
    assert [w.shape for w in oracle.trainable_weights] == [p.shape for p in params]
    names = [s.path[-1] for s in description.weights if s.collection == "params"]
    assert [w.name for w in oracle.trainable_weights] == names, "weight names or their order differ"
    # Keras does not count the carried states of a recurrent layer among its variables.
    kept = [*oracle.non_trainable_variables, *keras.tree.flatten(getattr(oracle, "states", None) or [])]
    untrained = [v.value for v in kept]
    # All but the state of the random generators.
    positions = [i for i, v in enumerate(kept) if "seed_generator" not in v.path]
    assert [kept[i].shape for i in positions] == [s.shape for s in state]
    for position, value in zip(positions, state, strict=True):
        untrained[position] = jnp.asarray(value)

    def ours(trained: Any, given: Any, training: bool) -> Any:
        tree = with_params(variables, trained, description)
        key = {"dropout": jax.random.key(0)}
        outputs, updates = module.apply(
            tree, *given, training=training, mask=mask, rngs=key, mutable=["state"], **case.call
        )
        return outputs, ordered({**variables, **updates}, description, "state")

    def theirs(trained: Any, given: Any, training: bool) -> Any:
        kwargs = extra | ({"training": training} if oracle._call_has_training_arg else {})
        # Not `stateless_call`, which leaves out the casts of mixed precision.
        mapping = list(zip(oracle.trainable_variables, trained, strict=True))
        mapping += zip(kept, untrained, strict=True)
        with keras.StatelessScope(state_mapping=mapping) as scope:
            outputs = oracle(*given, **kwargs)
        return outputs, [scope.get_current_value(kept[position]) for position in positions]

    got = results(ours, case, params, args)
    want = results(theirs, case, params, args)
    shapes = [x.shape for x in jax.tree.leaves(description.outputs)]
    rtol, atol = tolerance(module.compute_dtype, case.scale)
    for training, a, b in zip(case.training, got, want, strict=True):
        assert [x.shape for x in a.outputs] == shapes, "shapes when traced and when run differ"
        assert [(x.shape, x.dtype) for x in a.outputs] == [(x.shape, x.dtype) for x in b.outputs]
        for what in ("outputs", "state", "gradients"):
            for i, (x, y) in enumerate(zip(getattr(a, what), getattr(b, what), strict=True)):
                x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
                size = float(np.max(np.abs(y), initial=1.0))
                message = f"{what} {i}, training={training}"
                np.testing.assert_allclose(x, y, rtol=rtol, atol=atol * size, err_msg=message)


def tolerance(dtype: str, scale: float) -> tuple[float, float]:
    """Relative and absolute tolerance for results computed in a type: some units of its last place."""
    units = float(jnp.finfo(dtype).eps) / float(jnp.finfo("float32").eps)
    return RTOL * units / 10 if units > 1 else RTOL, ATOL * scale * (units / 10 if units > 1 else 1)


@dataclasses.dataclass(frozen=True)
class Results:
    """What a layer computes in one mode: flat lists of arrays."""

    outputs: list[Any]
    state: list[Any]
    gradients: list[Any]


def results(apply: Callable[..., Any], case: Case, params: list[Any], args: list[Any]) -> list[Results]:
    """Outputs, state and gradients in each mode of the case, as one compiled program.

    Args:
        apply: ``(params, inputs, training) -> outputs, state``.
        case: says which modes.
        params: trained weights.
        args: inputs.
    """
    differentiable = (0, 1) if np.issubdtype(np.dtype(case.dtype), np.floating) else (0,)

    def run(params: Any, args: Any) -> list[Any]:
        collected = []
        for training in case.training:

            def scalar(params: Any, args: Any, training: bool = training) -> Any:
                outputs, state = apply(params, args, training)
                leaves = jax.tree.leaves(outputs)
                floating = [x for x in leaves if jnp.issubdtype(x.dtype, jnp.floating)]
                rng = np.random.default_rng(2)
                weights = [jnp.asarray(rng.standard_normal(x.shape), x.dtype) for x in floating]
                total = sum((jnp.vdot(w, x) for w, x in zip(weights, floating, strict=True)), jnp.float32(0))
                return total, (leaves, state)

            gradients, (outputs, state) = jax.grad(scalar, differentiable, has_aux=True)(params, args)
            collected.append((outputs, state, jax.tree.leaves(gradients)))
        return collected

    return [Results(*parts) for parts in jax.jit(run)(params, args)]


def with_params(variables: dict[str, Any], params: list[Any], description: Description) -> dict[str, Any]:
    """The variables with the ``params`` leaves replaced, in the order in which the module makes them."""
    tree = dict(variables)
    tree["params"] = {}
    names = [spec.path for spec in description.weights if spec.collection == "params"]
    for path, value in zip(names, params, strict=True):
        node = tree["params"]
        for name in path[:-1]:
            node = node.setdefault(name, {})
        node[path[-1]] = jnp.asarray(value)
    return tree
