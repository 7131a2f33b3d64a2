"""Data sets of numbered batches, under the names of Keras 2 and 3."""

from kjax.data.py_dataset import PyDataset as PyDataset

Sequence = PyDataset
