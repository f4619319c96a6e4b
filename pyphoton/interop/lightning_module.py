"""A system as a LightningModule over PyPhoton's memory: its steps are traced plans, which torch runs and differentiates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

from pyphoton.backends.base import Turn
from pyphoton.backends.torch.exchange import to_torch
from pyphoton.backends.torch.lower import Mode
from pyphoton.backends.torch.program import Program
from pyphoton.errors import ArgumentError, BackendMissing, NotBuilt
from pyphoton.interop.lightning_batches import first_batch
from pyphoton.interop.lightning_hooks import Seen, forwarding
from pyphoton.interop.lightning_optimisers import torch_optimiser, torch_scheduler
from pyphoton.interop.torch_holding import adopt
from pyphoton.plan import Plan
from pyphoton.systems.batches import rebuilt
from pyphoton.systems.feed import arrays_of
from pyphoton.systems.hooks import check_hooks
from pyphoton.systems.objects import FORWARD, MLSystem
from pyphoton.systems.optimizers import Configured, configured
from pyphoton.systems.planning import Planned, StepNetwork
from pyphoton.systems.steps import Recorded, called

try:
    from lightning.pytorch import LightningModule
except ImportError as error:
    raise BackendMissing("as_lightning", hint=f"It needs PyTorch Lightning 2: pip install lightning ({error}).") from error

STEPS = {"fit": ("training_step", "loss"), "validate": ("validation_step", "val_loss"), "test": ("test_step", "test_loss")}
"""For each stage: the method of the system, and what the loss that it returns is called."""
KEPT = "pyphoton"
"""The place in Lightning's checkpoints for what is neither parameter nor optimiser."""


