"""Compare the trainer with its alternatives: quality, seconds and memory, on the same cores.

    bookgraph bench embed [--small] [--keep] [--lastfm FOLDER] [--only PART] [--models NAMES]

Graphs: a generated one with planted topics at the published reference's scale, a generated graph of
check-ins (sparse and clustered; see `bookgraph/testing/places.py`), and LastFM where its folder is
given (`train.txt` and `test.txt`, columns user, item, weight). Peers are installed as packages into
`build/peers`: implicit (ALS, BPR), LightFM where it builds, Keras for the published reference's
model. torch-geometric's LightGCN is bookgraph's `model="lightgcn"`. Each training runs in its own
process, peers take turns, and the table shows each peer's best setting on the test edges.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from picture_embed import draw_curves
from results import KEPT, ROOT, fill_document, write_results

from bookgraph.embed import Embeddings, EpochReport, TrainConfig, evaluate_ranking, fit, split_edges
from bookgraph.testing.graphs import generate_graph
from bookgraph.testing.places import generate_places_graph

PEERS_VENV = ROOT / "build" / "peers"
_DIM = 64
_MAX_BOOKS = 5000
_TIMEOUT_S = 600
_EDGES_FOR_ONE_EPOCH = 5_000_000


@dataclass(frozen=True)
class Graph:
    """One graph, split into training and test pairs."""

    name: str
    train: np.ndarray
    test: np.ndarray
    num_books: int
    num_links: int


@dataclass(frozen=True)
class Trial:
    """One training run to measure."""

    label: str
    peer: str
    settings: dict[str, object]
    graphs: tuple[str, ...] = ("LastFM", "planted", "check-ins")


@dataclass(frozen=True)
class Outcome:
    """The result of one training run, or of one stage of it."""

    graph: str
    label: str
    settings: dict[str, object]
    seconds: float
    peak_mb: float
    recall_at_20: float
    ndcg_at_20: float


def make_graphs(*, is_small: bool, lastfm: Path | None) -> list[Graph]:
    """The graphs, with 20 % of each book's edges held out (LastFM with its published split)."""
    share = 20 if is_small else 1
    planted = generate_graph(
        num_books=37_020 // share, num_links=41_758 // share, num_edges=965_000 // share, seed=0
    )
    places = generate_places_graph(
        num_books=30_000 // share, num_links=46_000 // share, num_edges=1_050_000 // share, seed=0
    )
    graphs = []
    for name, one in (("planted", planted), ("check-ins", places)):
        train, test = split_edges(one.pairs, num_books=one.num_books, num_links=one.num_links)
        graphs.append(Graph(name, train, test, one.num_books, one.num_links))
    if lastfm is not None:
        train, test = (
            np.loadtxt(lastfm / f"{part}.txt", dtype=np.int64, usecols=(0, 1)) - 1
            for part in ("train", "test")
        )
        num_books, num_links = (int(n) + 1 for n in np.maximum(train.max(0), test.max(0)))
        graphs.insert(0, Graph("LastFM", train, test, num_books, num_links))
    return graphs


def list_trials() -> list[Trial]:
    """The runs on each graph, in their order."""
    trials = [
        Trial("implicit ALS", "als", {"factors": _DIM, "alpha": a, "regularization": r,
                                      "iterations": 15})
        for a in (1.0, 5.0, 20.0, 40.0) for r in (0.01, 1.0)
    ]  # fmt: skip
    trials += [
        Trial("implicit BPR", "bpr", {"factors": _DIM, "iterations": n, "learning_rate": 0.05,
                                      "regularization": 0.01})
        for n in (50, 200)
    ]  # fmt: skip
    trials += [
        Trial("bookgraph", "bookgraph", {"dim": _DIM, "epochs": n, "holdout_share": 0.05})
        for n in (0, 1, 4, 15)
    ]
    # Runs that take minutes leave out the check-ins.
    few = ("LastFM", "planted")
    trials += [
        Trial("bookgraph reference", "bookgraph", {"dim": _DIM, "epochs": 15,
                                                   "model": "reference", "holdout_share": 0.0}),
        Trial("Keras reference", "keras", {"dim": _DIM, "epochs": 15, "stages": [1, 5, 15]}, few),
        Trial("LightFM", "lightfm", {"no_components": _DIM, "loss": "warp", "epochs": 15}, few),
        Trial("PyG LightGCN", "bookgraph", {"dim": _DIM, "epochs": 15, "model": "lightgcn"}, few),
    ]  # fmt: skip
    return trials


