"""What is disturbed: each command, from a prepared state to a result that can be compared."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from bookgraph.graph.schema import SLOTS
from bookgraph.graph.write.bulk import MIN_EDGES
from bookgraph.graph.write.indexes import await_indexes, create_schema, create_vector_indexes
from bookgraph.testing.dumps import write_dump
from bookgraph.testing.faults.command import Command
from bookgraph.testing.faults.place import Place
from bookgraph.testing.faults.serving import KEY, Client
from bookgraph.testing.faults.state import Snapshot, describe, forget_some, put_back, take_snapshot
from bookgraph.testing.serving import ROOT

_SAMPLE = ROOT / "samples" / "classics.ndjson"
_NUM_BOOKS = 300
_TRAINING = ("--dim", "8", "--epochs", "10", "--batch-size", "512")
_START_S = 20.0
EMPTY = Snapshot([], [])


@dataclass
class Material:
    """The inputs, and the graph from which most stages begin.

    Attributes:
        folder: holds the files.
        graph: 300 books with a trained model and a map.
    """

    folder: Path
    graph: Snapshot = field(default_factory=lambda: EMPTY)

    @property
    def models(self) -> Path:
        """The file of that model, in a folder."""
        return self.folder / "models"

    @property
    def books(self) -> Path:
        """Records of 300 books."""
        return self.folder / "books.ndjson"

    @property
    def changed(self) -> Path:
        """The same records a month later: some are new, changed or gone."""
        return self.folder / "changed.ndjson"

    @property
    def dump(self) -> Path:
        """A dump with 20 more books."""
        return self.folder / "more.xml.bz2"


def make_material(place: Place) -> Material:
    """Write the input files."""
    material = Material(place.folder / "material")
    material.folder.mkdir(exist_ok=True)
    lines = _SAMPLE.read_text("utf-8").splitlines(keepends=True)
    material.books.write_text("".join(lines[:_NUM_BOOKS]), "utf-8")
    changed = [_changed(line) for line in lines[10:40]] + lines[40 : _NUM_BOOKS + 20]
    material.changed.write_text("".join(changed), "utf-8")
    write_dump(material.dump, num_bytes=3_000_000, form="multistream", seed=7)
    _publish(place, material.dump)
    return material


def _make_graph(place: Place, material: Material) -> Snapshot:
    """Make the graph with the commands themselves."""
    for arguments in (
        ("ingest", str(material.books)),
        ("train", "--dim", "8", "--epochs", "2"),
        ("map",),
    ):
        command = place.start(arguments)
        assert command.wait(240) == 0, command.output
    shutil.copytree(place.settings.models_dir, material.models)
    with place.store() as store:
        return take_snapshot(store)


def _changed(line: str) -> str:
    record = json.loads(line)
    record[2] = [*record[2][3:], "Dracula", "Horror fiction"]
    return json.dumps(record) + "\n"


def _publish(place: Place, dump: Path) -> None:
    data = dump.read_bytes()
    third = len(data) // 3
    parts = {
        f"testwiki-20260901-pages-articles{number}.xml-p{number}p{number}.bz2": data[
            (number - 1) * third : number * third
        ]
        for number in (1, 2, 3)
    }
    place.site.add_dump("20260901", parts)


class Stage:
    """One command.

    Attributes:
        name: in the table.
        uses_neo4j: whether it talks to Neo4j.
        uses_importer: whether it runs Neo4j's offline importer.
        min_edges: see `Command`.
        good_codes: exit codes of a command that did its work.
        variables: of the command's environment.
    """

    name = ""
    uses_neo4j = True
    uses_importer = False
    min_edges: int | None = MIN_EDGES
    good_codes: tuple[int, ...] = (0,)
    variables: Mapping[str, str] = MappingProxyType({})

    def __init__(self, place: Place, material: Material) -> None:
        self.place = place
        self.material = material

    def arguments(self) -> list[str]:
        """The command."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Bring graph and files to the state from which the command starts."""
        if not self.material.graph.nodes:
            self.material.graph = _make_graph(self.place, self.material)
        self.put_graph(self.material.graph)

    def put_graph(self, graph: Snapshot) -> None:
        with self.place.store() as store:
            # The importer replaces a store with all its indexes.
            create_schema(store)
            for slot in SLOTS:
                create_vector_indexes(store, slot)
            put_back(store, graph)
            await_indexes(store)

    def put_models(self) -> None:
        """Bring the folder of the models to its state after the training."""
        shutil.rmtree(self.place.settings.models_dir, ignore_errors=True)
        shutil.copytree(self.material.models, self.place.settings.models_dir)

    def on_start(self, command: Command) -> None:
        """What else begins with the command."""

    def on_server_lost(self, command: Command) -> None:
        """What an operator does when Neo4j is gone while the command runs."""

    def wait_for_effect(self, command: Command) -> None:
        """Wait until a fault that lasts, such as a full disk, has had its effect."""
        command.wait(120)

    def finish_other(self, command: Command, limit_s: float) -> int | None:
        """Wait until a second command beside the first has ended; None after the limit."""
        return command.wait(limit_s)

    def finish(self, command: Command, limit_s: float) -> int | None:
        """Wait until the command has done its work and ended; None after the limit."""
        return command.wait(limit_s)

    def result(self) -> list[str]:
        """The result as lines: the graph."""
        with self.place.store() as store:
            return describe(store)

    def problems(self) -> list[str]:
        """What else is wrong with the result."""
        return []


