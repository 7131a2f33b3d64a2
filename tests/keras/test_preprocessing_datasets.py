"""Data sets from folders and series: what is read, in which order, split how; the conveniences of tf.data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kjax import keras
from kjax.keras.preprocessing.dataset import Dataset
from kjax.keras.preprocessing.resample import KERNELS, resample
from kjax.nn.image import RESIZE_INTERPOLATIONS
from kjax.nn.ops.image import resize

P: Any = keras.preprocessing


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, texts and sounds of two classes, five of each."""
    pytest.importorskip("PIL")
    from scipy.io import wavfile

    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        for kind in ("pictures", "texts", "sounds"):
            (root / kind / name).mkdir(parents=True)
        for i in range(5):
            keras.utils.save_img(
                root / "pictures" / name / f"{i}.png", rng.integers(0, 256, (6 + i, 9, 3)), scale=False
            )
            (root / "texts" / name / f"{i}.txt").write_text(f"{name} {i}", "utf-8")
            wave = (rng.standard_normal((20 + i, 2)) * 3000).astype("int16")
            wavfile.write(root / "sounds" / name / f"{i}.wav", 8000, wave)
    return root


def read(dataset: Any) -> tuple[np.ndarray, np.ndarray]:
    x, y = zip(*dataset, strict=True)
    return np.concatenate(x), np.concatenate(y)


