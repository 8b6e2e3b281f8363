"""The probes: what opens the camera, loads the network and connects to the broker, to find out whether that works."""
