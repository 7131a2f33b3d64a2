"""Forecasts with an LSTM on windows, callbacks of Keras 3 and its file format."""
import os
import tempfile
import numpy as np
import keras

values = np.sin(np.arange(120) / 5).astype("float32")
dataset_train = keras.preprocessing.timeseries_dataset_from_array(
    values[:-10, None], values[10:, None], sequence_length=10, sequence_stride=1, batch_size=16
)
for batch in dataset_train:
    inputs, targets = batch
    break
assert inputs.shape == (16, 10, 1) and targets.shape == (16, 1)
inputs = keras.layers.Input(shape=(inputs.shape[1], inputs.shape[2]))
lstm_out = keras.layers.LSTM(8)(inputs)
outputs = keras.layers.Dense(1)(lstm_out)
model = keras.Model(inputs=inputs, outputs=outputs)
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.01), loss="mse")
path_checkpoint = os.path.join(tempfile.mkdtemp(), "model_checkpoint.weights.h5")
es_callback = keras.callbacks.EarlyStopping(monitor="val_loss", min_delta=0, patience=5)
modelckpt_callback = keras.callbacks.ModelCheckpoint(
    monitor="val_loss", filepath=path_checkpoint, verbose=1, save_weights_only=True, save_best_only=True
)
history = model.fit(
    dataset_train, epochs=3, validation_data=dataset_train, callbacks=[es_callback, modelckpt_callback]
)
assert os.path.exists(path_checkpoint) and history.history["loss"][-1] < history.history["loss"][0]
model.load_weights(path_checkpoint)
path = path_checkpoint.replace(".weights.h5", ".keras")
model.save(path)
again = keras.saving.load_model(path)
np.testing.assert_allclose(again.predict(inputs_ := np.ones((2, 10, 1))), model.predict(inputs_), rtol=1e-5)
