"""Features on the host: vocabularies, hashes, words of texts, bins. Pure functions of NumPy arrays, strings included."""

from kjax.nn.features.encoding import encode as encode
