"""Writes benchmark results as JSON, with the machine, versions and command that they depend on.

Every run writes to `build/bench/`. With `keep` it also writes to `benchmarks/results/`, which is
committed; the tables in `docs/benchmarks.md` are made from it.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "benchmarks" / "results"
DOCUMENT = ROOT / "docs" / "benchmarks.md"

_ALWAYS = ("numpy", "torch", "neo4j")


def write_results(
    name: str, values: Mapping[str, object], *, packages: Sequence[str] = (), keep: bool = False
) -> Path:
    """Write the results of a benchmark.

    Args:
        name: of the benchmark, and of the file.
        values: plain values for JSON.
        packages: further packages whose versions matter.
        keep: whether the result becomes the committed one.

    Returns:
        The file written last.
    """
    report = {
        "benchmark": name,
        # Paths differ between machines.
        "command": " ".join(
            ["python", *(Path(one).name if "/" in one else one for one in sys.argv)]
        ),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _describe_machine(),
        "versions": {
            "python": platform.python_version(),
            **{package: _version(package) for package in (*_ALWAYS, *packages)},
        },
        **values,
    }
    text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
    folders = (ROOT / "build" / "bench", *((KEPT,) if keep else ()))
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.json").write_text(text, "utf-8")
    return folders[-1] / f"{name}.json"


def fill_document(name: str, table: str) -> None:
    """Put a benchmark's tables between its marks in docs/benchmarks.md."""
    text = DOCUMENT.read_text("utf-8")
    opening, closing = (
        f"<!-- {name}: made by `bookgraph bench {name} --keep` -->",
        f"<!-- /{name} -->",
    )
    before, _, rest = text.partition(opening)
    _, _, after = rest.partition(closing)
    DOCUMENT.write_text(f"{before}{opening}\n{table}\n{closing}{after}", "utf-8")


def _describe_machine() -> dict[str, object]:
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "num_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "load_before": psutil.getloadavg()[0],
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "")


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
