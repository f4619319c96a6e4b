"""The functional API: two inputs, two outputs, a loss with a weight for each. The text is Keras's; only the import is another one."""

import os

import numpy as np
from sklearn.datasets import load_wine

from pyphoton import keras
from pyphoton.keras import layers

epochs = int(os.environ.get("EPOCHS", 60))
keras.utils.set_random_seed(2)

# 178 wines. What was measured first is one input, the rest another; asked for are the cultivar and the content of alcohol.
wine = load_wine()
numbers = ((wine.data - wine.data.mean(axis=0)) / wine.data.std(axis=0)).astype("float32")
order = np.random.permutation(len(numbers))
chemistry, colour, alcohol, cultivar = numbers[order, 1:7], numbers[order, 7:], numbers[order, :1], wine.target[order]

chemistry_input = keras.Input(shape=(6,), name="chemistry")
colour_input = keras.Input(shape=(6,), name="colour")
shared = layers.Dense(16, activation="relu")  # one set of weights for both
joined = layers.concatenate([shared(chemistry_input), shared(colour_input)])
hidden = layers.Dense(16, activation="relu")(joined)
cultivar_output = layers.Dense(3, activation="softmax", name="cultivar")(hidden)
alcohol_output = layers.Dense(1, name="alcohol")(hidden)
model = keras.Model(inputs=[chemistry_input, colour_input], outputs=[cultivar_output, alcohol_output])

model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=0.01),
    loss={"cultivar": "sparse_categorical_crossentropy", "alcohol": "mean_squared_error"},
    loss_weights={"cultivar": 1.0, "alcohol": 0.2},
    metrics={"cultivar": ["accuracy"]},
)
model.fit(
    {"chemistry": chemistry[:130], "colour": colour[:130]},
    {"cultivar": cultivar[:130], "alcohol": alcohol[:130]},
    epochs=epochs, batch_size=16, verbose=0,
)  # fmt: skip

found = model.evaluate([chemistry[130:], colour[130:]], [cultivar[130:], alcohol[130:]], verbose=0, return_dict=True)
print({name: round(float(value), 3) for name, value in found.items()})

classes, content = model.predict([chemistry[130:], colour[130:]], verbose=0)
print("shapes of the outputs:", classes.shape, content.shape)
accuracy = float((classes.argmax(axis=1) == cultivar[130:]).mean())
print(f"accuracy: {accuracy:.3f}")
if accuracy < 0.5:
    raise SystemExit("not learnt")
