"""Pictures of models and of histories."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest

from kjax import keras

pytest.importorskip("pydot", reason="the extra 'plot' is not installed")
pytest.importorskip("matplotlib", reason="the extra 'plot' is not installed").use("Agg")


def branches(k):
    """A shared layer, a model inside, two inputs, two outputs."""
    layers = k.layers
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    shared = layers.Dense(3, name="shared", activation="relu")
    inner = k.Sequential([k.Input((3,)), layers.Dense(2, name="deep"), layers.Dense(2, name="deeper")], name="inner")
    left, right = inner(shared(a)), shared(b)
    both = layers.Concatenate(name="both")([left, right])
    return k.Model([a, b], [layers.Dense(1, name="one")(both), left], name="branches")


def row(k):
    return k.Sequential([k.Input((4,)), k.layers.Dense(3, name="first"), k.layers.Dense(1, name="last")])


def names_of(model, scope=""):
    """Names of layers by the boxes that stand for them."""
    found = {}
    for layer in model.layers:
        found[str(id(layer))] = scope + layer.name
        found |= names_of(layer, f"{layer.name}/") if hasattr(layer, "layers") else {}
    return found


def edges(graph, names):
    """Lines between boxes, by name."""
    return {(names[e.get_source()], names[e.get_destination()]) for e in graph.get_edges()}


def as_text(graph):
    """What Graphviz gets, with numbers for the boxes in the order of their appearance."""
    numbers = {}
    return re.sub(r"\b\d{9,}\b", lambda m: str(numbers.setdefault(m[0], len(numbers))), graph.to_string())


@pytest.mark.parametrize("make", [branches, row])
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"show_layer_names": False, "rankdir": "LR", "dpi": 96, "splines": "curved"},
        {"show_shapes": True, "expand_nested": True},
        {"show_shapes": True, "show_dtype": True, "show_layer_activations": True, "show_trainable": True},
        {"subgraph": True},
    ],
)
def test_the_text_is_that_of_keras(keras3, make, arguments):
    texts = []
    for api in (keras, keras3):
        model = make(api)
        model.layers[-1].trainable = False
        # Names of models count up from test to test.
        texts.append(as_text(api.utils.model_to_dot(model, **arguments)).replace(model.name, "model"))
    assert texts[0] == texts[1]


def test_models_inside_are_drawn_in_a_frame():
    model = branches(keras)
    graph, names = keras.utils.model_to_dot(model, expand_nested=True), names_of(model)
    (frame,) = graph.get_subgraphs()
    assert frame.get_label() == "inner"
    assert edges(frame, names) == {("inner/deep", "inner/deeper")}
    assert {("shared", "inner/deep"), ("inner/deeper", "both")} <= edges(graph, names)
    assert type(keras.utils.model_to_dot(row(keras), subgraph=True)).__name__ == "Cluster"


def test_a_model_written_as_a_class_is_one_box():
    class Own(keras.Model):
        def __init__(self):
            super().__init__(name="own")
            self.layer = keras.layers.Dense(1)

        def call(self, x):
            return self.layer(x)

    model = Own()
    with pytest.raises(ValueError, match="'own' is not built"):
        keras.utils.model_to_dot(model)
    model(np.zeros((1, 3)))
    assert [n.get_name() for n in keras.utils.model_to_dot(model).get_nodes() if n.get_name() != "node"] == [
        str(id(model))
    ]


def test_files(tmp_path, monkeypatch):
    model = branches(keras)
    keras.utils.plot_model(model, tmp_path / "model.dot", rankdir="LR")
    assert "rankdir=LR" in (tmp_path / "model.dot").read_text()
    with pytest.raises(ValueError, match="rankdir"):
        keras.utils.plot_model(model, tmp_path / "model.dot", rankdir="down")
    with pytest.raises(ValueError, match="expected a Keras model"):
        keras.utils.plot_model(model.layers[0])
    with pytest.raises(ValueError, match=r"'pgn'.*'png'"):
        keras.utils.plot_model(model, tmp_path / "model.pgn")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImportError, match="apt install graphviz"):
        keras.utils.plot_model(model, tmp_path / "model.png")
    assert not (tmp_path / "model.png").exists()


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_files_that_graphviz_writes(tmp_path):
    begins = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    for kind, head in begins.items():
        keras.utils.plot_model(branches(keras), tmp_path / f"m.{kind}", show_shapes=True, expand_nested=True, dpi=50)
        assert (tmp_path / f"m.{kind}").read_bytes().startswith(head)


def lines(figure):
    return {
        axes.get_title(): {line.get_label(): tuple(line.get_xdata()) for line in axes.get_lines()}
        for axes in figure.axes
    }


def test_learning_curves(tmp_path):
    from matplotlib import pyplot

    model = row(keras)
    model.compile("sgd", "mse", metrics=["mae"])
    x = np.ones((8, 4))
    run = model.fit(x, x[:, :1], epochs=4, validation_data=(x, x[:, :1]), validation_freq=2, verbose=0)
    later = model.fit(x, x[:, :1], epochs=6, initial_epoch=4, verbose=0)
    figure = keras.utils.plot_history(run, to_file=tmp_path / "curves.png")
    curve = {"training": (1, 2, 3, 4), "validation": (2, 4)}
    assert lines(figure) == {"loss": curve, "mae": curve}
    assert (tmp_path / "curves.png").stat().st_size > 1000
    both = keras.utils.plot_history({"first": run, "then": later}, metrics="loss", log_scale=True, title="Two")
    assert lines(both) == {
        "loss": {"first training": (1, 2, 3, 4), "first validation": (2, 4), "then training": (5, 6)}
    }
    assert both.axes[0].get_yscale() == "log"
    assert lines(keras.utils.plot_history(later.history, "mae")) == {"mae": {"training": (1, 2)}}
    pyplot.close("all")
    with pytest.raises(ValueError, match=r"'los'.*'loss'"):
        keras.utils.plot_history(run, metrics=["los"])
    with pytest.raises(ValueError, match="nothing was trained"):
        keras.utils.plot_history({})
    with pytest.raises(ValueError, match="expected what `fit` returned"):
        keras.utils.plot_history([1, 2])
