"""``keras.utils``: small functions against real Keras 3, and the facts of Keras 2 where it has them alone."""

from __future__ import annotations

import gc
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import numpy as np
import pytest

from kjax import keras
from kjax.keras import utils


class Squares:
    """Batches of squares, as a Sequence."""

    def __init__(self, length: int = 5) -> None:
        self.length, self.epochs = length, 0

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        if index == 99:
            raise KeyError("no such batch")
        return np.array([index]), np.array([index**2])

    def on_epoch_end(self) -> None:
        self.epochs += 1


def threads() -> set[str]:
    return {t.name for t in threading.enumerate() if t.name.startswith("kjax-enqueuer")}


@pytest.mark.parametrize("workers", [1, 4])
def test_an_ordered_enqueuer_keeps_the_order_over_epochs(workers: int) -> None:
    sequence = Squares()
    with utils.OrderedEnqueuer(sequence) as enqueuer:
        enqueuer.start(workers, max_queue_size=3)
        assert enqueuer.is_running()
        found = [int(x[0]) for x, _ in itertools.islice(enqueuer.get(), 12)]
    assert found == [0, 1, 2, 3, 4] * 2 + [0, 1]
    assert sequence.epochs >= 2
    assert not enqueuer.is_running()
    assert not threads()


def test_an_ordered_enqueuer_shuffles_each_epoch() -> None:
    np.random.seed(0)
    with utils.OrderedEnqueuer(Squares(), shuffle=True) as enqueuer:
        enqueuer.start()
        found = [int(x[0]) for x, _ in itertools.islice(enqueuer.get(), 10)]
    assert sorted(found[:5]) == sorted(found[5:]) == [0, 1, 2, 3, 4]
    assert found != [0, 1, 2, 3, 4] * 2


def test_an_error_of_a_worker_is_raised_where_the_batch_is_read() -> None:
    enqueuer = utils.OrderedEnqueuer(Squares(100))
    enqueuer.start(2)
    seen = []
    with pytest.raises(KeyError, match="no such batch"):
        for batch in enqueuer.get():
            seen.append(batch)
    assert len(seen) == 99
    assert not threads()


def test_a_generator_enqueuer_ends_with_its_generator_and_passes_errors_on() -> None:
    def numbers() -> Iterator[int]:
        yield from (1, 2, 3)

    def broken() -> Iterator[int]:
        yield 1
        raise OSError("the disk is gone")

    with utils.GeneratorEnqueuer(numbers()) as enqueuer:
        enqueuer.start(max_queue_size=2)
        assert list(enqueuer.get()) == [1, 2, 3]
    enqueuer = utils.GeneratorEnqueuer(broken())
    enqueuer.start()
    with pytest.raises(OSError, match="the disk is gone"):
        list(enqueuer.get())
    assert not threads()
    gc.collect()


def test_hdf5_matrix_reads_stretches_rows_and_single_samples(tmp_path: Path) -> None:
    data = np.arange(40, dtype="float32").reshape(10, 4)
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["x"] = data
    path = str(tmp_path / "data.h5")
    matrix = utils.HDF5Matrix(path, "x", start=2, end=9)
    assert (len(matrix), matrix.shape, matrix.dtype, matrix.ndim, matrix.size) == (7, (7, 4), np.float32, 2, 28)
    np.testing.assert_array_equal(matrix[1:3], data[3:5])
    np.testing.assert_array_equal(matrix[-1], data[8])
    np.testing.assert_array_equal(matrix[[4, 0, 4]], data[[6, 2, 6]])
    halved = utils.HDF5Matrix(path, "x", normalizer=lambda x: x / 2)
    np.testing.assert_array_equal(halved[:], data / 2)
    with pytest.raises(IndexError, match="there are 7"):
        matrix[7]
    with pytest.raises(ValueError, match="do not lie in 'x'"):
        utils.HDF5Matrix(path, "x", end=11)
    with pytest.raises(KeyError, match="no data set 'y'"):
        utils.HDF5Matrix(path, "y")


