"""``model.dry_run``: what a training will take, by tracing, before anything is allocated or computed."""

from __future__ import annotations

import collections
import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.models.checks import check_inputs
from kjax.keras.models.training import is_box
from kjax.nn import optimizers as rules
from kjax.nn.module import PARAMS
from kjax.train.state import TrainState, merge
from kjax.train.steps import apply_module, make_train_step

Shape = tuple[tuple[int, ...], str]
"""Shape and type of an array."""


@dataclasses.dataclass(frozen=True)
class DryRun:
    """What one training step takes.

    Attributes:
        model: the model's name.
        batch_size: samples in a batch.
        steps: batches in an epoch, None where it is not known.
        inputs: shape and type of each input of a batch, by name.
        outputs: of each output.
        targets: of each target; empty without ``y``.
        parameters: number of numbers in the weights.
        trained: how many of them are trained.
        parameter_bytes: memory of the weights.
        optimizer_bytes: memory of the optimizer's state; 0 for a model that is not compiled.
        activation_bytes: memory that a step keeps from the forward pass for the gradients.
        forward_flops: floating-point operations of one batch forward, as XLA counts them; None where it does not.
        step_flops: of a whole training step; None without targets.
        logs: names of the logs.
    """

    model: str
    batch_size: int
    steps: int | None
    inputs: dict[str, Shape]
    outputs: dict[str, Shape]
    targets: dict[str, Shape]
    parameters: int
    trained: int
    parameter_bytes: int
    optimizer_bytes: int
    activation_bytes: int
    forward_flops: float | None
    step_flops: float | None
    logs: tuple[str, ...]

    def __str__(self) -> str:
        epoch = "" if self.steps is None else f", {self.steps} an epoch"
        rows = [(f"Dry run of model {self.model!r}: batches of {self.batch_size}{epoch}", "")]
        for what in ("inputs", "outputs", "targets"):
            for i, (name, (shape, dtype)) in enumerate(getattr(self, what).items()):
                rows.append((what if i == 0 else "", f"{name}: {shape} {dtype}"))
        count = f"{self.parameters:,} ({_size(self.parameter_bytes)}), {self.trained:,} of them trained"
        rows.append(("parameters", count))
        if self.optimizer_bytes:
            rows.append(("optimizer", _size(self.optimizer_bytes)))
        rows.append(("activations", f"{_size(self.activation_bytes)} kept for the gradients"))
        flops = f"{_number(self.forward_flops)}FLOP forward"
        if self.step_flops is not None:
            flops += f", {_number(self.step_flops)}FLOP with gradients and update"
        rows.append(("a step", flops))
        if self.logs:
            rows.append(("logs", ", ".join(self.logs)))
        return "\n".join([rows[0][0], *(f"  {label:<12}{text}" for label, text in rows[1:])])


def dry_run(model: Any, x: Any, y: Any = None, sample_weight: Any = None, batch_size: int | None = None) -> DryRun:
    """Trace a model on data; arguments as those of ``fit``, or ``jax.ShapeDtypeStruct`` in place of arrays.

    Raises:
        ValueError: the data do not fit the model or its losses; targets for a model that is not compiled.
    """
    x, y, sample_weight = jax.tree.map(_stand_in, (x, y, sample_weight))
    source = model._source(x, y, sample_weight, batch_size)
    try:
        if source.sample[1] is not None:
            model._check_shapes(source)
        elif model.is_functional:
            check_inputs(model, source.sample[0])
        return _measure(model, source)
    finally:
        source.close()


def _stand_in(leaf: Any) -> Any:
    """An array of zeros that takes no memory, for one that is only described."""
    return np.broadcast_to(np.zeros((), leaf.dtype), leaf.shape) if isinstance(leaf, jax.ShapeDtypeStruct) else leaf


