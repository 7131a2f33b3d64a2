"""How arguments were spelt in Keras 1 and 2: old names and values, by class and by method.

The renames from Keras 1 to Keras 2 are those that Keras 2.2.4 itself accepted
(https://github.com/keras-team/keras/blob/2.2.4/keras/legacy/interfaces.py); the rest are those of Keras 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kjax.keras.core import doors

Renames = dict[str, str]

_FORMAT: Renames = {"dim_ordering": "data_format"}
_KERNEL: Renames = {
    "init": "kernel_initializer",
    "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
    "bias": "use_bias",
}
_FILTERS: Renames = {"nb_filter": "filters", "border_mode": "padding", "atrous_rate": "dilation_rate"}
_CONV1D: Renames = {**_KERNEL, **_FILTERS, "filter_length": "kernel_size", "subsample_length": "strides"}
_CONV: Renames = {**_KERNEL, **_FILTERS, **_FORMAT, "subsample": "strides"}
_SEPARABLE: Renames = {
    "nb_filter": "filters",
    "subsample": "strides",
    "border_mode": "padding",
    **_FORMAT,
    "b_regularizer": "bias_regularizer",
    "b_constraint": "bias_constraint",
    "bias": "use_bias",
    "init": "depthwise_initializer",
    "depthwise_init": "depthwise_initializer",
    "pointwise_init": "pointwise_initializer",
}
_RECURRENT: Renames = {
    "output_dim": "units",
    "init": "kernel_initializer",
    "inner_init": "recurrent_initializer",
    "inner_activation": "recurrent_activation",
    "W_regularizer": "kernel_regularizer",
    "U_regularizer": "recurrent_regularizer",
    "b_regularizer": "bias_regularizer",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
    "consume_less": "implementation",
}
_CONV_LSTM: Renames = {
    **_CONV,
    "inner_init": "recurrent_initializer",
    "inner_activation": "recurrent_activation",
    "U_regularizer": "recurrent_regularizer",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
}
_POOL1D: Renames = {"pool_length": "pool_size", "stride": "strides", "border_mode": "padding"}
_POOL: Renames = {"border_mode": "padding", **_FORMAT}
_RATE: Renames = {"p": "rate"}

LAYERS: dict[str, Renames] = {
    "Dense": {"output_dim": "units", **_KERNEL},
    "Dropout": _RATE,
    "AlphaDropout": _RATE,
    "GaussianDropout": _RATE,
    "SpatialDropout1D": _RATE,
    "SpatialDropout2D": {**_RATE, **_FORMAT},
    "SpatialDropout3D": {**_RATE, **_FORMAT},
    "GaussianNoise": {"sigma": "stddev"},
    "Embedding": {
        "init": "embeddings_initializer",
        "W_regularizer": "embeddings_regularizer",
        "W_constraint": "embeddings_constraint",
    },
    "Conv1D": _CONV1D,
    "Conv2D": _CONV,
    "Conv3D": _CONV,
    "Conv2DTranspose": _CONV,
    "Conv3DTranspose": _CONV,
    "SeparableConv1D": _SEPARABLE,
    "SeparableConv2D": _SEPARABLE,
    "DepthwiseConv2D": {k: v for k, v in _SEPARABLE.items() if k not in ("nb_filter", "pointwise_init")},
    "LocallyConnected1D": _CONV1D,
    "LocallyConnected2D": _CONV,
    "ConvLSTM2D": _CONV_LSTM,
    "LSTM": _RECURRENT,
    "GRU": _RECURRENT,
    "SimpleRNN": {k: v for k, v in _RECURRENT.items() if k != "inner_activation"},
    "AveragePooling1D": _POOL1D,
    "MaxPooling1D": _POOL1D,
    "AveragePooling2D": _POOL,
    "MaxPooling2D": _POOL,
    "AveragePooling3D": _POOL,
    "MaxPooling3D": _POOL,
    "GlobalAveragePooling2D": _FORMAT,
    "GlobalMaxPooling2D": _FORMAT,
    "GlobalAveragePooling3D": _FORMAT,
    "GlobalMaxPooling3D": _FORMAT,
    "UpSampling1D": {"length": "size"},
    "UpSampling2D": _FORMAT,
    "UpSampling3D": _FORMAT,
    "ZeroPadding2D": _FORMAT,
    "ZeroPadding3D": _FORMAT,
    "Cropping2D": _FORMAT,
    "Cropping3D": _FORMAT,
    "BatchNormalization": {"beta_init": "beta_initializer", "gamma_init": "gamma_initializer"},
    "PReLU": {"init": "alpha_initializer", "alpha_init": "alpha_initializer"},
    "LeakyReLU": {"alpha": "negative_slope"},
    "InputLayer": {"input_dtype": "dtype"},
}
"""Arguments of layers before Keras 2 (and of LeakyReLU before Keras 3) and what they are called today."""

WEIGHTS: dict[str, Renames] = {
    "BatchNormalization": {"running_mean": "moving_mean", "running_std": "moving_variance"},
    "Embedding": {"W": "embeddings"},
    "PReLU": {"alphas": "alpha"},
    "Conv1D": {"subsample": "strides"},
}
"""Other attributes of layers of Keras 1, such as weights, where they are not those of :data:`KERNELS`."""

KERNELS: Renames = {"W": "kernel", "U": "recurrent_kernel", "b": "bias"}

SIZES = {"nb_row": 0, "nb_col": 1, "filter_length": 0, "kernel_dim1": 0, "kernel_dim2": 1, "kernel_dim3": 2}
"""Attributes that were one size of the kernel."""


def attribute(layer: Any, cls: str, name: str) -> Any:
    """An attribute of a layer of Keras 1: an argument or a weight by its name of then.

    Args:
        layer: the layer.
        cls: its class of today.
        name: the attribute.

    Raises:
        AttributeError: there was none of that name.
    """
    if name in SIZES and hasattr(layer, "kernel_size"):
        return layer.kernel_size[SIZES[name]]
    today = {**KERNELS, **LAYERS.get(cls, {}), **WEIGHTS.get(cls, {})}.get(name, name)
    if today == name or today not in dir(layer):
        raise AttributeError(name)
    value = getattr(layer, today)
    if today.endswith("_initializer"):
        return doors.initializations.as_function(name, value)
    if today == "strides" and value is None:
        value = layer.pool_size
    if isinstance(value, (tuple, list)) and len(value) == 1:  # one axis: a number, but for the strides of convolutions
        return (value[0], 1) if name == "subsample" else value[0]
    return {"channels_last": "tf", "channels_first": "th"}[str(value)] if name == "dim_ordering" else value


DROPPED: dict[str, dict[str, str]] = {
    "LSTM": {"implementation": "", "time_major": ""},
    "GRU": {"implementation": "", "time_major": ""},
    "SimpleRNN": {"implementation": "", "time_major": ""},
    "LSTMCell": {"implementation": ""},
    "GRUCell": {"implementation": ""},
    "SimpleRNNCell": {"implementation": ""},
    **{f"ConvLSTM{n}D": {"implementation": "", "time_major": ""} for n in (1, 2, 3)},
    "RNN": {"time_major": ""},
    "MultiHeadAttention": {"query_shape": "", "key_shape": "", "value_shape": ""},
    "Conv3DTranspose": {"groups": ""},
    **{
        f"SeparableConv{n}D": {
            "groups": "",
            "kernel_initializer": "",
            "kernel_regularizer": "",
            "kernel_constraint": "",
        }
        for n in (1, 2)
    },
    **{f"DepthwiseConv{n}D": {"groups": ""} for n in (1, 2)},
    **{f"LocallyConnected{n}D": {"implementation": ""} for n in (1, 2)},
    "Embedding": {"sparse": ""},
    "BatchNormalization": {"fused": "", "virtual_batch_size": "", "adjustment": ""},
    "SpatialDropout1D": {"noise_shape": "", "dim_ordering": ""},
    "SpatialDropout2D": {"noise_shape": ""},
    "SpatialDropout3D": {"noise_shape": ""},
}
"""Arguments without a meaning today: by class, with a word to the user where the result may be another."""

REFUSED_VALUES = {"groups": (1, None)}
"""Of these, arguments that ask for nothing with some values only."""

REFUSED = {
    "groups": "this layer has none; put as many of them side by side, or use a Conv layer with `groups`",
    "time_major": "put the axis of the batch first, with `keras.ops.swapaxes(x, 0, 1)` or `Permute`",
}
"""Of these, the arguments that no layer obeys any more, with a way out: they are taken only where they ask for nothing."""

VALUES: dict[str, dict[Any, Any]] = {
    "dim_ordering": {"tf": "channels_last", "th": "channels_first", "default": None},
    "data_format": {"tf": "channels_last", "th": "channels_first", "default": None},
    "consume_less": {"cpu": 0, "mem": 1, "gpu": 2},
}
"""Values that are written otherwise today, by the argument's old or present name."""

