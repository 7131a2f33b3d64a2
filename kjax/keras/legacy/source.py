"""The inside of Keras 3.15.1 by its module paths (``keras.src.*``): where each lies in kjax, as tables."""

from __future__ import annotations

_IMAGE_LAYERS = """
aug_mix auto_contrast base_image_preprocessing_layer bounding_boxes bounding_boxes.bounding_box
bounding_boxes.converters bounding_boxes.formats bounding_boxes.iou bounding_boxes.validation center_crop clahe cut_mix
equalization max_num_bounding_box mix_up rand_augment random_brightness random_color_degeneration random_color_jitter
random_contrast random_crop random_elastic_transform random_erasing random_flip random_gaussian_blur random_grayscale
random_hue random_invert random_perspective random_posterization random_rotation random_saturation random_sharpness
random_shear random_translation random_zoom resizing solarization
"""

_PATHS = {
    "": "api_export version",
    "activations": "activations",
    "applications": """convnext densenet efficientnet efficientnet_v2 imagenet_utils inception_resnet_v2 inception_v3
        mobilenet mobilenet_v2 mobilenet_v3 nasnet resnet resnet_v2 vgg16 vgg19 xception""",
    "backend": "config",
    "backend.common": """backend_utils dtypes global_state keras_tensor masking name_scope remat stateless_scope
        symbolic_scope tensor_attributes variables""",
    "backend.jax": "core distribution_lib image linalg math nn numpy random rnn",
    "callbacks": """backup_and_restore callback callback_list csv_logger early_stopping history lambda_callback
        learning_rate_scheduler model_checkpoint monitor_callback orbax_checkpoint progbar_logger reduce_lr_on_plateau
        remote_monitor swap_ema_weights tensorboard terminate_on_nan""",
    "constraints": "constraints",
    "datasets": "boston_housing california_housing cifar cifar10 cifar100 fashion_mnist imdb mnist reuters",
    "distillation": "distillation_loss distiller",
    "distribution": "distribution_lib",
    "dtype_policies": "dtype_policy dtype_policy_map",
    "export": "export_utils litert onnx openvino saved_model tfsm_layer",
    "initializers": "constant_initializers initializer random_initializers",
    "layers": "input_spec layer",
    "layers.activations": "activation elu leaky_relu prelu relu softmax",
    "layers.attention": "additive_attention attention grouped_query_attention multi_head_attention",
    "layers.convolutional": """base_conv base_conv_transpose base_depthwise_conv base_separable_conv conv1d
        conv1d_transpose conv2d conv2d_transpose conv3d conv3d_transpose depthwise_conv1d depthwise_conv2d
        separable_conv1d separable_conv2d""",
    "layers.core": """dense einsum_dense embedding identity input_layer lambda_layer masking reversible_embedding
        wrapper""",
    "layers.merging": "add average base_merge concatenate dot maximum minimum multiply subtract",
    "layers.normalization": """batch_normalization group_normalization layer_normalization rms_normalization
        spectral_normalization unit_normalization""",
    "layers.pooling": """adaptive_average_pooling1d adaptive_average_pooling2d adaptive_average_pooling3d
        adaptive_max_pooling1d adaptive_max_pooling2d adaptive_max_pooling3d average_pooling1d average_pooling2d
        average_pooling3d base_adaptive_pooling base_global_pooling base_pooling global_average_pooling1d
        global_average_pooling2d global_average_pooling3d global_max_pooling1d global_max_pooling2d
        global_max_pooling3d max_pooling1d max_pooling2d max_pooling3d""",
    "layers.preprocessing": """category_encoding data_layer discretization feature_space hashed_crossing hashing
        index_lookup integer_lookup mel_spectrogram normalization pipeline rescaling stft_spectrogram string_lookup
        text_vectorization""",
    "layers.preprocessing.image_preprocessing": _IMAGE_LAYERS,
    "layers.regularization": """activity_regularization alpha_dropout dropout gaussian_dropout gaussian_noise
        spatial_dropout""",
    "layers.reshaping": """cropping1d cropping2d cropping3d flatten permute repeat_vector reshape up_sampling1d
        up_sampling2d up_sampling3d zero_padding1d zero_padding2d zero_padding3d""",
    "layers.rnn": """bidirectional conv_lstm conv_lstm1d conv_lstm2d conv_lstm3d dropout_rnn_cell gru lstm rnn
        simple_rnn stacked_rnn_cells time_distributed""",
    "legacy": "backend layers losses",
    "legacy.preprocessing": "image sequence text",
    "legacy.saving": "json_utils legacy_h5_format saving_options saving_utils serialization",
    "losses": "loss losses",
    "metrics": """accuracy_metrics confusion_metrics correlation_metrics f_score_metrics hinge_metrics iou_metrics
        metric metrics_utils probabilistic_metrics reduction_metrics regression_metrics""",
    "models": "cloning functional model sequential variable_mapping",
    "ops": """core einops function image linalg math nn node numpy operation operation_utils symbolic_arguments""",
    "optimizers": """adadelta adafactor adagrad adam adamax adamw base_optimizer ftrl lamb lion loss_scale_optimizer
        multi_optimizer muon nadam optimizer rmsprop schedule_free_adamw sgd""",
    "optimizers.schedules": "learning_rate_schedule",
    "quantizers": "awq awq_config awq_core gptq gptq_config gptq_core quantization_config quantizers utils",
    "random": "random seed_generator",
    "regularizers": "regularizers",
    "saving": """file_editor keras_saveable object_registration orbax_util saving_api saving_lib serialization_lib""",
    "testing": "test_case test_utils",
    "trainers": "compile_utils epoch_iterator trainer",
    "trainers.data_adapters": """array_data_adapter array_slicing data_adapter data_adapter_utils
        generator_data_adapter grain_dataset_adapter py_dataset_adapter tf_dataset_adapter
        torch_data_loader_adapter""",
    "tree": "dmtree_impl optree_impl tree_api",
    "utils": """argument_validation audio_dataset_utils backend_utils code_stats config dataset_utils dtype_utils file_utils
        grain_utils image_dataset_utils image_utils io_utils jax_layer jax_utils model_visualization module_utils naming
        numerical_utils progbar python_utils rng_utils sequence_utils summary_utils text_dataset_utils tf_utils
        timeseries_dataset_utils torch_utils traceback_utils tracking""",
    "visualization": """draw_bounding_boxes draw_segmentation_masks plot_bounding_box_gallery plot_image_gallery
        plot_segmentation_mask_gallery""",
    "wrappers": "fixes sklearn_wrapper utils",
}
"""The modules of each package."""

