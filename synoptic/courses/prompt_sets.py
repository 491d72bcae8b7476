"""Prompt sets: the courses' three kinds of prompts file, and plain lists of prompts. Imports nothing heavy."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Literal

from synoptic.courses.files import file_name
from synoptic.errors import InputError, is_encodable, printable, user_path
from synoptic.utils.json_objects import without_duplicates

Kind = Literal["wide", "ambiguous", "edit", "plain"]
OURS = {path.stem: path for path in sorted((Path(__file__).parent / "prompts").glob("*.json"))}
CANVAS, LAST = 3072, 2560  # the width that the courses' positions are meant for, and the last place of a crop of 512 in it
FIELDS: dict[
    Kind, tuple[str, ...]
] = {  # a kind and its fields: an entry is of the first kind that it has a field of its own of
    "ambiguous": ("canonical_prompt", "instance_prompt"),
    "edit": ("prompt", "edit_prompt", "img_path"),
    "wide": ("prompt", "eval_pos"),
    "plain": ("prompt",),
}


@dataclass(frozen=True)
class Entry:
    """`prompt` is an ambiguous pair's canonical one; `other` its instance prompt, or what a picture is edited into."""

    prompt: str
    other: str = ""
    positions: tuple[int, ...] = ()
    source: Path | None = None


@dataclass(frozen=True)
class PromptSet:
    """A prompts file: `name` as typed, its kind, its entries in order, and names of fields that nothing reads."""

    name: str
    kind: Kind
    entries: tuple[Entry, ...]
    unread: tuple[str, ...] = ()

    def warnings(self) -> list[str]:
        """Return the warning of fields that nothing reads, if there are any."""
        names, read = ", ".join(printable(name)[:40] for name in self.unread[:5]), ", ".join(FIELDS[self.kind])
        says = f"{self.name} has fields that are not read: {names}; of {self.kind} prompts they are {read}"
        return [says] if self.unread else []


def read_set(name: str) -> PromptSet:
    """Return the set `wide`, `ambiguous` or `edit` of our own, or a .json, .jsonl or .csv file.

    The fields say the kind: prompt + eval_pos is wide; canonical_prompt + instance_prompt is ambiguous; prompt +
    edit_prompt + img_path is edit ($HOME and ~ are replaced, other paths start at the file); prompt alone or text is plain.
    Raises InputError, naming file and entry, where the file cannot be read, an entry is broken, or two would share a file.
    """
    path = OURS.get(name) or user_path(name)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise InputError(
            f"a prompts file is needed, {name} {what}: check the path, or take one of ours: {', '.join(OURS)}",
            rule="prompts-missing",
        )
    if path.suffix.lower() not in READERS:
        raise InputError(
            f"a prompts file must end in {', '.join(READERS)}, {name} does not: convert it", rule="prompts-suffix"
        )
    try:
        rows = list(READERS[path.suffix.lower()](path.read_text(encoding="utf-8-sig")))
    except (OSError, ValueError, RecursionError, csv.Error) as e:
        raise InputError(
            f"a prompts file must be readable as its name says, {name} is not ({e}): mend it", rule="prompts-unreadable"
        ) from None
    if not rows:
        raise InputError(f"a prompts file must hold at least one prompt, {name} holds none: add one", rule="prompts-empty")
    kinds: dict[Kind, str] = {}
    entries = []
    unread: dict[str, None] = {}  # in the order in which they are met
    for label, row in rows:
        where = f"{name}, entry {label}"
        fields = fields_of(row, where)
        kind = kind_of(fields, where)
        kinds.setdefault(kind, where)
        if len(kinds) > 1:
            (one, first), (other, _) = kinds.items()
            raise InputError(
                f"one prompts file holds one kind, {first} is {one} and {where} is {other}: split the file",
                rule="prompts-kinds",
            )
        entries.append((where, entry(kind, fields, where, path.parent)))
        unread |= dict.fromkeys(field for field in fields if field not in FIELDS[kind])
    (kind,) = kinds
    unique(entries)
    return PromptSet(name, kind, tuple(e for _, e in entries), tuple(unread))


def from_json(text: str) -> Iterator[tuple[str, object]]:
    found = json.loads(text, object_pairs_hook=without_duplicates)
    if isinstance(found, dict):
        yield from found.items()
    elif isinstance(found, list):
        yield from ((str(i), row) for i, row in enumerate(found, 1))
    else:
        raise ValueError("neither an object nor a list")


