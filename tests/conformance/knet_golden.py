"""The numbers that real Knet computed (tests/golden/knet), said in PyPhoton's words: the one place of the tests for what Knet means.

A file has Knet's arrays with the axes reversed: (features, samples) of Julia is (samples, features) here, and images are (samples, channels,
height, width). What is left to say is in the functions below; each gives a case in the form of the golden cases of Flux.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from flux_golden import golden, in_turn

FOLDER = Path(__file__).parents[1] / "golden" / "knet"
GATES = {"relu": 1, "tanh": 1, "lstm": 4, "gru": 3}
"""Gates are in PyPhoton's order: i, f, new, o of the LSTM; reset, update, new of the GRU."""


def knet(file):
    """The cases of a file as Knet has them."""
    return golden(file, FOLDER)


def case_of(parameters, found, *, gradients, turned=lambda a: a, state=None):
    """A case with these parameters and gradients, the input and everything like the output turned to PyPhoton's order of axes."""
    case = {"input": turned(found["input"]), "parameters": parameters, "state": state or {}, "output": turned(found["output"])}
    case["factors"] = turned(in_turn(found["output"]))
    if gradients is not None:
        case["gradients"] = gradients
    if "input gradient" in found:
        case["input gradient"] = turned(found["input gradient"])
    return case


def rearranged(found, arrange, prefix=""):
    """A case whose parameters are Knet's weights in another order, so that their gradients are in that order, too."""
    named = [{prefix + name: array for name, array in arrange(found.get(kind, {})).items()} for kind in ("weights", "gradients")]
    return case_of(named[0], found, gradients=named[1] if "gradients" in found else None)


def dense(found):
    """Dense layers and embeddings: w is (out, in) in Julia, which lies as the kernel (in, out) does; rows of a table are columns there."""
    names = {"w": "table" if found["input"].dtype.kind == "i" else "kernel", "b": "bias"}
    case = rearranged(found, lambda weights: {names[key]: array for key, array in weights.items()})
    return case if found["input"].dtype.kind == "f" else {**case, "input": from_zero(found["input"])}


def whole(found):
    """What is normalised over all samples together, as one sample: that is what softmax without `dims` does."""
    return case_of({}, found, gradients={}, turned=lambda a: a.reshape(1, -1))


def convolution(found, flipped, prefix=""):
    """conv4 and deconv4 turn the kernel round unless mode=1. Their bias is an array of one element in each axis of space."""

    def arrange(weights):
        space = tuple(range(2, next(iter(weights.values())).ndim)) if weights else ()
        kernels = {"kernel": np.flip(weights["w"], space) if flipped else weights["w"]} if "w" in weights else {}
        return {**kernels, **({"bias": weights["b"].reshape(-1)} if "b" in weights else {})}

    return rearranged(found, arrange, prefix)


def unpooled(found, window):
    """unpool repeats each number over its window: a transposed convolution with a kernel of ones, which Knet has no gradient for."""
    return case_of({"kernel": np.ones((1, 1, *window))}, found, gradients={})


def batch_norm(found):
    """`params` is scale and shift in one vector; the running variance is the biased one, of which PyPhoton's moves by n / (n - 1)."""

    def arrange(weights):
        return dict(zip(("scale", "shift"), np.split(weights["params"], 2), strict=True)) if "params" in weights else {}

    state = {"mean": found["mean"].reshape(-1), "variance": found["var"].reshape(-1)}
    case = rearranged(found, arrange)
    m, n = found["momentum"], found["input"].size // state["mean"].size
    own = (1 - m) * state["variance"]
    moved = {"mean": found["moved mean"].reshape(-1), "variance": own + (found["moved var"].reshape(-1) - own) * n / (n - 1)}
    return {**case, "state": state, "training output": found["training output"], "moved state": moved}


def recurrent(found):
    """Arrays are (features, sequences, steps), (steps, sequences, features) here. All weights are one vector.

    First the matrices, transposed, of each layer and direction (forwards and back in turns): the input's, gate by gate, and the state's; then
    the biases in that order, two for each gate, of which PyPhoton has the sum. Their gradients are the same, but for the GRU's new memory,
    where the state's bias is inside of what the reset gate multiplies: PyPhoton has the input's.
    """
    gates, hidden, features = GATES[found["kind"]], found["hidden"], found["input"].shape[-1]
    layers, ends = found["layers"], ("", "_reverse")[: found["directions"]]
    turned = lambda a: a.swapaxes(0, 1) if a.ndim == 3 else a  # noqa: E731
    values, slopes = {}, {}
    for vector, named in ((found["weights"]["w"], values), (found["gradients"]["w"], slopes)):
        rest = vector.reshape(-1)

        def matrix(rows):
            nonlocal rest
            block, rest = rest[: gates * hidden * rows], rest[gates * hidden * rows :]
            return block.reshape(gates * hidden, rows).T

        places = [f"_{layer}{end}" for layer in range(layers) for end in ends]
        for end in places:
            named[f"kernel{end}"] = matrix(features if end.startswith("_0") else hidden * len(ends))
            named[f"recurrent{end}"] = matrix(hidden)
        for end in places:
            of_input, of_state = rest[: gates * hidden], rest[gates * hidden : 2 * gates * hidden]
            named[f"bias{end}"] = of_input + of_state if named is values else of_input
            rest = rest[2 * gates * hidden :]
        assert rest.size == 0
    return case_of(values, found, gradients=slopes, turned=turned)


def from_zero(labels):
    """Knet counts classes and rows from 1."""
    return labels - 1


def counted(found):
    """Scores and labels of a loss without the samples that have the label 0, which Knet leaves out; and which ones are left."""
    scores, labels = found["scores"], found["labels"]
    if scores.ndim == 1:
        return scores, labels.astype(float), np.ones(labels.size, bool)
    return scores[labels > 0], from_zero(labels[labels > 0]), labels > 0
