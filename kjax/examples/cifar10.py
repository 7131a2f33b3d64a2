"""Train a network on CIFAR-10 through the Keras API: ``python -m kjax.examples.cifar10``."""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
import tempfile
import time
from typing import Any

import numpy as np

MODELS = ("cnn", "mlp", "resnet20", "resnet32", "resnet44", "resnet56", "resnet18")
STAND_IN = "stand-in data (NOT CIFAR-10)"


class Failure(Exception):
    """Something that ends the program with one line."""


def positive(text: str) -> int:
    """A positive integer from the command line."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a positive integer, received {text!r}")
    return value


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m kjax.examples.cifar10",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--model", choices=MODELS, default="cnn", help="network to train")
    parser.add_argument("--epochs", type=positive, help="passes over the data (default: 3 on a CPU, 30 elsewhere)")
    parser.add_argument("--batch-size", type=positive, default=64, help="pictures in a batch")
    parser.add_argument("--learning-rate", type=float, default=1e-3, help="of Adam, at the start of a cosine decay")
    parser.add_argument("--augment", action="store_true", help="flip and shift the pictures at random, on the device")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32", help="type to compute in")
    parser.add_argument("--seed", type=int, default=0, help="everything random follows from it")
    parser.add_argument("--subset", type=positive, metavar="N", help="train on the first N pictures only")
    parser.add_argument("--checkpoint-dir", metavar="DIR", help="keep checkpoints here")
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint")
    parser.add_argument("--output", default=".", metavar="DIR", help="folder for the model and the learning curves")
    parser.add_argument("--verbose", type=int, choices=(0, 1, 2), default=1, help="0 quiet, 1 bar, 2 a line an epoch")
    options = parser.parse_args(argv)
    if options.resume and not options.checkpoint_dir:
        parser.error("--resume needs --checkpoint-dir")
    if not 0 < options.learning_rate < float("inf"):
        parser.error(f"--learning-rate must be a positive number, received {options.learning_rate}")
    if options.seed < 0:
        parser.error(f"--seed must not be negative, received {options.seed}")
    return options


def load(subset: int | None) -> tuple[Any, Any, bool]:
    """CIFAR-10, or the stand-in where it is neither here nor to be had; and whether it is the real one."""
    from kjax.data.datasets import cifar10, standin
    from kjax.data.errors import DatasetError, DownloadError

    try:
        train, test = cifar10.load_data()
        real = True
    except DownloadError as error:
        print(f"CIFAR-10 is not here and cannot be downloaded: {error}", file=sys.stderr)
        print(f"Training on procedurally generated {STAND_IN} of the same shape instead.", file=sys.stderr)
        counts = (subset, max(subset // 5, 1)) if subset else (50_000, 10_000)
        train, test = standin.synthetic_cifar10(*counts)
        real = False
    except DatasetError as error:
        raise Failure(str(error)) from error
    if subset:
        (train_x, train_y), (test_x, test_y) = train, test
        train = train_x[:subset], train_y[:subset]
        test = test_x[: max(subset // 5, 1)], test_y[: max(subset // 5, 1)]
    return train, test, real


def network(name: str, augment: bool, precision: str) -> Any:
    """The network as a Keras model."""
    from kjax import models, nn
    from kjax.keras.models import from_module

    dtype = "mixed_bfloat16" if precision == "bfloat16" else "float32"
    layers = (
        (nn.RandomFlip("horizontal"), nn.RandomTranslation(height_factor=0.125, width_factor=0.125)) if augment else ()
    )
    if name == "mlp":
        module = models.mlp((32, 32, 3), dtype=dtype)
    elif name == "cnn":
        module = models.cnn(augment=layers, dtype=dtype)
    elif name == "resnet18":
        module = models.resnet18(augment=layers, dtype=dtype)
    else:
        module = models.resnet_cifar(int(name.removeprefix("resnet")), augment=layers, dtype=dtype)
    return from_module(module, name=name)


def writable(folder: str, purpose: str) -> pathlib.Path:
    """The folder, made if need be; an error now rather than after the training."""
    path = pathlib.Path(folder).expanduser()
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise Failure(f"cannot write {purpose} to {path}: {error.strerror}") from error
    return path


def plot(history: Any, path: pathlib.Path, title: str) -> bool:
    """Draw the learning curves; False where matplotlib is not installed."""
    try:
        import matplotlib
    except ImportError:
        return False
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), constrained_layout=True)
    for axis, kind in zip(axes, ("loss", "accuracy"), strict=True):
        for prefix, label in (("", "training"), ("val_", "test")):
            name = next((n for n in history.history if n.startswith(prefix) and n.endswith(kind)), None)
            if name is not None and name.startswith("val_") == bool(prefix):
                axis.plot([e + 1 for e in history.epoch], history.history[name], marker="o", label=label)
        axis.set(xlabel="epoch", ylabel=kind)
        axis.legend()
    figure.suptitle(title)
    temporary = path.with_suffix(".tmp.png")
    try:
        figure.savefig(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
        pyplot.close(figure)
    return True


def run(options: argparse.Namespace) -> None:
    """Load, train, evaluate, save."""
    output = writable(options.output, "the model")
    checkpoints = writable(options.checkpoint_dir, "checkpoints") if options.checkpoint_dir else None
    if checkpoints and not options.resume and any(checkpoints.iterdir()):
        raise Failure(f"{checkpoints} is not empty: add --resume to go on from it, or name another folder")
    (x_train, y_train), (x_test, y_test), real = load(options.subset)

    import jax

    from kjax import keras, nn

    device = jax.devices()[0]
    epochs = options.epochs or (3 if device.platform == "cpu" else 30)
    data = "CIFAR-10" if real else STAND_IN
    print(f"{options.model} on {data}: {len(x_train)} pictures, {epochs} epochs, {device.device_kind}")

    keras.utils.set_random_seed(options.seed)
    model = network(options.model, options.augment, options.precision)
    steps = -(-len(x_train) // min(options.batch_size, len(x_train)))
    rate = keras.optimizers.schedules.CosineDecay(options.learning_rate, steps * epochs)
    accuracy = nn.metrics.SparseCategoricalAccuracy(name="accuracy" if real else "standin_accuracy")
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=[accuracy])

    class Clock(keras.callbacks.Callback):
        """Times the epochs."""

        def __init__(self) -> None:
            super().__init__()
            self.times = [time.perf_counter()]
            self.seconds: list[float] = []

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.started = time.perf_counter()

        def on_test_begin(self, logs: Any = None) -> None:
            self.seconds.append(time.perf_counter() - self.started)

    clock = Clock()
    callbacks: list[Any] = [clock]
    if checkpoints:
        backup = keras.callbacks.BackupAndRestore(checkpoints, save_freq=max(steps // 4, 1), delete_checkpoint=False)
        callbacks.append(backup)
    history = model.fit(
        x_train,
        y_train,
        batch_size=options.batch_size,
        epochs=epochs,
        validation_data=(x_test, y_test),
        validation_batch_size=500,
        callbacks=callbacks,
        verbose=options.verbose,
    )
    loss, value = model.evaluate(x_test, y_test, batch_size=500, verbose=0)
    path = output / f"cifar10-{options.model}.keras"
    model.save(path)
    # The first epoch includes compilation.
    timed = clock.seconds[1:] or clock.seconds
    speed = f"{len(x_train) / float(np.median(timed)):,.0f} pictures per second" if timed else "nothing left to train"
    print(f"test accuracy {value:.4f}, test loss {loss:.4f} on {data}")
    print(f"{speed} in training")
    print(f"model saved to {path}")
    picture = path.with_suffix(".png")
    if plot(history, picture, f"{options.model} on {data}"):
        print(f"learning curves drawn in {picture}")
    else:
        print("no learning curves: matplotlib is not installed (pip install 'kjax[plot]')")


def main(argv: list[str] | None = None) -> int:
    """Run the program; returns the exit code."""
    options = arguments(argv)
    try:
        run(options)
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        print(f"error: {error.strerror or error}{where}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except RuntimeError as error:
        from kjax.train.checkpoint import CheckpointError

        if not isinstance(error, CheckpointError):
            raise
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
