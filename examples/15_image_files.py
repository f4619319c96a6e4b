"""Image files: a data set, a pipeline to minibatches, loading in threads, and a file that is broken."""

import os
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from pyphoton import *

epochs = int(os.environ.get("EPOCHS", 20))


def write_images(folder):
    """The digits as PNG files, as one finds images on a disk: the class is a part of the name."""
    digits = load_digits()
    for number, (image, label) in enumerate(zip(digits.images[:900], digits.target[:900], strict=True)):
        Image.fromarray((image * 15.9).astype("uint8")).save(folder / f"{number:04d}-{label}.png")


with tempfile.TemporaryDirectory() as name:
    write_images(Path(name))
    files = sorted(Path(name).glob("*.png"))
    labels = [int(file.stem.split("-")[1]) for file in files]

    # A data set knows how to read one sample; nothing is read before somebody asks for it.
    images = ImageDataset(files, labels, resize=12, mode="L")
    print(len(images), images[0][0].shape, images[0][1])
    learn, test = images | Subset(range(600)), images | Subset(range(600, 900))

    # Steps on the way are joined by |. Each time a digit is read, another window of 10 x 10 pixels is cut out of it, so
    # the network never sees quite the same image twice; for the test it is the middle.
    middle = Map(lambda image: image[:, 1:11, 1:11], axis="X")
    batches = learn | ImageCrop((10, 10)) | MiniBatch(20, workers=2)

    model = Sequential(Conv2D(16, 3, relu), MaxPool(), Dense(64, relu), Dense(10))
    workout = Workout(model, CrossEntropyLoss(use_softmax=True), Adam(0.003), metrics=[accuracy()], seed=1)
    fit_(workout, batches, epochs=epochs)
    steps, losses = history(workout, "loss")
    print(f"loss: {losses[:10].mean():.3f} -> {losses[-10:].mean():.3f}")
    print(f"accuracy: {evaluate(workout, test | middle)['accuracy']:.3f}")

    # Threads load ahead, and change nothing: the order and the windows follow from the seed.
    here, ahead = (next(iter(learn | ImageCrop((10, 10)) | MiniBatch(20, workers=n)))[0] for n in (0, 4))
    print(f"difference with four threads: {np.abs(here - ahead).max():.1f}")

    # One file is cut off in the middle. The error names it, and the epoch is undone.
    files[123].write_bytes(files[123].read_bytes()[:60])
    try:
        fit_(workout, batches)
    except DataError as error:
        print(str(error).replace(name, "..."))
