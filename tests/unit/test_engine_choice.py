"""Which engine computes inside a backend: names, order of precedence, and what is said where there is no choice. Nothing is started."""

from __future__ import annotations

import pytest

from pyphoton.backends import get_backend
from pyphoton.backends.julia import engines
from pyphoton.errors import UnknownName, Unsupported


def test_what_was_asked_for_wins_over_the_variable(monkeypatch):
    """Flux by default, then the variable, then what was asked for; a block that fails leaves no trace."""
    monkeypatch.delenv(engines.VARIABLE, raising=False)
    monkeypatch.setattr(engines, "_asked", "")
    assert (engines.wanted(), engines.package()) == ("flux", "Flux")
    monkeypatch.setenv(engines.VARIABLE, "knet")
    assert (engines.wanted(), engines.package()) == ("knet", "Knet")
    with pytest.raises(ZeroDivisionError), engines.asked_for("flux"):
        assert engines.wanted() == "flux"
        raise ZeroDivisionError
    assert engines.wanted() == "knet"
    with engines.asked_for("flux"):
        pass
    assert engines.wanted() == "flux"


def test_unknown_engines_are_named(monkeypatch):
    """A misspelt engine is refused, by argument and by variable, with the one that was meant."""
    monkeypatch.setattr(engines, "_asked", "")
    monkeypatch.setenv(engines.VARIABLE, "knett")
    with pytest.raises(UnknownName, match="knet"):
        engines.wanted()
    with pytest.raises(UnknownName, match="knet"), engines.asked_for("knett"):
        pass


@pytest.mark.parametrize("name", ["torch", "numpy", "auto"])
def test_backends_without_engines(name):
    """A backend that has no engines says which one has."""
    with pytest.raises(Unsupported, match=r"get_backend\('julia', engine='knet'\)"):
        get_backend(name, engine="knet")


def test_a_command_wants_an_engine_for_a_while(monkeypatch):
    """`--engine knet` counts until the command has ended, however it ends; without it nothing is changed."""
    monkeypatch.delenv(engines.VARIABLE, raising=False)
    monkeypatch.setattr(engines, "_asked", "")
    with pytest.raises(ZeroDivisionError), engines.during("knet"):
        assert engines.wanted() == "knet" and not engines.by_juliapkg()
        assert (engines.install(), engines.extra()) == ("python -m pyphoton install --engine knet", "pip install 'pyphoton[knet]'")
        raise ZeroDivisionError
    with engines.during(None):
        assert engines.wanted() == "flux" and engines.by_juliapkg()
        assert (engines.install(), engines.extra()) == ("python -m pyphoton install", "pip install 'pyphoton[julia]'")
    with pytest.raises(UnknownName, match="knet"), engines.during("knett"):
        pass
