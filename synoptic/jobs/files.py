"""Reading a file of jobs, JSONL, CSV or YAML: one mapping per job with its line, or what is wrong with it."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import yaml

from synoptic.errors import InputError, printable
from synoptic.options.base import split_list
from synoptic.options.grid import parse
from synoptic.options.option import OptionSpec
from synoptic.utils.json_objects import JsonObject, first_twice

MOST_LINE = 2**20  # bytes of one line of JSONL or CSV
MOST_YAML = 2**26  # bytes of a YAML file, which is read whole
DEEPEST = 8  # lists and mappings inside one another
OTHER_MARKS = {";": "semicolons", "\t": "tabs"}  # that spreadsheets write between cells
ENDINGS = (".jsonl", ".csv", ".yaml", ".yml")
GRID = "grid"
NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
OTHER_BASE = re.compile(r"[-+]?(0[0-7_]+|[\d_]+(:[\d_.]+)+)")  # of YAML 1.1: octal, and to the base of 60
Loader: type[yaml.CSafeLoader | yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Entry(NamedTuple):
    """A job as it was written: its line (of an iterable its place, from 1), and its mapping, or what is wrong."""

    line: int
    job: JsonObject | InputError


class Cells(dict[str, str]):
    """A row of a table: every value is text, as on a command line."""


def read_entries(file: Path) -> Iterator[Entry]:
    """Yield the jobs of a file. Raises InputError where the file as a whole cannot be read."""
    readers = {".jsonl": read_jsonl, ".csv": read_csv, ".yaml": read_yaml, ".yml": read_yaml}
    if file.suffix.lower() not in readers:
        raise InputError(
            f"a file of jobs ends in {', '.join(ENDINGS)}, {file.name!r} does not: rename or convert it", rule="jobs-format"
        )
    if not file.is_file():
        raise InputError(f"a file of jobs is needed, {file} is none: check the path", rule="jobs-missing")
    try:
        with file.open("rb") as f:
            yield from readers[file.suffix.lower()](f)
    except OSError as e:
        raise InputError(
            f"the file of jobs must be readable, {file} is not ({e.strerror}): check it", rule="jobs-missing"
        ) from None


def lines(file: IO[bytes]) -> Iterator[tuple[int, str | InputError]]:
    """Yield the lines of a file with their numbers; what is too long or no UTF-8 as an error, never kept whole."""
    number = 0
    while line := file.readline(MOST_LINE + 1):
        number += 1
        if len(line) > MOST_LINE:
            while line and not line.endswith(b"\n"):
                line = file.readline(MOST_LINE)
            what = f"a line has at most {MOST_LINE >> 20} MiB, this one is longer: make it several jobs"
            yield number, InputError(what, rule="job-line-length")
            continue
        try:
            yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            yield number, InputError("a line must be text in UTF-8, this one is not: save it so", rule="job-encoding")


def read_jsonl(file: IO[bytes]) -> Iterator[Entry]:
    """Yield a job per line of JSON."""
    for number, line in lines(file):
        if isinstance(line, InputError):
            yield Entry(number, line)
        elif line.strip():
            yield Entry(number, parse_json(line))


def parse_json(line: str) -> JsonObject | InputError:
    try:
        found = json.loads(line, object_pairs_hook=without_duplicates)
    except InputError as e:
        return e
    except (ValueError, RecursionError) as e:
        return InputError(f"a line must be JSON, this one is not ({printable(e)[:100]}): correct it", rule="job-json")
    return found if isinstance(found, dict) else not_a_mapping(found)


def without_duplicates(pairs: list[tuple[str, object]]) -> JsonObject:
    """Return the pairs as a mapping. Raises InputError where a name stands twice."""
    if (twice := first_twice(name for name, _ in pairs)) is not None:
        raise InputError(f"a name stands once in a job, {twice[:60]!r} stands twice: omit one", rule="job-duplicate-key")
    return dict(pairs)


def not_a_mapping(found: object) -> InputError:
    return InputError(
        f"a job is a mapping of names to values, a {type(found).__name__} was given:"
        ' write {"application": "generate", "prompt": "…"}',
        rule="job-mapping",
    )


def read_csv(file: IO[bytes]) -> Iterator[Entry]:
    """Yield a job per row below a header of option names; an empty cell is not given."""

    def texts() -> Iterator[str]:
        for number, line in lines(file):
            if isinstance(line, InputError):
                raise InputError(f"line {number}: {line}", rule=line.rule)
            yield line

    rows = csv.reader(texts(), strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
        without_duplicates([(name, None) for name in header])
        if "" in header:
            raise InputError(
                f"line 1: every column has a name, number {header.index('') + 1} has none: name or omit it (to_csv of pandas"
                " with index=False)",
                rule="job-csv",
            )
        if len(header) == 1 and (other := next((mark for mark in OTHER_MARKS if mark in header[0]), None)):
            raise InputError(
                f"line 1: cells of a table stand between commas, here {OTHER_MARKS[other]} do so: save it with commas",
                rule="job-csv",
            )
        for row in rows:
            if len(row) > len(header):
                what = f"a row has at most the {len(header)} cells of the header, {len(row)} were given: quote commas"
                yield Entry(rows.line_num, InputError(what, rule="job-cells"))
            elif any(cell.strip() for cell in row):
                cells = {name: cell for name, cell in zip(header, row, strict=False) if cell.strip()}
                yield Entry(rows.line_num, Cells(cells))
    except csv.Error as e:
        raise InputError(
            f"line {rows.line_num}: a table must be CSV, this is not ({e}): correct it", rule="job-csv"
        ) from None


def value_of_cell(spec: OptionSpec, cell: str) -> object:
    """Return a cell as the option's own type, as on a command line; a list whose values hold commas is written as JSON."""
    if not spec.is_list:
        return parse(spec, cell.strip() if spec.kind is not str else cell)
    if cell.lstrip().startswith("["):
        try:
            return json.loads(cell)
        except (ValueError, RecursionError):
            return [cell]
    return split_list(cell) if spec.option.separator else [cell]


