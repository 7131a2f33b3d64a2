"""The part of the backend that builds and runs graphs: placeholders, variables, functions, gradients, phases."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.core import scope as scopes
from kjax.keras.core.doors import graphs
from kjax.keras.core.evaluate import Gradients, evaluate, may_stop, nodes_between, variables_of
from kjax.keras.core.older_optimizers import postponed, remembered
from kjax.keras.core.operation import Input, Operation, ShapeOperation, SizedByValues, apply_function
from kjax.keras.core.pure import PureLayer
from kjax.keras.core.settings import next_key, settings
from kjax.keras.core.supplied import is_supplied, pulled
from kjax.keras.core.tensor import KerasTensor, NotSymbolicError, is_symbolic, symbolic_leaves
from kjax.keras.core.updates import Effect, Update
from kjax.keras.core.variable import Variable
from kjax.keras.legacy.arguments import OLD_ERAS
from kjax.nn.module import ambient
from kjax.nn.ops import sparse as sparse_arrays

# -- the phase --------------------------------------------------------------------------------------------------------


class _Phase(nn.Module):
    """Chooses by the mode that a model runs in."""

    def __call__(self, train: Any, test: Any, training: bool = False) -> Any:
        return train if training else test


class PhaseOperation(Operation):
    """The first argument in training, the second otherwise, as a node of a graph."""

    def __init__(self, name: str) -> None:
        super().__init__(_choose, name)
        self._adopt(_Phase())

    def call(self, train: Any, test: Any) -> Any:
        """Choose by the mode of the call."""
        active = scopes.current()
        return train if active is not None and active.training else test

    @property
    def differs_in_training(self) -> bool:
        """That is what it is for."""
        return True

    def _trace(self, args: Any, kwargs: Any, masks: Any = None) -> Any:
        return PureLayer._trace(self, args, kwargs, masks)


def _choose(train: Any, test: Any) -> Any:
    del test
    return train


def learning_phase() -> Any:
    """1 in training and 0 otherwise; where a graph is drawn and no phase was set, a tensor for it."""
    around = ambient()
    if around is not None:
        return int(around.training)
    active = scopes.current()
    if active is not None:
        return int(bool(active.training))
    if settings.learning_phase is not None:
        return settings.learning_phase
    if settings.phase_tensor is None:
        settings.phase_tensor = PhaseOperation("keras_learning_phase")._symbolic_call((np.int32(1), np.int32(0)), {})
    return settings.phase_tensor


def set_learning_phase(value: Any) -> None:
    """Fix the phase: 0 (test) or 1 (train).

    Raises:
        ValueError: another value.
    """
    if value not in (0, 1):
        raise ValueError(f"the learning phase must be 0 or 1, received {value!r}")
    settings.learning_phase = int(value)


def _is_phase(tensor: Any) -> bool:
    return is_symbolic(tensor) and tensor is settings.phase_tensor


def in_train_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """``x`` in training, ``alt`` otherwise; either may be a function without arguments.

    Args:
        x: what counts in training.
        alt: what counts otherwise.
        training: the phase, instead of :func:`learning_phase`.
    """
    phase = learning_phase() if training is None else training
    if is_symbolic(phase) and not _is_phase(phase):
        raise ValueError("in_train_phase: `training` must be a number, a boolean or K.learning_phase()")
    if not is_symbolic(phase):
        chosen = x if phase else alt
        return chosen() if callable(chosen) else chosen
    x, alt = (value() if callable(value) else value for value in (x, alt))
    x, alt = (value.__symbolic__() if isinstance(value, Variable) else value for value in (x, alt))
    return PhaseOperation("in_train_phase")._symbolic_call((x, alt), {})


def in_test_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """``x`` outside of training, ``alt`` in it."""
    return in_train_phase(alt, x, training)


# -- variables and placeholders ----------------------------------------------------------------------------------------


def variable(value: Any, dtype: Any = None, name: str | None = None, constraint: Any = None) -> Any:
    """A variable with a first value, of the session's float type by default; of a sparse matrix a sparse array."""
    if is_symbolic(value):
        value = eval(value)
    if hasattr(value, "tocoo"):  # a sparse matrix of SciPy
        return sparse_arrays.stored(np.asarray(value.toarray(), dtype or settings.floatx))

    def make() -> Variable:
        array = value.value if isinstance(value, Variable) else value
        array = array if isinstance(array, jax.Array) else np.asarray(array)
        of_type = jax.dtypes.canonicalize_dtype(jnp.dtype(dtype or settings.floatx))
        called = _counted("Variable") if name is None else name
        made = Variable(jnp.asarray(array, of_type), dtype=str(of_type), name=called, constraint=constraint)
        made._first = made._value if settings.era in OLD_ERAS else None
        return made

    return remembered(make)