_ABSENT = """
backend.jax.export backend.jax.layer backend.jax.optimizer backend.jax.sparse backend.jax.tensorboard
backend.jax.trainer backend.numpy.core backend.openvino backend.tensorflow backend.torch datasets.npz_utils
export.neptune_model_export_archive export.saved_model_export_archive export.tf2onnx_lib export.torch
tree.torchtree_impl
"""
"""Modules about backends other than JAX, or about how Keras does things that kjax does otherwise."""

_INSIDE = "kjax.keras.inside"

_TABLED = "activations constraints dtype_policies initializers losses metrics optimizers quantizers regularizers"

_PLACES = {
    **{name: f"kjax.keras.{name} {_INSIDE}.tables.{name}" for name in _TABLED.split()},
    "api_export": f"{_INSIDE}.names",
    "applications.X": "kjax.keras.applications.X",
    "backend": f"{_INSIDE}.backend kjax.keras.config",
    "backend.core": f"{_INSIDE}.backend kjax.keras.ops.core",
    "backend.common.backend_utils": f"{_INSIDE}.shapes",
    "backend.common.variables": f"{_INSIDE}.backend kjax.keras.config",
    "backend.common.global_state": f"{_INSIDE}.names kjax.keras.core.settings",
    "backend.common.name_scope": f"{_INSIDE}.names",
    "backend.common.remat": "kjax.keras.core.rematerialization",
    "backend.image": "kjax.keras.ops.image",
    "backend.jax.core": f"{_INSIDE}.backend kjax.keras.ops.core kjax.keras.core.rematerialization",
    "backend.jax.distribution_lib": "kjax.keras.distribution",
    "backend.jax.image": "kjax.keras.ops.image",
    "backend.jax.linalg": "kjax.keras.ops.linalg",
    "backend.jax.math": "kjax.keras.ops.math",
    "backend.jax.nn": "kjax.keras.ops.nn",
    "backend.jax.numpy": "kjax.keras.ops.numpy",
    "backend.jax.random": "kjax.keras.random",
    "backend.linalg": "kjax.keras.ops.linalg",
    "backend.math": "kjax.keras.ops.math",
    "backend.nn": "kjax.keras.ops.nn",
    "backend.numpy": "kjax.keras.ops.numpy",
    "backend.random": "kjax.keras.random",
    "datasets.X": "kjax.keras.datasets.X",
    "datasets.cifar": "kjax.keras.datasets.cifar10",
    "applications.imagenet_utils": "kjax.keras.applications.imagenet_utils kjax.keras.applications.application",
    "layers": f"kjax.keras.layers {_INSIDE}.families {_INSIDE}.features kjax.keras.features.columns",
    "layers.layer": f"{_INSIDE}.layers kjax.keras.layers",
    "layers.merging.base_merge": f"{_INSIDE}.families kjax.keras.layers",
    "layers.merging.dot": "kjax.keras.layers kjax.keras.backend.network",
    "layers.preprocessing.index_lookup": f"{_INSIDE}.features",
    "layers.preprocessing.feature_space": "kjax.keras.features.space kjax.keras.features.columns",
    "layers.preprocessing.image_preprocessing.bounding_boxes": f"kjax.keras.utils.bounding_boxes {_INSIDE}.boxes",
    "layers.preprocessing.image_preprocessing.bounding_boxes.X": f"kjax.keras.utils.bounding_boxes {_INSIDE}.boxes",
    "legacy.layers": "kjax.keras.layers kjax.keras.legacy.layers kjax.keras.legacy.left_out",
    "legacy.saving.legacy_h5_format": f"kjax.keras.saving {_INSIDE}.saving",
    "losses": f"kjax.keras.losses {_INSIDE}.measuring {_INSIDE}.tables.losses",
    "losses.loss": f"{_INSIDE}.measuring kjax.keras.losses",
    "metrics": f"kjax.keras.metrics {_INSIDE}.measuring {_INSIDE}.tables.metrics",
    "legacy.backend": "kjax.keras.backend",
    "legacy.losses": "kjax.keras.losses",
    "legacy.preprocessing.X": "kjax.keras.preprocessing.X",
    "legacy.saving": f"kjax.keras.saving {_INSIDE}.saving",
    "models.functional": f"kjax.keras.models {_INSIDE}.graphs {_INSIDE}.layers",
    "models.model": f"kjax.keras.models {_INSIDE}.layers",
    "models.variable_mapping": f"{_INSIDE}.variables {_INSIDE}.layers",
    "ops": f"kjax.keras.ops {_INSIDE}.operations",
    "ops.X": f"kjax.keras.ops.X {_INSIDE}.operations.X {_INSIDE}.shapes",
    "ops.function": f"{_INSIDE}.graphs",
    "ops.node": f"{_INSIDE}.graphs",
    "ops.operation": f"{_INSIDE}.graphs",
    "ops.operation_utils": f"{_INSIDE}.shapes",
    "ops.symbolic_arguments": f"{_INSIDE}.graphs",
    "optimizers.base_optimizer": f"kjax.keras.optimizers {_INSIDE}.norms",
    "initializers.random_initializers": f"kjax.keras.initializers {_INSIDE}.initializing",
    "random.seed_generator": f"kjax.keras.random {_INSIDE}.seeds",
    "regularizers.regularizers": f"kjax.keras.regularizers {_INSIDE}.tools",
    "optimizers.schedules": "kjax.keras.optimizers.schedules",
    "quantizers": f"kjax.keras.quantizers {_INSIDE}.tables.quantizers {_INSIDE}.grouping",
    "saving": f"kjax.keras.saving {_INSIDE}.saving {_INSIDE}.stores",
    "testing": "kjax.keras.testing kjax.keras.testing.case kjax.keras.testing.data kjax.keras.testing.devices",
    "testing.test_case": "kjax.keras.testing kjax.keras.testing.case kjax.keras.testing.data kjax.keras.testing.devices "
    f"kjax.keras.testing.contract {_INSIDE}.layers",
    "trainers": f"{_INSIDE}.trainers",
    "trainers.compile_utils": f"{_INSIDE}.compiling",
    "trainers.data_adapters": f"{_INSIDE}.adapters {_INSIDE}.slices",
    "trainers.data_adapters.py_dataset_adapter": f"{_INSIDE}.adapters {_INSIDE}.enqueuing {_INSIDE}.slices",
    "trainers.data_adapters.generator_data_adapter": f"{_INSIDE}.adapters {_INSIDE}.tools",
    "trainers.epoch_iterator": f"{_INSIDE}.epochs",
    "utils.code_stats": f"{_INSIDE}.files",
    "utils.file_utils": f"{_INSIDE}.files",
    "utils.backend_utils": f"kjax.keras.core.data_layer {_INSIDE}.tools",
    "utils.tf_utils": f"{_INSIDE}.encodings",
    "utils.traceback_utils": f"kjax.keras.utils {_INSIDE}.tools",
    "utils": f"kjax.keras.utils {_INSIDE}.tools",
    "utils.argument_validation": f"{_INSIDE}.tools",
    **{f"utils.{name}_dataset_utils": f"kjax.keras.utils {_INSIDE}.folders" for name in ("audio", "image", "text")},
    "utils.dataset_utils": f"kjax.keras.utils {_INSIDE}.folders",
    "utils.grain_utils": f"{_INSIDE}.folders",
    "utils.image_utils": f"kjax.keras.utils {_INSIDE}.tools kjax.keras.preprocessing.image {_INSIDE}.folders",
    "utils.model_visualization": f"kjax.keras.utils {_INSIDE}.printing",
    "utils.summary_utils": f"kjax.keras.utils {_INSIDE}.tools {_INSIDE}.printing",
    "utils.naming": f"{_INSIDE}.names",
    "utils.python_utils": f"{_INSIDE}.tools kjax.keras.utils.generic_utils",
    "utils.tracking": f"{_INSIDE}.tracking",
    "wrappers.utils": "kjax.keras.wrappers.base",
}
"""Where a module lies, if not in the part of kjax of the name of its package. ``X`` stands for any name."""

