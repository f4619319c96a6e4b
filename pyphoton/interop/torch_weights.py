"""`to_state_dict` and `load_state_dict_`: a model's parameters as a torch state_dict, and back.

A parameter "features.0.kernel" is "features.0.weight" in torch. Where the names of a model and of a state_dict agree they
decide; where they do not (a torch nn.Sequential counts its activations, too) the order does, each array checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pyphoton.arguments import checked
from pyphoton.errors import ArgumentError, FileError, NotBuilt, ShapeError, Unsupported, near
from pyphoton.interop.torch_files import State, read, torch_module
from pyphoton.interop.torch_layout import COUNTER, Slot, slots
from pyphoton.network import Network, network_of
from pyphoton.parameters import Parameter, built_layers
from pyphoton.table import forward_plan
from pyphoton.workout import Workout


@dataclass(frozen=True)
class Loaded:
    """What `load_state_dict_` did.

    `taken`: the names in the state_dict of the arrays that were loaded; `matched`: by "names" or by "order"; `kept`: torch's names
    of what stayed as it was in the model; `unused`: the names of what was left in the state_dict.
    """

    taken: tuple[str, ...]
    matched: str
    kept: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Place:
    """One parameter of a model, and the full names of the arrays that hold it in torch."""

    parameter: Parameter
    slot: Slot
    names: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.slot.shape(self.parameter.shape)


def to_state_dict(model: Any) -> dict[str, Any]:
    """The parameters of a built model or workout as torch tensors, under torch's names and in torch's layouts: copies.

    Names are the paths of the layers: "0.weight" for the first layer of a Sequential, "weight_ih_l0" for a model that is one LSTM.
    Layouts: Dense (out, in); convolutions and embeddings unchanged; recurrent layers (gates hidden, in) with the whole bias in bias_ih and
    zeros in bias_hh; BatchNorm with running_mean, running_var and num_batches_tracked (0). The result fits
    `load_state_dict` of a torch module of the same structure. Errors: NotBuilt; BackendMissing without torch.
    """
    torch = torch_module("to_state_dict")
    network = _network(model)
    if network.met is None:
        raise NotBuilt("to_state_dict", hint="The model has met no data yet: call it on an array, or fit_ it, first.")
    found: dict[str, Any] = {}
    for place in _places(network, None):
        arrays = place.slot.export(place.parameter.value)
        found |= {name: torch.from_numpy(a) for name, a in zip(place.names, arrays, strict=True)}
        if place.slot.ours == "variance" and place.slot.kind == "batch_norm":
            found[place.names[0].removesuffix("running_var") + COUNTER] = torch.tensor(0)
    return found


@checked
def load_state_dict_(model: Any, state: Any, *, strict: bool = True, input_shape: Any = None, skip: str | Iterable[str] = ()) -> Loaded:
    """Set the parameters of a model or workout from a torch state_dict: a mapping of tensors or arrays, or a file.

    Files: .safetensors, or .pt and .pth that `torch.save(module.state_dict(), path)` wrote (read with weights_only=True: nothing in them
    is executed). `input_shape`, the shape of one sample, builds a model that has met no data yet.
    By name when the names agree (see `to_state_dict`); otherwise in order, array by array with its last name and shape checked;
    a safetensors file keeps no order, so there that holds only where modules are numbered.
    `strict=False` takes the names that both have and leaves the others. `skip=("fc",)` leaves "fc" and all below it out on
    both sides, for another number of classes, say. The two biases of an LSTM or RNN gate are added; a GRU
    whose hidden bias of the last gate is not zero is refused.
    Returns a `Loaded`. Errors: FileError, ShapeError, Unsupported, NotBuilt; the parameters are as before then.
    """
    network = _network(model)
    if input_shape is None and network.met is None:
        raise NotBuilt("load_state_dict_", hint="The model has met no data yet: give input_shape=, the shape of one sample.")
    found = read(state)
    places = list(_places(network, input_shape))
    names = [n for p in places for n in p.names]
    left = _prefixes(skip, names)
    wanted = [p for p in places if not any(_below(n, left) for n in p.names)]
    given = State(found.source, {name: a for name, a in found.arrays.items() if not _below(name, left)}, found.ordered)
    by_name = not strict or {n for p in wanted for n in p.names} == set(given.arrays)
    pairs = _by_name(wanted, given) if by_name else _in_order(wanted, given)
    values = [(place, _value(place, given, taken)) for place, taken in pairs]
    for place, value in values:
        place.parameter.set_(value)
    taken = tuple(name for _, some in pairs for name in some)
    used, filled = set(taken), {name for place, _ in pairs for name in place.names}
    kept = tuple(n for n in names if n not in filled)
    return Loaded(taken, "names" if by_name else "order", kept, tuple(n for n in found.arrays if n not in used))


def _prefixes(skip: Any, names: list[str]) -> tuple[str, ...]:
    """The layers to leave out. Errors: ArgumentError for one that the model does not have."""
    prefixes = tuple(skip) if isinstance(skip, Iterable) and not isinstance(skip, str) else (skip,)
    for prefix in prefixes:
        if not isinstance(prefix, str) or not any(_below(n, (prefix,)) for n in names):
            known = near(prefix, {n.rpartition(".")[0] for n in names})
            raise ArgumentError("load_state_dict_", "skip: names of layers", repr(prefix), known)
    return prefixes


def _network(model: Any) -> Network:
    return model.network if isinstance(model, Workout) else network_of(model)


def _below(name: str, prefixes: Iterable[str]) -> bool:
    """Whether an array is one of these, or belongs to one of these layers."""
    return any(name == p or name.startswith(f"{p}.") for p in prefixes)


def _places(network: Network, input_shape: Any) -> Iterator[_Place]:
    """The parameters of a model that is built, or is built now. Errors: Unsupported for a layer that no name leads to."""
    used = {id(network.parameters[path]): path for path in forward_plan(network, input_shape).params}
    for path, layer, members in built_layers(network.model):
        for slot in slots(getattr(layer, "kind", ""), members):
            used.pop(id(members[slot.ours]), None)
            yield _Place(members[slot.ours], slot, tuple(f"{path}.{t}" if path else t for t in slot.theirs))
    for path in used.values():
        raise Unsupported(path, "a layer that the model holds", "one that a function makes", "Make the layer outside of the function.")


def _by_name(places: list[_Place], state: State) -> list[tuple[_Place, tuple[str, ...]]]:
    """Places whose arrays are all there. Errors: FileError when one of several is missing, or all are."""
    pairs = []
    for place in places:
        there = [n for n in place.names if n in state.arrays]
        if there and len(there) < len(place.names):
            missing = next(n for n in place.names if n not in there)
            raise FileError(state.source, f"{missing} beside {there[0]}", "only one of them")
        pairs += [(place, place.names)] if there else []
    if places and not pairs:
        raise FileError(state.source, f"names like {places[0].names[0]}", _some(state.arrays))
    return pairs


def _in_order(places: list[_Place], state: State) -> list[tuple[_Place, tuple[str, ...]]]:
    """The model's arrays and the state's, one after the other. Errors: FileError, ShapeError: the first that does not fit."""
    ours = [name for place in places for name in place.names]
    if not state.ordered:
        raise _other_names(ours, state, "The file keeps no order: names have to agree, or give a state_dict in the model's order.")
    if state.arrays and (set(ours) < set(state.arrays) or set(ours) > set(state.arrays)):
        raise _other_names(ours, state, "strict=False takes what both have.")
    theirs = iter(state.arrays)
    modules: dict[str, str] = {}  # of ours, to theirs
    pairs = []
    for place in places:
        taken = []
        for name in place.names:
            other = next(theirs, None)
            if other is None:
                raise FileError(f"{state.source}: {name}", f"an array of shape {place.shape}", "the end of the state_dict")
            _check_shape(place, name, state, other)
            (module, last), (its_module, its_last) = name.rpartition(".")[::2], other.rpartition(".")[::2]
            if its_last != last or modules.setdefault(module, its_module) != its_module:
                raise FileError(f"{state.source}: {name}", f"a {last} of the same layer", other, "Names differ, so arrays are taken in order.")
            taken.append(other)
        pairs.append((place, tuple(taken)))
    rest = next(theirs, None)
    if rest is not None:
        raise FileError(state.source, f"{len(ours)} arrays", f"{len(state.arrays)}, {rest} after the last that fits")
    return pairs


def _other_names(ours: list[str], state: State, hint: str) -> FileError:
    missing = [n for n in ours if n not in state.arrays]
    more = [n for n in state.arrays if n not in set(ours)]
    return FileError(state.source, f"{_some(missing)} too" if missing else "nothing else", f"{_some(more)} besides" if more else "", hint)


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:3]) + (f" and {len(listed) - 3} more" if len(listed) > 3 else "") if listed else "none"


def _check_shape(place: _Place, name: str, state: State, other: str) -> None:
    """Errors: ShapeError unless the state's array `other` can be the place's `name`."""
    found = state.arrays[other].shape
    if found != place.shape:
        layer = name.rpartition(".")[0]
        hint = f"skip=({layer!r},) leaves that layer as it is." if layer else ""
        raise ShapeError(f"{state.source}: {name}", f"an array of shape {place.shape}", f"{found}{'' if other == name else f' in {other}'}", hint)


def _value(place: _Place, state: State, taken: tuple[str, ...]) -> Any:
    """The parameter's new value. Errors: ShapeError, Unsupported."""
    for name, other in zip(place.names, taken, strict=True):
        _check_shape(place, name, state, other)
    return place.slot.restore(tuple(state.arrays[n] for n in taken), f"{state.source}: {taken[-1]}")
