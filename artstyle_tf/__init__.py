"""Art style classification with Keras 3 and TensorFlow, evaluated in a way one can trust."""

__version__ = "0.1.0"
