"""Two inputs, two outputs: tuples in, tuples out, and a loss that says how they count together."""

import os

from sklearn.datasets import load_digits

from pyphoton import *

epochs = int(os.environ.get("EPOCHS", 15))

# The upper and the lower half of a digit arrive as two images.
digits = load_digits()
images = digits.images[:, None] / 16
upper, lower = images[:, :, :4], images[:, :, 4:]

# Two questions: which digit, and is it odd?
digit, odd = digits.target, (digits.target % 2)[:, None]


class Halves(Layer):
    """Each half goes through its own convolution; what both see is joined; each question has a head of its own."""

    def __init__(self):
        self.top, self.bottom = Conv2D(12, 3, relu), Conv2D(12, 3, relu)
        self.both = Dense(48, relu)
        self.which, self.odd = Dense(10), Dense(1, sigmoid)

    def forward(self, upper, lower):
        """Scores of ten digits, and the probability of odd."""
        seen = self.both(concatenate([self.top(upper), self.bottom(lower)]))
        return self.which(seen), self.odd(seen)


which_loss, odd_loss = CrossEntropyLoss(use_softmax=True), BCELoss()


def loss(predicted, target):
    """Both questions; the second counts half."""
    return which_loss(predicted[0], target[0]) + 0.5 * odd_loss(predicted[1], target[1])


# ((X1, X2), (Y1, Y2)) is a data set as (X, Y) is.
train, test = slice(0, 1400), slice(1400, None)
workout = Workout(Halves(), loss, Adam(0.003), seed=1)
fit_(workout, ((upper[train], lower[train]), (digit[train], odd[train])), epochs=epochs)

steps, losses = history(workout, "loss")
print(f"loss: {losses[:10].mean():.3f} -> {losses[-10:].mean():.3f}")

which, is_odd = predict(workout, (upper[test], lower[test]))
print(f"accuracy: {(which.argmax(axis=1) == digit[test]).mean():.3f}")
print(f"odd or even: {((is_odd > 0.5) == odd[test]).mean():.3f}")
