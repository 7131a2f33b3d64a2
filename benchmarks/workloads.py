"""What is trained: networks for any module that has the Keras API, data, and the same networks by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import handwritten
from benchmarks.environment import BenchmarkError
from benchmarks.handwritten import ByHand

Data = tuple[np.ndarray, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Workload:
    """One row of the table.

    Attributes:
        name: for the command line.
        title: for people.
        batch_size: samples in a batch.
        steps: batches in an epoch on a CPU, unless the command line says otherwise.
        accelerator_steps: the same elsewhere.
        epochs: epochs in one measurement.
        data: from a number of samples and a generator to inputs and targets, in the types that fit is given.
        build: from the Keras API (``kjax.keras`` or ``keras``) to a compiled model.
        by_hand: the same without Keras, or None where only the two fits are compared.
        convolutional: whether it has convolutions, which XLA:CPU runs many times slower inside a loop.
    """

    name: str
    title: str
    batch_size: int
    steps: int
    accelerator_steps: int
    epochs: int
    data: Callable[[int, np.random.Generator], Data]
    build: Callable[[Any], Any]
    by_hand: ByHand | None = None
    convolutional: bool = False


def _is_kjax(keras: Any) -> bool:
    return keras.__name__.startswith("kjax")


def _one_hot(samples: int, rng: np.random.Generator, classes: int = 10) -> np.ndarray:
    return np.eye(classes, dtype=np.float32)[rng.integers(classes, size=samples)]


def _floats(*shape: int) -> Callable[[int, np.random.Generator], Data]:
    """Inputs between 0 and 1, and one-hot classes."""
    return lambda n, rng: (rng.random((n, *shape), dtype=np.float32), _one_hot(n, rng))


def mlp() -> Workload:
    """The network of the Keras guide's first page."""

    def build(keras: Any) -> Any:
        model = keras.Sequential(
            [
                keras.Input((100,)),
                keras.layers.Dense(64, activation="relu"),
                keras.layers.Dense(10, activation="softmax"),
            ]
        )
        model.compile(keras.optimizers.SGD(0.01), "categorical_crossentropy", metrics=["accuracy"])
        return model

    return Workload(
        "mlp",
        "MLP 100-64-10, SGD, batch 32",
        batch_size=32,
        steps=2000,
        accelerator_steps=2000,
        epochs=5,
        data=_floats(100),
        build=build,
        by_hand=ByHand(handwritten.mlp(0.0), handwritten.categorical, handwritten.sgd(0.01)),
    )


def mnist_mlp(dropout: bool = True) -> Workload:
    """The network of Keras' ``mnist_mlp`` example."""
    rate = 0.2 if dropout else 0.0

    def build(keras: Any) -> Any:
        model = keras.Sequential(
            [
                keras.Input((784,)),
                keras.layers.Dense(512, activation="relu"),
                keras.layers.Dropout(rate),
                keras.layers.Dense(512, activation="relu"),
                keras.layers.Dropout(rate),
                keras.layers.Dense(10, activation="softmax"),
            ]
        )
        model.compile(keras.optimizers.RMSprop(1e-3), "categorical_crossentropy", metrics=["accuracy"])
        return model

    return Workload(
        "mnist_mlp",
        "MLP 784-512-512-10, dropout, RMSprop, batch 128",
        batch_size=128,
        steps=150,
        accelerator_steps=450,
        epochs=2,
        data=_floats(784),
        build=build,
        by_hand=ByHand(handwritten.mlp(rate), handwritten.categorical, handwritten.rmsprop(1e-3)),
    )


def cifar10_cnn(dropout: bool = True) -> Workload:
    """The network of Keras' ``cifar10_cnn`` example."""
    rates = (0.25, 0.5) if dropout else (0.0, 0.0)

    def build(keras: Any) -> Any:
        layers = keras.layers
        model = keras.Sequential([keras.Input((32, 32, 3))])
        for width in (32, 64):
            model.add(layers.Conv2D(width, 3, padding="same", activation="relu"))
            model.add(layers.Conv2D(width, 3, activation="relu"))
            model.add(layers.MaxPooling2D(2))
            model.add(layers.Dropout(rates[0]))
        model.add(layers.Flatten())
        model.add(layers.Dense(512, activation="relu"))
        model.add(layers.Dropout(rates[1]))
        model.add(layers.Dense(10, activation="softmax"))
        model.compile(keras.optimizers.RMSprop(1e-4), "categorical_crossentropy", metrics=["accuracy"])
        return model

    return Workload(
        "cifar10_cnn",
        "Keras' cifar10_cnn, RMSprop, batch 32",
        batch_size=32,
        steps=20,
        accelerator_steps=400,
        epochs=2,
        data=_floats(32, 32, 3),
        build=build,
        by_hand=ByHand(handwritten.cnn(rates), handwritten.categorical, handwritten.rmsprop(1e-4)),
        convolutional=True,
    )


