"""Telling the forms of callbacks apart, once, before training begins.

- the library's own (`hooks.Callback`);
- objects with Keras's methods, or with Lightning's: by the methods' names, and where both have one, by its arguments.
  A method that does nothing, which the base classes of both libraries have many of, counts as absent;
- functions of (workout, phase), as in Photon;
- functions without arguments, as in the first Flux.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import CodeType
from typing import Any

from pyphoton.callbacks import keras_form, lightning_form
from pyphoton.callbacks.functions import flux, photon
from pyphoton.callbacks.hooks import Callback, Hooks
from pyphoton.errors import ArgumentError, near

EXPECTED = "callbacks: functions of (workout, phase) or of nothing, or objects with Keras's or Lightning's methods"
BOTH = set(keras_form.METHODS) & set(lightning_form.METHODS)
NEVER = {
    "on_test_begin", "on_test_end", "on_test_batch_begin", "on_test_batch_end", "on_validation_start",
    "on_validation_epoch_start", "on_validation_batch_start", "on_validation_batch_end", "on_sanity_check_start", "on_sanity_check_end",
    "on_before_backward", "on_after_backward", "on_before_optimizer_step", "on_before_zero_grad", "on_save_checkpoint", "on_load_checkpoint",
}  # fmt: skip
"""Methods that Keras or Lightning would call while they train, and that nothing here calls."""


def listed(callbacks: Any, cb: Any = None) -> list[Any]:
    """The callbacks of a call of `fit_`, which may be one or several, under either name. Errors: ArgumentError."""
    first, second = ([] if part is None else list(part) if isinstance(part, list | tuple) else [part] for part in (callbacks, cb))
    if first and second:
        raise ArgumentError("fit_", "callbacks= or cb=", "both", "cb is another name of callbacks.")
    return first or second


def hooks_of(callback: Any) -> Hooks:
    """The hooks of a callback of any form. Errors: ArgumentError for an object that is none."""
    if isinstance(callback, type):
        raise ArgumentError("fit_", EXPECTED, f"the class {callback.__name__}", f"Make one: {callback.__name__}(...).")
    if isinstance(callback, Callback):
        return callback.hooks()
    name = getattr(callback, "__name__", type(callback).__name__)
    methods = {n: m for n in (*keras_form.METHODS, *lightning_form.METHODS, *NEVER) if (m := _method(callback, n)) is not None}
    if not methods.keys() <= {"set_model", "set_params"}:
        return _of_methods(name, methods, isinstance(callback, keras_form.LambdaCallback))
    if not callable(callback):
        if any(hasattr(callback, n) for n in (*keras_form.METHODS, *lightning_form.METHODS)):
            return Hooks()  # all of its methods do nothing
        raise ArgumentError("fit_", EXPECTED, repr(callback), _typo(callback))
    if _takes(callback, 2):
        return photon(callback)
    if _takes(callback, 0):
        return flux(callback)
    raise ArgumentError("fit_", EXPECTED, f"{name}{_signature(callback)}")


def _of_methods(name: str, methods: dict[str, Callable[..., Any]], known_as_keras: bool) -> Hooks:
    for unknown in sorted(methods.keys() & NEVER):
        called = ", ".join(sorted({*keras_form.METHODS, *lightning_form.METHODS}))
        raise ArgumentError(f"callback {name}", "methods that fit_ calls", unknown, f"These are: {called}.")
    keras = known_as_keras or _is_keras(name, methods)
    for method, arguments in (keras_form if keras else lightning_form).METHODS.items():
        if method in methods and not _takes(methods[method], len(arguments)):
            wanted, received = f"({', '.join(arguments)})", _signature(methods[method])
            raise ArgumentError(f"callback {name}.{method}", f"a function of {wanted}", f"one of {received}")
    return keras_form.keras(methods) if keras else lightning_form.lightning(methods)


def _is_keras(name: str, methods: dict[str, Callable[..., Any]]) -> bool:
    """Whether the methods are Keras's, not Lightning's. Errors: ArgumentError where they are of both or tell neither."""
    keras, lightning = (methods.keys() & form.METHODS.keys() - BOTH for form in (keras_form, lightning_form))
    if keras and lightning:
        raise ArgumentError(f"callback {name}", "Keras's methods or Lightning's", f"{min(keras)} and {min(lightning)}")
    if keras or lightning:
        return bool(keras)
    fits = {(_takes(m, len(keras_form.METHODS[n])), _takes(m, len(lightning_form.METHODS[n]))) for n, m in methods.items()}
    if fits in ({(True, False)}, {(False, True)}):
        return fits == {(True, False)}
    shown = ", ".join(f"{n}{_signature(m)}" for n, m in methods.items())
    raise ArgumentError(f"callback {name}", "Keras's arguments (logs) or Lightning's (trainer, module)", shown)


def _method(callback: Any, name: str) -> Callable[..., Any] | None:
    """A method of the callback's own, None where it is absent or does nothing."""
    method = getattr(callback, name, None)
    if not callable(method) or getattr(method, "_is_default", False):  # Keras marks those of its base class so
        return None
    code = getattr(method, "__code__", None)
    return None if isinstance(code, CodeType) and code.co_code in _NOTHING else method


def _empty() -> None:
    pass


def _documented() -> None:
    """Do nothing."""


_NOTHING = {_empty.__code__.co_code, _documented.__code__.co_code}


def _takes(function: Callable[..., Any], count: int) -> bool:
    """Whether a function can be called with so many arguments."""
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # a function in C that does not tell
        return True
    return True


def _signature(function: Callable[..., Any]) -> str:
    return str(inspect.signature(function))


def _typo(callback: Any) -> str:
    """A sentence about a method that is named nearly like one that would be called."""
    known = {*keras_form.METHODS, *lightning_form.METHODS}
    for name in dir(callback):
        if name.startswith("on_") and callable(getattr(callback, name)):
            return f"Its method {name} is none of theirs. {near(name, known)}"
    return ""
