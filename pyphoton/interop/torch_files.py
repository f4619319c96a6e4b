"""Reading a state_dict: from a mapping of tensors or arrays, a .safetensors file, or a .pt file. Nothing is executed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from pyphoton.errors import BackendMissing, FileError
from pyphoton.interop.torch_layout import COUNTER

_NARROW = {"BF16", "F8_E4M3", "F8_E5M2"}


@dataclass(frozen=True)
class State:
    """Arrays by torch's names. `source` is the first word of errors; `ordered` tells whether they stand in the model's order."""

    source: str
    arrays: dict[str, Any]
    ordered: bool


def read(source: Any) -> State:
    """The arrays of a state_dict, without the counters of BatchNorm. Errors: FileError, BackendMissing."""
    if isinstance(source, Mapping):
        return _state("state_dict", source, ordered=True)
    if not isinstance(source, str | Path):
        raise FileError("load_state_dict_", "a mapping of names to tensors, or the path of a file", type(source).__name__)
    path = Path(source)
    if not path.is_file():
        raise FileError(str(path), "a file", "no such file")
    if path.suffix == ".safetensors":
        found = _state(str(path), _safetensors(path), ordered=False)
        return State(found.source, dict(sorted(found.arrays.items(), key=_by_number)), all(map(_numbered, found.arrays)))
    if path.suffix in (".pt", ".pth"):
        return _state(str(path), _pickled(path), ordered=True)
    raise FileError(str(path), "a name that ends in .safetensors, .pt or .pth", repr(path.suffix))


def torch_module(what: str) -> Any:
    """torch. Errors: BackendMissing when it is not installed."""
    try:
        import torch
    except ImportError as error:
        raise BackendMissing(what, "torch", "none that can be imported", "pip install 'pyphoton[torch]'") from error
    return torch


def _safetensors(path: Path) -> dict[str, Any]:
    """All arrays of a file. It keeps no order. NumPy has no bfloat16: torch reads a file that holds some."""
    try:
        with safe_open(str(path), framework="numpy") as file:
            kinds = {file.get_slice(name).get_dtype() for name in file.keys()}
            if not kinds & _NARROW:
                return {name: file.get_tensor(name) for name in file.keys()}
        torch_module(f"{path} with {', '.join(sorted(kinds & _NARROW))}")
        with safe_open(str(path), framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError, ValueError) as error:
        raise FileError(str(path), "a safetensors file", f"something else ({error})") from error


def _pickled(path: Path) -> Any:
    """What `torch.save(model.state_dict(), path)` wrote; torch's restricted reader makes tensors and containers, nothing else."""
    torch = torch_module(str(path))
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        first = next(iter(str(error).splitlines()), "")[:200]
        hint = "Write it with torch.save(model.state_dict(), path): a file with other objects is not opened."
        raise FileError(str(path), "a state_dict written by torch.save", f"something else ({type(error).__name__}: {first})", hint) from error


def _state(source: str, found: Any, *, ordered: bool) -> State:
    if not isinstance(found, Mapping):
        raise FileError(source, "a mapping of names to tensors", type(found).__name__)
    arrays = {}
    for name, value in found.items():
        if not isinstance(name, str):
            raise FileError(source, "names as strings", repr(name))
        if name.rsplit(".", 1)[-1] != COUNTER:
            arrays[name] = _array(source, name, value)
    return State(source, arrays, ordered)


def _array(source: str, name: str, value: Any) -> Any:
    """One entry as a NumPy array of numbers. Errors: FileError."""
    if isinstance(value, Mapping):
        raise FileError(f"{source}: {name}", "a tensor", "a mapping", f"Give what stands under {name!r}: state[{name!r}].")
    try:
        if hasattr(value, "detach"):
            value = value.detach().cpu()
            value = value.float() if value.is_floating_point() and value.element_size() < 4 else value
            value = value.numpy()
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise FileError(f"{source}: {name}", "a dense tensor with numbers", f"{type(value).__name__} ({error})") from error
    if array.dtype.kind not in "biuf":
        raise FileError(f"{source}: {name}", "a tensor of numbers", f"{type(value).__name__} of dtype {array.dtype}")
    return array


def _numbered(name: str) -> bool:
    """Whether the modules on the way to an array are all numbered, as those of torch's nn.Sequential are."""
    return all(part.isdecimal() for part in name.split(".")[:-1])


_WITHIN = {n: i for i, n in enumerate(("weight", "bias", "running_mean", "running_var"))}
_GATES = {n: i for i, n in enumerate(("weight_ih", "weight_hh", "bias_ih", "bias_hh"))}


def _by_number(item: tuple[str, Any]) -> Any:
    """The place of an array in a model whose modules are numbered: by module, then in torch's order within one."""
    *modules, last = item[0].split(".")
    word, _, end = last.partition("_l")
    return [int(m) if m.isdecimal() else -1 for m in modules], end, _GATES.get(word, _WITHIN.get(last, 9)), item[0]
