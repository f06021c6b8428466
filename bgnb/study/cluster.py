"""Runs on more than one machine, with Dask."""

import contextlib
import logging
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError

from bgnb.files import InputError

IGNORE_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"  # it goes to the sweep, which ends its workers


@contextlib.contextmanager
def on_cluster(function: Callable[..., dict], tasks: Sequence[tuple], scheduler: str, jobs: int) -> Iterator[Iterator[dict]]:
    """``function(*task)`` of all tasks on a Dask cluster, each as soon as it is there. Whoever leaves early cancels the rest.

    A worker that is lost costs only what it was computing, and another computes that.

    Args:
        function: the workers must be able to import it.
        tasks: the arguments of each call.
        scheduler: the address of a Dask scheduler, or "local": start one here, with its workers, and end them at the end.
        jobs: workers of a local cluster.

    Raises InputError if Dask is not installed, or if no scheduler answers.
    """
    try:
        from distributed import Client, KilledWorker, LocalCluster, as_completed
    except ImportError:
        raise InputError(f"scheduler {scheduler}: needs Dask; pip install 'bgnb[cluster]'") from None
    quiet = logging.CRITICAL  # a lost worker or a wrong address is no news for pages of log
    with contextlib.ExitStack() as stack:
        if scheduler == "local":
            options = dict(memory_limit=0, dashboard_address=None, silence_logs=quiet, preload=[IGNORE_CTRL_C])
            cluster = stack.enter_context(LocalCluster(n_workers=jobs, threads_per_worker=1, **options))
            stack.push(end_workers(cluster))
        logging.getLogger("distributed").setLevel(quiet)
        try:
            client = Client(cluster if scheduler == "local" else scheduler, timeout=5)
        except (OSError, ValueError) as error:
            raise InputError(f"scheduler {scheduler}: no Dask scheduler answers there ({error})") from None
        stack.callback(client.close, timeout=1)
        futures = [client.submit(function, *task, pure=False) for task in tasks]
        stack.callback(client.cancel, futures)
        try:
            yield (future.result() for future in as_completed(futures))
        except (KilledWorker, CancelledError) as error:  # one run ended several workers, or the scheduler is gone
            raise InputError(f"scheduler {scheduler}: lost ({(str(error) or type(error).__name__).splitlines()[0]})") from None


def end_workers(cluster) -> Callable[..., None]:
    """For an ExitStack: after an error, kill the workers of a local cluster, because nobody needs what they are computing."""

    def end(kind: type[BaseException] | None, *_) -> None:
        for nanny in cluster.workers.values() if kind else ():
            nanny.auto_restart = False
            with contextlib.suppress(TypeError, ProcessLookupError):  # it has no process yet, or that has ended
                os.kill(nanny.pid, signal.SIGKILL)

    return end
