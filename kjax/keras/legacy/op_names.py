"""What tf.keras called functions on symbolic tensors, which were layers there: ``tf.nn.relu``, of class ``TFOpLambda``."""

from __future__ import annotations

_PLACES: dict[str, str] = {
    "tf.math": (
        "abs acos acosh add add_n argmax argmin asin asinh atan atan2 atanh ceil conj cos cosh count_nonzero cumprod cumsum "
        "digamma divide divide_no_nan equal erf exp expm1 floor floormod greater greater_equal imag is_finite is_inf is_nan "
        "l2_normalize less less_equal lgamma log log1p log_sigmoid logical_and logical_not logical_or logical_xor maximum "
        "minimum multiply multiply_no_nan negative not_equal pow real reciprocal reduce_all reduce_any reduce_euclidean_norm "
        "reduce_logsumexp reduce_max reduce_mean reduce_min reduce_prod reduce_std reduce_sum reduce_variance rint round "
        "rsqrt segment_sum sigmoid sign sin sinh softplus sqrt square squared_difference subtract tan tanh top_k truediv "
        "unsorted_segment_sum xlogy zero_fraction"
    ),
    "tf.nn": (
        "avg_pool avg_pool2d batch_normalization bias_add conv1d conv2d conv2d_transpose conv3d depth_to_space "
        "depthwise_conv2d dropout elu embedding_lookup gelu l2_loss leaky_relu local_response_normalization log_softmax "
        "max_pool max_pool2d moments relu relu6 selu separable_conv2d sigmoid_cross_entropy_with_logits silu softmax "
        "softmax_cross_entropy_with_logits softsign space_to_depth sparse_softmax_cross_entropy_with_logits"
    ),
    "tf.linalg": "band_part cholesky det diag diag_part einsum eigh inv matmul matvec set_diag solve svd trace",
    "tf.image": (
        "adjust_brightness adjust_contrast adjust_hue adjust_saturation central_crop crop_and_resize crop_to_bounding_box "
        "extract_patches flip_left_right flip_up_down grayscale_to_rgb hsv_to_rgb pad_to_bounding_box "
        "per_image_standardization resize rgb_to_grayscale rgb_to_hsv rot90 ssim total_variation"
    ),
    "tf.signal": "fft fft2d fft3d frame ifft ifft2d irfft rfft rfft2d stft",
    "tf.random": "normal uniform truncated_normal categorical",
    "tf": (
        "argsort boolean_mask broadcast_to cast clip_by_value clip_by_norm concat convert_to_tensor einsum expand_dims eye fill "
        "gather_nd identity linspace map_fn meshgrid norm one_hot ones ones_like pad range repeat reshape reverse roll scan "
        "searchsorted sequence_mask sort split stack stop_gradient tensordot tensor_scatter_nd_update tile unstack where zeros "
        "zeros_like"
    ),
    "tf.compat.v1": "gather shape size squeeze transpose",
}
CALLED: dict[str, str] = {name: f"{place}.{name}" for place, names in _PLACES.items() for name in names.split()} | {
    "absolute": "tf.math.abs",
    "add": "tf.__operators__.add",
    "astype": "tf.cast",
    "concatenate": "tf.concat",
    "floor_divide": "tf.compat.v1.floor_div",
    "get_item": "tf.__operators__.getitem",
    "max": "tf.math.reduce_max",
    "mean": "tf.math.reduce_mean",
    "min": "tf.math.reduce_min",
    "mod": "tf.math.floormod",
    "power": "tf.math.pow",
    "prod": "tf.math.reduce_prod",
    "random_normal": "tf.random.normal",
    "random_uniform": "tf.random.uniform",
    "resize_images": "tf.image.resize",
    "std": "tf.math.reduce_std",
    "sum": "tf.math.reduce_sum",
    "swish": "tf.nn.silu",
    "true_divide": "tf.math.truediv",
    "var": "tf.math.reduce_variance",
}
"""Names in graphs, by name of a function of today or of TensorFlow."""


def called(name: str | None) -> str | None:
    """What tf.keras called a function in a graph; None for one that it has no name for."""
    return None if name is None else CALLED.get(name)


def label(name: str) -> str:
    """The class of such a layer.

    Args:
        name: what :func:`called` gave.
    """
    return "SlicingOpLambda" if name.endswith("getitem") else "TFOpLambda"
