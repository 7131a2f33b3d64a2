"""Quantization: layers whose weights are kept in fewer bits.

A layer with a policy such as ``dtype='int8_from_float32'`` has integers in the collection ``state`` in the place of its
kernel; :func:`quantize` makes such a layer, and its variables, of one with floats.
"""

from kjax.nn.quantization.config import AWQConfig as AWQConfig
from kjax.nn.quantization.config import Float8QuantizationConfig as Float8QuantizationConfig
from kjax.nn.quantization.config import GPTQConfig as GPTQConfig
from kjax.nn.quantization.config import Int4QuantizationConfig as Int4QuantizationConfig
from kjax.nn.quantization.config import Int8QuantizationConfig as Int8QuantizationConfig
from kjax.nn.quantization.config import QuantizationConfig as QuantizationConfig
from kjax.nn.quantization.config import resolve as resolve
from kjax.nn.quantization.convert import quantize as quantize
from kjax.nn.quantization.quantizers import AbsMaxQuantizer as AbsMaxQuantizer
from kjax.nn.quantization.quantizers import Quantizer as Quantizer
