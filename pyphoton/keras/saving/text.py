"""An architecture's file: JSON or YAML by its extension."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pyphoton.errors import BackendMissing, FileError, KeraFlowError
from pyphoton.saving.atomic import replacing

LARGEST = 100_000_000
"""Bytes of a text that is read."""
DEEPEST = 1000
"""How deep a YAML text may be nested before it is made into objects."""


def kind_of(path: str | Path) -> str:
    """The format, "json" or "yaml", by the extension. Errors: KeraFlowError for another extension."""
    kind = {".json": "json", ".yaml": "yaml", ".yml": "yaml"}.get(Path(path).suffix.lower())
    if kind is None:
        raise KeraFlowError(str(path), "a name that ends in .json or .yaml", Path(path).suffix or "no extension")
    return kind


def dumped(config: Any, kind: str, **options: Any) -> str:
    """The text; options go to json.dumps or yaml.dump."""
    if kind == "json":
        return json.dumps(config, **options)
    return str(_yaml().dump(config, Dumper=_yaml().SafeDumper, **{"sort_keys": False, **options}))


def loaded(text: str, kind: str, where: str) -> Any:
    """The data of a text. Errors: FileError."""
    if len(text) > LARGEST:
        raise FileError(where, f"a text of at most {LARGEST} characters", str(len(text)))
    try:
        return json.loads(text) if kind == "json" else _from_yaml(text, where)
    except (ValueError, RecursionError) as error:
        raise FileError(where, f"an architecture as {kind.upper()}", f"{type(error).__name__}: {str(error)[:80]}") from None


def write_text(path: str | Path, text: str) -> None:
    """A file that takes the former one's place when it is whole."""
    with replacing(path) as file:
        file.write(text.encode())


def read_text(path: str | Path) -> str:
    """The text of a file. Errors: FileError."""
    try:
        if not Path(path).is_file():
            raise FileError(str(path), "a saved architecture", "no such file")
        if Path(path).stat().st_size > LARGEST:
            raise FileError(str(path), f"a file of at most {LARGEST} bytes", str(Path(path).stat().st_size))
        return Path(path).read_text("utf-8")
    except (OSError, ValueError) as error:
        if isinstance(error, FileError):
            raise
        raise FileError(str(path), "a saved architecture", str(error)[:80]) from None


def _yaml() -> Any:
    try:
        import yaml
    except ImportError as error:
        raise BackendMissing("YAML", "PyYAML", f"none that can be imported ({error})", "pip install pyyaml, or take a name that ends in .json.") from error
    return yaml


def _from_yaml(text: str, where: str) -> Any:
    """Plain data without aliases, which could stand for more than any memory holds. Errors: FileError."""
    yaml = _yaml()
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        depth = 0
        for event in yaml.parse(text, Loader=loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST or isinstance(event, yaml.AliasEvent):
                raise FileError(where, "plain YAML", "aliases" if depth <= DEEPEST else f"more than {DEEPEST} lists inside one another")
        return yaml.load(text, Loader=loader)
    except yaml.YAMLError as error:
        raise FileError(where, "an architecture as YAML", str(error)[:80].replace("\n", " ")) from None