@forwarding
class SystemModule(LightningModule):  # type: ignore[misc]
    """A system that Lightning's Trainer runs; `as_lightning(system)` makes it.

    Parameters are `models.<path>` ("models.net.kernel"), in PyPhoton's layout, over the system's own memory.
    """

    def __init__(self, system: MLSystem, batch: Any = None, *, seed: int | None = None) -> None:
        super().__init__()
        check_hooks(system)
        self.system = system
        self.batches_done = 0
        self.models = nn.Module()
        self._network = StepNetwork(system, backend="torch", seed=seed)
        self._configured: tuple[Configured, ...] = configured(system)
        self._mode = Mode(torch.device("cpu"), self._network.seed)
        self._programs: WeakKeyDictionary[Plan, Program] = WeakKeyDictionary()
        self._before: Any = None
        self.automatic_optimization = bool(system.automatic_optimization) and len(self._configured) < 2
        if batch is not None:
            self.build(batch)

    # ---- parameters --------------------------------------------------------------------------------------------------

    def build(self, batch: Any, stage: str = "fit") -> None:
        """Make the parameters for batches like this one. Errors: those of the trace of the step."""
        self._planned(stage, arrays_of(batch), 0)
        adopt(self.models, self._network.parameters)

    def setup(self, stage: str) -> None:
        """Build the parameters from the first batch, where they are not there yet. Errors: NotBuilt."""
        self._before = vars(self.system).get("_trainer")
        vars(self.system)["_trainer"] = Seen(self)
        if not self._network.parameters:
            batch = first_batch(self.trainer, stage)
            if batch is None:
                raise NotBuilt("as_lightning", hint="No batch can be looked at before training. Give one: as_lightning(system, batch).")
            self.build(batch, "validate" if stage == "validate" else "test" if stage == "test" else "fit")
        adopt(self.models, self._network.parameters)

    def teardown(self, stage: str) -> None:
        """The system gets its parameters back, where they were moved, and its own trainer."""
        own = {n.removeprefix("models."): t for n, t in (*self.named_parameters(), *self.named_buffers())}
        for path, parameter in self._network.parameters.items():
            if path in own and own[path].data_ptr() != parameter.value.ctypes.data:
                parameter.set_(own[path].detach().cpu().numpy())
        vars(self.system).pop("_trainer", None)
        if self._before is not None:
            vars(self.system)["_trainer"] = self._before

    def configure_optimizers(self) -> Any:
        """torch's optimisers with the formulas of the system's, each over its own parameters, and their schedulers. Errors: ArgumentError, Unsupported."""
        tensors, opts, schedulers = self._tensors(), [], []
        for one in self._configured:
            paths = self._paths(one)
            mine = [t for path, t in tensors.items() if path in paths and t.requires_grad]
            if not mine:
                hint = "Lightning's Trainer updates something for each of them: leave the optimiser out, or unfreeze_ its models."
                raise ArgumentError("configure_optimizer", "optimisers of models with parameters that are trained", f"{one.handle!r}, whose are all frozen", hint)
            opts.append(torch_optimiser(one.optimiser, mine))
            found = torch_scheduler(one.optimiser, opts[-1], validated=bool(self.trainer.enable_validation))
            schedulers += [] if found is None else [found]
        return (opts, schedulers) if opts else None

    def _paths(self, one: Configured) -> frozenset[str]:
        return frozenset(self._network.parameters) if one.everything else self._network.paths_of(one.handle.models)

    def _tensors(self) -> dict[str, torch.Tensor]:
        """Parameters and buffers by PyPhoton's paths."""
        named: Mapping[str, torch.Tensor] = {**dict(self.models.named_buffers(remove_duplicate=False)), **dict(self.models.named_parameters(remove_duplicate=False))}
        return dict(named)

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Any:
        """Tensors become others when a module moves, so that programs are lowered again."""
        self._programs.clear()
        return super()._apply(fn, recurse)

    # ---- steps -------------------------------------------------------------------------------------------------------

    def forward(self, *inputs: Any) -> Any:
        """What the system computes, for batches of torch tensors; differentiable."""

        def run(step: Recorded) -> None:
            arguments = step.batch if isinstance(step.batch, tuple | list) else (step.batch,)
            step.predicted(FORWARD.needed(self.system)(self.system, *arguments), f"{type(self.system).__name__}.forward")

        data = arrays_of(inputs[0] if len(inputs) == 1 else inputs)
        planned = self._network.planned("forward", run, data.arrays, data.structure, counters={"batch_idx": 0})
        return rebuilt(planned.result, self._values(planned.parts[0], self._arrays(planned, data), self.training, whole=True))

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """The system's training_step: its loss, or with manual optimisation, or several optimisers, its updates."""
        data = arrays_of(batch)
        planned = self._planned("fit", data, batch_idx)
        self.batches_done += 1
        arrays, values = self._arrays(planned, data), list[Any]()
        for part in planned.parts:
            if self.automatic_optimization or not part.sessions:
                with torch.set_grad_enabled(bool(part.sessions)):
                    values += self._values(part, arrays, True)
            else:
                values += self._turn(part, arrays)
        self._keep(planned, values, data.count)
        if not self.automatic_optimization:
            self._schedule("step")
            return None
        return values[0] if planned.parts and planned.parts[0].sessions else None

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """The system's validation_step."""
        self._measure("validate", batch, batch_idx)

    def test_step(self, batch: Any, batch_idx: int) -> None:
        """The system's test_step."""
        self._measure("test", batch, batch_idx)

    def predict_step(self, batch: Any, batch_idx: int) -> Any:
        """The system's predict_step: tensors, in its structure."""
        data = arrays_of(batch)
        where = f"{type(self.system).__name__}.predict_step"
        planned = self._network.planned(
            "predict_step", lambda step: step.predicted(called(self.system.predict_step, step, where), where), data.arrays, data.structure,
            counters=self._counters(batch_idx),
        )  # fmt: skip
        return rebuilt(planned.result, self._values(planned.parts[0], self._arrays(planned, data), False))

    def _measure(self, stage: str, batch: Any, number: int) -> None:
        data = arrays_of(batch)
        planned = self._planned(stage, data, number)
        arrays = self._arrays(planned, data)
        self._keep(planned, [v for part in planned.parts for v in self._values(part, arrays, False)], data.count)

    def _counters(self, number: int) -> dict[str, int]:
        return {"batch_idx": number, "current_epoch": int(self.current_epoch), "global_step": self.batches_done}

    def _planned(self, stage: str, data: Any, number: int) -> Planned:
        """The step of a stage for a batch like this one."""
        name, key = STEPS[stage]
        training = stage == "fit"
        automatic = not training or bool(self.system.automatic_optimization)
        where, method = f"{type(self.system).__name__}.{name}", getattr(self.system, name)
        return self._network.planned(
            name, lambda step: step.returned(called(method, step, where), where, automatic=automatic, key=key), data.arrays, data.structure,
            counters=self._counters(number), handles=[c.handle for c in self._configured] if training else (),
            names=[c.name for c in self._configured], training=training,
        )  # fmt: skip

    def _arrays(self, planned: Planned, data: Any) -> tuple[torch.Tensor, ...]:
        """The batch on the module's device; floats as the parameters are, which Lightning may have made float64."""
        found = tuple(to_torch(a, self.device) for a in self._network.arrays_for(planned, data.arrays, data.names))
        kind = next((p.dtype for p in self.parameters() if p.is_floating_point()), None)
        return found if kind is None else tuple(t.to(kind) if t.is_floating_point() else t for t in found)

    def _values(self, part: Turn, arrays: tuple[torch.Tensor, ...], training: bool, *, whole: bool = False) -> list[Any]:
        """The outputs of one turn."""
        program = self._programs.get(part.plan)
        if program is None:
            adopt(self.models, self._network.parameters)
            if self.device != self._mode.random.device:
                self._mode = Mode(self.device, self._network.seed)
            program = self._programs[part.plan] = Program(part.plan, self._tensors(), self._mode, self.device, whole=whole)
        self._mode.training = training
        return list(program(arrays))

    # ---- manual optimisation, and several optimisers -----------------------------------------------------------------

    def _turn(self, part: Turn, arrays: tuple[torch.Tensor, ...]) -> list[Any]:
        """Gradients of one turn's loss for the parameters of its optimisers, and their updates."""
        opts = self.optimizers(use_pl_optimizer=True)
        mine = [(opts if isinstance(opts, list) else [opts])[k] for k in part.sessions]
        with self._only([p for opt in mine for group in opt.param_groups for p in group["params"]]):
            for opt in mine:
                opt.zero_grad()
            values = self._values(part, arrays, True)
            self.manual_backward(values[0])
            for opt in mine:
                opt.step()
                opt.zero_grad()
        self._limit()
        return [v.detach() if isinstance(v, torch.Tensor) else v for v in values]

    @contextmanager
    def _only(self, parameters: list[torch.Tensor]) -> Iterator[None]:
        """Inside, no other parameters get gradients."""
        wanted = {id(p) for p in parameters}
        others = [p for p in self.parameters() if p.requires_grad and id(p) not in wanted]
        for p in others:
            p.requires_grad_(False)
        try:
            yield
        finally:
            for p in others:
                p.requires_grad_(True)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Lightning's update, and after it the constraints of parameters."""
        super().optimizer_step(*args, **kwargs)
        self._limit()

    def _limit(self) -> None:
        limits, tensors = self._network.limits(), self._tensors()
        with torch.no_grad():
            for path, plan in limits.items():
                tensors[path].copy_(self._values(Turn(plan, ()), (), False)[0])

    def _schedule(self, interval: str) -> None:
        """What Lightning does with schedulers where optimisation is automatic."""
        done = self.batches_done if interval == "step" else self.current_epoch + 1
        for config in self.trainer.lr_scheduler_configs:
            if config.interval == interval and done % config.frequency == 0:
                config.scheduler.step(*([self.trainer.callback_metrics[config.monitor]] if config.reduce_on_plateau else []))

    def on_train_epoch_end(self) -> None:
        """Schedulers over epochs, where Lightning leaves them to the module."""
        if not self.automatic_optimization:
            self._schedule("epoch")

    # ---- measuring and files -----------------------------------------------------------------------------------------

    def _keep(self, planned: Planned, values: list[Any], count: int) -> None:
        """Log what the step has logged."""
        found = [(log, value) for log, value in zip(planned.columns, values, strict=True) if log is not None]
        for log, value in (*found, *((log, log.value) for log in planned.constants)):
            value = value.detach() if isinstance(value, torch.Tensor) else float(value)
            self.log(log.name, value, on_step=log.on_step, on_epoch=log.on_epoch, prog_bar=log.prog_bar, batch_size=count)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """The number of minibatches, and dropout's random numbers."""
        checkpoint[KEPT] = {"batches": self.batches_done, "random": self._mode.random.get_state()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on from them."""
        kept = checkpoint.get(KEPT)
        if kept is not None:
            self.batches_done = int(kept["batches"])
            self._mode.random.set_state(kept["random"])
