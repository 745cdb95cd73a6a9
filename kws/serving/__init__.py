"""Smart home: wake words for the Wyoming protocol, that of Home Assistant."""
