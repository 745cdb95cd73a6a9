"""A stand-in of ESPHome's microphones."""
