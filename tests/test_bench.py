"""The benchmarks: what is compared does the same work, the tables are complete, the arithmetic holds."""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import numpy as np
import pytest

from benchmarks import calls, candidates, fit, report, timing, workloads
from benchmarks.handwritten import ByHand
from tests.processes import one_device

TINY = ("--repeat", "1", "--steps", "2", "--epochs", "1")
BY_HAND = (workloads.mlp, workloads.mnist_mlp, workloads.cifar10_cnn, workloads.lstm)


def small(workload: workloads.Workload) -> workloads.Workload:
    """A workload with few samples in a batch: convolutions in a scanned epoch take long on a CPU."""
    return dataclasses.replace(workload, batch_size=2)


def without_dropout(make: Callable[..., workloads.Workload]) -> workloads.Workload:
    """A workload whose training has no randomness but the order of the samples."""
    return make(dropout=False) if make in (workloads.mnist_mlp, workloads.cifar10_cnn) else make()


def bench(root: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, on one CPU device as a user has it."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=root,
        env=one_device({"JAX_PLATFORMS": "cpu", **variables}),
        capture_output=True,
        text=True,
        check=False,
    )


def bench_json(root: Path, folder: Path, *arguments: str) -> tuple[dict[str, Any], str]:
    """What the command line writes with ``--json``, and what it prints."""
    path = folder / "result.json"
    result = bench(root, *arguments, "--json", str(path))
    assert result.returncode == 0, result.stderr
    return json.loads(path.read_text("utf-8")), result.stdout


def positive(numbers: dict[str, float], *names: str) -> bool:
    return set(numbers) == set(names) and all(np.isfinite(n) and n > 0 for n in numbers.values())


@pytest.mark.slow
@pytest.mark.parametrize("make", BY_HAND, ids=lambda make: make.__name__)
def test_all_candidates_do_the_same_work(make: Callable[..., workloads.Workload], keras3: ModuleType):
    """From the same weights and one batch, three steps of everybody end at the same loss."""
    workload = small(without_dropout(make))
    size = workload.batch_size
    data = workload.data(size, np.random.default_rng(1))
    reference = workload.build(keras3)
    weights = reference.get_weights()
    model = workload.build(workloads.api("kjax"))
    model.set_weights(weights)
    assert isinstance(workload.by_hand, ByHand)
    task = workload.by_hand
    trained = {
        "keras": candidates.fit(reference, data, size),
        "kjax": candidates.fit(model, data, size),
        "loop": candidates.jitted_step(task, weights, data, size),
        "scan": candidates.scanned_epoch(task, weights, data, size, shuffle=True),
        "scan_ordered": candidates.scanned_epoch(task, weights, data, size, shuffle=False),
    }
    start = trained.pop("keras")(1)
    losses = {name: train(3) for name, train in trained.items()}
    expected = candidates.fit(reference, data, size)(2)
    assert abs(expected - start) > 1e-4 * start  # the steps did something
    for name, loss in losses.items():
        # A small loss is the logarithm of a number near 1, which float32 holds to 6e-8.
        np.testing.assert_allclose(loss, expected, rtol=2e-5, atol=3e-7, err_msg=name)


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_handwritten_dropout(rate: float):
    from benchmarks.handwritten import dropout

    x = jax.numpy.ones((200, 300))
    dropped = np.asarray(dropout(jax.random.key(0), x, rate))
    np.testing.assert_allclose(np.unique(dropped), [0, 1 / (1 - rate)], rtol=1e-6)
    np.testing.assert_allclose((dropped == 0).mean(), rate, atol=0.01)


def test_both_resnets_are_the_same(keras3: ModuleType):
    workload = workloads.resnet18()
    assert workload.by_hand is None
    models = [workload.build(workloads.api("kjax")), workload.build(keras3)]
    shapes = [sorted(w.shape for w in model.get_weights()) for model in models]
    kinds = [sorted(type(layer).__name__ for layer in model.layers) for model in models]
    assert shapes[0] == shapes[1]
    assert kinds[0] == kinds[1]
    assert [model.count_params() for model in models] == [11_183_562] * 2
    x, y = workload.data(3, np.random.default_rng(0))
    assert (x.shape, x.dtype, y.shape) == ((3, 32, 32, 3), np.uint8, (3, 1))


@pytest.mark.slow
def test_fit_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    for name, make in workloads.WORKLOADS.items():
        monkeypatch.setitem(workloads.WORKLOADS, name, lambda make=make: small(make()))
    parser = argparse.ArgumentParser()
    fit.add_arguments(parser)
    path = tmp_path / "result.json"
    assert fit.chosen(parser.parse_args([])) == list(workloads.ON_CPU)
    models = ("mlp", "mnist_mlp")  # the others compile for long; that they do the same work is tested above
    assert fit.run(parser.parse_args([*TINY, "--no-cold", "--models", *models, "--json", str(path)])) == 0
    result, printed = json.loads(path.read_text("utf-8")), capsys.readouterr().out
    assert result["command"] == "fit"
    assert result["environment"]["backend"] == "cpu"
    assert [row["model"] for row in result["rows"]] == list(models)
    everybody = ("kjax", "keras", "loop", "scan", "scan_ordered")
    for row in result["rows"]:
        assert positive(row["microseconds_per_step"], *everybody)
        assert positive(row["samples_per_second"], *everybody)
        assert positive(row["cpu_microseconds_per_step"], *everybody)
        for ratios in (row["ratios"], row["cpu_ratios"]):
            assert positive(ratios, "keras/kjax", "kjax/loop", "kjax/scan", "kjax/scan_ordered")
        assert row["cold_seconds"] == {}
        assert positive(row["call_milliseconds"], "kjax", "keras")
        assert all(len(values) == 1 for values in row["rounds"].values())
        assert row["compilations_while_timed"] == 0
        assert row["title"] in printed
        kjax, keras = (row["microseconds_per_step"][n] for n in ("kjax", "keras"))
        np.testing.assert_allclose(row["ratios"]["keras/kjax"], keras / kjax)


