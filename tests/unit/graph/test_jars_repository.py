"""Downloads from a small Maven repository on loopback, and the user's own repository on disk."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bookgraph.core.errors import ChecksumError, DownloadError
from bookgraph.graph.jars import fetch as jars_module
from bookgraph.graph.jars.fetch import fetch_jars
from bookgraph.graph.jars.lock import Jar
from bookgraph.graph.jars.repository import (
    find_in_local_repository,
    find_mirror,
    open_repository,
)

_CONTENT = b"the content of a jar " * 5000


def _jar(artifact: str, classifier: str = "") -> Jar:
    digest = hashlib.sha256(_CONTENT).hexdigest()
    return Jar("org.example.test", artifact, "1.0", classifier, digest, len(_CONTENT))


class _Repository(BaseHTTPRequestHandler):
    """Serves every jar; `cut*` breaks off in the middle, `absent*` is not there."""

    requested: list[str] = []  # noqa: RUF012 -- reset by the fixture
    num_cuts = 0

    def do_GET(self) -> None:
        kind = type(self)
        kind.requested.append(self.path)
        if "absent" in self.path:
            self.send_error(404)
            return
        content = b"other" * (len(_CONTENT) // 5) if "changed" in self.path else _CONTENT
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if "cut" in self.path and kind.num_cuts:
            kind.num_cuts -= 1
            content = content[:1000]
        self.wfile.write(content)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Repository]]:
    """A repository that the user's own Maven settings name as the mirror; no `mvn` on the PATH."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Repository)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    (tmp_path / ".m2").mkdir()
    (tmp_path / ".m2" / "settings.xml").write_text(
        "<settings><mirrors><mirror><id>m</id><mirrorOf>central</mirrorOf>"
        f"<url>http://127.0.0.1:{server.server_address[1]}/maven/</url>"
        "</mirror></mirrors></settings>",
        encoding="utf-8",
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(jars_module, "_RETRY_PAUSES_S", (0.0, 0.0))
    _Repository.requested = []
    _Repository.num_cuts = 0
    yield _Repository
    server.shutdown()
    server.server_close()


def test_a_jar_is_downloaded_from_its_maven_path_and_counted(
    repository: type[_Repository], tmp_path: Path
) -> None:
    counted: list[int] = []
    with open_repository() as download:
        path = download(_jar("whole", "linux-x86_64"), tmp_path, counted.append)
    assert path.read_bytes() == _CONTENT
    assert sum(counted) == len(_CONTENT)
    expected = "/maven/org/example/test/whole/1.0/whole-1.0-linux-x86_64.jar"
    assert repository.requested == [expected]
    assert path.parent == tmp_path


def test_an_interrupted_jar_is_downloaded_again_from_its_start(
    repository: type[_Repository], tmp_path: Path
) -> None:
    repository.num_cuts = 2
    (path,) = fetch_jars(tmp_path / "cache", jars=(_jar("cut"),))
    assert path.read_bytes() == _CONTENT
    assert len(repository.requested) == 3


def test_a_jar_that_is_always_interrupted_is_an_error(
    repository: type[_Repository], tmp_path: Path
) -> None:
    repository.num_cuts = 3
    with pytest.raises(DownloadError, match=r"org.example.test:cut:1.0") as caught:
        fetch_jars(tmp_path / "cache", jars=(_jar("cut"),))
    assert "0 of 1 jars" in str(caught.value)
    assert not list((tmp_path / "cache").rglob("*.jar"))
    fetch_jars(tmp_path / "cache", jars=(_jar("cut"),))


def test_an_absent_jar_is_an_error(repository: type[_Repository], tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"absent:1.0"):
        fetch_jars(tmp_path / "cache", jars=(_jar("absent"), _jar("there")))
    assert repository.requested.count("/maven/org/example/test/absent/1.0/absent-1.0.jar") == 3


@pytest.mark.usefixtures("repository")
def test_changed_content_is_refused_without_other_output(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ChecksumError):
        fetch_jars(tmp_path / "cache", jars=(_jar("changed"),))
    assert capfd.readouterr() == ("", "")


def test_a_refused_connection_is_an_error(repository: type[_Repository], tmp_path: Path) -> None:
    settings = tmp_path / ".m2" / "settings.xml"
    text = settings.read_text("utf-8")
    start = text.index("http://")
    end = text.index("</url>")
    settings.write_text(text[:start] + "http://127.0.0.1:1/" + text[end:], encoding="utf-8")
    with pytest.raises(DownloadError, match=r"connection refused\. 0 of 1"):
        fetch_jars(tmp_path / "cache", jars=(_jar("any"),))
    assert repository.requested == []


@pytest.mark.parametrize(
    ("pattern", "is_used"),
    [
        ("central", True),
        ("*", True),
        ("external:*", True),
        ("other, central", True),
        ("other", False),
        ("*,!central", False),
    ],
)
@pytest.mark.parametrize("namespace", ["", ' xmlns="urn:example:settings"'])
def test_mirrors_of_central_are_used_and_others_not(
    tmp_path: Path, pattern: str, namespace: str, *, is_used: bool
) -> None:
    settings = tmp_path / "settings.xml"
    settings.write_text(
        f"<settings{namespace}><mirrors><mirror><mirrorOf>{pattern}</mirrorOf>"
        "<url> https://mirror.example/maven/ </url></mirror></mirrors></settings>",
        encoding="utf-8",
    )
    expected = "https://mirror.example/maven" if is_used else None
    assert find_mirror(settings_file=settings) == expected


def test_no_settings_and_broken_settings_mean_no_mirror(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert find_mirror(settings_file=tmp_path / "none.xml") is None
    assert caplog.text == ""
    broken = tmp_path / "broken.xml"
    broken.write_text("<settings>", encoding="utf-8")
    assert find_mirror(settings_file=broken) is None
    assert str(broken) in caplog.text


def test_a_jar_of_another_size_in_the_maven_repository_is_not_offered(tmp_path: Path) -> None:
    jar = _jar("local")
    path = tmp_path / "org/example/test/local/1.0/local-1.0.jar"
    assert find_in_local_repository(jar, repository=tmp_path) is None
    path.parent.mkdir(parents=True)
    path.write_bytes(b"short")
    assert find_in_local_repository(jar, repository=tmp_path) is None
    path.write_bytes(_CONTENT)
    assert find_in_local_repository(jar, repository=tmp_path) == path
