"""A result that is made of parts in one round or several: what tells runs apart, and its end."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import geocity
from geocity.core.progress import Progress
from geocity.engine.job import Job, file_facts, fingerprint
from geocity.engine.plan import Part
from geocity.engine.run import Executor, WorkOptions, run_parts, tell_what_stays
from geocity.engine.store import PartStore, parts_folder
from geocity.errors import InputError
from geocity.io.staging import PathLike


@dataclass(frozen=True, slots=True)
class ResultInParts:
    """A result on its way.

    Attributes:
        folder: where parts are kept until the result is whole.
        sources: the files that it is made of.
        facts: what they were like at the start.
        fingerprint: of everything that it depends on.
    """

    folder: Path
    sources: tuple[Path, ...]
    facts: tuple[object, ...]
    fingerprint: str

    @classmethod
    def of(cls, out: PathLike, sources: Sequence[PathLike], *pieces: object) -> "ResultInParts":
        """Begin a result.

        Args:
            out: where it will be.
            sources: the files that it is made of.
            pieces: what else it depends on, see `geocity.engine.job.fingerprint`.
        """
        paths = tuple(Path(source).absolute() for source in sources)
        facts = tuple(file_facts(path) for path in paths)
        told = fingerprint(geocity.__version__, facts, pieces)
        return cls(parts_folder(Path(out).absolute()), paths, facts, told)

    def store(self, round_name: str = "", *pieces: object) -> PartStore:
        """Return where the parts of a round are kept.

        Args:
            round_name: what it is called; none where there is but one.
            pieces: what its parts depend on besides.
        """
        folder = self.folder / round_name if round_name else self.folder
        return PartStore(folder, fingerprint(self.fingerprint, round_name, pieces))

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Leave no empty folder behind when a round ends early, and nothing after a refusal."""
        try:
            yield
        except InputError:
            PartStore(self.folder, "").remove()  # other input makes other parts
            raise
        except BaseException:
            with contextlib.suppress(OSError):
                self.folder.rmdir()
            raise

    def is_mine_to_finish(self, complete: bool, work: WorkOptions) -> bool:
        """Tell whether all parts are there, and no other process puts them together already."""
        return complete and (work.part_range is None or PartStore(self.folder, "").claim())

    @contextlib.contextmanager
    def put_together(self, store: PartStore, parts: Sequence[Part]) -> Iterator[None]:
        """Make the result in a ``with`` block; the parts go when it is whole.

        Args:
            store: where the parts of the last round are.
            parts: all of them.

        Raises:
            InputError: if a source was changed meanwhile.
        """
        whole = PartStore(self.folder, "")
        try:
            self._refuse_changed_sources()
            yield
        except BaseException:
            whole.disclaim()
            tell_what_stays(parts, store)
            raise
        whole.remove()

    def _refuse_changed_sources(self) -> None:
        for path, facts in zip(self.sources, self.facts, strict=True):
            if file_facts(path) != facts:
                raise InputError(
                    f"{path.name} was changed while it was being worked on; run the same command "
                    "again, and all of it is computed anew."
                )


@dataclass(frozen=True, slots=True)
class Crew:
    """Does the rounds of one result.

    Attributes:
        result: whose parts they are.
        executor: does the work.
        work: whether to go on from what a former run has left.
        progress: told how far each round is.
    """

    result: ResultInParts
    executor: Executor
    work: WorkOptions
    progress: Progress

    def run(self, round_name: str, job: Job, parts: Sequence[Part]) -> PartStore:
        """Do a round; return where its parts are."""
        store = self.result.store(round_name)
        run_parts(job, parts, store, work=self.work, progress=self.progress, executor=self.executor)
        return store
