"""Milliseconds of one layer, forward and backward: kjax next to Keras 3 on JAX, and PyTorch on the CPU if installed.

Both on JAX are the gradient of a sum with respect to the inputs and all weights, as one compiled program on equal
weights, whose results are compared first; what is timed is what a training step spends in the layer. PyTorch runs its own
layer of the same sizes, eagerly. Candidates take turns, and ratios are those within a round.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import environment, report, timing


@dataclasses.dataclass(frozen=True)
class Entry:
    """A layer to measure.

    Attributes:
        title: for the table.
        layer: name of the class in both libraries.
        arguments: keyword arguments of both.
        shape: shape of the inputs; a layer of several gets the same array for each.
        inputs: number of inputs.
        torch: makes ``x -> outputs`` with the layer of PyTorch from (torch, shape), or None.
    """

    title: str
    layer: str
    arguments: Mapping[str, Any]
    shape: tuple[int, ...]
    inputs: int = 1
    torch: Callable[[Any, tuple[int, ...]], Any] | None = None


def _torch_rnn(name: str, units: int) -> Callable[[Any, tuple[int, ...]], Any]:
    def make(torch: Any, shape: tuple[int, ...]) -> Any:
        layer = getattr(torch.nn, name)(shape[-1], units, batch_first=True)
        return layer, lambda x: layer(x)[0][:, -1]

    return make


def _torch_conv(filters: int, size: int) -> Callable[[Any, tuple[int, ...]], Any]:
    def make(torch: Any, shape: tuple[int, ...]) -> Any:
        layer = torch.nn.Conv2d(shape[-1], filters, size, padding="same")
        return layer, lambda x: layer(x.permute(0, 3, 1, 2))

    return make


def _torch_attention(heads: int) -> Callable[[Any, tuple[int, ...]], Any]:
    def make(torch: Any, shape: tuple[int, ...]) -> Any:
        layer = torch.nn.MultiheadAttention(shape[-1], heads, batch_first=True)
        return layer, lambda x: layer(x, x, x, need_weights=False)[0]

    return make


ENTRIES = {
    "lstm": Entry("LSTM(128), T=80, batch 32", "LSTM", {"units": 128}, (32, 80, 128), torch=_torch_rnn("LSTM", 128)),
    "gru": Entry("GRU(128), T=80, batch 32", "GRU", {"units": 128}, (32, 80, 128), torch=_torch_rnn("GRU", 128)),
    "simple": Entry("SimpleRNN(128), T=80, batch 32", "SimpleRNN", {"units": 128}, (32, 80, 128)),
    "conv2d": Entry(
        "Conv2D(64, 3), 32x32x32, batch 32",
        "Conv2D",
        {"filters": 64, "kernel_size": 3, "padding": "same"},
        (32, 32, 32, 32),
        torch=_torch_conv(64, 3),
    ),
    "depthwise": Entry(
        "DepthwiseConv2D(3), 32x32x64, batch 32",
        "DepthwiseConv2D",
        {"kernel_size": 3, "padding": "same"},
        (32, 32, 32, 64),
    ),
    "transpose": Entry(
        "Conv2DTranspose(32, 3, strides=2), 16x16x64, batch 32",
        "Conv2DTranspose",
        {"filters": 32, "kernel_size": 3, "strides": 2, "padding": "same"},
        (32, 16, 16, 64),
    ),
    "convlstm": Entry(
        "ConvLSTM2D(16, 3), T=8, 16x16x8, batch 8",
        "ConvLSTM2D",
        {"filters": 16, "kernel_size": 3, "padding": "same"},
        (8, 8, 16, 16, 8),
    ),
    "attention": Entry(
        "MultiHeadAttention(8, 32), T=128, 256 features, batch 16",
        "MultiHeadAttention",
        {"num_heads": 8, "key_dim": 32},
        (16, 128, 256),
        inputs=2,
        torch=_torch_attention(8),
    ),
    "dense": Entry("Dense(512), 512 features, batch 256", "Dense", {"units": 512}, (256, 512)),
    "batchnorm": Entry("BatchNormalization, 32x32x64, batch 32", "BatchNormalization", {}, (32, 32, 32, 64)),
}
"""What can be measured, by the name on the command line."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--layers", nargs="+", choices=ENTRIES, default=list(ENTRIES), help="which layers")
    parser.add_argument(
        "--repeat", type=report.positive, default=7, help="rounds in which every candidate has its turn"
    )
    parser.add_argument("--calls", type=report.positive, default=10, help="calls of a candidate in a round")
    parser.add_argument("--json", metavar="FILE", help="write all numbers here, too")


