"""The tables as files. The same tables give the same bytes."""

import csv
import io
from importlib import import_module
from types import ModuleType
from typing import Any

import msgspec

from triptych.network.usage.report import Report, Row
from triptych.spec.errors import NotConfiguredError

COLUMNS = Row.__struct_fields__
_TEXTS = frozenset({"part", "period", "by", "name", "weights"})
_encoder = msgspec.json.Encoder(order="sorted")


def as_json(report: Report) -> bytes:
    """Everything, as JSON with sorted names."""
    return msgspec.json.format(_encoder.encode(report), indent=1) + b"\n"


def as_csv(rows: tuple[Row, ...]) -> bytes:
    """The rows (RFC 4180, but for line feeds alone); None is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([getattr(row, name) for name in COLUMNS] for row in rows)
    return out.getvalue().encode()


def as_parquet(rows: tuple[Row, ...]) -> bytes:
    """The rows as Apache Parquet. Raises NotConfiguredError where the extra is not installed."""
    core, files = _library("arro3.core"), _library("arro3.io")
    columns = {name: core.Array([getattr(row, name) for row in rows], type=_type(core, name)) for name in COLUMNS}
    out = io.BytesIO()
    files.write_parquet(core.Table.from_pydict(columns), out, compression="zstd(3)")
    return out.getvalue()


def _type(core: ModuleType, name: str) -> Any:
    return core.DataType.utf8() if name in _TEXTS else core.DataType.int64()


def _library(name: str) -> ModuleType:
    """A part of the extra. It is looked for when it is used, so that everything else works without it."""
    try:
        return import_module(name)
    except ImportError:
        raise NotConfiguredError(
            "Parquet files need the extra `triptych[parquet]`, which is not installed.",
            hint="Install it with `pip install 'triptych[parquet]'`, or ask for JSON or CSV.",
        ) from None
