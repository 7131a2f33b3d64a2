"""`tf.strings`: functions of arrays of strings, on the host."""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from kjax.keras.core import doors
from kjax.keras.legacy.tensorflow.ragged import RaggedTensor, ragged
from kjax.keras.legacy.tensorflow.tensor import Tensor, as_bytes, unwrap, wide_here
from kjax.nn.features import hashing


def _texts(input: Any) -> np.ndarray:
    """An array of Python strings."""
    array = np.asarray(unwrap(input))
    found = np.empty(array.shape, object)
    items = array.reshape(-1).tolist()
    found.reshape(-1)[:] = [item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item) for item in items]
    return found


def _each(input: Any, function: Callable[[str], Any], dtype: Any = None) -> Any:
    if isinstance(input, RaggedTensor):
        return RaggedTensor([_each(row, function, dtype).value for row in input])
    texts = _texts(input)
    results = [function(text) for text in texts.reshape(-1).tolist()]
    if dtype is not None:
        numbers = np.array(results, dtype).reshape(texts.shape)
        return Tensor(numbers if wide_here() else jnp.asarray(numbers))
    found = np.empty(texts.shape, object)
    found.reshape(-1)[:] = [r.encode() if isinstance(r, str) else r for r in results]
    return Tensor(found)


def lower(input: Any, encoding: str = "", name: str | None = None) -> Any:
    """``tf.strings.lower``."""
    return _each(input, str.lower)


def upper(input: Any, encoding: str = "", name: str | None = None) -> Any:
    """``tf.strings.upper``."""
    return _each(input, str.upper)


def strip(input: Any, name: str | None = None) -> Any:
    """``tf.strings.strip``."""
    return _each(input, str.strip)


def regex_replace(input: Any, pattern: Any, rewrite: Any, replace_global: bool = True, name: str | None = None) -> Any:
    """``tf.strings.regex_replace``: patterns of RE2, which those of Python include but for ``\\\\pL`` and the like."""
    compiled = _pattern(pattern)
    target = re.sub(r"\\(\d)", r"\\g<\1>", str(_texts(rewrite)))
    return _each(input, lambda text: compiled.sub(target, text, count=0 if replace_global else 1))


def regex_full_match(input: Any, pattern: Any, name: str | None = None) -> Any:
    """``tf.strings.regex_full_match``."""
    compiled = _pattern(pattern)
    return _each(input, lambda text: compiled.fullmatch(text) is not None, bool)


def _pattern(pattern: Any) -> re.Pattern[str]:
    text = str(_texts(pattern))
    for posix, python in {"[:punct:]": re.escape("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"), "[:space:]": r"\s"}.items():
        text = text.replace(posix, python)
    return re.compile(re.sub(r"\\p\{?L[lu]?\}?", "a-zA-ZÀ-ÿ", text) if "[" in text else text)


def _splitter(sep: Any, maxsplit: int) -> Callable[[str], list[str]]:
    separator = None if sep is None else str(_texts(sep))
    return lambda text: text.split(separator or None, maxsplit)


def split(input: Any, sep: Any = None, maxsplit: int = -1, name: str | None = None) -> Any:
    """``tf.strings.split``: the words of one string, or rows of words."""
    return _rows(input, _splitter(sep, maxsplit))


def _rows(input: Any, cut: Callable[[str], list[str]]) -> Any:
    if isinstance(input, RaggedTensor):
        return RaggedTensor([_rows(row, cut) for row in input])
    texts = _texts(input)
    if texts.ndim == 0:
        return Tensor(_bytes(cut(str(texts.item()))))
    if texts.ndim > 1:
        return RaggedTensor([_rows(row, cut) for row in texts])
    return RaggedTensor([_bytes(cut(text)) for text in texts])


def _bytes(words: list[str]) -> np.ndarray:
    found = np.empty(len(words), object)
    found[:] = [word.encode() for word in words]
    return found


def unicode_split(input: Any, input_encoding: str = "UTF-8", errors: str = "replace", name: str | None = None) -> Any:
    """``tf.strings.unicode_split``: characters."""
    if input_encoding.upper() not in ("UTF-8", "UTF8"):
        input = unicode_transcode(input, input_encoding)
    return _rows(input, list)


def bytes_split(input: Any, name: str | None = None) -> Any:
    """``tf.strings.bytes_split``: bytes."""
    return _rows(input, lambda text: [bytes([b]).decode("latin-1") for b in text.encode()])


def unicode_decode(input: Any, input_encoding: str = "UTF-8", **options: Any) -> Any:
    """``tf.strings.unicode_decode``: code points."""
    if input_encoding.upper() not in ("UTF-8", "UTF8"):
        input = unicode_transcode(input, input_encoding)
    texts = _texts(input)
    if texts.ndim == 0:
        return Tensor(jnp.asarray([ord(c) for c in texts.item()], jnp.int32))
    return ragged([[ord(c) for c in text] for text in texts])


