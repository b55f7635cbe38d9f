"""Secrets do not survive masking, in whatever form they stand."""

from __future__ import annotations

import pytest

from bookgraph.core.masking import mask_secrets, mask_urls
from bookgraph.core.settings import Settings, public_values, secret_values

SECRET = "hunter2-S3cret"


@pytest.mark.parametrize(
    "text",
    [
        f"NEO4J_PASSWORD={SECRET}",
        f"bookgraph serve --password {SECRET} --port 8000",
        f"--token={SECRET}",
        f'{{"neo4j_password": "{SECRET}", "port": 1}}',
        f"Authorization: Bearer {SECRET}",
        f"authorization=Basic {SECRET}",
        f'"Authorization": "Bearer {SECRET}"',
        f"bolt://neo4j:{SECRET}@db.example.org:7687",
        f"https://{SECRET}@proxy:8080/path",
        f"bolt://neo4j:a@{SECRET}/b@db:7687",
        f"BOOKGRAPH_WRITE_KEYS={SECRET}",
        f"OTEL_API_KEY: {SECRET}",
        f"Cookie: {SECRET}",
        f"dbms.security.secret={SECRET}",
    ],
)
def test_a_secret_is_masked_by_where_it_stands(text: str) -> None:
    assert SECRET not in mask_secrets(text)


def test_a_known_secret_is_masked_anywhere() -> None:
    text = f"the user typed {SECRET}, twice: {SECRET}{SECRET}"
    assert SECRET not in mask_secrets(text, [SECRET])


def test_what_is_no_secret_stays() -> None:
    text = "GET https://example.org/a?b=1 200 in 3 ms, bolt://127.0.0.1:7687, 1 keyed row"
    assert mask_secrets(text) == text
    assert mask_urls("neo4j+s://abc.example.org") == "neo4j+s://abc.example.org"


def test_settings_are_shown_without_secrets() -> None:
    settings = Settings(
        _env_file=None,
        read_keys=f"{SECRET}1,{SECRET}2",
        write_keys=f"{SECRET}3",
        neo4j_password=f"{SECRET}4",
        neo4j_uri=f"bolt://u:{SECRET}5@db:7687",
        neo4j_database="books",
    )
    values = public_values(settings)
    assert SECRET not in str(values)
    assert values["NEO4J_PASSWORD"] == values["BOOKGRAPH_READ_KEYS"] == "(set)"
    assert values["NEO4J_DATABASE"] == "books"
    assert values["NEO4J_URI"] == "bolt://***@db:7687"
    assert {f"{SECRET}{number}" for number in (1, 2, 3, 4)} <= {*secret_values(settings)}
