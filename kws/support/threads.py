"""One thread in place of all, where several only get in each other's way."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch and the BLAS of numpy work on one thread meanwhile.

    OpenBLAS too, whose threads wait in a loop for a while after each product.
    """
    import torch

    try:
        blas = import_module("threadpoolctl").threadpool_limits(1, "blas")  # comes with librosa
    except ModuleNotFoundError:
        blas = nullcontext()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with blas:
            yield
    finally:
        torch.set_num_threads(before)
