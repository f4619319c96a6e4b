"""MLObject, MLModel and MLSystem: models that say what they compute and what they lose, and systems that have models."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from pyphoton import graph, parameters
from pyphoton.errors import ArgumentError, MissingMethod
from pyphoton.layers.base import Layer
from pyphoton.scopes import children, unique
from pyphoton.systems import recording
from pyphoton.systems.dispatch import Generic, stands_in
from pyphoton.tensor import Tensor


class MLObject:
    """What models and systems have in common: `forward` and `loss` are generic functions, which their types give a meaning."""


class MLModel(MLObject, Layer):
    """Base of models of your own: a layer with `forward(self, x)` and, where the model has one of its own, `loss(self, batch)`.

    >>> class Line(MLModel):
    ...     def __init__(self):
    ...         self.dense = Dense(1)
    ...     def forward(self, x):
    ...         return self.dense(x)
    ...     def loss(self, batch):
    ...         x, y = batch
    ...         return MSE()(self(x), y)

    `model(x)` is `forward(model, x)`. Either may be written outside of the class, too: `@forward.register(Line)`,
    `@loss.register(Line)`. Errors: MissingMethod where a type has neither.
    """

    def trace(self, *inputs: Any) -> Any:
        """What `forward` of the type does to symbolic tensors. Errors: MissingMethod."""
        run = partial(FORWARD.needed(self), self)
        return run(*graph.spread(run, inputs))

    @stands_in
    def forward(self, *inputs: Any) -> Any:
        """What the model computes. Errors: MissingMethod until a subclass says it."""
        return FORWARD.needed(self)(self, *inputs)

    @stands_in
    def loss(self, batch: Any) -> Any:
        """The model's own loss of a batch. Errors: MissingMethod until a subclass says it."""
        return LOSS.needed(self)(self, batch)


