"""Handwritten digits by convolutions: Sequential, compile, fit, evaluate. The text is Keras's; only the import is another one."""

import os

import numpy as np
from sklearn.datasets import load_digits

from pyphoton import keras
from pyphoton.keras import layers

epochs = int(os.environ.get("EPOCHS", 8))
keras.utils.set_random_seed(1)

# 1797 images of 8 x 8 grey values from 0 to 16; channels last, as Keras has them.
digits = load_digits()
x = np.expand_dims(digits.images.astype("float32") / 16, -1)
y = keras.utils.to_categorical(digits.target, 10)
x_train, x_test, y_train, y_test = x[:1400], x[1400:], y[:1400], y[1400:]

model = keras.Sequential(
    [
        keras.Input(shape=(8, 8, 1)),
        layers.Conv2D(16, kernel_size=(3, 3), activation="relu"),
        layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Flatten(),
        layers.Dropout(0.3),
        layers.Dense(10, activation="softmax"),
    ]
)
model.summary()

model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
history = model.fit(x_train, y_train, batch_size=32, epochs=epochs, validation_split=0.1, verbose=0)
print("validation accuracy per epoch:", np.round(history.history["val_accuracy"], 2))

loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"test loss: {loss:.3f}")
print(f"accuracy: {accuracy:.3f}")

# The five images that the model is surest of, and what they are.
sure = np.argsort(-model.predict(x_test, verbose=0).max(axis=1))[:5]
print("surest:", model.predict(x_test[sure], verbose=0).argmax(axis=1), "are", digits.target[1400:][sure])
if accuracy < 0.5:
    raise SystemExit("not learnt")
