"""`pyphoton install`: prepare Julia with Flux, with visible progress. It may be called again: what is done is not done twice."""

from __future__ import annotations

import argparse

HELP = "prepare Julia and Flux for the julia backend"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command has no options: the environment says which Julia and project (see `pyphoton doctor`)."""


def run(options: argparse.Namespace) -> int:
    """Install, compile, try. Errors: BackendMissing with the way out."""
    from pyphoton.backends.julia.prepare import prepare

    found = prepare()
    print(f"Julia {found['julia']} with Flux {found['packages']['Flux']} is ready: it starts in {found['seconds']} s.")
    print(f"  program: {found['executable']}\n  project: {found['project']}")
    return 0
