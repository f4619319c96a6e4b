"""A model as a torch.nn.Module over the same memory: torch's optimisers, hooks and files on parameters that stay PyPhoton's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

from pyphoton.backends.torch.exchange import to_torch
from pyphoton.backends.torch.lower import Mode
from pyphoton.backends.torch.program import Program
from pyphoton.converted import Converted
from pyphoton.data.forms import names_of
from pyphoton.errors import DataError, NotBuilt, Unsupported
from pyphoton.interop.torch_holding import hold
from pyphoton.network import Network, network_of
from pyphoton.plan import Plan


def native(converted: Converted) -> NativeModule:
    """The module of a model that has met data. Errors: NotBuilt; Unsupported for another device than the CPU."""
    if converted.device != "cpu":
        hint = f'torch_(model).native.to("{converted.device}") is a module there, with a copy of the parameters.'
        raise Unsupported(".native", "a model on the CPU: it shares memory with the original", f"one on {converted.device}", hint)
    network = network_of(converted)
    if network.met is None:
        raise NotBuilt(".native", hint="The model has met no data yet: call it on an array, or fit_ it, first.")
    return NativeModule(network, converted.model)


class NativeModule(nn.Module):
    """A PyPhoton model as a torch module.

    Parameters and buffers are named by the layers' paths ("0.kernel"), in PyPhoton's layout (Dense: in, out), and lie over the
    original's memory, so that an optimiser's step and `load_state_dict` change the original. Frozen ones need no gradient.
    `train()` and `eval()` switch Dropout and BatchNorm. Each combination of input shapes is planned once. `.to(another device)` and
    `.double()` leave the shared memory, as they do with every module.
    """

    def __init__(self, network: Network, model: Any) -> None:
        super().__init__()
        self._network = (network, model)  # the network alone does not keep the model; in a tuple, torch does not look at it
        self._mode = Mode(torch.device("cpu"), network.seed)
        self._programs: WeakKeyDictionary[Plan, Program] = WeakKeyDictionary()
        self._adopt()
        self.train()

    def forward(self, *inputs: Any) -> Any:
        """The model's output for batches of torch tensors: a tensor, or a tuple of them. Errors: ShapeError, DataError."""
        network = self._network[0]
        x_tuple = len(inputs) > 1 or isinstance(inputs[0], tuple)
        x = inputs[0] if isinstance(inputs[0], tuple) else inputs
        for tensor, name in zip(x, names_of("inputs", x, x_tuple), strict=True):
            if not isinstance(tensor, torch.Tensor):
                raise DataError(name, "a torch tensor", type(tensor).__name__, "torch.from_numpy(x) makes one.")
        plan = network.forward_plan(x, x_tuple)
        program = self._programs.get(plan) or self._lowered(plan)
        self._mode.training = self.training
        kind = next((p.dtype for p in self.parameters() if p.is_floating_point()), getattr(torch, plan.dtype))
        outputs = program(tuple(t.to(kind if v.dtype == plan.dtype else torch.int64) for t, v in zip(x, plan.inputs, strict=True)))
        return outputs[0] if plan.single else tuple(outputs)

    def _lowered(self, plan: Plan) -> Program:
        """The plan over the parameters of this module, lowered once."""
        self._adopt()
        tensors = {**dict(self.named_buffers(remove_duplicate=False)), **dict(self.named_parameters(remove_duplicate=False))}
        device = next((t.device for t in tensors.values()), torch.device("cpu"))
        if device != self._mode.random.device:
            self._mode = Mode(device, self._network[0].seed)
        made = self._programs[plan] = Program(plan, tensors, self._mode, device)
        return made

    def _adopt(self) -> None:
        """Register the parameters of the network that are not here yet: with the first plan, all of them."""
        for path, parameter in self._network[0].parameters.items():
            hold(self, path, to_torch(parameter.value, torch.device("cpu")), trained=parameter.role == "weight", frozen=parameter.frozen)

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Any:
        """Buffers become other tensors when a module moves, so that programs are lowered again."""
        self._programs.clear()
        return super()._apply(fn, recurse)  # type: ignore[no-untyped-call]

    def __deepcopy__(self, memo: dict[int, Any]) -> NativeModule:
        """A module with parameters of its own."""
        made = NativeModule(*self._network)
        made._apply(torch.clone)
        for parameter in self.parameters():
            made.to(parameter)
            break
        made.load_state_dict(self.state_dict())
        return made.train(self.training)
