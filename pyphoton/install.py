"""`pyphoton install`: prepare Julia with Flux or Knet, with visible progress. It may be called again: what is done is not done twice."""

from __future__ import annotations

import argparse

HELP = "prepare Julia and Flux, or Knet, for the julia backend"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command. The environment says which Julia and project (see `pyphoton doctor`)."""
    parser.add_argument("--engine", help="what computes in Julia: flux or knet, which is experimental (default: PYPHOTON_ENGINE, or flux)")


def run(options: argparse.Namespace) -> int:
    """Install, compile, try. Errors: BackendMissing with the way out, UnknownName."""
    from pyphoton.backends.julia import engines
    from pyphoton.backends.julia.prepare import prepare

    with engines.during(options.engine):
        found, package = prepare(), engines.package()
    print(f"Julia {found['julia']} with {package} {found['packages'][package]} is ready: it starts in {found['seconds']} s.")
    print(f"  program: {found['executable']}\n  project: {found['project']}")
    return 0
