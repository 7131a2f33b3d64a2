"""StringLookup and IntegerLookup: tokens as indices or rows, and back; vocabularies given, learned, or from files."""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from typing import Any

import numpy as np

from kjax.keras.core import assets
from kjax.keras.core.preprocessing import batches_of
from kjax.keras.features.host import HostLayer, as_strings, float_type
from kjax.nn import arguments as arg
from kjax.nn.features.encoding import encoded_shape
from kjax.nn.features.vocabulary import Counts, Vocabulary, clean, encode_indices

MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
SPELLINGS = {"binary": "multi_hot", "tf-idf": "tf_idf"}


def mode_of(value: Any) -> str:
    """One of :data:`MODES`, in old spellings too."""
    return arg.choice(*MODES)(SPELLINGS.get(value, value))


def salt_of(value: Any, who: str) -> tuple[int, int] | None:
    """Two integers from one or two.

    Raises:
        ValueError: anything else.
    """
    if value is None:
        return None
    if isinstance(value, (list, tuple)) and len(value) == 2:
        return int(value[0]), int(value[1])
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return int(value), int(value)
    raise ValueError(f"{who}: argument `salt` must be an integer or two of them, received {value!r}")


def read_vocabulary(path: Any, integers: bool) -> list[Any]:
    """The tokens of a file, one a line.

    Raises:
        ValueError: no such file.
    """
    if not os.path.exists(path):
        raise ValueError(f"the vocabulary file {os.fspath(path)!r} does not exist")
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    while lines and lines[-1] == "":
        lines.pop()
    return [int(line) for line in lines] if integers else lines


