"""One version of everything that is read: branches of lakeFS become the commits that they are now."""

from __future__ import annotations

from ..definition.source import SourceFile, TableSource, split_address, split_lakefs
from ..definition.training import Training


def pinned(training: Training) -> Training:
    """The same with a commit in the place of every branch and tag of lakeFS. Each of them is asked for once, so that
    tables that are joined are of one commit, whatever is committed while they are read.

    Raises StepError for what is not there.
    """
    references: dict[tuple[str, str], str] = {}

    def at_commits(source: TableSource) -> TableSource:
        files = {name: said for name, said in source.given.items() if isinstance(said, SourceFile)}
        found = {
            name: said.model_copy(update={"path": at_commit(said.path)})
            for name, said in files.items()
            if split_address(said.path)[0] == "lakefs"
        }
        return source.model_copy(update=found) if found else source

    def at_commit(address: str) -> str:
        # Which takes an HTTP client to import.
        from . import lakefs_objects  # noqa: PLC0415

        repository, reference, path = split_lakefs(address)
        if (repository, reference) not in references:
            references[repository, reference] = split_lakefs(lakefs_objects.at_commit(address))[1]
        return f"lakefs://{repository}/{references[repository, reference]}/{path}"

    spec = training.spec
    joins = tuple(join.model_copy(update={"source": at_commits(join.source)}) for join in spec.joins)
    changes = {"source": at_commits(spec.source), "joins": joins}
    return training.model_copy(update={"spec": spec.model_copy(update=changes)})