class MLSystem(MLObject):
    """Base of systems: models, their losses, their optimisers, and the steps of training, validation, test and prediction.

    models: a list, or a dictionary by name; the paths of parameters begin with a model's name. A system that does not set
    them has the layers among its attributes. Models may share layers.

    >>> class Regression(MLSystem):
    ...     def __init__(self):
    ...         self.net = Dense(1)
    ...     def training_step(self, batch):
    ...         x, y = batch
    ...         return MSE()(self.net(x), y)
    ...     def configure_optimizer(self):
    ...         return Adam(1e-2)

    What may be written: `loss(self, batch)` (the sum over the models), `forward(self, x)` (that of the only model),
    `training_step`, `validation_step` and `test_step` (`loss(system, batch)`), `predict_step` (`forward`), all of
    (self, batch, batch_idx) or (self, batch); `configure_optimizer(self)`, which has to be; Lightning's hooks, as
    `on_train_epoch_end(self)`. Steps are traced like models: once, with tensors for the numbers of the batch.
    """

    automatic_optimization = True
    """Whether the trainer makes the update. False: training_step does, by `manual_backward` and the `step()` of `optimizers()`."""

    def __init__(self, models: Any = None) -> None:
        if models is not None:
            self.models = models

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={model!r}' for name, model in named_models(self).items())})"

    def __getstate__(self) -> dict[str, Any]:
        """What a copy has: everything but the trainer."""
        return {name: value for name, value in vars(self).items() if name not in ("_trainer", "_ready_for")}

    @property
    def models(self) -> Any:
        """The models: as they were set, or the layers among the attributes. Errors: ArgumentError when set to something else."""
        given = vars(self).get("_models")
        return list(_found(self).values()) if given is None else given

    @models.setter
    def models(self, models: Any) -> None:
        many = models.items() if isinstance(models, Mapping) else enumerate(models) if isinstance(models, list | tuple) else [("", models)]
        members: list[tuple[Any, Any]] = list(many)
        for name, model in members:
            if not isinstance(model, Layer):
                where = f"{type(self).__name__}.models" + (f"[{name!r}]" if name != "" else "")
                hint = f"Write {model.__name__}(...)." if isinstance(model, type) else "A list of models, or a dictionary by name."
                raise ArgumentError(where, "a model: a layer, or an object derived from MLModel", repr(model), hint)
            if isinstance(models, Mapping) and not (isinstance(name, str) and name.isidentifier()):
                raise ArgumentError(f"{type(self).__name__}.models", "names like those of variables", repr(name))
        if len({id(model) for _, model in members}) != len(members):
            raise ArgumentError(f"{type(self).__name__}.models", "each model once", "one of them twice", "Models may share layers: put the shared layer into both.")
        vars(self)["_models"] = dict(models) if isinstance(models, Mapping) else [model for _, model in members]

    def children(self) -> dict[str, Any]:
        """The models, and other layers among the attributes, by name."""
        models = named_models(self)
        known = {id(model) for model in models.values()}
        return models | {unique(name, models): layer for name, layer in _found(self).items() if id(layer) not in known}

    @property
    def parameters(self) -> parameters.Parameters:
        """The parameters by path, which begins with the model's name; those that exist already."""
        return parameters.Parameters({path: p for name, model in self.children().items() for path, p in parameters.collect(model, name).items()})

    # ---- what a system computes and loses ----------------------------------------------------------------------------

    def __call__(self, *inputs: Any) -> Any:
        """`forward` on symbolic tensors, or on arrays (computes with the current parameters)."""
        if any(isinstance(t, Tensor) for i in inputs for t in (i if isinstance(i, tuple | list) else (i,))):
            return graph.call(partial(FORWARD.needed(self), self), *inputs)
        from pyphoton.systems.evaluation import network_for

        return network_for(self).values("forward", inputs[0] if len(inputs) == 1 else inputs)

    def forward(self, *inputs: Any) -> Any:
        """What the system computes: what its only model does. Errors: MissingMethod where it has several, until a subclass says it."""
        models = list(named_models(self).values())
        if len(models) != 1:
            FORWARD.refuse(self, f"{len(models)} models and none")
        return models[0](*inputs)

    def loss(self, batch: Any) -> Any:
        """The sum of the losses of the models; 0 for none."""
        models = named_models(self)
        without = [name for name, model in models.items() if LOSS.of(type(model)) is None]
        if without:
            name, kind = type(self).__name__, type(models[without[0]]).__name__
            hint = f"Write `def loss(self, batch)` in {name}, or its steps (training_step, validation_step, test_step), or @loss.register({kind})."
            raise MissingMethod(name, "a loss of every model, whose sum is the system's", f"none of {', '.join(without)}", hint)
        values = [LOSS.needed(model)(model, batch) for model in models.values()]
        return sum(values[1:], values[0]) if values else 0

    # ---- steps -------------------------------------------------------------------------------------------------------

    def training_step(self, batch: Any, batch_idx: Any) -> Any:
        """The loss, a dictionary with the loss and other numbers, or None to leave the minibatch out."""
        return LOSS.needed(self)(self, batch)

    def validation_step(self, batch: Any, batch_idx: Any) -> Any:
        """The loss, or None where `log` says everything."""
        return LOSS.needed(self)(self, batch)

    def test_step(self, batch: Any, batch_idx: Any) -> Any:
        """The loss, or None where `log` says everything."""
        return LOSS.needed(self)(self, batch)

    def predict_step(self, batch: Any, batch_idx: Any) -> Any:
        """The prediction: tensors, also in tuples and dictionaries."""
        return FORWARD.needed(self)(self, *(batch if isinstance(batch, tuple | list) else (batch,)))

    # ---- optimisers --------------------------------------------------------------------------------------------------

    @stands_in
    def configure_optimizer(self) -> Any:
        """The optimisers and schedules, in any of Lightning's forms. Errors: MissingMethod until a subclass says it."""
        return CONFIGURE.needed(self)(self)

    @stands_in
    def configure_optimizers(self) -> Any:
        """Lightning's name of `configure_optimizer`: write either."""
        return CONFIGURE.needed(self)(self)

    def optimizers(self) -> Any:
        """The optimisers of the running step: one, or a list. For manual optimisation. Errors: TraceError outside of a step."""
        return recording.running("optimizers").optimizers()

    def manual_backward(self, loss: Any) -> None:
        """The gradients of a loss are wanted: the next `step()` of an optimiser uses them. Errors: TraceError, ShapeError."""
        recording.running("manual_backward").backward(loss)

    def toggle_optimizer(self, optimizer: Any) -> None:
        """Until `untoggle_optimizer`, `manual_backward` is for this optimiser only."""
        recording.running("toggle_optimizer").toggle(optimizer)

    def untoggle_optimizer(self, optimizer: Any) -> None:
        """`manual_backward` is for all optimisers again."""
        recording.running("untoggle_optimizer").toggle(None)

    # ---- measuring ---------------------------------------------------------------------------------------------------

    def log(self, name: str, value: Any, prog_bar: bool = False, *, on_step: bool | None = None, on_epoch: bool | None = None) -> None:
        """Keep a number by name: of each step, of the epoch (the mean over its samples), or both (then as name_step and name_epoch).

        By default of each step in training and of the epoch elsewhere. prog_bar: show it in the bar. In a hook, the number of the epoch.
        Errors: ArgumentError, ShapeError for what is not one number; TraceError where nothing runs.
        """
        recording.running("log", hooks=True).log(name, value, on_step=on_step, on_epoch=on_epoch, prog_bar=prog_bar)

    def log_dict(self, values: Mapping[str, Any], prog_bar: bool = False, *, on_step: bool | None = None, on_epoch: bool | None = None) -> None:
        """`log` for each name and number of a dictionary."""
        if not isinstance(values, Mapping):
            raise ArgumentError("log_dict", "a dictionary of names and numbers", repr(values))
        for name, value in values.items():
            self.log(name, value, prog_bar, on_step=on_step, on_epoch=on_epoch)

    # ---- where training is -------------------------------------------------------------------------------------------

    @property
    def trainer(self) -> Any:
        """The trainer that `setup` made. Errors: NotBuilt before."""
        return recording.trainer_of(self)

    @property
    def current_epoch(self) -> Any:
        """The number of the running epoch, from 0. A step that uses it is traced again for each epoch."""
        return recording.counter("current_epoch", lambda: self.trainer.epochs)

    @property
    def global_step(self) -> Any:
        """The minibatches trained with. A step that uses it is traced again for each of them."""
        return recording.counter("global_step", lambda: self.trainer.steps)


