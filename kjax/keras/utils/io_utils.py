"""``keras.utils.io_utils`` of Keras 1 and 2."""

from kjax.keras.utils.hdf5 import H5Dict as H5Dict
from kjax.keras.utils.hdf5 import HDF5Matrix as HDF5Matrix
from kjax.keras.utils.hdf5 import h5dict as h5dict


def ask_to_proceed_with_overwrite(filepath: object) -> bool:
    """Ask on the terminal whether a file may be overwritten."""
    answer = ""
    while answer not in ("y", "n"):
        answer = input(f"[WARNING] {filepath} already exists - overwrite? [y/n] ").strip().lower()
    return answer == "y"
