"""`bookgraph doctor`: checks what bookgraph needs, and says what to do."""

from __future__ import annotations

import sys
from dataclasses import asdict

from bookgraph.cli.checks import run_checks
from bookgraph.cli.common import AsJson
from bookgraph.cli.render import print_json, say
from bookgraph.core.settings import load_settings

_WORDS = {"ok": "ok     ", "warning": "WARNING", "problem": "PROBLEM"}


def doctor(as_json: AsJson = False) -> None:
    """Check what bookgraph needs, and print the command that mends what is wrong.

    Nothing is changed or started. Exits with 1 if there is a problem; warnings do not count.
    """
    checks = run_checks(load_settings())
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        for check in checks:
            mend = f". Run: {check.command}" if check.command else ""
            say(f"{_WORDS[check.state]}  {check.name}: {check.finding.rstrip('.')}{mend}")
    if any(check.state == "problem" for check in checks):
        sys.exit(1)
