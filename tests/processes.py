"""What XLA is asked for in the tests, and the environment of the programs that tests start."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Mapping

DEVICES = "--xla_force_host_platform_device_count"
SEED = int(os.environ.get("KJAX_TEST_SEED", "0"))
"""What the generators without a seed of their own begin with; another one shows which tests lean on luck."""


def quick_compilation() -> str:
    """Flags with which XLA compiles for the CPU in less than half the time, to code that is slower.

    The programs of the tests are small and run once or twice, so that most of the suite's time is their compilation.
    ``KJAX_TEST_OPTIMIZED=1`` runs the tests with the code that users run.
    """
    if os.environ.get("KJAX_TEST_OPTIMIZED") == "1":
        return ""
    flags = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    if tuple(map(int, importlib.metadata.version("jaxlib").split(".")[:2])) < (0, 11):
        flags += " --xla_cpu_use_fusion_emitters=false"  # later releases have no other emitters, and stop at the flag
    return flags


def one_device(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a program on one CPU device, as a user has it.

    Args:
        more: variables to add.
    """
    flags = [flag for flag in os.environ.get("XLA_FLAGS", "").split() if not flag.startswith(DEVICES)]
    return {**os.environ, "XLA_FLAGS": " ".join(flags), **(more or {})}
