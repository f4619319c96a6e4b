"""Where the numbers live: one NumPy array per parameter, kept by the layer that owns it.

Layers are descriptions and hold no arrays; this store does, keyed by the layer's identity. Backends on the CPU train
these very arrays in place (torch through `from_numpy`, Julia through a pointer), so that two models, a slice of a
model, and the same model on two engines share their weights without copying and without being told.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from pyphoton import initialisers
from pyphoton.errors import ArgumentError, NotBuilt, ShapeError
from pyphoton.scopes import children, unique, where
from pyphoton.typing import Shape, show

_changes = 0


class Parameter:
    """One parameter: `value` (a NumPy array, canonical layout), `path`, `role` and whether it is `frozen`.

    `draw()` gives its first values again.
    """

    __slots__ = ("__weakref__", "draw", "frozen", "path", "role", "value")

    def __init__(self, path: str, draw: Callable[[], Any], shape: tuple[int, ...], dtype: str, role: str, value: Any = None) -> None:
        self.path, self.draw, self.role, self.frozen = path, draw, role, False
        self.value = allocate(shape, dtype)
        self.value[...] = draw() if value is None else value

    @property
    def shape(self) -> tuple[int, ...]:
        """Axis lengths."""
        return tuple(self.value.shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.value, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        return f"Parameter({self.path}, {self.shape}{', frozen' if self.frozen else ''})"

    def check(self, array: Any) -> None:
        """Errors: ShapeError unless `array` holds numbers in the parameter's shape."""
        if array.shape != self.value.shape or array.dtype.kind not in "biuf":
            raise ShapeError(self.path, f"numbers of shape {self.value.shape}", f"{array.dtype} {array.shape}")

    def set_(self, value: Any) -> None:
        """Copy `value` into the parameter, for every model and engine that uses it. Errors: ShapeError, unchanged."""
        global _changes
        array = np.asarray(value)
        self.check(array)
        self.value[...] = array
        _changes += 1


