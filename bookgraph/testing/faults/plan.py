"""Which injections there are: a numbered list that follows from the seed alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

_SIGNALS = (
    "command killed",
    "command killed, at once again",
    "command ended (SIGTERM)",
    "command interrupted (SIGINT)",
    "command paused",
)
_FILES = ("file removed", "file emptied")
_NETWORK = ("connections cut", "connections frozen", "connections slow")
_NEO4J = ("Neo4j killed", "Neo4j ended (SIGTERM)", "Neo4j paused")
_IMPORTER = ("importer killed", "importer ended (SIGTERM)", "importer paused")

# Stage to kinds, each with how often it happens.
_TABLE: dict[str, dict[str, int]] = {
    "fetch": {
        **dict.fromkeys(_SIGNALS, 2),
        **dict.fromkeys(_NETWORK, 2),
        **dict.fromkeys(_FILES, 2),
        "disk full": 2,
        "clock jumped": 2,
        "two at once": 2,
    },
    "ingest": {
        **dict.fromkeys(_SIGNALS, 3),
        **dict.fromkeys(_NEO4J, 3),
        **dict.fromkeys(_NETWORK, 2),
        **dict.fromkeys(_FILES, 3),
        "command and JVMs killed": 2,
        "disk full": 3,
        "clock jumped": 2,
        "two at once": 3,
    },
    "ingest, offline import": {
        **dict.fromkeys(_SIGNALS, 2),
        **dict.fromkeys(_IMPORTER, 2),
        **dict.fromkeys(_FILES, 1),
        "command killed while importing": 4,
        "command and JVMs killed": 2,
        "disk full": 1,
        "two at once": 2,
    },
    "ingest, new home": {
        "command killed": 2,
        "command killed, at once again": 2,
        "command ended (SIGTERM)": 1,
        "command and JVMs killed": 1,
        "two at once": 1,
    },
    "train": {
        **dict.fromkeys(_SIGNALS, 2),
        **dict.fromkeys(_NEO4J, 2),
        **dict.fromkeys(_NETWORK, 1),
        **dict.fromkeys(_FILES, 2),
        "command and JVMs killed": 1,
        "disk full": 2,
        "clock jumped": 1,
        "two at once": 2,
    },
    "map": {
        **dict.fromkeys(_SIGNALS, 1),
        **dict.fromkeys(_NEO4J, 1),
        **dict.fromkeys(_NETWORK, 1),
        **dict.fromkeys(_FILES, 1),
        "disk full": 1,
        "two at once": 2,
    },
    "serve with mutations": {
        **dict.fromkeys(_SIGNALS, 2),
        **dict.fromkeys(_NEO4J, 2),
        **dict.fromkeys(_NETWORK, 1),
        **dict.fromkeys(_FILES, 1),
        "command and JVMs killed": 1,
        "disk full": 2,
        "clock jumped": 1,
        "two at once": 1,
    },
    "serve with mutations, 2 workers": {
        **dict.fromkeys(_SIGNALS[:4], 1),
        "Neo4j killed": 1,
    },
    "export": {
        **dict.fromkeys(_SIGNALS, 1),
        "Neo4j killed": 1,
        **dict.fromkeys(_NETWORK, 1),
        **dict.fromkeys(_FILES, 1),
        "disk full": 2,
        "clock jumped": 1,
        "two at once": 1,
    },
    "backup": {
        **dict.fromkeys(_SIGNALS, 1),
        "Neo4j killed": 1,
        **dict.fromkeys(_NETWORK, 1),
        **dict.fromkeys(_FILES, 1),
        "disk full": 2,
        "two at once": 1,
    },
    "restore": {
        **dict.fromkeys(_SIGNALS, 2),
        **dict.fromkeys(_NEO4J, 1),
        **dict.fromkeys(_NETWORK, 1),
        **dict.fromkeys(_FILES, 1),
        "command and JVMs killed": 1,
        "disk full": 1,
        "two at once": 1,
    },
}

# Shares of the undisturbed time between which a kind strikes. A disk that fills at the end, or a
# file that is damaged before there are any, disturbs nothing.
_SPANS = {
    "disk full": (0.0, 0.5),
    "file removed": (0.3, 0.95),
    "file emptied": (0.3, 0.95),
    "clock jumped": (0.3, 0.9),
    "two at once": (0.0, 0.7),
}
_SPAN = (0.02, 0.92)

# Of the injections that end a JVM, one in so many has Neo4j check its store; of others, one in 20.
_CHECK_EVERY = 4


@dataclass(frozen=True, slots=True)
class Injection:
    """One fault in one command.

    Attributes:
        number: in the plan, from 0.
        seed: of the plan.
        stage: name of the stage.
        kind: name of the kind.
        moment: when it strikes, as a share of the stage's undisturbed time.
        is_checked: whether Neo4j checks the consistency of its store afterwards.
    """

    number: int
    seed: int
    stage: str
    kind: str
    moment: float
    is_checked: bool

    def random(self) -> random.Random:
        """Draws what is left open; always the same."""
        return random.Random(f"{self.seed}/{self.number}")


def make_plan(seed: int) -> list[Injection]:
    """All injections, stage after stage."""
    pairs = [
        (stage, kind)
        for stage, kinds in _TABLE.items()
        for kind, num in kinds.items()
        for _ in range(num)
    ]
    return [_draw(seed, number, *pair) for number, pair in enumerate(pairs)]


def _draw(seed: int, number: int, stage: str, kind: str) -> Injection:
    drawn = random.Random(f"moment {seed}/{number}")
    ends_jvm = any(word in kind for word in ("Neo4j", "JVM", "importer", "disk", "file"))
    every = _CHECK_EVERY if ends_jvm else 20
    return Injection(
        number,
        seed,
        stage,
        kind,
        moment=drawn.uniform(*_SPANS.get(kind, _SPAN)),
        is_checked=stage != "fetch" and drawn.randrange(every) == 0,
    )


def make_slice(seed: int, kinds_of: Sequence[tuple[str, str]]) -> list[Injection]:
    """The first injection of each pair of stage and kind."""
    plan = make_plan(seed)
    return [next(one for one in plan if (one.stage, one.kind) == pair) for pair in kinds_of]
