"""The arguments of iterators, of the generator's methods and of single changes: each with its default and meaning, once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from kjax.nn.value import did_you_mean

REQUIRED = inspect.Parameter.empty

ARGUMENTS: dict[str, tuple[Any, str]] = {
    # what is read
    "x": (REQUIRED, "images, or ``(images, [further arrays])``; the further arrays are passed on as they are."),
    "y": (None, "targets, or None."),
    "sample_weight": (None, "weight of each image, or None."),
    "directory": (REQUIRED, "the folder; with a table the one that relative file names start from."),
    "follow_links": (False, "go into folders that are links."),
    "dataframe": (REQUIRED, "the table, of pandas."),
    "x_col": ("filename", "column of the file names."),
    "y_col": ("class", "column of the targets, or a list of columns."),
    "weight_col": (None, "column of sample weights, or None."),
    "validate_filenames": (True, "leave out rows whose file does not exist or is no image."),
    "has_ext": (True, "False looks for files whose names without their endings are those of the table."),
    "image_data_generator": (None, "an :class:`ImageDataGenerator`, or None to leave images as they are."),
    # how a file becomes an image with a target
    "target_size": ((256, 256), "(height, width) that images are resized to."),
    "color_mode": ("rgb", "``'rgb'``, ``'rgba'`` or ``'grayscale'``."),
    "classes": (
        None,
        "classes to keep, all by default: names of folders in the order of their numbers; of a table those in a column.",
    ),
    "class_mode": (
        "categorical",
        "``'categorical'`` (one-hot rows), ``'binary'`` or ``'sparse'`` (numbers), ``'input'`` (the images themselves), None "
        "(no targets); with a table ``'raw'`` (the values of ``y_col``) and ``'multi_output'`` (a list with the values of "
        "each column) too, and for ``'categorical'`` a cell may hold a list of classes.",
    ),
    "interpolation": ("nearest", "how images are resized."),
    "keep_aspect_ratio": (False, "cut images to the target's proportions before."),
    "data_format": (None, "where the channels are; the session's by default."),
    "dtype": (None, "type of the images; the session's float type by default."),
    # batches
    "batch_size": (32, "images in a batch."),
    "shuffle": (True, "draw a new order for each epoch."),
    "seed": (None, "seeds NumPy's global generator before each batch, with the number of batches seen added."),
    "subset": (
        None,
        "``'training'`` or ``'validation'``: the parts that the generator's ``validation_split`` makes, in a folder of each "
        "class.",
    ),
    "ignore_class_split": (False, "do not compare the classes of the two parts."),
    "save_to_dir": (None, "a folder for copies of the changed images."),
    "save_prefix": ("", "beginning of their names."),
    "save_format": ("png", "ending of their names."),
    # changes of one image
    "theta": (0, "angle in degrees."),
    "tx": (0, "shift along the rows, in pixels."),
    "ty": (0, "shift along the columns, in pixels."),
    "shear": (0, "angle of the shear in degrees."),
    "zx": (1, "zoom along the rows; below 1 enlarges."),
    "zy": (1, "zoom along the columns."),
    "rg": (REQUIRED, "largest angle in degrees."),
    "wrg": (REQUIRED, "largest shift as a part of the width."),
    "hrg": (REQUIRED, "largest shift as a part of the height."),
    "intensity": (REQUIRED, "largest angle in degrees."),
    "zoom_range": (REQUIRED, "(lowest, highest) factor."),
    "row_axis": (1, "axis of the rows."),
    "col_axis": (2, "axis of the columns."),
    "channel_axis": (0, "axis of the channels."),
    "fill_mode": ("nearest", "``'constant'``, ``'nearest'``, ``'reflect'`` or ``'wrap'``: what comes in from outside."),
    "cval": (0.0, "value for ``'constant'``."),
    "order": (1, "degree of the spline that interpolates."),
    "interpolation_order": (1, "degree of the spline that interpolates."),
}

SAVED = "save_to_dir save_prefix save_format"
LABELLED = "target_size color_mode classes class_mode batch_size shuffle seed"
AXES = "row_axis col_axis channel_axis fill_mode cval"


def takes(names: str, /, *, more: str = "", **defaults: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a function, which gets all of them by name, arguments of :data:`ARGUMENTS`.

    Args:
        names: their names, in the order in which they may be given by position.
        more: names of further arguments, which are handed on only where they are given.
        **defaults: defaults that differ from the table's.
    """
    order, further = names.split(), more.split()

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        is_method = next(iter(inspect.signature(function).parameters)) == "self"
        kind, by_name = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.VAR_KEYWORD
        parameters = [
            *([inspect.Parameter("self", kind)] if is_method else []),
            *(inspect.Parameter(name, kind, default=defaults.get(name, ARGUMENTS[name][0])) for name in order),
            *([inspect.Parameter("kwargs", by_name)] if further else []),
        ]
        signature = inspect.Signature(parameters)
        owner = function.__qualname__.removesuffix(".__init__")

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            unknown = [name for name in kwargs if name not in (*order, *further)]
            if unknown:
                raise TypeError(f"{owner}: unknown argument {unknown[0]!r}; {did_you_mean(unknown[0], order)}")
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError as error:
                raise TypeError(f"{owner}: {error}") from None
            bound.apply_defaults()
            given = dict(bound.arguments)
            given |= given.pop("kwargs", {})
            return function(given.pop("self"), **given) if is_method else function(**given)

        call.__signature__ = signature  # type: ignore[attr-defined]
        del call.__wrapped__  # type: ignore[attr-defined]
        described = "\n".join(f"    {name}: {ARGUMENTS[name][1]}" for name in (*order, *further) if name in ARGUMENTS)
        call.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\nArgs:\n{described}"
        return call

    return decorate
