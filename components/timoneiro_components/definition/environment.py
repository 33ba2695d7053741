"""Which variables of the environment the steps read, and which step reads which: so that no step gets more."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic.alias_generators import to_camel

from .kubeflow import StepName
from .problems import Contradiction, Path
from .registries import SECRETS, variables_of
from .source import POINTER, SQLITE, SourceFile, Sql, TableSource, is_pointer, split_address
from .training import Training

_SIGNING: frozenset[StepName] = frozenset({"sign-model"})
_INGESTION: frozenset[StepName] = frozenset({"ingest-data"})
# They ask the model store: for the champion, for its reference, for its answers, and to keep the candidate.
STORE_STEPS: frozenset[StepName] = frozenset({"find-champion", "validate-data", "evaluate-model", "publish-model"})
_GOOGLE = "GOOGLE_APPLICATION_CREDENTIALS"
_REGISTRATION: frozenset[StepName] = frozenset({"find-champion", "register-model"})
# Folder with one for each PersistentVolumeClaim, where `pvc://claim/...` is looked for.
CLAIMS = "TIMONEIRO_CLAIMS"
# What boto3 reads.
_AWS = "AWS_"
# What lakeFS's own tools read.
_LAKEFS = "LAKECTL_"
_SECRETS = frozenset({"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", *SECRETS})


def named_variables(training: Training) -> dict[str, tuple[Path, frozenset[StepName]]]:
    """Variables that the definition names, where it does, and the steps that read them. All of them are secrets."""
    found: dict[str, tuple[Path, frozenset[StepName]]] = {}
    for where, source in _sources(training):
        if source.sql is not None:
            for field, said in (("userFrom", source.sql.user_from), ("passwordFrom", source.sql.password_from)):
                if said is not None:
                    found.setdefault(said.env, ((*where, "sql", field), _INGESTION))
    if training.spec.privacy.hash_key_from is not None:
        where = ("spec", "privacy", "hashKeyFrom")
        found.setdefault(training.spec.privacy.hash_key_from.env, (where, _INGESTION))
    if training.spec.package.signature is not None:
        where = ("spec", "package", "signature", "keyFrom")
        found.setdefault(training.spec.package.signature.key_from.env, (where, _SIGNING))
    return found


def readers_of(variable: str, training: Training) -> frozenset[StepName]:
    """The steps that read the variable; none if that is not known."""
    if variable in (named := named_variables(training)):
        return named[variable][1]
    # What DVC knows may be at either store.
    schemes = {"dvc" if is_pointer(path) else split_address(path)[0] for _, path in _paths(training)}
    ingestion = (
        (variable.startswith(_AWS) and schemes & {"s3", "dvc"})
        or (variable == _GOOGLE and schemes & {"gs", "dvc"})
        or (variable.startswith(_LAKEFS) and "lakefs" in schemes)
        # A function of the user's own may read whatever it likes.
        or any(source.python for _, source in _sources(training))
    )
    found = _INGESTION if ingestion else frozenset()
    if variable.startswith(_AWS) or variable == _GOOGLE:
        found |= STORE_STEPS
    if variable in variables_of(training.publish.registries):
        found |= _REGISTRATION
    return found


def kubeflow_faults(training: Training) -> Iterator[Contradiction]:
    """Every contradiction of `kubeflow`: its place, and a sentence."""
    kubeflow, secret = training.kubeflow, {*named_variables(training), *_SECRETS}
    for variable in kubeflow.env:
        if variable in secret:
            yield (
                ("kubeflow", "env", variable),
                "it is a secret: name a Secret of the cluster in kubeflow.secrets",
            )
    taken: dict[str, str] = dict.fromkeys(kubeflow.env, "kubeflow.env")
    if kubeflow.claims:
        if CLAIMS in taken:
            yield ("kubeflow", "env", CLAIMS), "leave it out: it says where the claims of kubeflow.claims are"
        taken[CLAIMS] = "kubeflow.claims"
    for position, claim in enumerate(kubeflow.claims):
        if claim in kubeflow.claims[:position]:
            yield ("kubeflow", "claims", position), f"{claim} comes twice"
    for position, said in enumerate(kubeflow.secrets):
        where: Path = ("kubeflow", "secrets", position)
        if not said.variables or said.steps == ():
            yield where, "it gives nothing to anyone: write env or files, and leave out steps or name some"
        for variable in said.variables:
            if variable in taken:
                yield where, f"{variable} comes twice: {taken[variable]} has it too"
            taken[variable] = f"kubeflow.secrets[{position}]"
            if said.steps is None and not readers_of(variable, training):
                yield where, f"which step reads {variable} is not known: say it, as in steps: [ingest-data]"


def cluster_faults(training: Training) -> Iterator[Contradiction]:
    """What is right on this machine, and cannot work on a cluster. `training` is as it is written: with its paths, not
    with whole ones."""
    given = {variable for said in training.kubeflow.secrets for variable in said.variables}
    for variable, (where, _) in named_variables(training).items():
        if variable not in given:
            yield where, f"no Secret of kubeflow.secrets gives {variable} to the step that reads it"
    for where, path in _paths(training):
        if split_address(path)[0] == "" and not path.startswith("/"):
            remedy = (
                f"the address that `dvc get --show-url . {path.removesuffix(POINTER)}` prints"
                if is_pointer(path)
                else "s3://bucket/key or gs://bucket/key"
            )
            yield (
                where,
                f"{path} is a file of this machine, which no cluster has: write {remedy}, or the whole path of a file "
                "in the image",
            )


def _sources(training: Training) -> Iterator[tuple[Path, TableSource]]:
    yield ("spec", "source"), training.spec.source
    for position, join in enumerate(training.spec.joins):
        yield ("spec", "joins", position, "source"), join.source


def _paths(training: Training) -> Iterator[tuple[Path, str]]:
    """Every file that is read, and where the definition says it."""
    for where, source in _sources(training):
        for name, said in source.given.items():
            if isinstance(said, SourceFile):
                yield (*where, to_camel(name), "path"), said.path
            elif isinstance(said, Sql) and said.url.startswith(SQLITE):
                yield (*where, "sql", "url"), said.url.removeprefix(SQLITE)
    if training.spec.privacy.erasure is not None:
        yield ("spec", "privacy", "erasure", "path"), training.spec.privacy.erasure.path
