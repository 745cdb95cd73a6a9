"""Recordings: listed, split, downloaded, synthesized, decoded and varied."""