def join(inputs: Any, separator: str = "", name: str | None = None) -> Any:
    """``tf.strings.join``: strings of several arrays put together one by one."""
    arrays = np.broadcast_arrays(*[_texts(i) for i in inputs])
    rows = zip(*[a.reshape(-1).tolist() for a in arrays], strict=True)
    found = np.array([separator.join(row) for row in rows], object).reshape(arrays[0].shape)
    return Tensor(as_bytes(found))


def reduce_join(inputs: Any, axis: Any = None, keepdims: bool = False, separator: str = "", name: Any = None) -> Any:
    """``tf.strings.reduce_join``: the strings along an axis put together."""
    if isinstance(inputs, RaggedTensor):
        rows = [separator.join(_texts(row).reshape(-1).tolist()) for row in inputs]
        return Tensor(_bytes(rows) if axis in (-1, 1) else as_bytes(separator.join(rows)))
    texts = _texts(inputs)
    if axis is None:
        return Tensor(as_bytes(separator.join(texts.reshape(-1).tolist())))
    moved = np.moveaxis(texts, axis, -1)
    flat = moved.reshape(-1, moved.shape[-1]).tolist()
    found = np.array([separator.join(row) for row in flat], object).reshape(moved.shape[:-1])
    return Tensor(as_bytes(np.expand_dims(found, axis) if keepdims else found))


def length(input: Any, unit: str = "BYTE", name: str | None = None) -> Any:
    """``tf.strings.length``: bytes, or characters with ``unit='UTF8_CHAR'``."""
    return _each(input, lambda text: len(text.encode()) if unit == "BYTE" else len(text), np.int32)


def substr(input: Any, pos: Any, len: Any, unit: str = "BYTE", name: str | None = None) -> Any:
    """``tf.strings.substr``: a part of each string."""
    start, count = int(unwrap(pos)), int(unwrap(len))

    def cut(text: str) -> Any:
        whole: Any = text if unit != "BYTE" else text.encode()
        first = start if start >= 0 else builtins.len(whole) + start
        return whole[first:] if count < 0 else whole[first : first + count]

    return _each(input, cut)


def to_number(input: Any, out_type: Any = "float32", name: str | None = None) -> Any:
    """``tf.strings.to_number``."""
    return _each(input, float if "float" in str(out_type) else int, jnp.dtype(str(out_type)))


def as_string(input: Any, precision: int = -1, **options: Any) -> Any:
    """``tf.strings.as_string``."""
    array = np.asarray(unwrap(input))
    spec = f".{precision}f" if precision >= 0 else ".6f" if array.dtype.kind == "f" else ""
    found = np.empty(array.shape, object)
    found.reshape(-1)[:] = [format(item, spec).encode() for item in array.reshape(-1).tolist()]
    return Tensor(found)


def format_(template: str, inputs: Any, placeholder: str = "{}", **options: Any) -> Any:
    """``tf.strings.format``."""
    given = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    for value in given:
        template = template.replace(placeholder, str(np.asarray(unwrap(value))), 1)
    return Tensor(as_bytes(template))


def to_hash_bucket_fast(input: Any, num_buckets: int, name: str | None = None) -> Any:
    """``tf.strings.to_hash_bucket_fast``: a number below ``num_buckets`` for each string, by FarmHash."""
    return _each(input, lambda text: hashing.fingerprint(text.encode()) % int(num_buckets), np.int64)


def _murmur(data: bytes, seed: int = 0xDECAFCAFFE) -> int:
    """MurmurHash64A of bytes."""
    whole, multiplier = (1 << 64) - 1, 0xC6A4A7935BD1E995
    found = seed ^ (len(data) * multiplier & whole)
    cut = len(data) // 8 * 8
    for place in range(0, cut, 8):
        word = int.from_bytes(data[place : place + 8], "little") * multiplier & whole
        word = (word ^ (word >> 47)) * multiplier & whole
        found = (found ^ word) * multiplier & whole
    if data[cut:]:
        found = (found ^ int.from_bytes(data[cut:], "little")) * multiplier & whole
    found = (found ^ (found >> 47)) * multiplier & whole
    return found ^ (found >> 47)


def to_hash_bucket(input: Any, num_buckets: int, name: str | None = None) -> Any:
    """``tf.strings.to_hash_bucket``: a number below ``num_buckets`` for each string, by MurmurHash."""
    return _each(input, lambda text: _murmur(text.encode()) % int(num_buckets), np.int64)


_SCRIPTS = {"COMMON": 0, "ARABIC": 2, "CYRILLIC": 8, "DEVANAGARI": 10, "GREEK": 14, "HAN": 17, "CJK": 17, "HANGUL": 18, "HEBREW": 19,
            "HIRAGANA": 20, "KATAKANA": 22, "LATIN": 25, "THAI": 38}  # fmt: skip
"""Numbers of scripts in ICU, by the first word of the names of their characters."""