def jax_candidates(entry: Entry) -> dict[str, Callable[[], Any]]:
    """Compiled gradients in kjax and in Keras 3, by name; each call waits for its result.

    Raises:
        BenchmarkError: the two do not compute the same.
    """
    import keras

    from kjax.keras import layers

    rng = np.random.default_rng(0)
    inputs = [jnp.asarray(rng.standard_normal(entry.shape), jnp.float32)] * entry.inputs
    ours = getattr(layers, entry.layer)(**entry.arguments)
    theirs = getattr(keras.layers, entry.layer)(**entry.arguments)
    theirs(*inputs)
    ours(*inputs)
    ours.set_weights(theirs.get_weights())
    made: dict[str, Callable[[], Any]] = {}
    results = {}
    for name, layer in (("kjax", ours), ("keras", theirs)):
        trained = [v.value for v in layer.trainable_variables]
        state = [v.value for v in layer.non_trainable_variables]

        def total(trained: Any, inputs: Any, layer: Any = layer, state: Any = state) -> Any:
            outputs, _ = layer.stateless_call(trained, state, *inputs, **_training(entry))
            return jnp.sum(jnp.square(outputs))

        program = jax.jit(jax.value_and_grad(total, (0, 1)))
        results[name] = jax.tree.leaves(jax.block_until_ready(program(trained, inputs)))
        made[name] = lambda program=program, trained=trained: jax.block_until_ready(program(trained, inputs))
    for mine, other in zip(results["kjax"], results["keras"], strict=True):
        scale = float(jnp.max(jnp.abs(other))) or 1.0
        if not np.allclose(mine, other, rtol=1e-3, atol=1e-4 * scale):
            raise environment.BenchmarkError(f"{entry.title}: kjax and Keras 3 do not compute the same gradients")
    return made


def _training(entry: Entry) -> dict[str, bool]:
    return {"training": True} if entry.layer == "BatchNormalization" else {}


def torch_candidate(entry: Entry) -> Callable[[], Any] | None:
    """The gradient in PyTorch; None where it is not installed or has no such layer."""
    if entry.torch is None or importlib.util.find_spec("torch") is None:
        return None
    import torch  # pyright: ignore[reportMissingImports]

    layer, call = entry.torch(torch, entry.shape)
    x = torch.randn(*entry.shape, requires_grad=True)

    def run() -> None:
        layer.zero_grad(set_to_none=True)
        x.grad = None
        call(x).square().sum().backward()

    return run


def run(options: argparse.Namespace) -> int:
    """Measure, print, write."""
    about = environment.describe()
    rows = []
    for key in options.layers:
        entry = ENTRIES[key]
        environment.note(entry.title)
        candidates = jax_candidates(entry)
        other = torch_candidate(entry)
        if other is not None:
            candidates["torch"] = other

        def several(work: Callable[[], Any]) -> Callable[[], None]:
            def run_all() -> None:
                for _ in range(options.calls):
                    work()

            return run_all

        for work in candidates.values():
            work()
        started = time.perf_counter()
        turns = timing.interleave({name: several(work) for name, work in candidates.items()}, options.repeat)
        medians = {name: 1e3 * statistics.median(v) / options.calls for name, v in turns.wall.items()}
        ratios = {
            f"{name}/kjax": timing.ratio(turns.wall[name], turns.wall["kjax"]) for name in candidates if name != "kjax"
        }
        seconds = time.perf_counter() - started
        rows.append({"name": key, "title": entry.title, "milliseconds": medians, "ratios": ratios, "seconds": seconds})
    print(environment.headline(about) + "\n")
    header = ["forward and backward, ms", "kjax", "Keras 3", "PyTorch", "Keras 3 / kjax", "PyTorch / kjax"]
    print(
        report.table(
            header,
            [
                [
                    row["title"],
                    *(report.number(row["milliseconds"].get(name)) for name in ("kjax", "keras", "torch")),
                    *(report.number(row["ratios"].get(f"{name}/kjax")) for name in ("keras", "torch")),
                ]
                for row in rows
            ],
        )
    )
    if options.json:
        report.write_json(options.json, {"command": "layers", "environment": about, "rows": rows})
    return 0