def _measure(model: Any, source: Any) -> DryRun:
    inputs, targets, weights = source.sample
    boxes = model._partition()
    parts = jax.tree.map(
        lambda v: jax.ShapeDtypeStruct(v.shape, jnp.dtype(v.dtype)), dict(boxes.items()), is_leaf=is_box
    )
    key = jax.eval_shape(lambda: jax.random.key(0))
    module = model._train_module

    def forward(params: Any, frozen: Any, state: Any, inputs: Any, key: Any) -> Any:
        variables = {PARAMS: merge(params, frozen), **state}
        return apply_module(module, variables, inputs, training=True, key=key)[0]

    arguments = (parts["params"], parts["frozen"], parts["state"], inputs, key)
    outputs = jax.eval_shape(forward, *arguments)
    kept = jax.eval_shape(lambda p, *rest: jax.vjp(lambda q: forward(q, *rest), p)[1], *arguments)
    names = model.input_names or ["inputs"]
    result: dict[str, Any] = {"optimizer_bytes": 0, "step_flops": None, "logs": ()}
    if model.compiled and jax.tree.leaves(parts["params"]):
        # The state is made by tracing, where the optimizer allows it: it has none before the training begins.
        plain = not model.optimizer.built and isinstance(model.optimizer.rule, rules.Optimizer)
        rule = model.optimizer.rule if plain else model._prepare_optimizer().pure
        opt_state = jax.eval_shape(rule.init, parts["params"])
        result["optimizer_bytes"] = _bytes(opt_state)
        if targets is not None:
            objective = model._prepare_objective()
            result["logs"] = objective.names
            number: Any = jax.ShapeDtypeStruct((), jnp.int32)
            state = TrainState(
                step=number,
                epoch=number,
                params=parts["params"],
                frozen=parts["frozen"],
                state=parts["state"],
                opt_state=opt_state,
                key=key,
                metrics=jax.eval_shape(model._accumulators),
            )
            step = make_train_step(module, objective, rule)
            result["step_flops"] = _flops(step, state, (inputs, targets, weights))
    return DryRun(
        model=model.name,
        batch_size=jax.tree.leaves(inputs)[0].shape[0],
        steps=source.steps,
        inputs=_described(inputs, names),
        outputs=_described(outputs, model.output_names),
        targets=_described(targets, model.output_names) if targets is not None else {},
        parameters=_count(parts),
        trained=_count(parts["params"]),
        parameter_bytes=_bytes(parts),
        activation_bytes=_bytes(_without(jax.tree.leaves(kept), jax.tree.leaves(parts))),
        forward_flops=_flops(forward, *arguments),
        **result,
    )


def _without(arrays: list[Any], others: list[Any]) -> list[Any]:
    """The arrays for which there is no other of the same shape and type: gradients need the weights too."""
    left = collections.Counter((a.shape, str(a.dtype)) for a in others)
    rest = []
    for array in arrays:
        kind = (array.shape, str(array.dtype))
        left[kind] -= 1
        if left[kind] < 0:
            rest.append(array)
    return rest


def _described(tree: Any, names: Any) -> dict[str, Shape]:
    leaves = jax.tree.leaves(tree)
    labels = list(names) if len(names) == len(leaves) else [f"{i}" for i in range(len(leaves))]
    return {name: (tuple(a.shape), str(a.dtype)) for name, a in zip(labels, leaves, strict=True)}


def _flops(function: Any, *arguments: Any) -> float | None:
    """What XLA counts in the program before it optimises it; nothing is compiled."""
    found = jax.jit(function).lower(*arguments).cost_analysis()
    return float(found["flops"]) if found and "flops" in found else None


def _count(tree: Any) -> int:
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree))


def _bytes(tree: Any) -> int:
    return sum(
        math.prod(a.shape) * (8 if jnp.issubdtype(a.dtype, jax.dtypes.prng_key) else jnp.dtype(a.dtype).itemsize)
        for a in jax.tree.leaves(tree)
    )


def _number(value: float | None) -> str:
    """``'1.23 G'`` for 1.23e9."""
    if value is None:
        return "an unknown number of "
    units = ["", "k", "M", "G", "T", "P"]
    while value >= 1000 and len(units) > 1:
        value /= 1000
        del units[0]
    return f"{value:.3g} {units[0]}"


def _size(count: float) -> str:
    """``'1.50 MB'``; a kilobyte is 1024 bytes."""
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1024:
            return f"{count:.4g} {unit}"
        count /= 1024
    return f"{count:.4g} TB"
