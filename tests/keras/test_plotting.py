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


def edges(graph, names=None):
    """Lines between boxes, by name."""
    found = {(e.get_source().strip('"'), e.get_destination().strip('"')) for e in graph.get_edges()}
    return {tuple((names or {}).get(end, end) for end in edge) for edge in found}


@pytest.mark.parametrize("make", [branches, row])
def test_the_graph_is_that_of_keras(keras3, make):
    oracle, model = make(keras3), make(keras)
    ids = {str(id(layer)): layer.name for layer in oracle.layers}
    real, ours = (k.utils.model_to_dot(m) for k, m in ((keras3, oracle), (keras, model)))
    assert edges(ours) == edges(real, ids)
    boxes = {n.get_name().strip('"') for n in ours.get_nodes()} - {"node"}
    assert boxes == {layer.name for layer in model.layers}


def test_models_inside_are_drawn_in_a_frame():
    graph = keras.utils.model_to_dot(branches(keras), expand_nested=True)
    (frame,) = graph.get_subgraphs()
    assert frame.get_label() == "inner"
    assert edges(frame) == {("inner/deep", "inner/deeper")}
    assert {("shared", "inner/deep"), ("inner/deeper", "both")} <= edges(graph)
    assert type(keras.utils.model_to_dot(row(keras), subgraph=True)).__name__ == "Cluster"


def test_boxes_show_what_is_asked_for():
    model = branches(keras)
    model.get_layer("one").trainable = False
    shown = {"show_shapes": True, "show_dtype": True, "show_layer_activations": True, "show_trainable": True}
    text = keras.utils.model_to_dot(model, **shown).to_string()
    labels = {m[1]: m[2] for m in re.finditer(r'^"(\w+)" \[label=<(.*)>\];?$', text, re.MULTILINE)}
    plain = {name: re.sub(r"<[^>]*>", " ", label).split() for name, label in labels.items()}
    assert " ".join(plain["shared"]) == (
        "shared (Dense) Activation: relu Input shape: (None, 4) Output shape: (None, 3) Output dtype: float32 Trainable"
    )
    assert plain["one"][-1] == "Non-trainable"
    assert "Input shape: (None, 2), (None, 3)" in " ".join(plain["both"])
    assert "Trainable" not in plain["a"] and "Input" not in plain["a"]


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
    assert [n.get_name() for n in keras.utils.model_to_dot(model).get_nodes() if n.get_name() != "node"] == ['"own"']


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
