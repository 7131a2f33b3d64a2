"""The functions of ``keras.ops`` on plain arrays: pure, jit-able, with Keras' argument names, defaults and result types.

The modules are those of Keras (``numpy``, ``nn``, ``math``, ``linalg``, ``image``, ``core``); ``kjax.keras.ops`` offers the
same functions for variables and symbolic tensors.
"""
