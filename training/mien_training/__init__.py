"""Train and measure expression networks with Keras 3, on any of its backends."""
