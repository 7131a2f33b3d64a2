"""Losses and metrics that use more than their arguments: tensors of the model's graph, and variables.

Before Keras 3 a loss was drawn when the model was compiled, so it could be written with any tensor of the model (the mean
and variance of a variational autoencoder), with ``K.gradients``, and with variables that callbacks change. Such a function
is drawn here too; a step computes the tensors of the model and hands those that are used to the function.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from types import CodeType
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer

from kjax.keras.core import scope as scopes
from kjax.keras.core.evaluate import evaluate, nodes_between, variables_of
from kjax.keras.core.operation import Input
from kjax.keras.core.settings import settings
from kjax.keras.core.tensor import KerasTensor, Node, NotSymbolicError, is_symbolic, stand_in
from kjax.keras.core.updates import Update, noting
from kjax.keras.core.variable import Variable
from kjax.keras.models.layer_metrics import Latest, LayerState, is_stateful_layer
from kjax.keras.models.plan import Plan
from kjax.nn.graph import observed

OUTSIDE = "outside"
"""Name of the part of a model's state that holds variables outside of it."""


class Noticing(scopes.Scope):
    """A scope that notes the variables that are read in it."""

    def holder_of(self, variable: Any) -> scopes.Scope | None:
        """Who holds the variable: as everywhere."""
        self.context.setdefault("noticed", {})[id(variable)] = variable
        return super().holder_of(variable)


class DrawnFunction:
    """A loss or metric as a graph: nodes from targets and tensors of the model to its values.

    Args:
        function: the user's function of targets and predictions.
        true: the placeholder of the targets.
        pred: the output that is trained.
        known: the tensors of the model.
    """

    def __init__(self, function: Any, true: KerasTensor, pred: KerasTensor, known: Sequence[KerasTensor]) -> None:
        functools.update_wrapper(self, function, updated=())
        if not hasattr(self, "__name__"):  # a partial of a function
            self.__name__ = getattr(function, "name", None) or getattr(
                getattr(function, "func", None), "__name__", "loss"
            )
        self.function, self.true, self.pred = function, true, pred
        with scopes.outside(), noting() as noted:
            self.result = function(true, pred)
        self.updates = [update for update in noted if update.is_used]
        self.last = [_as_update(u) for u in function.updates] if is_stateful_layer(function) else []
        if not is_symbolic(self.result):
            raise TypeError(f"{self.__name__}: a loss or metric gives a tensor, received {type(self.result).__name__}")
        given = [true, pred, *known]
        wanted = [t for update in self.updates for t in update.tensors]
        self.results = [self.result, *(update.tensors[0] for update in self.last)]
        self.before: list[Node] = nodes_between(given, wanted)[0]
        self.nodes: list[Node] = nodes_between(given, self.results)[0]
        used = [t for node in (*self.before, *self.nodes) for t in node.sources] + [*self.results, *wanted]
        own = {id(t) for t in known}
        self.needed = list({id(t): t for t in used if id(t) in own and t is not pred}.values())

    @property
    def variables(self) -> list[Variable]:
        """The variables that it reads."""
        return list({id(v): v for v in variables_of([*self.before, *self.nodes])}.values())

    def __call__(self, y_true: Any, y_pred: Any) -> Any:
        """The values, in a step that computes the model's tensors."""
        tensors = scopes.tensors_here()
        if tensors is None or isinstance(y_pred, KerasTensor):
            return self.function(y_true, y_pred)
        given = {**tensors, id(self.true): y_true, id(self.pred): y_pred}
        for update in self.updates:  # such as a counter of batches, whose new value the loss uses
            update.target.assign(evaluate(update.tensors, given, self.before)[0])
        result, *values = evaluate(self.results, given, self.nodes)
        for update, value in zip(self.last, values, strict=True):  # such as what a metric counts
            update.target.assign(value)
        return result


def _as_update(given: Any) -> Update:
    """What ``add_update`` was given, as an update."""
    return given if isinstance(given, Update) else Update(*given)


class Closures:
    """What the losses and metrics of a compiled model use besides their arguments.

    Attributes:
        drawn: those that are drawn, by ``id`` of the user's function and number of the output.
        variables: variables outside the model.
        uses_variables: whether any variable is read.
        states: what metrics that are layers keep.
    """

    def __init__(self) -> None:
        self.drawn: dict[tuple[int, int], DrawnFunction] = {}
        self.variables: list[Variable] = []
        self.uses_variables = False
        self.states: list[LayerState] = []

    def __bool__(self) -> bool:
        return bool(self.drawn) or self.uses_variables

    @property
    def needed(self) -> list[KerasTensor]:
        """The tensors of the model that a step computes for them."""
        return list({id(t): t for function in self.drawn.values() for t in function.needed}.values())

    def replace(self, given: Any, output: int) -> Any:
        """What stands for a user's function."""
        found = self.drawn.get((id(given), output))
        if found is not None and is_stateful_layer(given):
            return Latest(found, given.name)
        return given if found is None else found


