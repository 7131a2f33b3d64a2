"""What the stand-in for TensorFlow has, by module: a value, or `module:name` of where it lies."""

from __future__ import annotations

from typing import Any

_HERE = "kjax.keras.legacy.tensorflow"


class DType(str):
    """The name of a type, with the attributes of ``tf.DType``."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The name."""
        return str(self)

    @property
    def as_numpy_dtype(self) -> Any:
        """NumPy's type of that name."""
        import jax.numpy as jnp

        return jnp.dtype(str(self)).type

    @property
    def is_floating(self) -> bool:
        """Whether it is a floating-point type."""
        return "float" in self

    @property
    def is_integer(self) -> bool:
        """Whether it is an integer type."""
        return "int" in self


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
    "reduce_min reduce_prod reduce_std reduce_sum reduce_variance round rsqrt segment_sum sigmoid sign sin sinh "
    "softplus sqrt square squared_difference subtract tan tanh top_k truediv unsorted_segment_sum count_nonzero",
    mod="floormod",
    softmax="softmax",
)
_NN = _from(
    "functions",
    "avg_pool avg_pool2d bias_add conv1d conv2d conv2d_transpose crelu depthwise_conv2d dropout elu "
    "embedding_lookup gelu l2_loss l2_normalize leaky_relu log_softmax log_sigmoid max_pool max_pool2d moments relu "
    "relu6 selu sigmoid sigmoid_cross_entropy_with_logits softmax softmax_cross_entropy_with_logits softplus softsign "
    "sparse_softmax_cross_entropy_with_logits swish tanh top_k in_top_k batch_normalization",
    silu="swish",
    softmax_cross_entropy_with_logits_v2="softmax_cross_entropy_with_logits",
)
_RANDOM = {
    **_from("functions", "shuffle"),
    **_from("functions", "", normal="random_normal", uniform="random_uniform", truncated_normal="truncated_normal"),
    **_from("functions", "", categorical="categorical", stateless_normal="stateless_normal"),
    **_from("functions", "", stateless_uniform="stateless_uniform"),
    "set_seed": "kjax.keras.core.settings:set_random_seed",
    "set_random_seed": "kjax.keras.core.settings:set_random_seed",
}
_CONFIG = _from(
    "session",
    "list_physical_devices get_visible_devices set_visible_devices list_logical_devices run_functions_eagerly "
    "functions_run_eagerly set_soft_device_placement",
)
_CONFIG_EXPERIMENTAL = {
    **_CONFIG,
    **_from(
        "session",
        "set_memory_growth get_memory_growth set_virtual_device_configuration VirtualDeviceConfiguration "
        "enable_op_determinism set_synchronous_execution",
    ),
}
_SESSION = _from(
    "session",
    "ConfigProto GPUOptions OptimizerOptions Session InteractiveSession Graph get_default_graph get_default_session "
    "reset_default_graph global_variables_initializer local_variables_initializer initialize_all_variables "
    "tables_initializer placeholder disable_v2_behavior enable_eager_execution disable_eager_execution "
    "executing_eagerly global_variables trainable_variables name_scope variable_scope device control_dependencies "
    "get_logger enable_v2_behavior",
)
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
_DATA = {**_from("data", "Dataset", AUTOTUNE="AUTOTUNE")}
_IMAGE = _from(
    "functions",
    "",
    resize="resize_images",
    resize_images="resize_images",
    flip_left_right="flip_left_right",
    flip_up_down="flip_up_down",
    adjust_brightness="adjust_brightness",
    convert_image_dtype="convert_image_dtype",
    rgb_to_grayscale="rgb_to_grayscale",
    grayscale_to_rgb="grayscale_to_rgb",
    central_crop="central_crop",
    total_variation="total_variation",
)
_LINALG = {
    **_from("functions", "matmul norm diag trace eye l2_normalize einsum tensordot", diag_part="diag_part"),
    **_from("functions", "", matrix_transpose="matrix_transpose", inv="inv", det="det", cholesky="cholesky"),
}
_LOGGING = _from("session", "set_verbosity get_verbosity info warn error debug", warning="warn") | {
    "DEBUG": 10,
    "ERROR": 40,
    "FATAL": 50,
    "INFO": 20,
    "WARN": 30,
}

MODULES: dict[str, dict[str, Any]] = {
    "": {
        "VERSION": "2.15.0",
        **_DTYPES,
        **_MATH,
        **_SESSION,
        **_from(
            "functions",
            "argsort boolean_mask broadcast_to cast clip_by_norm clip_by_value concat constant convert_to_tensor "
            "dynamic_partition einsum expand_dims eye fill foldl gather gather_nd identity is_tensor linspace map_fn "
            "meshgrid norm one_hot ones ones_like pad print range rank repeat reshape reverse roll scan searchsorted "
            "shape size slice sort split squeeze stack stop_gradient strided_slice tensordot tile transpose unique "
            "unstack where while_loop zeros zeros_like tensor_scatter_nd_update clip_by_global_norm global_norm "
            "sequence_mask cond",
            random_normal="random_normal",
            random_uniform="random_uniform",
            truncated_normal="truncated_normal",
            diag="diag",
        ),
        **_from(
            "functions", "function Variable py_function", numpy_function="py_function", get_variable="get_variable"
        ),
        **_from("tape", "GradientTape Tensor gradients", custom_gradient="custom_gradient"),
        **_from("session", "Module TensorShape TensorSpec"),
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
    "config.threading": _from("session", "set_inter_op_parallelism_threads set_intra_op_parallelism_threads"),
    "config.experimental": _CONFIG_EXPERIMENTAL,
    "config.optimizer": _from("session", "set_jit"),
    "data": _DATA,
    "data.experimental": {"AUTOTUNE": f"{_HERE}.data:AUTOTUNE", "cardinality": f"{_HERE}.data:cardinality"},
    "io": {"gfile": f"{_HERE}.names:GFILE", **_from("files", "read_file write_file")},
    "io.gfile": _GFILE,
    "gfile": _GFILE,
    "test": _from("session", "is_gpu_available is_built_with_cuda gpu_device_name"),
    "logging": _LOGGING,
    "compat.v1": {},
    "compat.v2": {},
    "python.client": {},
    "python.client.device_lib": _from("session", "list_local_devices"),
    "python.framework": {},
    "python.framework.ops": _from("session", "get_default_graph reset_default_graph", Tensor="Graph"),
    "python.util": {},
    "python.platform": {},
    "distribute": _from("session", "MirroredStrategy OneDeviceStrategy get_strategy", Strategy="MirroredStrategy"),
    "autograph": {},
    "autograph.experimental": _from("session", "do_not_convert"),
    "debugging": _from("session", "set_log_device_placement"),
    "experimental": {},
    "experimental.numpy": {},
    "losses": {},
    "errors": {"InvalidArgumentError": ValueError, "ResourceExhaustedError": MemoryError, "NotFoundError": OSError},
    "train": {},
    "summary": {},
    "initializers": {},
    "version": {"VERSION": "2.15.0"},
    "sysconfig": {},
}
"""Modules below ``tensorflow`` and their names."""

del MODULES["io"]["gfile"]
for _old in ("compat.v1", "compat.v2"):
    MODULES[_old] = MODULES[""]
