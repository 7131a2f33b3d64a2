"""What the stand-in for TensorFlow has, by module: a value, or `module:name` of where it lies."""

from __future__ import annotations

from typing import Any

from kjax.keras.core.settings import settings
from kjax.keras.legacy.tensorflow import first, names_further, numpy_like
from kjax.keras.legacy.tensorflow.dtype import DType

_HERE = "kjax.keras.legacy.tensorflow"


class _Keras:
    """``tf.losses``, ``tf.metrics``, ``tf.optimizers``, ``tf.initializers``: Keras' modules."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        import importlib

        if name.startswith("__"):
            raise AttributeError(name)
        if self._name in ("losses", "metrics") and (settings.era in ("1", "2") or settings.draws_graphs):
            reductions = importlib.import_module(f"{_HERE}.reductions")
            of_graphs = reductions.LOSSES if self._name == "losses" else reductions.METRICS
            if name in of_graphs:
                return of_graphs[name]
        return getattr(importlib.import_module(f"tensorflow.keras.{self._name}"), name)


LOSSES, METRICS, OPTIMIZERS, INITIALIZERS = map(_Keras, "losses metrics optimizers initializers".split())


_DTYPES: dict[str, Any] = {
    name: DType(name)
    for name in (
        "float16 bfloat16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool complex64 "
        "complex128 string"
    ).split()
} | {"double": DType("float64"), "half": DType("float16")}


def _from(module: str, names: str, **renamed: str) -> dict[str, Any]:
    table: dict[str, Any] = {name: f"{_HERE}.{module}:{name}" for name in names.split()}
    return table | {name: f"{_HERE}.{module}:{target}" for name, target in renamed.items()}


_MATH = _from(
    "functions",
    "abs add add_n argmax argmin ceil cos cosh cumprod cumsum divide equal erf exp expm1 floor floormod "
    "greater greater_equal in_top_k is_finite is_inf is_nan l2_normalize less less_equal log log1p log_sigmoid "
    "logical_and logical_not logical_or logical_xor matmul maximum minimum mod multiply multiply_no_nan "
    "divide_no_nan negative not_equal pow reciprocal reduce_all reduce_any reduce_logsumexp reduce_max reduce_mean "
    "reduce_min reduce_prod reduce_std reduce_sum reduce_variance round rsqrt sigmoid sign sin sinh "
    "softplus sqrt square squared_difference subtract tan tanh top_k truediv count_nonzero "
    "acos acosh angle asin asinh atan atan2 atanh bincount confusion_matrix conj digamma erfinv floordiv imag lgamma "
    "real reduce_euclidean_norm rint xlogy "
    "zero_fraction",
    mod="floormod",
    accumulate_n="add_n",
    softsign="softsign",
    log_softmax="log_softmax",
    scalar_mul="multiply",
    softmax="softmax",
)
_MATH |= _from(
    "rarer",
    "erfc bessel_i0 bessel_i0e bessel_i1 bessel_i1e betainc igamma igammac lbeta ndtri nextafter polygamma zeta xlog1py xdivy "
    "reciprocal_no_nan sinc invert_permutation is_non_decreasing is_strictly_increasing polyval cumulative_logsumexp",
    special="special",
)
_NN = _from(
    "functions",
    "avg_pool avg_pool2d bias_add conv1d conv2d conv2d_transpose crelu depthwise_conv2d dropout elu "
    "embedding_lookup gelu l2_loss l2_normalize leaky_relu log_softmax log_sigmoid max_pool max_pool2d moments relu "
    "relu6 selu sigmoid sigmoid_cross_entropy_with_logits softmax softmax_cross_entropy_with_logits softplus softsign "
    "sparse_softmax_cross_entropy_with_logits swish tanh top_k in_top_k batch_normalization compute_average_loss ctc_loss "
    "depth_to_space local_response_normalization nce_loss sampled_softmax_loss scale_regularization_loss space_to_depth "
    "weighted_cross_entropy_with_logits zero_fraction conv3d separable_conv2d pool",
    silu="swish",
    lrn="local_response_normalization",
    log_poisson_loss="log_poisson_loss",
    convolution="convolution",
    softmax_cross_entropy_with_logits_v2="softmax_cross_entropy_with_logits",
)
_NN |= _from(
    "rarer",
    "weighted_moments ctc_greedy_decoder ctc_beam_search_decoder",
    space_to_batch="space_to_batch",
)
_NN |= _from("functions", "", **{f"{kind}_pool{axes}d": f"{kind}_pool" for kind in ("max", "avg") for axes in (1, 3)})
_NN |= _from("sparse", "embedding_lookup_sparse", safe_embedding_lookup_sparse="embedding_lookup_sparse")
_RANDOM = {
    **_from(
        "rarer",
        "Algorithm uniform_candidate_sampler stateless_categorical stateless_truncated_normal",
    ),
    **_from("functions", "", split="stateless_split"),
    **_from("functions", "shuffle"),
    **_from("functions", "", normal="random_normal", uniform="random_uniform", truncated_normal="truncated_normal"),
    **_from("functions", "", categorical="categorical", stateless_normal="stateless_normal"),
    **_from("functions", "", stateless_uniform="stateless_uniform", gamma="random_gamma", poisson="random_poisson"),
    **_from("functions", "log_uniform_candidate_sampler Generator get_global_generator set_global_generator"),
    "set_seed": "kjax.keras.core.settings:set_random_seed",
    "set_random_seed": "kjax.keras.core.settings:set_random_seed",
}
_CONFIG = _from(
    "session",
    "list_physical_devices get_visible_devices set_visible_devices list_logical_devices set_soft_device_placement",
    PhysicalDevice="PhysicalDevice",
    LogicalDevice="PhysicalDevice",
    LogicalDeviceConfiguration="VirtualDeviceConfiguration",
    set_logical_device_configuration="set_virtual_device_configuration",
    get_logical_device_configuration="without_effect",
    experimental_connect_to_cluster="without_effect",
    experimental_connect_to_host="without_effect",
)
_CONFIG |= _from("environment", "", get_soft_device_placement="yes")
_CONFIG |= _from(
    "compiled",
    "run_functions_eagerly functions_run_eagerly",
    experimental_run_functions_eagerly="run_functions_eagerly",
)
_CONFIG_EXPERIMENTAL = {
    **_CONFIG,
    **_from(
        "session",
        "set_memory_growth get_memory_growth set_virtual_device_configuration VirtualDeviceConfiguration "
        "enable_op_determinism set_synchronous_execution",
        **dict.fromkeys(
            "reset_memory_stats enable_tensor_float_32_execution set_lms_enabled enable_mlir_bridge "
            "disable_mlir_bridge".split(),
            "without_effect",
        ),
    ),
    **_from(
        "environment",
        "get_memory_info get_memory_usage get_device_details",
        tensor_float_32_execution_enabled="yes",
    ),
}
_SESSION = {
    **_from(
        "session",
        "ConfigProto GPUOptions OptimizerOptions device get_logger enable_v2_behavior RunOptions RunMetadata",
    ),
    **_from(
        "graphs",
        "Session InteractiveSession Graph get_default_graph get_default_session reset_default_graph GraphKeys "
        "global_variables_initializer local_variables_initializer initialize_all_variables tables_initializer "
        "variables_initializer placeholder placeholder_with_default disable_v2_behavior enable_eager_execution "
        "disable_eager_execution global_variables local_variables trainable_variables get_collection add_to_collection "
        "control_dependencies assign assign_add assign_sub scatter_update group no_op "
        "identity report_uninitialized_variables is_variable_initialized",
        all_variables="global_variables",
        initialize_variables="variables_initializer",
        initialize_local_variables="local_variables_initializer",
        tuple="tuple_of",
    ),
    **_from(
        "graph_variables",
        "variable_scope get_variable get_variable_scope AUTO_REUSE VariableScope",
        name_scope="open_name_scope",
        op_scope="open_name_scope",
    ),
}
_GFILE = _from(
    "files",
    "copy exists glob isdir listdir makedirs mkdir remove rename rmtree stat walk GFile join",
    Exists="exists",
    Glob="glob",
    IsDirectory="isdir",
    ListDirectory="listdir",
    MakeDirs="makedirs",
    MkDir="mkdir",
    Remove="remove",
    Rename="rename",
    DeleteRecursively="rmtree",
    FastGFile="GFile",
    Open="GFile",
)
_ITERATOR = "collections.abc:Iterator"
_DATA = {
    **_from("data", "Dataset AUTOTUNE INFINITE_CARDINALITY UNKNOWN_CARDINALITY Options"),
    **_from("data_files", "TextLineDataset TFRecordDataset FixedLengthRecordDataset"),
    **_from("environment", "", ThreadingOptions="Options"),
    **_from("specs", "DatasetSpec"),
    "Iterator": _ITERATOR,
    "NumpyIterator": _ITERATOR,
}
_DATA_EXPERIMENTAL = {
    **_from("data", "AUTOTUNE cardinality INFINITE_CARDINALITY UNKNOWN_CARDINALITY", OptimizationOptions="Options"),
    **_from(
        "data_files",
        "CsvDataset assert_cardinality bucket_by_sequence_length ignore_errors make_csv_dataset map_and_batch "
        "shuffle_and_repeat take_while unbatch copy_to_device dense_to_ragged_batch enumerate_dataset "
        "get_single_element group_by_window parallel_interleave prefetch_to_device rejection_resample save load scan snapshot "
        "unique choose_from_datasets sample_from_datasets",
        Counter="counter",
        at="element_at",
        from_list="from_list",
        get_structure="get_structure",
        dense_to_sparse_batch="dense_to_ragged_batch",
        TFRecordWriter="DatasetWriter",
    ),
    **_from("environment", "AutoShardPolicy", DistributeOptions="Options"),
    **_from("session", "", enable_debug_mode="without_effect"),
}
_IMAGE = _from(
    "functions",
    "adjust_brightness adjust_contrast adjust_gamma adjust_hue adjust_saturation central_crop convert_image_dtype "
    "crop_to_bounding_box extract_patches flip_left_right flip_up_down grayscale_to_rgb hsv_to_rgb image_gradients "
    "pad_to_bounding_box per_image_standardization psnr random_brightness random_contrast random_crop "
    "random_flip_left_right random_flip_up_down random_hue random_saturation resize_with_crop_or_pad resize_with_pad "
    "rgb_to_grayscale rgb_to_hsv rot90 sobel_edges ssim total_variation",
    resize="resize_images",
    resize_images="resize_images",
    transpose="transpose_image",
    resize_image_with_crop_or_pad="resize_with_crop_or_pad",
    **{
        f"stateless_random_{name}": f"random_{name}"
        for name in "brightness contrast crop flip_left_right flip_up_down hue saturation".split()
    },
)
_IMAGE |= _from(
    "detection",
    "non_max_suppression non_max_suppression_with_scores non_max_suppression_padded non_max_suppression_overlaps "
    "combined_non_max_suppression crop_and_resize draw_bounding_boxes",
)
_IMAGE |= _from("functions", "rgb_to_yuv yuv_to_rgb rgb_to_yiq yiq_to_rgb random_jpeg_quality adjust_jpeg_quality")
_DECODERS = _from(
    "files",
    "decode_image encode_jpeg encode_png",
    decode_jpeg="decode_image",
    decode_png="decode_image",
    decode_bmp="decode_image",
    decode_gif="decode_image",
    decode_and_crop_jpeg="decode_image",
)
_DECODERS |= _from("detection", "is_jpeg extract_jpeg_shape")
_IMAGE |= _DECODERS | {"ResizeMethod": f"{_HERE}.enumerations:ResizeMethod"}
_IO = {
    **_from("files", "decode_base64 encode_base64", matching_files="glob"),
    **_from("files", "decode_csv decode_raw parse_tensor read_file serialize_tensor write_file"),
    **_DECODERS,
    **_from(
        "records",
        "FixedLenFeature FixedLenSequenceFeature RaggedFeature TFRecordOptions TFRecordWriter VarLenFeature parse_example "
        "parse_single_example parse_single_sequence_example",
    ),
}
_LINALG = {
    **_from(
        "functions",
        "matmul norm diag trace eye l2_normalize einsum tensordot band_part set_diag solve svd qr eigh pinv expm lstsq "
        "matvec slogdet matrix_rank triangular_solve cross kron global_norm matrix_transpose "
        "inv det cholesky",
        diag_part="diag_part",
        tensor_diag="diag",
        tensor_diag_part="diag_part",
    ),
    **_from("rarer", "adjoint eig eigvals eigvalsh logdet normalize cholesky_solve lu"),
}
_STRINGS = _from(
    "strings",
    "lower upper strip regex_replace regex_full_match split unicode_split bytes_split unicode_decode join reduce_join length "
    "substr to_number as_string to_hash_bucket to_hash_bucket_fast unicode_script ngrams unicode_encode unicode_transcode unicode_split_with_offsets",
    format="format_",
    to_hash_bucket_strong="to_hash_bucket_fast",
)
_ASSERTIONS = _from(
    "functions",
    "assert_equal assert_greater assert_greater_equal assert_less assert_less_equal assert_near assert_positive "
    "assert_non_negative assert_rank assert_all_finite assert_shapes assert_type check_numerics "
    "assert_negative assert_non_positive assert_none_equal assert_rank_at_least assert_rank_in assert_scalar assert_integer "
    "assert_same_float_dtype",
    Assert="assert_true",
)
_NEST = _from("functions", "flatten map_structure pack_sequence_as assert_same_structure is_nested")
_COMPAT = _from("checks", "as_str as_str_any as_bytes dimension_value path_to_str", as_text="as_str")
_SUMMARY = _from(
    "summaries",
    "create_file_writer scalar histogram image text merge merge_all",
    trace_on="trace",
    trace_export="trace",
    trace_off="trace",
    SummaryWriter="SummaryWriter",
    FileWriter="create_file_writer",
)
_OLD_SUMMARIES = {f"{name}_summary": _SUMMARY[name] for name in "scalar histogram image merge".split()}
_OLD_SUMMARIES |= _from("summaries", "HistogramProto Event", Summary="Message")
_SUMMARY |= _from(
    "summaries",
    "audio should_record_summaries record_if create_noop_writer",
    flush="trace",
    graph="trace",
    write="text",
)
_TRAIN = {
    **_from(
        "training", "load_checkpoint load_variable ExponentialMovingAverage", NewCheckpointReader="load_checkpoint"
    ),
    **_from("environment", "", CheckpointOptions="Options", ClusterSpec="Options"),
    **_from("training", "Checkpoint CheckpointManager latest_checkpoint list_variables get_checkpoint_state"),
    **_from(
        "records", "BytesList Example Feature FeatureList FeatureLists Features FloatList Int64List SequenceExample"
    ),
    **{
        name: f"{_HERE}.optimizers:{name}"
        for name in "AdamOptimizer GradientDescentOptimizer MomentumOptimizer RMSPropOptimizer AdagradOptimizer "
        "AdadeltaOptimizer FtrlOptimizer Optimizer exponential_decay inverse_time_decay polynomial_decay cosine_decay "
        "piecewise_constant get_global_step global_step".split()
    },
    **_from("graph_variables", "Saver import_meta_graph get_or_create_global_step"),
}
_LOGGING = _from("session", "set_verbosity get_verbosity info warn error debug", warning="warn") | {
    "DEBUG": 10,
    "ERROR": 40,
    "FATAL": 50,
    "INFO": 20,
    "WARN": 30,
}

INSTEAD = {
    "feature_column": "use Keras' preprocessing layers (StringLookup, Normalization, Discretization, CategoryEncoding, "
    "HashedCrossing) or keras.utils.FeatureSpace, as TensorFlow's own guide to migration says",
    "estimator": "use a keras.Model with compile, fit, evaluate and predict; TensorFlow itself removed Estimators in 2.16",
    "graph_util": "frozen graphs are files of TensorFlow: write the model with model.export(path) (StableHLO), or model.save(path)",
    "lite": "use model.export(path), which writes StableHLO, from which converters of other platforms start",
}
"""Modules of which nothing is offered, and what to use."""

MODULES: dict[str, dict[str, Any]] = {
    "": {
        "VERSION": "2.15.0",
        **_DTYPES,
        **_MATH,
        **_OLD_SUMMARIES,
        "Print": f"{_HERE}.control:Print",
        "print": f"{_HERE}.printed:print",
        "merge_all_summaries": _SUMMARY["merge_all"],
        **_from(
            "functions",
            "argsort boolean_mask broadcast_to cast clip_by_norm clip_by_value concat constant convert_to_tensor "
            "dynamic_partition einsum expand_dims eye fill foldl gather gather_nd is_tensor linspace map_fn "
            "meshgrid norm one_hot ones ones_like pad range rank repeat reshape reverse roll scan searchsorted "
            "shape size slice sort split squeeze stack stop_gradient strided_slice tensordot tile transpose unique "
            "unstack where while_loop zeros zeros_like tensor_scatter_nd_update clip_by_global_norm global_norm "
            "sequence_mask cond acos acosh asin asinh atan atan2 atanh complex conj imag real scatter_nd "
            "tensor_scatter_nd_add tensor_scatter_nd_sub tensor_scatter_nd_max TensorArray histogram_fixed_width ensure_shape "
            "reverse_sequence timestamp as_dtype shape_n get_static_value vectorized_map",
            switch_case="switch_case",
            case="case",
            random_shuffle="shuffle",
            matrix_band_part="band_part",
            set_diag="set_diag",
            matrix_diag="diag",
            matrix_inverse="inv",
            select="where",
            to_float="to_float",
            to_int32="to_int32",
            to_int64="to_int32",
            batch_gather="batch_gather",
            div="divide",
            floor_div="floordiv",
            assert_equal="assert_equal",
            Assert="assert_true",
            confusion_matrix="confusion_matrix",
            guarantee_const="identity",
            identity_n="identity_n",
            space_to_depth="space_to_depth",
            depth_to_space="depth_to_space",
            random_normal="random_normal",
            random_uniform="random_uniform",
            truncated_normal="truncated_normal",
            diag="diag",
        ),
        **_from("functions", "Variable py_function numpy_function"),
        **_SESSION,
        **_from("compiled", "function executing_eagerly"),
        **_from("tape", "GradientTape gradients custom_gradient UnconnectedGradients hessians"),
        **_from("tensor", "Tensor", EagerTensor="Tensor"),
        **_from("ragged", "RaggedTensor RaggedTensorSpec"),
        **_from("sparse", "SparseTensor"),
        **_from(
            "rarer",
            "as_string bitcast broadcast_static_shape broadcast_dynamic_shape dynamic_stitch edit_distance eig eigvals "
            "fingerprint foldr grad_pass_through recompute_grad saturate_cast space_to_batch batch_to_space "
            "tensor_scatter_nd_min truncatediv truncatemod unique_with_counts unravel_index make_ndarray make_tensor_proto "
            "variable_creator_scope inside_function is_symbolic_tensor histogram_fixed_width_bins realdiv "
            "register_tensor_conversion_function",
            space_to_batch_nd="space_to_batch",
            batch_to_space_nd="batch_to_space",
        ),
        **_from("functions", "", parallel_stack="stack"),
        **_from("session", "", no_gradient="without_effect", load_library="without_effect"),
        **_from("specs", "", **dict.fromkeys("SparseTensorSpec TypeSpec TensorArraySpec".split(), "TensorSpec")),
        **_from(
            "environment", "AggregationMethod IndexedSlices", DeviceSpec="Options", get_current_name_scope="no_flags"
        ),
        **_from("session", "Module TensorShape Dimension init_scope"),
        **_from("specs", "TensorSpec"),
        **{name: target for name, target in _ASSERTIONS.items() if name.startswith("assert_")},
        "DType": f"{_HERE}.dtype:DType",
        "VariableSynchronization": f"{_HERE}.enumerations:Choice",
        "VariableAggregation": f"{_HERE}.enumerations:Choice",
        "constant_initializer": "kjax.keras.initializers:Constant",
        "zeros_initializer": "kjax.keras.initializers:Zeros",
        "ones_initializer": "kjax.keras.initializers:Ones",
        "random_normal_initializer": "kjax.keras.initializers:RandomNormal",
        "random_uniform_initializer": "kjax.keras.initializers:RandomUniform",
        "truncated_normal_initializer": "kjax.keras.initializers:TruncatedNormal",
        "set_random_seed": "kjax.keras.core.settings:set_random_seed",
        "newaxis": None,
        "is_tensor": f"{_HERE}.functions:is_tensor",
    },
    "math": _MATH,
    "nn": _NN,
    "random": _RANDOM,
    "linalg": _LINALG,
    "image": _IMAGE,
    "config": _CONFIG,
    "config.threading": _from("session", "set_inter_op_parallelism_threads set_intra_op_parallelism_threads")
    | _from("environment", "", get_inter_op_parallelism_threads="zero", get_intra_op_parallelism_threads="zero"),
    "config.experimental": _CONFIG_EXPERIMENTAL,
    "config.optimizer": _from(
        "session", "set_jit", set_experimental_options="without_effect", get_jit="without_effect"
    ),
    "data": _DATA,
    "data.experimental": _DATA_EXPERIMENTAL,
    "io": _IO,
    "io.gfile": _GFILE,
    "strings": _STRINGS,
    "ragged": _from(
        "ragged", "RaggedTensor constant stack boolean_mask", range="row_ranges", map_flat_values="map_flat_values"
    ),
    "sparse": _from(
        "sparse",
        "SparseTensor add concat expand_dims eye fill_empty_rows from_dense map_values reduce_max reduce_sum reorder reshape "
        "retain slice softmax sparse_dense_matmul split to_dense to_indicator transpose",
    ),
    "lookup": _from(
        "tables",
        "KeyValueTensorInitializer StaticHashTable StaticVocabularyTable TextFileIndex TextFileInitializer",
    ),
    "signal": {
        **_from("functions", "fft ifft fft2d ifft2d"),
        **_from(
            "signals",
            "rfft irfft rfft2d irfft2d fft3d fftshift ifftshift frame overlap_and_add hann_window hamming_window kaiser_window "
            "vorbis_window stft inverse_stft inverse_stft_window_fn linear_to_mel_weight_matrix dct idct "
            "mfccs_from_log_mel_spectrograms",
        ),
    },
    "bitwise": {
        **_from("functions", "bitwise_and bitwise_or bitwise_xor"),
        **_from("rarer", "invert left_shift right_shift"),
    },
    "nest": _NEST,
    "audio": _from("sounds", "decode_wav encode_wav"),
    "saved_model": _from("saved", "save load contains_saved_model", LoadOptions="Options", SaveOptions="Options"),
    "profiler": {},
    "profiler.experimental": {
        **_from("session", "", start="without_effect", stop="without_effect"),
        **_from("environment", "", Trace="block", Profile="block", ProfilerOptions="Options"),
    },
    "gfile": _GFILE,
    "test": {
        **_from("tape", "compute_gradient"),
        **_from("session", "is_gpu_available is_built_with_cuda gpu_device_name is_built_with_gpu_support"),
        **_from("checks", "TestCase main"),
    },
    "logging": _LOGGING,
    "contrib.image": _from("contrib", "transform rotate translate angles_to_projective_transforms compose_transforms"),
    "contrib.layers": _from(
        "contrib",
        "xavier_initializer l1_regularizer l2_regularizer",
        xavier_initializer_conv2d="xavier_initializer",
    )
    | _from(
        "graph_layers",
        "fully_connected flatten batch_norm",
        linear="dense",
        conv2d="contrib_conv2d",
        convolution2d="contrib_conv2d",
        conv2d_transpose="contrib_conv2d_transpose",
        max_pool2d="contrib_max_pool2d",
        avg_pool2d="contrib_avg_pool2d",
        dropout="contrib_dropout",
    ),
    "layers": _from(
        "graph_layers",
        "dense conv1d conv2d conv3d conv2d_transpose conv3d_transpose separable_conv2d max_pooling1d max_pooling2d "
        "max_pooling3d average_pooling1d average_pooling2d average_pooling3d flatten dropout batch_normalization",
    ),
    "app": {
        "run": f"{_HERE}.flags:run",
        "flags": f"{_HERE}.flags:flags",
    },
    "compat.v1": {},
    "compat.v2": {},
    "python.client": {},
    "python.client.device_lib": _from("session", "list_local_devices"),
    "python.framework": {},
    "python.framework.ops": _from("graphs", "get_default_graph reset_default_graph GraphKeys", Tensor="Graph"),
    "python.util": {},
    "python.platform": {},
    "distribute": _from(
        "session",
        "MirroredStrategy OneDeviceStrategy get_strategy MultiWorkerMirroredStrategy TPUStrategy ReduceOp has_strategy "
        "InputContext",
        Strategy="MirroredStrategy",
    )
    | _from(
        "environment",
        "ReplicaContext get_replica_context in_cross_replica_context",
        **dict.fromkeys(
            "CrossDeviceOps HierarchicalCopyAllReduce NcclAllReduce ReductionToOneDevice InputOptions RunOptions".split(),
            "Options",
        ),
    ),
    "distribute.experimental": _from(
        "session",
        "MultiWorkerMirroredStrategy CentralStorageStrategy TPUStrategy ParameterServerStrategy",
    )
    | _from("environment", "CollectiveCommunication", CommunicationOptions="Options"),
    "distribute.cluster_resolver": _from("session", "TPUClusterResolver"),
    "dtypes": {
        **_DTYPES,
        "DType": f"{_HERE}.dtype:DType",
        **_from("functions", "as_dtype cast complex"),
        **_from("rarer", "saturate_cast"),
    },
    "lookup.experimental": _from("tables", "MutableHashTable", DenseHashTable="MutableHashTable"),
    "quantization": _from("rarer", "fake_quant_with_min_max_args fake_quant_with_min_max_vars"),
    "feature_column": {},
    "estimator": {},
    "graph_util": {},
    "lite": {},
    "types": {},
    "types.experimental": {"TensorLike": "typing:Any", "Callable": "typing:Any"},
    "autodiff": _from("tape", "ForwardAccumulator GradientTape"),
    "tpu": {},
    "tpu.experimental": _from("session", "", initialize_tpu_system="without_effect"),
    "autograph": _from("compiled", "to_code", to_graph="function", set_verbosity="to_code", trace="to_code"),
    "autograph.experimental": _from("session", "do_not_convert", set_loop_options="without_effect"),
    "debugging": {
        **_from(
            "session",
            "set_log_device_placement",
            **dict.fromkeys(
                "assert_proper_iterable enable_check_numerics disable_check_numerics".split(), "without_effect"
            ),
        ),
        **_from("rarer", "is_numeric_tensor"),
        **_ASSERTIONS,
    },
    "debugging.experimental": _from("session", "", enable_dump_debug_info="without_effect"),
    "experimental": _from("session", "", async_scope="init_scope"),
    "experimental.numpy": {name: f"{_HERE}.numpy_like:{name}" for name in numpy_like.NAMES},
    "errors": {
        "InvalidArgumentError": ValueError,
        "ResourceExhaustedError": MemoryError,
        "NotFoundError": OSError,
        "OutOfRangeError": StopIteration,
        "FailedPreconditionError": RuntimeError,
        "UnimplementedError": NotImplementedError,
        "OpError": Exception,
        **dict.fromkeys(
            "AbortedError CancelledError DataLossError InternalError UnavailableError".split(), RuntimeError
        ),
        "UnknownError": RuntimeError,
        "AlreadyExistsError": FileExistsError,
        "DeadlineExceededError": TimeoutError,
        "PermissionDeniedError": PermissionError,
    },
    "train": _TRAIN,
    "train.experimental": {},
    "summary": _SUMMARY,
    "summary.experimental": _from("summaries", "set_step get_step"),
    "random.experimental": _from("rarer", "stateless_shuffle")
    | _from("functions", "Generator get_global_generator set_global_generator stateless_split"),
    "version": {"VERSION": "2.15.0", "GIT_VERSION": "v2.15.0", "COMPILER_VERSION": "", "GRAPH_DEF_VERSION": 1645},
    "sysconfig": _from("environment", "get_build_info", get_compile_flags="no_flags", get_link_flags="no_flags"),
}
"""Modules below ``tensorflow`` and their names."""

for _place, _table in names_further.TABLES.items():
    MODULES.setdefault(_place, {}).update(_table)
first.add_to(MODULES)
for _old in ("compat.v1", "compat.v2"):
    MODULES[_old] = MODULES[""]
MODULES["compat"] = _COMPAT
for _name in "losses metrics optimizers initializers".split():
    MODULES[""][_name] = f"kjax.keras.legacy.tensorflow.names:{_name.upper()}"
