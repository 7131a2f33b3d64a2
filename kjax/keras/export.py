"""``keras.export``: functions of models as code that runs without their classes."""

from kjax.keras.saving.archive import ExportArchive as ExportArchive
from kjax.keras.saving.archive import load_exported as load_exported
