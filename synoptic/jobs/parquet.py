"""A table of jobs in Parquet, by pyarrow, which is asked for only here."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import pyarrow
import pyarrow.parquet

from synoptic.jobs.cells import cell


def parquet_of(columns: Mapping[str, Sequence[object]]) -> bytes:
    """Return {name: values of the rows} as a Parquet file: numbers, texts and lists as they are, a mixed column as text."""
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({name: array_of(values) for name, values in columns.items()}), file)
    return file.getvalue()


def array_of(values: Sequence[object]) -> pyarrow.Array:
    try:
        return pyarrow.array(values)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError):
        return pyarrow.array([None if value is None else cell(value) for value in values])