def read_yaml(file: IO[bytes]) -> Iterator[Entry]:
    """Yield the jobs of a YAML list of mappings. No tags but the plain ones, no aliases, no name twice."""
    text = file.read(MOST_YAML + 1)
    if len(text) > MOST_YAML:
        raise InputError(
            f"a YAML file of jobs has at most {MOST_YAML >> 20} MiB, this one is larger: use .jsonl", rule="jobs-yaml-size"
        )
    try:
        check_events(text)
        loader = Loader(text)
        node = loader.get_single_node()
        if not isinstance(node, yaml.SequenceNode):
            raise InputError("a YAML file of jobs is a list, this one is none: begin each with - ", rule="jobs-yaml-list")
    except (yaml.YAMLError, UnicodeDecodeError) as e:
        raise InputError(
            f"a file of jobs must be YAML, this one is not ({' '.join(str(e).split())[:160]}): correct it", rule="jobs-yaml"
        ) from None
    for item in node.value:
        yield Entry(item.start_mark.line + 1, constructed(loader, item))


def check_events(text: bytes) -> None:
    """Raise InputError for aliases, which can stand for more than memory holds, and for what is nested too deep."""
    depth = 0
    for event in yaml.parse(text, Loader):
        if isinstance(event, yaml.AliasEvent):
            raise InputError(
                f"line {event.start_mark.line + 1}: jobs have no aliases, *{event.anchor} is one: write it out",
                rule="jobs-yaml-alias",
            )
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise InputError(
                f"line {event.start_mark.line + 1}: lists and mappings are nested {DEEPEST} deep at most: write it flat",
                rule="jobs-yaml-depth",
            )


def constructed(loader: yaml.CSafeLoader | yaml.SafeLoader, node: yaml.Node) -> JsonObject | InputError:
    try:
        check_names(node)
        found = loader.construct_document(node)
    except InputError as e:
        return e
    except (yaml.YAMLError, ValueError, TypeError, OverflowError) as e:
        reason = getattr(e, "problem", None) or e
        return InputError(f"a job is plain values, this is not ({printable(reason)[:120]}): correct it", rule="job-yaml")
    return found if isinstance(found, dict) else not_a_mapping(found)


def check_names(node: yaml.Node) -> None:
    """Raise InputError where a name stands twice in a mapping, or is no text, or a number is not what it looks like."""
    if isinstance(node, yaml.ScalarNode) and node.tag in NUMBERS and OTHER_BASE.fullmatch(node.value):
        what = f"numbers are written plainly, {node.value[:60]} is another in YAML (010 is 8, 1:30 is 90): correct it"
        raise InputError(what, rule="job-number")
    if isinstance(node, yaml.MappingNode):
        for name, _ in node.value:
            if not isinstance(name, yaml.ScalarNode) or name.tag != "tag:yaml.org,2002:str":
                what = f"line {name.start_mark.line + 1}: names of options are plain text, this is not: correct it"
                raise InputError(what, rule="job-name")
        without_duplicates([(name.value, None) for name, _ in node.value])
    if isinstance(node, yaml.CollectionNode):
        for part in node.value:
            for one in part if isinstance(part, tuple) else (part,):
                check_names(one)
