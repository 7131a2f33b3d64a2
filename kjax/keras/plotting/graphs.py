"""The graph of a model as a picture, drawn by Graphviz."""

from __future__ import annotations

import dataclasses
import html
import os
import sys
from collections.abc import Iterator
from typing import Any

import jax

from kjax.keras.core.layer import Layer
from kjax.keras.core.tensor import is_symbolic
from kjax.keras.models.model import Model
from kjax.keras.models.sequential import Sequential
from kjax.nn.value import did_you_mean

DIRECTIONS = ("TB", "LR", "BT", "RL")


@dataclasses.dataclass(frozen=True)
class _Style:
    """What the box of a layer shows."""

    shapes: bool
    dtype: bool
    names: bool
    activations: bool
    trainable: bool


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int | None = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Any:
    """The graph of a model for Graphviz.

    Args:
        model: a built model. One written as a class is a single box.
        show_shapes: show shapes of inputs and outputs.
        show_dtype: show types of outputs.
        show_layer_names: show names of layers, not their classes alone.
        rankdir: direction: ``'TB'`` downwards, ``'LR'`` to the right, ``'BT'``, ``'RL'``.
        expand_nested: draw the layers of models inside the model too, in a frame.
        dpi: dots per inch of pictures.
        subgraph: return a ``pydot.Cluster``, to be put into another graph.
        show_layer_activations: show activations.
        show_trainable: show whether layers with weights are trained.
        splines: how lines run: ``'ortho'``, ``'curved'``, ``'polyline'``, ``'spline'`` or ``'line'``.

    Returns:
        A ``pydot.Dot``, or a ``pydot.Cluster``.

    Raises:
        ImportError: ``pydot`` is not installed.
        ValueError: a model that is not built, or another ``rankdir``.
    """
    pydot = _pydot("model_to_dot")
    if not isinstance(model, Model):
        raise ValueError(f"expected a Keras model, received {model!r} of type {type(model).__name__}")
    if not model.built:
        raise ValueError(
            f"model {model.name!r} is not built, so it has no graph to draw: call it on data, or model.build(input_shape)"
        )
    if rankdir not in DIRECTIONS:
        raise ValueError(f"rankdir must be one of {DIRECTIONS}, received {rankdir!r}")
    if subgraph:
        graph = _cluster(pydot, model)
    else:
        graph = pydot.Dot(rankdir=rankdir, concentrate="true")
        if dpi is not None:
            graph.set("dpi", str(dpi))
        graph.set("splines", splines)
        graph.set_node_defaults(shape="record")
    style = _Style(show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable)
    _Drawing(pydot, style, expand_nested).draw(model, graph)
    return graph


