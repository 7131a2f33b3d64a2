"""Modules below ``tensorflow.python``, which layers and packages of others import: where the names of each lie."""

from __future__ import annotations

from typing import Any

_HERE = "kjax.keras.legacy.tensorflow"


def _each(folder: str, names: str, *places: str) -> dict[str, tuple[str, ...]]:
    """Modules of a folder whose names lie in the same public modules."""
    return {f"{folder}.{name}": places for name in names.split()}


PLACES: dict[str, tuple[str, ...]] = {
    **_each(
        "ops",
        "array_ops array_ops_stack gen_array_ops state_ops gen_state_ops control_flow_ops cond cond_v2 while_loop control_flow_case "
        "control_flow_assert control_flow_switch_case control_flow_util control_flow_v2_toggles variables variable_v1 "
        "variable_scope resource_variable_ops gen_resource_variable_ops ref_variable functional_ops map_fn map_ops "
        "tensor_array_ops gradients gradients_impl gradients_util clip_ops standard_ops manip_ops histogram_ops session_ops "
        "script_ops custom_gradient numerics special_math_ops template sort_ops unconnected_gradients stack",
        "",
        "math",
        "nn",
    ),
    **_each(
        "ops", "math_ops gen_math_ops bitwise_ops gen_bitwise_ops confusion_matrix bincount_ops", "math", "", "bitwise"
    ),
    **_each(
        "ops",
        "nn nn_ops nn_impl nn_grad gen_nn_ops nn_impl_distribute embedding_ops candidate_sampling_ops ctc_ops rnn "
        "nn_fused_batch_norm_grad",
        "nn",
        "math",
        "",
    ),
    **_each("ops", "rnn_cell rnn_cell_impl", "nn.rnn_cell", "nn"),
    **_each("ops", "random_ops gen_random_ops random_ops_util stateless_random_ops stateful_random_ops", "random", ""),
    **_each("ops", "init_ops init_ops_v2", "initializers", ""),
    **_each(
        "ops", "linalg_ops gen_linalg_ops linalg_ops_impl linalg_grad linalg.linalg linalg.linalg_impl", "linalg", ""
    ),
    **_each("ops", "image_ops image_ops_impl gen_image_ops", "image"),
    **_each("ops", "string_ops gen_string_ops", "strings", ""),
    **_each("ops", "sparse_ops gen_sparse_ops linalg.sparse.sparse", "sparse", ""),
    **_each("ops", "ragged ragged.ragged_tensor ragged.ragged_factory_ops ragged.ragged_array_ops", "ragged", ""),
    **_each("ops", "parsing_ops gen_parsing_ops io_ops decode_ops", "io", ""),
    **_each("ops", "logging_ops gen_logging_ops check_ops check_ops_v2", "debugging", ""),
    **_each("ops", "lookup_ops", "lookup"),
    **_each("ops", "data_flow_ops gen_data_flow_ops", ""),
    **_each("ops", "sets sets_impl", "sets"),
    **_each("ops", "metrics metrics_impl", "metrics"),
    **_each("ops", "losses losses.losses losses.losses_impl losses.util", "losses"),
    **_each("ops", "summary_ops_v2", "summary"),
    **_each("ops", "spectral_ops signal signal.signal signal.fft_ops signal.spectral_ops signal.window_ops", "signal"),
    **_each("ops", "distributions distributions.distributions distributions.distribution", "distributions"),
    **_each(
        "framework",
        "ops constant_op function sparse_tensor tensor_shape tensor_spec type_spec tensor_util indexed_slices tensor_conversion "
        "tensor_conversion_registry convert_to_constants func_graph importer composite_tensor tensor",
        "",
        "graph_util",
        "types",
    ),
    **_each("framework", "dtypes", "dtypes", ""),
    **_each("framework", "errors errors_impl", "errors"),
    **_each("framework", "random_seed", "random", ""),
    **_each("framework", "config", "config"),
    **_each("framework", "graph_util graph_util_impl", "graph_util"),
    **_each("framework", "versions", "version"),
    **_each("framework", "smart_cond test_util"),
    **_each("client", "session", ""),
    **_each("client", "device_lib timeline"),
    **_each("eager", "context backprop def_function function polymorphic_function.def_function", "", "autodiff"),
    **_each("platform", "tf_logging", "logging"),
    **_each("platform", "gfile", "gfile"),
    **_each("platform", "flags app", "app"),
    **_each("platform", "test googletest", "test"),
    **_each("lib", "io.file_io", "io", "gfile"),
    **_each("lib", "io.tf_record", "io"),
    **_each("util", "nest", "nest"),
    **_each("util", "compat", "compat"),
    **_each(
        "util",
        "deprecation tf_export keras_deps tf_inspect tf_decorator tf_contextlib object_identity dispatch all_util",
    ),
    **_each(
        "training",
        "training training_util saver optimizer moving_averages checkpoint_management checkpoint_utils monitored_session "
        "session_run_hook basic_session_run_hooks queue_runner queue_runner_impl coordinator supervisor input "
        "learning_rate_decay adam adagrad adadelta momentum gradient_descent rmsprop ftrl sync_replicas_optimizer evaluation "
        "slot_creator",
        "train",
        "",
    ),
    **_each("training", "tracking.base tracking.tracking tracking.util", "train", ""),
    **_each("trackable", "base autotrackable", "train", ""),
    **_each("trackable", "data_structures"),
    **_each("training", "tracking.data_structures"),
    **_each("checkpoint", "checkpoint checkpoint_management", "train"),
    **_each("summary", "summary writer.writer writer.writer_cache", "summary"),
    **_each("data", "ops.dataset_ops ops.iterator_ops ops.readers", "data"),
    **_each("data", "experimental.ops.grouping experimental.ops.batching", "data.experimental", "data"),
    **_each("distribute", "values distribute_lib distribution_strategy_context mirrored_strategy", "distribute"),
    **_each("saved_model", "saved_model save load loader builder tag_constants signature_constants", "saved_model"),
    **_each("feature_column", "feature_column feature_column_v2", "feature_column"),
    **_each("layers", "base core convolutional pooling normalization layers", "layers"),
    **_each("module", "module", ""),
    **_each("types", "core trace", "types.experimental", ""),
    **_each("autograph", "impl.api lang.special_functions core.converter", "autograph"),
    **_each("profiler", "model_analyzer option_builder profiler_v2 trace", "profiler", "profiler.experimental"),
    **_each("estimator", "estimator", "estimator"),
}
"""Module below ``tensorflow.python`` and the public modules that have its names."""

