"""Network: a model with a backend. It plans the model for the shapes that arrive and keeps the parameters together.

The parameters themselves belong to the layers (`parameters.py`); a network only collects them under their paths and
hands them to the backend. Each combination of input shapes is planned once.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from pyphoton import config, graph, parameters
from pyphoton import seeded_initialisers as _initialisers_in_files  # noqa: F401 (a saved layer may have one of them)
from pyphoton.arguments import is_integer
from pyphoton.backends import check_precision, check_supported, get_backend, wanted
from pyphoton.backends.base import Limits, Module
from pyphoton.converted import Converted, original
from pyphoton.data.arrays import convert, samples
from pyphoton.data.forms import Batch, members, names_of
from pyphoton.errors import ArgumentError, UnknownName, near
from pyphoton.flux import layers as _named_in_files  # noqa: F401 (a saved model may have a Chain in it)
from pyphoton.measured import measured
from pyphoton.met import Met, hand_on, is_whole, met_in, met_of, remember, signature
from pyphoton.one_sample import is_one_sample
from pyphoton.plan import Plan, owners, plan
from pyphoton.regularised import Limit, limited, outputs_and_added, with_added
from pyphoton.scopes import children
from pyphoton.tensor import Tensor

_structure = 0
_alive: weakref.WeakSet[Network] = weakref.WeakSet()


def structure_changed() -> None:
    """A model got another layer: networks plan again."""
    global _structure
    _structure += 1


class Network:
    """A model, where it runs, and its plans."""

    def __init__(
        self, model: Any, *, backend: str | None = None, device: str | None = None, seed: int | None = None,
        precision: str | None = None, hold: bool = True,
    ) -> None:  # fmt: skip
        if not callable(model) or isinstance(model, type):
            hint = f"Write {model.__name__}(...)." if isinstance(model, type) else ""
            raise ArgumentError("model", "a layer or a function", repr(model), hint)
        if isinstance(model, Converted):
            backend, device = model.agreed(backend, device)
            model = model.model
        context = config.get_context()
        self._model: Callable[[], Any] = (lambda: model) if hold else weakref.ref(model)
        self.device = device or context.device
        self.precision = precision
        self._wanted = wanted(backend)
        self.backend = get_backend(self._wanted, device=self.device, precision=precision)
        check_precision(self.backend, precision)
        if self.device != "cpu" and self.device.split(":")[0] not in self.backend.devices():
            known = self.backend.devices()
            raise UnknownName("device", f"a device that {self.backend.describe()} has here", repr(self.device), near(self.device, known))
        self.dtype = context.dtype
        self._seed = config.check_seed(seed, "model") if hold or seed is not None else None
        self.parameters: dict[str, parameters.Parameter] = {}
        self._plans: dict[Any, Plan] = {}
        self._kept: dict[Any, Any] = {}
        self._adding: set[Any] = set()
        self._limits: dict[str, Limit] = {}
        self._restored: Mapping[str, Any] = {}
        self._module: Module | None = None
        self._structure = _structure
        _alive.add(self)

    @property
    def model(self) -> Any:
        """The model. A network made with `hold=False` does not keep it alive: whoever uses the network does."""
        return self._model()

    @property
    def seed(self) -> int:
        """What parameters and dropout are drawn from. A model that is called by itself takes its number when something is drawn."""
        if self._seed is None:
            self._seed = config.next_seed()
        return self._seed

    # ---- planning ----------------------------------------------------------------------------------------------------

    def forward_plan(self, x: tuple[Any, ...], x_tuple: bool) -> Plan:
        """The plan of the model for these inputs. Errors: ShapeError, TraceError, Unsupported."""
        found = self._cached(("forward", x_tuple, signature(x)), lambda: self._trace_forward(x, x_tuple))
        self._remember(x, x_tuple)
        return found

    def build(self, inputs: tuple[Tensor, ...], x_tuple: bool) -> Plan:
        """The plan for inputs like these, of which lengths may be unknown; with it parameters are made. Errors: as `forward_plan`."""
        key = ("shapes", x_tuple, tuple((t.shape, t.dtype) for t in inputs))
        return self._cached(key, lambda: graph.trace(self.model, inputs if x_tuple else inputs[0]))

    def unfused_plan(self, x: tuple[Any, ...], x_tuple: bool) -> Plan:
        """The plan of `forward_plan` with each activation as a step of its own, where the model wrote it: for looking inside."""
        return self.written_plan(x, x_tuple, fuse=False)

    def written_plan(self, x: tuple[Any, ...], x_tuple: bool, *, fuse: bool = True) -> Plan:
        """The plan of `forward_plan` with everything in the bodies of scans that the model wrote there: for tables and pictures."""
        made = self.forward_plan(x, x_tuple)
        if fuse and all(step.body is None for step in made.steps):
            return made
        return plan(self._trace_forward(x, x_tuple), self.dtype, fuse=fuse, spread=False)

    def training_plan(self, batch: Batch, loss: Any, metrics: Mapping[str, Any]) -> Plan:
        """The plan of the loss and the metrics, which has the model inside, for this batch's shapes.

        The loss is that of training: with penalties, and with what layers add to it.
        """
        return self._measured(batch, loss, metrics, added=True)

    def measuring_plan(self, batch: Batch, loss: Any, metrics: Mapping[str, Any]) -> Plan:
        """The plan of the loss alone, without what training adds to it, and of the metrics."""
        found = self.training_plan(batch, loss, metrics)
        return self._measured(batch, loss, metrics, added=False) if _key(batch, loss, metrics) in self._adding else found

    def added_plan(self, x: tuple[Any, ...], x_tuple: bool) -> Plan | None:
        """The plan of the outputs and, last, of what layers add to the loss while training; None where they add nothing."""
        inputs = self._tensors(x)
        traced = outputs_and_added(self.model, inputs if x_tuple else inputs[0], inputs)
        return None if traced is None else plan(traced, self.dtype)

    def _measured(self, batch: Batch, loss: Any, metrics: Mapping[str, Any], *, added: bool) -> Plan:
        key = _key(batch, loss, metrics, "train" if added else "measure")

        def make() -> graph.Graph:
            traced, more = self._trace_training(batch, loss, metrics, added)
            (self._adding.add if more else self._adding.discard)(key)
            return traced

        found = self._cached(key, make)
        self._kept[key] = (loss, *metrics.values())  # alive, so that no other object takes their identities
        self._remember(batch.x, batch.x_tuple)
        return found

    def _forget_former(self) -> None:
        """Plans of a structure that has changed are no longer good."""
        if self._structure != _structure:
            self._plans.clear()
            self._structure = _structure

    def _cached(self, key: Any, make: Callable[[], graph.Graph]) -> Plan:
        self._forget_former()
        found = self._plans.get(key)
        if found is None:
            found = self._plans[key] = self._adopt(make())
        return found

    def _trace_forward(self, x: tuple[Any, ...], x_tuple: bool) -> graph.Graph:
        inputs = self._tensors(x)
        return graph.trace(self.model, inputs if x_tuple else inputs[0])

    def _trace_training(self, batch: Batch, loss: Any, metrics: Mapping[str, Any], added: bool) -> tuple[graph.Graph, bool]:
        """The graph of loss and metrics, and whether anything was `added` to the loss."""
        x, y = self._tensors(batch.x), self._tensors(batch.y)
        x_argument, y_argument = x if batch.x_tuple else x[0], y if batch.y_tuple else y[0]

        def train(*_: Any) -> tuple[Any, ...]:
            p = graph.call(self.model, x_argument)
            outputs = graph.only_tensors(p, "model")
            values = [measured(f, p, y_argument, "loss" if i == 0 else "metric") for i, f in enumerate((loss, *metrics.values()))]
            total = with_added(values[0], outputs) if added else values[0]
            changed.append(total is not values[0])
            return (total, *values[1:])

        changed: list[bool] = []
        paths = {graph.root_path(self.model): self.model, "loss": loss, **metrics}
        return graph.trace(train, *x, *y, paths=paths), changed[-1]

    def _tensors(self, arrays: tuple[Any, ...]) -> tuple[Tensor, ...]:
        return tuple(Tensor((None, *map(int, a.shape[1:])), input_kind(a, self.dtype)) for a in arrays)

    def _adopt(self, traced: graph.Graph) -> Plan:
        """The plan of a graph, with the parameters that it needs in place."""
        made = plan(traced, self.dtype)
        if self._module is None:
            self.backend = get_backend(self._wanted, device=self.device, precision=self.precision, plan=made)
        check_supported(self.backend, made)
        inside = _descendants(self.model)
        grown = False
        for path, (layer, name, param, shapes) in owners(traced).items():
            if path in self.parameters and id(layer) not in inside:
                continue  # a layer that a function makes at every call: its parameters go by path
            found = parameters.obtain(layer, name, path, param, shapes, self.dtype, self.seed, self._restored.get(path))
            if path not in self.parameters and inside.get(id(layer)):
                found.frozen = True
            grown |= self.parameters.get(path) is not found
            self.parameters[path] = found
        self._limits |= limited(traced, self._limits, self.dtype)
        if grown:
            self._module = None
        return made

    @contextmanager
    def restoring(self, values: Mapping[str, Any]) -> Iterator[None]:
        """Inside, parameters that are made begin with these values and are not drawn."""
        self._restored = values
        try:
            yield
        finally:
            self._restored = {}

    def shapes(self, x: tuple[Any, ...], x_tuple: bool) -> dict[str, tuple[int, ...]]:
        """The shape of each parameter by path that the model has for these inputs; nothing is made. Errors: as `forward_plan`."""
        return {path: param.shape for path, (_, _, param, _) in owners(self._trace_forward(x, x_tuple)).items()}

    def trained_on(self, loss: Any, metrics: Mapping[str, Any]) -> tuple[Met, Met] | None:
        """Inputs and targets of the last batch that was planned for this loss and these metrics."""
        measured = tuple(map(id, (loss, *metrics.values())))
        found = [key for key in self._plans if key[0] == "train" and key[-1] == measured]
        if not found:
            return None
        _, x_tuple, y_tuple, x, y, _ = found[-1]
        return met_in(x, x_tuple), met_in(y, y_tuple)

    def _remember(self, x: tuple[Any, ...], x_tuple: bool) -> None:
        remember(self.model, met_in(signature(x), x_tuple))

    @property
    def met(self) -> Met | None:
        """What the model was first given, by whichever network; None before it is built."""
        return met_of(self.model)

    def one_sample(self, arrays: tuple[Any, ...]) -> bool:
        """Whether these are one sample and not a batch; see `one_sample.is_one_sample`."""
        met = self.met
        return is_one_sample(self.model, [a.ndim for a in arrays], None if met is None else [len(s) for s in met.shapes])

    # ---- running -----------------------------------------------------------------------------------------------------

    @property
    def module(self) -> Module:
        """The parameters on the backend's device."""
        if self._module is None:
            values = {path: p.value for path, p in self.parameters.items()}
            roles = {path: p.role for path, p in self.parameters.items()}
            self._module = self.backend.module(values, roles=roles, device=self.device, seed=self.seed, precision=self.precision)
        return self._module

    def forget_module(self) -> None:
        """Make the module anew when it is next needed: same parameters, random numbers from the start."""
        self._module = None

    def run(self, x: tuple[Any, ...], x_tuple: bool, *, training: bool = False, carried: bool = False) -> Any:
        """The model's output: an array, or a tuple of arrays. `carried`: states go on from the last such call. Errors: ShapeError, DataError."""
        made = self.forward_plan(x, x_tuple)
        outputs = self.module.run(made, self.converted(made, x, names_of("inputs", x, x_tuple)), training=training, carried=carried)
        return outputs[0] if made.single else outputs

    def predict(self, x: Any, makebatch: bool | None = None, batch_size: int = 256, *, carried: bool = False, like: Any = None) -> Any:
        """The model's output for a batch or one sample, some samples at a time; see Workout.predict. `carried`: as for `run`."""
        arrays, many = members(x, "inputs")
        if makebatch is None:
            makebatch = self.one_sample(arrays)
        if makebatch:
            arrays = tuple(a[None] for a in arrays)
        count = samples(arrays, names_of("inputs", arrays, many))
        if not is_integer(batch_size) or batch_size < 1:
            raise ArgumentError("predict", "batch_size: a whole number above 0", repr(batch_size))
        parts = [self.run(tuple(a[i : i + batch_size] for a in arrays), many, carried=carried) for i in range(0, count, batch_size)]
        single = not isinstance(parts[0], tuple)
        columns = zip(*((p,) if single else p for p in parts), strict=True)
        joined = tuple(np.concatenate(c)[0] if makebatch else np.concatenate(c) for c in columns)
        found = joined[0] if single else joined
        if like is None:
            return found
        from pyphoton.interop.kinds import as_kind

        return as_kind(found, like, x)

    def converted(self, made: Plan, arrays: tuple[Any, ...], names: Sequence[str] = ()) -> tuple[Any, ...]:
        """Arrays as the plan's inputs want them. Errors: DataError with the array's name."""
        names = names or [f"array {i}" for i in range(len(arrays))]
        return tuple(convert(a, v, n) for a, v, n in zip(arrays, made.inputs, names, strict=True))

    def __call__(self, *inputs: Any) -> Any:
        """The model on a batch or one sample, as layers and models are called: deterministic, results as NumPy arrays."""
        x, x_tuple = members(inputs[0] if len(inputs) == 1 else tuple(inputs), "inputs")
        if not self.one_sample(x):
            return self.run(x, x_tuple, carried=True)
        found = self.run(tuple(a[None] for a in x), x_tuple, carried=True)
        return tuple(map(_first, found)) if isinstance(found, tuple) else _first(found)

    def reset(self) -> None:
        """States that go on from call to call begin anew."""
        if self._module is not None:
            self._module.reset()

    def frozen(self) -> frozenset[str]:
        """The paths of parameters that training leaves alone."""
        return frozenset(path for path, p in self.parameters.items() if p.frozen or p.role == "state")

    def pair(self, arrays: tuple[Any, ...]) -> Any:
        """The minibatch (X, Y) that the engine got as these arrays."""
        met = self.met
        if met is None:
            return arrays
        x, y = arrays[: len(met.shapes)], arrays[len(met.shapes) :]
        return x if met.as_tuple else x[0], y if len(y) > 1 else y[0]

    def limits(self) -> Limits:
        """The constraints of parameters that are trained."""
        frozen = self.frozen()
        return {path: limit.plan for path, limit in self._limits.items() if path not in frozen}


