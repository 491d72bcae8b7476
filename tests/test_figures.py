"""Figures on the pages are those of the JSON in docs/benchmarks/, and the driver's ratios are those of its seconds."""

from __future__ import annotations

from functools import partial
from typing import Any

from benchmarks import figures, page_durations
from benchmarks.__main__ import compared, rows_of


def test_no_page_says_what_the_json_does_not():
    assert figures.stale() == []


def test_every_figure_stands_on_a_page():
    found = {match[2] for page in figures.pages() for match in figures.MARKED.finditer(page.read_text())}
    assert found == set(figures.FIGURES)


def test_a_page_with_another_figure_is_found_and_filled(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text("Before <!-- figures: wide-on-gpu -->9 times<!-- end --> after.")
    monkeypatch.setattr(figures, "pages", lambda: iter([page]))
    monkeypatch.setattr(figures, "ROOT", tmp_path)
    assert figures.stale() == [page]
    figures.write()
    ours = figures.read("full-size-h200")["speed"]
    best = min(row["step"] for name, row in ours.items() if name.startswith("diffusers"))
    assert f">{best / ours['synoptic']['step']:.1f} times as fast as diffusers' best" in page.read_text()
    assert page.read_text().endswith("<!-- end --> after.") and figures.stale() == []


def test_ratios_are_to_the_first_side_and_to_the_best_peer():
    seconds = {"peer": (8.0, 9.0), "peer, best": (4.0, 5.0), "synoptic": (2.0, 3.0)}
    rows = list(rows_of("a picture", seconds))
    assert [row["side"] for row in rows] == [*seconds] and {row["what"] for row in rows} == {"a picture"}
    assert [row["times as fast"] for row in rows] == [1, 2, 4] and [row["times its best"] for row in rows] == [0.5, 1, 2]


def test_every_side_is_run_in_turn_after_a_warm_up():
    ran: list[str] = []
    rows = list(compared("runs", {name: partial(ran.append, name) for name in "ab"}, 2))
    assert ran == list("ababab") and [row["side"] for row in rows] == ["a", "b"]


def test_seconds_stand_below_a_block_in_the_order_of_its_commands(monkeypatch):
    found = {"synoptic wide 'a lake' --fast": 7.4, "synoptic models": 0.2, "synoptic views": 0.3, "synoptic batch jobs": 118}
    slow = ["synoptic batch jobs"]  # on a processor without bfloat16
    monkeypatch.setattr(page_durations, "read", lambda name: {"seconds": found, "in_float32": slow})
    block = "```\nsynoptic wide 'a lake' \\\n    --fast  # quick\nsynoptic models\nsynoptic batch jobs\n```\n"
    page = f"{block}<!-- durations -->\n*Time: 9 s.*\n<!-- end -->\n"
    page += "```\nsynoptic models\nsynoptic views\n```\n<!-- durations -->\n<!-- end -->\n"
    page += "```\nsynoptic batch jobs\nsynoptic studio\n```\n<!-- durations -->\n*Time: 9 s.*\n<!-- end -->\n"
    filled = page_durations.filled(page)
    said = [match["said"].partition(": ")[2] for match in page_durations.DURATIONS.finditer(filled)]
    assert said == ["7 s, 1 s, 120 s in float32.*\n", "1 s each.*\n", ""] and page_durations.filled(filled) == filled


def test_seconds_stand_in_a_table_and_stay_where_nothing_was_measured(monkeypatch):
    found: dict[str, Any] = {"seconds": {"synoptic wide 'a lake' --fast": 7.4}}
    monkeypatch.setattr(page_durations, "read", lambda name: found)
    table = '| what | command | seconds |\n|---|---|---|\n| wide | `synoptic wide "a lake" --fast` | 9 |\n'
    table += '| object | `synoptic text-to-3d "a mug"` | 600 |\n| any | `synoptic evaluate wide` | minutes |\n'
    assert page_durations.filled(table) == table.replace("| 9 |", "| 7 |")
    found["in_float32"] = [*found["seconds"]]
    marked = page_durations.filled(table)
    assert marked == table.replace("| 9 |", "| 7 in float32 |") and page_durations.filled(marked) == marked
    assert [*page_durations.wanted([table])] == ["synoptic wide 'a lake' --fast", "synoptic text-to-3d 'a mug'"]


def test_every_measured_second_stands_on_a_page():
    assert set(page_durations.read(page_durations.NAME)["seconds"]) <= {
        *page_durations.wanted(page.read_text() for page in figures.pages())
    }


def test_the_commands_of_one_section_are_taken(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "".join(f"# {k}, a part\n```\npython {k}.py\n```\n<!-- durations -->\n<!-- end -->\n" for k in "abc")
        + "# none\n```\nsynoptic models\n```\n"
    )
    asked = [f"{page}#{heading}" for heading in ("b-a-part", "c-a-part", "none")]
    assert [*page_durations.wanted(map(page_durations.part, asked))] == ["python b.py", "python c.py"]
    assert [*page_durations.wanted([page_durations.part(str(page))])] == ["python a.py", "python b.py", "python c.py"]


def test_prompts_and_seeds_do_not_decide_how_long_a_command_takes():
    one = page_durations.shape("synoptic wide 'a lake' --fast --seed 3")
    assert one == page_durations.shape("synoptic wide 'a hill' --fast")
    assert one != page_durations.shape("synoptic wide 'a hill'") and one != page_durations.shape("synoptic wide a b --fast")