def plot_model(
    model: Any,
    to_file: str | os.PathLike[str] = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int | None = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Any:
    """Draw the graph of a model into a file.

    Args:
        model: a built model.
        to_file: the file. Its ending says the format: ``.png``, ``.svg``, ``.pdf``, ``.jpg``, ``.dot``
            (which needs no Graphviz), ...
        show_shapes: as for :func:`model_to_dot`, like the arguments after it.
        show_dtype: likewise.
        show_layer_names: likewise.
        rankdir: likewise.
        expand_nested: likewise.
        dpi: likewise.
        show_layer_activations: likewise.
        show_trainable: likewise.
        splines: likewise.

    Returns:
        In a notebook an object that shows the picture; otherwise None.

    Raises:
        ImportError: ``pydot`` or Graphviz is missing; the message says how to install it.
        ValueError: a model that is not built, or a format that Graphviz does not know.
    """
    graph = model_to_dot(
        model,
        show_shapes=show_shapes,
        show_dtype=show_dtype,
        show_layer_names=show_layer_names,
        rankdir=rankdir,
        expand_nested=expand_nested,
        dpi=dpi,
        show_layer_activations=show_layer_activations,
        show_trainable=show_trainable,
        splines=splines,
    )
    path = os.fspath(to_file)
    kind = os.path.splitext(path)[1].lstrip(".").lower()
    if not kind:
        path, kind = f"{path}.png", "png"
    if kind == "dot":
        with open(path, "w", encoding="utf-8") as file:
            file.write(graph.to_string())
        return None
    content = _render(graph, kind)
    with open(path, "wb") as file:
        file.write(content)
    return _shown(path, kind)


def _render(graph: Any, kind: str) -> bytes:
    known = graph.formats
    if kind not in known:
        raise ValueError(f"plot_model: Graphviz cannot write files of the format {kind!r}; {did_you_mean(kind, known)}")
    try:
        return graph.create(format=kind)
    except (FileNotFoundError, OSError) as error:
        raise ImportError(
            "plot_model needs the program `dot` of Graphviz, which was not found: install it (apt install graphviz, "
            "brew install graphviz, conda install graphviz, or https://graphviz.org/download), or write a .dot file"
        ) from error
    except AssertionError as error:  # what pydot raises when the program fails
        raise ValueError(f"plot_model: Graphviz could not write the format {kind!r}: {error}") from error


def _shown(path: str, kind: str) -> Any:
    """What a notebook shows."""
    if "IPython" not in sys.modules:
        return None
    from IPython import display  # pyright: ignore[reportMissingImports]

    if kind == "svg":
        return display.SVG(filename=path)
    return display.Image(filename=path) if kind in ("png", "jpg", "jpeg", "gif") else None


def _pydot(who: str) -> Any:
    try:
        import pydot
    except ImportError as error:
        raise ImportError(f"{who} needs the package `pydot`: pip install 'kjax[plot]'") from error
    return pydot


def _cluster(pydot: Any, model: Model) -> Any:
    return pydot.Cluster(graph_name=model.name, style="dashed", label=model.name, labeljust="l")


def _key(layer: Layer) -> str:
    """What a layer's box is called in the graph, as Keras calls it."""
    return str(id(layer))


@dataclasses.dataclass
class _Drawing:
    """Puts boxes and lines into a graph.

    Attributes:
        pydot: the package.
        style: what boxes show.
        expand: whether models inside are drawn too.
    """

    pydot: Any
    style: _Style
    expand: bool

    def draw(self, model: Model, graph: Any) -> tuple[list[list[str]], list[str]]:
        """Draw a model's layers.

        Args:
            model: the model.
            graph: where to.

        Returns:
            For each input the boxes that take it, and for each output the box that makes it.
        """
        plan = model._plan
        if plan is None:
            self._box(model, graph)
            return [[_key(model)]], [_key(model)]
        inputs = {id(t): i for i, t in enumerate(plan.inputs)}
        takers: list[list[str]] = [[] for _ in inputs]
        made: dict[int, str] = {}
        inner: dict[int, Any] = {}
        places: dict[int, int] = {}
        for layer in model.operations:
            places[id(layer)] = len(places)
            if self.expand and isinstance(layer, Model) and layer.is_functional:
                frame = _cluster(self.pydot, layer)
                inner[id(layer)] = self.draw(layer, frame)
                graph.add_subgraph(frame)
            else:
                self._box(layer, graph)
        if not isinstance(model, Sequential):  # which hides its input
            for tensor in plan.inputs:
                made[id(tensor)] = _key(tensor._keras_history[0])
                takers[inputs[id(tensor)]].append(made[id(tensor)])
        lines: dict[tuple[str, str], int] = {}
        for node in plan.nodes:
            name, ends = _key(node.layer), inner.get(id(node.layer))
            for i, tensor in enumerate(node.sources):
                for target in [name] if ends is None else ends[0][i]:
                    if id(tensor) in made:
                        lines.setdefault((made[id(tensor)], target), places[id(node.layer)])
                    else:
                        takers[inputs[id(tensor)]].append(target)
            for i, tensor in enumerate(node.outputs):
                made[id(tensor)] = name if ends is None else ends[1][i]
        for start, end in sorted(lines, key=lines.__getitem__):
            graph.add_edge(self.pydot.Edge(start, end, penwidth="2"))
        return takers, [made[id(t)] for t in plan.outputs]

    def _box(self, layer: Layer, graph: Any) -> None:
        label = _label(layer, self.style)
        graph.add_node(self.pydot.Node(_key(layer), label=label, fontname="Helvetica", border="0", margin="0"))


def _label(layer: Layer, style: _Style) -> str:
    """An HTML table, as Graphviz understands it."""
    kind = "Functional" if type(layer) is Model else getattr(layer, "_class_label", type(layer).__name__)
    cells = list(_cells(layer, style, kind))
    span = max(1, 2 * style.shapes + style.dtype + style.trainable)
    title = f"<b>{html.escape(layer.name)}</b> ({html.escape(kind)})" if style.names else f"<b>{html.escape(kind)}</b>"
    rows = [f'<td colspan="{span}" bgcolor="black"><font point-size="16" color="white">{title}</font></td>']
    activation = getattr(layer, "activation", None)
    if style.activations and activation is not None:
        name = getattr(activation, "name", None) or getattr(activation, "__name__", str(activation))
        rows.append(_cell(f"Activation: <b>{html.escape(str(name))}</b>", span))
    if cells:
        rows.append("".join(cells))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<<table border="0" cellborder="1" bgcolor="black" cellpadding="10">{body}</table>>'


def _cells(layer: Layer, style: _Style, kind: str) -> Iterator[str]:
    if style.shapes:
        if kind != "InputLayer":
            yield _cell(f"Input shape: <b>{_of_tensors(layer, 'input', 'shape')}</b>")
        yield _cell(f"Output shape: <b>{_of_tensors(layer, 'output', 'shape')}</b>")
    if style.dtype:
        yield _cell(f"Output dtype: <b>{_of_tensors(layer, 'output', 'dtype')}</b>")
    if style.trainable and layer.weights:
        colour, text = ("forestgreen", "Trainable") if layer.trainable else ("firebrick", "Non-trainable")
        yield f'<td bgcolor="{colour}"><font point-size="14" color="white"><b>{text}</b></font></td>'


def _cell(text: str, span: int | None = None) -> str:
    wide = "" if span is None else f' colspan="{span}"'
    return f'<td bgcolor="white"{wide}><font point-size="14">{text}</font></td>'


def _of_tensors(layer: Layer, which: str, what: str) -> str:
    """Shapes or types of what a layer takes or gives in its first call; ``?`` where it was not called."""
    try:
        tensors = getattr(layer, which)
    except AttributeError:
        return "?"
    found = jax.tree.map(lambda t: getattr(t, what), tensors, is_leaf=is_symbolic)
    if isinstance(found, dict):
        return html.escape(", ".join(f"{key}: {value}" for key, value in found.items()))
    return html.escape(str(found[0] if isinstance(found, list) and len(found) == 1 else found))
