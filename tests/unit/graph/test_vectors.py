"""Ranking in memory, compared with sorting every score in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookgraph.graph.vectors.table import Measure, Place, VectorTable, Wanted


def make_table(seed: int, *, num: int = 300, dim: int = 12, num_copies: int = 40) -> VectorTable:
    """Random vectors; some are equal, so that their scores are, and some nearly so."""
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(num, dim)).astype(np.float32)
    vectors[:num_copies] = vectors[0]
    vectors[num_copies : 2 * num_copies] = vectors[0] * np.float32(1 + 1e-6)
    keys = [f"key {n:04}" for n in generator.permutation(num)]
    return VectorTable(keys, vectors)


def sorted_keys(table: VectorTable, direction: Any, measure: Measure) -> list[tuple[str, float]]:
    scores = [table.score(row, direction, measure) for row in range(len(table))]
    order = sorted(range(len(table)), key=lambda row: (-scores[row], table.keys[row]))
    return [(table.keys[row], scores[row]) for row in order]


def ranked(table: VectorTable, wanted: Wanted, measure: Measure) -> list[tuple[str, float]]:
    (found,) = table.rank([wanted], measure)
    return [
        (table.keys[row], float(score)) for row, score in zip(found.rows, found.scores, strict=True)
    ]


@given(st.integers(0, 50), st.integers(1, 320), st.sampled_from(["cosine", "dot"]), st.booleans())
@settings(max_examples=60)
def test_the_first_and_the_last_are_those_of_the_whole_order(
    seed: int, num: int, measure: Measure, is_backward: bool
) -> None:
    table = make_table(seed)
    direction = table.unit(seed)
    whole = sorted_keys(table, direction, measure)
    found = ranked(table, Wanted(direction, num, is_backward=is_backward), measure)
    assert found == (whole[::-1] if is_backward else whole)[:num]


@pytest.mark.parametrize("measure", ["cosine", "dot"])
@pytest.mark.parametrize("size", [1, 7, 100])
@pytest.mark.parametrize("is_backward", [False, True])
def test_pages_add_up_to_the_whole_order(measure: Measure, size: int, is_backward: bool) -> None:
    table = make_table(3)
    direction = table.vector(5)
    hidden = [5, 9, 11]
    whole = [
        one
        for one in sorted_keys(table, direction, measure)
        if one[0] not in {table.keys[row] for row in hidden}
    ]
    found: list[tuple[str, float]] = []
    place = None
    while True:
        side = {"before" if is_backward else "after": place}
        part = ranked(
            table,
            Wanted(direction, size, hidden=hidden, is_backward=is_backward, **side),  # type: ignore[arg-type]
            measure,
        )
        found += part
        if len(part) < size:
            break
        place = Place(part[-1][1], part[-1][0])
    assert found == (whole[::-1] if is_backward else whole)


def test_a_place_whose_key_is_gone_still_divides_the_order() -> None:
    table = make_table(4)
    direction = table.unit(0)
    whole = sorted_keys(table, direction, "cosine")
    for key, score in whole[:90:7]:
        rest = table.changed({key: None})
        at = whole.index((key, score))
        behind = ranked(rest, Wanted(direction, 400, after=Place(score, key)), "cosine")
        before = ranked(rest, Wanted(direction, 400, before=Place(score, key)), "cosine")
        assert behind == whole[at + 1 :]
        assert before == whole[:at]


def test_many_lists_at_once_equal_each_by_itself() -> None:
    table = make_table(6)
    wanted = [Wanted(table.unit(row), 9, hidden=[row]) for row in range(100)]
    for one, found in zip(wanted, table.rank(wanted, "cosine"), strict=True):
        (alone,) = table.rank([one], "cosine")
        np.testing.assert_array_equal(alone.rows, found.rows)
        np.testing.assert_array_equal(alone.scores, found.scores)


def test_a_least_score_ends_the_list() -> None:
    table = make_table(7)
    whole = sorted_keys(table, table.unit(3), "cosine")
    least = whole[20][1]
    found = ranked(table, Wanted(table.unit(3), 400, least=least), "cosine")
    assert found == [one for one in whole if one[1] >= least]


def test_a_vector_has_a_cosine_of_one_with_itself() -> None:
    table = make_table(8)
    assert all(
        table.score(row, table.unit(row), "cosine") == pytest.approx(1, abs=1e-15)
        for row in range(len(table))
    )


@given(st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=30), st.integers(0, 20))
def test_a_changed_table_equals_one_made_anew(
    changes: list[tuple[int, bool]], num_before: int
) -> None:
    generator = np.random.default_rng(1)
    known: dict[str, Any] = {
        f"k{n:02}": generator.normal(size=4).astype(np.float32) for n in range(num_before)
    }
    table = VectorTable(list(known), np.array(list(known.values()), np.float32).reshape(-1, 4))
    new = {
        f"k{n:02}": generator.normal(size=4).astype(np.float32).astype(float) if is_set else None
        for n, is_set in changes
    }
    changed = table.changed(new)
    for key, vector in new.items():
        known.pop(key, None)
        if vector is not None:
            known[key] = vector
    assert list(changed.keys) == sorted(known)
    for row, key in enumerate(changed.keys):
        np.testing.assert_array_equal(changed.vectors[row], np.float32(known[key]))


def test_an_empty_table_ranks_nothing() -> None:
    table = VectorTable([], np.empty((0, 3), np.float32))
    assert ranked(table, Wanted(np.ones(3), 5), "cosine") == []
    assert table.row_of("x") is None
