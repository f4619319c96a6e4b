"""A PyPhoton model as a torch.nn.Module that runs in Julia: the engine's own program goes forwards and backwards, torch does the rest."""

from __future__ import annotations

from typing import Any

import torch

from pyphoton.backends import get_backend
from pyphoton.backends.julia.taped import Deck
from pyphoton.converted import original
from pyphoton.data.forms import names_of
from pyphoton.errors import DataError, NotBuilt, Unsupported
from pyphoton.interop.torch_holding import Sharing, adopt
from pyphoton.interop.torch_memory import shareable
from pyphoton.interop.torch_saved import kept, once, token
from pyphoton.network import Network
from pyphoton.plan import Plan

CPU = torch.device("cpu")
NAME = "the model in Julia"


class EngineModule(Sharing):
    """What `as_module` makes of a model of PyPhoton: `as_module` says what it does."""

    def __init__(self, model: Any, seed: int | None = None) -> None:
        network = Network(original(model), backend="julia", seed=seed)
        if network.met is None:
            raise NotBuilt("as_module", hint="The model has met no data yet: call it on an array, or fit_ it, first.")
        super().__init__(network=network, deck=None, over=None)
        arrays = tuple(torch.zeros((1, *shape), dtype=torch.int64 if whole else None) for shape, whole in zip(network.met.shapes, network.met.whole, strict=True))
        network.forward_plan(arrays, network.met.as_tuple)
        self._adopt()

    def forward(self, *inputs: Any) -> Any:
        """The model's output for batches of tensors: a tensor, or a tuple of them. Errors: ShapeError, DataError, Unsupported."""
        network = self._shared["network"]
        x_tuple = len(inputs) > 1 or isinstance(inputs[0], tuple)
        x = inputs[0] if isinstance(inputs[0], tuple) else inputs
        x = tuple(shareable(t, name) for t, name in zip(x, names_of("inputs", x, x_tuple), strict=True))
        plan = network.forward_plan(x, x_tuple)
        self._adopt()
        x = tuple(_as(t, plan.dtype if v.dtype == plan.dtype else "int64", i) for i, (t, v) in enumerate(zip(x, plan.inputs, strict=True)))
        tensors = self.tensors()
        deck, trained = self._deck(tensors, plan), [path for path, p in tensors.items() if p.requires_grad]
        if torch.is_grad_enabled() and (trained or any(t.requires_grad for t in x)):
            outputs = _Engine.apply(  # type: ignore[no-untyped-call]
                deck, plan, self.training, trained, *x, *(tensors[path] for path in trained)
            )
        else:
            outputs = tuple(map(torch.from_numpy, deck.module.run(plan, _arrays(x), training=self.training)))
        return outputs[0] if plan.single else tuple(outputs)

    def _adopt(self) -> None:
        """Register the parameters of the network that are not here yet."""
        parameters = self._shared["network"].parameters
        if len(parameters) == self._shared.get("held"):
            return
        self._shared |= {"held": len(parameters), "slots": None}
        adopt(self, parameters)

    def _deck(self, tensors: dict[str, torch.Tensor], plan: Plan) -> Deck:
        """The plans over this module's tensors, opened anew after they have become others."""
        places = [(path, t.data_ptr()) for path, t in tensors.items()]
        if places != self._shared["over"]:
            for path, tensor in tensors.items():
                if tensor.device != CPU or str(tensor.dtype) != f"torch.{plan.dtype}":
                    hint = f"The model is of {plan.dtype}, in Julia; torch_(model).native is a module that moves."
                    raise Unsupported(f"as_module, {path}", f"torch.{plan.dtype} on the CPU", f"{tensor.dtype} on {tensor.device}", hint)
            network = self._shared["network"]
            roles = {path: p.role for path, p in network.parameters.items()}
            arrays = {path: t.detach().numpy() for path, t in tensors.items()}
            module = get_backend("julia").module(arrays, roles=roles, device="cpu", seed=network.seed)
            self._shared |= {"deck": Deck(module), "over": places}  # type: ignore[arg-type]
        deck: Deck = self._shared["deck"]
        return deck


class _Engine(torch.autograd.Function):
    """One run of a plan in Julia, and its way back."""

    @staticmethod
    def forward(ctx: Any, deck: Deck, plan: Plan, training: bool, trained: list[str], *tensors: torch.Tensor) -> Any:
        count = len(plan.inputs)
        run, found = deck.run(plan, _arrays(tensors[:count]), training=training)
        outputs = tuple(map(torch.from_numpy, found))
        ctx.count, ctx.trained = count, trained
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*[y for y in outputs if not y.is_floating_point()])
        ctx.save_for_backward(token(run), *tensors)
        return outputs

    @staticmethod
    def backward(ctx: Any, *slopes: torch.Tensor | None) -> Any:
        byte, *tensors = ctx.saved_tensors
        wanted, count = ctx.needs_input_grad[4:], ctx.count
        given = tuple(None if s is None or not s.is_floating_point() else s.detach().contiguous().numpy() for s in slopes)
        into = {path: torch.empty_like(t) for path, t, w in zip(ctx.trained, tensors[count:], wanted[count:], strict=True) if w}
        arrays = {path: t.detach().numpy() for path, t in into.items()}
        reached, by_input = kept(byte, NAME).back(given, wanted[:count], arrays)
        gradients = [None if a is None else torch.from_numpy(a) for a in by_input]
        gradients += [into[path] if path in reached else None for path in ctx.trained]
        if torch.is_grad_enabled():  # the graph of this pass is wanted, too
            gradients = once(NAME, gradients, [*tensors, *slopes])
        return None, None, None, None, *gradients


def _arrays(tensors: Any) -> tuple[Any, ...]:
    return tuple(t.detach().numpy() for t in tensors)


def _as(tensor: torch.Tensor, dtype: str, number: int) -> torch.Tensor:
    if tensor.device != CPU:
        raise DataError(f"input {number}", "a tensor on the CPU", f"one on {tensor.device}", "The model runs in Julia: x.cpu() moves it.")
    return tensor.to(getattr(torch, dtype))
