"""Trains one peer on one graph and saves its vectors; runs in bookgraph's venv or in the peers'.

    python peer_embed.py PEER GRAPH.npz OUT.npz SETTINGS

SETTINGS is JSON. The graph file holds `train` (num_pairs, 2) int64, `num_books` and `num_links`.
OUT gets `peak_mb`, and for each stage that is measured `book_0`, `link_0`, `seconds_0` and so on.
The time to load packages, read files and compile is not counted. Each peer is called as in its own
documentation.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Stage = tuple[float, np.ndarray, np.ndarray]


def train_bookgraph(pairs: np.ndarray, sizes: tuple[int, int], settings: dict) -> list[Stage]:
    """`embed.fit` with the given fields of `TrainConfig`, in a process set up as by the command."""
    from bookgraph.cli.process import keep_freed_memory  # noqa: PLC0415  # only in bookgraph's venv
    from bookgraph.embed import TrainConfig, fit  # noqa: PLC0415  # likewise

    keep_freed_memory()
    started_s = time.perf_counter()
    num_books, num_links = sizes
    result = fit(pairs, num_books=num_books, num_links=num_links, config=TrainConfig(**settings))
    return [(time.perf_counter() - started_s, result.book, result.link)]


def train_implicit(kind: str) -> Callable[..., list[Stage]]:
    """Implicit's ALS or BPR."""

    def train(pairs: np.ndarray, sizes: tuple[int, int], settings: dict) -> list[Stage]:
        from implicit.als import AlternatingLeastSquares  # noqa: PLC0415  # only in the peers' venv
        from implicit.bpr import BayesianPersonalizedRanking  # noqa: PLC0415  # likewise

        known = _matrix(pairs, sizes)
        model = {"als": AlternatingLeastSquares, "bpr": BayesianPersonalizedRanking}[kind](
            random_state=0, **settings
        )
        started_s = time.perf_counter()
        model.fit(known, show_progress=False)
        seconds = time.perf_counter() - started_s
        return [(seconds, np.asarray(model.user_factors), np.asarray(model.item_factors))]

    return train


def train_lightfm(pairs: np.ndarray, sizes: tuple[int, int], settings: dict) -> list[Stage]:
    """LightFM without features; its biases become one more number of each vector."""
    from lightfm import LightFM  # noqa: PLC0415  # only in the peers' venv

    epochs = settings.pop("epochs")
    model = LightFM(random_state=0, **settings)
    started_s = time.perf_counter()
    model.fit(_matrix(pairs, sizes).tocoo(), epochs=epochs, num_threads=2)
    seconds = time.perf_counter() - started_s
    one = np.ones((sizes[0], 1), dtype=np.float32)
    link = np.hstack((model.item_embeddings, model.item_biases[:, None]))
    return [(seconds, np.hstack((model.user_embeddings, one)), link)]


def train_keras(pairs: np.ndarray, sizes: tuple[int, int], settings: dict) -> list[Stage]:
    """The published reference: its layers, its batch generator, its settings for regression."""
    import keras  # noqa: PLC0415  # only in the peers' venv

    dim, num_positive, ratio = settings["dim"], 1024, 2
    book_in, link_in = keras.Input((1,)), keras.Input((1,))
    book = keras.layers.Embedding(sizes[0], dim)
    link = keras.layers.Embedding(sizes[1], dim)
    dot = keras.layers.Dot(axes=2, normalize=True)([book(book_in), link(link_in)])
    model = keras.Model([book_in, link_in], keras.layers.Reshape((1,))(dot))
    model.compile(optimizer="adam", loss="mse")
    known = set(map(tuple, pairs.tolist()))
    random = np.random.default_rng(0)

    def generate_batches() -> Any:
        size = num_positive * (1 + ratio)
        batch = np.zeros((size, 3), dtype=np.int64)
        while True:
            batch[:num_positive, :2] = pairs[random.integers(len(pairs), size=num_positive)]
            batch[:num_positive, 2] = 1
            at = num_positive
            while at < size:
                drawn = (int(random.integers(sizes[0])), int(random.integers(sizes[1])))
                if drawn not in known:
                    batch[at] = (*drawn, -1)
                    at += 1
            random.shuffle(batch)
            yield (batch[:, :1].copy(), batch[:, 1:2].copy()), batch[:, 2].astype(np.float32)

    batches, stages, seconds = generate_batches(), [], 0.0
    model.train_on_batch(*next(batches))  # compiles
    for epoch in range(1, settings["epochs"] + 1):
        started_s = time.perf_counter()
        model.fit(batches, steps_per_epoch=len(pairs) // num_positive, verbose=0)
        seconds += time.perf_counter() - started_s
        if epoch in settings["stages"]:
            tables = [layer.get_weights()[0] for layer in (book, link)]
            stages.append(
                (seconds, *(t / np.linalg.norm(t, axis=1, keepdims=True) for t in tables))
            )
    return stages


def _matrix(pairs: np.ndarray, sizes: tuple[int, int]) -> Any:
    import scipy.sparse  # noqa: PLC0415  # only some peers need it

    counts = np.ones(len(pairs), dtype=np.float32)
    return scipy.sparse.csr_matrix((counts, (pairs[:, 0], pairs[:, 1])), shape=sizes)


PEERS: dict[str, Callable[..., list[Stage]]] = {
    "bookgraph": train_bookgraph,
    "als": train_implicit("als"),
    "bpr": train_implicit("bpr"),
    "lightfm": train_lightfm,
    "keras": train_keras,
}


def main() -> None:
    """See the module."""
    name, graph_file, out_file, settings = sys.argv[1:]
    with np.load(graph_file) as graph:
        pairs, sizes = graph["train"], (int(graph["num_books"]), int(graph["num_links"]))
    stages = PEERS[name](pairs, sizes, json.loads(settings))
    arrays: dict[str, Any] = {}
    for place, (seconds, book, link) in enumerate(stages):
        arrays |= {f"seconds_{place}": seconds, f"book_{place}": book, f"link_{place}": link}
    np.savez(out_file, peak_mb=_peak_mb(), **arrays)


def _peak_mb() -> float:
    """Peak resident memory of this process; getrusage would include the parent's."""
    try:
        lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return next(int(one.split()[1]) for one in lines if one.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    main()