def find_closures(plan: Plan, functions: Sequence[Sequence[Any]], own: Sequence[Variable]) -> Closures:
    """What users' losses and metrics of a functional model use.

    Args:
        plan: the model.
        functions: for each output its losses and metrics as they were given.
        own: the model's variables.
    """
    found = Closures()
    variables: dict[int, Variable] = {}
    known = tensors_of(plan)
    for i, (output, given) in enumerate(zip(plan.outputs, functions, strict=True)):
        for function in filter(_is_users, given):
            noticed, is_symbolic_one = _look_at(function, output)
            if is_symbolic_one:
                true = Input(batch_shape=output.shape, dtype=output.dtype, name=f"{output.short_name}_target")
                drawn = DrawnFunction(function, true, output, known)
                found.drawn[id(function), i] = drawn
                noticed = drawn.variables
                if is_stateful_layer(function):
                    targets = [update.target for update in drawn.last]
                    states = {id(v): v for v in (*function.weights, *targets)}
                    found.states.append(LayerState(function, list(states.values())))
                    noticed = [v for v in noticed if id(v) not in states]
            variables |= {id(v): v for v in noticed}
    mine = {id(v) for v in own}
    found.uses_variables = bool(variables)
    found.variables = [v for v in variables.values() if id(v) not in mine]
    return found


def tensors_of(plan: Plan) -> list[KerasTensor]:
    """The tensors of a model, in the order of its graph."""
    return [*plan.inputs, *(t for node in (*plan.nodes, *plan.aside) for t in node.outputs)]


def _is_users(thing: Any) -> bool:
    """Whether something is a function, and none of kjax."""
    if not callable(thing) or isinstance(thing, type):
        return False
    inner = thing.func if isinstance(thing, functools.partial) else thing
    return not getattr(inner, "__module__", type(inner).__module__).startswith("kjax.")


def _look_at(function: Callable[..., Any], output: KerasTensor) -> tuple[list[Variable], bool]:
    """Trace a function: the variables that it reads, and whether it uses symbolic tensors."""
    if is_stateful_layer(function) or _holds_symbolic(function):
        return [], True
    pred = stand_in(output, 0)
    scope = Noticing(key=jax.random.key(0))
    for true in (pred, jax.ShapeDtypeStruct((*pred.shape[:-1], 1), jnp.dtype("int32"))):

        def run(t: Any, p: Any) -> Any:
            with scopes.enter(scope):
                result = function(t, p)
            if is_symbolic(result):
                raise NotSymbolicError("the result is symbolic")
            return jax.tree.map(jnp.asarray, result)

        try:
            jax.eval_shape(run, true, pred)
            break
        except NotSymbolicError:
            return [], True
        except Exception:  # data of other shapes: the step itself says what is wrong with those that come
            continue
    noticed = scope.context.get("noticed", {}).values()
    return [v for v in noticed if not isinstance(v._value, Tracer)], False  # the others were made inside


def _holds_symbolic(function: Any, depth: int = 3) -> bool:
    """Whether a function can reach a symbolic tensor: in what it encloses, its defaults, or the globals that it names."""
    if is_symbolic(function):
        return True
    if isinstance(function, functools.partial):
        return any(_holds_symbolic(a, depth - 1) for a in (function.func, *function.args, *function.keywords.values()))
    if isinstance(function, (list, tuple)):
        return any(map(is_symbolic, function))
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None)
    if code is None or depth == 0 or not _is_users(function):
        return False
    cells = []
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # one that has no value yet
            cells.append(cell.cell_contents)
    names = [name for part in _codes(code) for name in part.co_names]
    reached = [*cells, *(function.__defaults__ or ()), *(function.__globals__.get(name) for name in names)]
    return any(_holds_symbolic(thing, depth - 1) for thing in reached)


def _codes(code: CodeType) -> Iterator[CodeType]:
    """The code of a function, and that of the functions inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


class Closing:
    """The part of a model that trains with such functions."""

    _closures: Closures | None = None

    def _find_closures(self: Any) -> Closures:
        if self._closures is None:
            self._closures = Closures()
            plan = getattr(self, "_plan", None)
            if plan is not None and self._compilation is not None and settings.era != "3":
                names = self.output_names
                self._closures = find_closures(plan, self._compilation.functions(names), self.weights)
        return self._closures

    def _outside_variables(self: Any) -> dict[str, Variable]:
        """The variables outside the model that its losses read, as a part of its state."""
        closures = self._closures
        return {} if closures is None else {str(i): v for i, v in enumerate(closures.variables)}

    def _stepped_variables(self: Any) -> tuple[list[Variable], list[Variable]]:
        """The variables that a step of Keras' own trains, as ``compile`` fixed them, and the others."""
        if self._trained is None:
            self._snapshot()
        chosen = self._trained or frozenset()
        others = [v for v in self.variables if id(v) not in chosen] + self._find_closures().variables
        return [v for v in self.weights if id(v) in chosen], others

    def _call_observed(self: Any, x: Any, training: bool) -> tuple[Any, list[Any]]:
        """Call the model; the outputs, and the values of the tensors that losses and metrics need."""
        closures = self._find_closures()
        if not closures.drawn:
            return self(x, training=training), []
        with observed() as runs:
            outputs = self(x, training=training)
        values = dict(zip(map(id, tensors_of(self._plan)), runs[-1].values(), strict=False))
        return outputs, [values[id(t)] for t in closures.needed]

    def _give_tensors(self: Any, values: Sequence[Any]) -> None:
        """Let losses and metrics find the tensors in the present scope."""
        active = scopes.current()
        closures = self._find_closures()
        if closures.drawn and active is not None:
            active.tensors = dict(zip(map(id, closures.needed), values, strict=True))
