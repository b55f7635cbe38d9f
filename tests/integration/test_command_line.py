"""The command line as a user types it: its results, its messages and its exit codes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bookgraph.core.settings import Settings
from bookgraph.graph.server.local import LocalServer
from bookgraph.graph.store import Store
from bookgraph.testing.command_line import environment, parse, refused, run_with

Run = Callable[..., subprocess.CompletedProcess[str]]

NOW = "2020-01-01T00:00:00Z"
TINY = [
    ["Alpha", {"author": "A. Author", "genre": "Novel"}, ["X", "Y", "Z"], [], NOW, 10],
    ["Beta", {"author": "A. Author", "genre": "Novel"}, ["X", "Y", "Z"], [], NOW, 10],
    ["Gamma", {"author": "B. Writer"}, ["X", "V", "W"], [], NOW, 10],
    ["Delta", {"author": "B. Writer"}, ["V", "W"], [], NOW, 10],
]


@pytest.fixture
def run(settings: Settings) -> Run:
    """Run a command on the session's server and data folder."""

    def run_here(*args: object, **changes: str) -> subprocess.CompletedProcess[str]:
        return run_with(*args, **{"BOOKGRAPH_HOME": str(settings.home), **changes})

    return run_here


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.ndjson"
    path.write_text("".join(json.dumps(record) + "\n" for record in TINY), "utf-8")
    return path


def test_the_whole_path_from_records_to_an_answer(run: Run, store: Store, tiny: Path) -> None:
    report = parse(run("ingest", tiny, "--min-links", 2, "--json"))
    assert {name: report[name] for name in ("num_books", "num_links", "num_pairs")} == {
        "num_books": 4,
        "num_links": 5,
        "num_pairs": 11,
    }
    assert (report["num_edges"], report["num_skipped"]) == (11, 0)

    trained = parse(run("train", "--dim", 4, "--epochs", 2, "--json"))
    assert trained["is_reused"] is False
    assert Path(trained["model_file"]).is_file()
    assert parse(run("train", "--dim", 4, "--epochs", 2, "--json"))["is_reused"] is True

    answer = parse(run("similar", "Alpha", "--json"))
    assert [set(item) for item in answer] == [{"title", "score", "shared_links"}] * 3
    assert answer[0]["title"] == "Beta"
    assert sorted(answer[0]["shared_links"]) == ["X", "Y", "Z"]
    scores = [item["score"] for item in answer]
    assert scores == sorted(scores, reverse=True)

    text = run("similar", "Alpha", "-n", 1)
    assert "Beta" in text.stdout
    assert "Gamma" not in text.stdout


def test_evaluate_reports_what_scripts_rely_on(run: Run, store: Store, sample_file: Path) -> None:
    parse(run("ingest", sample_file, "--json"))
    parse(run("train", "--epochs", 2, "--json"))
    report = parse(run("evaluate", "--epochs", 2, "--json"))
    names = {"recall_at_20", "ndcg_at_20", "mrr"}
    assert names | {"num_test_edges"} <= report.keys()
    for baseline in ("popularity", "shared_neighbours"):
        assert names <= report["baselines"][baseline].keys()
        assert report["recall_at_20"] > report["baselines"]["popularity"]["recall_at_20"]
    for label in ("author", "genre"):
        neighbours = report["neighbours"][label]
        assert neighbours["k"] == 5
        assert neighbours["share"] > 2 * neighbours["chance"]

    gate = run("evaluate", "--epochs", 1, "--min-recall", 0.99)
    assert gate.returncode == 5
    assert "below --min-recall 0.99" in gate.stderr
    assert "Same author among the 5 most similar books" in gate.stdout


def test_bad_lines_are_reported_and_not_fatal(run: Run, store: Store, tiny: Path) -> None:
    with tiny.open("a", encoding="utf-8") as file:
        file.write('not json\n["too short"]\n')
    done = run("ingest", tiny, "--min-links", 2)
    assert done.returncode == 0, done.stderr
    assert "Skipped 1 bad record: not JSON" in done.stdout
    assert "record 5: not json" in done.stdout
    assert "records skipped: 2" in done.stdout


