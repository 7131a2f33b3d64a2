"""Calls as they were written for older generations of Keras, as today's: one mechanism around the tables of spellings."""

from __future__ import annotations

import functools
import inspect
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from kjax.keras.core.settings import settings
from kjax.keras.legacy import spellings
from kjax.keras.legacy.notes import note
from kjax.keras.legacy.samples import Samples, asking
from kjax.nn import regularizers

OLD_ERAS = ("1", "2")
"""Generations whose defaults and names differ from those of today: Keras 1 and Keras 2 of its own."""

Args = tuple[Any, ...]
Kwargs = dict[str, Any]


def rename(owner: str, table: Mapping[str, str], kwargs: Mapping[str, Any]) -> Kwargs:
    """Keyword arguments under their names of today, with a note for each that had an old one.

    Args:
        owner: class or method, for the note.
        table: old names and new ones.
        kwargs: what was given.

    Raises:
        TypeError: an argument was given under both names.
    """
    if not any(old in kwargs for old in table):
        return dict(kwargs)
    renamed: Kwargs = {}
    old: list[str] = []
    for key, value in kwargs.items():
        new = table.get(key, key)
        if new in renamed or (new != key and new in kwargs):
            raise TypeError(f"{owner}: argument `{new}` was given twice: also under its old name `{key}`")
        renamed[new] = spellings.VALUES.get(key, {}).get(value, value) if isinstance(value, str) else value
        if new != key:
            old.append(f"`{key}` is `{new}`")
    note(f"{owner}: of the arguments, {', '.join(old)} today")
    return renamed


def drop(owner: str, table: Mapping[str, str], kwargs: Kwargs) -> None:
    """Take out arguments without a meaning today, with a note where the user should know.

    Raises:
        ValueError: the result would be another without the argument, and nothing can be done about it here.
    """
    for key, advice in table.items():
        if key in kwargs:
            value = kwargs.pop(key)
            if key in spellings.REFUSED and value not in spellings.REFUSED_VALUES.get(key, (False, None)):
                raise ValueError(f"{owner}: the argument `{key}` is no longer supported: {spellings.REFUSED[key]}")
            if advice and value:
                note(f"{owner}: the argument `{key}` has no effect any more: {advice}")


# -- layers ------------------------------------------------------------------------------------------------------


def layer_call(
    name: str, args: Args, kwargs: Mapping[str, Any], fields: Sequence[str], era: str
) -> tuple[Args, Kwargs]:
    """The arguments of a layer's constructor as they are written today.

    Args:
        name: class of the layer.
        args: positional arguments.
        kwargs: keyword arguments.
        fields: names of the arguments of today, in order.
        era: ``'1'``, ``'2'``, ``'tf'`` or ``'3'``.
    """
    given = dict(kwargs)
    special = _SPECIAL.get(name)
    if special is not None:
        args, given = special(name, args, given, era)
    given = rename(name, spellings.LAYERS.get(name, {}), given)
    order = spellings.positions(name, fields, era)
    if len(args) <= len(order) and order[: len(args)] != list(fields[: len(args)]):
        args, given = (), _named(name, order, args, given)
    drop(name, spellings.DROPPED.get(name, {}), given)
    if isinstance(given.get("data_format"), str):
        given["data_format"] = spellings.VALUES["data_format"].get(given["data_format"], given["data_format"])
    taken = {*fields[: len(args)], *given}
    if era != "3":
        given |= {k: v for k, v in spellings.DEFAULTS_BEFORE_3.get(name, {}).items() if k not in taken}
    if era in OLD_ERAS:
        defaults = spellings.ERA_DEFAULTS.get(name, {}) | spellings.RELEASE_DEFAULTS.get(settings.release, {}).get(
            name, {}
        )
        given |= {k: v for k, v in defaults.items() if k not in taken}
        positional = list(args)
        for index, (field, value) in enumerate(zip(fields, positional, strict=False)):
            positional[index] = _of_era(field, value)
        args = tuple(positional)
        given = {field: _of_era(field, value) for field, value in given.items()}
    return args, given


def _named(name: str, order: Sequence[str], args: Args, kwargs: Mapping[str, Any]) -> Kwargs:
    """Positional arguments in an order as arguments by name, with the others.

    Raises:
        TypeError: one of them was given twice.
    """
    found = dict(zip(order, args, strict=False))
    twice = sorted(found.keys() & kwargs.keys())
    if twice:
        raise TypeError(f"{name}: argument `{twice[0]}` was given twice")
    return {**found, **kwargs}


