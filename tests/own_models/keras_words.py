import keras
from keras import layers


def build():
    tokens = keras.Input((None,), dtype="int64")
    x = layers.Embedding(50, 10)(tokens)
    x = layers.Dropout(0.5)(x)
    x = layers.Bidirectional(layers.GRU(12, return_sequences=True))(x)
    x = layers.Dropout(0.5)(x)
    return keras.Model(tokens, layers.Dense(5)(x))