def test_what_is_missing_is_exit_4_and_names_the_command(
    run: Run, store: Store, tiny: Path, tmp_path: Path
) -> None:
    assert "bookgraph ingest" in refused(run("train"), exit_code=4)
    assert "bookgraph ingest" in refused(run("similar", "Alpha"), exit_code=4)
    parse(run("ingest", tiny, "--min-links", 2, "--json"))
    assert "bookgraph train" in refused(run("similar", "Alpha"), exit_code=4)
    parse(run("train", "--dim", 4, "--epochs", 1, "--json"))
    assert "Similar titles: 'Alpha'" in refused(run("similar", "Alpa"), exit_code=4)
    empty = tmp_path / "empty"
    empty.touch()
    assert "is empty" in refused(run("ingest", empty), exit_code=4)
    assert store.read("MATCH (n:Book) RETURN count(*) AS num") == [{"num": 4}]


def test_a_named_server_is_used_and_nothing_is_started(
    settings: Settings, store: Store, tiny: Path, tmp_path: Path
) -> None:
    server = LocalServer(settings)
    home = tmp_path / "elsewhere"
    named = {
        "BOOKGRAPH_HOME": str(home),
        "NEO4J_URI": server.status().bolt_uri,
        "NEO4J_PASSWORD": server.password,
    }
    parse(run_with("ingest", tiny, "--json", **named))
    assert store.read("MATCH (n:Book) RETURN count(*) AS num") == [{"num": 4}]
    assert not (home / "neo4j").exists()

    wrong = run_with("train", **{**named, "NEO4J_PASSWORD": "wrong"})
    assert "refuses the login" in refused(wrong, exit_code=3)
    away = run_with("train", **{**named, "NEO4J_URI": "bolt://127.0.0.1:9"})
    assert "cannot be reached" in refused(away, exit_code=3)
    nonsense = run_with("train", **{**named, "NEO4J_URI": "localhost:7687"})
    assert "is an invalid URL" in refused(nonsense, exit_code=2)
    unknown = run_with("train", **{**named, "NEO4J_DATABASE": "nowhere"})
    assert "'nowhere' does not exist" in refused(unknown, exit_code=3)
    managed = run_with("neo4j", "stop", **named)
    assert "Unset NEO4J_URI" in refused(managed, exit_code=2)


def test_neo4j_status_and_url(run: Run, settings: Settings, tmp_path: Path) -> None:
    status = parse(run("neo4j", "status", "--json"))
    assert status["is_running"] is True
    url = run("neo4j", "url").stdout
    assert status["bolt_uri"] in url
    assert LocalServer(settings).password in url
    done = run("neo4j", "status", BOOKGRAPH_HOME=str(tmp_path / "nothing"))
    assert done.returncode == 1
    assert "is not running" in done.stdout


def test_config_shows_every_variable_and_no_secret(run: Run) -> None:
    done = run("config", "--json", NEO4J_PASSWORD="hunter2", BOOKGRAPH_PORT="8123")
    rows = {row["variable"]: row for row in parse(done)}
    assert rows["BOOKGRAPH_PORT"]["value"] == "8123"
    assert rows["BOOKGRAPH_PORT"]["is_default"] is False
    assert "hunter2" not in done.stdout


def test_doctor_finds_a_healthy_machine(run: Run) -> None:
    checks = {check["name"]: check for check in parse(run("doctor", "--json"))}
    assert {"Python", "data folder", "local Neo4j", "torch"} <= checks.keys()
    assert "problem" not in {check["state"] for check in checks.values()}
    broken = run("doctor", NEO4J_URI="bolt://127.0.0.1:9")
    assert broken.returncode == 1
    assert "PROBLEM  NEO4J_URI" in broken.stdout