def lstm() -> Workload:
    """Classification of sequences of 80 words."""

    def data(samples: int, rng: np.random.Generator) -> Data:
        words = rng.integers(5000, size=(samples, 80), dtype=np.int32)
        return words, rng.integers(2, size=(samples, 1)).astype(np.float32)

    def build(keras: Any) -> Any:
        model = keras.Sequential(
            [
                keras.Input((80,), dtype="int32"),
                keras.layers.Embedding(5000, 128),
                keras.layers.LSTM(128),
                keras.layers.Dense(1, activation="sigmoid"),
            ]
        )
        model.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy", metrics=["accuracy"])
        return model

    return Workload(
        "lstm",
        "Embedding 5000×128, LSTM 128, T=80, Adam, batch 32",
        batch_size=32,
        steps=20,
        accelerator_steps=200,
        epochs=2,
        data=data,
        build=build,
        by_hand=ByHand(handwritten.lstm, handwritten.binary, handwritten.adam(1e-3)),
    )


def resnet18() -> Workload:
    """ResNet-18 for CIFAR in mixed bfloat16, with flips and shifts in the network; for accelerators."""

    def data(samples: int, rng: np.random.Generator) -> Data:
        pictures = rng.integers(256, size=(samples, 32, 32, 3), dtype=np.uint8)
        return pictures, rng.integers(10, size=(samples, 1), dtype=np.uint8)

    def build(keras: Any) -> Any:
        augment = (("RandomFlip", ("horizontal",)), ("RandomTranslation", (0.125, 0.125)))
        if _is_kjax(keras):
            from kjax import models, nn

            layers = [getattr(nn, name)(*arguments) for name, arguments in augment]
            model = keras.models.from_module(models.resnet18(augment=layers, dtype="mixed_bfloat16"))
        else:
            layers = [getattr(keras.layers, name)(*arguments) for name, arguments in augment]
            model = _keras_resnet18(keras, layers)
        optimizer = keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True)
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    return Workload(
        "resnet18",
        "CIFAR ResNet-18, mixed bfloat16, augmentation, batch 512",
        batch_size=512,
        steps=97,
        accelerator_steps=97,
        epochs=2,
        data=data,
        build=build,
        convolutional=True,
    )


def _keras_resnet18(keras: Any, augment: list[Any]) -> Any:
    """The network of ``kjax.models.resnet18`` in real Keras, with the same types at the same places."""
    layers = keras.layers
    short = {"dtype": "mixed_bfloat16"}

    def conv(x: Any, filters: int, size: int = 3, stride: int = 1) -> Any:
        return layers.Conv2D(
            filters,
            size,
            strides=stride,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            kernel_regularizer=keras.regularizers.L2(5e-4),
            **short,
        )(x)

    def norm(x: Any) -> Any:
        return layers.BatchNormalization(**short)(x)

    def relu(x: Any) -> Any:
        return layers.Activation("relu", **short)(x)

    image = keras.Input((32, 32, 3))
    x = layers.Rescaling(1 / 255.0)(image)
    for layer in augment:
        x = layer(x)
    x = relu(norm(conv(x, 64)))
    for stage, width in enumerate((64, 128, 256, 512)):
        for block in range(2):
            stride = 2 if stage and not block else 1
            y = relu(norm(conv(x, width, stride=stride)))
            y = norm(conv(y, width))
            if stride == 2:
                x = norm(conv(x, width, 1, 2))
            x = relu(layers.Add(**short)([x, y]))
    x = layers.GlobalAveragePooling2D(**short)(x)
    x = layers.Dense(10, kernel_initializer="he_normal", **short)(x)
    return keras.Model(image, layers.Activation("softmax", dtype="float32")(x))


WORKLOADS: dict[str, Callable[[], Workload]] = {
    "mlp": mlp,
    "mnist_mlp": mnist_mlp,
    "cifar10_cnn": cifar10_cnn,
    "lstm": lstm,
    "resnet18": resnet18,
}
ON_CPU = ("mlp", "mnist_mlp", "cifar10_cnn", "lstm")
"""What is run without being asked for by name; elsewhere it is all of them."""


def api(name: str) -> Any:
    """The module ``kjax.keras`` for ``'kjax'``, and real Keras for ``'keras'``.

    Raises:
        BenchmarkError: real Keras does not run on JAX.
    """
    if name == "kjax":
        from kjax import keras

        return keras
    import keras

    if keras.backend.backend() != "jax":
        raise BenchmarkError(f"Keras runs on {keras.backend.backend()}; set KERAS_BACKEND=jax")
    return keras
