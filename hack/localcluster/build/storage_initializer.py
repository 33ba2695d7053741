"""Stands for KServe's storage-initializer image: downloads each model to its folder with KServe's own library.

Arguments are pairs of source URI and folder, as the real image takes them. On failure the last line of the log is one
sentence that names the URI and keeps the library's message, so that it becomes the container's termination message.
"""

from __future__ import annotations

import sys

from kserve_storage import Storage


def main(arguments: list[str]) -> int:
    """Downloads all pairs; the exit code says whether all went well."""
    if not arguments or len(arguments) % 2:
        sys.stderr.write("usage: storage_initializer.py SOURCE_URI FOLDER [SOURCE_URI FOLDER]...\n")
        return 2
    for source, folder in zip(arguments[::2], arguments[1::2], strict=True):
        try:
            Storage.download(source, folder)
        except Exception as failure:
            # The library raises whatever its storage clients raise.
            detail = " ".join(str(failure).split()) or type(failure).__name__
            sys.stderr.write(f"Could not download the model from {source}: {detail}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