def _found(system: MLSystem) -> dict[str, Layer]:
    """The layers among a system's attributes, by the names that `children` gives to them."""
    members = {name: value for name, value in vars(system).items() if not name.startswith("_")}
    found: dict[str, Layer] = {}
    for name, child in children(_Members(members)).items():
        if isinstance(child, Layer) and all(child is not known for known in found.values()):
            found[name] = child
    return found


class _Members:
    def __init__(self, members: Mapping[str, Any]) -> None:
        self.__dict__.update(members)


def named_models(system: MLSystem) -> dict[str, Layer]:
    """The models by name: that of the dictionary, the model's own, the attribute's, or that of its class."""
    models = system.models
    if isinstance(models, Mapping):
        return dict(models)
    attributes = {id(layer): name for name, layer in reversed(_found(system).items())}
    named: dict[str, Layer] = {}
    for model in models:
        own = getattr(model, "name", None)
        name = own if isinstance(own, str) and own else attributes.get(id(model)) or type(model).__name__.lower()
        named[unique(name, named)] = model
    return named


FORWARD = Generic("forward", "Write `def forward(self, x): ...` in the class, or a function: @forward.register({0}).", MLObject)
LOSS = Generic("loss", "Write `def loss(self, batch): ...` in the class, or a function: @loss.register({0}).")
CONFIGURE = Generic(
    "configure_optimizer",
    "Write `def configure_optimizer(self): return Adam(1e-3)` in the class {0}; `return None` where nothing is to be updated.",
)
CONFIGURE_MANY = Generic("configure_optimizers", CONFIGURE.example)
