"""The inside of Keras 3 by its names: what code written against ``keras.src`` imports, on the objects of kjax."""
