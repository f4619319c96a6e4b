"""Writes the golden files of this folder with torchvision: names and shapes of each model's state_dict, and the first ten scores.

    python tests/golden/zoo/make.py            # needs torch and torchvision 0.28, which PyPhoton does not depend on

If torchvision was built for another torch, its compiled operations do not load; none is used here, and --without-ops declares them
in name only. Weights and images are those of tests/unit/zoo_numbers.py.
"""

import argparse
import gc
import json
import sys
from pathlib import Path

import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "unit"))

from zoo_numbers import MODELS, RATE, TRAINED, image, is_counter, lesson, weight  # noqa: E402

OPERATIONS = (
    "nms", "qnms", "roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool", "deform_conv2d", "_roi_align_backward", "_roi_pool_backward",
    "_ps_roi_align_backward", "_ps_roi_pool_backward", "_deform_conv2d_backward",
)  # fmt: skip


def trained(model):
    """The losses of three steps of gradient descent, and the scores of the first image after them, by the running statistics; in float64."""
    images, classes = map(torch.from_numpy, lesson())
    images = images.double()
    optimiser = torch.optim.SGD(model.double().train().parameters(), RATE)
    losses = []
    for _ in range(3):
        loss = torch.nn.functional.cross_entropy(model(images), classes)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    with torch.no_grad():
        return {"losses": losses, "scores": model.eval()(images[:1])[0, :10].tolist()}


def record(models, name):
    """What is written for one model: scores at two sizes, the number of parameters, and every name and shape of its state."""
    model = getattr(models, MODELS[name])().eval()
    parameters = sum(p.numel() for p in model.parameters())
    state = model.state_dict()
    for key, value in state.items():
        if not is_counter(key):
            value.copy_(torch.from_numpy(weight(key, tuple(value.shape))))
    with torch.no_grad():
        scores = {str(size): model(torch.from_numpy(image(size)))[0, :10].tolist() for size in (64, 224)}
    shapes = {key: "x".join(map(str, value.shape)) for key, value in state.items() if not is_counter(key)}
    training = {"training": trained(model)} if name in TRAINED else {}
    return {"torchvision": MODELS[name], "parameters": parameters, "scores": scores, **training, "state": shapes}


def main():
    """Write all files, or those that are named."""
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("names", nargs="*", default=list(MODELS))
    reader.add_argument("--without-ops", action="store_true", help="torchvision's compiled operations do not load")
    options = reader.parse_args()
    library = torch.library.Library("torchvision", "DEF")
    for operation in OPERATIONS if options.without_ops else ():
        library.define(f"{operation}(Tensor x) -> Tensor")
    from torchvision import models

    for name in options.names:
        text = json.dumps(record(models, name), indent=0).replace("\n", "\n ").replace("\n }", "\n}")
        (HERE / f"{name}.json").write_text(text + "\n", "utf-8")
        gc.collect()


if __name__ == "__main__":
    main()
