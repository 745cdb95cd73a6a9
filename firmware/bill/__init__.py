"""The engine's bill: what it takes of each processor, measured, and the table that keeps it.

`python -m bill` with this folder's parent in the path; `make size` and `make size-renew` call it.
"""
