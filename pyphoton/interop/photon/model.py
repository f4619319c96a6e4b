"""Photon's model as PyPhoton's: containers, layers that stand in more than one place, and their parameters."""

from __future__ import annotations

import re
from typing import Any

from pyphoton import layers as l
from pyphoton import parameters
from pyphoton.activations import identity
from pyphoton.errors import FileError, PhotonError, Unsupported
from pyphoton.interop.photon.kinds import Function, Struct
from pyphoton.interop.photon.layers import MAKERS
from pyphoton.interop.photon.recurrent import recurrent
from pyphoton.interop.photon.weights import Weight

_CONTAINERS = {"Sequential": l.Sequential, "Concurrent": l.Concurrent, "Residual": l.Residual}
_WHOLE = ("AlexNet", "VGG", "DenseNet")
_FUNCTIONS: dict[tuple[str, str], Any] = {("Base", "identity"): lambda: identity, ("Knet", "mat"): l.Flatten}


class Model:
    """One reading: `model`, its `dtype`, whether it `recurs`, and of each parameter what it was made of."""

    def __init__(self, found: Any, per_sample: bool) -> None:
        self.per_sample = per_sample
        self.made: dict[int, Any] = {}
        self.open: set[int] = set()
        self.placed: list[tuple[Any, dict[str, Weight]]] = []
        self.dtype = "float32"
        self.recurs = False
        model = self.layer(found, "workout.model", "" if isinstance(found, Struct) and found.is_a("Sequential", *_WHOLE) else "0")
        self.model = model if isinstance(model, l.Sequential) else l.Sequential(model)

    @property
    def weights(self) -> dict[str, Weight]:
        """What each parameter was made of, by its path."""
        paths = {id(p): path for path, p in parameters.collect(self.model).items()}
        return {paths[id(parameters.view(layer)[n])]: w for layer, weights in self.placed for n, w in weights.items()}

    def layer(self, d: Any, at: str, path: str) -> Any:
        """The layer of a structure or function; that which it became before, where it is met again. Errors: FileError, Unsupported."""
        if isinstance(d, Function):
            known = _FUNCTIONS.get((d.module[0], d.name))
            if known is None:
                raise Unsupported(f"from_photon: {at}", "a layer of Photon's, identity or mat", f"the function {d}", "Use a layer, as Activation(relu).")
            return known()
        if not isinstance(d, Struct):
            raise FileError(at, "a layer", repr(d)[:80])
        if id(d) in self.open:
            raise FileError(at, "a model of layers", "one that is inside of itself")
        if id(d) not in self.made:
            self.open.add(id(d))
            self.made[id(d)] = self._made(d, at, path)
            self.open.discard(id(d))
        return self.made[id(d)]

    def _made(self, d: Struct, at: str, path: str) -> Any:
        name = d.type.name
        if name in _WHOLE:
            return l.Sequential(*(self.layer(d[n], f"{at}.{n}", _inside(path, i)) for i, n in enumerate(("features", "output"))))
        if name in _CONTAINERS:
            if not isinstance(d["layers"], list):
                raise FileError(f"{at}.layers", "layers", repr(d["layers"])[:80])
            members = [self.layer(m, f"{at}.layers[{i + 1}]", _inside(path, i)) for i, m in enumerate(d["layers"])]
            return _CONTAINERS[name](*members)
        try:
            if name == "Recurrent":
                self.recurs = True
                layer, shape, weights = recurrent(d, at, self.per_sample)
            elif name in MAKERS:
                colon = isinstance(d.fields.get("dims"), Struct) and d["dims"].is_a("Colon")
                layer, shape, weights = MAKERS[name](Struct(d.type, {"dims": 1}) if colon and self.per_sample else d, at)
            else:
                raise FileError(at, "a layer", f"a {d.type}")
        except (FileError, Unsupported):
            raise
        except PhotonError as error:
            raise Unsupported(f"from_photon: {at} {name}", error.expected or "a layer that can be built here", error.received, error.hint) from error
        own = d.fields.get("name")
        if isinstance(own, str) and not re.fullmatch(r"dense_\d+", own):
            layer.set(name=own)
        if weights:
            self._place(layer, shape, weights, at, path)
        return layer

    def _place(self, layer: Any, shape: tuple[Any, ...], weights: dict[str, Weight], at: str, path: str) -> None:
        """Build a layer with its arrays; a Param that Photon does not update is frozen."""
        dtypes = {w.array.dtype.name for w in weights.values()} | ({self.dtype} if self.placed else set())
        if len(dtypes) > 1:
            raise Unsupported(f"from_photon: {at}", "weights of one type", " and ".join(sorted(dtypes)), "Let all data have one type in Julia.")
        self.dtype = dtypes.pop()
        try:
            parameters.place(layer, {n: w.value for n, w in weights.items()}, (shape,), self.dtype, path)
        except PhotonError as error:
            raise FileError(at, error.expected, error.received) from error
        for name, weight in weights.items():
            parameters.view(layer)[name].frozen = weight.param is not None and weight.param["opt"] == "NOUPDATE"
        self.placed.append((layer, weights))


def _inside(path: str, number: int) -> str:
    return f"{path}.{number}" if path else str(number)
