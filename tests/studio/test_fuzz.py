"""Requests drawn from the schema of the HTTP interface, and from beside it: none is a server error."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("gradio")

import synoptic
from synoptic.options import options_class
from synoptic.studio.permissions import NOT_ASKED

NAMES = {
    name: [spec.name for spec in options_class(name).specs() if spec.name not in NOT_ASKED] for name in synoptic.APPLICATIONS
}
TEXTS = st.text(max_size=20) | st.sampled_from(
    ["../x", "/etc/passwd", "bundled", "auto", "0,0,1,1: a", "\ud800", "a\0b", "nan"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)


@st.composite
def jobs(draw: st.DrawFn) -> dict[str, Any]:
    """An application, and some of its options with values of any type; one may not exist."""
    application = draw(st.sampled_from(synoptic.APPLICATIONS) | TEXTS)
    known = st.sampled_from(NAMES[application]) if application in NAMES else TEXTS
    options = draw(st.dictionaries(known | TEXTS, VALUES, max_size=4))
    prompt = draw(st.sampled_from([["a"], ["a", "b"], "a"]))
    return {"application": application, "options": {"prompt": prompt, **options} if draw(st.booleans()) else options}


@pytest.mark.slow
def test_no_request_is_a_server_error(client, monkeypatch):
    c = client()
    monkeypatch.setattr("synoptic.studio.jobs.Jobs._carry_out", lambda self, job: self._end(job, "done"))  # without painting

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(jobs())
    def submit(body: dict[str, Any]) -> None:
        answer = c.post("/api/jobs", content=json.dumps(body), headers={"content-type": "application/json"})
        assert answer.status_code < 500, (answer.status_code, answer.text)

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.binary(max_size=200), st.text(max_size=30), st.integers())
    def others(body: bytes, id: str, k: int) -> None:
        job = f"/api/jobs/{quote(id, safe='', errors='replace')}"
        answers = [c.post("/api/uploads", content=body), c.post("/api/uploads", content=b"glTF" + body), c.get(job)]
        answers += [c.delete(job), c.get(f"{job}/pictures/{k}"), c.post("/api/jobs", content=body)]
        assert all(answer.status_code < 500 for answer in answers), answers

    submit()
    others()
