"""Module paths of all generations of Keras: where each lies in kjax, as tables."""

from __future__ import annotations

from kjax.keras.legacy import modules_of_tf, source

VERSIONS = {"1": "1.2.2", "2": "2.2.4", "2.3": "2.3.1", "tf": "2.15.0", "3": "3.15.1"}
"""What ``keras.__version__`` says in each era."""

ROOTS = (
    "keras",
    "tf_keras",
    "keras_core",
    "tensorflow.keras",
    "tensorflow._api.v2.keras",
    "tensorflow._api.v2.v2.keras",
    "tensorflow.compat.v1.keras",
    "tensorflow.compat.v2.keras",
    "tensorflow.contrib.keras",
    "tensorflow.contrib.keras.api.keras",
    "tensorflow.contrib.keras.python.keras",
    "tensorflow.python.keras",
    "tensorflow.python.keras.api",
    "tensorflow.python.keras._impl.keras",
    "keras.src",
    "keras.api",
    "keras.api._v2.keras",
    "keras._tf_keras.keras",
)
"""Packages that were a whole Keras."""

OUTSIDE = {"keras_applications": "applications", "keras_preprocessing": "preprocessing"}
"""Packages that were a part of Keras."""

_LAYERS = (
    "core convolutional pooling local recurrent convolutional_recurrent normalization merge merging embeddings noise "
    "advanced_activations wrappers cudnn_recurrent recurrent_v2 dense_attention experimental experimental.preprocessing "
    "preprocessing activation attention regularization reshaping rnn layer input_spec containers extra_functions "
    "serialization activations kernelized einsum_dense multi_head_attention normalization_v2 rnn_cell_wrapper_v2 "
    "convolutional_transpose convolutional_separable simple_rnn core.dense core.embedding core.lambda_layer "
    "core.activation core.masking core.input_layer core.wrapper rnn.lstm rnn.gru rnn.simple_rnn rnn.rnn "
    "rnn.bidirectional rnn.time_distributed rnn.stacked_rnn_cells convolutional.conv1d convolutional.conv2d "
    "convolutional.conv3d convolutional.conv2d_transpose convolutional.separable_conv2d convolutional.depthwise_conv2d "
    "pooling.max_pooling2d pooling.average_pooling2d pooling.global_average_pooling2d pooling.global_max_pooling2d "
    "normalization.batch_normalization normalization.layer_normalization regularization.dropout "
    "regularization.spatial_dropout reshaping.flatten reshaping.reshape merging.concatenate merging.add "
    "attention.attention attention.multi_head_attention preprocessing.text_vectorization "
    "preprocessing.normalization preprocessing.image_preprocessing preprocessing.string_lookup "
    "preprocessing.integer_lookup preprocessing.category_encoding"
).split()

_ENGINE = (
    "topology base_layer base_layer_utils base_layer_v1 training training_v1 training_utils training_generator "
    "training_arrays training_eager network input_layer input_spec sequential functional saving keras_tensor node "
    "data_adapter base_preprocessing_layer compile_utils"
).split()

_UTILS = (
    "np_utils data_utils generic_utils io_utils layer_utils vis_utils conv_utils multi_gpu_utils test_utils tf_utils "
    "losses_utils metrics_utils all_utils image_utils text_dataset image_dataset timeseries_dataset "
    "numerical_utils sequence_utils progbar summary_utils model_visualization file_utils python_utils rng_utils "
    "training_utils traceback_utils tf_inspect image_dataset_utils audio_dataset_utils text_dataset_utils "
    "timeseries_dataset_utils "
    "dtype_utils torch_utils jax_layer backend_utils naming module_utils nest argument_validation tracking "
    "visualize_util"
).split()

