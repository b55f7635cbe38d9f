"""A server's log stays small while several processes write it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bookgraph.core.processes import is_running, start_detached, wait_until

SERVER = """
import subprocess, sys
from pathlib import Path
from bookgraph.api.ops.logs import keep_log_bounded
is_ended = keep_log_bounded(Path(sys.argv[1]), max_bytes=100_000, num_old=2, pause_s=0.01)
assert is_ended is not None
worker = "import os, sys, time\\nfor n in range(6000): "
worker += "os.write(2, b'%s %d %s\\\\n' % (sys.argv[1].encode(), n, b'x' * 80)); time.sleep(0.0002)"
workers = [subprocess.Popen([sys.executable, "-c", worker, name]) for name in ("one", "two")]
for one in workers:
    one.wait()
"""


def test_several_processes_write_one_log_of_bounded_size(tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    pid = start_detached([sys.executable, "-c", SERVER, str(log)], log_file=log)
    sizes: list[int] = []

    def look() -> bool:
        sizes.append(sum(path.stat().st_size for path in tmp_path.iterdir()))
        return not is_running(pid)

    assert wait_until(look, timeout_s=120, pause_s=0.02)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["serve.log", "serve.log.1", "serve.log.2"], log.read_text()
    assert max(sizes) < 1_000_000, "two processes wrote a megabyte"
    for name in names:
        text = (tmp_path / name).read_bytes()
        assert b"\0" not in text, "who writes must write at the end of the emptied file"
        assert all(line.startswith((b"one ", b"two ")) for line in text.splitlines()[1:])


def test_a_terminal_is_left_alone(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from bookgraph.api.ops.logs import keep_log_bounded\n"
        "assert keep_log_bounded(Path(sys.argv[1])) is None"
    )
    log = tmp_path / "serve.log"
    log.write_text("of another run")
    subprocess.run([sys.executable, "-c", code, str(log)], check=True, timeout=120)
    assert log.read_text() == "of another run"
