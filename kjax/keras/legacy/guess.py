"""Which generation of Keras a script is written for, told by its imports and spellings where they leave no doubt."""

from __future__ import annotations

import ast
from collections.abc import Iterator

TITLES = {"1": "Keras 1", "2": "Keras 2", "tf": "tf.keras", "3": "Keras 3"}

KERAS1_ARGUMENTS = (
    "nb_epoch nb_filter nb_row nb_col border_mode subsample filter_length W_regularizer U_regularizer b_regularizer "
    "W_constraint b_constraint inner_activation inner_init dim_ordering dropout_W dropout_U consume_less "
    "samples_per_epoch nb_val_samples show_accuracy class_mode nb_worker max_q_size pool_length subsample_length "
    "forget_bias_init atrous_rate concat_axis"
).split()
"""Arguments that no call of another generation (nor of the libraries that scripts use beside Keras) has."""

KERAS1_NAMES = (
    "Merge merge Highway MaxoutDense TimeDistributedDense AtrousConvolution1D AtrousConvolution2D Deconvolution2D "
    "image_dim_ordering set_image_dim_ordering"
).split()

KERAS2_NAMES = (
    "set_image_data_format fit_generator predict_generator evaluate_generator predict_classes predict_proba "
    "multi_gpu_model CuDNNLSTM CuDNNGRU"
).split()
"""Names that were there in Keras 2 and not before; scripts of tf.keras are told by their imports first."""

KERAS2_MODULES = (
    "keras.engine keras.layers.core keras.layers.convolutional keras.layers.pooling keras.layers.normalization "
    "keras.layers.merge keras.layers.advanced_activations keras.layers.recurrent keras.layers.embeddings "
    "keras.layers.noise keras.layers.wrappers keras.layers.local keras.layers.convolutional_recurrent "
    "keras.utils.np_utils keras.utils.generic_utils keras.utils.vis_utils keras.utils.training_utils "
    "keras.utils.layer_utils keras.utils.data_utils keras.utils.io_utils keras.wrappers.scikit_learn "
    "keras.backend.tensorflow_backend keras.preprocessing.text keras.legacy keras.objectives"
).split()
"""Modules of Keras 1 and 2 that Keras 3 does not have."""

KERAS3_MODULES = (
    "keras.ops keras.random keras.distribution keras.tree keras.quantizers keras.dtype_policies keras.export "
    "keras.distillation keras.saving keras.wrappers.SKLearnClassifier keras.wrappers.SKLearnRegressor "
    "keras.wrappers.SKLearnTransformer"
).split()
"""Modules and names in them that only Keras 3 has: a script that uses one is not older, whatever else it does."""

KERAS3_NAMES = "SeedGenerator PyDataset stateless_call stateless_apply SKLearnClassifier SKLearnRegressor".split()


def era_of(source: bytes | str) -> tuple[str, str]:
    """The era of a script and what tells it.

    Args:
        source: its text; one that Python cannot parse counts as of today (running it says what is wrong).
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return "3", ""
    modules = dict(_imports(tree))
    tensorflow = next((name for name in modules if name.startswith("tensorflow") and "keras" in name), None)
    if tensorflow is None and any(name.partition(".")[0] == "tensorflow" for name in modules):
        if not any(name.partition(".")[0] == "keras" for name in modules) and _uses_tf_keras(tree):
            tensorflow = "tf.keras"
    if tensorflow is not None:
        return "tf", f"it uses {tensorflow}"
    if not any(name.partition(".")[0] in ("keras", "keras_preprocessing", "keras_applications") for name in modules):
        return "3", ""
    if any(_uses(tree, modules, path) for path in KERAS3_MODULES):
        return "3", ""
    arguments = {keyword.arg for node in ast.walk(tree) if isinstance(node, ast.Call) for keyword in node.keywords}
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} | {
        name.rpartition(".")[2] for name in modules
    }
    if not names.isdisjoint(KERAS3_NAMES):
        return "3", ""
    for known in KERAS1_ARGUMENTS:
        if known in arguments:
            return "1", f"it has an argument `{known}`"
    imported = {name.rpartition(".")[2] for name in modules if name.startswith("keras.")}
    for known in KERAS1_NAMES:
        if known in imported or (known.endswith("dim_ordering") and known in names):
            return "1", f"it uses `{known}`"
    if any(_is_rows_and_columns(node) for node in ast.walk(tree)):
        return "1", "it has a `Convolution2D(filters, rows, columns)`"
    for module in KERAS2_MODULES:
        if any(name == module or name.startswith(f"{module}.") for name in modules):
            return "2", f"it imports `{module}`"
    for known in KERAS2_NAMES:
        if known in names:
            return "2", f"it uses `{known}`"
    return "3", ""


def _imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Full names of what is imported: modules, and names in modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def _uses(tree: ast.AST, modules: dict[str, int], path: str) -> bool:
    """Whether a script imports a module of Keras, or something of it, or reads it as an attribute of ``keras``."""
    if any(name == path or name.startswith(f"{path}.") for name in modules):
        return True
    return any(isinstance(node, ast.Attribute) and ast.unparse(node) == path for node in ast.walk(tree))


def _uses_tf_keras(tree: ast.AST) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr == "keras" for node in ast.walk(tree))


def _is_rows_and_columns(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or len(node.args) < 3:
        return False
    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
    return name == "Convolution2D" and all(not isinstance(a, ast.Tuple | ast.List) for a in node.args[:3])
