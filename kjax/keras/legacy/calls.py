"""What Keras 1 and 2 refused of a call of a layer and Keras 3 takes: masks that end there, and merging one input."""

from __future__ import annotations

from typing import Any

import numpy as np

_PICTURES = (
    "Conv{n}D MaxPooling{n}D AveragePooling{n}D GlobalMaxPooling{n}D Cropping{n}D UpSampling{n}D ZeroPadding{n}D"
)

_ENDING = frozenset(
    [
        *(name for n in (1, 2, 3) for name in _PICTURES.format(n=n).split()),
        *"Flatten Reshape Permute RepeatVector Conv2DTranspose Conv3DTranspose DepthwiseConv2D SeparableConv1D".split(),
        *"SeparableConv2D GlobalAveragePooling2D GlobalAveragePooling3D LocallyConnected1D LocallyConnected2D".split(),
        *"Highway MaxoutDense AtrousConvolution1D AtrousConvolution2D Deconvolution2D".split(),
    ]
)

MASKS_END = {"1": _ENDING | {"Dense", "GlobalAveragePooling1D", "Lambda"}, "2": _ENDING}
"""By era, the layers that took no masks."""

_MERGING = frozenset("Add Subtract Multiply Average Maximum Minimum Concatenate Dot".split())


def check(layer: Any, inputs: Any, masks: list[Any], era: str) -> None:
    """Raise where Keras of that era did.

    Args:
        layer: the layer that is called.
        inputs: its inputs.
        masks: those of their masks that are there.
        era: ``'1'`` or ``'2'``.

    Raises:
        TypeError: a mask for a layer that takes none.
        ValueError: one input for a layer that merges several, or free axes where their product has to be known.
    """
    name = _built_in(layer)
    if name in _MERGING and (not isinstance(inputs, (list, tuple)) or len(inputs) < 2):
        several = "2 inputs" if name == "Dot" else "at least 2 inputs"
        raise ValueError(
            f"A `{name}` layer should be called on a list of {several}: {layer.name!r} was called on "
            f"{'a single tensor' if not isinstance(inputs, (list, tuple)) else f'{len(inputs)} of them'}"
        )
    sizes = tuple(getattr(inputs, "shape", ()))[1:]
    if name == "Flatten" and not all(sizes):
        raise ValueError(
            f'The shape of the input to "Flatten" is not fully defined (got {sizes}). Make sure to pass a '
            'complete "input_shape" or "batch_input_shape" argument to the first layer in your model.'
        )
    if masks and not _takes_masks(layer, name, era):
        raise TypeError(
            f"Layer {layer.name} does not support masking, but was passed an input_mask: {masks[0]}. "
            "Put it before the layer that makes the mask, or leave the mask out (`mask_zero=False`)"
        )


def _own_classes(layer: Any) -> list[type]:
    """The classes of a layer that a script wrote, the last first."""
    return [base for base in type(layer).__mro__ if not base.__module__.startswith("kjax.") and base is not object]


def _built_in(layer: Any) -> str:
    return next((base.__name__ for base in type(layer).__mro__ if base.__module__.startswith("kjax.")), "")


def _takes_masks(layer: Any, name: str, era: str) -> bool:
    said = [vars(base) for base in _own_classes(layer)]
    if any("compute_mask" in members or members.get("supports_masking") for members in (vars(layer), *said)):
        return True
    return layer._passes_masks if name == "Layer" else name not in MASKS_END[era]


def for_mask(module: Any, inputs: Any, mask: Any) -> Any:
    """What the mask of a merging layer is worked out from.

    Before Keras 3 it followed from the masks of the inputs alone, which may be constants, where each had one.

    Args:
        module: the module of the layer.
        inputs: tensors.
        mask: their masks.
    """
    several = isinstance(inputs, (list, tuple)) and isinstance(mask, (list, tuple))
    if not several or not getattr(module, "keras2", False) or any(m is None for m in mask):
        return inputs
    return [np.zeros((1,) * len(tensor.shape), bool) for tensor in inputs]