def run_trial(graph: Graph, trial: Trial, folder: Path) -> list[Outcome]:
    """Train in a new process, then rank; no outcome where the peer is not installed."""
    python = sys.executable if trial.peer == "bookgraph" else PEERS_VENV / "bin" / "python"
    graph_file, out_file = folder / f"{graph.name}.npz", folder / "out.npz"
    if not graph_file.exists():
        np.savez(
            graph_file, train=graph.train, num_books=graph.num_books, num_links=graph.num_links
        )
    out_file.unlink(missing_ok=True)
    script = Path(__file__).with_name("peer_embed.py")
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OPENBLAS_NUM_THREADS": "1" if trial.peer in {"als", "bpr"} else "2",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [python, script, trial.peer, graph_file, out_file, json.dumps(trial.settings)]
    try:
        done = subprocess.run(
            command, check=False, env=environment, capture_output=True, text=True,
            timeout=_TIMEOUT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        print(f"  {graph.name} {trial.label}: not done in {_TIMEOUT_S} s", flush=True)
        return []
    if done.returncode or not out_file.exists():
        print(f"  {trial.label}: not measured: {done.stderr.strip().splitlines()[-1:]}")
        return []
    outcomes = []
    with np.load(out_file) as out:
        for place in range(sum(name.startswith("seconds_") for name in out.files)):
            recall, ndcg = rank(graph, out[f"book_{place}"], out[f"link_{place}"])
            outcomes.append(
                Outcome(graph.name, trial.label, trial.settings, float(out[f"seconds_{place}"]),
                        float(out["peak_mb"]), recall, ndcg)
            )  # fmt: skip
            _say(outcomes[-1])
    return outcomes


def rank(graph: Graph, book: np.ndarray, link: np.ndarray) -> tuple[float, float]:
    """recall@20 and NDCG@20 of the test edges, over a fixed choice of at most 5,000 books."""
    books = np.unique(graph.test[:, 0])
    chosen = np.random.default_rng(0).permutation(books)[:_MAX_BOOKS]
    embeddings = Embeddings(
        book=np.ascontiguousarray(book, dtype=np.float32),
        link=np.ascontiguousarray(link, dtype=np.float32),
        is_book_trained=np.ones(len(book), dtype=np.bool_),
        is_link_trained=np.ones(len(link), dtype=np.bool_),
        config=TrainConfig(),
        fingerprint="",
    )
    test = graph.test[np.isin(graph.test[:, 0], chosen)]
    report = evaluate_ranking(embeddings, graph.train, test, baselines=())
    return report.model.recall.mean, report.model.ndcg.mean


def measure_scale(*, is_small: bool) -> list[dict[str, float]]:
    """Seconds of one epoch of the default model from 1e5 to 1e7 edges (1e4 to 1e5 when small)."""
    rows = []
    for num_edges in (10_000, 100_000) if is_small else (100_000, 1_000_000, 10_000_000):
        graph = generate_graph(
            num_books=num_edges // 20, num_links=num_edges // 20, num_edges=num_edges
        )
        reports: list[EpochReport] = []
        fit(
            graph.pairs,
            num_books=graph.num_books,
            num_links=graph.num_links,
            config=TrainConfig(
                epochs=1 if num_edges > _EDGES_FOR_ONE_EPOCH else 2, holdout_share=0.0
            ),
            on_epoch=reports.append,
        )
        seconds = min(report.seconds for report in reports)
        rows.append({"num_edges": len(graph.pairs), "seconds": seconds,
                     "edges_per_s": len(graph.pairs) / seconds})  # fmt: skip
        print(f"  {len(graph.pairs):>10,} edges: {seconds:.1f} s an epoch")
    return rows


def make_peers_venv() -> None:
    """Make a virtual environment for the peers, and report those that do not install."""
    python = PEERS_VENV / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", PEERS_VENV], check=True)
    for packages in (["implicit", "numpy", "scipy"], ["tensorflow-cpu"], ["lightfm"]):
        done = subprocess.run(
            [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            print(f"  {packages[0]} does not install: {done.stderr.strip().splitlines()[-1:]}")


def best_of(outcomes: list[Outcome]) -> list[Outcome]:
    """Each peer's best setting on each graph, best first."""
    best: dict[tuple[str, str], Outcome] = {}
    for one in outcomes:
        key = (one.graph, one.label)
        if key not in best or one.recall_at_20 > best[key].recall_at_20:
            best[key] = one
    return sorted(best.values(), key=lambda one: (one.graph, -one.recall_at_20))


def make_table(outcomes: list[Outcome], scale: list[dict[str, float]]) -> str:
    """The tables of the document, as Markdown."""
    lines = ["| graph | model | recall@20 | NDCG@20 | training, s | peak memory, MB |",
             "|---|---|---|---|---|---|"]  # fmt: skip
    lines += [
        f"| {one.graph} | {one.label} | {one.recall_at_20:.4f} | {one.ndcg_at_20:.4f} "
        f"| {one.seconds:.1f} | {one.peak_mb:,.0f} |"
        for one in best_of(outcomes)
    ]
    if scale:
        lines += ["", "| edges | seconds an epoch | edges/s |", "|---|---|---|"]
        lines += [
            f"| {row['num_edges']:,} | {row['seconds']:.1f} | {row['edges_per_s']:,.0f} |"
            for row in scale
        ]
    return "\n".join(lines)


def _say(one: Outcome) -> None:
    print(
        f"  {one.graph:<10} {one.label:<20} recall@20 {one.recall_at_20:.4f}  NDCG@20 "
        f"{one.ndcg_at_20:.4f}  {one.seconds:7.1f} s  {one.peak_mb:6,.0f} MB  {one.settings}",
        flush=True,
    )


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--small", action="store_true", help="a twentieth of the size")
    parser.add_argument("--keep", action="store_true", help="keep the result and fill the document")
    parser.add_argument("--lastfm", type=Path, help="folder of train.txt and test.txt")
    parser.add_argument("--only", choices=("quality", "scale"), help="one part of it")
    parser.add_argument("--models", help="some of the models only, as `implicit ALS,bookgraph`")
    arguments = parser.parse_args()
    wanted = arguments.models.split(",") if arguments.models else None
    started_s = time.perf_counter()
    outcomes: list[Outcome] = []
    graphs: list[Graph] = []
    if arguments.only != "scale":
        make_peers_venv()
        graphs = make_graphs(is_small=arguments.small, lastfm=arguments.lastfm)
    with tempfile.TemporaryDirectory() as folder:
        for trial in list_trials():
            if wanted is not None and trial.label not in wanted:
                continue
            for graph in graphs:
                if graph.name in trial.graphs:
                    outcomes += run_trial(graph, trial, Path(folder))
    scale = measure_scale(is_small=arguments.small) if arguments.only != "quality" else []
    table = make_table(outcomes, scale)
    print(table)
    file = write_results(
        "embed",
        {
            "outcomes": [vars(one) for one in outcomes],
            "scale": scale,
            "graphs": {g.name: [g.num_books, g.num_links, len(g.train)] for g in graphs},
            "elapsed_s": time.perf_counter() - started_s,
        },
        packages=("torch-geometric",),
        keep=arguments.keep,
    )
    for graph in graphs:
        curves: dict[str, list[tuple[float, float]]] = {}
        for one in outcomes:
            if one.graph == graph.name:
                curves.setdefault(one.label, []).append((one.seconds, one.recall_at_20))
        name = f"embed-{graph.name.lower()}.svg"
        picture = draw_curves(f"Recall@20 over seconds of training: {graph.name}", curves)
        folder_of_pictures = ROOT / "docs" / "images" if arguments.keep else file.parent
        (folder_of_pictures / name).write_text(picture, "utf-8")
    if arguments.keep:
        fill_document("embed", table)
    print(f"{file} ({KEPT if arguments.keep else 'not kept'})")


if __name__ == "__main__":
    main()