def unicode_script(input: Any, name: str | None = None) -> Any:
    """``tf.strings.unicode_script``: the script of each character, by ICU's numbers.

    Raises:
        NotImplementedError: letters of a script that is none of the common ones.
    """
    import unicodedata

    def script(number: int) -> int:
        character = chr(number)
        if not character.isalpha():
            return 0
        word = unicodedata.name(character, "").split(" ")[0]
        if word not in _SCRIPTS:
            raise NotImplementedError(f"tf.strings.unicode_script: the script of {character!r} is not known here")
        return _SCRIPTS[word]

    if isinstance(input, RaggedTensor):
        return RaggedTensor([np.asarray([script(int(n)) for n in np.asarray(row)], np.int32) for row in input.rows])
    numbers = np.asarray(unwrap(input))
    return Tensor(np.asarray([script(int(n)) for n in numbers.ravel()], np.int32).reshape(numbers.shape))


def to_hash_bucket_strong(input: Any, num_buckets: int, key: Any, name: str | None = None) -> Any:
    """``tf.strings.to_hash_bucket_strong``: the same by SipHash, with a key of two integers."""
    salt = [int(k) for k in key]
    return _each(input, lambda text: hashing.siphash(text.encode(), salt) % int(num_buckets), np.int64)


def normalize_utf8(input: Any, normalization_form: str = "NFC", name: str | None = None) -> Any:
    """``tensorflow_text.normalize_utf8``."""
    import unicodedata

    return _each(input, lambda text: unicodedata.normalize(normalization_form, text))  # type: ignore[arg-type]


def ngrams(data: Any, ngram_width: Any, separator: str = " ", **options: Any) -> Any:
    """``tf.strings.ngrams``: neighbouring words joined.

    Args:
        data: words, or rows of them.
        ngram_width: how many words; or several numbers.
        separator: what stands between them.
    """
    widths = [int(w) for w in np.ravel(ngram_width)]

    def of_row(words: list[str]) -> list[str]:
        return [separator.join(words[i : i + w]) for w in widths for i in range(len(words) - w + 1)]

    if isinstance(data, RaggedTensor):
        return RaggedTensor([_bytes(of_row([w.decode() for w in row])) for row in data.rows])
    texts = _texts(data)
    if texts.ndim == 1:
        return Tensor(_bytes(of_row(texts.tolist())))
    return Tensor(np.stack([_bytes(of_row(row)) for row in texts.tolist()]))


def unicode_encode(input: Any, output_encoding: str = "UTF-8", name: str | None = None, **options: Any) -> Any:
    """``tf.strings.unicode_encode``: numbers of characters as text."""

    def text(row: Any) -> bytes:
        return "".join(map(chr, np.asarray(row).tolist())).encode(output_encoding)

    if not isinstance(input, RaggedTensor) and np.ndim(unwrap(input)) == 1:
        return Tensor(as_bytes(np.asarray(text(unwrap(input)), object)))
    rows = input.rows if isinstance(input, RaggedTensor) else np.asarray(unwrap(input))
    return Tensor(as_bytes(np.asarray([text(row) for row in rows], object)))


def unicode_transcode(input: Any, input_encoding: str, output_encoding: str = "UTF-8", **options: Any) -> Any:
    """``tf.strings.unicode_transcode``: text in another encoding; what cannot be read becomes the replacement character."""

    def change(item: Any) -> bytes:
        raw = item if isinstance(item, bytes) else str(item).encode()
        return raw.decode(input_encoding, errors="replace").encode(output_encoding, errors="replace")

    array = as_bytes(unwrap(input))
    found = np.empty(array.shape, object)
    found.reshape(-1)[:] = [change(item) for item in array.reshape(-1).tolist()]
    return Tensor(found)


def unicode_split_with_offsets(input: Any, input_encoding: str = "UTF-8", **options: Any) -> Any:
    """``tf.strings.unicode_split_with_offsets``: the characters, and the byte at which each begins."""

    def starts(text: str) -> np.ndarray:
        sizes = [len(character.encode(input_encoding)) for character in text]
        return np.cumsum([0, *sizes])[:-1].astype(np.int64)

    texts = _texts(input)
    characters = unicode_split(input, input_encoding)
    if texts.ndim == 0:
        return characters, Tensor(starts(texts.item()))
    return characters, RaggedTensor([starts(text) for text in texts.tolist()])


def unsorted_segment_join(inputs: Any, segment_ids: Any, num_segments: int, separator: str = "", name: Any = None) -> Any:  # fmt: skip
    """``tf.strings.unsorted_segment_join``: the strings of each number, one behind the other."""
    texts, numbers = as_bytes(unwrap(inputs)).ravel().tolist(), np.ravel(np.asarray(unwrap(segment_ids))).tolist()
    rows = [[t for t, n in zip(texts, numbers, strict=True) if n == i] for i in range(int(unwrap(num_segments)))]
    return Tensor(as_bytes([separator.encode().join(row) for row in rows]))


def unicode_decode_with_offsets(input: Any, input_encoding: str = "UTF-8", **options: Any) -> Any:
    """``tf.strings.unicode_decode_with_offsets``: the numbers of characters, and the bytes at which they begin."""
    return unicode_decode(input, input_encoding), unicode_split_with_offsets(input, input_encoding)[1]


doors.tensors.fill(join_strings=join)