def test_ctrl_c_while_training_keeps_what_was_reached(
    settings: Settings, run: Run, store: Store, sample_file: Path
) -> None:
    parse(run("ingest", sample_file, "--json"))
    process = subprocess.Popen(
        [sys.executable, "-m", "bookgraph", "train", "--epochs", "100000", "--dim", "8"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(BOOKGRAPH_HOME=str(settings.home)),
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("epoch   1 of 100000"):
            break
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 130, stderr
    assert "Training was interrupted" in stdout
    assert len(parse(run("similar", "War and Peace", "--json"))) == 10


def test_a_killed_training_goes_on_from_its_checkpoint(
    settings: Settings, run: Run, store: Store, sample_file: Path
) -> None:
    parse(run("ingest", sample_file, "--json"))
    command = ["train", "--dim", "8", "--epochs", "30", "--model", "reference"]
    process = subprocess.Popen(
        [sys.executable, "-m", "bookgraph", *command, "--checkpoint-every", "1"],
        stderr=subprocess.PIPE,
        text=True,
        env=environment(BOOKGRAPH_HOME=str(settings.home)),
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("epoch   3 of 30"):
            break
    process.kill()
    process.communicate(timeout=60)
    checkpoints = list(settings.models_dir.glob("*.checkpoint.npz"))
    assert len(checkpoints) == 1
    resumed = run(*command, "--checkpoint-every", "1", "--json")
    report = parse(resumed)
    assert "epoch   2 of 30" not in resumed.stderr
    assert "epoch  30 of 30" in resumed.stderr
    assert report["is_complete"] is True
    assert not checkpoints[0].exists()
    again = parse(run(*command, "--again", "--json"))
    assert again["final_loss"] == report["final_loss"]


def test_citations_are_learned_from_and_a_graph_without_them_is_named(
    run: Run, store: Store, tmp_path: Path, tiny: Path
) -> None:
    parse(run("ingest", tiny, "--min-links", 2, "--json"))
    missing = run("train", "--relations", "links,citations")
    assert "--relations links" in refused(missing, exit_code=4)
    cited = [[*record[:3], ["http://example.org/a"], *record[4:]] for record in TINY]
    path = tmp_path / "cited.ndjson"
    path.write_text("".join(json.dumps(record) + "\n" for record in cited), "utf-8")
    parse(run("ingest", path, "--min-links", 2, "--json"))
    small = ("train", "--dim", 4, "--epochs", 1, "--json")
    joined = parse(run(*small, "--relations", "links,citations"))
    assert joined["version"] != parse(run(*small))["version"]


def test_an_evaluation_is_drawn(run: Run, store: Store, sample_file: Path, tmp_path: Path) -> None:
    parse(run("ingest", sample_file, "--json"))
    parse(run("train", "--dim", 8, "--epochs", 1, "--json"))
    picture = tmp_path / "report.svg"
    report = parse(run("evaluate", "--dim", 8, "--epochs", 1, "--picture", picture, "--json"))
    drawn = picture.read_text("utf-8")
    assert f"{report['recall_at_20']:.3f}" in drawn
    assert "same author" in drawn
    nowhere = run("evaluate", "--dim", 8, "--epochs", 1, "--picture", tmp_path / "no" / "a.svg")
    assert "Cannot write the picture" in refused(nowhere, exit_code=2)


@pytest.fixture
def demo_home(tmp_path: Path) -> Iterator[Path]:
    home = tmp_path / "demo"
    yield home
    run_with("serve", "--stop", BOOKGRAPH_HOME=str(home))
    run_with("neo4j", "stop", BOOKGRAPH_HOME=str(home))


def test_the_demo_ends_served_and_can_be_run_again(demo_home: Path) -> None:
    variables = {
        "BOOKGRAPH_HOME": str(demo_home),
        "BOOKGRAPH_PORT": "0",
        "BOOKGRAPH_BOLT_PORT": "0",
        "BOOKGRAPH_HTTP_PORT": "0",
    }
    first = run_with("demo", **variables)
    assert first.returncode == 0, first.stderr
    assert "Anna Karenina" in first.stdout
    assert ask(first.stdout, "War and Peace")[0]["node"]["title"] in {
        "Anna Karenina",
        "The Cossacks",
        "The Death of Ivan Ilyich",
    }
    start_s = time.monotonic()
    second = run_with("demo", **variables)
    assert second.returncode == 0, second.stderr
    assert "Loaded it from disk" in second.stdout
    assert "unchanged: 1,310" in second.stdout
    assert len(ask(second.stdout, "Dune")) == 5
    assert time.monotonic() - start_s < 120
    stopped = run_with("serve", "--stop", **variables)
    assert stopped.stdout == "Stopped the server.\n"


def ask(demo_output: str, title: str) -> list[dict[str, Any]]:
    """Ask the server whose address the demo printed."""
    url = next(line.split()[-1] for line in demo_output.splitlines() if line.startswith("GraphQL:"))
    query = (
        "query($like: [String!]!) "
        "{ similarBooks(like: $like, first: 5) { edges { score node { title } } } }"
    )
    request = urllib.request.Request(
        url,
        json.dumps({"query": query, "variables": {"like": [title]}}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        edges: list[dict[str, Any]] = json.load(response)["data"]["similarBooks"]["edges"]
    return edges
