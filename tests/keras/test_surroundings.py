"""Names of other libraries that are gone: scripts of their time find them, and today's stay what they are."""

from __future__ import annotations

import collections
import importlib
import inspect
import io
import sys
import time
from collections.abc import Iterator
from typing import Any

import h5py
import matplotlib.style
import numpy as np
import pandas as pd
import pytest
import sklearn.model_selection
import sklearn.preprocessing

from kjax.keras.legacy import surroundings
from kjax.keras.legacy.surroundings.tables import ATTRIBUTES, MODULES


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    surroundings.restore()
    yield
    surroundings.forget()


def old(path: str) -> Any:
    """``module:name``."""
    module, _, name = path.partition(":")
    found = importlib.import_module(module)
    return getattr(found, name) if name else found


OPTIONAL = {"sklearn.externals.six", "sklearn.externals", "Tkinter"}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of modules of Python that are there and will be gone
def test_every_name_is_there():
    for place, table in ATTRIBUTES.items():
        holder = old(place)
        for name in table:
            assert getattr(holder, name, None) is not None, (place, name)
    for module, table in MODULES.items():
        if module not in OPTIONAL:
            found = importlib.import_module(module)
            for name in set(table) - {"*"}:
                assert hasattr(found, name), (module, name)


def test_nothing_is_left_behind():
    assert isinstance([], old("collections:Iterable")) and old("time:clock") is time.perf_counter
    drop, fold = pd.DataFrame.drop, sklearn.model_selection.KFold.__init__
    surroundings.forget()
    assert not hasattr(collections, "Iterable") and not hasattr(np, "float")
    assert not hasattr(pd.DataFrame, "append") and "sklearn.grid_search" not in sys.modules
    assert pd.DataFrame.drop is not drop and sklearn.model_selection.KFold.__init__ is not fold
    with pytest.raises(AttributeError, match="float"):
        old("numpy:float")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_names_of_numpy_and_python():
    assert old("numpy:float") is float and old("numpy:product")([2, 3]) == 6
    assert old("numpy:asscalar")(np.array([3])) == 3 and old("numpy:rank")(np.ones((2, 2))) == 2
    assert set(old("numpy.random:random_integers")(2, size=100)) == {1, 2}
    assert old("inspect:getargspec")(lambda a, b=1: 0)[0::3] == (["a", "b"], (1,))
    assert inspect.getfullargspec(lambda a: 0).args == ["a"]
    with pytest.raises(AttributeError):
        old("numpy:no_such_name")
    version = old("distutils.version:LooseVersion")
    assert version("1.13.0") > version("1.4") and version("2.0") >= "2.0"


def test_pictures(tmp_path: Any):
    misc = old("scipy.misc")
    grey = np.arange(16.0).reshape(4, 4)
    np.testing.assert_array_equal(misc.bytescale(grey)[0], [0, 17, 34, 51])
    assert misc.imresize(grey, 50).shape == (2, 2) and misc.imresize(grey, 2.0).shape == (8, 8)
    assert misc.imresize(np.zeros((4, 4, 3)), (2, 6)).shape == (2, 6, 3)
    path = tmp_path / "a.png"
    misc.imsave(path, grey)
    np.testing.assert_array_equal(misc.imread(path), misc.bytescale(grey))
    assert misc.imread(path, flatten=True).dtype == np.float32
    np.testing.assert_array_equal(misc.imrotate(misc.bytescale(grey), 90), np.rot90(misc.bytescale(grey)))
    with pytest.raises(ValueError, match=r"\(5, 5, 5\)"):
        misc.toimage(np.zeros((5, 5, 5)))
    with pytest.raises(ValueError, match="interp"):
        misc.imresize(grey, 50, interp="best")


def test_splits_know_their_data():
    splits = old("sklearn.cross_validation")
    y = np.array([0, 0, 0, 1, 1, 1])
    folds = list(splits.StratifiedKFold(y, n_folds=3))
    assert [y[test].tolist() for _, test in folds] == [[0, 1]] * 3
    assert len(splits.KFold(6, n_folds=2)) == 2 and len(splits.LeaveOneOut(6)) == 6
    tree = old("sklearn.tree:DecisionTreeClassifier")(random_state=0)
    x = y[:, None].astype(float)
    assert splits.cross_val_score(tree, x, y, cv=splits.StratifiedKFold(y, n_folds=3)).tolist() == [1, 1, 1]
    search = old("sklearn.grid_search:GridSearchCV")(tree, {"max_depth": [1, 2]}, cv=3).fit(x, y)
    assert [score.parameters for score in search.grid_scores_] == [{"max_depth": 1}, {"max_depth": 2}]
    assert search.grid_scores_[0].mean_validation_score == 1
    assert repr(sklearn.model_selection.KFold(n_splits=2, random_state=7)).startswith("KFold(n_splits=2")