FIXED: dict[str, dict[str, Any]] = {
    "CuDNNLSTM": {"activation": "tanh", "recurrent_activation": "sigmoid"},
    "CuDNNGRU": {"activation": "tanh", "recurrent_activation": "sigmoid", "reset_after": True},
}
"""What layers of then had no choice in, in words of those of today."""

_MERGING = {
    name: {"keras2": True}
    for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot")
}

ERA_DEFAULTS: dict[str, dict[str, Any]] = {
    **_MERGING,
    "LSTM": {"recurrent_activation": "hard_sigmoid"},
    "GRU": {"recurrent_activation": "hard_sigmoid", "reset_after": False},
    "LSTMCell": {"recurrent_activation": "hard_sigmoid"},
    "GRUCell": {"recurrent_activation": "hard_sigmoid", "reset_after": False},
    "ConvLSTM2D": {"recurrent_activation": "hard_sigmoid"},
    "ConvLSTM2DCell": {"recurrent_activation": "hard_sigmoid"},
    "BatchNormalization": {"keras2": True},
    "ActivityRegularization": {"keras2": True},
    "Softmax": {"keras2": True},
    "Bidirectional": {"keras2": True},
    **{f"{kind}Pooling{n}D": {"pool_size": 2} for kind in ("Average", "Max") for n in (1, 2, 3)},
}
"""Defaults of layers in the eras of Keras 1 and 2 that are others now."""

