"""The command line of the benchmarks: finds the module of a sub-command and runs it."""

from __future__ import annotations

import argparse
import importlib
import sys

from benchmarks import environment

COMMANDS = {
    "fit": "microseconds per training step of fit, and of the same training by hand; memory of fit",
    "data": "samples per second of fit from arrays, PyDatasets, generators, tensorflow-datasets and grain; memory of long runs",
    "layers": "milliseconds of single layers, forward and backward",
    "calls": "milliseconds of single calls of small models: model(x), predict, train_on_batch and their like",
    "callbacks": "speed of fit with EarlyStopping, ModelCheckpoint, CSVLogger and TensorBoard, against fit without",
    "folds": "seconds of a ten-fold cross-validation, fold after fold and all folds together",
    "files": "seconds and memory to save and load a model of 100 million weights in each format",
    "startup": "seconds from the start of Python to imports and to the first training step",
}
"""Each is a module of this package with ``add_arguments(parser)`` and ``run(options) -> exit code``."""

DEFAULT = "fit"


def main(argv: list[str]) -> int:
    """Run one sub-command; without a name it is ``fit``."""
    if not argv or (argv[0].startswith("-") and argv[0] not in ("-h", "--help")):
        argv = [DEFAULT, *argv]
    environment.prepare()
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__, epilog=f"Without a command: {DEFAULT}.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, description in COMMANDS.items():
        module = importlib.import_module(f"benchmarks.{name}")
        subparser = commands.add_parser(
            name,
            help=description,
            description=module.__doc__,
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        module.add_arguments(subparser)
        subparser.set_defaults(run=module.run)
    options = parser.parse_args(argv)
    try:
        return options.run(options)
    except (environment.BenchmarkError, OSError) as error:
        print(f"scripts/bench: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
