"""Julia: a layer whose computation is Julia code. What Julia has to be asked about it is asked once, and kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any, ClassVar, TypeAlias

from pyphoton import graph
from pyphoton.arguments import is_integer
from pyphoton.description import description
from pyphoton.errors import ArgumentError, BackendMissing, FileError, ShapeError
from pyphoton.julia_code import Code, read
from pyphoton.layers.base import Layer, Param
from pyphoton.layers.julia_params import Leaf, Own, asked_for, found, kept, leaves, listed
from pyphoton.scopes import where
from pyphoton.tensor import Tensor
from pyphoton.typing import Shape, show

SAMPLES = 2
"""Samples of zeros with which Julia is asked for the shape of an output."""

Sizes: TypeAlias = tuple[tuple[int, ...], ...]
Facts: TypeAlias = tuple[Sizes, Shape]
"""For inputs of some shapes: the shapes of the parameters, and of the output."""

_ANONYMOUS = re.compile(r"\s*(\w+|\([^()]*\))\s*->")
"""The source of a function: it has no arrays of its own."""


@description
class Julia(Layer):
    """A layer whose computation is Julia code, differentiated by Zygote.

        y = f(x, ..., parameters...)

    source: a function, `Julia("x -> x .^ 2")`; the name of one of a Julia package, `Julia("MyPkg.gate")`, or of a file of yours,
    `Julia("gate", file="gates.jl")`; or an expression that makes a layer, `Julia("Flux.Scale(4)")`, whose arrays become the layer's
    parameters and begin with the values that Julia gives them. A package that is written before a dot is loaded.
    params: parameters by name, which the function gets after its inputs, in this order: each a shape, (shape, initialiser), a function of the
    inputs' shapes, or a Param. Matrices begin as Dense's kernel does, others at zero. `{}` says that there are none.
    infer: the shape of the output, (None, ...) with the batch first, or a function of the inputs' shapes that gives it. Without it Julia is
    asked, with a batch of two samples of zeros.
    Input: one or more batches. Output: one array, batch first. Shapes here are Python's; Julia sees each array with its axes reversed,
    so (batch, features) is a matrix (features, batch) there.
    Runs on the engines julia and torch, both with a Julia that has Flux. A file holds the code; `load` runs it only with safe_mode=False.
    Errors: ArgumentError; ShapeError for inputs that the code does not take, and for an output of another shape than inferred; FileError for
    code that came from a file and that nobody vouched for; JuliaError, with file and line, for what the code throws.

    >>> Julia("x -> x .^ 2")(np.ones((2, 4), "float32")).shape
    (2, 4)
    """

    kind = "julia"
    several_inputs: ClassVar[bool] = True
    source: str
    file: str | None = None
    name: str | None = None
    code: Code = field(init=False)
    owned: tuple[Own, ...] = field(init=False)
    explicit: bool = field(init=False)
    said: Any = field(init=False)
    arrays: tuple[Leaf, ...] | None = field(init=False)
    known: dict[tuple[Shape, ...], Facts] = field(init=False)
    drawn: _Drawn = field(init=False)

    def __init__(self, source: str, *, params: Any = None, infer: Any = None, file: Any = None, name: str | None = None) -> None:
        code = read(source, file)
        if not (infer is None or callable(infer) or isinstance(infer, tuple | list)):
            raise ArgumentError("Julia infer=", "the shape of the output, or a function of the inputs' shapes that gives it", repr(infer))
        self._describe(code, asked_for(params), infer, name)

    def _describe(self, code: Code, owned: tuple[Own, ...] | None, infer: Any, name: str | None) -> None:
        """All fields; nothing of the inputs is known yet."""
        arrays = () if owned is not None or (code.text is None and _ANONYMOUS.match(code.source)) else None
        self.set(source=code.source, file=code.file, name=name, code=code, owned=owned or (), said=infer, explicit=owned is not None)
        self.set(arrays=arrays, known={}, drawn=_Drawn(code))

    @classmethod
    def restored(cls, *args: Any, **found_in_file: Any) -> Any:
        """A layer from a file: its code is not trusted yet. Errors: FileError."""
        given = {**dict.fromkeys(("source", "file", "text", "params", "arrays", "known", "infer", "name")), **found_in_file}
        texts = given["source"], given["file"] or "", given["text"] or ""
        if args or len(given) != 8 or not all(isinstance(t, str) for t in texts) or (given["file"] is None) != (given["text"] is None):
            raise FileError("Julia", "source, file, text, params, arrays and shapes", str(sorted(given))[:200])
        made = object.__new__(cls)
        made._describe(Code(given["source"], given["file"], given["text"]), found(given["params"]), given["infer"] and _checked_shape(given["infer"]), given["name"])
        made.set(arrays=leaves(given["arrays"]))
        for into, sizes, output in listed(given["known"], 3):
            made.known[tuple(map(_checked_shape, into))] = tuple(map(_checked_size, sizes)), _checked_shape(output)
        return made

    def arguments(self) -> dict[str, Any]:
        """What a file keeps: the code, the parameters, and the shapes that are known."""
        arrays = None if self.arrays is None else [[a.name, a.shape, a.role] for a in self.arrays]
        known = [[into, sizes, output] for into, (sizes, output) in self.known.items()]
        infer = None if callable(self.said) else self.said
        params = kept(self.owned) if self.explicit else None
        return {**self.code.data(), "params": params, "infer": infer, "name": self.name, "arrays": arrays, "known": known}

    def __repr__(self) -> str:
        shown = [repr(self.source if len(self.source) <= 60 else f"{self.source[:57]}...")]
        shown += [f"params={{{', '.join(map(str, self.owned))}}}"] if self.explicit else []
        shown += [] if self.said is None else [f"infer={'...' if callable(self.said) else tuple(self.said)}"]
        shown += [f"{k}={v!r}" for k, v in (("file", self.file), ("name", self.name)) if v is not None]
        return f"Julia({', '.join(shown)})"

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "trusted": self.code.trusted}

    def __setstate__(self, state: dict[str, Any]) -> None:
        trusted = state.pop("trusted")
        self.set(**state)
        if trusted:  # who unpickles runs what is pickled, whatever it is
            self.code.trust()

    # ---- in a model ------------------------------------------------------------------------------------------------------------

    def trace(self, *inputs: Any) -> Any:
        """One step. Its shapes are asked for in the dtype of the model."""
        flat = tuple(t for i in inputs for t in (i if isinstance(i, tuple | list) else (i,)))
        if flat and all(isinstance(t, Tensor) for t in flat):
            self._facts(tuple(t.shape for t in flat), next((t.dtype for t in flat if t.dtype.startswith("float")), "float32"))
        return graph.apply_leaf(self, flat)

    def infer(self, *inputs: Shape) -> Shape:
        """The output's shape: what `infer=` says, or Julia. Errors: ShapeError, ArgumentError, BackendMissing, JuliaError."""
        return self._facts(inputs)[1]

    def params(self, *inputs: Shape) -> Mapping[str, Param]:
        """What `params=` names; otherwise the arrays of the Julia object, which begin with Julia's values."""
        sizes = self._facts(inputs)[0]
        made = {o.name: Param(size, init=p.init, role=p.role, fans=p.fans) for o, size in zip(self.owned, sizes, strict=True) for p in (self._sized(o, size, inputs),)}
        return made | {a.name: Param(a.shape, _First(self.drawn, i), a.role) for i, a in enumerate(self._arrays())}

    def attrs(self, *inputs: Shape) -> dict[str, Any]:
        """The code, the parameters in the function's order, the object's arrays in Julia's order, and which input shows the number of samples."""
        batch = next((i for i, shape in enumerate(inputs) if shape and shape[0] is None), None)
        return {**self.code.data(), "params": [o.name for o in self.owned], "arrays": [a.name for a in self._arrays()], "batch": batch}

    # ---- what is known of it ---------------------------------------------------------------------------------------------------

    def _sized(self, own: Own, size: tuple[int, ...], inputs: tuple[Shape, ...]) -> Param:
        """A parameter for these inputs, whose size is known already."""
        if callable(own.shape):
            own = Own(own.name, size, own.init, own.role, own.fans)
        return own.param(*inputs)

    def _facts(self, inputs: tuple[Shape, ...], dtype: str = "float32") -> Facts:
        """Shapes of the parameters, and of the output."""
        if inputs not in self.known:
            sizes = tuple(o.param(*inputs).shape for o in self.owned)
            self.known[inputs] = sizes, self._said(inputs) if self.said is not None else self._asked(inputs, sizes, dtype)
        return self.known[inputs]

    def _said(self, inputs: tuple[Shape, ...]) -> Shape:
        """What `infer=` says. Errors: ArgumentError."""
        answer = self.said(*inputs) if callable(self.said) else self.said
        good = isinstance(answer, tuple | list) and len(answer) > 0 and all(n is None or is_integer(n) for n in answer)
        batch = next((s[0] for s in inputs if s), None)
        if not good or answer[0] not in (None, batch) or any(n is not None and n < 0 for n in answer):
            raise ArgumentError(where("Julia infer="), "a shape that begins with None, the batch", repr(answer))
        return (batch, *(None if n is None else int(n) for n in answer[1:]))

    def _asked(self, inputs: tuple[Shape, ...], sizes: Sizes, dtype: str) -> Shape:
        """What Julia makes of zeros. Errors: ShapeError, BackendMissing, JuliaError."""
        if any(n is None for s in inputs for n in s[1:]) or not all(inputs):
            raise ShapeError(where(repr(self)), "known lengths of all axes but the batch, or infer=", ", ".join(map(show, inputs)))
        zeros = [tuple(SAMPLES if n is None else n for n in s) for s in inputs]
        answer: tuple[int, ...] = self._julia().output(self.code, zeros, sizes, dtype, where(repr(self)))
        if all(s[0] is not None for s in inputs):
            return answer
        if answer[:1] != (SAMPLES,):
            received = f"an array {answer[:0:-1] + answer[:1]} for {SAMPLES} samples" if answer else "an array without axes"
            raise ShapeError(where(repr(self)), "an output with the samples on Julia's last axis", received, "A layer gives a result for each sample.")
        return (None, *answer[1:])

    def _arrays(self) -> tuple[Leaf, ...]:
        """The arrays of the Julia object, which Julia is asked for once."""
        if self.arrays is None:
            self.set(arrays=leaves(self._julia().arrays(self.code, where(repr(self)))))
        return self.arrays or ()

    def _julia(self) -> Any:
        """Who asks Julia. Errors: FileError for code that is not trusted; BackendMissing with both ways out."""
        from pyphoton.backends.julia import code as asking

        self.code.check(where(repr(self)))
        reason = asking.missing()
        if reason:
            hint = "Say what Julia would be asked for: infer=, the output's shape, and params= (params={} where there are none)."
            raise BackendMissing(where(repr(self)), "a Julia to be asked for the shapes of its output and parameters", "none here", f"{reason} {hint}")
        return asking


