"""Converted: a model that runs on an engine of its own, whatever the default is. The parameters are the original's."""

from __future__ import annotations

from importlib import import_module
from typing import Any
from weakref import WeakKeyDictionary

from pyphoton import graph
from pyphoton.description import description
from pyphoton.errors import ArgumentError
from pyphoton.layers.base import Layer
from pyphoton.scopes import children, tracing


@description
class Converted(Layer):
    """`model` on the backend `engine`: called, trained and put into a Workout like the model itself.

    It has no numbers of its own: training it changes the original, and the other way round. `flux(m)` and `torch_(m)` make it.
    It is a whole model: inside of another one it is refused, for one plan runs on one engine.
    """

    model: Any
    engine: str
    device: str = "cpu"
    name: str | None = None

    def __repr__(self) -> str:
        device = "" if self.device == "cpu" else f", device={self.device!r}"
        return f"Converted({self.model!r}, {self.engine!r}{device})"

    def trace(self, *inputs: Any) -> Any:
        """What the original does, in its place. Errors: ArgumentError inside of another model."""
        state = tracing.get()
        if state is not None and len(state.scopes) > 2:
            hint = "Put the original there (.model), and convert the whole."
            raise ArgumentError("Converted", f"to be a whole model, on {self.engine}", "a place inside of another model", hint)
        if getattr(self.model, "kind", ""):
            return graph.call(self.model, *inputs)
        run = getattr(self.model, "trace", self.model) if hasattr(self.model, "kind") else self.model
        return run(*graph.spread(run, inputs))

    def children(self) -> dict[str, Any]:
        """Those of the original, so that paths are the same."""
        kind = getattr(self.model, "kind", "")
        return {graph.root_path(self.model): self.model} if kind else children(self.model)

    def agreed(self, backend: str | None, device: str | None) -> tuple[str, str]:
        """The backend and device to run on. Errors: ArgumentError when others are asked for."""
        for word, wanted, own in (("backend", backend, self.engine), ("device", device, self.device)):
            if wanted not in (None, own):
                hint = "Use the original (.model) there, or convert it for that engine."
                raise ArgumentError("Converted", f"{word}={own!r}, for which the model was converted", repr(wanted), hint)
        return self.engine, self.device

    @property
    def parameters(self) -> Any:
        """The original's parameters. Errors: NotBuilt."""
        from pyphoton.parameters import view

        return view(self.model)

    @property
    def native(self) -> Any:
        """The engine's own object over the same memory: a torch.nn.Module, a Flux.Chain.

        Errors: NotBuilt before the model has met data; Unsupported for a layer that the engine has no exact equivalent for.
        """
        found = _natives.get(self)
        if found is None:
            found = _natives[self] = import_module(f"pyphoton.interop.{self.engine}_native").native(self)
        return found


_natives: WeakKeyDictionary[Converted, Any] = WeakKeyDictionary()


def original(model: Any) -> Any:
    """The model behind a converted one; any other model itself."""
    return model.model if isinstance(model, Converted) else model
