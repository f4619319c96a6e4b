"""Callbacks: stopping in time, a log file, and two callbacks of your own."""

import os
import tempfile
from pathlib import Path

from sklearn.datasets import load_digits

from pyphoton import *

epochs = int(os.environ.get("EPOCHS", 60))

# Only 150 digits to learn from: a network of this size soon knows them by heart, and gets worse on all others.
digits = load_digits()
X, Y = digits.data / 16, digits.target
train, check, test = ((X[part], Y[part]) for part in (slice(0, 150), slice(150, 600), slice(600, None)))


def train_one(callbacks):
    """The same network each time, and its loss on digits that had no part in anything."""
    model = Sequential(Dense(256, relu), Dense(256, relu), Dense(10))
    workout = Workout(model, CrossEntropyLoss(use_softmax=True), Adam(0.003), metrics=[accuracy()], seed=1)
    fit_(workout, train, check, epochs=epochs, callbacks=callbacks)
    return workout, evaluate(workout, test)["loss"]


# A callback can be a function of (workout, phase): phase "train" after each step, "valid" at the end of each epoch.
def now_and_then(workout, phase):
    """Say every tenth epoch how it goes."""
    if phase == "valid" and workout.epochs % 10 == 0:
        print("epoch {epoch}: loss {loss:.3f}, on the other digits {val_loss:.3f}".format(**workout.history.epochs[-1]))


_, to_the_end = train_one(now_and_then)

# The library's own: keep a log; stop when val_loss has not improved for more than five epochs, and take the best weights back.
# They are called in this order.
with tempfile.TemporaryDirectory() as folder:
    log = Path(folder) / "log.csv"
    workout, in_time = train_one([FileMeter(log, ["loss", "val_loss"]), EarlyStop("val_loss", patience=5, restore_best=True)])
    print("the log begins with", log.read_text().splitlines()[:3])
print(f"stopped after epoch {workout.epochs}: {workout.stopped}\nratio: {in_time / to_the_end:.3f}")


class Enough:
    """Keras's methods (or Lightning's) make an object a callback; this one is easily content."""

    def set_model(self, model):
        """What Keras calls the model is the workout here."""
        self.workout = model

    def on_train_batch_end(self, batch, logs):
        """After each step, with what was measured. stop() ends the training wherever it is, with its reason."""
        if logs["accuracy"] == 1:
            stop(self.workout, f"minibatch {batch} was all right")


workout = train_one(Enough())[0]
print(f"stopped at step {workout.steps}: {workout.stopped}")
