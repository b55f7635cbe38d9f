"""Verify the trainer on a GPU, and measure it beside the CPU of the same machine.

    bookgraph bench device [--device cuda] [--small] [--keep] [--lastfm FOLDER] [--from FILE]

For each model it checks that a step touches no tensor outside the device, counts how often the host
waits and copies, trains twice with one seed, and compares recall@20 over three seeds with the
CPU's. Then it measures seconds and memory on a generated graph with planted topics (also at the
published reference's scale), on LastFM where its folder is given, and on up to 10 million edges.
The exit code is 1 if a check fails. `--small` takes seconds. `--from FILE --keep` takes over the
results of another machine.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bench_embed import Graph, rank
from results import KEPT, fill_document, write_results
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from bookgraph.core.edges import EdgeList
from bookgraph.embed import EpochReport, TrainConfig, fit, split_edges
from bookgraph.embed.data.adjacency import build_adjacency
from bookgraph.embed.data.edges import build_edge_list
from bookgraph.embed.device import make_generator, resolve_device
from bookgraph.embed.models.dot import SmoothedModel
from bookgraph.embed.step.sampling import num_steps
from bookgraph.embed.train.replay import StepRunner
from bookgraph.embed.train.run import start_run
from bookgraph.testing.graphs import PlantedGraph, generate_graph

_MODELS = ("dot", "lightgcn", "reference")
_DIM = 64
_EPOCHS = 15
# Models that take minutes on a CPU run this many epochs of the large graph, with one seed.
_FEW_EPOCHS = 3
_NUM_SEEDS = 3
_MAX_PROFILED_STEPS = 100
_LARGE = 20_000
# An epoch may list the sizes of its steps once.
_MAX_WAITS = 2
_WAITS = ("cudaStreamSynchronize", "cudaEventSynchronize")


@dataclass(frozen=True)
class Check:
    """What is true of one model on the device, on the smallest graph.

    Attributes:
        model: its name.
        foreign_operations: operations of a step that saw a tensor outside the device.
        num_steps: the profiled steps: one epoch, at most 100 steps of it.
        num_waits: how often the host waited for the device in them, None without CUDA.
        num_copies: copies between host and device in them, None without CUDA.
        num_kernels: kernels in one step, None without CUDA.
        num_launches: launches in one step, of a kernel or a recorded step, None without CUDA.
        busy_share: share of the steps' wall time in which a kernel ran, None without CUDA.
        seed_difference: the largest difference between two runs with one seed.
    """

    model: str
    foreign_operations: list[str]
    num_steps: int
    num_waits: int | None
    num_copies: int | None
    num_kernels: float | None
    num_launches: float | None
    busy_share: float | None
    seed_difference: float

    def list_faults(self) -> list[str]:
        """What should not be, in sentences."""
        faults = []
        if self.foreign_operations:
            faults.append(f"tensors outside the device in {', '.join(self.foreign_operations)}")
        if (self.num_waits or 0) > _MAX_WAITS:
            faults.append(f"{self.num_waits} waits in {self.num_steps} steps")
        if self.seed_difference:
            faults.append(f"one seed gives vectors that differ by {self.seed_difference:.1e}")
        return [f"{self.model}: {fault}" for fault in faults]


@dataclass(frozen=True)
class Outcome:
    """The runs of one model on one graph and one device.

    Attributes:
        graph: its name.
        model: its name.
        device: its name.
        num_epochs: of each run.
        epoch_s: seconds of an epoch, the median without the first one, over all runs.
        all_s: seconds of `fit`, the fastest run.
        peak_mb: the most device memory in use, None on a CPU.
        num_seeds: how many runs.
        recall_at_20: of the test edges, mean over the seeds.
        recall_range: the largest recall of a seed less the smallest.
    """

    graph: str
    model: str
    device: str
    num_epochs: int
    epoch_s: float
    all_s: float
    peak_mb: float | None
    num_seeds: int
    recall_at_20: float
    recall_range: float


class PlacementWatch(TorchDispatchMode):
    """Collects the operations that see a tensor outside the device."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self.device = device
        self.foreign: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation and look at all its tensors."""
        result = func(*args, **(kwargs or {}))
        tensors = [t for t in tree_leaves((args, kwargs, result)) if isinstance(t, torch.Tensor)]
        if any(tensor.device.type != self.device.type for tensor in tensors):
            self.foreign.add(str(func))
        return result


def make_graphs(*, is_small: bool, lastfm: Path | None) -> list[Graph]:
    """The graphs from small to large, with 20 % of each book's edges held out."""
    sizes = {"tiny": (500, 400, 10_000)} if is_small else {
        "small": (1_851, 2_088, 48_000),
        "reference's scale": (37_020, 41_758, 965_000),
    }  # fmt: skip
    graphs = []
    for name, (num_books, num_links, num_edges) in sizes.items():
        made = generate_graph(num_books=num_books, num_links=num_links, num_edges=num_edges)
        train, test = split_edges(made.pairs, num_books=num_books, num_links=num_links)
        graphs.append(Graph(name, train, test, num_books, num_links))
    if lastfm is not None:
        train, test = (
            np.loadtxt(lastfm / f"{part}.txt", dtype=np.int64, usecols=(0, 1)) - 1
            for part in ("train", "test")
        )
        num_books, num_links = (int(n) + 1 for n in np.maximum(train.max(0), test.max(0)))
        graphs.insert(1, Graph("LastFM", train, test, num_books, num_links))
    return graphs