MODULES: dict[str, tuple[str, ...]] = {
    "": ("kjax.keras",),
    **dict.fromkeys(("layers", *(f"layers.{name}" for name in _LAYERS)), ("kjax.keras.layers",)),
    **dict.fromkeys(
        ("engine", *(f"engine.{name}" for name in _ENGINE)),
        ("kjax.keras.engine", "kjax.keras.layers", "kjax.keras.models", "kjax.keras.saving", "kjax.keras"),
    ),
    **dict.fromkeys(("legacy", "legacy.interfaces", "legacy.layers", "legacy.models"), ("kjax.keras.layers",)),
    **dict.fromkeys(
        "models models.cloning models.model models.sequential models.functional training premade".split(),
        ("kjax.keras.models",),
    ),
    **dict.fromkeys(("utils", *(f"utils.{name}" for name in _UTILS)), ("kjax.keras.utils",)),
    **dict.fromkeys(
        "backend backend.tensorflow_backend backend.theano_backend backend.cntk_backend backend.common "
        "backend.load_backend backend_config".split(),
        ("kjax.keras.backend",),
    ),
    **dict.fromkeys(
        "objectives losses losses.losses losses.loss".split(),
        ("kjax.keras.losses",),
    ),
    **dict.fromkeys(
        "metrics metrics.metric metrics.accuracy_metrics metrics.confusion_metrics metrics.reduction_metrics".split(),
        ("kjax.keras.metrics",),
    ),
    **dict.fromkeys(
        "optimizers optimizers.legacy optimizers.experimental optimizers.optimizer optimizers.sgd optimizers.adam "
        "optimizers.rmsprop optimizer_v1 optimizer_v2 optimizer_v2.adam optimizer_v2.gradient_descent "
        "optimizer_v2.rmsprop optimizer_v2.optimizer_v2 optimizers.optimizer_v2".split(),
        ("kjax.keras.optimizers",),
    ),
    **dict.fromkeys(
        "optimizers.schedules optimizers.learning_rate_schedule optimizer_v2.learning_rate_schedule".split(),
        ("kjax.keras.optimizers.schedules",),
    ),
    **dict.fromkeys(
        "initializers initializers.random_initializers initializers.constant_initializers "
        "initializers.initializers_v2".split(),
        ("kjax.keras.initializers",),
    ),
    "initializations": ("kjax.keras.legacy.initializations", "kjax.keras.initializers"),
    **dict.fromkeys("regularizers regularizers.regularizers".split(), ("kjax.keras.regularizers",)),
    **dict.fromkeys("constraints constraints.constraints".split(), ("kjax.keras.constraints",)),
    **dict.fromkeys("activations activations.activations".split(), ("kjax.keras.activations",)),
    **dict.fromkeys(
        "callbacks callbacks.callback callbacks.early_stopping callbacks.model_checkpoint callbacks.experimental "
        "callbacks_v1 callbacks.tensorboard_v1 callbacks.history".split(),
        ("kjax.keras.callbacks",),
    ),
    **{
        path: (f"kjax.keras.{path}",)
        for path in (
            "datasets datasets.mnist datasets.fashion_mnist datasets.cifar10 datasets.cifar100 datasets.imdb "
            "datasets.reuters datasets.boston_housing datasets.california_housing preprocessing preprocessing.image "
            "preprocessing.text preprocessing.sequence preprocessing.timeseries wrappers wrappers.scikit_learn "
            "saving config random tree ops dtype_policies mixed_precision distribution export visualization quantizers distillation "
            "applications"
        ).split()
    },
    "datasets.cifar": ("kjax.keras.datasets.cifar10",),
    **dict.fromkeys(
        [
            f"preprocessing.image.{name}"
            for name in (
                "affine_transformations dataframe_iterator directory_iterator image_data_generator iterator "
                "numpy_array_iterator utils"
            ).split()
        ],
        ("kjax.keras.preprocessing.image",),
    ),
    "utils.bounding_boxes": ("kjax.keras.utils.bounding_boxes",),
    "preprocessing.dataset_utils": ("kjax.keras.preprocessing",),
    "preprocessing.image_dataset": ("kjax.keras.preprocessing",),
    "preprocessing.text_dataset": ("kjax.keras.preprocessing",),
    **{
        f"applications.{name}": (f"kjax.keras.applications.{name}",)
        for name in (
            "vgg16 vgg19 resnet resnet50 resnet_v2 inception_v3 inception_resnet_v2 xception mobilenet "
            "mobilenet_v2 mobilenet_v3 densenet nasnet efficientnet efficientnet_v2 convnext imagenet_utils "
            "music_tagger_crnn audio_conv_utils"
        ).split()
    },
    "applications.mobilenetv2": ("kjax.keras.applications.mobilenet_v2",),
    "applications.resnet_common": ("kjax.keras.applications.resnet", "kjax.keras.applications.resnet_v2"),
    **dict.fromkeys(
        "saving.legacy saving.hdf5_format saving.save saving.saved_model saving.model_config saving.saving_lib "
        "saving.object_registration saving.serialization_lib saving.saving_api saving.pickle_utils "
        "saving.saved_model_experimental saving.keras_saveable legacy.saving utils.legacy".split(),
        ("kjax.keras.saving",),
    ),
    **{f"ops.{name}": ("kjax.keras.ops",) for name in "numpy nn math core linalg image operation function".split()},
    "mixed_precision.experimental": ("kjax.keras.mixed_precision", "kjax.keras.config"),
    "mixed_precision.policy": ("kjax.keras.mixed_precision", "kjax.keras.config"),
    "experimental": ("kjax.keras.experimental", "kjax.keras"),
    "__internal__": ("kjax.keras.legacy.internal",),
    **{f"src.{path}".rstrip("."): places for path, places in source.paths().items()},
}
"""Paths below a root, and the modules of kjax in which their names are looked up, in this order."""

