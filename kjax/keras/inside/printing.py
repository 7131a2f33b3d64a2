"""Pieces of printed summaries and drawn graphs: ``summary_utils`` and ``model_visualization`` of Keras."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Sequence
from typing import Any

from kjax.keras.plotting.graphs import model_to_dot as model_to_dot
from kjax.keras.plotting.graphs import plot_model as plot_model
from kjax.keras.summary import _shape_text, _slice


def highlight_number(x: Any) -> str:
    """A size in the markup of rich; None has a colour of its own."""
    return f"[color({45 if x is None else 34})]{x}[/]"


def highlight_symbol(x: Any) -> str:
    """A symbol in the markup of rich."""
    return f"[color(33)]{x}[/]"


def bold_text(x: Any, color: int | None = None) -> str:
    """Text in bold letters, and a colour, in the markup of rich."""
    return f"[bold][color({color})]{x}[/][/]" if color else f"[bold]{x}[/]"


def format_layer_shape(layer: Any) -> str:
    """The shape, or shapes, of a layer's outputs in the markup of rich; ``?`` where they are not known."""
    return _shape_text(layer, None)


def get_layer_index_bound_by_layer_name(layers: Sequence[Any], layer_range: Sequence[str] | None = None) -> list[int]:
    """Positions of the first layer of a range and behind the last.

    Args:
        layers: the layers.
        layer_range: two names, or regular expressions for names; all layers by default.

    Raises:
        ValueError: no layer has a name as in the range.
    """
    start, stop, _ = _slice(layers, layer_range).indices(len(layers))
    return [start, stop]


def check_pydot() -> bool:
    """Whether pydot is installed."""
    return importlib.util.find_spec("pydot") is not None


def check_graphviz() -> bool:
    """Whether pydot and the program ``dot`` of Graphviz are installed."""
    return check_pydot() and shutil.which("dot") is not None


def get_layer_activation_name(layer: Any) -> str:
    """The name of a layer's activation."""
    activation = layer.activation
    return getattr(activation, "name", None) or getattr(activation, "__name__", str(activation))
