"""The engine compiled for this machine, and its batches of many clips."""
