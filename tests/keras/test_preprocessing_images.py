"""Images on the host: generators against recordings of keras-preprocessing 1.1.2, files, folders, tables, errors."""

from __future__ import annotations

import inspect
import io
import operator
import warnings
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from kjax.keras.preprocessing import image
from tests.keras import image_generators as cases

RECORDED = np.load(Path(__file__).parent / "data" / "keras_preprocessing_1_1_2.npz")
pytest.importorskip("PIL")


@pytest.mark.parametrize("option", cases.OPTIONS)
def test_seeded_generators_give_the_pictures_of_keras(option: str) -> None:
    parts = cases.run(image, option)
    # The whitening amplifies rounding: it divides by the square root of components that are nearly zero.
    rtol, atol = (1e-3, 1e-3) if option == "whitened" else (1e-5, 2e-4)
    for i, part in enumerate(parts):
        np.testing.assert_allclose(part, RECORDED[f"{option}/{i}"], rtol=rtol, atol=atol, err_msg=f"array {i}")


@pytest.mark.parametrize("name", cases.CHANGES)
def test_seeded_changes_are_those_of_keras(name: str) -> None:
    np.testing.assert_allclose(cases.change(image, name), RECORDED[name], rtol=1e-5, atol=1e-4)


def test_brightness() -> None:
    x = np.arange(48, dtype="float32").reshape(4, 4, 3)
    half = image.apply_brightness_shift(x, 0.5, scale=False)
    assert np.all(np.abs(half - x / 2) <= 1), "Pillow rounds to whole values"
    assert image.apply_brightness_shift(x, 1.0).max() == 255
    np.random.seed(0)
    assert image.random_brightness(x, (0.0, 0.0)).max() == 0
    with pytest.raises(ValueError, match="two floats"):
        image.random_brightness(x, (0.5, 1.0, 2.0))


def test_parameters_of_a_change_are_those_that_apply_transform_takes() -> None:
    generator = image.ImageDataGenerator(rotation_range=40, horizontal_flip=True, channel_shift_range=3.0)
    x = cases.images("everything")[0]
    given = generator.get_random_transform(x.shape, seed=2)
    np.testing.assert_array_equal(generator.apply_transform(x, given), generator.random_transform(x, seed=2))
    mirrored = image.ImageDataGenerator().apply_transform(x, {"flip_horizontal": True, "flip_vertical": True})
    np.testing.assert_array_equal(mirrored, x[::-1, ::-1])


def test_flow_takes_further_inputs_and_has_numbered_batches() -> None:
    x, extra = cases.images("everything"), np.arange(5)
    flow = image.ImageDataGenerator(rescale=2.0).flow((x, extra), np.arange(5) * 10, batch_size=2, shuffle=False)
    assert len(flow) == 3
    (pictures, numbers), targets = flow[2]
    np.testing.assert_allclose(pictures, x[4:] * 2)
    assert numbers.tolist() == [4] and targets.tolist() == [40]
    assert image.ImageDataGenerator().flow(x)[0].shape == x.shape, "no targets, no tuple"
    with pytest.raises(ValueError, match="3 batches"):
        flow[3]


def test_standardizing_does_not_change_the_users_images() -> None:
    x = cases.images("everything")
    before = x.copy()
    next(image.ImageDataGenerator(rescale=1 / 255, samplewise_center=True).flow(x, batch_size=5))
    np.testing.assert_array_equal(x, before)


