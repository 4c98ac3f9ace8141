"""trunk-cache: list the stored activations of frozen blocks, or clear them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pandas as pd

from artstyle_tf.system.errors import ArtstyleError
from artstyle_tf.system.invocation import Invocation
from artstyle_tf.system.progress import format_seconds
from artstyle_tf.trunk_cache.cache_decision import format_bytes
from artstyle_tf.trunk_cache.cache_folder import (
    StoredTable,
    remove_table,
    stored_tables,
    trunk_cache_folder,
)
from artstyle_tf.trunk_cache.settings import TrunkCacheExperiment


def run(config: TrunkCacheExperiment, invocation: Invocation) -> dict[str, Any]:
    """List the cache and remove the tables to clear."""
    del invocation
    folder, tables, to_clear = _read(config)
    for table in to_clear:
        remove_table(table)
    return _describe(folder, tables, to_clear)


def plan(config: TrunkCacheExperiment, invocation: Invocation) -> dict[str, Any]:
    """Return what `run` would remove."""
    del invocation
    return {"dry_run": True, **_describe(*_read(config))}


def summarize(result: dict[str, Any]) -> str:
    """Return the result of `run` or `plan` as text."""
    if not result["tables"]:
        return f"{result['folder']} is empty"
    listed = pd.DataFrame(result["tables"])
    sizes = listed.pop("size_bytes")
    listed["size"] = [format_bytes(size) for size in sizes]
    listed["last used"] = [f"{format_seconds(age)} ago" for age in listed.pop("seconds_since_use")]
    lines = [
        listed.to_string(index=False),
        f"{format_bytes(sizes.sum())} in {result['folder']}",
    ]
    if result["cleared"]:
        removed = "Would remove" if result.get("dry_run") else "Removed"
        lines.append(f"{removed}: {', '.join(result['cleared'])}")
    return "\n".join(lines)


summarize_plan = summarize


def _read(config: TrunkCacheExperiment) -> tuple[Path, list[StoredTable], list[StoredTable]]:
    """Return the folder, its tables, and those to clear."""
    folder = trunk_cache_folder(config.outputs, config.folder)
    tables = stored_tables(folder)
    return folder, tables, _tables_to_clear(config, tables)


def _tables_to_clear(config: TrunkCacheExperiment, tables: list[StoredTable]) -> list[StoredTable]:
    if config.clear is None:
        return []
    if config.clear == "all":
        return tables
    chosen = [table for table in tables if table.key == config.clear]
    if not chosen:
        raise ArtstyleError(
            "The trunk cache has no such table",
            received=f"--clear {config.clear}",
            expected="all, or one of " + ", ".join(table.key for table in tables)
            if tables
            else "all; it is empty",
        )
    return chosen


def _describe(
    folder: Path, tables: list[StoredTable], cleared: list[StoredTable]
) -> dict[str, Any]:
    now = time.time()
    return {
        "folder": str(folder),
        "tables": [
            {
                "key": table.key,
                **{
                    name: table.description.get(name)
                    for name in ("backbone", "boundary", "image_size_px", "dtype")
                },
                "size_bytes": table.size_bytes,
                "seconds_since_use": max(0.0, now - table.last_used),
            }
            for table in tables
        ],
        "cleared": [table.key for table in cleared],
    }
