"""Layers that work on the host: vocabularies, texts, hashes. Their tables and strings are no arrays of a device."""

from kjax.keras.features.hashed import HashedCrossing as HashedCrossing
from kjax.keras.features.hashed import Hashing as Hashing
from kjax.keras.features.host import HostLayer as HostLayer
from kjax.keras.features.lookup import IntegerLookup as IntegerLookup
from kjax.keras.features.lookup import StringLookup as StringLookup
from kjax.keras.features.pipeline import Pipeline as Pipeline
from kjax.keras.features.texts import TextVectorization as TextVectorization

# Where they are for users, which is what configs and files say.
for _layer in (HashedCrossing, Hashing, IntegerLookup, StringLookup, Pipeline, TextVectorization):
    _layer.__module__ = "kjax.keras.layers"
