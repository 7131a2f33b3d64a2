"""The objects of the Keras API: variables, symbolic tensors, layers; handles around the values of floor 1."""