def test_pictures(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = P.image_dataset_from_directory(folder / "pictures", shuffle=False, image_size=(4, 5), batch_size=4)
    assert capsys.readouterr().out == "Found 10 files belonging to 2 classes.\n"
    assert dataset.class_names == ["cats", "dogs"] and len(dataset) == 3 and len(dataset.file_paths) == 10
    x, y = read(dataset)
    assert x.shape == (10, 4, 5, 3) and x.dtype == "float32" and y.tolist() == [0] * 5 + [1] * 5
    first = keras.utils.img_to_array(keras.utils.load_img(dataset.file_paths[0]))
    np.testing.assert_allclose(x[0], resize(first, (4, 5)), rtol=1e-4, atol=1e-3)
    for images, _ in dataset.take(1):
        assert images[0].numpy().astype("uint8").shape == (4, 5, 3), "as scripts written for TensorFlow read them"
    kept = {"crop_to_aspect_ratio": True, "color_mode": "grayscale", "data_format": "channels_first"}
    one_hot = P.image_dataset_from_directory(
        folder / "pictures", label_mode="categorical", class_names=["dogs"], image_size=(3, 3), verbose=False, **kept
    )
    x, y = read(one_hot)
    assert x.shape == (5, 1, 3, 3) and y.tolist() == [[1.0]] * 5


def test_split_and_order(folder: Path) -> None:
    def make(subset: str) -> Any:
        return keras.utils.image_dataset_from_directory(
            folder / "pictures", image_size=(2, 2), seed=7, validation_split=0.3, subset=subset, verbose=False
        )

    training, validation = make("both")
    assert make("training").file_paths == training.file_paths and make("validation").file_paths == validation.file_paths
    assert len(training.file_paths) == 7 and len(validation.file_paths) == 3
    assert not set(training.file_paths) & set(validation.file_paths)
    for dataset in (training, validation):
        numbers = {path: int("dogs" in path) for path in dataset.file_paths}
        assert sorted(read(dataset)[1].tolist()) == sorted(numbers.values()), "labels are mixed together with files"
    first, second = (read(training)[0] for _ in range(2))
    assert not np.array_equal(first, second), "each epoch has an order of its own"
    np.testing.assert_array_equal(read(validation)[0], read(validation)[0])


def test_texts_and_sounds(folder: Path) -> None:
    texts = keras.utils.text_dataset_from_directory(
        folder / "texts", shuffle=False, max_length=6, batch_size=5, verbose=False
    )
    x, _ = next(iter(texts))
    assert x.tolist() == [f"cats {i}" for i in range(5)]
    layer = keras.layers.TextVectorization()
    layer.adapt(texts.map(lambda x, y: x))
    assert set(layer.get_vocabulary()) >= {"cats", "dogs"}
    sounds = keras.utils.audio_dataset_from_directory(folder / "sounds", shuffle=False, batch_size=5, verbose=False)
    x, y = next(iter(sounds))
    assert x.shape == (5, 24, 2) and np.all(x[0, 20:] == 0) and np.abs(x).max() < 1 and y.tolist() == [0] * 5
    halved = keras.utils.audio_dataset_from_directory(
        folder / "sounds",
        label_mode=None,
        output_sequence_length=16,
        sampling_rate=4000,
        batch_size=None,
        verbose=False,
    )
    assert next(iter(halved)).shape == (8, 2)


def test_fit_on_a_folder(folder: Path) -> None:
    dataset = P.image_dataset_from_directory(
        folder / "pictures", label_mode="binary", image_size=(4, 4), batch_size=4, verbose=False
    )
    scaled = dataset.map(lambda x, y: (x / 255.0, y)).cache().prefetch(1)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    history = model.fit(scaled, validation_data=dataset, epochs=2, verbose=0).history
    assert len(history["val_loss"]) == 2
    assert model.predict(scaled.map(lambda x, y: x), verbose=0).shape == (10, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": "given"}, "labels"),
        ({"label_mode": "float"}, "label_mode"),
        ({"label_mode": "binary", "class_names": ["cats"]}, "two classes"),
        ({"class_names": ["birds"]}, "birds"),
        ({"labels": [0, 1]}, "10 files"),
        ({"color_mode": "gray"}, "color_mode"),
        ({"image_size": 4}, "image_size"),
        ({"interpolation": "cubic"}, "interpolation"),
        ({"validation_split": 0.2}, "go together"),
        ({"validation_split": 0.2, "subset": "test", "seed": 1}, "subset"),
        ({"validation_split": 0.2, "subset": "training"}, "seed"),
        ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "only one"),
    ],
)
def test_bad_arguments(folder: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        P.image_dataset_from_directory(folder / "pictures", verbose=False, **arguments)


@pytest.mark.parametrize("how", sorted({"nearest", *KERNELS} & set(RESIZE_INTERPOLATIONS)))
def test_resizing_on_the_host_is_that_on_the_device(how: str) -> None:
    pixels = (np.random.default_rng(1).random((9, 13, 2)) * 255).astype("float32")
    for size in ((4, 6), (20, 17)):
        np.testing.assert_allclose(resample(pixels, size, how), resize(pixels, size, how), rtol=1e-4, atol=2e-2)
    np.testing.assert_allclose(resample(pixels, (3, 13), "area"), pixels.reshape(3, 3, 13, 2).mean(1), rtol=1e-5)


def test_timeseries() -> None:
    data = np.arange(20)
    dataset = P.timeseries_dataset_from_array(data, data * 10, 4, sequence_stride=3, sampling_rate=2, batch_size=2)
    x, y = read(dataset)
    assert (
        x[:2].tolist() == [[0, 2, 4, 6], [3, 5, 7, 9]]
        and y[:2].tolist() == [0, 30]
        and len(x) == 5
        and len(dataset) == 3
    )
    alone = P.timeseries_dataset_from_array(data, None, 3, start_index=5, end_index=10, batch_size=None)
    assert [window.tolist() for window in alone] == [[5, 6, 7], [6, 7, 8], [7, 8, 9]]
    mixed = P.timeseries_dataset_from_array(data, data, 3, shuffle=True, seed=1)
    assert sorted(read(mixed)[1].tolist()) == list(range(18)) and read(mixed)[1].tolist() != list(range(18))
    for arguments, message in [
        ({"start_index": 30}, "start_index"),
        ({"end_index": 0}, "end_index"),
        ({"sampling_rate": 0}, "sampling_rate"),
        ({"sequence_length": 50}, "no window"),
    ]:
        with pytest.raises(ValueError, match=message):
            P.timeseries_dataset_from_array(data, data, **({"sequence_length": 2} | arguments))


def test_conveniences() -> None:
    numbers = Dataset.from_tensor_slices((np.arange(10), np.arange(10) * 2))
    assert len(numbers.batch(4)) == 3 and len(numbers.batch(4, drop_remainder=True)) == 2
    assert [len(x) for x, _ in numbers.batch(4)] == [4, 4, 2]
    assert [int(x) for x, _ in numbers.skip(3).take(4)] == [3, 4, 5, 6]
    assert [int(x) for x in numbers.map(lambda x, y: x + y).filter(lambda x: x % 2 == 0)] == [0, 6, 12, 18, 24]
    assert len(list(numbers.batch(3).unbatch())) == 10 and len(numbers.repeat(3)) == 30
    mixed = numbers.shuffle(10, seed=1)
    orders = [[int(x) for x, _ in mixed] for _ in range(2)]
    assert sorted(orders[0]) == list(range(10)) and orders[0] != orders[1]
    assert [(i.item(), x[0].item()) for i, x in numbers.enumerate().take(2)] == [(0, 0), (1, 1)]
    assert len(list(Dataset.zip(numbers, numbers.take(2)))) == 2
    calls = []
    cached = numbers.map(lambda x, y: calls.append(1) or x).cache()
    assert list(cached) == list(cached) and len(calls) == 10
    with pytest.raises(TypeError, match="not known"):
        len(numbers.filter(lambda x, y: True))
