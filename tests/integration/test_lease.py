"""One writer at a time: commands that would mix wait for each other, and a lost lease stops one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bookgraph.core.errors import DataMissingError, ForeignDataError, LeaseLostError
from bookgraph.core.processes import ProcessMark, wait_until
from bookgraph.core.progress import OnProgress, Progress
from bookgraph.core.settings import Settings
from bookgraph.embed import LayoutConfig, TrainConfig
from bookgraph.embed.maps.pipeline import map_graph
from bookgraph.embed.pipeline import train_graph
from bookgraph.graph.connection import connect
from bookgraph.graph.schema import LABELS
from bookgraph.graph.store import Store
from bookgraph.graph.write import bulk, lease
from bookgraph.graph.write.lease import Lease, hold, read_lease
from bookgraph.graph.write.versions import prune_models, roll_back, use_model
from bookgraph.ingest import CleaningOptions, ingest_files

BOTH = ("a", "b")


@pytest.fixture
def sets(tmp_path: Path) -> dict[str, Path]:
    """Two sets of 300 books without a book in common, which share links."""
    files = {}
    for name in BOTH:
        files[name] = tmp_path / f"{name}.ndjson"
        lines = [
            json.dumps({"title": f"Book {name} {i}", "links": [f"Link {i % 40}", f"Own {name}"]})
            for i in range(300)
        ]
        files[name].write_text("\n".join(lines), "utf-8")
    return files


def start(settings: Settings, *args: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "BOOKGRAPH_HOME": str(settings.home),
        "BOOKGRAPH_BOLT_PORT": "0",
        "BOOKGRAPH_HTTP_PORT": "0",
        "BOOKGRAPH_HEAP_MB": "512",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "bookgraph", *args],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def sets_in_graph(store: Store) -> set[str]:
    return {
        row["name"] for row in store.read("MATCH (b:Book) RETURN split(b.title, ' ')[1] AS name")
    }


def held_by(store: Store, holder: Lease, *, until: str = "timestamp() + 60000") -> None:
    """Put the lease of another command into the graph."""
    store.run(
        f"MERGE (l:Lease {{name: 'bookgraph'}}) SET l = $p, l.until = {until}",
        p=holder.properties(),
    )


@pytest.fixture
def other() -> Iterator[tuple[Lease, subprocess.Popen[bytes]]]:
    """The lease of another process, which does nothing."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    here = Lease.of_this_process("train")
    yield Lease(here.work, "alice on laptop", ProcessMark.of(process.pid), here.machine), process
    process.kill()
    process.wait()


def test_two_ingests_at_once_load_one_set_after_the_other(
    store: Store, settings: Settings, sets: dict[str, Path]
) -> None:
    commands = [
        start(settings, "ingest", "--min-links", "2", str(sets[name]), "--json") for name in BOTH
    ]
    outputs = [command.communicate(timeout=120) for command in commands]
    assert [command.returncode for command in commands] == [0, 0], outputs
    assert len(sets_in_graph(store)) == 1
    (name,) = sets_in_graph(store)
    (links,) = store.read("MATCH (l:Link) RETURN count(*) AS num, sum(l.num_books) AS mentions")
    assert links == {"num": 41, "mentions": 600}
    waited = [error for _, error in outputs if "Waiting for `bookgraph ingest` by" in error]
    assert len(waited) <= 1, name
    assert not store.read("MATCH (l:Lease) RETURN l"), "the lease is given back"


def writers(
    sets: dict[str, Path], folder: Path
) -> dict[str, Callable[[Store, OnProgress], object]]:
    """Everything that changes more than one book, by the name of its command."""
    config = TrainConfig(dim=4, epochs=1, holdout_share=0)
    return {
        "ingest": lambda store, told: ingest_files(
            [sets["b"]], store, options=CleaningOptions(min_links=2), on_progress=told
        ),
        "train": lambda store, told: train_graph(
            store, config, models_dir=folder, on_progress=told
        ),
        "map": lambda store, told: map_graph(store, LayoutConfig(), on_progress=told),
        "use": lambda store, _: use_model(store, "none"),
        "rollback": lambda store, _: roll_back(store),
        "prune": lambda store, _: prune_models(store),
    }


