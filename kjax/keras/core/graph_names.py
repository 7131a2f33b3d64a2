"""Tensors, variables and operations of a graph by their names, as scripts of TensorFlow 1 look for them."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from typing import Any

from kjax.keras.core.doors import names
from kjax.keras.core.name_scopes import current_path
from kjax.keras.core.tensor import is_symbolic, made_tensors
from kjax.keras.core.updates import Effect
from kjax.keras.core.variable import Variable, all_variables

named: dict[str, Any] = {}
"""What was given a name: tensors and effects by it, with those of the scopes around."""
_counts: collections.Counter[str] = collections.Counter()


def note(thing: Any, name: str | None) -> Any:
    """Let a tensor or an effect be found under a name; returns it.

    Args:
        thing: the tensor or effect; anything else is only returned.
        name: the name, to which those of the scopes around are added; None for no name.
    """
    if not name or not (is_symbolic(thing) or isinstance(thing, Effect)):
        return thing
    full = f"{current_path()}/{name}".lstrip("/")
    _counts[full] += 1
    full = full if _counts[full] == 1 else f"{full}_{_counts[full] - 1}"
    thing.name = f"{full}:0" if is_symbolic(thing) else full
    named[full] = thing
    return thing


def forget() -> None:
    """Begin anew."""
    named.clear()
    _counts.clear()


class GraphOperation:
    """What makes a tensor, or a variable: ``tensor.op``.

    Args:
        output: the tensor or variable.
    """

    def __init__(self, output: Any) -> None:
        self.outputs = [output]
        self.name = stem(name_of(output))

    @property
    def layer(self) -> Any:
        """The layer or operation of kjax."""
        history = getattr(self.outputs[0], "_keras_history", None)
        return None if history is None else history[0]

    @property
    def inputs(self) -> list[Any]:
        """The tensors that it takes."""
        history = getattr(self.outputs[0], "_keras_history", None)
        return [] if history is None else list(history[0]._inbound_nodes[history[1]].sources)

    @property
    def type(self) -> str:
        """Its kind."""
        if isinstance(self.outputs[0], Variable):
            return "VariableV2"
        if not self.inputs:
            return "Placeholder"
        return self.name.rpartition("/")[2].rstrip("0123456789").rstrip("_")

    @property
    def graph(self) -> Any:
        """The graph."""
        return names.default_graph()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GraphOperation) and other.outputs[0] is self.outputs[0]

    def __hash__(self) -> int:
        return id(self.outputs[0])

    def __repr__(self) -> str:
        return f"<tf.Operation '{self.name}' type={self.type}>"


class Assignment(GraphOperation):
    """``variable/Assign``, which gives a variable the value of its second input, for which another may be fed.

    Args:
        variable: the variable.
        value: a placeholder for the value.
        effect: the assignment.
    """

    def __init__(self, variable: Variable, value: Any, effect: Effect) -> None:
        super().__init__(variable)
        self.name, self.effect, self._inputs = f"{self.name}/Assign", effect, [variable, value]

    @property
    def inputs(self) -> list[Any]:
        """The variable and its value."""
        return self._inputs


def name_of(thing: Any) -> str:
    """The name of a tensor, variable or effect in the graph, with the scopes around it."""
    if not isinstance(thing, Variable):
        return thing.name
    around = thing.made_in
    name = thing.name
    return name if not around or name.startswith(f"{around}/") else f"{around}/{name}"


def stem(name: str) -> str:
    """The name of the operation that makes a tensor of a name."""
    return name.rpartition(":")[0] if name.rpartition(":")[2].isdigit() else name


def everything() -> Iterator[tuple[str, Any]]:
    """Names of operations, and the tensors, variables and effects that they are of; what was named first."""
    yield from named.items()
    for variable in all_variables():
        yield stem(name_of(variable)), variable
    for tensor in made_tensors():
        yield stem(tensor.name), tensor


def find(name: str) -> Any:
    """The tensor, variable or effect of an operation.

    Args:
        name: of the operation.

    Raises:
        KeyError: there is none.
    """
    if name in named:
        return named[name]
    for known, thing in everything():
        if known == name:
            return thing
    raise KeyError(
        f"The name {name!r} refers to an Operation not in the graph: found are tensors that were given a name, placeholders, "
        "variables, and outputs of layers, as long as the script holds them"
    )


def tensor(name: str) -> Any:
    """The tensor or variable of a name.

    Args:
        name: such as ``dense_1/Softmax:0``.

    Raises:
        ValueError: a name without the number of the output.
        KeyError: there is none.
    """
    if stem(name) == name:
        raise ValueError(f"The name {name!r} looks like that of an Operation; tensors are called {name + ':0'!r}")
    return find(stem(name))


names.fill(operation_of=GraphOperation)