class IndexLookup(HostLayer):
    """What the two layers share.

    Args:
        max_tokens: size of the vocabulary, special tokens included; None for no limit.
        num_oov_indices: indices for unknown tokens: 0 refuses them, several are chosen by hash (integers by remainder).
        mask_token: token that gets index 0 and leaves no trace in rows.
        oov_token: what unknown tokens are called by ``invert`` and :meth:`get_vocabulary`.
        vocabulary: the tokens, with or without the special ones in front; or a file with a token on each line.
        idf_weights: weights of the tokens for ``'tf_idf'``.
        invert: turn indices into tokens.
        output_mode: ``'int'``: indices; ``'one_hot'``: a row for each; ``'multi_hot'``, ``'count'``: a row for each sample;
            ``'tf_idf'``: counts times weights.
        sparse: whether rows are sparse arrays, see :class:`HostLayer`.
        pad_to_max_tokens: rows of ``max_tokens`` numbers whatever the size of the vocabulary.
        oov_method: ``'floormod'`` or ``'farmhash'``: how integers choose among several indices for unknown ones.
        salt: one or two integers for the hash.
        name: the layer's name.
        vocabulary_size: number of indices, for the shapes of a layer whose vocabulary comes later, from a file.
        has_input_vocabulary: whether the vocabulary was given by a user, not learned; what configs say of it.
        **kwargs: those of every layer.
    """

    integers = False
    encoding = "utf-8"

    def __init__(
        self,
        *,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary: Any,
        idf_weights: Any,
        invert: bool,
        output_mode: str,
        sparse: bool,
        pad_to_max_tokens: bool,
        salt: Any,
        name: str | None,
        oov_method: str = "floormod",
        vocabulary_size: int | None = None,
        has_input_vocabulary: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        who = type(self).__name__
        if max_tokens is not None and max_tokens <= 1:
            raise ValueError(f"{who}: argument `max_tokens` must be greater than 1, received {max_tokens}")
        if num_oov_indices < 0:
            raise ValueError(f"{who}: argument `num_oov_indices` must be at least 0, received {num_oov_indices}")
        if pad_to_max_tokens and max_tokens is None:
            raise ValueError(f"{who}: pad_to_max_tokens=True needs `max_tokens`")
        if sparse and output_mode == "int":
            raise ValueError(f"{who}: `sparse` is for rows, of another `output_mode` than 'int'")
        if oov_method not in ("floormod", "farmhash"):
            raise ValueError(f"{who}: argument `oov_method` must be 'floormod' or 'farmhash', received {oov_method!r}")
        if salt is not None and self.integers and oov_method != "farmhash":
            raise ValueError(f"{who}: argument `salt` needs oov_method='farmhash'")
        try:
            self.output_mode = mode_of(output_mode)
        except ValueError as error:
            raise ValueError(f"{who}: argument `output_mode` {error}") from error
        if invert and self.output_mode != "int":
            raise ValueError(f"{who}: invert=True needs output_mode='int', received {output_mode!r}")
        if idf_weights is not None and self.output_mode != "tf_idf":
            raise ValueError(f"{who}: argument `idf_weights` needs output_mode='tf_idf', received {output_mode!r}")
        self.max_tokens = max_tokens
        self.num_oov_indices = num_oov_indices
        self.mask_token = mask_token
        self.oov_token = oov_token
        self.invert = invert
        self.sparse = bool(sparse)
        self.pad_to_max_tokens = pad_to_max_tokens
        self.oov_method = oov_method
        self.salt = salt_of(salt, who)
        self.idf_weights: np.ndarray | None = None
        self._expected_size = vocabulary_size
        self._fixed = vocabulary is not None if has_input_vocabulary is None else has_input_vocabulary
        # What a user gave as a list stays in configs; a file's content, like what was learned, is an asset.
        self._in_config = self._fixed and not isinstance(vocabulary, (str, os.PathLike))
        self._counts = Counts()
        self._use(())
        if vocabulary is not None:
            if self.output_mode == "tf_idf" and idf_weights is None:
                raise ValueError(f"{who}: a `vocabulary` with output_mode='tf_idf' needs `idf_weights` too")
            self.set_vocabulary(vocabulary, idf_weights)

    def _use(self, tokens: tuple[Any, ...]) -> None:
        self._vocabulary = Vocabulary(
            tokens,
            self.mask_token,
            self.oov_token,
            self.num_oov_indices,
            self.output_mode == "int",
            self.oov_method == "farmhash",
            self.salt,
        )
        self._table = self._vocabulary.table()

    # -- the vocabulary ------------------------------------------------------------------------------------------

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The tokens in the order of their indices.

        Args:
            include_special_tokens: with the mask and unknown tokens in front.
        """
        words = self._vocabulary.words()
        return words if include_special_tokens else words[self._vocabulary.first_token :]

    def vocabulary_size(self) -> int:
        """Number of indices, the special ones included."""
        return self._vocabulary.size

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Replace the vocabulary.

        Args:
            vocabulary: list or array of tokens, with or without the special ones in front, or a file name.
            idf_weights: a weight for each token, for ``'tf_idf'``.

        Raises:
            ValueError: no, repeated, reserved or too many tokens, or weights that do not fit.
        """
        if (self.output_mode == "tf_idf") != (idf_weights is not None):
            need = "are needed" if self.output_mode == "tf_idf" else "are only taken"
            raise ValueError(f"{self.name!r}: `idf_weights` {need} with output_mode='tf_idf'")
        if isinstance(vocabulary, (str, os.PathLike)):
            if self.output_mode == "tf_idf":
                raise ValueError(f"{self.name!r}: output_mode 'tf_idf' does not support a vocabulary file")
            vocabulary = read_vocabulary(vocabulary, self.integers)
        given = [t.decode(self.encoding) if isinstance(t, bytes) else t for t in np.asarray(vocabulary).tolist()]
        try:
            tokens, begins = clean(given, self._vocabulary, self.invert)
        except ValueError as error:
            raise ValueError(f"{self.name!r}: {error}") from None
        size = self._vocabulary.first_token + len(tokens)
        if self.max_tokens is not None and size > self.max_tokens:
            raise ValueError(
                f"{self.name!r}: the vocabulary has {size} tokens with the special ones, but max_tokens is {self.max_tokens}"
            )
        weights = None
        if idf_weights is not None:
            weights = np.asarray(idf_weights, np.float32)
            if weights.ndim != 1 or len(weights) != len(given):
                raise ValueError(
                    f"{self.name!r}: `idf_weights` must hold one number for each of the {len(given)} tokens, received "
                    f"shape {weights.shape}"
                )
            if not begins:
                weights = np.pad(weights, (self._vocabulary.first_token, 0), constant_values=float(weights.mean()))
        self._use(tokens)
        self._set_weights(weights)

    def _set_weights(self, weights: np.ndarray | None) -> None:
        if weights is not None and self.pad_to_max_tokens and self.max_tokens is not None:
            weights = np.pad(weights, (0, self.max_tokens - len(weights)))
        self.idf_weights = weights

    # -- learning it ---------------------------------------------------------------------------------------------

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn the vocabulary from data; what was learned before is forgotten.

        Args:
            data: an array or list of samples, or an iterable of batches.
            steps: number of batches to take; all by default.
        """
        self.reset_state()
        if isinstance(data, (list, tuple)) or hasattr(data, "shape"):
            values = self._values(data)
            self.update_state(values.reshape(-1, 1) if values.ndim == 1 else values)
        else:
            for batch in batches_of(data, steps):
                self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Count the tokens of a batch."""
        values = self._values(data)
        self.count(np.atleast_2d(values).reshape(values.shape[0] if values.ndim > 1 else 1, -1).tolist())

    def count(self, rows: Any) -> None:
        """Count the tokens of documents.

        Raises:
            ValueError: the vocabulary was given as an argument.
        """
        if self._fixed:
            raise ValueError(f"{self.name!r} was made with a `vocabulary`; it does not adapt")
        self._counts.add(rows)

    def finalize_state(self) -> None:
        """Make the vocabulary from what was counted."""
        if self._fixed or not self._counts.tokens:
            return
        first = self._vocabulary.first_token
        limit = None if self.max_tokens is None else self.max_tokens - first
        tokens = self._counts.most_common([self.mask_token, self.oov_token], limit)
        self._use(tuple(tokens))
        if self.output_mode == "tf_idf":
            weights = self._counts.inverse_document_frequency(tokens)
            self._set_weights(np.pad(weights, (first, 0), constant_values=float(weights.mean())))
        self.reset_state()

    def reset_state(self) -> None:
        """Forget what was counted."""
        self._counts = Counts()

    # -- the layer -----------------------------------------------------------------------------------------------

    def _values(self, inputs: Any) -> np.ndarray:
        if self.integers or self.invert:
            values = np.asarray(inputs)
            if values.dtype.kind not in "iub" and not (values.dtype.kind == "f" and not values.size):
                raise TypeError(f"{self.name!r} takes integers, received an array of {values.dtype}")
            return values.astype(np.int64)
        return as_strings(inputs, self.encoding)

    def compute(self, inputs: Any) -> np.ndarray:
        """Indices, rows, or for ``invert`` tokens."""
        values = self._values(inputs)
        if self.invert:
            found = self._vocabulary.names(values)
            return found.astype(np.int64) if self.integers else found.astype(str)
        indices = self._vocabulary.indices(values, self._table)
        if self.output_mode == "int":
            return indices
        self._need_vocabulary()
        return encode_indices(indices, self.output_mode, self.depth, self.idf_weights)

    def _need_vocabulary(self) -> None:
        if not self._vocabulary.tokens and not self.pad_to_max_tokens and self._expected_size is None:
            raise RuntimeError(
                f"{self.name!r}: output_mode={self.output_mode!r} needs a vocabulary, which says how long the rows are: "
                "call adapt(data), or give `vocabulary`"
            )

    @property
    def depth(self) -> int:
        """Length of the rows."""
        if self.pad_to_max_tokens and self.max_tokens:
            return self.max_tokens
        if not self._vocabulary.tokens and self._expected_size is not None:
            return self._expected_size
        return self._vocabulary.size

    def output_shape_for(self, shape: Any) -> tuple[int | None, ...]:
        """Shape of the outputs."""
        if self.output_mode != "int":
            self._need_vocabulary()
        return encoded_shape(shape, self.output_mode, self.depth)

    @property
    def result_dtype(self) -> str:
        """Type of the outputs."""
        if self.invert:
            return "int64" if self.integers else "string"
        if self.output_mode == "tf_idf":
            return float_type()
        return "int64"

    # -- configs and files ---------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer, a learned vocabulary among them unless a file keeps it as an asset."""
        names = "invert max_tokens num_oov_indices oov_token mask_token output_mode sparse pad_to_max_tokens".split()
        config: dict[str, Any] = {"name": self.name, "trainable": self.trainable, "dtype": "int64"}
        config.update((name, getattr(self, name)) for name in names)
        written = self._in_config or not assets.kept_apart()
        config["vocabulary"] = self.get_vocabulary() if self._vocabulary.tokens and written else None
        config["idf_weights"] = None if self.idf_weights is None or not written else self._own_weights().tolist()
        config["vocabulary_size"] = self.vocabulary_size() if self._vocabulary.tokens else self._expected_size
        config["has_input_vocabulary"] = self._fixed
        config["salt"] = None if self.salt is None else list(self.salt)
        return config

    def _own_weights(self) -> np.ndarray:
        assert self.idf_weights is not None
        return self.idf_weights[: self._vocabulary.size]

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Make a layer from what :meth:`get_config` returned."""
        config = {k: v for k, v in config.items() if k != "dtype"}
        if config.get("vocabulary") is None:
            config["has_input_vocabulary"] = False
        return cls(**config)

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Put the weights of the tokens into a file."""
        if self.idf_weights is not None:
            store["idf_weights"] = self.idf_weights

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Take the weights of the tokens from a file."""
        if "idf_weights" in store:
            self.idf_weights = np.asarray(store["idf_weights"], np.float32)

    def save_assets(self, dir_path: Any) -> None:
        """Write the vocabulary to ``vocabulary.txt`` in a folder, unless it is in the config."""
        if self._in_config:
            return
        path = os.path.join(dir_path, "vocabulary.txt")
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            file.write("\n".join(str(word) for word in self.get_vocabulary()))

    def load_assets(self, dir_path: Any) -> None:
        """Read the vocabulary from ``vocabulary.txt`` in a folder, unless it was in the config."""
        path = None if dir_path is None else os.path.join(dir_path, "vocabulary.txt")
        if self._in_config or path is None or not os.path.exists(path):
            return
        words = read_vocabulary(path, self.integers)
        specials = self._vocabulary.specials
        if words[: len(specials)] == [str(token) for token in specials]:
            words = [*specials, *words[len(specials) :]]
        if len(words) > len(specials):
            self.set_vocabulary(words, self._file_weights(len(words)))

    def _file_weights(self, size: int) -> np.ndarray | None:
        if self.output_mode != "tf_idf":
            return None
        if self.idf_weights is None:
            raise ValueError(f"{self.name!r}: the file has a vocabulary for it, and no `idf_weights`")
        return self.idf_weights[:size]


def _given(names: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a constructor, by name, from its local names."""
    left_out = ("self", "__class__", "kwargs", "encoding", "vocabulary_dtype")
    return {k: v for k, v in (names | names["kwargs"]).items() if k not in left_out}


class StringLookup(IndexLookup):
    """Strings as indices or rows of numbers; arguments as those of :class:`IndexLookup`.

    Args:
        encoding: encoding of bytes.
    """

    @property
    def takes_strings(self) -> bool:
        """Indices come in where tokens go out."""
        return not self.invert

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str | None = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: Any = None,
        **kwargs: Any,
    ) -> None:
        self.encoding = encoding
        super().__init__(**_given(locals()))

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer."""
        return {**super().get_config(), "encoding": self.encoding}


class IntegerLookup(IndexLookup):
    """Integers as indices or rows of numbers, inside compiled models too; arguments as those of :class:`IndexLookup`.

    Args:
        vocabulary_dtype: ``'int64'``.
    """

    integers = True

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if vocabulary_dtype != "int64":
            raise ValueError(
                f"IntegerLookup: argument `vocabulary_dtype` can only be 'int64', received {vocabulary_dtype!r}"
            )
        super().__init__(**_given(locals()))

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer."""
        return {**super().get_config(), "vocabulary_dtype": "int64", "oov_method": self.oov_method}
