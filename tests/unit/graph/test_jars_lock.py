"""The text of the lock: the committed one is valid, a broken one is refused, and Maven's list."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bookgraph.core.errors import BookgraphError
from bookgraph.graph import jars
from bookgraph.graph.jars.lock import Jar, load_lock, parse_lock
from bookgraph.tools import lock_jars

_SUM = "0" * 63 + "a"


def test_the_committed_lock_names_every_jar_of_neo4j_once() -> None:
    jars = load_lock()
    coordinates = [jar.coordinate for jar in jars]
    assert len(jars) == 226
    assert coordinates == sorted(set(coordinates))
    assert len({jar.file_name for jar in jars}) == len(jars)
    assert 160e6 < sum(jar.size for jar in jars) < 180e6
    assert {"neo4j", "neo4j-server", "neo4j-browser"} <= {jar.artifact for jar in jars}


def test_the_committed_lock_names_no_address() -> None:
    text = Path(jars.__file__).with_name("jars.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert not any("/" in line for line in text.splitlines() if not line.startswith("#"))


def test_the_committed_lock_and_the_pom_name_the_same_sections_and_roots() -> None:
    pom = Path(jars.__file__).with_name("pom.xml")
    text = pom.with_name("jars.lock").read_text(encoding="utf-8")
    assert list(parse_lock(text)) == lock_jars.list_profiles(pom)
    versions = {(jar.group, jar.artifact): jar.version for jar in load_lock()}
    assert f"<version>{versions['org.neo4j', 'neo4j']}</version>" in pom.read_text("utf-8")


def test_an_unknown_section_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="no-such"):
        load_lock(section="no-such")


@pytest.mark.parametrize(
    ("coordinate", "maven_path", "file_name"),
    [
        (
            "org.neo4j:neo4j-io:1.2",
            "org/neo4j/neo4j-io/1.2/neo4j-io-1.2.jar",
            "org.neo4j.neo4j-io-1.2.jar",
        ),
        (
            "io.netty:epoll:4:linux-x86_64",
            "io/netty/epoll/4/epoll-4-linux-x86_64.jar",
            "io.netty.epoll-4-linux-x86_64.jar",
        ),
    ],
)
def test_a_jar_knows_its_names(coordinate: str, maven_path: str, file_name: str) -> None:
    jar = Jar.from_coordinate(coordinate, sha256=_SUM, size=3)
    assert jar.coordinate == coordinate
    assert jar.maven_path == maven_path
    assert jar.file_name == file_name


def test_two_groups_with_the_same_artifact_do_not_share_a_file() -> None:
    one = Jar.from_coordinate("a.b:c:1", sha256=_SUM, size=1)
    two = Jar.from_coordinate("x.y:c:1", sha256=_SUM, size=1)
    assert one.file_name != two.file_name


@pytest.mark.parametrize("coordinate", ["a:b", "a:b:1:x:y", "abc"])
def test_a_coordinate_of_another_length_is_refused(coordinate: str) -> None:
    with pytest.raises(ValueError, match=r"group:artifact:version|unpack"):
        Jar.from_coordinate(coordinate, sha256=_SUM, size=1)


def test_sections_are_parsed_apart_and_comments_are_skipped() -> None:
    text = f"# words\n\n[one]\na:b:1 {_SUM} 5\n\n[two]\na:c:1:x {_SUM} 6\na:d:1 {_SUM} 7\n"
    sections = parse_lock(text)
    assert {name: len(jars) for name, jars in sections.items()} == {"one": 1, "two": 2}
    assert sections["two"][0] == Jar("a", "c", "1", "x", _SUM, 6)


@pytest.mark.parametrize(
    "line",
    [
        f"a:b:1 {_SUM}",
        f"a:b:1 {_SUM} five",
        f"a:b:1 {_SUM[1:]} 5",
        f"a:b:1 {_SUM} 5 more",
        f"a:b {_SUM} 5",
        f"a:b:1 {'Z' * 64} 5",
    ],
)
def test_a_broken_line_is_quoted_with_its_number(line: str) -> None:
    with pytest.raises(ValueError, match="line 2") as caught:
        parse_lock(f"[one]\n{line}\n")
    assert line in str(caught.value)
    assert "make lock" in str(caught.value)


def test_a_jar_outside_of_every_section_is_refused() -> None:
    with pytest.raises(ValueError, match="line 1"):
        parse_lock(f"a:b:1 {_SUM} 5\n")


def test_mavens_list_is_read_with_and_without_classifier_and_module_name() -> None:
    listing = (
        "\nThe following files have been resolved:\n"
        "   org.a:one:jar:1.0:compile:/m2/org/a/one/1.0/one-1.0.jar\n"
        "   org.b:two:jar:linux-x86_64:2.0.Final:runtime:/m2/two-2.0.Final-linux-x86_64.jar\n"
        "   org.c:three:jar:3:compile:/m2/three-3.jar -- module org.three (auto)\n"
        "   org.d:four:pom:4:compile:/m2/four-4.pom\n"
        "   none\n"
    )
    assert lock_jars.parse_artifacts(listing) == [
        ("org.a:one:1.0", Path("/m2/org/a/one/1.0/one-1.0.jar")),
        ("org.b:two:2.0.Final:linux-x86_64", Path("/m2/two-2.0.Final-linux-x86_64.jar")),
        ("org.c:three:3", Path("/m2/three-3.jar")),
    ]


def test_a_formatted_lock_is_parsed_back_sorted() -> None:
    jars = [Jar("z", "z", "1", "", _SUM, 1), Jar("a", "a", "1", "x", _SUM, 2)]
    text = lock_jars.format_lock({"s": jars, "empty": []})
    assert parse_lock(text) == {"s": (jars[1], jars[0]), "empty": ()}


def test_a_missing_maven_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert lock_jars.main() == 1
    assert "needs Maven, but `mvn` is not on the PATH" in caplog.text


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("mvn") is None, reason="Maven is not installed")
def test_the_error_quotes_maven(tmp_path: Path) -> None:
    broken = tmp_path / "pom.xml"
    broken.write_text("<project>", encoding="utf-8")
    with pytest.raises(BookgraphError, match="cannot resolve the profile 'neo4j'"):
        lock_jars.resolve_profile(broken, "neo4j")
