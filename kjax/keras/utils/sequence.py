"""Data sets as numbered batches: ``PyDataset``, which Keras 2 called ``Sequence``."""

from kjax.data.py_dataset import PyDataset as PyDataset

Sequence = PyDataset