def reset_all_with(layer: Any) -> None:
    """States that go on from call to call begin anew in every network that this layer is part of."""
    for found in list(_alive):
        model = found.model
        if model is not None and id(layer) in _descendants(model):
            found.reset()


def _first(output: Any) -> Any:
    return output[0] if output.ndim else output


def input_kind(array: Any, dtype: str) -> str:
    """The dtype of the symbolic tensor that stands for an array: whole numbers stay whole, floats become the model's."""
    return "int64" if is_whole(array) else dtype


def _key(batch: Batch, loss: Any, metrics: Mapping[str, Any], word: str = "train") -> tuple[Any, ...]:
    """What a plan of loss and metrics is kept under."""
    return (word, batch.x_tuple, batch.y_tuple, signature(batch.x), signature(batch.y), tuple(map(id, (loss, *metrics.values()))))


def _descendants(model: Any) -> dict[int, bool]:
    """The identity of the model and of everything inside; whether it is, or is in something, that says `trainable` is False."""
    found: dict[int, bool] = {}
    todo = [(model, False)]
    while todo:
        layer, still = todo.pop()
        still = still or getattr(layer, "trainable", None) is False
        if id(layer) not in found or still > found[id(layer)]:
            found[id(layer)] = still
            todo += [(c, still) for c in children(layer).values() if c is not None]
    return found


_networks: WeakKeyDictionary[Any, Network] = WeakKeyDictionary()


def copy(model: Any, to: Any) -> None:
    """Give a model copies of another one's numbers, and what is known of its input. Parts are copied one by one."""
    parameters.copy(model, to)
    hand_on(model, to)


def network_of(model: Any) -> Network:
    """The network that runs a model which is called by itself: on the backend that is found first."""
    try:
        found = _networks.get(model)
    except TypeError:  # an object that cannot be referred to weakly: a network for this call
        return Network(model)
    if found is None:
        same = _networks.get(original(model))  # dropout of a converted model draws as the original's does
        found = _networks[model] = Network(model, hold=False, seed=None if same is None else same._seed)
    return found