class Fetch(Stage):
    """A dump of three files from a mirror."""

    name = "fetch"
    uses_neo4j = False

    def prepare(self) -> None:
        shutil.rmtree(self.place.settings.dumps_dir, ignore_errors=True)

    def arguments(self) -> list[str]:
        mirror = self.place.mirror
        return ["fetch", "--wiki", "testwiki", "--source", "classic", "--mirror", mirror]

    def result(self) -> list[str]:
        return _digests(self.place.settings.dumps_dir)


class Ingest(Stage):
    """A changed set into a graph with a model, from records and a dump, through Bolt."""

    name = "ingest"

    def prepare(self) -> None:
        super().prepare()
        shutil.rmtree(self.place.settings.spools_dir, ignore_errors=True)

    def arguments(self) -> list[str]:
        return ["ingest", str(self.material.changed), str(self.material.dump), "--workers", "1"]


class Import(Stage):
    """A first load by Neo4j's offline importer, into an empty database."""

    name = "ingest, offline import"
    uses_importer = True
    min_edges = 0

    def prepare(self) -> None:
        self.put_graph(EMPTY)

    def arguments(self) -> list[str]:
        return ["ingest", str(self.material.books)]


class FirstImport(Import):
    """The same into a home that does not exist yet."""

    name = "ingest, new home"

    def prepare(self) -> None:
        self.place.renew()


class Train(Stage):
    """A second model beside the first one."""

    name = "train"

    def prepare(self) -> None:
        super().prepare()
        shutil.rmtree(self.place.settings.models_dir, ignore_errors=True)

    def arguments(self) -> list[str]:
        return ["train", *_TRAINING, "--seed", "5", "--checkpoint-every", "2"]


class Map(Stage):
    """A map from scratch."""

    name = "map"

    def arguments(self) -> list[str]:
        return ["map", "--fresh", "--seed", "3"]


