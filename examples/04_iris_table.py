"""A table of flowers: from a DataFrame to class probabilities."""

import os

from sklearn.datasets import load_iris

from pyphoton import *

epochs = int(os.environ.get("EPOCHS", 40))

# 150 irises: four lengths in centimetres, and one of three species.
table = load_iris(as_frame=True).frame.sample(frac=1, random_state=0)
names = load_iris().target_names
features = [column for column in table.columns if column != "target"]
train, test = table[:100], table[100:]

# Scaled by what the training part says: mean 0, standard deviation 1.
mean, std = train[features].mean(), train[features].std()
train_x, test_x = (((part[features] - mean) / std).to_numpy() for part in (train, test))
train_y, test_y = train["target"].to_numpy(), test["target"].to_numpy()

# Small tables want small models; weight decay keeps the weights small.
model = Sequential(Dense(16, tanh), Dense(3))
workout = Workout(model, CrossEntropyLoss(use_softmax=True), AdamW(0.01), metrics=[accuracy()], seed=1)
fit_(workout, (train_x, train_y), epochs=epochs, batch_size=16)

# The model gives scores; softmax makes probabilities of them. Put behind the model it shares the trained layers.
probabilities = predict(Sequential(model, softmax), test_x)
for flower, row in zip(test_y[:3], probabilities, strict=False):
    print(f"{names[flower]:<11}", ", ".join(f"{name} {p:.2f}" for name, p in zip(names, row, strict=True)))

steps, losses = history(workout, "loss")
print(f"loss: {losses[0]:.3f} -> {losses[-7:].mean():.3f}")
print(f"accuracy: {evaluate(workout, (test_x, test_y))['accuracy']:.3f}")
