"""Timing that stands a busy machine: rounds in which every candidate takes its turn, and medians of them."""

from __future__ import annotations

import dataclasses
import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import jax

Samples = dict[str, list[float]]
"""Seconds by candidate, one number a round; those of one round were measured right after one another."""

_COMPILATION = "/jax/core/compile/backend_compile_duration"


class Compilations:
    """Counts the programs that JAX compiles from now on.

    Attributes:
        count: so many.
    """

    def __init__(self) -> None:
        self.count = 0
        jax.monitoring.register_event_duration_secs_listener(self._listen)

    def _listen(self, event: str, duration_secs: float, **kwargs: str | int) -> None:
        del duration_secs, kwargs
        self.count += event == _COMPILATION


@dataclasses.dataclass(frozen=True)
class Turns:
    """What was measured.

    Attributes:
        wall: seconds that went by.
        cpu: seconds that this process computed, on all cores together (what another process did does not count).
    """

    wall: Samples
    cpu: Samples


def interleave(
    candidates: Mapping[str, Callable[[], object]],
    rounds: int,
    progress: Callable[[int], None] = lambda number: None,
) -> Turns:
    """Measure all candidates in turn, A B C A B C ..., so that a change of the load meets them alike.

    Args:
        candidates: the work to time, by name; it has to wait for the device itself.
        rounds: turns of each.
        progress: called with the number of the round, from 0, before it.
    """
    turns = Turns({name: [] for name in candidates}, {name: [] for name in candidates})
    for number in range(rounds):
        progress(number)
        for name, work in candidates.items():
            gc.collect()  # not the garbage of the others
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            turns.wall[name].append(time.perf_counter() - wall)
            turns.cpu[name].append(time.process_time() - cpu)
    return turns


def ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """The median over the rounds of the ratio within a round: what slows a whole round down cancels."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def spread(values: Sequence[float]) -> float:
    """Half the distance between the quartiles, as a part of the median; 0 for fewer than three values."""
    if len(values) < 3:
        return 0.0
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / 2 / middle
