"""``tf.app``: flags of the command line, by the package absl as in TensorFlow, and the function that runs ``main``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any


class _Values:
    """``tf.app.flags.FLAGS``: reading a flag reads the command line first."""

    def __getattr__(self, name: str) -> Any:
        from absl import flags as absl_flags

        values = absl_flags.FLAGS
        if not values.is_parsed():
            values(sys.argv, known_only=True)
        return getattr(values, name)

    def __setattr__(self, name: str, value: Any) -> None:
        from absl import flags as absl_flags

        getattr(self, name)
        setattr(absl_flags.FLAGS, name, value)


class _Flags:
    """``tf.app.flags``: ``DEFINE_string`` and its like of absl."""

    FLAGS = _Values()

    def __getattr__(self, name: str) -> Any:
        from absl import flags as absl_flags

        return getattr(absl_flags, name)


flags = _Flags()


def run(main: Callable[..., Any] | None = None, argv: Sequence[str] | None = None) -> None:
    """``tf.app.run``: read the flags, call ``main`` with what is left of the command line, and end.

    Args:
        main: the function; that of the script by default.
        argv: the command line; that of the process by default.
    """
    from absl import flags as absl_flags

    rest = absl_flags.FLAGS(list(sys.argv if argv is None else argv), known_only=True)
    sys.exit((main or sys.modules["__main__"].__dict__["main"])(rest))
