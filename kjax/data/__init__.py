"""Sources of batches and the classic data sets."""

from kjax.data.arrays import Arrays as Arrays
from kjax.data.errors import DatasetError as DatasetError
