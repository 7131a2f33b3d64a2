"""``keras.utils.np_utils`` of Keras 1 and 2."""

from kjax.keras.utils.numeric import normalize as normalize
from kjax.keras.utils.numeric import to_categorical as to_categorical
