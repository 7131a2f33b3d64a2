"""``keras.engine`` of Keras 1 and 2: what layers and models are made of."""

from kjax.keras.core.input_spec import InputSpec as InputSpec
from kjax.keras.core.layer import Layer as Layer
from kjax.keras.core.operation import Input as Input
from kjax.keras.core.operation import InputLayer as InputLayer
from kjax.keras.core.tensor import Node as Node
from kjax.keras.models import Model as Model
from kjax.keras.models import Sequential as Sequential
from kjax.keras.utils.layer_utils import get_source_inputs as get_source_inputs