def _of_era(field: str, value: Any) -> Any:
    if isinstance(value, str):
        value = spellings.ERA_VALUES.get(field, {}).get(value, value)
    if isinstance(value, Mapping) and "name" in value and field.endswith(("_regularizer", "_constraint")):
        value = _entry_of_keras1(value)
    if field.endswith("_regularizer") and value is not None:
        penalty = regularizers.of_keras2(value)
        if field != "activity_regularizer":
            return penalty
        summed = isinstance(penalty, regularizers.SummedOverBatch)
        return penalty if summed else regularizers.SummedOverBatch(penalty)
    return value


def _entry_of_keras1(value: Mapping[str, Any]) -> dict[str, Any]:
    """A regularizer or constraint in a config of Keras 1 as entries are written today."""
    config = {spellings.FUNCTIONS["maxnorm"].get(key, key): v for key, v in value.items() if key != "name"}
    return {"class_name": str(value["name"]).removesuffix("Regularizer"), "config": config}


def _is_count(value: Any) -> bool:
    return not isinstance(value, bool) and hasattr(value, "__index__")


def _kernel(rank: int) -> Callable[..., tuple[Args, Kwargs]]:
    """Kernel sizes were one argument a dimension: ``Convolution2D(64, 3, 3)``, ``nb_row=3, nb_col=3``."""
    names = {2: ("nb_row", "nb_col"), 3: ("kernel_dim1", "kernel_dim2", "kernel_dim3")}[rank]

    def convert(name: str, args: Args, kwargs: Kwargs, era: str) -> tuple[Args, Kwargs]:
        sizes = [kwargs.pop(key) for key in names if key in kwargs]
        if sizes:
            given = list(args[1:]) if len(args) > 1 else []
            sizes = [*given, *sizes][-rank:] if len(sizes) < rank else sizes
            args = args[:1]
            note(f"{name}: the arguments `{'`, `'.join(names)}` are `kernel_size` today")
            kwargs["kernel_size"] = tuple(sizes)
            return args, kwargs
        counts = args[1 : 1 + rank]
        if len(counts) < rank or not all(_is_count(c) for c in counts):
            return args, kwargs
        # In Keras 3 the third positional argument of Conv2D is `strides`; a call with another old spelling means rows
        # and columns all the same.
        if era in OLD_ERAS or any(key in spellings.LAYERS.get(name, {}) for key in kwargs):
            note(f"{name}: `{name}({args[0]}, {', '.join(map(str, counts))})` is written with one kernel_size today")
            rest = args[1 + rank :]
            kwargs |= dict(zip(("kernel_initializer", "activation"), rest, strict=False))
            return (args[0], tuple(counts)), kwargs
        return args, kwargs

    return convert


_PADS = (("top_pad", "bottom_pad"), ("left_pad", "right_pad"))


def _padding(name: str, args: Args, kwargs: Kwargs, era: str) -> tuple[Args, Kwargs]:
    """Paddings were also dicts, and four numbers in a row."""
    field = "cropping" if name.startswith("Cropping") else "padding"
    value = args[0] if args else kwargs.get(field)
    if isinstance(value, Mapping):
        pairs = [tuple(value.get(side, 0) for side in pair) for pair in _PADS]
        value = pairs[1] if name.endswith("1D") else tuple(pairs)
        note(f"{name}: `{field}` as a dict is written as pairs (before, after) today")
    elif name.endswith("2D") and isinstance(value, (tuple, list)) and len(value) == 4:
        value = (tuple(value[:2]), tuple(value[2:]))
        note(f"{name}: `{field}` of four numbers is written ((top, bottom), (left, right)) today")
    else:
        return args, kwargs
    if args:
        return (value, *args[1:]), kwargs
    return args, kwargs | {field: value}


def _sequence(name: str, args: Args, kwargs: Kwargs, era: str) -> tuple[Args, Kwargs]:
    """``input_dim`` and ``input_length`` of layers for sequences, and what only recurrent layers had."""
    dim = kwargs.pop("input_dim", None)
    if dim is not None:
        kwargs["input_shape"] = (kwargs.pop("input_length", None), int(dim))
    return _forgetting(name, args, kwargs, era)


