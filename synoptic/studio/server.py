"""The studio's server: the page, the HTTP interface, and who may use them."""

from __future__ import annotations

import base64
import json
import os
import secrets
import sys
import tempfile
import webbrowser
from collections.abc import Mapping
from getpass import getpass
from pathlib import Path
from urllib.parse import urlsplit

import gradio as gr
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from gradio import themes
from PIL import Image
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from synoptic.errors import InputError, user_path
from synoptic.io import write_whole
from synoptic.options.studio import StudioOptions
from synoptic.studio.api import api
from synoptic.studio.jobs import Jobs
from synoptic.studio.page import Page
from synoptic.studio.permissions import Permissions
from synoptic.studio.style import style
from synoptic.utils.deferred_imports import collector_paused
from synoptic.utils.image_formats import FORMATS
from synoptic.utils.streams import error_stream

PASSWORD = "SYNOPTIC_STUDIO_PASSWORD"
MOST_BYTES = 32 * 2**20  # of a request
SECONDS_TO_END = 1  # that open pages are given: they would keep it from ending
TOO_LARGE = f"a request has at most {MOST_BYTES} bytes"
HEADERS = {  # nothing from outside, and nobody else's page around this one
    "content-security-policy": "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; frame-ancestors 'self';"
    " object-src 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}  # fmt: skip
LEGIBLE = {  # colors of the theme that stand out from their ground by 4.5 to 1
    "block_info_text_color": "*neutral_600",
    "block_info_text_color_dark": "*neutral_300",
    "block_title_text_color": "*neutral_700",
    "block_label_text_color": "*neutral_700",
    "color_accent": "*primary_700",
    "button_primary_background_fill": "*primary_700",
    "button_primary_background_fill_dark": "*primary_700",
    "button_primary_background_fill_hover": "*primary_800",
    "input_placeholder_color": "*neutral_500",
    "input_placeholder_color_dark": "*neutral_400",
}
LOCAL = ("localhost", "127.0.0.1", "[::1]", "testserver")


def build(options: StudioOptions, password: str = "") -> FastAPI:
    """Build the server's application. Sets up Pillow and gradio for this process."""
    folder = user_path(options.out).absolute()
    private = folder / ".studio"
    uploads = private / "uploads"
    uploads.mkdir(parents=True, exist_ok=True)
    served = Path(os.environ["GRADIO_TEMP_DIR"])
    only_pictures()
    jobs = Jobs(folder, Permissions(options, uploads))
    app = FastAPI(title="synoptic studio", docs_url=None, redoc_url=None)
    app.state.jobs = jobs
    app.include_router(api(jobs))
    app.add_exception_handler(RequestValidationError, explain)
    page = Page(jobs, served, kept_secret(private / "secret")).build()
    theme = themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]).set(**LEGIBLE)
    page.has_launched = True  # else gradio takes any file of this machine for one that was uploaded (test_queue.py)
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        theme=theme,
        css=style(),
        footer_links=[],
        ssr_mode=False,
        max_file_size=MOST_BYTES,
        show_error=False,
        enable_monitoring=False,
    )
    app.add_middleware(Guard, password=password, anyone=options.listen)
    jobs.begin()
    return app


async def explain(_: Request, error: Exception) -> Response:
    """Answer a request that the schema does not allow: where it is wrong, and why, without the bytes that it held."""
    assert isinstance(error, RequestValidationError)
    detail = [{"loc": [str(part) for part in one["loc"]], "msg": one["msg"]} for one in error.errors()]
    return Response(json.dumps({"detail": detail}), 422, media_type="application/json")


def kept_secret(file: Path) -> str:
    """Return the secret of this folder's studio, made at its first start: what browsers keep is encrypted with it."""
    if not file.exists():
        write_whole(file, secrets.token_urlsafe(32))
        file.chmod(0o600)
    return file.read_text("utf-8")


def only_pictures() -> None:
    """Let Pillow open pictures alone in this process: other formats start programs, or have no end."""
    Image.init()
    Image.ID[:] = [name for name in Image.ID if name in FORMATS]


