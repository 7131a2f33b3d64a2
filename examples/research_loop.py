"""A Flax model trained with kjax' layers, steps and loop engine, and no Keras API at all."""

import argparse

import flax.linen as nn
import numpy as np

from kjax import nn as knn
from kjax import train
from kjax.data import Arrays
from kjax.data.datasets.standin import synthetic_cifar10


class Network(nn.Module):
    """Any Flax module will do; layers of Flax and of kjax go together."""

    @nn.compact
    def __call__(self, x, training=False):
        x = knn.Rescaling(1 / 127.5, offset=-1.0)(x)
        for width in (16, 32):
            x = nn.relu(nn.Conv(width, (3, 3), use_bias=False)(x))
            x = knn.BatchNormalization()(x, training=training)
            x = knn.MaxPooling2D()(x)
        x = knn.Dropout(0.2)(knn.Flatten()(x), training=training)
        return nn.softmax(nn.Dense(10)(x))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--samples", type=int, default=5000)
    options = parser.parse_args()

    (x, y), (x_test, y_test) = synthetic_cifar10(options.samples, options.samples // 5)
    source = Arrays((x.astype(np.float32), y, None), batch_size=64, shuffle=True)
    held_out = Arrays((x_test.astype(np.float32), y_test, None), batch_size=256)

    network = Network()
    objective = train.Objective.of("sparse_categorical_crossentropy", metrics=["accuracy"])
    optimizer = knn.optimizers.Adam(1e-3)
    state = train.create_state(network, objective, optimizer, source.leaves[0][:1], seed=0)
    train_step = train.make_train_step(network, objective, optimizer)
    eval_step = train.make_eval_step(network, objective)

    for epoch in range(options.epochs):
        state, logs = train.fit_epoch(train_step, state, source, objective)
        test = train.evaluate(eval_step, state, held_out, objective)
        print(
            f"epoch {epoch + 1}: loss {logs['loss']:.4f}, accuracy {logs['accuracy']:.4f}, test {test['accuracy']:.4f}"
        )


if __name__ == "__main__":
    main()
