"""Measuring networks: accuracy, calibration, cost and robustness."""
