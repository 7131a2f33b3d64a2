"""`python -m kjax script.py`: runs a Keras script of any age on kjax."""

from __future__ import annotations

import os
import sys

USAGE = """usage: python -m kjax [--keras 1|2|tf|3] SCRIPT [ARG ...]
       python -m kjax [--keras 1|2|tf|3] -m MODULE [ARG ...]

Runs a Keras script on kjax: `import keras` and `from tensorflow import keras` mean kjax in it, by all
paths of all generations.

  --keras VERSION   the generation that the script is written for: 1, 2, tf, 3, or a version such as 2.3;
                    it decides defaults, names (`acc`) and messages. Without it the script's imports and
                    spellings tell, where they leave no doubt; else it is 3.
  -m MODULE         run a module, as `python -m` does
  --version         print the version of kjax
  -h, --help        print this
"""


def parse(arguments: list[str]) -> tuple[str | None, bool, str, list[str]]:
    """What the command line asks for.

    Args:
        arguments: those after ``python -m kjax``.

    Returns:
        The version of Keras or None, whether a module is run, its name or the script's path, its arguments.

    Raises:
        SystemExit: help, the version, or a command line that cannot be understood.
    """
    version, rest = None, list(arguments)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        option = rest.pop(0)
        if option in ("-h", "--help"):
            print(USAGE, end="")
            raise SystemExit(0)
        if option in ("-V", "--version"):
            from kjax._version import __version__

            print(f"kjax {__version__}")
            raise SystemExit(0)
        if option == "--keras" and rest:
            version = rest.pop(0)
        elif option.startswith("--keras="):
            version = option.partition("=")[2]
        elif option == "-m" and rest:
            return version, True, rest[0], rest[1:]
        elif option.startswith("-m") and not option.startswith("--"):
            return version, True, option[2:], rest
        elif option == "--" and rest:
            break
        else:
            _stop(f"python -m kjax: unknown or incomplete option {option!r}")
    if not rest:
        _stop("python -m kjax: no script was named")
    return version, False, rest[0], rest[1:]


def _stop(message: str) -> None:
    print(f"{message}\n\n{USAGE}", end="", file=sys.stderr)
    raise SystemExit(2)


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line names.

    Args:
        arguments: those after ``python -m kjax``; by default of this process.

    Returns:
        The exit status.
    """
    version, is_module, name, rest = parse(sys.argv[1:] if arguments is None else arguments)
    from kjax.keras.legacy import runner

    if version is not None:
        from kjax.keras.legacy.install import version_of

        try:
            version_of(version)
        except ValueError as error:
            _stop(f"python -m kjax --keras: {error}")
    if not is_module and not os.path.exists(name):
        print(f"python -m kjax: cannot open {name!r}: there is no such file", file=sys.stderr)
        return 2
    return runner.run_module(name, rest, version) if is_module else runner.run_script(name, rest, version)


if __name__ == "__main__":
    sys.exit(main())