def check_model(graph: Graph, config: TrainConfig) -> Check:
    """Look into the steps of one epoch, and train twice with one seed."""
    device = resolve_device(config.device)
    run = start_run(_edges(graph), config, num_links=graph.num_links)
    watch = PlacementWatch(device)
    # Two steps outside of the watch: what is made once, such as a matrix, is made there.
    for batch in itertools.islice(run.model.iter_batches(run.graph, run.generator), 2):
        run.model.train_step(batch, run.graph, rate_share=1.0)
    with watch:
        for batch in itertools.islice(run.model.iter_batches(run.graph, run.generator), 3):
            run.model.train_step(batch, run.graph, rate_share=1.0)
    size = config.resolve_batch_size(run.graph.num_mentions)
    steps = min(num_steps(run.graph.num_mentions, size), _MAX_PROFILED_STEPS)

    def train_steps() -> None:
        batches = run.model.iter_batches(run.graph, run.generator)
        for batch in itertools.islice(batches, steps):
            run.steps.run(batch, run.graph, rate_share=1.0)

    counts = profile(train_steps, steps) if device.type == "cuda" else (None,) * 5
    first, second = (_fit(graph, config)[0] for _ in range(2))
    difference = max(
        float(np.abs(first.book - second.book).max()), float(np.abs(first.link - second.link).max())
    )
    return Check(config.model, sorted(watch.foreign), steps, *counts, difference)


def profile(work: Callable[[], None], steps: int) -> tuple[int, int, float, float, float]:
    """Waits, copies, kernels and launches in a step, and the share of time in which one ran."""
    torch.cuda.synchronize()
    started_s = time.perf_counter()
    work()
    torch.cuda.synchronize()
    seconds = time.perf_counter() - started_s
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profiler:
        work()
    waits = copies = kernels = launches = 0
    busy_us = 0.0
    for event in profiler.key_averages():
        is_on_device = event.device_type == torch.autograd.DeviceType.CUDA
        waits += event.count if event.key in _WAITS else 0
        launches += event.count if "Launch" in event.key and not is_on_device else 0
        if not is_on_device:
            continue
        busy_us += event.self_device_time_total
        copies += event.count if "HtoD" in event.key or "DtoH" in event.key else 0
        kernels += 0 if event.key.startswith("Mem") else event.count
    return waits, copies, kernels / steps, launches / steps, busy_us / 1e6 / seconds


def measure(graph: Graph, config: TrainConfig, *, num_seeds: int) -> Outcome:
    """Train with several seeds, and rank the test edges."""
    on_cuda = resolve_device(config.device).type == "cuda"
    if on_cuda:
        torch.cuda.reset_peak_memory_stats()
    recalls, seconds, epochs = [], [], []
    for seed in range(num_seeds):
        embeddings, all_s, reports = _fit(graph, config, seed=seed)
        seconds.append(all_s)
        epochs += [report.seconds for report in reports[1:] or reports]
        recalls.append(rank(graph, embeddings.book, embeddings.link)[0])
    outcome = Outcome(
        graph=graph.name,
        model=config.model,
        device=config.device,
        num_epochs=config.epochs,
        epoch_s=statistics.median(epochs),
        all_s=min(seconds),
        peak_mb=torch.cuda.max_memory_allocated() / 1e6 if on_cuda else None,
        num_seeds=num_seeds,
        recall_at_20=statistics.mean(recalls),
        recall_range=max(recalls) - min(recalls),
    )
    _say(
        f"  {graph.name:<17} {config.model:<9} {config.device:<5} {outcome.epoch_s:8.3f} s an "
        f"epoch, {outcome.all_s:7.2f} s in all, recall@20 {_recall(outcome)}"
    )
    return outcome