class Parameters(Mapping[str, Parameter]):
    """Parameters by name, with attribute access; `w` and `b` are short for kernel and bias."""

    def __init__(self, members: Mapping[str, Parameter]) -> None:
        self._members = dict(members)

    def __getitem__(self, name: str) -> Parameter:
        return self._members[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __getattr__(self, name: str) -> Parameter:
        for known in (name, {"w": "kernel", "b": "bias"}.get(name, name)):
            if known in self.__dict__.get("_members", {}):
                return self._members[known]
        raise AttributeError(f"no parameter {name!r}; there are {', '.join(self.__dict__.get('_members', {}))}")

    def __repr__(self) -> str:
        return "\n".join(map(repr, self._members.values()))


class _Entry:
    def __init__(self, shapes: tuple[Shape, ...]) -> None:
        self.shapes = shapes
        self.members: dict[str, Parameter] = {}


_store: WeakKeyDictionary[Any, _Entry] = WeakKeyDictionary()
_frozen_before_built: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()


def changes() -> int:
    """How often a parameter was set from outside of a backend; a copy on another device looks at it."""
    return _changes


def allocate(shape: tuple[int, ...], dtype: str) -> Any:
    """An empty C-contiguous array on a 64-byte boundary."""
    wide = np.dtype(dtype).itemsize
    raw = np.empty(math.prod(shape) * wide + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + math.prod(shape) * wide].view(dtype).reshape(shape)


def obtain(
    layer: Any, name: str, path: str, param: Any, shapes: tuple[Shape, ...], dtype: str, seed: int, value: Any = None
) -> Parameter:  # fmt: skip
    """The layer's parameter. If it does not exist it begins with `value`, or is drawn: the same seed and path give the same numbers everywhere."""
    entry = _store.setdefault(layer, _Entry(shapes))
    if name not in entry.members:
        entry.members[name] = _made(layer, path, param, dtype, seed, value)
    found = entry.members[name]
    if found.value.dtype != dtype:
        raise ArgumentError(f"{path}", f"parameters of {found.value.dtype}", f"a model of {dtype}", "Build a new layer for another dtype.")
    return found


def adopt(layer: Any, name: str, parameter: Parameter) -> None:
    """Make a parameter that stands alone the layer's own. Errors: ArgumentError when another layer has it, or the layer has one."""
    if any(parameter is member for entry in _store.values() for member in entry.members.values()):
        raise ArgumentError(f"{type(layer).__name__}.{name}", "a parameter that stands alone", f"{parameter!r} of another layer", "Share the layer that has it.")
    parameter.path = name
    _store.setdefault(layer, _Entry(())).members[name] = parameter


def copy(layer: Any, to: Any) -> None:
    """Give a layer copies of another one's parameters, as they are now; none where it has none yet."""
    entry = _store.get(layer)
    if layer in _frozen_before_built:
        _frozen_before_built[to] = _frozen_before_built[layer]
    if entry is None:
        return
    made = _store[to] = _Entry(entry.shapes)
    for name, p in entry.members.items():
        made.members[name] = Parameter(p.path, p.draw, p.shape, str(p.value.dtype), p.role, p.value)
        made.members[name].frozen = p.frozen


def packed(layer: Any) -> dict[str, Any]:
    """A layer's own parameters as plain data, for `unpack`."""
    entry = _store.get(layer) if _in_store(layer) else None
    members = {} if entry is None else {n: (p.path, p.role, p.frozen, p.value) for n, p in entry.members.items()}
    return {"shapes": None if entry is None else entry.shapes, "members": members, "frozen": _frozen_before_built.get(layer)}


def unpack(layer: Any, data: Mapping[str, Any]) -> None:
    """Give a layer without parameters copies of those that `packed` has written."""
    if data["frozen"] is not None:
        _frozen_before_built[layer] = data["frozen"]
    if data["shapes"] is None:
        return
    entry = _store[layer] = _Entry(data["shapes"])
    known = layer.params(*data["shapes"])
    for name, (path, role, frozen, value) in data["members"].items():
        made = entry.members[name] = _made(layer, path, known[name], str(value.dtype), 0, value)
        made.role, made.frozen = role, frozen


def place(layer: Any, values: Mapping[str, Any], shapes: tuple[Shape, ...], dtype: str, path: str = "") -> None:
    """Build a layer with copies of these numbers, for inputs of `shapes`. Errors: ShapeError, ArgumentError for other names; then nothing is built."""
    params = layer.params(*shapes)
    if set(params) != set(values):
        raise ArgumentError(path or repr(layer), f"values for {', '.join(params)}", ", ".join(values))
    for name, param in params.items():
        if tuple(values[name].shape) != param.shape:
            raise ShapeError(f"{path}.{name}", f"numbers of shape {param.shape}", str(tuple(values[name].shape)))
    entry = _store[layer] = _Entry(shapes)
    for name, param in params.items():
        entry.members[name] = _made(layer, f"{path}.{name}" if path else name, param, dtype, 0, values[name])


def _made(layer: Any, path: str, param: Any, dtype: str, seed: int, value: Any = None) -> Parameter:
    def draw() -> Any:
        random = np.random.default_rng([seed, zlib.crc32(path.encode())])
        return initialisers.draw(param.init, random, param.shape, param.fans)

    made = Parameter(path, draw, param.shape, dtype, param.role, value)
    made.frozen = bool(_frozen_before_built.get(layer))
    return made


def check(layer: Any, shapes: tuple[Shape, ...]) -> None:
    """Errors: ShapeError when a built layer meets an input that its parameters do not fit."""
    entry = _store.get(layer)
    if entry is None or entry.shapes == shapes:
        return
    for name, param in layer.params(*shapes).items():
        if name in entry.members and entry.members[name].shape != param.shape:
            built, received = (" and ".join(map(show, s)) for s in (entry.shapes, shapes))
            raise ShapeError(
                where(repr(layer)), f"an input like {built}", received,
                f"Its {name} {entry.members[name].shape} was built for that; build a new layer, or reshape before it.",
            )  # fmt: skip


def built_layers(layer: Any, path: str = "") -> Iterator[tuple[str, Any, Mapping[str, Parameter]]]:
    """(path, layer, parameters) of a layer and of all layers inside it that have parameters; each layer once."""
    yield from _built(layer, path, set(), set())


def _built(layer: Any, path: str, seen: set[int], taken: set[str]) -> Iterator[tuple[str, Any, Mapping[str, Parameter]]]:
    if id(layer) in seen:
        return
    seen.add(id(layer))
    taken.add(path)
    if _in_store(layer):
        yield path, layer, _store[layer].members
    for name, child in children(layer).items():
        own = getattr(child, "given_name", getattr(child, "name", None))
        name = own if isinstance(own, str) else name
        yield from _built(child, unique(f"{path}.{name}" if path else name, taken), seen, taken)


def collect(layer: Any, path: str = "") -> dict[str, Parameter]:
    """The parameters of a layer and of all layers inside it, by path."""
    return {f"{at}.{name}" if at else name: p for at, _, members in built_layers(layer, path) for name, p in members.items()}


def _in_store(layer: Any) -> bool:
    try:
        return layer in _store
    except TypeError:
        return False


def is_built(layer: Any) -> bool:
    """Whether the layer, or a layer inside it, has its parameters."""
    return bool(collect(layer))


def view(layer: Any) -> Parameters:
    """The parameters of a layer or model. Errors: NotBuilt."""
    found = collect(layer)
    if not found and not _in_store(layer):
        raise NotBuilt(repr(layer), hint="It has no parameters yet: call it on an array, or fit_ it, so that its input's shape is known.")
    return Parameters(found)


def parameters_in(what: Any) -> list[Parameter]:
    """The parameters of a Parameter, a layer, or a collection of these."""
    if isinstance(what, Parameter):
        return [what]
    if isinstance(what, Mapping):
        return [p for v in what.values() for p in parameters_in(v)]
    if isinstance(what, list | tuple | set):
        return [p for v in what for p in parameters_in(v)]
    if callable(what) and (hasattr(what, "kind") or children(what)):
        return list(collect(what).values())
    raise ArgumentError("parameters", "a parameter, a layer, or several", repr(what))


def freeze_(what: Any) -> None:
    """Keep parameters as they are while training: of a parameter, a layer, a model, or several. Also before they exist.

    What a layer measures (BatchNorm's running mean and variance) is no parameter: it goes on following the data, as in torch.
    """
    _mark(what, True)


def unfreeze_(what: Any) -> None:
    """Train the parameters again that `freeze_` stopped."""
    _mark(what, False)


def _mark(what: Any, frozen: bool) -> None:
    for parameter in parameters_in(what):
        parameter.frozen = frozen
    if hasattr(what, "kind"):
        _frozen_before_built[what] = frozen
    inside = what if isinstance(what, list | tuple | set) else () if isinstance(what, Parameter | Mapping) else children(what).values()
    for member in inside:
        _mark(member, frozen)


def weights(layer: Any) -> list[Any]:
    """The arrays of a layer or model, trained ones first, then state (as Keras's get_weights): views, not copies."""
    found = view(layer).values()
    return [p.value for role in ("weight", "state") for p in found if p.role == role]


def weights_(layer: Any, values: Any) -> None:
    """Set the arrays of a layer or model, in the order of `weights(layer)`. Errors: ShapeError; nothing is changed then."""
    found = view(layer).values()
    ordered = [p for role in ("weight", "state") for p in found if p.role == role]
    arrays = [np.asarray(v) for v in values]
    if len(arrays) != len(ordered):
        raise ShapeError(repr(layer), f"{len(ordered)} arrays", str(len(arrays)))
    for parameter, array in zip(ordered, arrays, strict=True):
        parameter.check(array)
    for parameter, array in zip(ordered, arrays, strict=True):
        parameter.set_(array)
