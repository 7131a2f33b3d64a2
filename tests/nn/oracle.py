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
        if f.default is dataclasses.MISSING or f.default != value:
            result[f.name] = value if isinstance(value, (int, float, str, tuple, bool)) else type(value).__name__
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
            leaves.append(np.asarray(node))
    return leaves


def check(case: Case) -> None:
    """Compare the kjax layer with the Keras layer: weights, outputs, new state, gradients, config round trip.

    Raises:
        AssertionError: they differ by more than float32 arithmetic explains.
    """
    import keras

    module = case.module
    assert type(module).from_config(module.get_config()) == module, "config round trip changed the layer"
    inputs = make_inputs(case)
    args = [inputs] if case.as_list else inputs
    mask = case.mask(inputs) if case.mask else None
    oracle = case.keras(keras.layers)
    keras_args = [keras.ops.convert_to_tensor(x) for x in inputs]
    keras_args = [keras_args] if case.as_list else keras_args
    keras_kwargs = dict(case.call) | ({} if mask is None else {"mask": mask})
    oracle(*keras_args, **keras_kwargs)  # builds it

    abstract = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), args)
    description = describe(module, *abstract, mask=mask, **case.call)
    variables = random_variables(description)
    params = ordered(variables, description, "params")
    state = ordered(variables, description, "state")
    assert [w.shape for w in oracle.trainable_weights] == [p.shape for p in params]
    assert [w.shape for w in oracle.non_trainable_weights] == [s.shape for s in state]
    names = [s.path[-1] for s in description.weights if s.collection == "params"]
    assert [w.name for w in oracle.trainable_weights] == names, "weight names or their order differ"
    for box, value in zip(oracle.trainable_weights + oracle.non_trainable_weights, params + state, strict=True):
        box.assign(value)

    key = {"dropout": jax.random.key(0)}
    is_float = np.issubdtype(np.dtype(case.dtype), np.floating)
    tolerance = {"rtol": RTOL, "atol": ATOL * case.scale}
    for training in case.training:

        def ours(trained: Any, given: Any, training: bool = training) -> Any:
            with_state = {**variables, "params": trained}
            return module.apply(
                with_state, *given, training=training, mask=mask, rngs=key, mutable=["state"], **case.call
            )

        def theirs(trained: Any, given: Any, training: bool = training) -> Any:
            untrained = [v.value for v in oracle.non_trainable_variables]
            kwargs = dict(keras_kwargs)
            if getattr(oracle, "_call_has_training_arg", False):
                kwargs["training"] = training
            return oracle.stateless_call(trained, untrained, *given, **kwargs)

        got, updates = jax.jit(ours)(variables.get("params", {}), args)
        want, _ = theirs([v.value for v in oracle.trainable_variables], keras_args)
        want_state = {
            id(v): new for v, new in zip(oracle.non_trainable_variables, _, strict=True)
        }
        for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
            assert a.shape == b.shape and a.dtype == b.dtype, (a.shape, b.shape, a.dtype, b.dtype)
            np.testing.assert_allclose(np.asarray(a, np.float64), np.asarray(b, np.float64), **tolerance)
        if state:
            new = ordered({**variables, **updates}, description, "state")
            for a, box in zip(new, oracle.non_trainable_weights, strict=True):
                np.testing.assert_allclose(a, want_state[id(box)], **tolerance)
        shapes = jax.tree.map(lambda x: x.shape, description.outputs)
        assert jax.tree.map(lambda x: x.shape, got) == shapes

        floating = [x for x in jax.tree.leaves(got) if jnp.issubdtype(x.dtype, jnp.floating)]
        if not floating or (not params and not is_float):
            continue
        rng = np.random.default_rng(2)
        cotangents = [rng.standard_normal(x.shape).astype(x.dtype) for x in floating]

        def scalar(outputs: Any, cotangents: Any = cotangents) -> Any:
            leaves = [x for x in jax.tree.leaves(outputs) if jnp.issubdtype(x.dtype, jnp.floating)]
            return sum(jnp.vdot(c, x) for c, x in zip(cotangents, leaves, strict=True))

        which = (0, 1) if is_float else 0
        ours_gradient = jax.jit(jax.grad(lambda p, x: scalar(ours(p, x)[0]), argnums=which))  # noqa: B023
        got_gradient = ours_gradient(variables.get("params", {}), args)
        theirs_gradient = jax.grad(lambda p, x: scalar(theirs(p, x)[0]), argnums=which)  # noqa: B023
        want_gradient = theirs_gradient([v.value for v in oracle.trainable_variables], keras_args)
        got_params = got_gradient[0] if is_float else got_gradient
        want_params = want_gradient[0] if is_float else want_gradient
        pairs = list(zip(ordered({"params": got_params}, description, "params"), want_params, strict=True))
        if is_float:
            pairs += list(zip(jax.tree.leaves(got_gradient[1]), jax.tree.leaves(want_gradient[1]), strict=True))
        for a, b in pairs:
            size = float(np.max(np.abs(b), initial=1.0))
            np.testing.assert_allclose(a, b, rtol=RTOL, atol=ATOL * case.scale * size)
