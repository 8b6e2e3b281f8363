"""Convert trained networks to model files for the device, with TensorFlow."""
