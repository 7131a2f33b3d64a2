'''Pretrain, freeze, load by name, fine-tune (Keras 2).'''
import os
import tempfile
import numpy as np
import keras
from keras.models import Sequential, Model
from keras.layers import Dense, Conv2D, Flatten, GlobalAveragePooling2D, Activation
from keras.optimizers import SGD
from keras.callbacks import ModelCheckpoint, EarlyStopping, ReduceLROnPlateau, CSVLogger, LambdaCallback

folder = tempfile.mkdtemp()
x = np.random.rand(40, 8, 8, 3).astype('float32')
y = keras.utils.to_categorical(np.random.randint(2, size=40), 2)
feature_layers = [Conv2D(4, 3, input_shape=(8, 8, 3), name='conv_a'), Activation('relu'), Flatten()]
classification_layers = [Dense(2, name='head_a'), Activation('softmax')]
model = Sequential(feature_layers + classification_layers)
model.compile(loss='categorical_crossentropy', optimizer='adadelta', metrics=['accuracy'])
model.fit(x, y, batch_size=8, epochs=1, verbose=0)
weights = os.path.join(folder, 'weights.h5')
model.save_weights(weights)

# freeze feature layers and rebuild model
for l in feature_layers:
    l.trainable = False
model.compile(loss='categorical_crossentropy', optimizer='adadelta', metrics=['accuracy'])
before = feature_layers[0].get_weights()[0].copy()
model.fit(x, y, batch_size=8, epochs=1, verbose=0)
np.testing.assert_array_equal(before, feature_layers[0].get_weights()[0])

base = Sequential([Conv2D(4, 3, input_shape=(8, 8, 3), name='conv_a'), Activation('relu')])
base.load_weights(weights, by_name=True)
np.testing.assert_array_equal(before, base.layers[0].get_weights()[0])
features = GlobalAveragePooling2D()(base.output)
predictions = Dense(2, activation='softmax')(features)
model = Model(inputs=base.input, outputs=predictions)
for layer in base.layers:
    layer.trainable = False
model.compile(optimizer=SGD(lr=0.1, momentum=0.9), loss='categorical_crossentropy', metrics=['accuracy'])
seen = []
callbacks = [
    ModelCheckpoint(os.path.join(folder, 'best-{epoch:02d}-{val_acc:.2f}.h5'), monitor='val_acc', save_best_only=True),
    EarlyStopping(monitor='val_loss', patience=10), ReduceLROnPlateau(factor=0.5, patience=1, min_lr=1e-6),
    CSVLogger(os.path.join(folder, 'log.csv')), LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))]
history = model.fit(x, y, validation_split=0.25, epochs=3, callbacks=callbacks, verbose=2)
assert seen == [0, 1, 2] and len(history.history['lr']) == 3
assert open(os.path.join(folder, 'log.csv')).readline().startswith('epoch,acc,')
assert [f for f in os.listdir(folder) if f.startswith('best-')]