def measure_scale(device: str, *, is_small: bool) -> list[dict[str, Any]]:
    """Seconds of one epoch of the default model by edges and numbers in a vector.

    The steps of an epoch are alike, so a few of them are timed. Ten million edges are ten copies of
    a graph side by side, because drawing them takes minutes.
    """
    sizes = [(1, 10_000, (16,))] if is_small else [
        (1, 100_000, (64,)), (1, 1_000_000, (64, 128, 256)), (10, 1_000_000, (64, 128, 256))
    ]  # fmt: skip
    rows = []
    for num_copies, num_edges, dims in sizes:
        edges = _make_edges(num_copies, num_edges)
        for name in dict.fromkeys((device, "cpu")):
            for dim in dims:
                is_slow = name == "cpu" and num_copies > 1
                if is_slow and dim not in (dims[0], dims[-1]):
                    continue
                seconds = _time_epoch(edges, dim, name, num_timed=3 if is_slow else 20)
                rows.append({"num_edges": len(edges), "dim": dim, "device": name, **seconds})
                _say(f"  {len(edges):>10,} edges, dim {dim:>3}, {name:<5} {seconds}")
    return rows


@functools.cache
def _generate(num_edges: int) -> PlantedGraph:
    side = num_edges // 20
    return generate_graph(num_books=side, num_links=side, num_edges=num_edges)


def _make_edges(num_copies: int, num_edges: int) -> EdgeList:
    side, graph = num_edges // 20, _generate(num_edges)
    pairs = np.concatenate([graph.pairs + copy * side for copy in range(num_copies)])
    return build_edge_list(pairs, num_books=side * num_copies, num_links=side * num_copies)


def _time_epoch(edges: EdgeList, dim: int, name: str, *, num_timed: int) -> dict[str, float | None]:
    device = resolve_device(name)
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    config = TrainConfig(dim=dim, device=name, start="random", holdout_share=0.0)
    generator = make_generator(device, seed=0)
    graph = build_adjacency(edges, device=device)
    model = SmoothedModel(graph, config, generator)
    size = config.resolve_batch_size(graph.num_mentions)
    batches = itertools.cycle([*itertools.islice(model.iter_batches(graph, generator), 2)])
    runner = StepRunner(model)
    for batch in itertools.islice(batches, 4):
        runner.run(batch, graph, rate_share=1.0)
    _synchronize(device)
    started_s = time.perf_counter()
    for batch in itertools.islice(batches, num_timed):
        runner.run(batch, graph, rate_share=1.0)
    _synchronize(device)
    step_s = (time.perf_counter() - started_s) / num_timed
    on_cuda = device.type == "cuda"
    return {
        "epoch_s": step_s * num_steps(graph.num_mentions, size),
        "peak_mb": torch.cuda.max_memory_allocated() / 1e6 if on_cuda else None,
    }


def _edges(graph: Graph) -> EdgeList:
    return build_edge_list(graph.train, num_books=graph.num_books, num_links=graph.num_links)


def _fit(
    graph: Graph, config: TrainConfig, *, seed: int = 0
) -> tuple[Any, float, list[EpochReport]]:
    reports: list[EpochReport] = []
    started_s = time.perf_counter()
    embeddings = fit(
        graph.train,
        num_books=graph.num_books,
        num_links=graph.num_links,
        config=TrainConfig(**{**asdict(config), "seed": seed}),
        on_epoch=reports.append,
    )
    return embeddings, time.perf_counter() - started_s, reports


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def list_cases(
    graphs: list[Graph], models: list[str], device: str, *, is_small: bool
) -> Iterator[tuple[Graph, TrainConfig, int]]:
    """Each graph, model and device, with the number of seeds."""
    for graph, model, name in itertools.product(graphs, models, dict.fromkeys((device, "cpu"))):
        is_few = model != "dot" and graph.num_books > _LARGE
        epochs = _FEW_EPOCHS if is_few or is_small else _EPOCHS
        config = TrainConfig(dim=_DIM, epochs=epochs, model=model, device=name)  # type: ignore[arg-type]  # checked by argparse
        yield graph, config, 1 if is_few else _NUM_SEEDS


def list_recall_faults(outcomes: list[dict[str, Any]], device: str) -> list[str]:
    """Where the device's mean recall differs from the CPU's by more than their seeds do."""
    faults = []
    for one, other in itertools.permutations(outcomes, 2):
        is_pair = all(one[key] == other[key] for key in ("graph", "model"))
        if not is_pair or one["device"] != device or one["num_seeds"] == 1:
            continue
        spread = max(one["recall_range"], other["recall_range"])
        difference = abs(one["recall_at_20"] - other["recall_at_20"])
        if difference > spread:
            faults.append(
                f"{one['model']} on {one['graph']}: recall@20 differs from the CPU's by "
                f"{difference:.4f}, more than among seeds ({spread:.4f})"
            )
    return faults


