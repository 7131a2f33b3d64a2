"""Older generations of Keras: their spellings, defaults, module paths and messages, as tables with one mechanism each."""
