"""A model that runs in Julia as a torch.nn.Module."""

from __future__ import annotations

import sys
from typing import Any

from pyphoton.interop.torch_holding import Sharing
from pyphoton.workout import Workout


def as_module(model: Any) -> Sharing:
    """A torch.nn.Module that runs `model` in Julia, forwards and backwards, on parameters that are Julia's and torch's at once.

    model: a model of Julia as juliacall shows it (`jl.Chain(...)`), which Zygote differentiates; or a model or Workout of PyPhoton that has
    met data, which the engine in Julia runs.

    Parameters and buffers (BatchNorm's running numbers) have dotted paths ("layers.0.weight", "0.kernel") and Julia's axes reversed: a
    Flux weight of size (out, in) has shape (in, out) here. A torch optimiser's step and `load_state_dict` change the model in Julia, and an
    update in Julia changes the module. `train()` and `eval()` switch the model's mode in Julia (Flux's `trainmode!`, `testmode!`). Gradients
    flow to the inputs, too; only first derivatives. `copy.deepcopy`, `.to` and `.double` (models of Julia) give tensors of their own, on which
    the copy runs. It runs in the thread and process that Julia runs in: worker processes of a DataLoader must not call it.

    Errors: ArgumentError for what is no model; NotBuilt; LayoutError for parameters that are no dense arrays. In calls: DataError, ShapeError,
    JuliaError, Unsupported.
    """
    juliacall = sys.modules.get("juliacall")
    if isinstance(model, str) or (juliacall is not None and isinstance(model, juliacall.ValueBase)):
        from pyphoton.interop.flux_module import FluxModule

        return FluxModule(model)
    from pyphoton.interop.engine_module import EngineModule

    return EngineModule(model.model, model.network.seed) if isinstance(model, Workout) else EngineModule(model)