def _counted(kind: str) -> str | None:
    """A name as TensorFlow counted: Variable, Variable_1, ...; None, for one of today's, in other eras."""
    if settings.era not in OLD_ERAS:
        return None
    before = settings.names[kind]
    settings.names[kind] += 1
    return f"{kind}_{before}" if before else kind


def placeholder(
    shape: Any = None, ndim: int | None = None, dtype: Any = None, sparse: bool = False, name: str | None = None
) -> KerasTensor:
    """A symbolic tensor to be fed.

    Args:
        shape: its shape, None for free axes.
        ndim: number of free axes, instead of ``shape``.
        dtype: its type; the session's float type by default.
        sparse: whether sparse arrays that are fed stay sparse.
        name: its name.

    Raises:
        ValueError: neither a shape nor a number of axes.
    """
    if shape is None and ndim is None:
        raise ValueError("placeholder: give either `shape` or `ndim`")
    sizes = (None,) * (ndim or 0) if shape is None else tuple(shape)
    tensor = Input(batch_shape=sizes, dtype=dtype, sparse=sparse, name=name or _counted("Placeholder"))
    tensor._keras_history[0].is_backends = True
    return tensor


def is_placeholder(x: Any) -> bool:
    """Whether ``x`` is a symbolic tensor that has to be fed."""
    return is_symbolic(x) and x._keras_history is not None and getattr(x._keras_history[0], "is_placeholder", False)


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Any:
    """A constant array, filled up to a shape with its last value."""
    del name
    array = np.asarray(value, dtype or settings.floatx)
    if shape is not None and array.shape != tuple(shape):
        missing = int(np.prod(shape)) - array.size
        array = np.concatenate([array.reshape(-1), np.repeat(array.reshape(-1)[-1:], missing)]).reshape(shape)
    return jnp.asarray(array)


def update(x: Variable, new_x: Any) -> Any:
    """Set a variable: at once, or, for a symbolic value, when a function with this update runs.

    In scripts of Keras 1 and 2, outside of layers, updates always waited for a function.
    """
    if is_symbolic(new_x):
        return Update(x, new_x)
    if scopes.is_drawing():
        return Update(x, new_x.__symbolic__() if isinstance(new_x, Variable) else _constant_node(new_x))
    return new_x if postponed(x, new_x) else x.assign(new_x)


def update_add(x: Variable, increment: Any) -> Any:
    """Add to a variable, see :func:`update`."""
    return update(x, x + increment)


def update_sub(x: Variable, decrement: Any) -> Any:
    """Subtract from a variable, see :func:`update`."""
    return update(x, x - decrement)


def moving_average_update(x: Variable, value: Any, momentum: Any) -> Any:
    """``x * momentum + value * (1 - momentum)`` as the new value of a variable, see :func:`update`."""
    return update(x, x * momentum + value * (1 - momentum))


def get_value(x: Any) -> np.ndarray:
    """The value of a variable or array as a NumPy array, or a NumPy number where it has no axes."""
    return eval(x)


def batch_get_value(ops: Sequence[Any]) -> list[np.ndarray]:
    """The values of several variables."""
    return [get_value(x) for x in ops]


def set_value(x: Variable, value: Any) -> None:
    """Set a variable."""
    x.assign(np.asarray(value, x.dtype))


def batch_set_value(tuples: Sequence[tuple[Variable, Any]]) -> None:
    """Set several variables: pairs (variable, value)."""
    for x, value in tuples:
        set_value(x, value)


# -- running graphs -----------------------------------------------------------------------------------------------------


