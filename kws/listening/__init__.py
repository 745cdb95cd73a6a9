"""Listening as it happens: a microphone, a pipe or a recording in, a timeline out."""
