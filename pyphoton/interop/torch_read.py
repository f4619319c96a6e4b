"""`from_torch`: torch's modules as PyPhoton's layers, with the same weights. What has no exact equivalent is refused by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pyphoton import parameters
from pyphoton.errors import ArgumentError, Unsupported
from pyphoton.interop.torch_files import torch_module
from pyphoton.interop.torch_layout import slots
from pyphoton.interop.torch_modules import Read, readers
from pyphoton.layers.containers import Sequential
from pyphoton.network import network_of

_DTYPES = ("float32", "float64")


def from_torch(module: Any, *, opaque: bool = False) -> Any:
    """A torch module as a PyPhoton model with copies of its weights: nn.Sequential, nested ones too, of the modules below, or one of them.

    Linear, Conv1d to 3d, ConvTranspose, MaxPool, AvgPool and their adaptive forms, BatchNorm, LayerNorm, Dropout, Flatten, Embedding,
    RNN, LSTM and GRU with batch_first (all steps of their output, without the state), and the activations that both libraries have.
    Every member becomes one member, so that paths are torch's names. A module that stands twice is one layer; what needs no gradient
    is frozen. `opaque=True` keeps every other module as it is, on torch: see TorchLayer.
    Errors: Unsupported for a module or an option that has no exact equivalent here; BackendMissing without torch.
    """
    torch = torch_module("from_torch")
    if not isinstance(module, torch.nn.Module):
        raise ArgumentError("from_torch", "a torch.nn.Module", repr(module))
    reader = _Reader(torch, opaque, _dtype(module))
    model = reader.read(module, "", None)
    reader.check_shared(module)
    if not callable(model) or not hasattr(model, "kind"):
        model = Sequential(model)
    network_of(model).dtype = reader.dtype
    return model


def _dtype(module: Any) -> str:
    """The one floating type of a module's weights. Errors: Unsupported."""
    found = {str(t.dtype).removeprefix("torch.") for t in (*module.parameters(), *module.buffers()) if t.is_floating_point()}
    if len(found) > 1 or not found <= set(_DTYPES):
        raise Unsupported("from_torch", f"weights of one type, {' or '.join(_DTYPES)}", " and ".join(sorted(found)), "module.float() casts them.")
    return found.pop() if found else "float32"


class _Reader:
    """One reading: layers by the identity of the module that they were made of."""

    def __init__(self, torch: Any, opaque: bool, dtype: str) -> None:
        self.torch, self.opaque, self.dtype = torch, opaque, dtype
        self.readers: Mapping[Any, Callable[[Any], Read]] = readers(torch.nn)
        self.made: dict[int, Any] = {}

    def read(self, module: Any, path: str, name: str | None) -> Any:
        """The layer of a module. `name`: what it is called where it stands, None for a number."""
        found = self.made.get(id(module))
        if found is None:
            found = self.made[id(module)] = self._read(module, path, name)
        return found

    def _read(self, module: Any, path: str, name: str | None) -> Any:
        label = f"from_torch: {path} {type(module).__name__}".replace("  ", " ")
        if type(module).forward is self.torch.nn.Sequential.forward and not _hooks(module):
            members = [
                self.read(m, f"{path}.{key}" if path else key, None if key.isdecimal() else key) for key, m in module._modules.items()
            ]
            return Sequential(members, name=name)
        try:
            return self._leaf(module, path, name, label)
        except Unsupported:
            if not self.opaque:
                raise
        from pyphoton.interop.torch_opaque import keep

        return keep(module, path, name, self.dtype)

    def _leaf(self, module: Any, path: str, name: str | None, label: str) -> Any:
        reader = self.readers.get(type(module))
        if reader is None:
            known = ", ".join(sorted(c.__name__ for c in self.readers))
            raise Unsupported(label, f"nn.Sequential or one of {known}", "another module", "from_torch(module, opaque=True) keeps it on torch.")
        if _hooks(module):
            raise Unsupported(label, "a module that its forward alone describes", "one with hooks", "Remove them, or opaque=True keeps it.")
        try:
            found = reader(module)
        except Unsupported as error:
            raise Unsupported(label, error.expected, error.received, "from_torch(module, opaque=True) keeps it on torch.") from None
        if name is not None and hasattr(found.layer, "kind"):
            found.layer.set(name=name)
        for layer, its, shapes, renamed in found.parts:
            _fill(layer, its, shapes, renamed, self.dtype, path, label)
        return found.layer

    def check_shared(self, module: Any) -> None:
        """Errors: Unsupported for one tensor that two modules hold: layers share parameters by being the same layer."""
        first: dict[int, str] = {}
        for path, owner in module.named_modules():
            for name, p in owner._parameters.items():
                full = f"{path}.{name}" if path else name
                if p is not None and first.setdefault(id(p), full) != full:
                    raise Unsupported(f"from_torch: {full}", "a tensor of its own", f"that of {first[id(p)]}", "Share the module instead.")


def _hooks(module: Any) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks)


def _fill(layer: Any, module: Any, shapes: tuple[Any, ...], renamed: Mapping[str, str], dtype: str, path: str, label: str) -> None:
    """Build a layer with a module's tensors; `renamed`: names of tensors in the module, where they are not torch's for this layer."""
    given = {n: t.detach().cpu().numpy() for n, t in (*module.named_parameters(), *module.named_buffers()) if t.is_floating_point()}
    trained = {n: t.requires_grad for n, t in module.named_parameters()}
    values, frozen = {}, []
    for slot in slots(layer.kind, layer.params(*shapes)):
        names = [renamed.get(t, t) for t in slot.theirs]
        arrays = tuple(given[n] for n in names if n in given)
        params = layer.params(*shapes)[slot.ours]
        if arrays:
            values[slot.ours] = slot.restore(arrays, f"{label}: {names[-1]}")
        else:  # a recurrent module without biases: zeros that stay
            values[slot.ours] = parameters.allocate(params.shape, dtype)
            values[slot.ours][...] = 0
        if params.role == "weight" and not any(trained.get(n, False) for n in names):
            frozen.append(slot.ours)
    parameters.place(layer, values, shapes, dtype, path)
    for name in frozen:
        parameters.view(layer)[name].frozen = True
