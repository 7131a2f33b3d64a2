"""Layers, data, folders and files by the names that only the inside of Keras has, below ``keras.src``."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kjax import keras


@pytest.fixture
def part():
    keras.install(3)
    yield lambda path: importlib.import_module(f"keras.src.{path}")
    keras.uninstall()


def test_tables_of_objects(part: Any):
    losses = part("losses")
    assert losses.ALL_OBJECTS_DICT["mse"] is keras.losses.mean_squared_error
    assert keras.losses.Huber in losses.ALL_OBJECTS and losses.resolve not in losses.ALL_OBJECTS
    assert part("optimizers").ALL_OBJECTS_DICT["adamw"] is keras.optimizers.AdamW
    assert keras.activations.gelu in part("activations").ALL_OBJECTS
    assert keras.layers.Layer not in part("activations").ALL_OBJECTS


def test_bases_of_families_know_their_members(part: Any):
    base = part("layers.convolutional.base_conv").BaseConv
    assert isinstance(keras.layers.Conv2D(2, 3), base) and issubclass(keras.layers.Conv1D, base)
    assert not isinstance(keras.layers.Dense(2), base)
    layer = base(rank=1, filters=2, kernel_size=3)
    assert type(layer) is keras.layers.Conv1D and layer.filters == 2
    pooling = part("layers.pooling.base_pooling").BasePooling(2, 1, 2, "average", "same")
    assert type(pooling) is keras.layers.AveragePooling2D and pooling.strides == (1, 1)
    with pytest.raises(ValueError, match="no layer of `rank` 4"):
        base(rank=4, filters=2, kernel_size=3)
    with pytest.raises(TypeError, match="argument `rank` is missing"):
        type("Mine", (base,), {})()


def test_vocabularies_of_either_type(part: Any):
    lookup = part("layers.preprocessing.index_lookup").IndexLookup
    words = lookup(None, 1, "", "[OOV]", "string", vocabulary=["a", "b"])
    np.testing.assert_array_equal(words(np.array([["a", "c", ""]])), [[2, 1, 0]])
    assert lookup.from_config(words.get_config()).get_vocabulary() == ["", "[OOV]", "a", "b"]
    numbers = lookup(None, 1, 0, -1, "int64")
    numbers.adapt(np.array([3, 3, 4]))
    np.testing.assert_array_equal(numbers(np.array([3, 4, 5])), [2, 3, 1])


def test_a_cell_of_users_drops_the_same_at_all_times(part: Any):
    mixin = part("layers.rnn.dropout_rnn_cell").DropoutRNNCell

    class Cell(keras.layers.Layer, mixin):
        def __init__(self) -> None:
            super().__init__()
            self.state_size, self.dropout, self.recurrent_dropout = 3, 0.5, 0.0
            self.seed_generator = keras.random.SeedGenerator(1)

        def build(self, shape: Any) -> None:
            self.kernel = self.add_weight(shape=(shape[-1], 3), initializer="ones")

        def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
            mask = self.get_dropout_mask(inputs) if training else None
            outputs = (inputs if mask is None else inputs * mask) @ self.kernel
            return outputs, [outputs]

    x = np.ones((4, 5, 6), "float32")
    layer = keras.layers.RNN(Cell(), return_sequences=True)
    dropped = np.asarray(layer(x, training=True))
    np.testing.assert_array_equal(dropped, dropped[:, :1].repeat(5, axis=1))
    assert len(np.unique(dropped)) > 1
    np.testing.assert_array_equal(layer(x), 6)
    model = keras.Sequential([layer])
    model.compile("sgd", "mse")
    model.fit(x, np.ones((4, 5, 3)), verbose=0)  # a seed inside of a cell is read where states do not change, too
    assert model.predict(x, verbose=0).shape == (4, 5, 3)
    cell = Cell()
    assert cell.get_dropout_mask(x[:, 0]) is cell.get_dropout_mask(x[:, 0])
    assert cell.get_recurrent_dropout_mask(x[:, 0]) is None
    cell.reset_dropout_mask()
    cell.dropout_mask_count = 4
    assert len(cell.get_dropout_mask(x[:, 0])) == 4


def test_boxes_of_pictures_in_lists(part: Any):
    folder = "layers.preprocessing.image_preprocessing.bounding_boxes"
    dense = part(f"{folder}.validation").densify_bounding_boxes
    found = dense({"boxes": [[[1, 2, 3, 4]], [[1, 2, 3, 4], [2, 3, 4, 5]]], "labels": [[1], [2, 3]]})
    assert found["boxes"].shape == (2, 2, 4)
    np.testing.assert_array_equal(found["labels"], [[1, -1], [2, 3]])
    one = dense({"boxes": [[1, 2, 3, 4]], "labels": [1]}, max_boxes=2, boxes_default_value=-1)
    np.testing.assert_array_equal(one["boxes"], [[1, 2, 3, 4], [-1] * 4])
    for wrong in (
        {"boxes": np.ones((2, 4))},
        {"boxes": np.ones(4), "labels": np.ones(1)},
        {"boxes": [[1]], "labels": []},
    ):
        with pytest.raises(ValueError, match="bounding_boxes"):
            dense(wrong)
    box = part(f"{folder}.bounding_box").BoundingBox()
    np.testing.assert_array_equal(box.convert_format(np.array([[1, 2, 3, 5]]), "xyxy", "xywh"), [[1, 2, 2, 3]])
    assert part(f"{folder}.formats").XYXY.BOTTOM == 3


def test_rows_of_arrays_of_many_kinds(part: Any):
    pandas, sparse = pytest.importorskip("pandas"), pytest.importorskip("scipy.sparse")
    slicing = part("trainers.data_adapters.array_slicing")
    data = (np.arange(10.0), pandas.DataFrame({"a": range(10)}), sparse.eye(10), pandas.Series(range(10)), None)
    train, held = slicing.train_validation_split(data, 0.3)
    assert [None if rows is None else rows.shape[0] for rows in train] == [7, 7, 7, 7, None]
    assert held[0].dtype == "float32" and list(held[1]["a"]) == [7, 8, 9]
    with pytest.raises(ValueError, match="leaves nothing"):
        slicing.train_validation_split(np.ones(1), 0.1)
    with pytest.raises(ValueError, match="for arrays, received str"):
        slicing.train_validation_split("words", 0.1)
    spec = part("trainers.data_adapters.data_adapter_utils").get_keras_tensor_spec
    x, y = spec([(np.ones((4, 3)), np.ones(4)), (np.ones((4, 2)), np.ones(4))])
    assert (x.shape, y.shape) == ((4, None), (4,))


def test_losses_and_metrics_by_shapes(part: Any):
    utils = part("trainers.compile_utils")
    one, two = np.ones((3, 1)), np.ones((3, 2))
    assert utils.get_loss("crossentropy", one, two).name == "crossentropy"
    assert utils.get_loss(None, one, two) is None
    assert isinstance(utils.get_metric("acc", one, one), keras.metrics.BinaryAccuracy)
    several = utils.get_metrics_list(["mse", keras.metrics.MeanAbsoluteError(name="far")], one, one)
    several.update_state(one, 3 * one)
    assert {name: float(value) for name, value in several.get_result().items()} == {"mse": 4.0, "far": 2.0}


def test_files_of_folders(part: Any, tmp_path: Path, capsys: Any):
    for name in ("cats/1.png", "cats/2.png", "dogs/1.png", "dogs/a.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    utils = part("utils.dataset_utils")
    files, labels, names = utils.index_directory(tmp_path, "inferred", (".png",), shuffle=False)
    assert [Path(file).name for file in files] == ["1.png", "2.png", "1.png"]
    assert (labels, names) == ([0, 0, 1], ["cats", "dogs"])
    assert "3 files belonging to 2 classes" in capsys.readouterr().out
    assert utils.get_training_or_validation_split([1, 2, 3, 4], [0, 0, 1, 1], 0.25, "validation") == ([4], [1])
    with pytest.raises(ValueError, match="seed"):
        utils.check_validation_split_arg(0.2, "training", True, None)
    batch = part("utils.grain_utils").make_string_batch([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}])
    assert batch["b"] == ("x", "y") and batch["a"].shape == (2,)


def test_older_configs_and_files(part: Any, tmp_path: Path):
    json_utils, h5 = part("legacy.saving.json_utils"), part("legacy.saving.legacy_h5_format")
    text = json_utils.Encoder().encode(
        {"shape": (1, (2, 3)), "bytes": b"x", "layer": keras.layers.Dense(3), "all": ...}
    )
    assert json_utils.decode(text)["shape"] == (1, (2, 3))
    found = json_utils.decode_and_deserialize(text)
    assert found["layer"].units == 3 and found["bytes"] == b"x" and found["all"] is ...
    h5py = pytest.importorskip("h5py")
    layer = keras.layers.Dense(3)
    layer.build((2, 2))
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        h5.save_subset_weights_to_hdf5_group(file, layer.weights)
        assert [array.shape for array in h5.load_subset_weights_from_hdf5_group(file)] == [(2, 3), (3,)]


def test_lengths_of_gradients(part: Any):
    optimizer = part("optimizers.base_optimizer")
    clipped = optimizer.clip_by_global_norm([np.ones(4), None, np.ones(5)], 1.0)
    np.testing.assert_allclose(clipped[2], np.full(5, 1 / 3), rtol=1e-6)
    assert clipped[1] is None and float(optimizer.global_norm([np.ones(9)])) == 3.0
    with pytest.raises(ValueError, match="non-negative"):
        part("regularizers.regularizers").validate_float_arg(float("nan"), "l2")


def test_graphs_and_arguments_of_models(part: Any):
    functional = part("models.functional")
    inputs = keras.Input((3,))
    outputs = keras.layers.Dense(2)(inputs)
    new_inputs, new_outputs = functional.clone_graph_nodes(inputs, outputs)
    assert new_inputs is not inputs
    assert keras.Model(new_inputs, new_outputs)(np.ones((1, 3))).shape == (1, 2)
    assert functional.unpack_singleton([1]) == 1 and functional.unpack_singleton([1, 2]) == [1, 2]
    assert part("utils.summary_utils").format_layer_shape(keras.Model(inputs, outputs).layers[1]).startswith("(")
