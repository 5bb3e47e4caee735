"""``hornbeam`` on the command line: look into files, convert them, and see what is installed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from hornbeam._version import __version__
from hornbeam.errors import HornbeamError


def parser() -> argparse.ArgumentParser:
    """What the command line takes."""
    top = argparse.ArgumentParser(prog="hornbeam", description=__doc__)
    top.add_argument("--version", action="version", version=f"hornbeam {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    inspect = commands.add_parser(
        "inspect", help="show layers, shapes, sizes and check sums of a file; nothing is built"
    )
    inspect.add_argument(
        "file", help="a .keras, .h5, .weights.h5, .weights.json, .safetensors or .npz"
    )
    inspect.add_argument(
        "--no-verify", action="store_true", help="do not read the values to verify their check sums"
    )
    inspect.add_argument(
        "--timeout", type=float, metavar="SECONDS",
        help="look at the file in a process of its own, which ends after so long: for files that you "
        "do not trust",
    )  # fmt: skip

    convert = commands.add_parser(
        "convert", help="write a file in another format; the ends of the names say which"
    )
    convert.add_argument("source", help="what to read: a model or weights, of any Keras")
    convert.add_argument("target", help="what to write: .keras, weights, .json or .yaml")
    convert.add_argument(
        "--model", help="a .keras, .json or .yaml file with the architecture, if SOURCE is weights"
    )
    convert.add_argument("--overwrite", action="store_true", help="replace TARGET if it exists")

    migrate = commands.add_parser(
        "migrate", help="show, or write, programs for older versions of Keras in today's spelling"
    )
    migrate.add_argument("files", nargs="+", metavar="FILE", help="a program in Python")
    migrate.add_argument("--write", action="store_true", help="change the files")

    commands.add_parser("doctor", help="show engines, devices, and what is missing")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status is 0, or 1 with one line about what went wrong.

    Args:
        arguments: the words of the command line, by default those of the process.
    """
    given = parser().parse_args(arguments)
    try:
        if given.command == "inspect":
            from hornbeam.cli.inspect import inspect_elsewhere, inspect_file

            if given.timeout is not None:
                return inspect_elsewhere(given.file, not given.no_verify, given.timeout)
            return inspect_file(given.file, verify=not given.no_verify)
        if given.command == "convert":
            from hornbeam.cli.convert import convert_file

            return convert_file(given.source, given.target, given.model, given.overwrite)
        if given.command == "migrate":
            from hornbeam.cli.migrate import migrate_files

            return migrate_files(given.files, given.write)
        from hornbeam.cli.doctor import report

        return report()
    except (HornbeamError, OSError, TypeError) as error:
        sys.stderr.write(f"hornbeam: {error}\n")
        return 1


__all__ = ["main", "parser"]
