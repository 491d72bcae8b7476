"""Where a batch keeps what it makes: a folder of this machine, or any place that fsspec reaches (s3://, gs://, …)."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from synoptic.errors import InputError, check_writable, install_command, user_path
from synoptic.io import write_whole
from synoptic.runs.folders import MANIFEST


class Store(Protocol):
    """Texts by their names, and the folder that a job's run is written to."""

    def read(self, name: str) -> str | None:
        """Return a text; None where there is none."""
        ...

    def write(self, name: str, content: str | bytes) -> None:
        """Write a text or bytes, whole or not at all."""
        ...

    def folder(self, path: str) -> AbstractContextManager[Path]:
        """Give the folder of a run, whose files are where they belong once the context ends."""
        ...


def encoded(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


class LocalStore:
    """A folder of this machine, or one that every machine sees under this path."""

    def __init__(self, top: Path) -> None:
        self.top = top

    def read(self, name: str) -> str | None:
        try:
            return (self.top / name).read_text("utf-8")
        except (OSError, ValueError):
            return None

    def write(self, name: str, content: str | bytes) -> None:
        write_whole(self.top / name, content)

    @contextmanager
    def folder(self, path: str) -> Iterator[Path]:
        yield self.top / path


class RemoteStore:
    """A place that fsspec reaches; runs are written to this machine, then copied, their manifest last."""

    def __init__(self, url: str) -> None:
        self.files, self.top = import_module("fsspec.core").url_to_fs(url)

    def read(self, name: str) -> str | None:
        try:
            return self.files.cat_file(f"{self.top}/{name}").decode()
        except (OSError, ValueError):
            return None

    def write(self, name: str, content: str | bytes) -> None:
        self.files.makedirs(f"{self.top}/{name}".rpartition("/")[0], exist_ok=True)
        self.files.pipe_file(f"{self.top}/{name}", encoded(content))

    @contextmanager
    def folder(self, path: str) -> Iterator[Path]:
        place = Path(tempfile.mkdtemp(prefix="synoptic-"))
        try:
            yield place
            self.take(place, path)
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def take(self, place: Path, path: str) -> None:
        """Take a copy of a run from a folder of this machine."""
        found = [file for file in place.rglob("*") if file.is_file()]
        for file in sorted(found, key=lambda file: file.name == MANIFEST):
            there = f"{self.top}/{path}/{file.relative_to(place).as_posix()}"
            self.files.makedirs(there.rpartition("/")[0], exist_ok=True)
            self.files.put_file(str(file), there)


def is_url(out: str) -> bool:
    """Return whether a place is one for fsspec."""
    return "://" in out


def in_memory(out: str) -> bool:
    """Return whether a place is the memory of one process, which no worker sees."""
    return out.startswith("memory:")


def open_store(out: str) -> Store:
    """Return the store of a batch's --out."""
    return RemoteStore(out) if is_url(out) else LocalStore(user_path(out).absolute())


@contextmanager
def workplace(out: str, store: Store) -> Iterator[tuple[str, Callable[[str], None]]]:
    """Give the place that workers write to, and what to call with the path of a run that has ended there.

    It is that of the batch; for one in this process's memory, which workers do not see, a folder whose runs are moved there.
    """
    if not (in_memory(out) and isinstance(store, RemoteStore)):
        yield out, lambda path: None
        return
    with tempfile.TemporaryDirectory(prefix="synoptic-", ignore_cleanup_errors=True) as place:

        def move(path: str) -> None:
            store.take(Path(place, path), path)
            shutil.rmtree(Path(place, path), ignore_errors=True)

        yield place, move


def check_store(out: str) -> None:
    """Raise InputError where nothing can be written there."""
    if not is_url(out):
        return check_writable(user_path(out))
    if not find_spec("fsspec"):
        raise InputError(
            f"--out {out} needs fsspec, which is not installed: {install_command('ray')}", rule="missing-package"
        )
    probe = f".probe-{os.getpid()}"
    try:
        store = RemoteStore(out)
        store.write(probe, "")
        with suppress(OSError):
            store.files.rm_file(f"{store.top}/{probe}")
    except Exception as e:  # every file system of fsspec has errors of its own
        raise InputError(
            f"--out must be a place that can be written, {out} is not ({type(e).__name__}: {str(e)[:200]}): check it",
            rule="out-unwritable",
        ) from None
