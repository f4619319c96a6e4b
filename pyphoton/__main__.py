"""`python -m pyphoton COMMAND`, also installed as `pyphoton`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from pyphoton import __version__
from pyphoton.errors import PhotonError

COMMANDS = ("demo", "doctor", "install")
"""Each is a module of this package with HELP, `arguments(parser)` and `run(options) -> exit code`, quick to import."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command. Exit code 0: it worked; 1: it says what did not; 2: it was refused, in one line."""
    parser = argparse.ArgumentParser("pyphoton", description="Friendly deep learning: one script that runs on several engines.")
    parser.add_argument("--version", action="version", version=f"pyphoton {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name in COMMANDS:
        module = import_module(f"pyphoton.{name}")
        command = commands.add_parser(name, help=module.HELP, description=module.__doc__)
        module.arguments(command)
        command.set_defaults(run=module.run)
    options = parser.parse_args(argv)
    if not hasattr(options, "run"):
        parser.print_help()
        return 0
    try:
        return int(options.run(options))
    except PhotonError as error:
        print(f"pyphoton: {type(error).__name__}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
