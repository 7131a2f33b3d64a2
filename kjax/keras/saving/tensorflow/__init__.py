"""Files that TensorFlow itself wrote, read without it: checkpoints and folders of saved models."""