def eval(x: Any) -> np.ndarray:
    """The value of an array, a variable, or a symbolic tensor that depends on no placeholder; a number of NumPy without axes.

    Raises:
        ValueError: a symbolic tensor that depends on a placeholder.
    """
    if is_symbolic(x):
        return function([], [x]).run_once()[0]
    if isinstance(x, Update):
        (value,) = x.tensors
        x.apply([eval(value)])
        return eval(x.target)
    return np.array(sparse_arrays.dense(x.value if isinstance(x, Variable) else x))[()]


def _typed(value: Any, tensor: KerasTensor) -> np.ndarray:
    """The value of a tensor, with as many bits as the tensor has where JAX has half of them."""
    array = np.array(value)
    return array.astype(tensor.dtype) if (str(array.dtype), tensor.dtype) == ("int32", "int64") else array


class Function:
    """A graph as a function from values of placeholders to values of tensors, compiled; variables are read when it runs.

    Args:
        inputs: symbolic tensors to be fed; ``K.learning_phase()`` among them stands for the phase.
        outputs: what to compute, and return as NumPy arrays: a tensor, a list or a dict.
        updates: new values of variables: what :func:`update` returned, or pairs (variable, value).
        name: accepted for compatibility.
        **session_kwargs: ``feed_dict``: values of further tensors; ``fetches``: further updates.

    Raises:
        TypeError: ``inputs`` or ``updates`` is no list.
        ValueError: the outputs depend on a placeholder that is not among the inputs.
    """

    def __init__(
        self, inputs: Any, outputs: Any, updates: Any = None, name: str | None = None, **session_kwargs: Any
    ) -> None:
        unknown = set(session_kwargs) - {"feed_dict", "fetches", "options", "run_metadata"}
        if unknown:
            raise ValueError(f"K.function: unknown arguments {sorted(unknown)}")
        always = session_kwargs.get("feed_dict") or {}
        self._always = {t: v for t, v in always.items() if is_symbolic(t)}
        fetches = session_kwargs.get("fetches") or []
        updates = [*(updates or []), *(f for f in fetches if isinstance(f, Effect))] if fetches else updates
        self.name = name
        self._single = is_symbolic(inputs)
        inputs = [inputs] if self._single else inputs
        if not isinstance(inputs, (list, tuple)) or not isinstance(updates or [], (list, tuple)):
            raise TypeError("K.function: `inputs` and `updates` must be lists")
        self.inputs = list(inputs)
        for tensor in self.inputs:
            if not is_symbolic(tensor) and not isinstance(tensor, int):
                raise TypeError(f"K.function: an input must be a symbolic tensor, received {type(tensor).__name__}")
        self.outputs = outputs
        leaves, self._structure = jax.tree.flatten(outputs, is_leaf=_is_leaf)
        self._wanted = [leaf for leaf in leaves if is_symbolic(leaf)]
        self._leaves = leaves
        self.updates = [_as_update(u) for u in updates or []]
        self._updated = [t for u in self.updates for t in u.tensors]
        fed = [t for t in self.inputs if is_symbolic(t) and not _is_phase(t)]
        self._nodes, missing = nodes_between([*fed, *self._always], [*self._wanted, *self._updated])
        self._supplied = [t for t in missing if is_supplied(t)]
        self._fed = [*fed, *self._always, *self._supplied]
        missing = [t for t in missing if not is_supplied(t)]
        if missing:
            raise ValueError(
                f"K.function: the outputs depend on {missing[0].name!r} ({missing[0]}), which is not among the inputs"
            )
        self._variables = variables_of(self._nodes)
        self._run = jax.jit(self._compute, static_argnames="training")
        self.is_small = len(self._nodes) <= 4
        self.compiles = self.can_compile = not any(isinstance(node.layer, SizedByValues) for node in self._nodes)

    def _compute(self, values: Any, fed: Any, key: Any, training: bool) -> Any:
        held = {id(v): value for v, value in zip(self._variables, values, strict=True)}
        with scopes.enter(scopes.Scope(values=held, key=key, training=training)):
            given = {id(t): value for t, value in zip(self._fed, fed, strict=True)}
            return evaluate([*self._wanted, *self._updated], given, self._nodes)

    def run_once(self) -> list[np.ndarray]:
        """The values of a list of outputs that depend on no inputs, without compiling anything for it."""
        values = [v.stored_value() for v in self._variables]
        fed = [_fit(t, value) for t, value in zip(self._supplied, pulled(self._supplied), strict=True)]
        results = self._compute(values, fed, next_key(), bool(settings.learning_phase))
        return [_typed(value, tensor)[()] for value, tensor in zip(results, self._wanted, strict=True)]

    def __call__(self, *inputs: Any) -> Any:
        """Run it on a list of values, one for each input."""
        values = inputs[0] if len(inputs) == 1 and isinstance(inputs[0], (list, tuple)) else list(inputs)
        if self._single and len(inputs) == 1 and not isinstance(inputs[0], (list, tuple)):
            values = [inputs[0]]
        elif settings.era in OLD_ERAS and values is not inputs[0]:
            raise TypeError(f"K.function: the values are given as a list, received {type(inputs[0]).__name__}")
        left_out = self.inputs[len(values) :]  # the phase had a value of its own
        if len(values) > len(self.inputs) or not all(_is_phase(tensor) for tensor in left_out):
            raise ValueError(f"K.function: {len(self.inputs)} inputs are expected, received {len(values)}")
        phase = settings.learning_phase or 0
        fed = []
        for tensor, value in zip(self.inputs, values, strict=False):
            if not is_symbolic(tensor) or _is_phase(tensor):
                phase = int(np.asarray(value))
            else:
                fed.append(_fit(tensor, value))
        fed += [_fit(tensor, value) for tensor, value in self._always.items()]
        fed += [_fit(tensor, value) for tensor, value in zip(self._supplied, pulled(self._supplied), strict=True)]
        present = [v.stored_value() for v in self._variables]
        run = self._run if self.compiles else self._compute
        results = run(present, fed, next_key(), training=bool(phase))
        count = len(self._wanted)
        at = count
        with scopes.computing():
            for item in self.updates:
                item.apply(results[at : at + len(item.tensors)])
                at += len(item.tensors)
        computed = iter(results[:count])
        arrays = [_typed(next(computed), leaf) if is_symbolic(leaf) else np.array(eval(leaf)) for leaf in self._leaves]
        arrays = [array[()] for array in arrays]
        return jax.tree.unflatten(self._structure, arrays)