def _forgetting(name: str, args: Args, kwargs: Kwargs, era: str) -> tuple[Args, Kwargs]:
    """Where the bias of the forget gate begins."""
    forget = kwargs.pop("forget_bias_init", None)
    if forget is not None:
        kwargs["unit_forget_bias"] = forget in ("one", "ones")
        note(f"{name}: the argument `forget_bias_init` is `unit_forget_bias` today")
    return args, kwargs


def _embedding(name: str, args: Args, kwargs: Kwargs, era: str) -> tuple[Args, Kwargs]:
    """A first layer of fixed length. Before Keras 3 its input was known to be a row of integers in any case."""
    length = kwargs.pop("input_length", None)
    declared = any(key in kwargs for key in ("input_shape", "batch_input_shape", "batch_shape"))
    if not declared and (length is not None or era != "3"):
        length = tuple(length) if isinstance(length, (tuple, list)) else (length,)
        batch = kwargs.pop("batch_size", None)
        kwargs["batch_input_shape"] = (batch, *length)
    return args, kwargs


def _batch_normalization(name: str, args: Args, kwargs: Kwargs, era: str) -> tuple[Args, Kwargs]:
    """Keras 1 began with ``epsilon`` and ``mode``."""
    if era == "1" and args and not _is_count(args[0]):
        kwargs.setdefault("epsilon", args[0])
        args = ()
    axis = kwargs.get("axis")
    if isinstance(axis, (list, tuple)) and len(axis) == 1:  # as tf.keras kept it
        kwargs["axis"] = axis[0]
    if kwargs.get("mode") and name == "BatchNormalization":
        note(
            f"{name}: `mode={kwargs['mode']}` is not in Keras any more, whose batches are normalized by their own "
            "statistics in training and by moving averages otherwise; here it does what it did"
        )
    return args, kwargs


def _time_distributed(name: str, args: Args, kwargs: Kwargs, era: str) -> tuple[Args, Kwargs]:
    """``merge_mode`` and the like are as they were; only the input's shape was given in two numbers."""
    return _sequence(name, args, kwargs, era)


_SPECIAL: dict[str, Callable[[str, Args, Kwargs, str], tuple[Args, Kwargs]]] = {
    **dict.fromkeys(
        ("Conv2D", "Conv2DTranspose", "SeparableConv2D", "LocallyConnected2D"),
        _kernel(2),
    ),
    "ConvLSTM2D": lambda name, args, kwargs, era: _kernel(2)(name, *_forgetting(name, args, kwargs, era), era),
    **dict.fromkeys(("Conv3D", "Conv3DTranspose"), _kernel(3)),
    **dict.fromkeys(("ZeroPadding1D", "ZeroPadding2D", "Cropping2D"), _padding),
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN", "Conv1D", "LocallyConnected1D", "SeparableConv1D"), _sequence),
    "Bidirectional": _time_distributed,
    "TimeDistributed": _time_distributed,
    "Embedding": _embedding,
    "BatchNormalization": _batch_normalization,
}


# -- optimizers, methods, functions ------------------------------------------------------------------------------


def optimizer_call(name: str, args: Args, kwargs: Mapping[str, Any], era: str) -> tuple[Args, Kwargs]:
    """The arguments of an optimizer's constructor as they are written today; see :func:`layer_call`."""
    given = dict(kwargs)
    if "lr" in given and "learning_rate" not in given:
        given = rename(name, spellings.OPTIMIZERS, given)
    for key in spellings.OPTIMIZER_DROPPED:
        given.pop(key, None)
    if era == "tf" and given.get("use_ema"):
        given.setdefault("ema_starts_with_weights", True)
    if era in OLD_ERAS:
        given = clips(given)
        defaults = spellings.OPTIMIZER_ERA_DEFAULTS.get(name, {})
        given |= {k: v for k, v in defaults.items() if k not in given and not (args and k == "learning_rate")}
    if era == "1" and name in spellings.OPTIMIZERS_WITH_EPSILON:
        given.setdefault("epsilon", spellings.OPTIMIZER_EPSILON)
    return args, given


def clips(given: Mapping[str, Any]) -> Kwargs:
    """The clipping of an optimizer of Keras 1 or 2 in arguments of today: 0 was none, and the norm that of all gradients together."""
    kept = {key: value for key, value in given.items() if key not in ("clipnorm", "clipvalue") or value}
    if "clipnorm" in kept:
        kept["global_clipnorm"] = kept.pop("clipnorm")
    return {**kept, "clips_as_keras2": True} if "clipvalue" in kept else kept