RELEASE_DEFAULTS: dict[str, dict[str, dict[str, Any]]] = {
    "2.3": {name: {"recurrent_activation": "sigmoid"} for name in ("LSTM", "GRU", "LSTMCell", "GRUCell")},
}
"""Of these, what another release of Keras 2 had."""

DEFAULTS_BEFORE_3: dict[str, dict[str, Any]] = {
    **_MERGING,
    "AveragePooling1D": {"pool_size": 2},
    "AveragePooling2D": {"pool_size": (2, 2)},
    "AveragePooling3D": {"pool_size": (2, 2, 2)},
}
"""Defaults of layers in every era before Keras 3, where the argument must be given."""

ERA_VALUES: dict[str, dict[Any, Any]] = {
    "activation": {"hard_sigmoid": "hard_sigmoid_keras2"},
    "recurrent_activation": {"hard_sigmoid": "hard_sigmoid_keras2"},
    "interpolation": {"bilinear": "bilinear_keras2"},
    "activity_regularizer": {"activity_l1": "l1", "activity_l2": "l2", "activity_l1l2": "l1_l2"},
}
"""Names that meant something else in the eras of Keras 1 and 2."""

OPTIMIZERS: Renames = {"lr": "learning_rate"}
"""Arguments of every optimizer."""

OPTIMIZER_DROPPED = ("jit_compile", "is_legacy_optimizer")
"""Arguments of optimizers without a meaning today."""

