"""A model on a board and in other projects: export, images, the serial line."""
