"""Weight: a parameter of a layer as a tensor: the parameter's step inside of a trace, its numbers outside."""

from __future__ import annotations

from typing import Any

from pyphoton import graph, parameters
from pyphoton.keras.symbolic import Tensor
from pyphoton.scopes import scope


class Weight(Tensor):
    """What `add_weight` gives: usable in `call` as a tensor, and outside of it as an eager one."""

    __slots__ = ("owner", "parameter")

    def __init__(self, owner: Any, parameter: str, shape: tuple[int, ...], dtype: str) -> None:
        super().__init__(shape, dtype, name=parameter)
        self.owner, self.parameter = owner, parameter

    @property
    def held(self) -> parameters.Parameter:
        """The parameter itself; it is drawn when it is first asked for."""
        from pyphoton.network import network_of

        param = self.owner.params()[self.parameter]
        network = network_of(self.owner)
        where = f"{graph.root_path(self.owner) or type(self.owner).__name__.lower()}.{self.parameter}"
        return parameters.obtain(self.owner, self.parameter, where, param, (), network.dtype, network.seed)

    def traced(self) -> Any:
        """The parameter in the running trace."""
        with scope(self.owner):  # the layer has its path from here on
            return graph.own_array(self.owner, self.parameter)

    def eval(self) -> Any:
        """A copy of the numbers."""
        return self.held.value.copy()

    def assign(self, value: Any) -> None:
        """Set the numbers. Errors: ShapeError."""
        self.held.set_(value.eval() if isinstance(value, Tensor) else value)
