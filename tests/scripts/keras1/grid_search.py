'''Grid search over a Keras 1 model with scikit-learn.'''
import numpy as np
from keras.models import Sequential
from keras.layers import Dense, Activation
from keras.wrappers.scikit_learn import KerasClassifier, KerasRegressor
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

np.random.seed(1)
X = np.random.rand(48, 4)
y = (X.sum(axis=1) > 2).astype(int)


def make_model(dense_layer_sizes=(4,), activation='relu'):
    model = Sequential()
    model.add(Dense(dense_layer_sizes[0], input_dim=4, init='uniform'))
    model.add(Activation(activation))
    model.add(Dense(1, activation='sigmoid'))
    model.compile(loss='binary_crossentropy', optimizer='adam', metrics=['accuracy'])
    return model


my_classifier = KerasClassifier(make_model, batch_size=16, verbose=0)
validator = GridSearchCV(my_classifier,
                         param_grid={'dense_layer_sizes': [(3,), (5,)], 'nb_epoch': [1, 3]},
                         scoring='neg_log_loss', cv=2)
validator.fit(X, y)
print(validator.best_params_)
best_model = validator.best_estimator_.model
metric_names = best_model.metrics_names
for metric, value in zip(metric_names, best_model.evaluate(X, y, verbose=0)):
    print(metric, ': ', value)
assert set(validator.best_params_) == {'dense_layer_sizes', 'nb_epoch'}


def make_regressor():
    model = Sequential([Dense(4, input_dim=4, activation='relu'), Dense(1)])
    model.compile(loss='mean_squared_error', optimizer='adam')
    return model


pipeline = Pipeline([('scale', StandardScaler()),
                     ('mlp', KerasRegressor(build_fn=make_regressor, nb_epoch=2, batch_size=16, verbose=0))])
scores = cross_val_score(pipeline, X, X.sum(axis=1), cv=2)
assert scores.shape == (2,) and (scores <= 0).all()
