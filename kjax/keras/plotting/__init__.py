"""Pictures: of a model's graph, and of a training's history."""

from kjax.keras.plotting.graphs import model_to_dot as model_to_dot
from kjax.keras.plotting.graphs import plot_model as plot_model
from kjax.keras.plotting.histories import plot_history as plot_history
