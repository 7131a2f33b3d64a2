"""The operations of ``keras.ops``: where each comes from, and how real Keras writes it into the config of a graph."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from kjax.nn.ops import sparse
from kjax.nn.ops.elementwise import BINARY, BITS

# Each entry is the name of a function, the class of the operation in Keras after "=" where it is not the name in camel
# case, and in brackets those of its arguments that belong to the operation (the others are the tensors of a call).
# A leading "-" marks functions that Keras has no operation for.

CORE = """
associative_scan(reverse,axis) cast(dtype) cond -convert_to_numpy convert_to_tensor(dtype,sparse,ragged)
-custom_gradient -dtype fori_loop(lower,upper,body_fun) -is_tensor map saturate_cast(dtype)
scan(length,reverse,unroll) scatter(shape) scatter_update(reduction) -shape slice(shape) slice_update stop_gradient
switch unstack(num,axis) vectorized_map(function) while_loop(cond,body,maximum_iterations)
"""

NUMPY = """
abs=Absolute absolute add all(axis,keepdims) allclose=AllClose(rtol,atol,equal_nan) amax(axis,keepdims)
amin(axis,keepdims) angle any(axis,keepdims) append(axis) arange(dtype) arccos arccosh arcsin arcsinh arctan arctan2
arctanh argmax(axis,keepdims) argmin(axis,keepdims) argpartition(kth,axis) argsort(axis) array(dtype)
array_split(indices_or_sections,axis) average(axis) -bartlett bincount(weights,minlength,sparse) bitwise_and
bitwise_invert bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor -blackman
broadcast_to(shape) cbrt ceil clip(x_min,x_max) concatenate(axis) conj=Conjugate conjugate copy corrcoef
correlate(mode) cos cosh count_nonzero(axis) cross(axisa,axisb,axisc,axis) cumprod(axis,dtype) cumsum(axis,dtype)
deg2rad=Deg2rad diag(k) diagflat(k) diagonal(offset,axis1,axis2) diff(n,axis) digitize divide divide_no_nan dot
dsplit(indices_or_sections) dstack einsum(subscripts) -empty empty_like(dtype) equal exp exp2 expand_dims(axis)
expm1 -eye fabs flip(axis) fliplr flipud floor floor_divide fmax fmin fmod full(shape,dtype) full_like(dtype) gcd
geomspace(num,endpoint,dtype,axis) get_item greater greater_equal -hamming -hanning heaviside histogram(bins,range)
hsplit(indices_or_sections) hstack hypot i0 -identity imag inner isclose(equal_nan) isfinite
isin=IsIn(assume_unique,invert) isinf isnan isneginf isposinf isreal -kaiser kron lcm ldexp left_shift less
less_equal linspace(num,endpoint,retstep,dtype,axis) log log10 log1p=Log1p log2 logaddexp logaddexp2 logical_and
logical_not logical_or logical_xor logspace(num,endpoint,base,dtype,axis) matmul max(axis,keepdims,initial) maximum
mean(axis,keepdims) median(axis,keepdims) meshgrid(indexing) min(axis,keepdims,initial) minimum mod
moveaxis(source,destination) multiply nan_to_num(nan,posinf,neginf) nanargmax(axis,keepdims)
nanargmin(axis,keepdims) nancumprod(axis,dtype) nancumsum(axis,dtype) nanmax(axis,keepdims) nanmean(axis,keepdims)
nanmedian(axis,keepdims) nanmin(axis,keepdims) nanpercentile(axis,method,keepdims) nanprod(axis,keepdims)
nanquantile(axis,method,keepdims) nanstd(axis,keepdims) nansum(axis,keepdims) nanvar(axis,keepdims) ndim negative
nextafter nonzero not_equal -ones ones_like(dtype) outer pad(pad_width,mode) percentile(axis,method,keepdims) power
prod(axis,keepdims,dtype) ptp(axis,keepdims) quantile(axis,method,keepdims) rad2deg=Rad2deg ravel real reciprocal
repeat(repeats,axis) reshape(newshape) right_shift roll(shift,axis) rot90(k,axes) round(decimals)
searchsorted=SearchSorted(side) select sign signbit sin sinc sinh size slogdet sort(axis)
split(indices_or_sections,axis) sqrt square squeeze(axis) stack(axis) std(axis,keepdims) subtract sum(axis,keepdims)
swapaxes(axis1,axis2) take(axis) take_along_axis(axis) tan tanh tensordot(axes) tile(repeats)
trace(offset,axis1,axis2) transpose(axes) trapezoid(x,dx,axis) -tri tril(k) triu(k) true_divide trunc
unique(sorted,return_index,return_inverse,return_counts,axis,size,fill_value) unravel_index(shape)
vander(N,increasing) var(axis,keepdims) vdot -vectorize view(dtype) vsplit(indices_or_sections) vstack where -zeros
zeros_like(dtype)
"""

NN = """
adaptive_average_pool(output_size,data_format) adaptive_max_pool(output_size,data_format)
average_pool(pool_size,strides,padding,data_format) batch_normalization=BatchNorm(axis,epsilon)
binary_crossentropy(from_logits) categorical_crossentropy(from_logits,axis) celu(alpha)
conv(strides,padding,data_format,dilation_rate)
conv_transpose(strides,padding,output_padding,data_format,dilation_rate)
ctc_decode=CTCDecode(strategy,beam_width,top_paths,merge_repeated,mask_index) ctc_loss=CTCLoss(mask_index)
depth_to_space(block_size,data_format) depthwise_conv(strides,padding,data_format,dilation_rate)
dot_product_attention(is_causal,flash_attention,attn_logits_soft_cap) elu(alpha)
fold(output_size,kernel_size,dilation,padding,stride) gelu(approximate) glu(axis) hard_shrink(threshold)
hard_sigmoid hard_silu hard_swish=HardSilu hard_tanh layer_normalization=LayerNorm(axis,epsilon,rms_scaling) leaky_relu(negative_slope)
log_sigmoid log_softmax(axis) max_pool(pool_size,strides,padding,data_format) moments(axes,keepdims,synchronized)
multi_hot(num_classes,axis,dtype,sparse) normalize(axis,order,epsilon) one_hot(num_classes,axis,dtype,sparse) polar
psnr=PSNR(max_val) relu relu6 rms_normalization=RMSNorm(axis,epsilon) selu
separable_conv(strides,padding,data_format,dilation_rate) sigmoid silu soft_shrink(threshold) softmax(axis) softplus
softsign space_to_depth(block_size,data_format) sparse_categorical_crossentropy(from_logits,axis) sparse_plus
sparse_sigmoid sparsemax(axis) squareplus(b) swish=Silu tanh_shrink threshold(threshold,default_value)
unfold(kernel_size,dilation,padding,stride)
"""

MATH = """
cdist=CDist erf erfc erfinv extract_sequences(sequence_length,sequence_stride) fft2=FFT2 fft=FFT ifft2=IFFT2
in_top_k(k) irfft=IRFFT(fft_length) istft=ISTFT(sequence_length,sequence_stride,fft_length,length,window,center)
logdet logsumexp(axis,keepdims) rfft=RFFT(fft_length) rsqrt segment_max(num_segments,sorted) segment_min(num_segments,sorted) segment_prod(num_segments,sorted) segment_sum(num_segments,sorted)
stft=STFT(sequence_length,sequence_stride,fft_length,window,center) top_k(k,sorted) view_as_complex view_as_real
"""

LINALG = """
cholesky(upper) cholesky_inverse(upper) det eig eigh inv jvp=JVP(has_aux) lstsq(rcond) lu_factor matrix_rank(tol)
norm(ord,axis,keepdims) pinv(rcond) qr(mode) solve solve_triangular(lower) svd=SVD(full_matrices,compute_uv)
"""

IMAGE = """
affine_transform(interpolation,fill_mode,fill_value,data_format)
crop_images(top_cropping,left_cropping,bottom_cropping,right_cropping,target_height,target_width,data_format)
elastic_transform(alpha,sigma,interpolation,fill_mode,fill_value,seed,data_format)
extract_patches(size,strides,dilation_rate,padding,data_format)
extract_patches_3d=ExtractPatches(size,strides,dilation_rate,padding,data_format)
gaussian_blur(kernel_size,sigma,data_format) hsv_to_rgb=HSVToRGB(data_format)
map_coordinates(order,fill_mode,fill_value)
pad_images(top_padding,left_padding,bottom_padding,right_padding,target_height,target_width,data_format)
perspective_transform(interpolation,fill_value,data_format)
resize(size,interpolation,antialias,crop_to_aspect_ratio,pad_to_aspect_ratio,fill_mode,fill_value,data_format)
rgb_to_grayscale=RGBToGrayscale(data_format) rgb_to_hsv=RGBToHSV(data_format)
scale_and_translate(spatial_dims,method,antialias) sobel_edges(data_format)
ssim=SSIM(max_val,filter_size,filter_sigma,k1,k2,data_format)
"""

EINOPS = """
rearrange
"""

SOURCES = {
    "core": (CORE, ("core",)),
    "numpy": (NUMPY, ("numpy", "elementwise", "reductions")),
    "nn": (NN, ("nn", "convolution", "ctc")),
    "math": (MATH, ("math",)),
    "linalg": (LINALG, ("linalg",)),
    "image": (IMAGE, ("image", "filters")),
    "einops": (EINOPS, ("core",)),
}
"""For each module of ``keras.ops``: its operations, and the modules of ``kjax.nn.ops`` that compute them."""

RENAMED = {"array": "array_"}
"""Functions that have another name in ``kjax.nn.ops``, where theirs is taken."""

ON_THIS_FLOOR = frozenset("convert_to_numpy dtype is_tensor shape size elastic_transform map custom_gradient".split())
"""Functions that are no pure functions of arrays: :mod:`kjax.keras.ops.specials` has them."""


_PAIRWISE = frozenset(
    name.partition("=")[0] for name in f"{BINARY} {BITS} divide_no_nan isclose ldexp logaddexp logaddexp2 where".split()
)


@dataclasses.dataclass(frozen=True, eq=False)
class Entry:
    """One operation.

    Attributes:
        name: name of the function.
        module: module of ``keras.ops`` that has it.
        class_name: its class in Keras, or None.
        arguments: arguments that belong to the operation.
        function: what computes it, with Keras' signature.
    """

    name: str
    module: str
    class_name: str | None
    arguments: tuple[str, ...]
    function: Callable[..., Any]

    @property
    def broadcasts(self) -> bool:
        """Whether it acts on pairs of elements of two tensors."""
        return self.name in _PAIRWISE

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        """Keras' signature."""
        return inspect.signature(self.function)

    @functools.cached_property
    def tensors(self) -> tuple[str, ...]:
        """Names of the arguments that are tensors of a call."""
        kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
        parameters = self.signature.parameters.values()
        return tuple(p.name for p in parameters if p.kind not in kinds and p.name not in self.arguments)

    @functools.cached_property
    def variadic(self) -> str | None:
        """Name of the argument that takes any number of tensors."""
        parameters = self.signature.parameters.values()
        return next((p.name for p in parameters if p.kind is inspect.Parameter.VAR_POSITIONAL), None)

    @functools.cached_property
    def call(self) -> Callable[..., Any]:
        """The function as Keras calls an operation: ``call(*tensors, **arguments)``."""

        def call(*tensors: Any, **arguments: Any) -> Any:
            if sparse.holds_sparse(tensors):
                return sparse.call(self.name, lambda *dense, **given: compute(dense, given), tensors, arguments)
            if tensors and all(isinstance(t, (np.ndarray, np.generic, int)) for t in jax.tree.leaves(tensors)):
                # Sizes of axes stay numbers while a model is traced, so that shapes can be made of them.
                with jax.ensure_compile_time_eval():
                    return jax.tree.map(np.asarray, compute(tensors, arguments))
            return compute(tensors, arguments)

        def compute(tensors: tuple[Any, ...], arguments: dict[str, Any]) -> Any:
            named = dict(zip(self.tensors, tensors, strict=False))
            rest = tensors[len(self.tensors) :]
            if not rest:
                return self.function(**named, **arguments)
            first = [
                named[p] if p in named else arguments.pop(p)
                for p in self.signature.parameters
                if p in named or (p in arguments and self._is_before_variadic(p))
            ]
            return self.function(*first, *rest, **arguments)

        call.__name__ = self.name
        return call

    def _is_before_variadic(self, name: str) -> bool:
        names = list(self.signature.parameters)
        return names.index(name) < names.index(self.variadic or names[-1])

    def split(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """A call of the function as the tensors and the arguments of an operation, defaults filled in."""
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given = dict(bound.arguments)
        rest = given.pop(self.variadic, ()) if self.variadic else ()
        more = given.pop("kwargs", None) or given.pop("axes_lengths", None) or {}
        tensors = [given.pop(name) for name in self.tensors]
        while tensors and tensors[-1] is None and not rest:
            tensors.pop()
        return (*tensors, *rest), {**given, **more}


def _function(name: str, modules: tuple[str, ...]) -> Callable[..., Any]:
    if name in ON_THIS_FLOOR:
        return getattr(importlib.import_module("kjax.keras.ops.specials"), name)
    for module in modules:
        found = getattr(importlib.import_module(f"kjax.nn.ops.{module}"), RENAMED.get(name, name), None)
        if found is not None:
            return found
    raise AttributeError(f"no module of kjax.nn.ops has the operation {name!r}")


@functools.cache
def entries() -> dict[str, Entry]:
    """All operations, by name of the function."""
    found = {}
    for module, (text, modules) in SOURCES.items():
        for item in text.split():
            label, _, arguments = item.rstrip(")").partition("(")
            name, _, class_name = label.lstrip("-").partition("=")
            class_name = class_name or "".join(part.title() for part in name.split("_"))
            found[name] = Entry(
                name,
                module,
                None if label.startswith("-") else class_name,
                tuple(arguments.split(",")) if arguments else (),
                _function(name, modules),
            )
    return found


@functools.cache
def by_class() -> dict[str, Entry]:
    """The operations that Keras has a class for, by name of the class; of two functions of one class the longer name."""
    found: dict[str, Entry] = {}
    for entry in sorted(entries().values(), key=lambda e: -len(e.name)):
        if entry.class_name is not None and not (entry.class_name == "ExtractPatches" and entry.name.endswith("3d")):
            found.setdefault(entry.class_name, entry)
    return found