OWN: dict[str, dict[str, Any]] = {
    "framework.smart_cond": dict.fromkeys(("smart_cond", "cond"), f"{_HERE}.python_helpers:smart_cond")
    | {name: f"{_HERE}.python_helpers:{name}" for name in ("smart_constant_value", "smart_case")},
    "framework.ops": {
        name: f"{_HERE}.python_helpers:{name}"
        for name in "RegisterGradient reset_uids uid executing_eagerly_outside_functions".split()
    },
    "framework.test_util": {
        name: f"{_HERE}.python_helpers:{name}"
        for name in (
            "run_all_in_graph_and_eager_modes run_in_graph_and_eager_modes run_v1_only run_deprecated_v1 run_v2_only "
            "run_all_in_deprecated_graph_mode_only"
        ).split()
    }
    | {"TensorFlowTestCase": f"{_HERE}.checks:TestCase"},
    "eager.context": {
        name: f"{_HERE}.python_helpers:{name}"
        for name in "context eager_mode graph_mode in_graph_mode num_gpus".split()
    },
    "util.deprecation": {
        name: f"{_HERE}.python_helpers:{name}"
        for name in (
            "deprecated deprecated_args deprecated_arg_values deprecated_endpoints deprecated_argument_lookup silence"
        ).split()
    },
    "util.tf_export": {
        name: f"{_HERE}.python_helpers:exported" for name in "tf_export keras_export estimator_export".split()
    },
    "util.tf_inspect": {
        name: f"inspect:{name}"
        for name in (
            "getfullargspec getsource getdoc getfile getmembers getmodule getmro isclass isfunction ismethod ismodule "
            "isbuiltin isgenerator isgeneratorfunction isroutine signature stack currentframe Parameter FullArgSpec"
        ).split()
    }
    | {"getargspec": "inspect:getfullargspec"},
    "util.tf_contextlib": {"contextmanager": "contextlib:contextmanager"},
    "util.tf_decorator": {
        "make_decorator": f"{_HERE}.python_helpers:make_decorator",
        "unwrap": f"{_HERE}.python_helpers:unwrap_decorators",
        "rewrap": f"{_HERE}.python_helpers:rewrap",
    },
    "util.object_identity": {
        name: f"{_HERE}.python_helpers:{name}" for name in ("ObjectIdentityDictionary", "ObjectIdentitySet")
    }
    | {
        "ObjectIdentityWeakKeyDictionary": f"{_HERE}.python_helpers:ObjectIdentityDictionary",
        "ObjectIdentityWeakSet": f"{_HERE}.python_helpers:ObjectIdentitySet",
    },
    "ops.rnn_cell_impl": {"_concat": f"{_HERE}.python_helpers:concat_shapes"},
    "layers.utils": {
        name: f"kjax.keras.utils.conv_utils:{name}"
        for name in "normalize_tuple conv_output_length conv_input_length normalize_padding".split()
    }
    | {
        "constant_value": f"{_HERE}.python_helpers:smart_constant_value",
        "smart_cond": f"{_HERE}.python_helpers:smart_cond",
    },
    "util.dispatch": {
        name: f"{_HERE}.python_helpers:{name}" for name in ("add_dispatch_support", "dispatch_for_types")
    },
    "util.all_util": {
        "remove_undocumented": f"{_HERE}.python_helpers:remove_undocumented",
        "make_all": f"{_HERE}.python_helpers:make_all",
    },
    **{
        place: {
            **{name: f"{_HERE}.python_helpers:{name}" for name in ("NoDependency", "wrap_or_unwrap")},
            "List": list,
            "ListWrapper": list,
            "Mapping": dict,
            "_DictWrapper": dict,
        }
        for place in ("trackable.data_structures", "training.tracking.data_structures")
    },
    "distribute.values": dict.fromkeys(
        ("DistributedVariable", "AggregatingVariable", "MirroredVariable", "SyncOnReadVariable", "DistributedValues"),
        f"{_HERE}.python_helpers:DistributedVariable",
    ),
    "ops.weights_broadcast_ops": {
        name: f"{_HERE}.python_helpers:{name}" for name in ("broadcast_weights", "assert_broadcastable")
    },
    "training.moving_averages": {
        "assign_moving_average": f"{_HERE}.python_helpers:assign_moving_average",
    },
}
"""Names that only modules below ``tensorflow.python`` have: a value, or ``module:name`` of where it lies."""

FOLDERS = frozenset(
    ".".join(parts[:end]) for parts in (path.split(".") for path in {*PLACES, *OWN}) for end in range(1, len(parts))
)
"""Folders on the way to these modules."""
