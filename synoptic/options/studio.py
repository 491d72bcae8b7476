"""The options of `studio`: the web page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self

from synoptic.errors import InputError, check_installed, check_writable, install_command, user_path
from synoptic.options.base import Options
from synoptic.options.option import Option


@dataclass(frozen=True, kw_only=True)
class StudioOptions(Options):
    """Open every application in a browser: pictures appear as they are denoised. Works offline, on this machine alone.

    Every browser is asked for the password in SYNOPTIC_STUDIO_PASSWORD, if there is one.

    synoptic studio --open
    synoptic studio --listen --models checkpoints
    """

    port: Annotated[
        int, Option("where the page is: http://localhost:PORT; 0: one that is free", at_least=0, at_most=65535)
    ] = 7860
    listen: Annotated[bool, Option("answer other machines too; each browser then sees its own pictures alone")] = False
    shared_history: Annotated[bool, Option("with --listen, every browser sees every picture")] = False
    models: Annotated[str | None, Option("a folder of models in diffusers' format, offered beside those of synoptic")] = None
    out: Annotated[str, Option("folder of the pictures, each run in one of its own")] = "outputs"
    open: Annotated[bool, Option("show the page in the browser")] = False
    max_pixels: Annotated[int, Option("pixels of one picture, at most", at_least=1)] = 4_000_000
    max_steps: Annotated[int, Option("steps of one picture, at most", at_least=1)] = 10_000
    max_pictures: Annotated[int, Option("pictures of one job, at most", at_least=1)] = 64

    def prepare(self) -> Self:
        check_installed("gradio", "the studio needs gradio", install_command("studio"))
        if self.models is not None and not user_path(self.models).is_dir():
            raise InputError(
                f"--models must be a folder, {self.models} is none: create it or name another", rule="models-folder"
            )
        if not self.listen:
            self.check_heeded("shared_history", where="of --listen, without which there is one browser")
        check_writable(user_path(self.out))
        return self
