"""Readable twins of the front end and the network, for comparison with the engine."""
