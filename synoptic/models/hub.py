"""Files from the hub, and what to do when it says no. Imports nothing heavy at the top."""

from __future__ import annotations

import os
import ssl
from contextlib import redirect_stderr
from functools import cache
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from synoptic.errors import InputError
from synoptic.utils.streams import error_stream

ANSWER_SECONDS = 4.0  # within which the hub must answer


def download(repo: str, file: str, revision: str | None = None, *, instead: str) -> Path:
    """Return a hub's file in the local cache, of one commit (by default the newest).

    Raises InputError where it has none, with what to do `instead`: "give a local file".
    """
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        if is_online():
            with redirect_stderr(error_stream()):  # for its progress
                return Path(hf_hub_download(repo, file, revision=revision))
        cached = try_to_load_from_cache(repo, file, revision=revision)  # hf_hub_download asks the hub who asks, even offline
        if isinstance(cached, str):
            return Path(cached)
        raise LocalEntryNotFoundError(file)
    except GatedRepoError:
        cure = f"accept its license at https://huggingface.co/{repo}, then run: hf auth login; or {instead}"
        raise InputError(f"{repo} is gated: {cure}", rule="hub-gated") from None
    except RepositoryNotFoundError:
        raise InputError(
            f"the hub has no public model {repo}: if it is private run: hf auth login; else {instead}", rule="hub-missing"
        ) from None
    except (LocalEntryNotFoundError, OSError) as e:
        why = "no network" if isinstance(e, LocalEntryNotFoundError) else first_line(e)
        if revision is not None:
            raise incomplete(repo, file, why) from None
        raise InputError(
            f"{repo} is not in the cache and could not be fetched ({why}): connect, or {instead}", rule="hub-unreachable"
        ) from None


def incomplete(repo: str, file: str, why: str = "no network") -> InputError:
    """Return the error of a snapshot in the cache that lacks a file, which cannot be fetched now."""
    return InputError(
        f"{repo} is in the cache in part only: {file} is not, and could not be fetched ({why}): connect and run again",
        rule="hub-incomplete",
    )


def list_files(repo: str, snapshot: Path) -> list[str]:
    """Return every file of a hub model at its snapshot's commit: the hub's, or without a network those in the cache."""
    if is_online():
        from huggingface_hub import list_repo_files

        return list_repo_files(repo, revision=snapshot.name)
    return relative_files(snapshot)


def relative_files(folder: Path) -> list[str]:
    """Return every file's path inside the folder, sorted."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


@cache
def is_online() -> bool:
    """Return whether the hub answers, asked once, within seconds: being offline should not cost minutes of retries.

    Not where HF_HUB_OFFLINE is set. A name that resolves says nothing: connections may go nowhere.
    """
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return False
    if any(key.lower() in ("https_proxy", "all_proxy") for key in os.environ):
        return True  # the hub's own client knows more kinds of proxies
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    try:
        with urlopen(Request(endpoint, method="HEAD"), timeout=ANSWER_SECONDS):
            return True
    except HTTPError:
        return True
    except (OSError, HTTPException) as e:
        return isinstance(getattr(e, "reason", e), ssl.SSLError)  # it answers; the hub's own client knows more authorities


def first_line(e: Exception) -> str:
    return (str(e).strip().splitlines() or [type(e).__name__])[0][:120]