class _Drawn:
    """The seed with which the layer's own object was made: all its arrays come from one object."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self.seed: int | None = None

    def values(self, random: Any) -> Any:
        """The object's arrays in Julia's order."""
        from pyphoton.backends.julia import code as asking

        if self.seed is None:
            self.seed = int(random.integers(2**31))
        return asking.values(self.code, self.seed)


class _First:
    """The first values of one of a Julia object's arrays."""

    __name__ = "julia"

    def __init__(self, drawn: _Drawn, index: int) -> None:
        self.drawn, self.index = drawn, index

    def __call__(self, random: Any, shape: tuple[int, ...]) -> Any:
        return self.drawn.values(random)[self.index]


def _checked_shape(value: Any) -> Shape:
    """A shape of a file. Errors: FileError."""
    if not isinstance(value, tuple | list) or not all(n is None or (type(n) is int and 0 <= n < 2**40) for n in value):
        raise FileError("Julia", "shapes", repr(value)[:200])
    return tuple(value)


def _checked_size(value: Any) -> tuple[int, ...]:
    """A shape of a file whose lengths are all known. Errors: FileError."""
    found = _checked_shape(value)
    if None in found:
        raise FileError("Julia", "known lengths", repr(value)[:200])
    return tuple(n for n in found if n is not None)


def trust(model: Any) -> None:
    """The Julia code of all layers of a model may run in this process."""
    from pyphoton.scopes import children

    todo, seen = [model], set[int]()
    while todo:
        layer = todo.pop()
        if id(layer) in seen or layer is None:
            continue
        seen.add(id(layer))
        if isinstance(layer, Julia):
            layer.code.trust()
        todo += children(layer).values()
