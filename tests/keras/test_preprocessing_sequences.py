"""Texts and sequences on the host: padding, skip-grams, windows of series, tokenizers.

The expected values were computed with keras-preprocessing 1.1.2.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from kjax.keras.preprocessing import sequence, text

TEXTS = ["The cat sat on the mat.", "The dog, the dog!", "A bird\tflew"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, [[1, 2, 3], [0, 0, 0], [0, 0, 4]]),
        ({"maxlen": 2}, [[2, 3], [0, 0], [0, 4]]),
        ({"maxlen": 4, "padding": "post", "value": -1}, [[1, 2, 3, -1], [-1] * 4, [4, -1, -1, -1]]),
        ({"maxlen": 2, "truncating": "post", "padding": "post"}, [[1, 2], [0, 0], [4, 0]]),
    ],
)
def test_pad_sequences(arguments: dict[str, Any], expected: list[list[int]]) -> None:
    padded = sequence.pad_sequences([[1, 2, 3], [], [4]], **arguments)
    assert padded.tolist() == expected and padded.dtype == "int32"


def test_pad_sequences_of_vectors_and_strings() -> None:
    vectors = sequence.pad_sequences([[[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]]], dtype="float32")
    assert vectors.tolist() == [[[0, 0], [1, 2]], [[3, 4], [5, 6]]]
    assert sequence.pad_sequences([["a"], ["b", "c"]], dtype=object, value="-").tolist() == [["-", "a"], ["b", "c"]]
    assert sequence.pad_sequences([], maxlen=3).shape == (0, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sequences": 3}, "list of lists"),
        ({"sequences": [1, 2]}, "iterables"),
        ({"sequences": [[1]], "padding": "both"}, "padding"),
        ({"sequences": [[1]], "truncating": "both"}, "truncating"),
        ({"sequences": [[1]], "value": "x"}, "dtype=object"),
        ({"sequences": [[[1, 2]], [[1, 2, 3]]]}, "items of shape"),
    ],
)
def test_bad_sequences(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sequence.pad_sequences(**arguments)


def test_sampling_table() -> None:
    np.testing.assert_allclose(
        sequence.make_sampling_table(6), [0.003153, 0.003153, 0.005474, 0.007420, 0.009126, 0.010675], rtol=1e-3
    )


def test_skipgrams_are_those_of_the_seed() -> None:
    random.seed(1)
    pairs, labels = sequence.skipgrams([1, 2, 0, 3], 5, window_size=1, negative_samples=1.0)
    assert pairs == [[1, 3], [1, 2], [2, 1], [2, 1]] and labels == [0, 1, 1, 0]
    pairs, labels = sequence.skipgrams([1, 2, 3], 5, window_size=1, categorical=True, negative_samples=0, seed=2)
    assert sorted(pairs) == [[1, 2], [2, 1], [2, 3], [3, 2]] and labels == [[0, 1]] * 4
    assert sequence.skipgrams([1, 2, 3], 5, sampling_table=[0.0] * 5) == ([], [])


def test_timeseries_generator() -> None:
    data = np.arange(50).reshape(25, 2)
    windows = sequence.TimeseriesGenerator(data, data[:, 0], length=6, sampling_rate=2, stride=3, batch_size=3)
    assert len(windows) == 3
    x, y = windows[1]
    assert x.shape == (3, 3, 2) and x[0, :, 0].tolist() == [18, 22, 26] and y.tolist() == [30, 36, 42]
    backwards = sequence.TimeseriesGenerator(data, data[:, 0], length=2, reverse=True, batch_size=1)
    assert backwards[0][0].tolist() == [[[2, 3], [0, 1]]]
    np.random.seed(0)
    mixed = sequence.TimeseriesGenerator(data, data, length=6, shuffle=True, batch_size=4, start_index=3, end_index=20)
    assert mixed[0][1][:, 0].tolist() == [28, 18, 24, 40]
    again = sequence.timeseries_generator_from_json(windows.to_json())
    assert again.batch_size == 3 and again.start_index == windows.start_index + 6, "as in Keras"
    for arguments, message in [({"targets": data[1:]}, "same length"), ({"targets": data, "length": 25}, "no step")]:
        with pytest.raises(ValueError, match=message):
            sequence.TimeseriesGenerator(data, **({"length": 2} | arguments))


def test_words_and_hashes() -> None:
    assert text.text_to_word_sequence(TEXTS[0]) == ["the", "cat", "sat", "on", "the", "mat"]
    assert text.text_to_word_sequence("a-b|c", filters="-", lower=False, split="|") == ["a", "b", "c"]
    assert text.hashing_trick(TEXTS[0], 50, "md5") == [43, 32, 29, 3, 43, 29]
    assert all(1 <= i < 7 for i in text.one_hot(TEXTS[0], 7))
    assert text.hashing_trick("a b", 10, len) == [2, 2]


def test_tokenizer() -> None:
    tokenizer = text.Tokenizer()
    tokenizer.fit_on_texts(TEXTS)
    assert list(tokenizer.word_index)[:3] == ["the", "dog", "cat"] and tokenizer.document_count == 3
    sequences = tokenizer.texts_to_sequences(["the unknown cat", ["Dog", "bird"]])
    assert sequences == [[1, 3], [2, 8]]
    assert tokenizer.sequences_to_texts(sequences) == ["the cat", "dog bird"]
    counts = tokenizer.texts_to_matrix(["the the cat"], "count")
    assert counts.shape == (1, 10) and counts[0, [1, 3]].tolist() == [2, 1]
    np.testing.assert_allclose(tokenizer.texts_to_matrix(["the the cat"], "freq")[0, [1, 3]], [2 / 3, 1 / 3])
    weighted = tokenizer.texts_to_matrix(["the the cat"], "tfidf")[0, [1, 3]]
    np.testing.assert_allclose(weighted, [(1 + np.log(2)) * np.log(2), np.log(2.5)])


def test_tokenizer_with_a_limit_and_a_token_for_unknown_words() -> None:
    tokenizer = text.Tokenizer(num_words=4, oov_token="<oov>")
    tokenizer.fit_on_texts(TEXTS)
    assert tokenizer.word_index["<oov>"] == 1
    assert tokenizer.texts_to_sequences(["the bird dog zebra"]) == [[2, 1, 3, 1]]
    assert tokenizer.sequences_to_texts([[2, 8, 99]]) == ["the <oov> <oov>"]
    assert tokenizer.texts_to_matrix(["the dog"]).tolist() == [[0, 0, 1, 1]]
    letters = text.Tokenizer(char_level=True)
    letters.fit_on_texts(["abca"])
    assert letters.texts_to_sequences(["cab!"]) == [[3, 1, 2]]


def test_tokenizers_travel_as_json() -> None:
    tokenizer = text.Tokenizer(num_words=5, lower=False)
    tokenizer.fit_on_texts(TEXTS)
    again = text.tokenizer_from_json(tokenizer.to_json(indent=1))
    assert again.texts_to_sequences(TEXTS) == tokenizer.texts_to_sequences(TEXTS)
    np.testing.assert_array_equal(again.texts_to_matrix(TEXTS, "tfidf"), tokenizer.texts_to_matrix(TEXTS, "tfidf"))


def test_fit_on_sequences_and_bad_tokenizers() -> None:
    tokenizer = text.Tokenizer(num_words=4)
    with pytest.raises(ValueError, match="needs documents"):
        tokenizer.sequences_to_matrix([[1]], "tfidf")
    tokenizer.fit_on_sequences([[1, 1, 2], [2]])
    assert tokenizer.index_docs == {1: 1, 2: 2} and tokenizer.document_count == 2
    with pytest.raises(ValueError, match="unknown vectorization mode"):
        tokenizer.sequences_to_matrix([[1]], "log")
    with pytest.raises(ValueError, match="no vocabulary"):
        text.Tokenizer().sequences_to_matrix([[1]])
    with pytest.raises(TypeError, match="words"):
        text.Tokenizer(words=3)
    with pytest.warns(UserWarning, match="num_words"):
        assert text.Tokenizer(nb_words=3).num_words == 3