FALLBACKS: dict[str, str] = {
    "keras_export": f"{_INSIDE}.names:keras_export",
    "standardize_dtype": f"{_INSIDE}.backend:standardize_dtype",
    "KerasTensor": "kjax.keras.core.tensor:KerasTensor",
    "any_symbolic_tensors": f"{_INSIDE}.backend:any_symbolic_tensors",
    "Functional": "kjax.keras.models:Model",
    "Layer": "kjax.keras.layers:Layer",
    "InputSpec": "kjax.keras.layers:InputSpec",
    "Operation": "kjax.keras.core.stateless:Operation",
    "Node": "kjax.keras.core.tensor:Node",
    "Model": "kjax.keras.models:Model",
    "Metric": "kjax.keras.metrics:Metric",
    "Loss": "kjax.keras.losses:Loss",
    "GroupedQueryAttention": "kjax.keras.layers:GroupQueryAttention",
    "BaseOptimizer": "kjax.keras.optimizers:Optimizer",
    "SeedGenerator": "kjax.keras.random:SeedGenerator",
    "JaxLayer": "kjax.keras.layers:JaxLayer",
    "FlaxLayer": "kjax.keras.layers:FlaxLayer",
    "TorchModuleWrapper": "kjax.keras.layers:TorchModuleWrapper",
    "DTypePolicyMap": "kjax.keras.dtype_policies:DTypePolicyMap",
    "standardize_data_format": "kjax.keras.backend.session:standardize_data_format",
    "draw_seed": "kjax.keras.core.seeds:draw_seed",
    "make_default_seed": "kjax.keras.core.settings:next_seed",
    "assert_input_compatibility": "kjax.keras.core.input_spec:check_inputs",
    "Tracker": f"{_INSIDE}.tracking:Tracker",
    "KerasSaveable": f"{_INSIDE}.saving:KerasSaveable",
    "auto_name": f"{_INSIDE}.names:auto_name",
    "to_snake_case": "kjax.keras.core.settings:to_snake_case",
    "deserialize_keras_object": "kjax.keras.saving:deserialize_keras_object",
    "serialize_keras_object": "kjax.keras.saving:serialize_keras_object",
    "get_object_name": f"{_INSIDE}.names:get_object_name",
    "keras_version": "kjax.keras:__version__",
    "version": "kjax.keras:version",
    "QUANTIZATION_MODES": f"{_INSIDE}.tables:QUANTIZATION_MODES",
    "set_dtype_policy": "kjax.keras.config:set_dtype_policy",
    "enable_unsafe_deserialization": "kjax.keras.config:enable_unsafe_deserialization",
    "get_build_and_compile_config": f"{_INSIDE}.layers:get_build_and_compile_config",
}
"""Names that many modules of Keras import from each other, looked up after everything else."""