for _path, _targets in modules_of_tf.MODULES.items():
    MODULES.setdefault(_path, _targets)

FOLDERS = {path.rpartition(".")[0] for path in MODULES if "." in path} | {""}
"""Those paths that have others below them."""

_GROUPS = (
    "save_weights_to_hdf5_group load_weights_from_hdf5_group load_weights_from_hdf5_group_by_name "
    "preprocess_weights_for_loading"
).split()

_DATA = (
    "make_batches batch_shuffle check_num_samples standardize_input_data standardize_sample_or_class_weights "
    "standardize_class_weights standardize_sample_weights check_loss_and_target_compatibility collect_metrics "
    "weighted_masked_objective standardize_weights"
).split()
"""Functions of ``engine.training_utils`` that were in ``engine.training`` before, with an underscore."""

_IMPORTED = {"ask_to_proceed_with_overwrite": "kjax.keras.utils.io_utils:ask_to_proceed_with_overwrite"}

_HELPERS = {
    **dict.fromkeys(
        ("backend", "backend.tensorflow_backend"),
        "_get_available_gpus _to_tensor _preprocess_padding _preprocess_conv1d_input _preprocess_conv2d_input "
        "_preprocess_conv3d_input _regular_normalize_batch_in_training _broadcast_normalize_batch_in_training "
        "_fused_normalize_batch_in_training",
    ),
    "engine.base_layer": "_to_snake_case _collect_previous_mask _collect_input_shape",
    "engine.network": "_make_node_key",
    "engine.topology": "_to_snake_case _collect_previous_mask _collect_input_shape _make_node_key",
    "engine.saving": (
        "HDF5_OBJECT_HEADER_LIMIT save_attributes_to_hdf5_group load_attributes_from_hdf5_group _serialize_model "
        "_deserialize_model"
    ),
    "engine.training_utils": "standardize_single_array",
    "initializers": "_compute_fans",
    "layers": "_standardize_args _generate_dropout_mask",
    "models": "_clone_functional_model _clone_sequential_model",
    **dict.fromkeys(("preprocessing.sequence", "datasets.imdb", "datasets.reuters"), "_remove_long_seq"),
    "utils.data_utils": "_hash_file _extract_archive",
    "utils.io_utils": "HDF5_OBJECT_HEADER_LIMIT",
    **dict.fromkeys(("utils.multi_gpu_utils", "utils.training_utils"), "_get_available_devices _normalize_device_name"),
    "utils.vis_utils": "_check_pydot",
}
"""Helpers of modules, of :mod:`kjax.keras.legacy.private`."""

_BATCHWISE = "matthews_correlation precision recall fbeta_score fmeasure fscore f1score".split()

_LEFT_OUT = "kjax.keras.legacy.left_out_layers"

