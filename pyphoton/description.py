"""Descriptions: frozen dataclasses that check their arguments, print themselves back and become JSON.

Layers, losses, metrics, optimisers and initialisers are descriptions. They hold no arrays and never change; identity
(not equality) is what makes two uses of a layer share weights, hence `eq=False`.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from pyphoton.arguments import checked, is_integer
from pyphoton.errors import ArgumentError, FileError, near

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:  # only for type checkers: `typing` has it from Python 3.11 on

    def dataclass_transform(**_: Any) -> Any:
        """Mark a decorator that makes dataclasses."""
        return lambda decorator: decorator


T = TypeVar("T", bound=type)
_CLASSES: dict[str, type[Description]] = {}
_FUNCTIONS: dict[str, Any] = {}


class Description:
    """Base of everything that is described rather than computed."""

    kind: ClassVar[str] = ""
    by_identity: ClassVar[bool] = False
    """Whether two uses of one object mean something else than two equal objects."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("pyphoton."):
            _CLASSES[cls.__name__] = cls

    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments by name: what is saved."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.init}  # type: ignore[arg-type]

    def __repr__(self) -> str:
        """The constructor call that makes an equal description; defaults are left out."""
        if not dataclasses.is_dataclass(self):
            return f"{type(self).__name__}()"
        shown: list[str] = []
        keyword = False
        for field in sorted(dataclasses.fields(self), key=lambda f: f.kw_only):
            value = getattr(self, field.name)
            if not field.init or _is_default(field, value):
                keyword = True
            elif keyword or field.kw_only or not (_required(field) or field.name == "activation"):
                keyword = True
                shown.append(f"{field.name}={_text(value)}")
            else:
                shown.append(_text(value))
        return f"{type(self).__name__}({', '.join(shown)})"


@dataclass_transform(frozen_default=True, eq_default=False, kw_only_default=False, field_specifiers=(dataclasses.field,))
def description(cls: T) -> T:
    """Make `cls` a frozen dataclass whose constructor refuses unknown arguments with the nearest known name."""
    made: Any = dataclasses.dataclass(frozen=True, eq=False, repr=False)(cls)
    made.__init__ = checked(_named(made.__init__), made.__name__)
    return made  # type: ignore[no-any-return]


def _named(init: Any) -> Any:
    """The constructor, refusing a name that is no text: `Flatten(2)` is a mistake, not a layer called 2."""

    @functools.wraps(init)
    def call(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        name = getattr(self, "name", None)
        if not isinstance(name, str | None):
            raise ArgumentError(type(self).__name__, "name: text, or None", repr(name))

    return call


def stock_function(function: Any, *names: str) -> Any:
    """Register a function of the library, so that JSON can name it. Returns the function."""
    for name in (function.__name__, *names):
        _FUNCTIONS[name] = function
    return function


def to_config(value: Any) -> Any:
    """A description (nested ones included) as JSON-able data. An object that occurs again is written as a reference.

    Errors: ArgumentError for a function or object that is not part of the library: it cannot be named in a file.
    """
    return _write(value, {})


def _write(value: Any, seen: dict[int, dict[str, Any]]) -> Any:
    if isinstance(value, Description) and _CLASSES.get(type(value).__name__) is type(value):
        if id(value) in seen:
            first = seen[id(value)]
            return {"same": first.setdefault("id", sum("id" in c for c in seen.values()))}
        config: dict[str, Any] = {"class": type(value).__name__}
        if value.by_identity:
            seen[id(value)] = config
        config["args"] = {k: _write(v, seen) for k, v in value.arguments().items()}
        return config
    if isinstance(value, tuple | list):
        return [_write(v, seen) for v in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if is_integer(value):
        return int(value)
    name = getattr(value, "__name__", None)
    if name is not None and _FUNCTIONS.get(name) is value:
        return {"function": name}
    raise ArgumentError(
        f"{value!r}", "layers and functions of the library", "a Python object of your own",
        "Only the library's own layers can be named in a file; save the weights instead.",
    )  # fmt: skip


def from_config(config: Any) -> Any:
    """The description that `to_config` wrote. Nothing is executed but the library's own constructors. Errors: FileError."""
    return _read(config, {})


def _read(config: Any, made: dict[Any, Any]) -> Any:
    if isinstance(config, list):
        return tuple(_read(v, made) for v in config)
    if not isinstance(config, dict):
        return config
    if "same" in config:
        if config["same"] not in made:
            raise FileError("reference", "a layer that stands before it", repr(config["same"]))
        return made[config["same"]]
    if "function" in config:
        if config["function"] not in _FUNCTIONS:
            raise FileError(f"function {config['function']!r}", hint=near(config["function"], _FUNCTIONS))
        return _FUNCTIONS[config["function"]]
    name = config.get("class")
    if not isinstance(name, str) or name not in _CLASSES or not isinstance(config.get("args"), dict):
        raise FileError(f"layer {name!r}", "a class of this version", hint=near(name, _CLASSES))
    cls: Any = _CLASSES[name]
    args = {k: _read(v, made) for k, v in config["args"].items()}
    rest = args.pop(cls.variadic, ()) if hasattr(cls, "variadic") else ()
    found = cls(*rest, **args)
    if "id" in config:
        made[config["id"]] = found
    return found


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _is_default(field: dataclasses.Field[Any], value: Any) -> bool:
    if field.default is not dataclasses.MISSING:
        same = type(value) is type(field.default) and (value == field.default or repr(value) == repr(field.default))
        return bool(value is field.default or same)
    if field.default_factory is not dataclasses.MISSING:
        return repr(value) == repr(field.default_factory())
    return False


def _text(value: Any) -> str:
    if callable(value) and not isinstance(value, Description):
        return str(getattr(value, "__name__", repr(value)))
    return repr(value)