def _is_leaf(leaf: Any) -> bool:
    return is_symbolic(leaf) or isinstance(leaf, Variable)


def _as_update(item: Any) -> Any:
    if isinstance(item, (tuple, list)) and len(item) == 2:
        target, value = item
        return Update(target, value if is_symbolic(value) else _constant_node(value))
    if not isinstance(item, Effect):
        raise TypeError(
            f"K.function: an update is what K.update returned or a pair (variable, value), received {type(item).__name__}"
        )
    return item


def _constant_node(value: Any) -> KerasTensor:
    return Operation(lambda x: jnp.asarray(x), "constant")._symbolic_call((value,), {})


def _fit(tensor: KerasTensor, value: Any) -> Any:
    value = value.value if isinstance(value, Variable) else sparse_arrays.dense(value)
    array = jnp.asarray(value.toarray() if hasattr(value, "tocoo") else value, tensor.dtype)
    fits = tensor.is_open or (
        array.ndim == len(tensor.shape)
        and all(a is None or a == b for a, b in zip(tensor.shape, array.shape, strict=True))
    )
    if not fits:
        raise ValueError(f"K.function: input {tensor.name!r} has shape {tensor.shape}; received {array.shape}")
    return array


def function(inputs: Any, outputs: Any, updates: Any = None, name: str | None = None, **kwargs: Any) -> Function:
    """A :class:`Function` of a graph."""
    return Function(inputs, outputs, updates, name, **kwargs)


