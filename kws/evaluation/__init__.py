"""A model as it ships, measured on recordings that it has not seen."""
