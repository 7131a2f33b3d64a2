"""JAX's persistent compilation cache, switched on for kjax' programs unless the user decided otherwise."""

from __future__ import annotations

import functools
import os
import pathlib

import jax


def directory() -> pathlib.Path | None:
    """Where compiled programs are kept, or None.

    ``KJAX_COMPILATION_CACHE``: ``0`` switches it off, a path says where; by default ``$XDG_CACHE_HOME/kjax/xla``.
    """
    setting = os.environ.get("KJAX_COMPILATION_CACHE", "")
    if setting.lower() in ("0", "off", "false", "no"):
        return None
    if setting and setting != "1":
        return pathlib.Path(setting)
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(base) / "kjax" / "xla"


@functools.cache
def enable() -> None:
    """Switch the cache on, once. A cache that the user configured in JAX is left as it is."""
    folder = directory()
    if folder is None or jax.config.values["jax_compilation_cache_dir"]:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return  # a read-only home: compile every time
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
