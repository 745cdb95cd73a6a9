"""The documents that scripts write: the drawing of the house, the reference pages, the site."""
