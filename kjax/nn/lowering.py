"""Which operations XLA:CPU runs slowly inside a loop."""

from __future__ import annotations

from typing import Any


def has_slow_loop_ops(jaxpr: Any) -> bool:
    """Whether a jaxpr holds a convolution (jax issue 12868)."""
    return "conv_general_dilated" in str(jaxpr)
