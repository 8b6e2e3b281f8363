"""MQTT: topics, payloads, Home Assistant's discovery, commands, and the connection that carries them."""