@pytest.mark.slow
def test_fit_table_with_cold_starts(root: Path, tmp_path: Path):
    result, printed = bench_json(root, tmp_path, "fit", "--models", "mlp", *TINY)
    (row,) = result["rows"]
    assert positive(row["cold_seconds"], "kjax", "keras")
    assert report.number(row["cold_seconds"]["kjax"]) in printed


@pytest.mark.slow
def test_memory_table(root: Path, tmp_path: Path):
    result, printed = bench_json(root, tmp_path, "fit", "--memory", "--megabytes", "20")
    assert [row["library"] for row in result["rows"]] == ["kjax", "keras"]
    for row in result["rows"]:
        assert 18e6 < row["data_bytes"] <= 20e6
        assert row["before_bytes"] > row["data_bytes"]
        assert row["peak_bytes"] >= row["before_bytes"]
        assert row["extra_bytes"] == row["peak_bytes"] - row["before_bytes"]
    assert "added / data" in printed


@pytest.mark.slow
def test_startup_table(root: Path, tmp_path: Path):
    from benchmarks.startup import PROGRAMS

    result, printed = bench_json(root, tmp_path, "startup", "--repeat", "1")
    seconds = {row["name"]: row["seconds"] for row in result["rows"]}
    assert positive(seconds, *PROGRAMS)
    assert positive(result["ratios"], "keras/kjax", "keras/kjax again")
    assert seconds["python"] < seconds["jax"] < seconds["kjax step"]
    assert "MLP, first step, kjax" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--models", "mpl"), "invalid choice: 'mpl'"),
        (("--steps", "0"), "expected a positive integer, received '0'"),
        (("fits",), "invalid choice: 'fits'"),
    ],
)
def test_wrong_arguments(root: Path, arguments: tuple[str, ...], message: str):
    result = bench(root, *arguments)
    assert result.returncode == 2
    assert message in result.stderr.splitlines()[-1]


def test_turns_and_ratios():
    turns: list[str] = []
    rounds: list[int] = []
    work = {name: (lambda name=name: turns.append(name)) for name in "ab"}
    measured = timing.interleave(work, 3, rounds.append)
    assert turns == list("ababab")
    assert rounds == [0, 1, 2]
    for samples in (measured.wall, measured.cpu):
        assert {name: len(values) for name, values in samples.items()} == {"a": 3, "b": 3}
        assert all(second >= 0 for values in samples.values() for second in values)
    # The second round was slow for both; the third for one of them.
    assert timing.ratio([2.0, 20.0, 9.0], [1.0, 10.0, 1.0]) == 2.0
    assert timing.spread([1.0, 2.0, 3.0, 4.0, 5.0]) == pytest.approx(1 / 3)
    assert timing.spread([1.0, 9.0]) == 0.0


def test_compilations_are_counted():
    counter = timing.Compilations()
    square = jax.jit(lambda x: x * x + 0.1234)
    square(np.ones(3, np.float32))
    first = counter.count
    square(np.ones(3, np.float32))
    assert first >= 1
    assert counter.count == first


def test_numbers_in_tables():
    assert report.table(["a", "bc"], [["x", "1"], ["yyy", "12"]]) == (
        "| a   | bc |\n|-----|---:|\n| x   |  1 |\n| yyy | 12 |"
    )
    values = (None, 0.0, 0.1234, 1.234, 12.34, 123.4, 12345.6)
    assert [report.number(v) for v in values] == ["–", "0", "0.12", "1.23", "12.3", "123", "12,346"]


@pytest.mark.slow
def test_data(root: Path, tmp_path: Path):
    result, printed = bench_json(root, tmp_path, "data", "--model", "mlp", *TINY)
    from benchmarks.sources import NAMES

    assert [row["source"] for row in result["rows"]] == list(NAMES)
    for row in result["rows"]:
        assert positive(row["samples_per_second"], "kjax", "keras")
        assert positive(row["share_of_arrays"], "kjax", "keras")
        assert row["keras/kjax"] > 0
    assert "| tfds " in printed
    result, printed = bench_json(root, tmp_path, "data", "--model", "mlp", "--memory", "--sources", "generator", *TINY)
    assert [row["library"] for row in result["rows"]] == ["kjax", "keras"]
    assert all(len(row["bytes"]) == 2 and min(row["bytes"]) > 0 for row in result["rows"])
    assert "after epoch 20" in printed


@pytest.mark.slow
def test_single_calls(root: Path, tmp_path: Path) -> None:
    result, printed = bench_json(root, tmp_path, "calls", "--models", "small", "--repeat", "1", "--calls", "1")
    rows = result["results"]["small"]
    assert list(rows) == list(calls.CALLS)
    for row in rows.values():
        assert positive(row["milliseconds"], "kjax", "keras")
        assert row["keras/kjax"] > 0
    assert "predict_on_batch" in printed


def test_single_layers(root: Path, tmp_path: Path) -> None:
    result, printed = bench_json(root, tmp_path, "layers", "--layers", "dense", "gru", "--repeat", "1", "--calls", "1")
    assert [row["name"] for row in result["rows"]] == ["dense", "gru"]
    for row in result["rows"]:
        assert positive({k: v for k, v in row["milliseconds"].items() if k != "torch"}, "kjax", "keras")
        assert row["ratios"]["keras/kjax"] > 0
    assert "GRU(128), T=80, batch 32" in printed
