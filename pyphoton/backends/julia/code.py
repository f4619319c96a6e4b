"""What Julia is asked about the code of a layer: julia/ext/julia_layer.jl answers. Each question evaluates the code, once in a process."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

from pyphoton.backends.julia import bridge, locate
from pyphoton.backends.julia.errors import JuliaError
from pyphoton.backends.julia.runtime import Runtime, running, start_with_flux
from pyphoton.errors import ShapeError
from pyphoton.julia_code import Code
from pyphoton.plan import Plan, Step


def missing() -> str:
    """Why no Julia can be asked, with the way out; empty when one can."""
    return "" if running() else locate.missing() or locate.wrong()


def with_code(where: str) -> Runtime:
    """A running Julia that can differentiate code: Flux is loaded. Errors: BackendMissing; Unsupported on another engine."""
    return start_with_flux(where, "Or write the layer in Python: a function of tensors, or a Layer with forward.")


def check(plan: Plan) -> str:
    """Where a plan has code of a user's inside; empty when it has none. Errors: FileError for code that is not trusted."""
    places = [(f"{step.path} Julia".strip(), step) for step in plan.all_steps() if step.op == "julia"]
    for where, step in places:
        Code.of(step.attrs).check(where)
    return places[0][0] if places else ""


def arrays(code: Code, where: str) -> list[tuple[str, tuple[int, ...], str]]:
    """Name, shape and role of each array that the object has of its own. Errors: JuliaError."""
    rows, names = _ask(where, "julia_arrays", code), set[str]()
    made = []
    for i, row in enumerate(rows):
        name = unicodedata.normalize("NFKC", row["name"]).replace(".", "_")  # Julia's names may have signs that Python's have not: σ²
        name = name if name.isidentifier() and name not in names else f"array_{i}"
        names.add(name)
        made.append((name, tuple(row["shape"]), row["role"]))
    return made


def values(code: Code, seed: int) -> list[Any]:
    """The arrays of the object that the code makes with Julia's random numbers from this seed."""
    return [bridge.copied(shown) for shown in _ask("Julia", "julia_values", code, seed=seed)]


def output(code: Code, inputs: Sequence[Any], params: Sequence[Any], dtype: str, where: str) -> tuple[int, ...]:
    """The shape of what the code makes of zeros of these shapes. Errors: ShapeError for zeros that it does not take; JuliaError."""
    try:
        return tuple(_ask(where, "julia_output", code, inputs=inputs, params=params, dtype=dtype))
    except JuliaError as error:
        if _is_about_sizes(error):
            shown = " and ".join(str(tuple(s)) for s in inputs)
            raise ShapeError(where, "inputs that its code takes", f"zeros {shown} ({error.message})") from error
        raise


def _is_about_sizes(error: BaseException | None) -> bool:
    return isinstance(error, JuliaError) and (error.julia_type.endswith("DimensionMismatch") or _is_about_sizes(error.__cause__))


def applied(step: Step, training: bool) -> Any:
    """A step as a Julia function of its inputs, parameters and own arrays, as juliacall shows it. Errors: JuliaError."""
    where = f"{step.path} Julia".strip()
    runtime = with_code(where)
    number = _ask(where, "julia_applied", Code.of(step.attrs), params=step.attrs["params"], batch=step.attrs["batch"], inputs=len(step.inputs), place=step.path, shape=step.shapes[0], training=training)
    found = runtime.julia.PyPhoton.OPEN[number]
    runtime.ask("close", number=number)
    return found


def _ask(where: str, call: str, code: Code, **arguments: Any) -> Any:
    code.check(where)
    return with_code(where).ask(call, **code.data(), path=where, **arguments)
