"""Models: Sequential, functional and subclassed, on one class."""

from kjax.keras.models.model import Model as Model
from kjax.keras.models.sequential import Sequential as Sequential
from kjax.keras.models.from_module import from_module as from_module
