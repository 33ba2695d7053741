"""`timoneiro model ...`: what a package is, whether it is what somebody has signed, and registries that are to know it.

What takes long to import is imported by the command that needs it: `--help` is quick.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from timoneiro_serving.signature import PublicKey

FAILED, WRONG_USE = 1, 2
_NEEDED = ("boto3", "cryptography")
app = typer.Typer(no_args_is_help=True)

_Package = Annotated[
    str, typer.Argument(help="A folder, or an address such as s3://bucket/folder/.", metavar="PACKAGE")
]


@app.callback()
def _needed() -> None:
    """Look at the package of a model, verify it, and register it."""
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        print(f"{missing[0]} is not installed: pip install 'timoneiro[components]'", file=sys.stderr)
        raise typer.Exit(FAILED)


@app.command()
def verify(
    package: _Package,
    public_key: Annotated[
        list[Path],
        typer.Option(help="A public key in PEM. Given several times, one of them has to have signed the package."),
    ],
) -> None:
    """Say whether one of these keys has signed exactly the files of a package: what the model server asks, too."""
    from timoneiro_serving.integrity import Contents
    from timoneiro_serving.manifest import read_manifest

    keys = [_key(file) for file in public_key]
    with _opened(package) as folder:
        contents = Contents(folder)
        contents.check_signature(keys)
        manifest = read_manifest(folder)
        if manifest is not None and manifest.files is not None:
            contents.check_listed(manifest.files)
        typer.echo(f"{package}: signed and whole, {contents.digest}")


@app.command()
def show(package: _Package) -> None:
    """Print what a package is: name, version, format, digest, the data that it is from, files, and whether there is a
    signature."""
    from timoneiro_serving.digest import SIGNATURE_FILE, file_names
    from timoneiro_serving.integrity import Contents
    from timoneiro_serving.manifest import MANIFEST_FILE, read_manifest

    with _opened(package) as folder:
        digest = Contents(folder).digest
        manifest = read_manifest(folder)
        said = {} if manifest is None else json.loads((folder / MANIFEST_FILE).read_bytes())
        names = file_names(folder)
        lines = {
            "name": said.get("name", ""),
            "version": said.get("version", ""),
            "format": "" if manifest is None else manifest.format_name,
            "digest": digest,
            "dataset": data.get("dataset", "") if isinstance(data := said.get("data"), dict) else "",
            "signature": f"{SIGNATURE_FILE}, not verified here" if SIGNATURE_FILE in names else "none",
        }
        for title, text in lines.items():
            if text:
                typer.echo(f"{title + ':':<11}{text}")
        for name in names:
            typer.echo(f"{(folder / name).stat().st_size:>12}  {name}")


@app.command()
def register(
    package: Annotated[str, typer.Argument(help="s3://bucket/folder/, where it is published.", metavar="PACKAGE")],
    definition: Annotated[Path, typer.Option(help="The definition that names the registries.")] = Path("training.yaml"),
) -> None:
    """Tell the registries of a definition (publish.registries) of a package that is published already."""
    from timoneiro_components.definition.reading import read_training
    from timoneiro_components.errors import StepError
    from timoneiro_components.register import register as tell

    if "://" not in package:
        _end(f"{package} is no address: a model is registered where it is published, as s3://bucket/folder/", WRONG_USE)
    try:
        training = read_training(definition)
    except StepError as error:
        _end(str(error), WRONG_USE)
    if training.publish.registries is None:
        _end(f"{definition} names no registry: say where in publish.registries", WRONG_USE)
    with _opened(package) as folder:
        try:
            done = tell(training, folder, uri=f"{package.rstrip('/')}/")
        except StepError as error:
            _end(str(error), FAILED)
    for record in done:
        new = "registered" if record.new else "was registered already"
        where = f", {record.address}" if record.address else ""
        typer.echo(f"{record.registry}: {record.model} {record.number}{where}, {new}")


def _key(file: Path) -> PublicKey:
    from timoneiro_serving.signature import PublicKey

    try:
        return PublicKey(file.read_text(encoding="utf-8"))
    except OSError as error:
        _end(f"{file} cannot be read: {error.strerror}", WRONG_USE)
    except ValueError as error:
        _end(f"{file}: {error}", WRONG_USE)


@contextmanager
def _opened(package: str) -> Iterator[Path]:
    """The folder of the package. What is raised within ends the program, with a sentence that has its address."""
    from timoneiro_components.errors import StepError
    from timoneiro_components.stores.store import ModelStore
    from timoneiro_serving.errors import ModelLoadError

    if "://" not in package and not Path(package).is_dir():
        _end(f"{package} is not a folder", WRONG_USE)
    try:
        if "://" not in package:
            yield Path(package)
        else:
            with ModelStore.connect().downloaded(package) as folder:
                try:
                    yield folder
                except ModelLoadError as error:
                    raise ModelLoadError(str(error).replace(str(folder), package.rstrip("/"))) from error
    except ModelLoadError as error:
        _end(str(error), FAILED)
    except StepError as error:
        _end(str(error), WRONG_USE)


def _end(sentence: str, code: int) -> NoReturn:
    print(sentence, file=sys.stderr)
    raise typer.Exit(code) from None
