"""`model.summary()`: the table of layers, output shapes and numbers of weights, as Keras 3 prints it."""

from __future__ import annotations

import collections
import math
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax

from kjax.keras.console import is_interactive_logging_enabled, print_message
from kjax.keras.core import doors
from kjax.keras.core.settings import settings
from kjax.keras.legacy.arguments import OLD_ERAS

_STYLE = {"number": "color(34)", "none": "color(45)", "class": "color(33)"}
_LEAST_COLUMN = 4


def print_summary(
    model: Any,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    print_fn: Callable[[str], Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> None:
    """Print a model's layers, their output shapes and numbers of weights.

    Args:
        model: the model; where it was not built, what is not known yet is shown as ``?``.
        line_length: width of the table in characters; by default what suits the columns and the terminal.
        positions: where each column ends, as parts of ``line_length``.
        print_fn: called once with the whole text, instead of printing it.
        expand_nested: show the layers of models inside the model, too.
        show_trainable: add a column that says whether each layer is trained.
        layer_range: two names, or regular expressions for names: the first and the last layer to show.

    Raises:
        ValueError: the columns are too narrow, or no layer has a name as in ``layer_range``.
    """
    import rich.console
    import rich.table

    if print_fn is None and not is_interactive_logging_enabled():
        print_fn = print_message
    nodes = _graph_nodes(model)
    graph = None if nodes is None or _is_chain(nodes) else nodes
    layers = model.operations if nodes is not None else model.layers
    if settings.era in OLD_ERAS:
        from kjax.keras.legacy.printing import print_older_summary, rows_of_keras1

        if not model.built and settings.era == "2":
            raise ValueError(
                f"model {model.name!r} has never been called, so that it has no weights to show; build it first, or give "
                "its first layer an input shape"
            )
        if settings.era == "1" and hasattr(model, "_stack"):
            sources = dict(rows_of_keras1(model))
            rows = _older_rows(sources, nodes, None)
            told = [
                (*row[:3], [f"{source}[0][0]"] if source else [])
                for row, source in zip(rows, sources.values(), strict=True)
            ]
            print_older_summary(model, told, line_length, positions, print_fn)
            return
        shown = layers[_slice(layers, layer_range)]
        print_older_summary(model, _older_rows(shown, nodes, graph), line_length, positions, print_fn)
        return
    if settings.era == "tf":
        _print_table_of_tensorflow(
            model, layers[_slice(layers, layer_range)], nodes, graph, line_length, positions, print_fn or print_message,
            expand_nested, show_trainable,
        )  # fmt: skip
        return
    table = rich.table.Table(
        *_columns(graph is not None, show_trainable, line_length, positions),
        width=line_length or _default_length(graph is not None, show_trainable),
        show_lines=True,
    )
    for layer in layers[_slice(layers, layer_range)]:
        for row in _rows(layer, nodes, graph, expand_nested, show_trainable):
            table.add_row(*row)

    if print_fn is None:
        console = rich.console.Console(highlight=False)
    else:
        console = rich.console.Console(highlight=False, force_terminal=False, color_system=None)
        console.begin_capture()
    console.print(_bold(f'Model: "{_escape(model.name)}"'))
    console.print(table)
    for label, weights in _totals(model):
        count = _coloured(f"{_count(weights):,}")
        console.print(f"{_bold(f' {label} params: ')}{count} ({_memory_text(_memory(weights))})")
    if print_fn is print_message:
        print_message(console.end_capture(), end="")
    elif print_fn is not None:
        print_fn(console.end_capture())


# -- the graph ---------------------------------------------------------------------------------------


def _graph_nodes(model: Any) -> list[Any] | None:
    """The calls that a functional model consists of; None for one written as a class, or not built."""
    if getattr(model, "is_functional", True) is False:
        return None
    nodes = getattr(model, "_nodes", None)
    return None if nodes is None else list(nodes)


def _is_chain(nodes: list[Any]) -> bool:
    """Whether the calls form a row: then a column of connections would say nothing."""
    layers = collections.Counter(id(node.operation) for node in nodes)
    consumers = collections.Counter(
        (id(layer), index) for node in nodes for layer, index, _ in (t._keras_history for t in node.sources)
    )
    starts = sum(not node.sources for node in nodes)
    several_inputs = any(len(node.sources) > 1 for node in nodes)
    return starts <= 1 and not several_inputs and max([*layers.values(), *consumers.values()], default=1) == 1


def _connections(layer: Any, graph: list[Any]) -> str:
    """``'dense[0][0], dense_1[0][0]'``: layer, call and output of what a layer reads in this model."""
    members = {id(node) for node in graph}
    parts = []
    for node in layer._inbound_nodes:
        if id(node) in members:
            for tensor in node.sources:
                source, node_index, tensor_index = tensor._keras_history
                # The brackets are markup only where a word follows them, and escaping would show backslashes.
                parts.append(f"{source.name}[{_coloured(node_index)}][{_coloured(tensor_index)}]")
    return ", ".join(parts) or "-"


# -- columns and rows --------------------------------------------------------------------------------


def _default_length(connected: bool, show_trainable: bool) -> int:
    length = (108 if connected else 88) + (12 if show_trainable else 0)
    return min(length, shutil.get_terminal_size().columns - 4)


def _columns(
    connected: bool, show_trainable: bool, line_length: int | None, positions: Sequence[float] | None
) -> Iterator[Any]:
    import rich.table

    names = [("Layer (type)", "left"), ("Output Shape", "left"), ("Param #", "right")]
    ends = list(positions or ((0.3, 0.56, 0.74, 1.0) if connected else (0.45, 0.8, 1.0)))
    if connected:
        names.append(("Connected to", "left"))
    if show_trainable:
        names.append(("Trainable", "center"))
        ends = [*(end * 0.9 for end in ends), 1.0]
    if len(ends) < len(names):
        raise ValueError(
            f"summary: positions must hold the end of each column: {[n for n, _ in names]}; "
            f"received {list(positions or ())}"
        )
    length = line_length or _default_length(connected, show_trainable)
    start = 0
    for (name, side), end in zip(names, ends, strict=False):
        width = int(end * length) - start
        if width < _LEAST_COLUMN:
            raise ValueError(
                f"Insufficient console width to print summary: column {name!r} would be {width} wide; "
                "pass a larger line_length"
            )
        yield rich.table.Column(name, justify=side, width=width)  # pyright: ignore[reportArgumentType]
        start += width


def _rows(
    layer: Any,
    nodes: list[Any] | None,
    graph: list[Any] | None,
    expand_nested: bool,
    show_trainable: bool,
    depth: int = 0,
) -> Iterator[list[str]]:
    """The row of a layer, and those of the layers inside."""
    prefix = "   " * depth + "└ " if depth else ""
    cells = [
        f"{_escape(prefix + layer.name)} ({_coloured(_escape(_class_name(layer)), 'class')})",
        _shape_text(layer, nodes),
        _params_text(layer),
    ]
    if graph is not None:
        cells.append(_connections(layer, graph))
    if show_trainable:
        if not getattr(layer, "weights", None):
            cells.append(_bold("-"))
        else:
            cells.append(_bold("[color(34)]Y[/]" if layer.trainable else "[color(9)]N[/]"))
    yield cells
    if expand_nested:
        inside = _graph_nodes(layer)
        for inner in getattr(layer, "layers", None) or ():
            yield from _rows(inner, inside, graph, expand_nested, show_trainable, depth + 1)


def _class_name(layer: Any) -> str:
    """The class of a layer; that of a graph of layers is called Functional, as in Keras."""
    name = getattr(layer, "_class_label", None) or type(layer).__name__
    return "Functional" if name == "Model" and getattr(layer, "is_functional", False) else name


def _params_text(layer: Any) -> str:
    if not getattr(layer, "built", True):
        return f"{_coloured(0)} (unbuilt)"
    return _coloured(f"{layer.count_params():,}" if hasattr(layer, "count_params") else 0)


def _shape_text(layer: Any, nodes: list[Any] | None) -> str:
    """The output shape of a layer's last call, or what its build implies; ``?`` where neither is known."""
    calls: list[Any] = list(getattr(layer, "_inbound_nodes", None) or ())
    if calls:
        members = {id(node) for node in nodes or ()}
        node = ([n for n in calls if id(n) in members] or calls)[-1]
        shape: Any = [tuple(tensor.shape) for tensor in node.output_tensors]
    elif settings.era == "3" and _is_of_user(layer):
        return "?"
    elif getattr(layer, "_plan", None) is not None:  # a model that was called on data alone: its own outputs
        shape = tuple(tuple(tensor.shape) for tensor in layer.outputs)
    else:
        built_for = layer.get_build_config() if hasattr(layer, "get_build_config") else None
        try:
            if built_for and built_for.get("shapes_dict"):
                shape = layer.compute_output_shape(**built_for["shapes_dict"])
            elif built_for and built_for.get("input_shape") is not None:
                sizes = built_for["input_shape"]
                if settings.era in OLD_ERAS and _is_shape(sizes):  # a batch may have any size
                    sizes = (None, *sizes[1:])
                shape = layer.compute_output_shape(sizes)
            else:
                return "?"
        except Exception:  # a user's `call`, with types that shapes do not tell
            return "?"
    flat: Any = jax.tree.flatten(shape, is_leaf=_is_shape)
    shapes, structure = flat
    texts = [f"({', '.join(map(_size_text, sizes))})" for sizes in shapes]
    if len(texts) == 1:
        return texts[0]
    return _structure_text(jax.tree.unflatten(structure, texts))


def _is_of_user(layer: Any) -> bool:
    """Whether the class of a layer has a `call` of a user's, and nothing that tells its shapes."""
    for kind in type(layer).__mro__:
        if "compute_output_shape" in vars(kind) or "compute_output_spec" in vars(kind):
            return False
        if kind.__module__.startswith("kjax."):
            return False
        if "call" in vars(kind):
            return True
    return False


def _size_text(size: int | None) -> str:
    return _coloured(size, "none" if size is None else "number")


def _structure_text(tree: Any) -> str:
    """Nested lists, tuples and dicts of texts as Python writes them, without the quotes."""
    if isinstance(tree, Mapping):
        return "{" + ", ".join(f"{key}: {_structure_text(value)}" for key, value in tree.items()) + "}"
    if isinstance(tree, (list, tuple)):
        inner = ", ".join(map(_structure_text, tree))
        return f"[{inner}]" if isinstance(tree, list) else f"({inner}{',' if len(tree) == 1 else ''})"
    return str(tree)


def _is_shape(thing: Any) -> bool:
    return isinstance(thing, (tuple, list)) and all(s is None or isinstance(s, int) for s in thing)


def _slice(layers: Sequence[Any], layer_range: Sequence[str] | None) -> slice:
    """The layers from the first that fits the first pattern to the last that fits the second."""
    if layer_range is None:
        return slice(None)
    if isinstance(layer_range, str) or len(layer_range) != 2 or not all(isinstance(n, str) for n in layer_range):
        raise ValueError(
            f"layer_range must be two layer names (the first and the last layer to show), received {layer_range!r}"
        )
    fits = [[i for i, layer in enumerate(layers) if re.match(name, layer.name)] for name in layer_range]
    for name, found in zip(layer_range, fits, strict=True):
        if not found:
            raise ValueError(
                f"layer_range: no layer has a name like {name!r}; there are {', '.join(layer.name for layer in layers)}"
            )
    first, last = fits
    if min(first) > max(last):  # given in the other order
        return slice(min(last), max(first) + 1)
    return slice(min(first), max(last) + 1)


def _older_rows(
    layers: Iterable[Any], nodes: list[Any] | None, graph: list[Any] | None
) -> Iterator[tuple[str, str, int, list[str] | None]]:
    """The rows of the table of Keras 2: name, shape, number of weights, connections."""
    for layer in layers:
        shape = re.sub(r"\[/\]|\[color[^\]]*\]", "", _shape_text(layer, nodes))
        sources = None
        if graph is not None:
            text = re.sub(r"\[/\]|\[color[^\]]*\]", "", _connections(layer, graph))
            sources = [] if text == "-" else text.split(", ")
        count = _count(layer.weights)
        yield f"{layer.name} ({_older_class(layer)})", shape, count, sources


def _older_class(layer: Any) -> str:
    """The name of a layer's class in the era."""
    name = type(layer).__name__
    if settings.era != "1" or not type(layer).__module__.startswith("kjax."):
        return name
    return doors.configs.older_class_name(name, {"dilation_rate": getattr(layer, "dilation_rate", None)})


def _print_table_of_tensorflow(
    model: Any, layers: Sequence[Any], nodes: list[Any] | None, graph: list[Any] | None, line_length: int | None,
    positions: Sequence[float] | None, write: Callable[[str], Any], expand_nested: bool, show_trainable: bool,
) -> None:  # fmt: skip
    from kjax.keras.legacy.printing_tf import Table, memory_text, print_table

    if not model.built:
        raise ValueError(
            f"summary: model {model.name!r} has not yet been built; call `build()`, or call the model on a batch of data"
        )

    def row_of(layer: Any) -> tuple[str, Any, str, list[str] | None, str]:
        sources = None
        if graph is not None:
            text = re.sub(_MARKUP, "", _connections(layer, graph))
            sources = [] if text == "-" else text.split(", ")
        count = "0 (unused)" if not getattr(layer, "built", True) else str(_count(getattr(layer, "weights", ())))
        trained = "Y" if getattr(layer, "trainable", True) else "N"
        return f"{layer.name} ({_class_name(layer)})", _plain_shape(layer, nodes), count, sources, trained

    if not hasattr(model, "_stack") and getattr(model, "is_functional", False):
        nodes = _graph_nodes(model)
    table = Table(graph is not None, show_trainable, line_length, positions, write)
    print_table(table, model.name, layers, row_of, expand_nested)
    trained, fixed = list(model.trainable_weights), list(model.non_trainable_weights)
    for label, weights in (("Total", [*trained, *fixed]), ("Trainable", trained), ("Non-trainable", fixed)):
        write(f"{label} params: {_count(weights)} ({memory_text(_memory(weights))})")
    table.rule("_")


_MARKUP = r"\[/\]|\[color[^\]]*\]"


def _plain_shape(layer: Any, nodes: list[Any] | None) -> Any:
    """The output shape of a layer in a graph; ``'multiple'`` where it is called anew each time."""
    calls: list[Any] = list(getattr(layer, "_inbound_nodes", None) or ())
    if not calls:
        if getattr(layer, "is_functional", False) or hasattr(layer, "_stack"):
            return getattr(layer, "output_shape", "multiple")
        return "multiple"
    members = {id(node) for node in nodes or ()}
    node = ([n for n in calls if id(n) in members] or calls)[-1]
    flat = [tuple(tensor.shape) for tensor in node.outputs]
    shapes = jax.tree.unflatten(node.output_structure, flat)
    if type(layer).__name__ == "InputLayer":
        return [shapes] if _is_shape(shapes) else shapes
    # Tuples of tensors were lists in the layers of Keras.
    of_keras = isinstance(shapes, tuple) and not _is_shape(shapes) and type(layer).__module__.startswith("kjax.")
    return list(shapes) if of_keras else shapes


# -- totals ------------------------------------------------------------------------------------------


def _totals(model: Any) -> Iterator[tuple[str, list[Any]]]:
    """What is counted below the table, and the weights that are."""
    trained, fixed = list(model.trainable_weights), list(model.non_trainable_weights)
    optimizer = getattr(model, "optimizer", None)
    has_optimizer = bool(optimizer is not None and getattr(model, "compiled", True) and optimizer.built)
    of_optimizer = list(optimizer.variables) if has_optimizer else []  # pyright: ignore[reportOptionalMemberAccess]
    yield "Total", [*trained, *fixed, *of_optimizer]
    yield "Trainable", trained
    yield "Non-trainable", fixed
    if has_optimizer:
        yield "Optimizer", of_optimizer


def _count(weights: Iterable[Any]) -> int:
    return sum(math.prod(w.shape) for w in weights)


def _memory(weights: Iterable[Any]) -> float:
    """Bytes."""
    from jax.numpy import dtype

    return sum(math.prod(w.shape) * dtype(str(w.dtype)).itemsize for w in weights)


def _memory_text(size: float) -> str:
    """``'82.00 B'``, ``'1.50 MB'``; a kilobyte is 1024 bytes."""
    units = ("B", "KB", "MB", "GB", "TB", "PB")
    power = 0
    while size >= 1024 and power < len(units) - 1:
        size /= 1024
        power += 1
    return f"{size:.2f} {units[power]}"


# -- markup ------------------------------------------------------------------------------------------


def _escape(text: str) -> str:
    import rich.markup

    return rich.markup.escape(text)


def _coloured(value: Any, kind: str = "number") -> str:
    return f"[{_STYLE[kind]}]{value}[/]"


def _bold(text: str) -> str:
    return f"[bold]{text}[/]"
