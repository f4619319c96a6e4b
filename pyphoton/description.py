"""Descriptions: frozen dataclasses that check their arguments, print themselves back and become JSON.

Layers, losses, metrics, optimisers and initialisers are descriptions. They hold no arrays and never change; identity
(not equality) is what makes two uses of a layer share weights, hence `eq=False`.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import pyphoton
from pyphoton.arguments import checked, is_integer
from pyphoton.errors import ArgumentError, FileError, PhotonError, near

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
    in_files: ClassVar[bool] = True
    """Whether a file may name the class: it is made again from its arguments alone."""
    by_identity: ClassVar[bool] = False
    """Whether two uses of one object mean something else than two equal objects."""
    repeats: ClassVar[str] = ""
    """The argument that says how many layers one description stands for."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("pyphoton.") and cls.in_files:
            _CLASSES[cls.__name__] = cls

    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments by name: what is saved."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.init}  # type: ignore[arg-type]

    @classmethod
    def restored(cls, *args: Any, **arguments: Any) -> Any:
        """The description that a file means by what `arguments` wrote: what the constructor makes of it, unless a class says otherwise."""
        return cls(*args, **arguments)

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


DEEPEST = 100
"""How many lists and descriptions may stand inside one another in JSON."""
MOST = 10_000
"""How many layers a description may stand for; one that is met again counts again, for it is called again."""
LONGEST_NAME = 200
_PLAIN: dict[str, tuple[type, ...]] = {"bool": (bool,), "int": (int,), "float": (int, float), "str": (str,)}


def to_config(value: Any) -> Any:
    """A description (nested ones included) as JSON-able data. An object that occurs again is written as a reference.

    Errors: ArgumentError for a function or object that is not part of the library: it cannot be named in a file.
    """
    config = _write(value, {})
    try:
        _check_size(config)
    except FileError as error:
        raise ArgumentError(type(value).__name__, error.expected, error.received) from None
    return config


def is_named(value: Any) -> bool:
    """Whether a file can name the class of a description: it is one of the library's own."""
    return isinstance(value, Description) and _CLASSES.get(type(value).__name__) is type(value)


def _write(value: Any, seen: dict[int, dict[str, Any]]) -> Any:
    if is_named(value):
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
    _check_size(config)
    return _read(config, {})


def _check_size(config: Any) -> None:
    """Errors: FileError for a description whose building would not end: too deep, or standing for too many layers."""
    bounded(config, _layers, "description", DEEPEST)


def bounded(config: Any, layers: Callable[[dict[str, Any], Callable[[Any], int]], int], where: str, deepest: int) -> None:
    """Errors: FileError for JSON that is too deep, or stands for more than `MOST` layers; what is met again counts again.

    `layers(part, count)` says for how many layers an object stands, of which `count` tells that of anything inside.
    """
    known: dict[int, int] = {}

    def count(part: Any, depth: int) -> int:
        if depth > deepest:
            raise FileError(where, f"at most {deepest} layers and lists inside one another", "more")
        if isinstance(part, list):
            found = sum(count(p, depth + 1) for p in part)
        elif not isinstance(part, dict):
            return 0
        elif "same" in part:
            found = known.get(part["same"], 0) if isinstance(part["same"], int) else 0
        else:
            found = layers(part, lambda inside: count(inside, depth + 1))
            if isinstance(part.get("id"), int):
                known[part["id"]] = found
        if found > MOST:
            raise FileError(where, f"at most {MOST} layers", "more")
        return found

    count(config, 0)


def _layers(part: dict[str, Any], count: Callable[[Any], int]) -> int:
    """For how many layers a description stands."""
    args = part["args"] if isinstance(part.get("args"), dict) else {}
    cls = _known(part["class"]) or Description if isinstance(part.get("class"), str) else Description
    times = args.get(cls.repeats, 1)
    return cls.by_identity * (max(times, 1) if isinstance(times, int) else 1) + sum(map(count, args.values()))


def _read(config: Any, made: dict[int, Any]) -> Any:
    if isinstance(config, list):
        return tuple(_read(v, made) for v in config)
    if not isinstance(config, dict):
        return config
    if "same" in config:
        if not isinstance(config["same"], int) or config["same"] not in made:
            raise FileError("reference", "a layer that stands before it", repr(config["same"])[:80])
        return made[config["same"]]
    if "function" in config:
        name = config["function"]
        if not isinstance(name, str) or name not in _FUNCTIONS:
            raise FileError(f"function {str(name)[:80]!r}", hint=near(name, _FUNCTIONS))
        return _FUNCTIONS[name]
    name = config.get("class")
    if not isinstance(name, str) or _known(name) is None or not isinstance(config.get("args"), dict):
        raise FileError(f"layer {str(name)[:80]!r}", "a class of this version", hint=near(name, _CLASSES))
    found = _constructed(name, {k: _read(v, made) for k, v in config["args"].items()})
    if isinstance(config.get("id"), int):
        made[config["id"]] = found
    return found


def _constructed(name: str, args: dict[str, Any]) -> Any:
    """A description of this class. Errors: FileError with what the constructor refused."""
    cls: Any = _CLASSES[name]
    for field in dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ():
        plain, _, optional = str(field.type).partition(" | ")
        value = args.get(field.name)
        if field.name in args and plain in _PLAIN and optional in ("", "None") and not (optional and value is None):
            if not isinstance(value, _PLAIN[plain]) or (isinstance(value, bool) and plain != "bool"):
                raise FileError(f"{name} {field.name}=", f"{field.type}", repr(value)[:80])
    label = args.get("name")
    if label is not None and not (isinstance(label, str) and len(label) <= LONGEST_NAME):
        raise FileError(f"{name} name=", f"a text of at most {LONGEST_NAME} characters", repr(label)[:80])
    rest = args.pop(cls.variadic, ()) if hasattr(cls, "variadic") else ()
    try:
        return cls.restored(*rest, **args)
    except PhotonError:
        raise
    except Exception as error:
        raise FileError(name, "arguments that it can have", f"{type(error).__name__}: {str(error)[:200]}") from error


def _known(name: str) -> type[Description] | None:
    """A class of the library by its name; its module is imported if it has not been yet."""
    if name not in _CLASSES and name in pyphoton.__all__:
        getattr(pyphoton, name)
    return _CLASSES.get(name)


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