def test_a_model_trains_on_hdf5_matrices_as_on_arrays(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(24, 3)).astype("float32"), rng.normal(size=(24, 1)).astype("float32")
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["x"], file["y"] = x, y
    path = str(tmp_path / "data.h5")
    losses = []
    for inputs, targets in ((x, y), (utils.HDF5Matrix(path, "x"), utils.HDF5Matrix(path, "y"))):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="ones")])
        model.compile("sgd", "mse")
        losses.append(model.fit(inputs, targets, epochs=2, batch_size=8, shuffle=False, verbose=0).history["loss"])
    assert losses[0] == losses[1]


def test_h5dict_holds_nested_groups(tmp_path: Path) -> None:
    path = tmp_path / "dict.h5"
    with utils.H5Dict(path, "w") as data:
        data["weights"] = {"kernel": np.ones((2, 3)), "names": ["a", "b"]}
        data.update(version="2.2.4")
        with pytest.raises(KeyError, match="has it already"):
            data["weights"]["kernel"] = np.zeros(1)
    with utils.H5Dict(path, "r") as data:
        np.testing.assert_array_equal(data["weights"]["kernel"], np.ones((2, 3)))
        assert list(data["weights"]["names"]) == ["a", "b"]
        assert (data["version"], "nothing" in data, data.get("nothing", 3)) == ("2.2.4", False, 3)
        with pytest.raises(ValueError, match="reading only"):
            data["x"] = 1


@pytest.mark.parametrize("data", [(np.ones(2),), (1, 2), (1, 2, 3)], ids=["x", "xy", "xyw"])
def test_parts_of_a_batch(keras3: ModuleType, data: tuple[Any, ...]) -> None:
    assert utils.unpack_x_y_sample_weight(data) == keras3.utils.unpack_x_y_sample_weight(data)
    packed = utils.pack_x_y_sample_weight(*data)
    assert type(packed) is type(keras3.utils.pack_x_y_sample_weight(*data))
    with pytest.raises(ValueError, match="received a tuple of 4"):
        utils.unpack_x_y_sample_weight((1, 2, 3, 4))


def test_split_dataset() -> None:
    x, y = np.arange(20).reshape(10, 2), np.arange(10)
    (left, left_y), (right, right_y) = utils.split_dataset((x, y), left_size=0.7)
    np.testing.assert_array_equal(np.concatenate([left, right]), x)
    assert (len(left_y), len(right_y)) == (7, 3)
    left, right = utils.split_dataset(y, right_size=4, shuffle=True, seed=1)
    assert (len(left), len(right)) == (6, 4)
    assert sorted([*left, *right]) == list(range(10))
    left, right = utils.split_dataset(({"a": np.array([i])} for i in range(4)), left_size=1)
    np.testing.assert_array_equal(right["a"], [[1], [2], [3]])
    for sizes in ({}, {"left_size": 11}, {"left_size": 1.5}, {"left_size": 6, "right_size": 6}):
        with pytest.raises(ValueError, match="split_dataset"):
            utils.split_dataset(y, **sizes)


def test_kernels_turn_around_and_back() -> None:
    kernel = np.arange(24.0).reshape(3, 2, 2, 2)
    turned = utils.convert_kernel(kernel)
    np.testing.assert_array_equal(turned[0, 0], kernel[2, 1])
    np.testing.assert_array_equal(utils.convert_kernel(turned), kernel)
    inner = keras.Sequential([keras.Input((5, 5, 2)), keras.layers.Conv2D(2, 3)])
    model = keras.Sequential([keras.Input((5, 5, 2)), inner, keras.layers.Flatten(), keras.layers.Dense(3)])
    before = model.get_weights()
    utils.convert_all_kernels_in_model(model)
    np.testing.assert_array_equal(model.get_weights()[0], before[0][::-1, ::-1])
    np.testing.assert_array_equal(model.get_weights()[2], before[2])
    with pytest.raises(ValueError, match="3 to 5 axes"):
        utils.convert_kernel(np.ones((2, 2)))


