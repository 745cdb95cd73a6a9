"""Speed, measured here."""