def test_options_that_imply_others_and_missing_fit_are_told() -> None:
    with pytest.warns(UserWarning, match="`zca_whitening` sets `featurewise_center`"):
        generator = image.ImageDataGenerator(zca_whitening=True)
    with pytest.warns(UserWarning, match=r"no effect before `\.fit"):
        generator.standardize(np.ones((2, 2, 3), "float32"))
    with pytest.warns(UserWarning, match="5 channels"):
        image.ImageDataGenerator().flow(np.ones((2, 3, 3, 5)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"zoom_range": (1, 2, 3)}, "zoom_range"),
        ({"validation_split": 1.5}, "validation_split"),
        ({"brightness_range": 0.3}, "brightness_range"),
        ({"data_format": "middle"}, "channels_last"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        image.ImageDataGenerator(**arguments)


@pytest.mark.parametrize(
    "name",
    "Iterator NumpyArrayIterator DirectoryIterator DataFrameIterator ImageDataGenerator.flow "
    "ImageDataGenerator.flow_from_directory ImageDataGenerator.flow_from_dataframe ImageDataGenerator.fit "
    "ImageDataGenerator.get_random_transform ImageDataGenerator.apply_transform random_rotation random_shift random_shear "
    "random_zoom random_brightness random_channel_shift apply_brightness_shift apply_channel_shift".split(),
)
def test_arguments_are_those_of_keras(keras3: ModuleType, name: str) -> None:
    theirs = import_module("keras.src.legacy.preprocessing.image")
    known = list(inspect.signature(operator.attrgetter(name)(theirs)).parameters.values())
    ours = inspect.signature(operator.attrgetter(name)(image)).parameters
    for parameter in known:
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD:
            assert list(ours)[known.index(parameter)] == parameter.name
            if parameter.name not in ("dtype", "data_format"):  # the session's here, where Keras names one
                assert ours[parameter.name].default == parameter.default
    if name.endswith(("yIterator", "eIterator")):
        assert "save_prefix: beginning of their names." in (vars(image)[name].__init__.__doc__ or "")


def test_bad_changes() -> None:
    x = np.ones((4, 5, 3), "float32")
    for call, message in [
        (lambda: image.apply_affine_transform(x[0]), "3 axes"),
        (lambda: image.apply_affine_transform(x, row_axis=1), "in some order"),
        (lambda: image.apply_affine_transform(x, 3.0, fill_mode="mirrored"), "did you mean 'mirror'"),
        (lambda: image.random_zoom(x, 0.5), "two floats"),
        (lambda: image.save_img("a.picture", x), "no format 'picture'"),
        (lambda: image.img_to_array(x, "first"), "`data_format`"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match="random_zoom: unknown argument 'zoom'"):
        image.random_zoom(x, zoom=2)
    with pytest.raises(TypeError, match="random_shift: missing a required argument: 'hrg'"):
        image.random_shift(x, 0.1)


def test_bad_flows() -> None:
    generator = image.ImageDataGenerator(validation_split=0.5)
    x = np.ones((4, 2, 2, 3), "float32")
    for arguments, message in [
        ({"x": x, "y": np.ones(3)}, "same length"),
        ({"x": x[0]}, "4 axes"),
        ({"x": x, "subset": "test"}, "subset"),
        ({"x": x, "y": np.arange(4), "subset": "training"}, "different classes"),
    ]:
        with pytest.raises(ValueError, match=message):
            generator.flow(**arguments)
    with pytest.raises(ValueError, match="4 axes"):
        generator.fit(x[0])


# -- files ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of six images, one of them in a folder inside, next to a file that is none."""
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(1)
    for name in ("cats", "dogs"):
        (root / name / "more").mkdir(parents=True)
        (root / name / "notes.txt").write_text("no image")
        for i in range(5):
            image.save_img(root / name / f"{i}.png", rng.integers(0, 256, (9, 11, 3)), scale=False)
        image.save_img(str(root / name / "more" / "x.jpg"), rng.random((9, 11, 3)))
    return root


def test_files_and_arrays(folder: Path, tmp_path: Path) -> None:
    picture = image.load_img(folder / "cats" / "0.png")
    array = image.img_to_array(picture)
    assert picture.size == (11, 9) and array.shape == (9, 11, 3) and array.dtype == "float32"
    np.testing.assert_array_equal(np.asarray(image.array_to_img(array, scale=False)), np.asarray(picture))
    assert image.img_to_array(picture, data_format="channels_first").shape == (3, 9, 11)
    gray = image.load_img(str(folder / "cats" / "0.png"), color_mode="grayscale", target_size=(4, 5))
    assert gray.mode == "L" and gray.size == (5, 4) and image.img_to_array(gray).shape == (4, 5, 1)
    with pytest.warns(UserWarning, match="color_mode"):
        assert image.load_img(folder / "cats" / "0.png", grayscale=True).mode == "L"
    buffer = io.BytesIO((folder / "cats" / "0.png").read_bytes())
    assert image.load_img(buffer, target_size=(4, 4), keep_aspect_ratio=True).size == (4, 4)
    with pytest.warns(UserWarning, match="transparency"):
        image.save_img(tmp_path / "a.jpg", np.ones((3, 3, 4)))
    wide = image.array_to_img(np.full((2, 2, 1), 300.0), scale=False)
    assert wide.mode == "I"
    assert len(image.list_pictures(folder)) == 12 and len(image.list_pictures(folder, "jpg")) == 2


def test_bad_images(folder: Path) -> None:
    path = folder / "cats" / "0.png"
    with pytest.raises(ValueError, match="color_mode"):
        image.load_img(path, color_mode="cmyk")
    with pytest.raises(ValueError, match="nearest, bilinear"):
        image.load_img(path, target_size=(2, 2), interpolation="cubic")
    with pytest.raises(TypeError, match="file name"):
        image.load_img(3)
    with pytest.raises(ValueError, match="3 axes"):
        image.array_to_img(np.ones((2, 2)))
    with pytest.raises(ValueError, match="channels, received 2"):
        image.array_to_img(np.ones((2, 2, 2)))
    with pytest.raises(ValueError, match="2 or 3 axes"):
        image.img_to_array(np.ones(3))


def test_flow_from_directory(folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    generator = image.ImageDataGenerator(validation_split=0.34)
    flow = generator.flow_from_directory(folder, target_size=(4, 6), batch_size=5, shuffle=False)
    assert capsys.readouterr().out == "Found 12 images belonging to 2 classes.\n"
    assert flow.class_indices == {"cats": 0, "dogs": 1} and flow.samples == flow.n == 12 and len(flow) == 3
    assert flow.filenames[:6] == [f"cats/{i}.png" for i in range(5)] + ["cats/more/x.jpg"]
    x, y = flow[0]
    assert x.shape == (5, 4, 6, 3) and y.tolist() == [[1, 0]] * 5
    parts = {
        part: generator.flow_from_directory(folder, class_mode="sparse", subset=part, shuffle=False)
        for part in ("training", "validation")
    }
    assert parts["validation"].samples == 4 and parts["training"].samples == 8
    assert not set(parts["validation"].filenames) & set(parts["training"].filenames)
    pictures = generator.flow_from_directory(
        folder, class_mode=None, classes=["dogs"], color_mode="rgba", save_to_dir=tmp_path, save_prefix="kept"
    )
    assert next(pictures).shape == (6, 256, 256, 4) and len(list(tmp_path.glob("kept_*.png"))) == 6
    same, copy = next(generator.flow_from_directory(folder, class_mode="input", color_mode="grayscale"))
    np.testing.assert_array_equal(same, copy)
    with pytest.raises(ValueError, match="class_mode"):
        generator.flow_from_directory(folder, class_mode="other")
    with pytest.raises(ValueError, match="color_mode"):
        generator.flow_from_directory(folder, color_mode="gray")
    with pytest.raises(ValueError, match="target_size"):
        generator.flow_from_directory(folder, target_size=7)


def test_flow_from_dataframe(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(
        {
            "filename": [f"{name}/{i}.png" for name in ("cats", "dogs") for i in range(6)],
            "class": ["x", "y"] * 5 + ["x", "z"],
            "size": np.arange(12.0),
            "tags": [["x"], ["x", "y"], "z"] * 4,
        }
    )
    generator = image.ImageDataGenerator(validation_split=0.2)

    def flow(**arguments: Any) -> Any:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "2 file name", UserWarning)
            return generator.flow_from_dataframe(table, folder, target_size=(3, 3), shuffle=False, **arguments)

    everything = flow()
    assert capsys.readouterr().out == "Found 10 validated image filenames belonging to 2 classes.\n"
    assert everything[0][1].shape == (10, 2)
    x, y, weight = flow(class_mode="binary", classes=["x", "y"], weight_col="size")[0]
    assert x.shape == (10, 3, 3, 3) and set(y) == {0, 1} and weight.tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]
    assert flow(class_mode="raw", y_col="size", subset="validation")[0][1].tolist() == [0, 1]
    assert [part.shape for part in flow(class_mode="multi_output", y_col=["size", "class"])[0][1]] == [(10,), (10,)]
    tags = flow(y_col="tags", classes=["x", "z"])[0][1]
    assert tags[:3].tolist() == [[1, 0], [1, 0], [0, 1]]
    bare = table.assign(filename=[str(i) for i in range(12)])
    with pytest.warns(UserWarning, match="left out"):
        named = generator.flow_from_dataframe(bare, folder / "cats", has_ext=False, class_mode=None)
    assert named.samples == 5
    with pytest.warns(UserWarning, match="2 file name"):
        generator.flow_from_dataframe(table, folder, class_mode=None)
    for arguments, kind, message in [
        ({"class_mode": "binary", "classes": ["x"]}, ValueError, "2 classes"),
        ({"class_mode": "sparse", "y_col": "size"}, TypeError, "str"),
        ({"class_mode": "multi_output"}, TypeError, "list of columns"),
        ({"y_col": ["class", "size"]}, TypeError, "one column of strings"),
        ({"x_col": "size"}, TypeError, "strings"),
        ({"weight_col": "class"}, TypeError, "numeric"),
        ({"colour": 1}, TypeError, "colour"),
    ]:
        with pytest.raises(kind, match=message):
            flow(**arguments)
