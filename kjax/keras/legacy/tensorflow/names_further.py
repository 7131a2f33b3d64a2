"""Names of functions that few scripts need, by module of TensorFlow."""

from __future__ import annotations

_HERE = "kjax.keras.legacy.tensorflow"


def _from(module: str, names: str) -> dict[str, str]:
    """Where names lie; ``new=old`` where one is another there."""
    pairs = [entry.split("=") for entry in names.split()]
    return {pair[0]: f"{_HERE}.{module}:{pair[-1]}" for pair in pairs}


_SEGMENTS = (
    "segment_sum segment_prod segment_max segment_min segment_mean unsorted_segment_sum unsorted_segment_prod "
    "unsorted_segment_max unsorted_segment_min unsorted_segment_mean unsorted_segment_sqrt_n"
)

TABLES: dict[str, dict[str, str]] = {
    "": _from("raw_operations", "raw_ops")
    | _from("structured", "matrix_square_root=sqrtm")
    | _from("segments", f"{_SEGMENTS} sparse_segment_sum sparse_segment_mean sparse_segment_sqrt_n")
    | _from("python_helpers", "RegisterGradient")
    | _from("summaries", "SummaryMetadata")
    | _from("session", "disable_tensor_equality=without_effect enable_tensor_equality=without_effect"),
    "math": _from(
        "mathematics",
        "erfcinv approx_max_k approx_min_k",
    )
    | _from("segments", _SEGMENTS),
    "nn": _from(
        "convolutions", "conv_transpose conv1d_transpose conv3d_transpose max_pool_with_argmax dilation2d erosion2d"
    )
    | _from("networks", "sufficient_statistics normalize_moments isotonic_regression")
    | _from("mathematics", "approx_max_k approx_min_k"),
    "linalg": _from(
        "linear",
        "logm lu_solve lu_reconstruct eigh_tridiagonal LinearOperator LinearOperatorDiag LinearOperatorIdentity "
        "LinearOperatorScaledIdentity LinearOperatorFullMatrix=LinearOperator",
    )
    | _from(
        "structured",
        "tridiagonal_solve tridiagonal_matmul banded_triangular_solve sqrtm LinearOperatorBlockDiag LinearOperatorComposition "
        "LinearOperatorHouseholder LinearOperatorKronecker LinearOperatorLowRankUpdate LinearOperatorLowerTriangular "
        "LinearOperatorToeplitz LinearOperatorTridiag LinearOperatorZeros LinearOperatorAdjoint LinearOperatorInversion",
    ),
    "sparse": _from("sparse", "maximum minimum reset_shape bincount=sparse_bincount")
    | _from(
        "segments",
        "segment_sum=sparse_segment_sum segment_mean=sparse_segment_mean segment_sqrt_n=sparse_segment_sqrt_n",
    ),
    "signal": _from("signals", "mdct inverse_mdct kaiser_bessel_derived_window"),
    "sets": _from("sparse", "intersection union difference size=set_size"),
    "random": _from("randomness", "stateless_gamma stateless_poisson stateless_binomial fold_in"),
    "random.experimental": _from("randomness", "stateless_fold_in=fold_in"),
    "image": _from("pictures", "ssim_multiscale stateless_random_jpeg_quality"),
    "summary": _from("summaries", "SummaryMetadata"),
    "summary.experimental": _from("summaries", "write_raw_pb summary_scope"),
    "io": _from("records", "tf_record_iterator=read_records"),
    "train": _from("summaries", "summary_iterator"),
    "strings": _from("strings", "unsorted_segment_join unicode_decode_with_offsets to_hash_bucket_strong"),
}
"""Modules below ``tensorflow``, and in them names and where they lie."""
