"""The Julia backend: an epoch loop inside Julia, reached through juliacall. Julia starts when it is first used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyphoton.backends.base import Module
from pyphoton.backends.julia import locate


class JuliaBackend:
    """Runs and trains plans inside Julia."""

    name = "julia"
    priority = 30
    engines = ("flux", "knet")
    precisions: frozenset[str] = frozenset()
    supports = frozenset(
        """
        neg abs exp log sqrt square sin cos sign round tanh sigmoid relu softplus gelu swish selu elu leaky_relu clip softmax
        log_softmax add sub mul div pow mod maximum minimum eq ne lt le gt ge logical_and logical_or logical_not where matmul
        sum mean max min prod argmax reshape flatten transpose concat getitem cast one_hot cross_entropy
        dense embedding dropout noise conv conv_transpose max_pool avg_pool adaptive_avg_pool adaptive_max_pool batch_norm layer_norm
        rnn lstm gru parameter scan gradient julia python
        """.split()
    )

    def missing(self) -> str:
        """What to install, when juliacall is not there. Nothing is started to find out."""
        return locate.missing()

    def start(self, *, asked: bool = True, engine: str | None = None) -> None:
        """Start Julia; installed with Flux first, if need be and if it was asked for. Errors: BackendMissing, Unsupported for another `engine`."""
        from pyphoton.backends.julia.runtime import start

        start(asked=asked, engine=engine)

    def devices(self) -> tuple[str, ...]:
        """The processor."""
        return ("cpu",)

    def describe(self) -> str:
        """For people."""
        from pyphoton.backends.julia.runtime import start

        return start().describe()

    def module(self, parameters: Mapping[str, Any], *, roles: Mapping[str, str], device: str, seed: int, precision: str | None = None) -> Module:
        """Parameters, used in place: Julia's arrays lie over the NumPy arrays' memory."""
        from pyphoton.backends.julia.module import JuliaModule

        return JuliaModule(parameters, roles, seed)


BACKEND = JuliaBackend()