class TooLarge(Exception):
    """A request has more bytes than are taken."""


class Guard:
    """Middleware that asks for the password, bounds requests, and refuses those of other pages."""

    def __init__(self, app: ASGIApp, password: str, anyone: bool) -> None:
        self.app, self.password, self.anyone = app, password, anyone

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        status, text = self.refusal(scope["path"], headers)
        if status:
            return await refuse(send, status, text)
        taken, begun = 0, False

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > MOST_BYTES:
                raise TooLarge
            return message

        async def with_headers(message: Message) -> None:
            nonlocal begun
            begun = True
            if message["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", []), *own]}
            await send(message)

        try:
            await self.app(scope, bounded, with_headers)
        except TooLarge:
            if not begun:
                await refuse(send, 413, TOO_LARGE)

    def refusal(self, path: str, headers: Mapping[str, str]) -> tuple[int, str]:
        """Return why a request is refused, as a status and a text; (0, "") where it is not."""
        host = headers.get("host", "")
        if "\0" in path or "/gradio_api/proxy=" in path:  # nothing is fetched for anyone
            return 404, "there is nothing here"
        if not self.anyone and host.rpartition(":")[0] not in LOCAL and host not in LOCAL:
            return 403, "this studio answers its own machine alone: start it with --listen"
        origin = headers.get("origin")
        if origin and host_of(origin) != host:
            return 403, "a request of another page is not answered"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            return 413, TOO_LARGE
        if self.password and not secrets.compare_digest(given_password(headers).encode(), self.password.encode()):
            return 401, "a password is needed"
        return 0, ""


async def refuse(send: Send, status: int, text: str) -> None:
    """Answer a request with a text alone; 401 asks for the password."""
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    headers += [(b"www-authenticate", b'Basic realm="synoptic studio"')] if status == 401 else []
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})


def host_of(origin: str) -> str | None:
    """Return the host, and port, of a page's origin; None of what is no address."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def given_password(headers: Mapping[str, str]) -> str:
    """Return the password of HTTP Basic authentication, whatever the user's name; "" where there is none."""
    kind, _, code = headers.get("authorization", "").partition(" ")
    try:
        return base64.b64decode(code, validate=True).decode().partition(":")[2] if kind.lower() == "basic" else ""
    except ValueError:
        return ""


def asked_password(options: StudioOptions) -> str:
    """Return the password: from the environment, or from a person where others may come. Never from the command line."""
    password = os.environ.get(PASSWORD, "")
    if options.listen and not password and sys.stdin.isatty():
        password = getpass("a password for this studio (empty: none): ")
    if options.listen and not password:
        print(f"warning: anyone who reaches this machine may paint: set {PASSWORD}", file=error_stream())
    return password


def execute(options: StudioOptions) -> None:
    """Serve the studio until it is stopped; what browsers fetch lies in a folder of its own, which is removed."""
    with tempfile.TemporaryDirectory(prefix="synoptic-studio-") as served:
        os.environ |= {"GRADIO_TEMP_DIR": served, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}
        serve(options)


def serve(options: StudioOptions) -> None:
    """Answer requests until it is stopped."""
    password = asked_password(options)
    with collector_paused():
        app = build(options, password)
    host = "0.0.0.0" if options.listen else "127.0.0.1"
    config = uvicorn.Config(app, host, options.port, log_level="warning", timeout_graceful_shutdown=SECONDS_TO_END)
    server = uvicorn.Server(config)
    socket = config.bind_socket() if options.port == 0 else None
    port = socket.getsockname()[1] if socket else options.port
    print(f"http://localhost:{port} (Ctrl-C ends it; pictures are in {options.out})", flush=True)
    if options.open:
        webbrowser.open(f"http://localhost:{port}")
    try:
        server.run(sockets=[socket] if socket else None)
    except SystemExit:
        raise InputError(
            f"--port must be one that is free, {options.port} is not: choose another", rule="port-taken"
        ) from None