OPTIMIZER_ERA_DEFAULTS: dict[str, dict[str, Any]] = {
    "Adadelta": {"learning_rate": 1.0},
    "Adagrad": {"learning_rate": 0.01, "initial_accumulator_value": 0.0, "keras2": True},
    "Adamax": {"learning_rate": 0.002},
    "Nadam": {"learning_rate": 0.002, "schedule_decay": 0.004},
    "RMSprop": {"keras2": True},
}
"""Defaults of optimizers in the eras of Keras 1 and 2 that are others now."""

OPTIMIZER_EPSILON = 1e-8
"""The default of ``epsilon`` in Keras 1, of these:"""

OPTIMIZERS_WITH_EPSILON = ("RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam")

METHODS: dict[str, Renames] = {
    "fit": {"nb_epoch": "epochs"},
    "compile": {},
    "evaluate": {},
    "predict": {},
    "fit_generator": {
        "nb_epoch": "epochs",
        "nb_worker": "workers",
        "pickle_safe": "use_multiprocessing",
        "max_q_size": "max_queue_size",
    },
    "evaluate_generator": {
        "nb_worker": "workers",
        "pickle_safe": "use_multiprocessing",
        "max_q_size": "max_queue_size",
    },
    "predict_generator": {
        "nb_worker": "workers",
        "pickle_safe": "use_multiprocessing",
        "max_q_size": "max_queue_size",
    },
}
"""Arguments of a model's methods."""

_ACTIVITY_AFTER: dict[str, str] = dict.fromkeys(
    (
        "Dense Conv1D Conv2D Conv3D Conv1DTranspose Conv2DTranspose Conv3DTranspose DepthwiseConv1D DepthwiseConv2D "
        "SeparableConv1D SeparableConv2D LocallyConnected1D LocallyConnected2D ConvLSTM1D ConvLSTM2D ConvLSTM3D SimpleRNN LSTM "
        "GRU MultiHeadAttention GroupQueryAttention"
    ).split(),
    "bias_regularizer",
)
_NO_GROUPS: dict[str, str] = dict.fromkeys(("Conv1D", "Conv2D", "Conv3D"), "groups")
_NO_DILATION: dict[str, str] = dict.fromkeys(("DepthwiseConv2D", "Conv3DTranspose"), "dilation_rate")


def positions(name: str, fields: Sequence[str], era: str) -> list[str]:
    """The order of a layer's arguments in an era.

    Args:
        name: class of the layer.
        fields: the arguments of its module, in order.
        era: ``'1'``, ``'2'``, ``'tf'`` or ``'3'``.
    """
    order = list(fields)
    if era in ("1", "2"):
        order = [field for field in order if field not in (_NO_GROUPS.get(name), _NO_DILATION.get(name))]
    if name == "Conv3DTranspose" and era != "3":
        order.remove("output_padding")
        order.insert(order.index("data_format"), "output_padding")
    before = "embeddings_regularizer" if name == "Embedding" and era != "3" else _ACTIVITY_AFTER.get(name)
    if before in order and "activity_regularizer" not in order:
        order.insert(order.index(before) + 1, "activity_regularizer")
    return order


METHOD_POSITIONS: dict[str, tuple[str, ...]] = {
    "compile": ("optimizer", "loss", "metrics", "loss_weights"),
    "save": ("filepath", "overwrite", "include_optimizer", "save_format"),
    "save_weights": ("filepath", "overwrite", "save_format"),
    "load_weights": ("filepath", "by_name", "skip_mismatch", "reshape"),
}
"""The order of arguments before Keras 3, where it was another; further ones have the order of :data:`FURTHER_POSITIONS`."""

