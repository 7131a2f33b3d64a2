"""Small helpers of the Keras API, as ``keras.utils``."""

from kjax.data.datasets.get_file import get_file as get_file
from kjax.keras.console import disable_interactive_logging as disable_interactive_logging
from kjax.keras.console import enable_interactive_logging as enable_interactive_logging
from kjax.keras.console import is_interactive_logging_enabled as is_interactive_logging_enabled
from kjax.keras.core.settings import clear_session as clear_session
from kjax.keras.core.settings import set_random_seed as set_random_seed
from kjax.keras.progbar import Progbar as Progbar
from kjax.keras.utils.numeric import normalize as normalize
from kjax.keras.utils.numeric import to_categorical as to_categorical
