"""``keras.utils.vis_utils`` of Keras 2."""

from kjax.keras.plotting import model_to_dot as model_to_dot
from kjax.keras.plotting import plot_model as plot_model