def make_table(report: dict[str, Any]) -> str:
    """The tables of the document, as Markdown."""
    machine = report["machine"]
    where = (
        f"{report['card']}, driver {report['driver']}, torch {report['versions']['torch']}; "
        f"{machine['num_cores']} cores of {machine['processor']}; `{report['command']}`, "
        f"{report['date'][:10]}."
    )
    lines = [
        where,
        "",
        "| graph | model | device | s an epoch | s in all | epochs | recall@20 | memory, MB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one['graph']} | {one['model']} | {one['device']} | {one['epoch_s']:.3f} "
        f"| {one['all_s']:.1f} | {one['num_epochs']} | {_recall(Outcome(**one))} "
        f"| {_number(one['peak_mb'])} |"
        for one in report["outcomes"]
    ]
    lines += [
        "",
        "| model | waits | copies | steps | kernels a step | launches a step | busy | seed twice |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one['model']} | {_number(one['num_waits'])} | {_number(one['num_copies'])} "
        f"| {one['num_steps']} | {_number(one['num_kernels'])} | {_number(one['num_launches'])} "
        f"| {'' if one['busy_share'] is None else format(one['busy_share'], '.0%')} "
        f"| {'equal' if not one['seed_difference'] else format(one['seed_difference'], '.1e')} |"
        for one in report["checks"]
    ]
    lines += [
        "",
        "| edges | dim | device | s an epoch | memory, MB |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {one['num_edges']:,} | {one['dim']} | {one['device']} | {one['epoch_s']:.2f} "
        f"| {_number(one['peak_mb'])} |"
        for one in report["scale"]
    ]
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _recall(outcome: Outcome) -> str:
    mean = f"{outcome.recall_at_20:.4f}"
    return mean if outcome.num_seeds == 1 else f"{mean} ± {outcome.recall_range / 2:.4f}"


def _driver() -> str | None:
    try:
        return subprocess.check_output(
            ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"], text=True
        ).splitlines()[0]
    except (OSError, subprocess.CalledProcessError):
        return None


def _say(line: str) -> None:
    print(line, flush=True)


def run_all(arguments: argparse.Namespace) -> tuple[Path, list[str]]:
    """Check and measure everything.

    Returns:
        The file of results, and the faults found.
    """
    device, is_small = arguments.device, arguments.small
    started_s = time.perf_counter()
    if resolve_device(device).index is not None:
        torch.cuda.set_device(device)
    graphs = make_graphs(is_small=is_small, lastfm=arguments.lastfm)
    models = arguments.models.split(",")
    checks = []
    for model in models:
        config = TrainConfig(dim=_DIM, epochs=_FEW_EPOCHS, model=model, device=device)
        checks.append(asdict(check_model(graphs[0], config)))
        _say(f"  {checks[-1]}")
    outcomes = [
        asdict(measure(graph, config, num_seeds=seeds))
        for graph, config, seeds in list_cases(graphs, models, device, is_small=is_small)
    ]
    faults = [fault for one in checks for fault in Check(**one).list_faults()]
    faults += list_recall_faults(outcomes, device)
    is_cuda = resolve_device(device).type == "cuda"
    report = {
        "card": torch.cuda.get_device_name(device) if is_cuda else device,
        "driver": _driver() if is_cuda else None,
        "graphs": {g.name: [g.num_books, g.num_links, len(g.train)] for g in graphs},
        "checks": checks,
        "outcomes": outcomes,
        "scale": [],
        "faults": faults,
    }
    # Before the large graphs too: a run that is cut short there keeps what it has.
    _write(report, started_s, keep=arguments.keep)
    report["scale"] = measure_scale(device, is_small=is_small)
    return _write(report, started_s, keep=arguments.keep), faults


def _write(report: dict[str, Any], started_s: float, *, keep: bool) -> Path:
    report["elapsed_s"] = time.perf_counter() - started_s
    return write_results("device", report, packages=("torch-geometric",), keep=keep)


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--device", default="cuda", help="of torch, as cuda:1 (default: cuda)")
    parser.add_argument("--small", action="store_true", help="a tiny graph, in seconds")
    parser.add_argument("--keep", action="store_true", help="keep the result and fill the document")
    parser.add_argument("--lastfm", type=Path, help="folder of train.txt and test.txt")
    parser.add_argument("--models", default=",".join(_MODELS), help="some models only")
    parser.add_argument("--from", dest="source", type=Path, help="show another machine's results")
    arguments = parser.parse_args()
    if arguments.source is None:
        file, faults = run_all(arguments)
        report = json.loads(file.read_text("utf-8"))
    else:
        file, report = arguments.source, json.loads(arguments.source.read_text("utf-8"))
        faults = report["faults"]
        if arguments.keep:
            (KEPT / "device.json").write_bytes(arguments.source.read_bytes())
    _say(make_table(report))
    if arguments.keep:
        fill_document("device", make_table(report))
    for fault in faults:
        _say(f"FAULT: {fault}")
    _say(f"{file} ({'no fault found' if not faults else f'{len(faults)} faults'})")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
