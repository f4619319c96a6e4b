"""`python -m pyphoton.backends.julia.tests`: the Julia package's own tests, run by Julia itself, without Python."""

from __future__ import annotations

import os
import subprocess
import sys

from pyphoton.backends.julia import locate
from pyphoton.errors import BackendMissing


def main() -> int:
    """Run julia/test/runtests.jl with Flux in the environment. Returns Julia's exit code. Errors: BackendMissing."""
    found = locate.place()
    if not found.complete:
        raise BackendMissing("Julia", hint=locate.unprepared())
    path = os.pathsep.join([str(locate.package()), found.project, "@stdlib"])
    tests = str(locate.package() / "test" / "runtests.jl")
    return subprocess.run([found.executable, "--startup-file=no", tests], env={**os.environ, "JULIA_LOAD_PATH": path}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