def gradients(loss: Any, variables: Any) -> list[Any]:
    """Symbolic gradients of the sum of ``loss``.

    Args:
        loss: a symbolic tensor.
        variables: symbolic tensors and variables: one, or a list.

    Returns:
        A list of symbolic tensors, None for what ``loss`` does not depend on, or only through functions without gradient.

    Raises:
        ValueError: ``loss`` is an array: its history is not known; ``jax.grad`` differentiates functions.
    """
    targets = list(variables) if isinstance(variables, (list, tuple)) else [variables]
    if not is_symbolic(loss):
        raise NotSymbolicError(
            "K.gradients: `loss` must be a symbolic tensor (made from placeholders, model inputs or layer outputs), received "
            f"{type(loss).__name__}; inside of layers and losses write a function of arrays and use jax.grad"
        )
    nodes, _ = nodes_between([], [loss])
    reached = {id(t) for node in nodes for t in symbolic_leaves((node.args, node.kwargs))} | {id(loss)}
    reached |= {id(v) for v in variables_of(nodes)}
    wanted = [t for t in targets if id(t) in reached]
    # A tensor between inputs and loss is held while the loss is differentiated by it, so it cannot share a call with those
    # that it depends on.
    ends = [t for t in wanted if isinstance(t, Variable) or is_placeholder(t)]
    found: dict[int, Any] = {}
    for group in (ends, *([t] for t in wanted if all(t is not e for e in ends))):
        if group:
            ordered = sorted(group, key=lambda t: isinstance(t, Variable))
            drawn = Gradients(loss, group)
            by_tensors, by_variables = drawn.draw()
            by = zip(ordered, [*by_tensors, *by_variables], strict=True)
            reached = drawn.reached() if may_stop(nodes) else [True] * len(group)
            found |= {id(t): gradient for (t, gradient), counts in zip(by, reached, strict=True) if counts}
    return [found.get(id(t)) for t in targets]


# -- looking at things -----------------------------------------------------------------------------------------------------


def shape(x: Any) -> Any:
    """The shape as integers that can be computed with; of a symbolic tensor, a symbolic tensor of them."""
    if is_symbolic(x):
        return ShapeOperation(_shape, "shape")._symbolic_call((x,), {})
    return np.asarray(jnp.shape(x.value if isinstance(x, Variable) else x), np.int32)


def _shape(x: Any) -> np.ndarray:
    return np.asarray(x.shape, np.int32)


def int_shape(x: Any) -> Any:
    """The shape as a tuple, None for free axes; None for things without a shape."""
    found = getattr(x, "shape", None)
    return None if found is None else tuple(found)


def ndim(x: Any) -> Any:
    """Number of axes."""
    return len(int_shape(x) or ()) if hasattr(x, "shape") else None


def count_params(x: Any) -> int:
    """Number of elements of a variable or array."""
    return int(np.prod(int_shape(x)))


def is_keras_tensor(x: Any) -> bool:
    """Whether ``x`` is a symbolic tensor of a graph.

    Raises:
        ValueError: in the eras of Keras 1 and 2, for what is no tensor at all, such as an array of NumPy.
    """
    if settings.era in OLD_ERAS and not is_tensor(x):
        raise ValueError(
            f"is_keras_tensor: expected a tensor, received {type(x).__name__}; make a variable of it first (K.variable)"
        )
    if settings.era in OLD_ERAS and is_symbolic(x):
        layer = None if x._keras_history is None else x._keras_history[0]
        return not (layer is None or isinstance(layer, Operation) or getattr(layer, "is_backends", False))
    return is_symbolic(x)


def is_tensor(x: Any) -> bool:
    """Whether ``x`` is an array of JAX, a variable or a symbolic tensor."""
    return isinstance(x, (jax.Array, Variable)) or is_symbolic(x)


def is_sparse(tensor: Any) -> bool:
    """Whether an array is sparse, or a symbolic tensor an input that takes sparse arrays."""
    if settings.era in OLD_ERAS and not isinstance(tensor, Variable) and not hasattr(tensor, "dtype"):
        raise TypeError(f"is_sparse: expected a tensor, received {type(tensor).__name__}")
    return bool(tensor.sparse) if isinstance(tensor, KerasTensor) else sparse_arrays.is_sparse(tensor)


def to_dense(tensor: Any) -> Any:
    """A dense array for a sparse one; a dense one as it is."""
    return apply_function(sparse_arrays.dense, (tensor,), {}, name="to_dense") if is_sparse(tensor) else tensor


def has_arg(fn: Callable[..., Any], name: str, accept_all: bool = False) -> bool:
    """Whether a function takes an argument of a name; ``accept_all`` counts ``**kwargs`` too."""
    parameters = inspect.signature(fn).parameters
    if accept_all and any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return True
    return name in parameters and parameters[name].kind in (
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
    )


graphs.fill(function=function, gradients=gradients, learning_phase=learning_phase)