def test_dense_weights_after_flatten_follow_the_order_of_axes() -> None:
    picture = np.random.default_rng(0).normal(size=(1, 4, 3, 2)).astype("float32")  # channels last
    first = np.moveaxis(picture, -1, 1)
    model = keras.Sequential([keras.Input((24,)), keras.layers.Dense(3)])
    want = model.predict(picture.reshape(1, -1), verbose=0)
    utils.layer_utils.convert_dense_weights_data_format(model.layers[0], (2, 4, 3), "channels_first")
    np.testing.assert_allclose(model.predict(first.reshape(1, -1), verbose=0), want, rtol=1e-5, atol=1e-6)
    utils.layer_utils.convert_dense_weights_data_format(model.layers[0], (4, 3, 2), "channels_last")
    np.testing.assert_allclose(model.predict(picture.reshape(1, -1), verbose=0), want, rtol=1e-5, atol=1e-6)


def test_lengths_of_convolutions_are_those_of_the_layers() -> None:
    for padding, stride, dilation in (
        ("valid", 1, 1),
        ("same", 2, 1),
        ("causal", 1, 2),
        ("valid", 1, 3),
        ("valid", 3, 1),
    ):
        layer = keras.layers.Conv1D(1, 3, stride, padding, dilation_rate=dilation)
        want = layer.compute_output_shape((None, 17, 1))[1]
        assert utils.conv_utils.conv_output_length(17, 3, padding, stride, dilation) == want
    for padding, stride in (("valid", 1), ("same", 2), ("valid", 3)):
        want = keras.layers.Conv1DTranspose(1, 3, stride, padding).compute_output_shape((None, 7, 1))[1]
        assert utils.conv_utils.deconv_length(7, stride, 3, padding, None) == want
    assert utils.conv_utils.conv_input_length(5, 3, "valid", 2) == 11
    assert utils.conv_utils.normalize_tuple(2, 3, "strides") == (2, 2, 2)
    with pytest.raises(ValueError, match="`strides` argument must be"):
        utils.conv_utils.normalize_tuple((1, 2), 3, "strides")


def test_sources_of_a_tensor_in_order_of_first_use() -> None:
    a, b, c = (keras.Input((2,), name=name) for name in "abc")
    total = keras.layers.Add()([keras.layers.Concatenate()([b, a]), keras.layers.Concatenate()([c, a])])
    assert [t.name for t in utils.get_source_inputs(total)] == ["b", "a", "c"]
    assert utils.is_keras_tensor(total)
    assert not utils.is_keras_tensor(np.ones(2))


def test_a_config_can_be_frozen(keras3: ModuleType) -> None:
    for config in (utils.Config(rate=0.1, units=3), keras3.utils.Config(rate=0.1, units=3)):
        config.rate = 0.2
        config["layers"] = 2
        assert (config.rate, config["layers"], config.get("nothing")) == (0.2, 2, None)
        assert config.to_json() == '{"rate": 0.2, "units": 3, "layers": 2}'
        assert config.as_dict() == dict(config.items())
        config.freeze()
        with pytest.raises(ValueError, match="frozen"):
            config.rate = 1
        config.unfreeze()
        assert config.pop("units") == 3
        assert list(config) == ["layers", "rate"]
    with pytest.raises(AttributeError, match="did you mean 'rate'"):
        _ = utils.Config(rate=1).raet


def test_generic_functions_of_keras_2() -> None:
    generic = utils.generic_utils
    assert generic.to_list(1) == [1]
    assert generic.to_list((1, 2), allow_tuple=True) == [1, 2]
    assert (generic.unpack_singleton([1]), generic.unpack_singleton([1, 2])) == (1, [1, 2])
    assert generic.is_all_none([None, None])
    assert not generic.is_all_none([None, 1])
    np.testing.assert_array_equal(generic.slice_arrays([np.arange(5), None], 1, 3)[0], [1, 2])
    assert generic.transpose_shape((None, 4, 5, 3), "channels_first", (1, 2)) == (None, 3, 4, 5)
    assert generic.has_arg(lambda x, *, y: 0, "y")
    assert not generic.has_arg(lambda **kwargs: 0, "y")
    assert generic.has_arg(lambda **kwargs: 0, "y", accept_all=True)
    factor = 3
    code = generic.func_dump(lambda x, shift=1: x * factor + shift)
    assert generic.func_load(code)(2) == 7


def test_more_gpus_than_there_are_and_a_single_one_are_refused() -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="try fewer `gpus`"):
        utils.multi_gpu_model(model, gpus=64)
    with pytest.raises(ValueError, match="at least 2"):
        utils.multi_gpu_model(model, gpus=1)
