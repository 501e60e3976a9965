"""The LoRAs page."""
