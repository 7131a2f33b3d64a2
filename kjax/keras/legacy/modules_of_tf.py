"""Modules inside of tf.keras (Keras 2.15, ``keras.src`` and ``tensorflow.python.keras``): where the names of each lie."""

from __future__ import annotations

_LAYERS = {
    "activation": "elu leaky_relu prelu relu softmax thresholded_relu",
    "attention": "additive_attention base_dense_attention",
    "convolutional": (
        "base_conv base_depthwise_conv base_separable_conv conv1d_transpose conv3d_transpose depthwise_conv1d separable_conv1d"
    ),
    "core": "einsum_dense identity tf_op_layer",
    "locally_connected": "locally_connected1d locally_connected2d locally_connected_utils",
    "merging": "average base_merge dot maximum minimum multiply subtract",
    "normalization": "batch_normalization_v1 group_normalization spectral_normalization unit_normalization",
    "pooling": (
        "average_pooling1d average_pooling3d base_global_pooling1d base_global_pooling2d base_global_pooling3d base_pooling1d "
        "base_pooling2d base_pooling3d global_average_pooling1d global_average_pooling3d global_max_pooling1d "
        "global_max_pooling3d max_pooling1d max_pooling3d"
    ),
    "preprocessing": "discretization hashed_crossing hashing index_lookup preprocessing_utils",
    "regularization": (
        "activity_regularization alpha_dropout gaussian_dropout gaussian_noise spatial_dropout1d spatial_dropout2d "
        "spatial_dropout3d"
    ),
    "reshaping": (
        "cropping1d cropping2d cropping3d permute repeat_vector up_sampling1d up_sampling2d up_sampling3d zero_padding1d "
        "zero_padding2d zero_padding3d"
    ),
    "rnn": (
        "abstract_rnn_cell base_conv_lstm base_conv_rnn base_cudnn_rnn base_rnn base_wrapper cell_wrappers conv_lstm1d "
        "conv_lstm2d conv_lstm3d cudnn_gru cudnn_lstm dropout_rnn_cell_mixin gru_lstm_utils gru_v1 legacy_cells lstm_v1 "
        "rnn_utils"
    ),
}

_ELSEWHERE = {
    "engine": (
        "functional_utils training_arrays_v1 training_eager_v1 training_generator_v1 training_utils_v1",
        "kjax.keras.engine",
        "kjax.keras.engine.training_utils",
        "kjax.keras.models",
    ),
    "export": ("export_lib", "kjax.keras.export"),
    "initializers": ("initializers initializers_v1", "kjax.keras.initializers"),
    "metrics": (
        "base_metric f_score_metrics hinge_metrics iou_metrics probabilistic_metrics py_metric regression_metrics",
        "kjax.keras.metrics",
    ),
    "mixed_precision": (
        "autocast_variable device_compatibility_check loss_scale_optimizer",
        "kjax.keras.mixed_precision",
    ),
    "optimizers": (
        "adadelta adafactor adagrad adamax adamw ftrl lion nadam optimizer_v1 utils legacy.adadelta legacy.adagrad legacy.adam "
        "legacy.adamax legacy.ftrl legacy.gradient_descent legacy.nadam legacy.optimizer_v2 legacy.rmsprop",
        "kjax.keras.optimizers",
    ),
    "optimizers.schedules": ("learning_rate_schedule", "kjax.keras.optimizers.schedules"),
    "premade_models": ("linear wide_deep", "kjax.keras.models"),
    "saving.legacy": (
        "hdf5_format model_config save saving_utils serialization saved_model saved_model.load saved_model.save "
        "saved_model.utils saved_model.constants saved_model.json_utils",
        "kjax.keras.saving",
        "kjax.keras.engine.saving",
        "kjax.keras.models",
        "kjax.keras.utils",
    ),
    "utils": (
        "audio_dataset control_flow_util dataset_utils feature_space keras_logging object_identity tf_contextlib timed_threads "
        "version_utils mode_keys",
        "kjax.keras.utils",
    ),
}

MODULES: dict[str, tuple[str, ...]] = {
    **{f"layers.{folder}": ("kjax.keras.layers",) for folder in _LAYERS},
    **{f"layers.{f}.{name}": ("kjax.keras.layers",) for f, names in _LAYERS.items() for name in names.split()},
    **{
        f"{folder}.{name}": tuple(targets) for folder, (names, *targets) in _ELSEWHERE.items() for name in names.split()
    },
    "saving.legacy": tuple(_ELSEWHERE["saving.legacy"][1:]),
    "premade_models": ("kjax.keras.models",),
}
"""Module below ``keras`` and the modules of kjax that have its names."""

_FAMILIES, _BASES = "kjax.keras.inside.families", "kjax.keras.legacy.bases"

NAMES: dict[str, dict[str, str]] = {
    "layers.convolutional.base_conv": {"Conv": f"{_FAMILIES}:BaseConv"},
    "layers.convolutional.base_depthwise_conv": {"DepthwiseConv": f"{_FAMILIES}:BaseDepthwiseConv"},
    "layers.convolutional.base_separable_conv": {"SeparableConv": f"{_FAMILIES}:BaseSeparableConv"},
    "layers.merging.base_merge": {"_Merge": "kjax.keras.legacy.bases:_Merge"},
    **{f"layers.pooling.base_pooling{n}d": {f"Pooling{n}D": f"{_BASES}:_Pooling{n}D"} for n in (1, 2, 3)},
    **{
        f"layers.pooling.base_global_pooling{n}d": {f"GlobalPooling{n}D": f"{_BASES}:_GlobalPooling{n}D"}
        for n in (1, 2, 3)
    },
    "layers.rnn.abstract_rnn_cell": {"AbstractRNNCell": "kjax.keras.legacy.left_out_layers:AbstractRNNCell"},
    "layers.rnn.dropout_rnn_cell_mixin": {"DropoutRNNCellMixin": "kjax.keras.inside.features:DropoutRNNCellMixin"},
    "layers.rnn.rnn_utils": {"standardize_args": "kjax.keras.legacy.private:_standardize_args"},
    "optimizers.legacy.optimizer_v2": {"OptimizerV2": "kjax.keras.optimizers:Optimizer"},
    "optimizers.optimizer_v1": {"TFOptimizer": "kjax.keras.optimizers:TFOptimizer"},
    "utils.object_identity": {
        name: f"kjax.keras.legacy.tensorflow.python_helpers:{name}"
        for name in ("ObjectIdentityDictionary", "ObjectIdentitySet")
    },
    "utils.tf_contextlib": {"contextmanager": "contextlib:contextmanager"},
    "premade_models": {name: f"kjax.keras.legacy.left_out_layers:{name}" for name in ("LinearModel", "WideDeepModel")},
    "premade_models.linear": {"LinearModel": "kjax.keras.legacy.left_out_layers:LinearModel"},
    "premade_models.wide_deep": {"WideDeepModel": "kjax.keras.legacy.left_out_layers:WideDeepModel"},
}
"""Names in them that are not among those of kjax: a module and a name in it."""