def test_preparation_of_columns():
    x = np.array([[0, 5.0], [1, 6.0]])
    encoder = sklearn.preprocessing.OneHotEncoder
    encoded = encoder(categorical_features=[0]).fit_transform(x)
    np.testing.assert_array_equal(encoded.toarray(), [[1, 0, 5], [0, 1, 6]])
    np.testing.assert_array_equal(encoder(sparse=False).fit_transform(x[:, :1]), np.eye(2))
    imputer = old("sklearn.preprocessing:Imputer")(missing_values="NaN", strategy="mean")
    np.testing.assert_array_equal(imputer.fit_transform([[1.0], [np.nan], [3.0]]).ravel(), [1, 2, 3])
    with pytest.raises(ValueError, match="axis"):
        old("sklearn.preprocessing:Imputer")(axis=1)


def test_frames():
    frame: Any = pd.DataFrame({"a": [1, 2], "b": [3, 4]}, index=["x", "y"])
    assert frame.append(frame).shape == (4, 2)
    assert frame.append({"a": 5, "b": 6}, ignore_index=True).values.tolist() == [[1, 3], [2, 4], [5, 6]]
    assert frame.drop("a", 1).columns.tolist() == ["b"] and frame.drop("x").index.tolist() == ["y"]
    assert frame.ix["x", "b"] == frame.ix[0, 1] == 3 and frame.as_matrix().tolist() == [[1, 3], [2, 4]]
    assert frame.ix[1:, ["a"]].values.tolist() == [[2]] and frame.sort("a", ascending=False).index[0] == "y"
    assert [name for name, _ in frame.iteritems()] == ["a", "b"]


def test_files_of_dates():
    text = "Month,Sales\n1-01,266.0\n1-02,145.9\n"
    read: Any = pd.read_csv

    def parser(x: str) -> Any:
        return old("pandas:datetime").strptime("190" + x, "%Y-%m")

    series = read(io.StringIO(text), header=0, parse_dates=[0], index_col=0, squeeze=True, date_parser=parser)
    assert isinstance(series, pd.Series) and series.index[1] == pd.Timestamp("1901-02-01")
    text = "No,year,month,pm\n1,2010,1,5\n2,2010,2,6\n"
    frame = read(io.StringIO(text), parse_dates=[["year", "month"]], index_col=0)
    assert frame.index.name == "year_month" and frame.index[1] == pd.Timestamp("2010-02-01")
    assert frame.columns.tolist() == ["No", "pm"]
    assert read(io.StringIO("a;b\n1;2\n"), ";").values.tolist() == [[1, 2]]


def test_files_and_drawings(tmp_path: Any):
    path = str(tmp_path / "a.h5")
    with h5py.File(path) as file:
        file["a"] = np.arange(3)
    with h5py.File(path) as file:
        data: Any = file["a"]
        assert data.value.tolist() == [0, 1, 2]
    assert old("yaml:load")("a: [1]") == {"a": [1]}
    draw = old("PIL.ImageDraw:Draw")(old("PIL.Image:new")("RGB", (40, 20)))
    assert min(draw.textsize("hi")) > 0 and old("PIL.Image:ANTIALIAS") == 1
    assert old("matplotlib.cm:get_cmap")("spectral", 3).N == 3
    assert "seaborn-white" in matplotlib.style.library


def test_digits_of_mldata(monkeypatch: Any):
    from kjax.keras.datasets import mnist

    x = np.arange(2 * 4, dtype=np.uint8).reshape(2, 2, 2)
    monkeypatch.setattr(mnist, "load_data", lambda: ((x, np.array([1, 0])), (x[:1], np.array([5]))))
    digits = old("sklearn.datasets:fetch_mldata")("MNIST original")
    assert digits.target.tolist() == [0, 1, 5] and digits.data[0].tolist() == [4, 5, 6, 7]
    with pytest.raises(ValueError, match="fetch_openml"):
        old("sklearn.datasets:fetch_mldata")("leukemia")