@pytest.mark.parametrize("work", ["ingest", "train", "map", "use", "rollback", "prune"])
def test_everything_that_writes_waits_and_names_the_first(
    store: Store,
    sets: dict[str, Path],
    other: tuple[Lease, subprocess.Popen[bytes]],
    work: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ingest_files([sets["a"]], store, options=CleaningOptions(min_links=2))
    lease, process = other
    held_by(store, lease)
    before = state(store)
    stages: list[str] = []
    write = writers(sets, tmp_path)[work]
    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(write, store, lambda progress: stages.append(progress.stage))
        time.sleep(1.5)
        assert not written.done()
        assert state(store) == before
        process.kill()
        process.wait()
        if work in {"ingest", "train"}:
            written.result(60)
        else:
            with pytest.raises(DataMissingError):
                written.result(60)
    assert "`bookgraph train` by alice on laptop" in caplog.text
    assert "has ended without finishing" in caplog.text
    if work in {"ingest", "train", "map"}:
        assert any(
            f"by alice on laptop (process {process.pid}), since" in stage for stage in stages
        )
    assert not store.read("MATCH (l:Lease) RETURN l")


def state(store: Store) -> object:
    return store.read(
        "MATCH (n) WHERE NOT n:Lease RETURN count(*) AS num, max(n.revision) AS revision"
    )


def test_an_interrupt_ends_the_wait(
    store: Store,
    settings: Settings,
    sets: dict[str, Path],
    other: tuple[Lease, subprocess.Popen[bytes]],
) -> None:
    ingest_files([sets["a"]], store, options=CleaningOptions(min_links=2))
    held_by(store, other[0])
    command = start(settings, "ingest", str(sets["b"]))
    assert command.stderr is not None
    assert any("Waiting for" in line for line in iter(command.stderr.readline, ""))
    command.send_signal(signal.SIGTERM)
    assert command.wait(30) == 143
    assert read_lease(store) == other[0]


def test_a_holder_on_another_machine_keeps_the_lease_until_it_runs_out(store: Store) -> None:
    here = Lease.of_this_process("ingest")
    elsewhere = Lease("ingest", "bob on server", ProcessMark(1, 0.0), "another machine")
    assert not elsewhere.is_orphaned
    held_by(store, elsewhere, until="timestamp() + 1500")
    seen: list[Progress] = []
    with hold(store, work="train", on_progress=seen.append) as held:
        assert held.lease is not None
        assert held.lease.properties()["token"] not in {elsewhere.token, here.token}
    assert seen
    assert any("bob on server (process 1)" in one.stage for one in seen)


def test_a_holder_is_renewed_for_as_long_as_it_runs(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "LEASE_S", 1.0)
    monkeypatch.setattr(lease, "_RENEW_EVERY_S", 0.2)

    def until() -> int:
        return int(store.read("MATCH (l:Lease) RETURN l.until AS ms")[0]["ms"])

    with hold(store, work="train"):
        first = until()
        assert wait_until(lambda: until() > first + 1000, timeout_s=20)
        assert read_lease(store) is not None


def suspended(store: Store, write: Callable[[Store], object]) -> None:
    """Write after another command took the lease, as a process does that was stopped too long."""
    with hold(store, work="ingest") as held:
        held_by(store, Lease.of_this_process("train"))
        with pytest.raises(LeaseLostError, match="took over the graph"):
            write(held)


@pytest.mark.parametrize(
    "write",
    [
        lambda held: held.write(lambda tx: tx.run("CREATE (:Dataset {name: 'late'})")),
        lambda held: held.run("CREATE (:Dataset {name: 'late'})"),
    ],
    ids=["transaction", "statement"],
)
def test_what_is_written_after_the_lease_was_lost_is_undone(
    store: Store, write: Callable[[Store], object]
) -> None:
    suspended(store, write)
    assert not store.read("MATCH (d:Dataset {name: 'late'}) RETURN d")
    assert read_lease(store) is not None, "the new holder keeps its lease"


def test_a_transaction_that_began_before_the_lease_was_lost_is_undone(store: Store) -> None:
    def steal_meanwhile(transaction: object) -> None:
        transaction.run("CREATE (:Dataset {name: 'late'})")  # type: ignore[attr-defined]
        held_by(store, Lease.of_this_process("train"))

    with hold(store, work="ingest") as held, pytest.raises(LeaseLostError):
        held.write(steal_meanwhile)
    assert not store.read("MATCH (d:Dataset {name: 'late'}) RETURN d")


def test_of_many_that_wait_one_gets_the_lease(store: Store) -> None:
    inside: list[str] = []
    overlaps: list[int] = []
    barrier = threading.Barrier(6)

    def work(name: str) -> None:
        barrier.wait()
        with hold(store, work=name):
            inside.append(name)
            overlaps.append(len(inside))
            inside.remove(name)

    threads = [threading.Thread(target=work, args=(f"w{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert overlaps == [1] * 6


def test_the_offline_importer_keeps_the_lease(
    own_server: Any, sets: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MIN_EDGES", 1)
    settings, server = own_server.settings, own_server.server
    stages: list[str] = []
    failed: list[BaseException] = []

    def load(name: str) -> None:
        try:
            with connect(settings) as store:
                ingest_files(
                    [sets[name]],
                    store,
                    options=CleaningOptions(min_links=2),
                    server=server,
                    on_progress=lambda progress: stages.append(progress.stage),
                )
        except BaseException as error:  # noqa: BLE001  # shown by the test
            failed.append(error)

    threads = [threading.Thread(target=load, args=(name,)) for name in BOTH]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not failed
    assert "Importing into the empty store" in stages
    assert any(stage.startswith("Waiting for `bookgraph ingest`") for stage in stages)
    with connect(settings) as store:
        assert len(sets_in_graph(store)) == 1
        assert not store.read("MATCH (l:Lease) RETURN l")


def test_a_database_of_another_program_gets_no_lease(store: Store) -> None:
    store.run("CREATE (:Book {name: 'of another program'})")
    with pytest.raises(ForeignDataError), hold(store, work="ingest"):
        pass
    assert not store.read("MATCH (l:Lease) RETURN l")
    assert not store.read("SHOW CONSTRAINTS YIELD name RETURN name")
    assert "Lease" in LABELS


def test_a_lease_of_which_a_part_is_visible_is_no_error(store: Store) -> None:
    """Readers can see the changes of a commit one after the other."""
    other = Lease.of_this_process("ingest")
    held_by(store, other)
    for name in ("pid", "token", "since"):
        store.run(f"MATCH (l:Lease) REMOVE l.{name}")
        assert read_lease(store) is None
    # Its token is gone, so it can be taken.
    with hold(store, work="train") as held:
        assert held.lease is not None


def test_a_lease_is_not_taken_over_by_what_was_read_of_two_holders(store: Store) -> None:
    mine, other = Lease.of_this_process("train"), Lease.of_this_process("ingest")
    held_by(store, other)
    # The token of the holder that lives, with the process of one that has died.
    torn = {**other.properties(), "started_at_s": 1.0}
    parameters = {"holder": mine.properties(), "orphan": torn, "duration_ms": 1000}
    assert store.run(lease._TAKE, **parameters) == []
    assert store.run(lease._TAKE, **{**parameters, "orphan": other.properties()})
