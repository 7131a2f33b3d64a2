"""Bases and functions of the preprocessing and recurrent layers that Keras has inside."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax.core import Tracer

from kjax.keras import random
from kjax.keras.features import lookup
from kjax.keras.legacy.bases import _Base
from kjax.nn.features import bins

HORIZONTAL, VERTICAL, HORIZONTAL_AND_VERTICAL = "horizontal", "vertical", "horizontal_and_vertical"
"""Modes of RandomFlip."""

summarize, compress_summary, merge_summaries, get_bin_boundaries = (
    bins.summarize,
    bins.compress,
    bins.merge,
    bins.boundaries,
)


def listify_tensors(x: Any) -> Any:
    """Arrays as lists, for configs; other things as they are."""
    return x.tolist() if hasattr(x, "tolist") else x


class IndexLookup(lookup.IndexLookup):
    """Tokens of either type as indices or rows of numbers: what StringLookup and IntegerLookup have in common.

    Args:
        max_tokens: see :class:`kjax.keras.features.lookup.IndexLookup`, like all that is not named here.
        vocabulary_dtype: ``'string'`` or a type of integers.
    """

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary_dtype: str,
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        name: str | None = None,
        salt: Any = None,
        **kwargs: Any,
    ) -> None:
        self.integers = vocabulary_dtype != "string"
        self.vocabulary_dtype = vocabulary_dtype
        given = {k: v for k, v in locals().items() if k not in ("self", "kwargs", "vocabulary_dtype", "__class__")}
        super().__init__(**given, **kwargs)

    @property
    def takes_strings(self) -> bool:
        """Strings come in where tokens are strings and are looked up."""
        return not self.integers and not self.invert

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer."""
        more = {"vocabulary_dtype": self.vocabulary_dtype, "oov_method": self.oov_method}
        return {**super().get_config(), **more}


class DropoutRNNCell(metaclass=_Base):
    """Masks for dropout that stay the same at all times of a sequence, for cells that users write.

    The cell has attributes ``dropout`` and ``recurrent_dropout`` (rates), may have a ``seed_generator``, and with a
    ``dropout_mask_count`` gets a list of as many masks. Outside of compiled calls a mask is kept until it is reset. In
    a compiled run over a sequence nothing is kept: there the numbers that a cell draws are the same at all times.
    """

    members = ("GRUCell", "LSTMCell", "SimpleRNNCell")

    def _masks(self, kept: str, rate: float, like: Any) -> Any:
        if rate <= 0:
            return None
        if isinstance(like, Tracer):
            return self._draw(rate, like, None)
        if self.__dict__.get(kept) is None:
            object.__setattr__(self, kept, self._draw(rate, like, getattr(self, "seed_generator", None)))
        return self.__dict__[kept]

    def _draw(self, rate: float, like: Any, seed: random.SeedGenerator | None) -> Any:
        ones = jnp.ones(like.shape, like.dtype)
        count = getattr(self, "dropout_mask_count", None)
        if count is None:
            return random.dropout(ones, rate, seed=seed)
        return [random.dropout(ones, rate, seed=seed) for _ in range(count)]

    def get_dropout_mask(self, step_input: Any) -> Any:
        """The mask, or masks, for inputs, already scaled; None where nothing is dropped."""
        return self._masks("_dropout_mask", getattr(self, "dropout", 0), step_input)

    def get_recurrent_dropout_mask(self, step_input: Any) -> Any:
        """The mask, or masks, for states, already scaled; None where nothing is dropped."""
        return self._masks("_recurrent_dropout_mask", getattr(self, "recurrent_dropout", 0), step_input)

    def reset_dropout_mask(self) -> None:
        """Forget what :meth:`get_dropout_mask` keeps."""
        object.__setattr__(self, "_dropout_mask", None)

    def reset_recurrent_dropout_mask(self) -> None:
        """Forget what :meth:`get_recurrent_dropout_mask` keeps."""
        object.__setattr__(self, "_recurrent_dropout_mask", None)


class DropoutRNNCellMixin(DropoutRNNCell):
    """The same as cells of tf.keras 2 ask for it: with the mode and the number of masks in the call."""

    def _masks_of(self, kept: str, rate: float, like: Any, training: Any, count: int) -> Any:
        if not rate:
            return None
        if not training:
            ones = jnp.ones(like.shape, like.dtype)
            return [ones] * count if count > 1 else ones
        object.__setattr__(self, "dropout_mask_count", count if count > 1 else None)
        return self._masks(kept, rate, like)

    def get_dropout_mask_for_cell(self, inputs: Any, training: Any, count: int = 1) -> Any:
        """The mask for inputs, or a list of ``count`` of them; None where nothing is dropped."""
        return self._masks_of("_dropout_mask", getattr(self, "dropout", 0), inputs, training, count)

    def get_recurrent_dropout_mask_for_cell(self, inputs: Any, training: Any, count: int = 1) -> Any:
        """The mask for states, or a list of ``count`` of them; None where nothing is dropped."""
        return self._masks_of("_recurrent_dropout_mask", getattr(self, "recurrent_dropout", 0), inputs, training, count)
