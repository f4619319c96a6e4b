"""A Julia depot whose only registry has a few empty packages, so that Julia's Pkg resolves and installs for real, without a network."""

from __future__ import annotations

import os
import subprocess

PACKAGES = {
    "AutoGrad": ("1.2.5", "6710c13c-97f1-543f-91c5-74e8f7d95b35", ()),
    "CUDA": ("3.13.1", "052768ef-5323-5732-b1bb-66c8b64840ba", ("GPUCompiler",)),
    "GPUCompiler": ("0.17.3", "61eb1bfa-7361-4325-ad38-22787b887f55", ()),
    "Knet": ("1.4.10", "1902f260-5fb4-5aff-8c31-6271790ab950", ("AutoGrad", "CUDA", "NNlib")),
    "NNlib": ("0.8.21", "872c559c-99b0-510c-b3b7-b6c96a88d5cd", ()),
    "PythonCall": ("", "6099a3de-0909-46bc-b1f4-468b9a2dfc0d", ()),
}
"""name => (version, identity, what it depends on): those of the real packages; PythonCall's version is juliacall's."""
CAPPED = "GPUCompiler"
"""Julia's registry says that it does not run on Julia 1.10; its own Project.toml does not."""


def depot(folder, pythoncall, without=()):
    """A depot with these packages in its registry; the variables with which Julia uses it, and finds GPUCompiler's address here."""
    registry = folder / "depot" / "registries" / "Small"
    rows = []
    for name in set(PACKAGES) - set(without):
        version, uuid, deps = PACKAGES[name]
        tree = repository(folder, name, version or pythoncall)
        entry = registry / name
        entry.mkdir(parents=True)
        (entry / "Package.toml").write_text(f'name = "{name}"\nuuid = "{uuid}"\nrepo = "{folder / name}"\n')
        (entry / "Versions.toml").write_text(f'["{version or pythoncall}"]\ngit-tree-sha1 = "{tree}"\n')
        (entry / "Deps.toml").write_text("[0-9]\n" + "".join(f'{d} = "{PACKAGES[d][1]}"\n' for d in deps))
        (entry / "Compat.toml").write_text('[0-9]\njulia = "1.6.0-1.9"\n' if name == CAPPED else "")
        rows.append(f'{uuid} = {{ name = "{name}", path = "{name}" }}\n')
    (registry / "Registry.toml").write_text('name = "Small"\nuuid = "5a1f0c3e-7d0b-4b8e-9a51-0d6f5c1e2b77"\nrepo = ""\n\n[packages]\n' + "".join(rows))
    return {
        "JULIA_DEPOT_PATH": str(folder / "depot"),
        "JULIA_PKG_SERVER": "",
        "JULIA_PKG_USE_CLI_GIT": "true",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{folder / CAPPED}.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/JuliaGPU/GPUCompiler.jl.git",
    }


def repository(folder, name, version):
    """A git repository with an empty package, and a tag for its version; the hash of its tree."""
    here = folder / name
    if not here.exists():
        (here / "src").mkdir(parents=True)
        (here / "src" / f"{name}.jl").write_text(f"module {name}\nend\n")
        _, uuid, deps = PACKAGES[name]
        listed = "".join(f'{d} = "{PACKAGES[d][1]}"\n' for d in deps)
        (here / "Project.toml").write_text(f'name = "{name}"\nuuid = "{uuid}"\nversion = "{version}"\n\n[deps]\n{listed}')
        git(here, "init", "--quiet")
        git(here, "add", ".")
        git(here, "commit", "--quiet", "--message", "The package")
        git(here, "tag", f"v{version}")
    return git(here, "rev-parse", "HEAD^{tree}")


def git(folder, *arguments):
    """What git prints."""
    who = {f"GIT_{role}_{what}": "nobody@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(["git", *arguments], cwd=folder, env={**os.environ, **who, **own}, check=True, capture_output=True, text=True).stdout.strip()
