"""``keras.applications.vgg19``."""

from kjax.keras.applications.imagenet_utils import decode_predictions as decode_predictions
from kjax.keras.applications.vgg import VGG19 as VGG19
from kjax.keras.applications.vgg import preprocess_input as preprocess_input