FURTHER_POSITIONS: dict[tuple[str, str], tuple[str, ...]] = {
    **dict.fromkeys((("compile", "1"), ("compile", "2")), ("sample_weight_mode", "weighted_metrics", "target_tensors")),
    ("compile", "tf"): ("weighted_metrics", "run_eagerly", "steps_per_execution", "jit_compile"),
    **{
        ("fit_generator", era): (
            "generator",
            "steps_per_epoch",
            "epochs",
            "verbose",
            "callbacks",
            "validation_data",
            "validation_steps",
            "class_weight",
            "max_queue_size",
            "workers",
            "use_multiprocessing",
            "shuffle",
            "initial_epoch",
        )
        for era in ("1", "2")
    },
    **{
        (method, era): ("generator", "steps", "max_queue_size", "workers", "use_multiprocessing", "verbose")
        for method in ("evaluate_generator", "predict_generator")
        for era in ("1", "2")
    },
    ("evaluate", "tf"): (
        "x",
        "y",
        "batch_size",
        "verbose",
        "sample_weight",
        "steps",
        "callbacks",
        "max_queue_size",
        "workers",
        "use_multiprocessing",
        "return_dict",
    ),
}
"""The order of arguments in single eras."""


def method_positions(name: str, era: str) -> tuple[str, ...]:
    """The order of a method's arguments in an era before Keras 3, or nothing where it is today's."""
    return (*METHOD_POSITIONS.get(name, ()), *FURTHER_POSITIONS.get((name, era), ())) if era != "3" else ()


METHOD_SAMPLES: dict[str, dict[str, tuple[str, str]]] = {
    "fit_generator": {
        "samples_per_epoch": ("steps_per_epoch", "generator"),
        "nb_val_samples": ("validation_steps", "validation_data"),
    },
    "evaluate_generator": {"val_samples": ("steps", "generator")},
    "predict_generator": {"val_samples": ("steps", "generator")},
}
"""Arguments that were numbers of samples where today's are numbers of batches, and whose samples they count."""

METHOD_DROPPED: dict[str, tuple[str, ...]] = {
    "fit": ("show_accuracy",),
    "evaluate": ("show_accuracy",),
    "predict": ("show_accuracy",),
    "fit_generator": ("show_accuracy",),
    "evaluate_generator": ("show_accuracy",),
    "predict_generator": (),
}
"""Arguments of methods of the first versions that say what ``compile(metrics=...)`` and the loss say today."""

FUNCTIONS: dict[str, Renames] = {
    **dict.fromkeys(("ImageDataGenerator", "img_to_array", "array_to_img", "NumpyArrayIterator"), _FORMAT),
    "relu": {"alpha": "negative_slope"},
    "deserialize_activation": {"name": "config"},
    "l1": {"l": "l1"},
    "l2": {"l": "l2"},
    "maxnorm": {"m": "max_value"},
    "serialize_keras_object": {"instance": "obj"},
    "get_test_data": {"nb_train": "num_train", "nb_test": "num_test", "nb_class": "num_classes"},
}
"""Arguments of functions, and of classes that are no layers."""

CALLBACKS: dict[str, Renames] = {"ReduceLROnPlateau": {"epsilon": "min_delta"}}
"""Arguments of callbacks."""

_PADDED = {"border_mode": "padding"} | _FORMAT
BACKEND: dict[str, Renames] = {
    "random_normal": {"std": "stddev"},
    "truncated_normal": {"std": "stddev"},
    "random_uniform": {"low": "minval", "high": "maxval"},
    "conv1d": {"stride": "strides", **_PADDED},
    "conv2d": {"filter_dilation": "dilation_rate", **_PADDED},
    **dict.fromkeys(("conv3d", "separable_conv2d", "pool2d", "pool3d"), _PADDED),
    "conv2d_transpose": _PADDED,
    **dict.fromkeys(("resize_images", "resize_volumes", "spatial_2d_padding", "spatial_3d_padding"), _FORMAT),
    "repeat_elements": {"repeats": "rep"},
    "argmax": {"dim": "axis"},
    "expand_dims": {"dim": "axis"},
    "temporal_padding": {},
}
"""Arguments of the functions of ``keras.backend`` in Keras 1."""

BACKEND_DROPPED = ("image_shape", "filter_shape", "volume_shape")
"""Arguments of convolutions of the backend in Keras 1 that said what the tensors say."""

BACKEND_NAMES: Renames = {
    "pack": "stack",
    "lesser": "less",
    "lesser_equal": "less_equal",
    "deconv2d": "conv2d_transpose",
}
"""Functions of ``keras.backend`` that had another name in Keras 1."""
