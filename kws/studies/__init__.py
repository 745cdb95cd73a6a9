"""Comparisons of accuracy: the frontier, and the networks of the FastGRNN paper."""
