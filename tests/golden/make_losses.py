"""Writes julia/src/losses.json: the plans of the stock losses, which PyPhoton.jl joins to a model's own without Python.

    PYTHONPATH=. python tests/golden/make_losses.py

A plan takes predictions (batch, features) and, as "values", targets like them or, as "labels", class numbers (batch,). Lengths that are
null are the prediction's, and so is null as the number of classes.
"""

from __future__ import annotations

import json
from pathlib import Path

from pyphoton.graph import trace
from pyphoton.losses import NAMES, BCELoss, CrossEntropyLoss
from pyphoton.plan import plan
from pyphoton.tensor import Tensor

PATH = Path(__file__).resolve().parents[2] / "julia" / "src" / "losses.json"
OF_SCORES = {"logitcrossentropy": CrossEntropyLoss(use_softmax=True), "logitbinarycrossentropy": BCELoss(use_sigmoid=True)}
"""By Flux's names: losses of scores, which Python asks for by an argument."""
LABELS = frozenset({"crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy", "logitcrossentropy", "nll"})
LABELS_ONLY = frozenset({"nll"})


def planned(loss, target):
    """The plan of a loss as data."""
    made = plan(trace(loss, Tensor((None, None)), target)).to_data()
    return {key: value for key, value in made.items() if key not in ("single", "params")} | {"params": {}}


def written():
    """The file's text: a line for each loss; a name for one that stands there already is the name of that."""
    found, seen = [], {}
    for name, loss in {**NAMES, **OF_SCORES}.items():
        plans = {} if name in LABELS_ONLY else {"values": planned(loss, Tensor((None, None)))}
        if name in LABELS:
            plans["labels"] = planned(loss, Tensor((None,), "int64"))
        text = json.dumps(plans, separators=(",", ":"))
        found.append(f"{json.dumps(name)}: {json.dumps(seen[text]) if text in seen else text}")
        seen.setdefault(text, name)
    return "{\n" + ",\n".join(found) + "\n}\n"


if __name__ == "__main__":
    PATH.write_text(written(), "utf-8")
