"""Names of Python, NumPy, SciPy, scikit-learn, pandas and others that scripts used when they were written and that are gone.

``python -m kjax`` gives them back to scripts of Keras 1, Keras 2 and tf.keras: each where it was, as today's function in
its place or as what it did then. Nothing that is still there is touched.
"""

from kjax.keras.legacy.surroundings.finder import forget, restore

__all__ = ["forget", "restore"]
