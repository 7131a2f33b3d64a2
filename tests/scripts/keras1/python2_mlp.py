# -*- coding: utf-8 -*-
'''Cross validation of a small net, in Python 2, with the libraries of its time (Keras 1).'''
import cPickle as pickle
import os
import sys
import tempfile
import time

import numpy as np
from keras.callbacks import Callback
from keras.layers.core import Activation, Dense, Dropout
from keras.models import Sequential
from keras.utils import np_utils
from scipy.misc import imresize
from sklearn.cross_validation import StratifiedKFold
from sklearn.preprocessing import Imputer

nb_epoch = 2
batch_size = 32 / 2


class LossHistory(Callback):
	def on_train_begin(self, logs={}):
		self.losses = []

	def on_batch_end(self, batch, logs={}):
		self.losses.append(logs.get('loss'))


def pictures(n):
    for i in xrange(n):
        label = i % 2
        picture = np.zeros((8, 8))
        picture[:, label * 4:label * 4 + 4] = 1
        yield imresize(picture, (4, 4)).astype(np.float) / 255, label


X, y = zip(*pictures(64))
X = np.array(X).reshape(64, -1)
X[0, 0] = np.nan
X = Imputer(missing_values='NaN', strategy='mean', axis=0).fit_transform(X)
Y = np_utils.to_categorical(y, 2)
print 'X:', X.shape, 'Y:', Y.shape
assert len(X) / 3 == 21

start = time.clock()
for fold, (train, test) in enumerate(StratifiedKFold(np.array(y), n_folds=2, shuffle=True, random_state=1)):
    model = Sequential()
    model.add(Dense(16, input_dim=16, init='uniform'))
    model.add(Activation('relu'))
    model.add(Dropout(0.1))
    model.add(Dense(2))
    model.add(Activation('softmax'))
    model.compile(loss='categorical_crossentropy', optimizer='adam', metrics=['accuracy'])
    history = LossHistory()
    hist = model.fit(X[train], Y[train], nb_epoch=nb_epoch, batch_size=batch_size, verbose=0, callbacks=[history])
    for key, values in sorted(hist.history.iteritems()):
        print key, map(lambda v: round(v, 2), values),
    print
    assert len(history.losses) == nb_epoch * (len(train) / batch_size), len(history.losses)
print >>sys.stderr, 'seconds:', time.clock() - start

path = os.path.join(tempfile.mkdtemp(), u'weights.pkl')
with open(path, 'wb') as f:
    pickle.dump(model.get_weights(), f, -1)
try:
    model.set_weights(pickle.load(open(path, 'rb'))[:-1])
except Exception, e:
    print 'refused:', type(e).__name__
else:
    raise AssertionError, 'a weight was missing'
