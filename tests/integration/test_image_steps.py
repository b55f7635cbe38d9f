"""The steps of the Dockerfile without an engine: built in a clean folder, run read-only as a user.

The packages of the lock are not downloaded again: those that the tests use stand in for them.
"""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bookgraph.core.processes import find_free_port, wait_until
from bookgraph.core.settings import Settings
from bookgraph.graph.server.local import LocalServer
from bookgraph.graph.store import Store

ROOT = Path(__file__).resolve().parents[2]
PYTHON = Path("/usr/bin/python3")
PACKAGES = Path(sysconfig.get_path("purelib"))
STEPS = re.findall(
    r"^([A-Z]+) ((?:.*\\\n)*.*)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE
)


def problem() -> str:
    """Why the steps cannot run on this machine; empty if they can."""
    if os.name != "posix" or os.geteuid() != 0 or not shutil.which("setpriv"):
        return "only root with setpriv can run a program as another user"
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    found = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=False)
    if found.stdout.strip() != sysconfig.get_python_version():
        return "the system's Python is another one than that of the tests, whose packages are used"
    return ""


pytestmark = pytest.mark.skipif(bool(problem()), reason=problem() or "none")


@dataclass
class Image:
    """A folder in place of the image's root.

    Attributes:
        root: stands for `/`.
        environment: of the final stage.
        folder: in which the program starts.
        user: user and group, as numbers.
    """

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path = Path("/")
    user: str = ""

    def path(self, text: str) -> Path:
        return self.root / text.lstrip("/")

    def moved(self, text: str) -> str:
        """A text with its paths below the root."""
        return re.sub(r"(?<![\w/.])/(opt|src|data|tmp)\b", rf"{self.root}/\1", text)

    def as_user(self, *command: str, **variables: str) -> subprocess.Popen[bytes]:
        user, _, group = self.user.partition(":")
        change = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]
        change += ["--no-new-privs", "--bounding-set=-all"]
        return subprocess.Popen(
            [*change, *command],
            cwd=self.folder,
            env={**self.environment, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """The image's files, made by the Dockerfile's own steps."""
    with tempfile.TemporaryDirectory(prefix="bookgraph-image-") as folder:
        image = Image(Path(folder))
        image.root.chmod(0o755)
        image.path("tmp").mkdir()
        image.path("tmp").chmod(0o1777)
        image.path("opt").mkdir()
        image.folder = image.path("src")
        for word, text in STEPS:
            carry_out(image, word, text)
        yield image


def carry_out(image: Image, word: str, text: str) -> None:
    if word == "WORKDIR":
        image.folder = image.path(text)
        image.folder.mkdir(parents=True, exist_ok=True)
    elif word == "USER":
        image.user = text
    elif word == "ENV":
        pairs = dict(pair.split("=", 1) for pair in text.replace("\\\n", " ").split())
        known = {name: image.moved(value) for name, value in pairs.items()}
        known["PATH"] = known["PATH"].replace("$PATH", "/usr/bin:/bin")
        image.environment.update(known)
    elif word == "COPY" and text == ". .":
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
            if line.startswith("!"):
                copy(ROOT / line[1:], image.folder / line[1:])
    elif word == "COPY" and "--from" not in text:
        source, _, target = text.partition(" ")
        copy(ROOT / source, image.folder / target)
    elif word == "RUN":
        run(image, text)


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", ".env*")
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, ignore=ignored)
    else:
        shutil.copy(source, target)


def run(image: Image, text: str) -> None:
    if "requirements/install" in text:
        assert (image.folder / "requirements" / "install").stat().st_mode & 0o111
        (site,) = image.path("opt/bookgraph/lib").glob("python*/site-packages")
        (site / "packages.pth").write_text(f"{PACKAGES}\n", "utf-8")
        return
    command = image.moved(text).replace("python -m venv", f"{PYTHON} -m venv --without-pip")
    done = subprocess.run(
        ["/bin/sh", "-ec", command],
        cwd=image.folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(image.path("tmp"))},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def get(port: int, path: str, host: str = "localhost") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"Host": host})
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def test_the_package_in_the_image_is_the_one_that_runs_and_cannot_be_changed(image: Image) -> None:
    code = "import bookgraph, os; print(bookgraph.__file__); open(bookgraph.__file__, 'a')"
    process = image.as_user("python", "-c", code)
    printed = process.communicate(timeout=60)[0].decode()
    assert process.returncode != 0
    assert printed.startswith(str(image.path("opt/bookgraph/lib")))
    assert "PermissionError" in printed


@pytest.mark.timeout(600)
def test_the_server_runs_read_only_as_another_user(
    image: Image, settings: Settings, store: Store
) -> None:
    password = (settings.neo4j_home / "password").read_text("utf-8").strip()
    secret = image.path("secret")
    secret.write_text(f"{password}\n", "utf-8")
    port = find_free_port()
    process = image.as_user(
        "bookgraph", "serve", "--host", "0.0.0.0", "--port", str(port),
        NEO4J_URI=LocalServer(settings).status().bolt_uri,
        NEO4J_PASSWORD_FILE=str(secret),
        BOOKGRAPH_PUBLIC="true",
    )  # fmt: skip
    try:
        wait_until(
            lambda: process.poll() is not None or get(port, "/healthz") == 200, timeout_s=120
        )
        assert process.poll() is None, (process.stdout.read() if process.stdout else b"").decode()
        assert get(port, "/") == 200
        assert get(port, "/", "evil.example") == 421
        assert get(port, "/healthz", "10.1.2.3") == 200
        for name in ("environ", "cmdline"):
            assert password.encode() not in Path(f"/proc/{process.pid}/{name}").read_bytes()
        process.send_signal(signal.SIGTERM)
        printed = process.communicate(timeout=30)[0].decode()
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in printed
    assert password not in printed
