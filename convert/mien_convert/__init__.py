"""Turns trained networks into model files for the device, with TensorFlow."""
