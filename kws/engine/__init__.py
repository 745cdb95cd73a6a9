"""The C engine in Python, and the model file that it reads."""
