"""Several trainings or voices at once, a core each: two cores train two networks as soon as one.

A FastGRNN's frames come one after another, so that a second thread takes its time for nothing.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any

from kws.support.progress import progress


def run_each(
    function: Callable[..., Any],
    arguments: Sequence[tuple[Any, ...]],
    label: str,
    *,
    apart: bool = True,
) -> list[Any]:
    """Call `function` with each of the arguments, as many at a time as there are cores.

    Returns what it returned, in the arguments' order.
    `apart`: whether other processes are worth the seconds that they take to start.

    The function and its arguments must be such as other processes can import and be given. What it
    raises is raised here; what they tell is not shown. SIGTERM ends them and raises SystemExit.
    """
    workers = min(len(arguments), os.cpu_count() or 1) if apart else 1
    if workers <= 1:
        return [function(*each) for each in progress(arguments, label=label)]
    # spawn: torch's threads do not survive a fork
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_quiet)
    with _ended_by_sigterm(), pool:
        waiting = [pool.submit(function, *each) for each in arguments]
        done = progress(as_completed(waiting), label=label, total=len(waiting))
        try:
            for ended in done:
                ended.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [each.result() for each in waiting]


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end other processes and then this one in order: a kill leaks their semaphores."""
    is_ours = threading.current_thread() is threading.main_thread()
    if not is_ours or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return

    def end(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_IGN)  # once is enough
        for process in multiprocessing.active_children():
            process.kill()
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _quiet() -> None:
    """The parent's progress bar is enough, and warnings were told when it read the data."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (for as long as the process lives)
    os.environ["OMP_NUM_THREADS"] = "1"  # before torch is there to read it


def _end_with_parent() -> None:
    """A parent that is killed takes its processes along: nobody waits for what they compute.

    What they leave is whole at any moment, as what a kill leaves of the parent is.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