class Serve(Stage):
    """A server that a client sends edits to, one after the other."""

    name = "serve with mutations"
    num_workers = 1
    good_codes = (0, 128 + signal.SIGTERM, -signal.SIGTERM)
    variables = MappingProxyType({"BOOKGRAPH_WRITE_KEYS": KEY})

    def __init__(self, place: Place, material: Material) -> None:
        super().__init__(place, material)
        self._client: Client | None = None
        self._found: list[str] = []

    def prepare(self) -> None:
        super().prepare()
        self._found = []
        self._client = Client(self.place)

    def arguments(self) -> list[str]:
        assert self._client is not None
        return ["serve", "--port", str(self._client.port), "--workers", str(self.num_workers)]

    def on_start(self, command: Command) -> None:
        assert self._client is not None
        self._client.run_beside(command)

    def on_server_lost(self, command: Command) -> None:
        started = self.place.start(["neo4j", "start"])
        if started.wait(120) != 0:
            self._found.append(f"`neo4j start` beside a server: {started.output[-300:]}")

    def wait_for_effect(self, command: Command) -> None:
        command.wait(2)

    def finish_other(self, command: Command, limit_s: float) -> int | None:
        # One of the two has the port, and serves until it is told to end.
        command.wait(_START_S)
        command.signal(signal.SIGTERM)
        return command.wait(limit_s)

    def finish(self, command: Command, limit_s: float) -> int | None:
        assert self._client is not None
        return self._client.finish(command, limit_s)

    def problems(self) -> list[str]:
        assert self._client is not None
        return self._found + self._client.problems


class ServeWorkers(Serve):
    """The same with two worker processes behind one port."""

    name = "serve with mutations, 2 workers"
    num_workers = 2


class Export(Stage):
    """The tables and vectors as files."""

    name = "export"
    file_format = "csv"

    @property
    def folder(self) -> Path:
        """Where the files go: on the disk that can be full."""
        return self.place.home / "exported"

    def prepare(self) -> None:
        super().prepare()
        shutil.rmtree(self.folder, ignore_errors=True)

    def arguments(self) -> list[str]:
        return ["export", self.file_format, "--to", str(self.folder)]

    def result(self) -> list[str]:
        return [*super().result(), *_digests(self.folder)]


class Backup(Stage):
    """A backup over an older one of the same name."""

    name = "backup"

    @property
    def file(self) -> Path:
        """The backup: on the disk that can be full."""
        return self.place.home / "backups" / "one.zip"

    def prepare(self) -> None:
        super().prepare()
        self.put_models()
        shutil.rmtree(self.file.parent, ignore_errors=True)
        self.file.parent.mkdir(parents=True)

    def arguments(self) -> list[str]:
        return ["backup", str(self.file), "--force"]

    def result(self) -> list[str]:
        """The graph, what the backup holds, and which files are beside it.

        The settings name the database, which is behind a proxy in some injections.
        """
        with zipfile.ZipFile(self.file) as archive:
            manifest = json.loads(archive.read("manifest.json"))
        parts = [
            f"part {one['name']} {'' if one['name'] == 'settings.json' else one['sha256']}"
            for one in manifest["parts"]
        ]
        files = [f"file {path.name}" for path in self.file.parent.iterdir()]
        return [*super().result(), *parts, *files]


class Restore(Stage):
    """A backup over a graph that has changed since."""

    name = "restore"

    @property
    def file(self) -> Path:
        """The backup."""
        return self.material.folder / "whole.zip"

    def prepare(self) -> None:
        super().prepare()
        if not self.file.exists():
            self.put_models()
            command = self.place.start(["backup", str(self.file)])
            assert command.wait(240) == 0, command.output
        with self.place.store() as store:
            forget_some(store)
        shutil.rmtree(self.place.settings.models_dir, ignore_errors=True)

    def arguments(self) -> list[str]:
        return ["restore", str(self.file), "--replace", "--yes"]

    def result(self) -> list[str]:
        return [*super().result(), *_digests(self.place.settings.models_dir)]


STAGES: dict[str, Callable[[Place, Material], Stage]] = {
    stage.name: stage
    for stage in (
        Fetch,
        Ingest,
        Import,
        FirstImport,
        Train,
        Map,
        Serve,
        ServeWorkers,
        Export,
        Backup,
        Restore,
    )
}
"""By name, in the order of the table."""


def _digests(folder: Path) -> list[str]:
    """Each file below a folder with the digest of its bytes, hidden files and parts included."""
    return sorted(
        f"{path.relative_to(folder)} {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
        for path in folder.rglob("*")
        if path.is_file()
    )