_SPECIAL: dict[str, dict[str, str]] = {
    "layers": {
        "merge": "kjax.keras.legacy.layers:merge",
        "AbstractRNNCell": f"{_LEFT_OUT}:AbstractRNNCell",
        "Merge": "kjax.keras.legacy.layers:Merge",
    },
    **{path: {"_Merge": "kjax.keras.legacy.bases:_Merge"} for path in ("layers.merge", "layers.merging")},
    "layers.experimental": {
        "RandomFourierFeatures": f"{_LEFT_OUT}:RandomFourierFeatures",
        "SyncBatchNormalization": "kjax.keras.layers:BatchNormalization",
    },
    "experimental": {
        **{name: f"{_LEFT_OUT}:{name}" for name in ("LinearModel", "WideDeepModel")},
        **{name: f"kjax.keras.optimizers.schedules:{name}" for name in ("CosineDecay", "CosineDecayRestarts")},
    },
    "constraints": {name: f"{_LEFT_OUT}:{name}" for name in ("RadialConstraint", "radial_constraint")},
    "backend": {"learning_phase_scope": f"{_LEFT_OUT}:learning_phase_scope"},
    "layers.pooling": {
        f"_{kind}{rank}D": f"kjax.keras.legacy.bases:_{kind}{rank}D"
        for kind in ("Pooling", "GlobalPooling")
        for rank in (1, 2, 3)
    },
    "layers.recurrent": {
        "time_distributed_dense": "kjax.keras.legacy.recurrent:time_distributed_dense",
        "_time_distributed_dense": "kjax.keras.legacy.recurrent:time_distributed_dense",
    },
    "applications.imagenet_utils": {
        name: "kjax.keras.legacy.applications:obtain_input_shape"
        for name in ("_obtain_input_shape", "obtain_input_shape")
    },
    "applications": {
        name: f"kjax.keras.legacy.private:{name}" for name in ("get_submodules_from_kwargs", "get_keras_submodule")
    },
    "optimizers": {"optimizer_from_config": "kjax.keras.optimizers:deserialize"},
    "utils": {
        "to_ordinal": "kjax.keras.legacy.left_out:to_ordinal",
        "warmstart_embedding_matrix": f"{_LEFT_OUT}:warmstart_embedding_matrix",
        "deserialize_keras_object": "kjax.keras.legacy.revival:deserialize_keras_object",
    },
    "layers.convolutional": {
        **{name: f"kjax.keras.legacy.bases:{name}" for name in ("_Conv", "_ZeroPadding", "_Cropping", "_UpSampling")},
        "_SeparableConv": "kjax.keras.inside.families:BaseSeparableConv",
    },
    "utils.generic_utils": {"_GLOBAL_CUSTOM_OBJECTS": "kjax.keras.legacy.private:_GLOBAL_CUSTOM_OBJECTS"},
    "utils.visualize_util": {"plot": "kjax.keras.utils:plot_model"},
    "utils.vis_utils": {"plot": "kjax.keras.utils:plot_model"},
    "regularizers": {
        "l1l2": "kjax.keras.regularizers:l1_l2",
        "activity_l1": "kjax.keras.regularizers:L1",
        "activity_l2": "kjax.keras.regularizers:L2",
        "activity_l1l2": "kjax.keras.regularizers:l1_l2",
        "L1L2Regularizer": "kjax.keras.regularizers:L1L2",
        "WeightRegularizer": "kjax.keras.regularizers:L1L2",
        "ActivityRegularizer": "kjax.keras.regularizers:L1L2",
    },
    "metrics": {
        **{name: f"kjax.keras.legacy.batchwise:{name}" for name in _BATCHWISE},
        **{name: f"kjax.keras.legacy.left_out:{name}" for name in ("MeanTensor", "MeanRelativeError")},
    },
    "objectives": {name: f"kjax.keras.legacy.batchwise:{name}" for name in ("cosine_proximity", "cosine")},
    "losses": {"Reduction": "kjax.keras.legacy.names:Reduction"},
    "saving.object_registration": {"CustomObjectScope": "kjax.keras.utils:custom_object_scope"},
    "engine.topology": {
        "Container": "kjax.keras.models:Model",
        **_IMPORTED,
        **{name: f"kjax.keras.engine.saving:{name}" for name in _GROUPS},
        "Network": "kjax.keras.models:Model",
    },
    "engine.training": {
        **{f"_{name}": f"kjax.keras.engine.training_utils:{name}" for name in _DATA},
        "_check_array_lengths": "kjax.keras.engine.training_utils:check_array_length_consistency",
        "_slice_arrays": "kjax.keras.utils.generic_utils:slice_arrays",
        "_slice_X": "kjax.keras.utils.generic_utils:slice_arrays",
        "slice_X": "kjax.keras.utils.generic_utils:slice_arrays",
        "check_array_lengths": "kjax.keras.engine.training_utils:check_array_length_consistency",
        "weighted_objective": "kjax.keras.engine.training_utils:weighted_masked_objective",
        "Container": "kjax.keras.models:Model",
        "Network": "kjax.keras.models:Model",
    },
    "engine.network": {"Network": "kjax.keras.models:Model"},
    "engine.functional": {"Functional": "kjax.keras.models:Model"},
    "legacy.models": {"Graph": "kjax.keras.legacy.containers:Graph"},
    "models": {
        "Graph": "kjax.keras.legacy.containers:Graph",
        "Functional": "kjax.keras.models:Model",
        **_IMPORTED,
        "optimizer_from_config": "kjax.keras.optimizers:deserialize",
    },
}
NAMES: dict[str, dict[str, str]] = {
    path: {name: f"kjax.keras.legacy.private:{name}" for name in _HELPERS.get(path, "").split()}
    | _SPECIAL.get(path, {})
    | modules_of_tf.NAMES.get(path, {})
    for path in {*_HELPERS, *_SPECIAL, *modules_of_tf.NAMES}
}
"""Names that a path had besides those of kjax: a module and a name in it."""
