"""Ctrl-C in Trainer.fit: the running minibatch is finished, what was done is kept, and training can go on."""

import signal

import numpy as np

from pyphoton import MSE, Adam, Dense
from pyphoton.systems import MLSystem, setup

RANDOM = np.random.default_rng(31)
X = RANDOM.normal(size=(24, 4)).astype("float32")
Y = RANDOM.normal(size=(24, 2)).astype("float32")


class Net(MLSystem):
    """A layer, and a hook that presses Ctrl-C at a step."""

    at = -1

    def __init__(self):
        self.net = Dense(2)

    def loss(self, batch):
        """Squares."""
        return MSE()(self.net(batch[0]), batch[1])

    def on_train_batch_end(self, outputs, batch, batch_idx):
        """Ctrl-C, once."""
        if self.global_step == self.at:
            signal.raise_signal(signal.SIGINT)

    def configure_optimizer(self):
        """Adam."""
        return Adam(0.1)


def test_ctrl_c_keeps_what_was_done(capsys):
    """Interrupted at step 5 of two epochs of four: five updates are kept, the epoch does not count, and fit goes on."""
    system = Net()
    system.at = 5
    trainer = setup(system, [(X[i : i + 6], Y[i : i + 6]) for i in range(0, 24, 6)], seed=1).fit(3)
    assert (trainer.steps, trainer.epochs, trainer.interrupted) == (5, 1, True)
    assert "interrupted after step 5" in capsys.readouterr().out
    assert list(trainer.history["loss"]) == [1, 2, 3, 4, 5]
    other = Net()
    control = setup(other, [(X[i : i + 6], Y[i : i + 6]) for i in range(0, 24, 6)] + [(X[:6], Y[:6])], seed=1).fit(1)
    assert control.steps == 5
    for path, p in system.parameters.items():
        np.testing.assert_array_equal(p.value, other.parameters[path].value)
    trainer.fit(1)
    assert (trainer.steps, trainer.epochs, trainer.interrupted) == (9, 2, False)


def test_the_bar_shows_what_is_asked_for(capsys):
    """prog_bar=True shows a number beside the loss; others are not shown."""

    class Logs(Net):
        def training_step(self, batch):
            self.log("shown", 1.5, prog_bar=True)
            self.log("hidden", 2.5)
            return self.loss(batch)

    setup(Logs(), (X, Y)).fit(1, batch_size=6, verbose=True)
    text = capsys.readouterr().err
    assert "shown=1.5" in text
    assert "loss=" in text
    assert "hidden" not in text
