"""Sees to it that every part of a job gets done, whoever does it, and that none is done twice."""

import logging
from collections.abc import Sequence

from geocity.core.progress import Progress, silent
from geocity.engine.executors import Executor, Serial, Work, WorkOptions
from geocity.engine.job import Job
from geocity.engine.plan import Part
from geocity.engine.store import PartStore
from geocity.errors import InputError, WorkError

__all__ = ["Executor", "WorkOptions", "executor_for", "run_parts", "tell_what_stays"]

logger = logging.getLogger(__name__)

_MOST_NAMES = 5


def executor_for(work: WorkOptions) -> Executor:
    """Return who does the work: this process, processes on this machine, or a Dask cluster.

    Raises:
        MissingDependencyError: if Dask is asked for and not installed.
    """
    if work.scheduler is not None:
        from geocity.engine.dask_cluster import DaskCluster

        return DaskCluster(work.scheduler)
    if work.workers > 1:
        from geocity.engine.processes import Processes

        return Processes(work.workers)
    return Serial()


def run_parts(
    job: Job,
    parts: Sequence[Part],
    store: PartStore,
    *,
    work: WorkOptions | None = None,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> bool:
    """Compute the parts of a job that are not done yet.

    Args:
        job: the work.
        parts: all parts of the result.
        store: where they are kept.
        work: who does it, and which of it.
        progress: told how far it is.
        executor: who does it, if already started.

    Returns:
        Whether all parts are done now; with a `part_range` some may be left to others.

    Raises:
        GeocityError: as the job raises it.
        WorkError: if parts could not be done, naming them.
    """
    work, progress = work or WorkOptions(), progress or silent
    asked = _asked(parts, work)
    missing = _missing(asked, store, work)
    if missing:
        try:
            if executor is not None:
                failed = _compute(executor, Work(job, missing, store, progress))
            else:
                with executor_for(work) as own:
                    failed = own.compute(Work(job, missing, store, progress))
        except BaseException:
            _tidy(missing, store)
            tell_what_stays(parts, store)
            raise
        if failed:
            _tidy(missing, store)
            tell_what_stays(parts, store)
            raise WorkError(_whose_fault(failed, store))
    return work.part_range is None or _tell_of_the_others(parts, store)


def _compute(executor: Executor, work: Work) -> list[Part]:
    try:
        return executor.compute(work)
    except BaseException:
        executor.stop()  # nobody may go on writing while what is half done is removed
        raise


def _asked(parts: Sequence[Part], work: WorkOptions) -> Sequence[Part]:
    if work.part_range is None:
        return parts
    first, end = work.part_range
    if first >= len(parts):
        raise InputError(
            f"The parts {first}:{end} were asked for, but there are {len(parts)}, counted from 0."
        )
    return parts[first:end]


def _missing(asked: Sequence[Part], store: PartStore, work: WorkOptions) -> list[Part]:
    """Return the parts to compute, with nothing of them left on the disk."""
    if not work.resume:
        missing = list(asked)
    else:
        missing = store.missing(asked)
        others = store.of_other_runs(missing)
        if others:
            logger.warning(
                "%d parts in %s were made from other input, with another model or other options; "
                "they are computed anew.",
                others,
                store.folder,
            )
        if len(missing) < len(asked):
            logger.info(
                "%d of %d parts were done by a former run; %d are left.",
                len(asked) - len(missing),
                len(asked),
                len(missing),
            )
    store.clear(missing)
    return missing


def tell_what_stays(parts: Sequence[Part], store: PartStore) -> None:
    """Say how to go on after work that has ended early."""
    done = sum(store.sidecar(part).exists() for part in parts)
    if done:
        logger.warning(
            "%d of %d parts are done and kept in %s; the same command goes on from there.",
            done,
            len(parts),
            store.folder,
        )


def _tidy(missing: Sequence[Part], store: PartStore) -> None:
    """Leave no half-written file of parts that were not finished."""
    store.clear([part for part in missing if not store.sidecar(part).exists()])
    store.remove(if_empty=True)


def _whose_fault(failed: Sequence[Part], store: PartStore) -> str:
    names = ", ".join(part.name for part in failed[:_MOST_NAMES])
    more = len(failed) - _MOST_NAMES
    if more > 0:
        names += f" and {more} more"
    return (
        f"{len(failed)} of the parts end the process that computes them, even alone ({names}): is "
        f"there too little memory, or is the input damaged there? All others are kept in "
        f"{store.folder}."
    )


def _tell_of_the_others(parts: Sequence[Part], store: PartStore) -> bool:
    # A thousand jobs must not read the whole result a thousand times to learn that it is not whole.
    there = sum(store.sidecar(part).exists() for part in parts)
    missing = store.missing(parts) if there == len(parts) else []
    logger.info("%d of %d parts are done.", there - len(missing), len(parts))
    return there == len(parts) and not missing