def from_lines(text: str) -> Iterator[tuple[str, object]]:
    for i, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield str(i), json.loads(line, object_pairs_hook=without_duplicates)


def from_csv(text: str) -> Iterator[tuple[str, object]]:
    rows = csv.DictReader(StringIO(text, newline=""), skipinitialspace=True)
    without_duplicates([(field.strip(), None) for field in rows.fieldnames or ()])
    for i, row in enumerate(rows, 1):
        if None in row:
            raise ValueError(f'row {i} has more cells than the header: put text with a comma in "…"')
        yield str(i), {field.strip(): value for field, value in row.items() if value}


READERS: dict[str, Callable[[str], Iterator[tuple[str, object]]]] = {
    ".json": from_json,
    ".jsonl": from_lines,
    ".csv": from_csv,
}


def fields_of(row: object, where: str) -> dict[str, object]:
    """Return the fields of an entry as a file has it; text alone is a prompt. Raises InputError where it is neither."""
    if isinstance(row, str):
        return {"prompt": row}
    if isinstance(row, dict):
        return row
    raise no_fields(where)


def kind_of(row: Mapping[str, object], where: str) -> Kind:
    """Return the kind of one entry, by its fields. Raises InputError where it has none or not all of them."""
    for kind, fields in FIELDS.items():
        if any(field in row for field in fields if field != "prompt" or kind == "plain"):
            for field in fields:
                if field not in row:
                    needed = ", ".join(fields)
                    raise InputError(
                        f"an entry of kind {kind} needs {needed}; {where} has no {field}: add it", rule="entry-lacks"
                    )
            return kind
    raise no_fields(where)


def no_fields(where: str) -> InputError:
    every = "; ".join(", ".join(fields) for fields in FIELDS.values())
    return InputError(
        f"an entry must be text or have one of these groups of fields: {every}; {where} has none: add them",
        rule="entry-fields",
    )


def entry(kind: Kind, row: Mapping[str, object], where: str, base: Path) -> Entry:
    texts = [words(row, field, where) for field in FIELDS[kind] if field != "eval_pos"]
    match kind:
        case "wide":
            return Entry(texts[0], positions=positions(row["eval_pos"], where))
        case "edit":
            home = re.sub(r"\$HOME\b|\$\{HOME\}", lambda _: str(Path.home()), texts[2])
            return Entry(texts[0], texts[1], source=base / user_path(home))
        case "ambiguous":
            return Entry(texts[0], texts[1])
    return Entry(texts[0])


def words(row: Mapping[str, object], field: str, where: str) -> str:
    text = row[field]
    if not isinstance(text, str) or not text.strip() or not is_encodable(text):
        raise InputError(f"{field} must be text, that of {where} is {json.dumps(text)[:60]}: write it", rule="entry-text")
    return text.strip()


def positions(given: object, where: str) -> tuple[int, ...]:
    """Return the left edges of the crops, in pixels of the courses' canvas; text with numbers, as in CSV, is read too."""
    if isinstance(given, str):
        given = [int(n) if re.fullmatch("-?[0-9]{1,9}", n) else n for n in re.split(r"[\s,;]+", given.strip(" []"))]
    found = [p for p in given if type(p) is int and 0 <= p <= LAST] if isinstance(given, list) else []
    if not found or found != given or len(set(found)) < len(found):
        raise InputError(
            f"eval_pos must be whole numbers from 0 to {LAST}, each once (left edges of crops in the courses' canvas of"
            f" {CANVAS}); that of {where} is {json.dumps(given)[:80]}: correct it",
            rule="eval-pos",
        )
    return tuple(found)


def unique(entries: list[tuple[str, Entry]]) -> None:
    """Check that no two pictures, which are named after their prompts, have one name. Raises InputError."""
    pairs = entries[0][1].source is None
    seen: dict[tuple[bool, str], str] = {}
    for where, e in entries:
        for i, prompt in enumerate([e.prompt, e.other] if e.other else [e.prompt]):
            key = (
                pairs or i == 0,
                file_name(prompt),
            )  # both of an ambiguous pair lie in one folder, those of an edit do not
            if key in seen:
                raise InputError(
                    f"pictures are named after their prompts, {seen[key]} and {where} would both be {key[1]}: reword one",
                    rule="prompts-same-name",
                )
            seen[key] = where
