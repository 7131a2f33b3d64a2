"""Small helpers of the Keras API, as ``keras.utils``."""

from kjax.keras.core.settings import clear_session as clear_session
from kjax.keras.core.settings import set_random_seed as set_random_seed
from kjax.keras.utils.numeric import normalize as normalize
from kjax.keras.utils.numeric import to_categorical as to_categorical
