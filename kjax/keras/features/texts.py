"""TextVectorization: texts as rows of word indices, or as rows of counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import numpy as np

from kjax.keras.core import configs
from kjax.keras.core import scope as scopes
from kjax.keras.core.preprocessing import batches_of
from kjax.keras.features.host import HostLayer, as_strings
from kjax.keras.features.lookup import StringLookup, mode_of
from kjax.nn.features import words
from kjax.nn.features.vocabulary import encode_indices


def _choice(value: Any, allowed: tuple[str, ...], argument: str) -> Any:
    if value is None or value in allowed or callable(value):
        return value
    raise ValueError(
        f"TextVectorization: argument `{argument}` must be None, a function, or one of {', '.join(allowed)}; received "
        f"{value!r}"
    )


class TextVectorization(HostLayer):
    """Texts as word indices or as rows of numbers: standardized, split, joined to n-grams, looked up.

    Args:
        max_tokens: size of the vocabulary, padding and the unknown word included; None for no limit.
        standardize: ``'lower_and_strip_punctuation'``, ``'lower'``, ``'strip_punctuation'``, None, or a function from an
            array of strings to one.
        split: ``'whitespace'``, ``'character'``, None (each string is a word), or a function from an array of strings
            to a list of lists of words.
        ngrams: largest number of words of an n-gram, or a tuple with each number.
        output_mode: ``'int'``, ``'multi_hot'``, ``'count'``, ``'tf_idf'`` or ``'one_hot'``.
        output_sequence_length: length of the rows of indices; that of the longest text by default.
        pad_to_max_tokens: rows of ``max_tokens`` numbers whatever the size of the vocabulary.
        vocabulary: the words, or a file with a word on each line.
        idf_weights: weights of the words for ``'tf_idf'``.
        sparse: whether rows are sparse arrays, see :class:`HostLayer`.
        ragged: whether rows keep their lengths (``tf.RaggedTensor``, in scripts of TensorFlow) where the layer is called on
            data; inside models they are filled up with zeros.
        encoding: encoding of bytes.
        name: the layer's name.
        **kwargs: those of every layer.
    """

    takes_strings = True

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: Any = "lower_and_strip_punctuation",
        split: Any = "whitespace",
        ngrams: Any = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if ragged and (scopes.recorder is None or output_mode != "int"):
            raise ValueError(
                "TextVectorization: ragged outputs are made in scripts of TensorFlow, with output_mode='int'; elsewhere rows "
                "are filled up with zeros"
            )
        self.ragged = bool(ragged)
        from_config = {name: kwargs.pop(name, None) for name in ("has_input_vocabulary", "vocabulary_size")}
        super().__init__(name=name, **kwargs)
        self._standardize = _choice(standardize, words.STANDARDIZE, "standardize")
        self._split = _choice(split, words.SPLIT, "split")
        try:
            self._output_mode = mode_of(output_mode)
        except ValueError as error:
            raise ValueError(f"TextVectorization: argument `output_mode` {error}") from error
        widths = tuple(range(1, ngrams + 1)) if isinstance(ngrams, int) else ngrams
        if widths is not None and not all(isinstance(n, int) for n in widths):
            raise ValueError(
                f"TextVectorization: argument `ngrams` must be None, an integer or integers, received {ngrams!r}"
            )
        length = output_sequence_length
        if length is not None and self._output_mode != "int":
            raise ValueError("TextVectorization: `output_sequence_length` needs output_mode='int'")
        if length is not None and (not isinstance(length, int) or length < 1):
            raise ValueError(
                f"TextVectorization: argument `output_sequence_length` must be None or a positive integer, received {length!r}"
            )
        self._ngrams_arg, self._ngrams = ngrams, None if widths is None else tuple(widths)
        self._output_sequence_length = length
        self.sparse = bool(sparse)
        self._encoding = encoding
        lookup = StringLookup(
            max_tokens=max_tokens,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            pad_to_max_tokens=pad_to_max_tokens,
            mask_token="",
            output_mode=self._output_mode,
            sparse=sparse,
            encoding=encoding,
            name=f"{self.name}_lookup",
            **from_config,
        )
        # Not a layer inside this one for files and summaries: what it learned is this layer's.
        object.__setattr__(self, "_lookup_layer", lookup)

    @property
    def _table(self) -> StringLookup:
        return self.__dict__["_lookup_layer"]

    def _members(self) -> Any:
        return iter(())

    # -- the vocabulary ------------------------------------------------------------------------------------------

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """The words in the order of their indices."""
        return self._table.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """Number of indices, padding and the unknown word included."""
        return self._table.vocabulary_size()

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Replace the vocabulary; arguments as those of :meth:`StringLookup.set_vocabulary`."""
        self._table.set_vocabulary(vocabulary, idf_weights)

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learn the vocabulary from texts; what was learned before is forgotten.

        Args:
            data: an array or list of texts, or an iterable of batches of them.
            batch_size: accepted for compatibility.
            steps: number of batches to take; all by default.
        """
        del batch_size
        self.reset_state()
        given = isinstance(data, (list, tuple)) or hasattr(data, "shape")
        for batch in [data] if given else batches_of(data, steps):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Count the words of a batch of texts."""
        self._table.count(self._rows(data)[0])

    def finalize_state(self) -> None:
        """Make the vocabulary from what was counted."""
        self._table.finalize_state()

    def reset_state(self) -> None:
        """Forget what was counted."""
        self._table.reset_state()

    # -- the layer -----------------------------------------------------------------------------------------------

    def _rows(self, inputs: Any) -> tuple[list[list[str]], tuple[int, ...]]:
        """The words of each text, and the shape of the texts."""
        texts = as_strings(inputs, self._encoding)
        if callable(self._standardize):
            texts = as_strings(self._standardize(texts.astype(str)), self._encoding)
        else:
            flat = [words.standardize(text, self._standardize) for text in texts.reshape(-1).tolist()]
            texts = as_strings(np.array(flat, object).reshape(texts.shape))
        if self._split is None:
            rows = texts.reshape(texts.shape[0], -1).tolist() if texts.ndim > 1 else [[t] for t in texts.reshape(-1)]
            return self._joined(rows), texts.shape
        if texts.ndim > 1:
            if texts.shape[-1] != 1:
                raise ValueError(
                    f"{self.name!r}: texts to split must have one axis, or a last axis of size 1, received shape {texts.shape}"
                )
            texts = texts[..., 0]
        shape = texts.shape
        flat = texts.reshape(-1)
        if callable(self._split):
            rows = _as_rows(self._split, flat, self._encoding)
        else:
            rows = [words.split(text, self._split) for text in flat.tolist()]
        return self._joined(rows), shape

    def _joined(self, rows: list[list[str]]) -> list[list[str]]:
        return rows if self._ngrams is None else [words.ngrams(row, self._ngrams) for row in rows]

    def compute(self, inputs: Any) -> np.ndarray:
        """Rows of indices or of numbers."""
        rows, shape = self._rows(inputs)
        table = self._table
        flat = np.array([word for row in rows for word in row], object)
        found = table._vocabulary.indices(flat, table._table)
        lengths = [len(row) for row in rows]
        single = len(shape) == 0
        if self._output_mode == "int":
            length = max(lengths, default=0)
            if self._output_sequence_length is not None:
                length = self._output_sequence_length
            result = np.zeros((len(rows), length), np.int64)
        else:
            table._need_vocabulary()
            result = np.zeros((len(rows), table.depth), np.float32 if self._output_mode == "tf_idf" else np.int64)
        start = 0
        for row, count in zip(result, lengths, strict=True):
            mine = found[start : start + count]
            start += count
            if self._output_mode == "int":
                row[: min(count, len(row))] = mine[: len(row)]
            elif self._output_mode == "one_hot" and count != 1:
                raise ValueError(f"{self.name!r}: output_mode 'one_hot' needs texts of one word, one has {count}")
            else:
                mode = "count" if self._output_mode == "one_hot" else self._output_mode
                row[:] = encode_indices(mine, mode, table.depth, table.idf_weights)
        if (
            self._split is None
            and self._output_mode == "int"
            and self._output_sequence_length is None
            and len(shape) == 1
        ):
            return result[:, 0] if self._ngrams is None else result
        return (
            result[0]
            if single
            else result.reshape((*shape[: max(len(shape), 1)], -1))
            if len(shape) > 1 and self._split is not None
            else result
        )

    def output_shape_for(self, shape: Any) -> tuple[int | None, ...]:
        """Shape of the outputs."""
        shape = tuple(shape)
        kept = shape[:-1] if len(shape) > 1 else shape
        if self._output_mode == "int":
            return (*kept, self._output_sequence_length)
        self._table._need_vocabulary()
        return (*kept, self._table.depth)

    @property
    def result_dtype(self) -> str:
        """Type of the outputs."""
        return self._table.result_dtype

    # -- configs and files ---------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer, a learned vocabulary among them unless a file keeps it as an asset."""
        table = self._table.get_config()

        def written(value: Any) -> Any:
            return configs.serialize_keras_object(value) if callable(value) else value

        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": "string",
            "max_tokens": table["max_tokens"],
            "standardize": written(self._standardize),
            "split": written(self._split),
            "ngrams": self._ngrams_arg,
            "output_mode": self._output_mode,
            "output_sequence_length": self._output_sequence_length,
            "pad_to_max_tokens": table["pad_to_max_tokens"],
            "sparse": self.sparse,
            "ragged": self.ragged,
            "vocabulary": table["vocabulary"],
            "idf_weights": table["idf_weights"],
            "encoding": self._encoding,
            "vocabulary_size": table["vocabulary_size"],
            "has_input_vocabulary": table["has_input_vocabulary"],
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Make a layer from what :meth:`get_config` returned."""
        config = {k: v for k, v in config.items() if k != "dtype"}
        if config.get("vocabulary") is None:
            config["has_input_vocabulary"] = False
        for name in ("standardize", "split"):
            if isinstance(config.get(name), Mapping):
                config[name] = configs.deserialize_keras_object(config[name])
        if isinstance(config.get("ngrams"), list):
            config["ngrams"] = tuple(config["ngrams"])
        return cls(**config)

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Put the weights of the words into a file."""
        self._table.save_own_variables(store)

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Take the weights of the words from a file."""
        self._table.load_own_variables(store)

    def save_assets(self, dir_path: Any) -> None:
        """Write the vocabulary to ``vocabulary.txt`` in a folder."""
        self._table.save_assets(dir_path)

    def load_assets(self, dir_path: Any) -> None:
        """Read the vocabulary from ``vocabulary.txt`` in a folder."""
        self._table.load_assets(dir_path)


def _as_rows(split: Callable[[Any], Any], texts: np.ndarray, encoding: str) -> list[list[str]]:
    """What a user's function makes of an array of texts, or of each text."""
    try:
        result = split(texts.astype(str))
        rows = result.tolist() if hasattr(result, "tolist") else list(result)
    except (AttributeError, TypeError):  # a function of one text, such as str.split
        rows = [split(text) for text in texts.tolist()]
    return [[w.decode(encoding) if isinstance(w, bytes) else w for w in row] for row in rows]
