"""Names of functions that few scripts need, by module of TensorFlow."""

from __future__ import annotations

_HERE = "kjax.keras.legacy.tensorflow"


def _from(names: str, module: str = "further") -> dict[str, str]:
    """Where names lie; ``new=old`` where one is another there."""
    pairs = [entry.split("=") for entry in names.split()]
    return {pair[0]: f"{_HERE}.{module}:{pair[-1]}" for pair in pairs}


TABLES: dict[str, dict[str, str]] = {
    "": _from("raw_ops"),
    "math": _from(
        "segment_min segment_prod unsorted_segment_min unsorted_segment_prod unsorted_segment_sqrt_n erfcinv approx_max_k "
        "approx_min_k"
    ),
    "nn": _from(
        "conv_transpose conv1d_transpose conv3d_transpose max_pool_with_argmax dilation2d erosion2d sufficient_statistics "
        "normalize_moments isotonic_regression approx_max_k approx_min_k"
    ),
    "linalg": _from(
        "logm lu_solve lu_reconstruct eigh_tridiagonal LinearOperator LinearOperatorDiag LinearOperatorIdentity "
        "LinearOperatorScaledIdentity LinearOperatorFullMatrix=LinearOperator"
    ),
    "sparse": _from(
        "maximum minimum reset_shape bincount=sparse_bincount segment_sum=sparse_segment_sum segment_mean=sparse_segment_mean"
    ),
    "sets": _from("intersection union difference size=set_size"),
    "random": _from("stateless_gamma stateless_poisson stateless_binomial fold_in"),
    "random.experimental": _from("stateless_fold_in=fold_in"),
    "image": _from("ssim_multiscale stateless_random_jpeg_quality"),
    "strings": _from("unsorted_segment_join unicode_decode_with_offsets") | _from("to_hash_bucket_strong", "strings"),
}
"""Modules below ``tensorflow``, and in them names and where they lie."""