def respelled(function: Callable[..., Any], name: str | None = None) -> Callable[..., Any]:
    """Decorator of a function, or of a class's ``__init__``, that takes the old spellings of its arguments, too.

    Args:
        function: the function.
        name: its name in the table; its own by default.
    """
    name = name or function.__qualname__.removesuffix(".__init__").rpartition(".")[2]
    table = spellings.FUNCTIONS[name]

    @functools.wraps(function)
    def understanding(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **rename(name, table, kwargs)) if kwargs else function(*args)

    parameters = list(inspect.signature(function).parameters.values())
    old = [inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=None) for key in table]
    free = [parameters.pop()] if parameters and parameters[-1].kind is inspect.Parameter.VAR_KEYWORD else []
    understanding.__signature__ = inspect.Signature([*parameters, *old, *free])  # type: ignore[attr-defined]
    return understanding


def respelled_class(cls: Any, name: str, module: str) -> Any:
    """A class that makes instances of another, of arguments in old spellings too.

    Args:
        cls: the class.
        name: its old name, also that in the table.
        module: where it is defined.
    """
    make = respelled(cls, name)
    body = {"__new__": lambda _, *args, **kwargs: make(*args, **kwargs), "__doc__": cls.__doc__, "__module__": module}
    made = type(name, (cls,), body)
    made.__signature__ = make.__signature__
    return made


def method(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of a model's method: it takes the old spellings of its arguments, too."""
    name = function.__name__
    table = spellings.METHODS.get(name, {})
    dropped = spellings.METHOD_DROPPED.get(name, ())
    samples = spellings.METHOD_SAMPLES.get(name, {})
    old = {*table, *dropped, *samples}
    signature = inspect.signature(function)
    names = list(signature.parameters)[1:]

    @functools.wraps(function)
    def understanding(self: Any, *args: Any, **kwargs: Any) -> Any:
        counted = None
        positions = spellings.method_positions(name, settings.era) if args else ()
        if positions and len(args) <= len(positions) and list(positions[: len(args)]) != names[: len(args)]:
            args, kwargs = (), _named(name, positions, args, kwargs)
        if samples and len(args) > 1 and settings.era == "1":
            # The second argument was a number of samples.
            kwargs = {**dict(zip(names, args, strict=False)), **kwargs}
            for key, (new, _) in samples.items():
                if new in kwargs:
                    kwargs[key] = kwargs.pop(new)
            args = ()
        if old.intersection(kwargs):
            if samples.keys() & kwargs.keys():
                kwargs = {**dict(zip(names, args, strict=False)), **kwargs}
                args = ()
                counted = _count_batches(name, samples, kwargs)
            kwargs = rename(name, table, kwargs)
            for key in dropped:
                if kwargs.pop(key, None):
                    note(f"{name}: the argument `{key}` has no effect any more; see the arguments of `compile`")
        if counted is None:
            return function(self, *args, **kwargs)
        with asking(counted):
            return function(self, *args, **kwargs)

    understanding.__signature__ = signature  # type: ignore[attr-defined]
    return understanding


def _count_batches(name: str, samples: Mapping[str, tuple[str, str]], kwargs: Kwargs) -> Samples | None:
    """Numbers of samples as numbers of batches: Keras 1 took batches until there were as many samples.

    Returns:
        What an epoch holds, where that was said and is known.
    """
    found = None
    for key, (new, source) in samples.items():
        count = kwargs.pop(key, None)
        data = kwargs.get(source)
        if count is None or data is None or isinstance(data, (tuple, list)):
            continue
        size = getattr(data, "batch_size", None)
        if size is None and isinstance(data, Iterator):
            first = next(data)
            leaf = first[0] if isinstance(first, (tuple, list)) else first
            while isinstance(leaf, (list, tuple, dict)):
                leaf = next(iter(leaf.values())) if isinstance(leaf, dict) else leaf[0]
            size = len(leaf)
            kwargs[source] = itertools.chain([first], data)
        if size:
            kwargs[new] = max(math.ceil(count / size), 1)
            note(f"{name}: `{key}={count}` samples is `{new}={kwargs[new]}` batches today")
            found = found or (Samples(int(count), int(size)) if new == "steps_per_epoch" else None)
        else:
            kwargs[new] = count
            note(f"{name}: `{key}` is `{new}` today, in batches: {count} of them are taken")
    return found