_COMMON_MODULES = {
    "global_state": "backend.common.global_state",
    "serialization_lib": "saving.serialization_lib",
    "object_registration": "saving.object_registration",
    "saving_lib": "saving.saving_lib",
    "data_adapter_utils": "trainers.data_adapters.data_adapter_utils",
    "operation_utils": "ops.operation_utils",
    "backend_utils": "backend.common.backend_utils",
    "dtypes": "backend.common.dtypes",
    "metrics_module": "metrics",
    "losses_module": "losses",
}
_TOP = "activations backend constraints initializers layers losses metrics models ops optimizers quantizers random regularizers saving tree utils"


def paths() -> dict[str, tuple[str, ...]]:
    """All modules below ``keras.src`` that kjax has, and the modules of kjax in which their names are looked up."""
    found = {package: _places(package) for package in _PATHS}
    for package, text in _PATHS.items():
        for name in text.split():
            path = f"{package}.{name}".lstrip(".")
            found[path] = _places(path)
    for path in _PLACES:
        if not path.endswith(".X"):
            found.setdefault(path, _places(path))
    return found


def _places(path: str) -> tuple[str, ...]:
    """Those of the path, or of the nearest package above it."""
    package, _, name = path.rpartition(".")
    if path in _PLACES:
        return tuple(_PLACES[path].split())
    if f"{package}.X" in _PLACES:
        return tuple(place.replace(".X", f".{name}") for place in _PLACES[f"{package}.X"].split())
    if package:
        return _places(package)
    return (f"kjax.keras.{path}".rstrip("."),)


def common_module(name: str) -> str | None:
    """The path of a module that many others import under a name, or None."""
    if name in _COMMON_MODULES:
        return _COMMON_MODULES[name]
    return name if name in _TOP.split() else f"utils.{name}" if name in _PATHS["utils"].split() else None


def is_absent(path: str) -> bool:
    """Whether Keras has a module that kjax has not."""
    return any(f"{path}.".startswith(f"{absent}.") for absent in _ABSENT.split())
