"""TensorFlow's functions on arrays, as far as Keras scripts use them."""

from kjax.keras.legacy.tensorflow.arrays import *  # noqa: F403
from kjax.keras.legacy.tensorflow.checks import *  # noqa: F403
from kjax.keras.legacy.tensorflow.control import *  # noqa: F403
from kjax.keras.legacy.tensorflow.convolutions import *  # noqa: F403
from kjax.keras.legacy.tensorflow.linear import *  # noqa: F403
from kjax.keras.legacy.tensorflow.losses import *  # noqa: F403
from kjax.keras.legacy.tensorflow.mathematics import *  # noqa: F403
from kjax.keras.legacy.tensorflow.networks import *  # noqa: F403
from kjax.keras.legacy.tensorflow.pictures import *  # noqa: F403
from kjax.keras.legacy.tensorflow.randomness import *  # noqa: F403
from kjax.keras.legacy.tensorflow.tables import *  # noqa: F403
from kjax.keras.legacy.tensorflow.variables import *  # noqa: F403
