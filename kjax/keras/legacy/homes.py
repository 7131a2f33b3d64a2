"""How Python showed layers, models, optimizers and callbacks of Keras 1 and 2: by module, class and place in memory."""

from __future__ import annotations

from typing import Any

from kjax.keras.core.settings import settings
from kjax.keras.legacy.arguments import OLD_ERAS

_CLASSES = {
    "callbacks": (
        "BaseLogger CSVLogger Callback CallbackList EarlyStopping History LambdaCallback "
        "LearningRateScheduler ModelCheckpoint ProgbarLogger ReduceLROnPlateau RemoteMonitor TensorBoard "
        "TerminateOnNaN"
    ),
    "engine.base_layer": "InputSpec Layer Node",
    "engine.input_layer": "InputLayer",
    "engine.network": "Network",
    "engine.sequential": "Sequential",
    "engine.training": "Model",
    "layers.advanced_activations": "ELU LeakyReLU PReLU ReLU Softmax ThresholdedReLU",
    "layers.convolutional": (
        "Conv1D Conv2D Conv2DTranspose Conv3D Conv3DTranspose Cropping1D Cropping2D Cropping3D "
        "DepthwiseConv2D SeparableConv1D SeparableConv2D UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D "
        "ZeroPadding2D ZeroPadding3D"
    ),
    "layers.convolutional_recurrent": "ConvLSTM2D ConvLSTM2DCell ConvRNN2D",
    "layers.core": (
        "Activation ActivityRegularization Dense Dropout Flatten Lambda Masking Permute RepeatVector Reshape "
        "SpatialDropout1D SpatialDropout2D SpatialDropout3D"
    ),
    "layers.cudnn_recurrent": "CuDNNGRU CuDNNLSTM",
    "layers.embeddings": "Embedding",
    "layers.local": "LocallyConnected1D LocallyConnected2D",
    "layers.merge": "Add Average Concatenate Dot Maximum Minimum Multiply Subtract",
    "layers.noise": "AlphaDropout GaussianDropout GaussianNoise",
    "layers.normalization": "BatchNormalization",
    "layers.pooling": (
        "AveragePooling1D AveragePooling2D AveragePooling3D GlobalAveragePooling1D GlobalAveragePooling2D "
        "GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D MaxPooling1D "
        "MaxPooling2D MaxPooling3D"
    ),
    "layers.recurrent": "GRU GRUCell LSTM LSTMCell RNN SimpleRNN SimpleRNNCell StackedRNNCells",
    "layers.wrappers": "Bidirectional TimeDistributed Wrapper",
    "optimizers": ("Adadelta Adagrad Adam Adamax Nadam Optimizer RMSprop SGD"),
}
"""The classes of each module of Keras 2.2.4, below its root."""

HOMES = {name: place for place, names in _CLASSES.items() for name in names.split()}
"""By class, the module of Keras 2.2.4 that it was in."""


def shown(thing: Any, today: str) -> str:
    """``<keras.layers.core.Dense object at 0x7f2a4c0d5e80>`` in the eras of Keras 1 and 2.

    Args:
        thing: the object.
        today: how it is shown in other eras, or where its class was not there.
    """
    cls = type(thing)
    home = f"keras.{HOMES.get(cls.__name__)}" if cls.__module__.startswith("kjax.") else cls.__module__
    if settings.era not in OLD_ERAS or home == "keras.None":
        return today
    return f"<{home}.{cls.__qualname__} object at {id(thing):#x}>"
