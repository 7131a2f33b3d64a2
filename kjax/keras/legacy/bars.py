"""The bar of `Progbar` before Keras 3: an arrow of equals signs."""

from __future__ import annotations

WIDTH = 30
"""Characters of the bar."""


def older_bar(done: int, target: int | None, width: int = WIDTH) -> str:
    """``' 32/100 [========>.....................]'``."""
    if target is None:
        return f"{done:7d}/Unknown"
    filled = int(width * done / target) if target else width
    arrow = ("=" * (filled - 1) + (">" if done < target else "=")) if filled else ""
    return f"{done:{len(str(target))}d}/{target} [{arrow}{'.' * (width - filled)}]"
