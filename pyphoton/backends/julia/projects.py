"""What Julia programs and projects say of their versions, without being started, and which versions an engine works with."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

PACKAGE = re.compile(r'^\[\[deps\.(\w+)]]\n(?:(?!\[).*\n)*?version = "(.*)"', re.MULTILINE)
ENTRY = re.compile(r'^(\w+) = "~(.*)"$', re.MULTILINE)


@cache
def julia(program: str) -> str:
    """The version of a Julia program; empty when it does not say."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, encoding="utf-8", timeout=30, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r"julia version (\d+\.\d+\S*)", said)
    return found[1] if found else ""


def packages(project: str) -> dict[str, str]:
    """package => version, of the project's manifest; empty where there is none that can be read."""
    try:
        return dict(PACKAGE.findall(Path(project, "Manifest.toml").read_text("utf-8")))
    except (OSError, ValueError):
        return {}


def needed(file: Path) -> dict[str, str]:
    """package => the oldest version that an engine works with, "julia" among them; newer ones are of that minor version. For Julia: julia/src/environment.jl."""
    return dict(ENTRY.findall(file.read_text("utf-8").partition("\n[compat]\n")[2]))


def fits(version: str, least: str) -> bool:
    """Whether a version is of that minor version, and not older."""
    found, wanted = numbers(version), numbers(least)
    return found[:2] == wanted[:2] and found >= wanted


def numbers(version: str) -> tuple[int, ...]:
    """The text "1.10.3+0" as (1, 10, 3)."""
    return tuple(map(int, re.findall(r"\d+", version.partition("+")[0])[:3]))


def unfit(found: dict[str, str], wanted: dict[str, str]) -> list[str]:
    """Those of the versions that are other ones than wanted, in words."""
    return [f"{name} {found[name]}, expected {least}" for name, least in wanted.items() if name in found and not fits(found[name], least)]
