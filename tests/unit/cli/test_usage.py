"""Wrong usage: one line that names the option, the value and what is accepted, and exit code 2."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bookgraph.cli import app as command_line
from bookgraph.cli import bench


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BOOKGRAPH_HOME", str(tmp_path))
    for name in ("NEO4J_URI", "BOOKGRAPH_PORT"):
        monkeypatch.delenv(name, raising=False)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command line in this process and return its exit code."""
    monkeypatch.setattr("sys.argv", ["bookgraph", *arguments])
    with pytest.raises(SystemExit) as caught:
        command_line.main()
    code = caught.value.code
    return code if isinstance(code, int) else 0


def message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> str:
    """The one line that refused arguments print."""
    assert run(monkeypatch, *arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith("bookgraph: ")
    return line.removeprefix("bookgraph: ")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("trian", "No such command 'trian'. Did you mean 'train'? See `bookgraph --help`."),
        ("neo4j strat", "No such command 'strat'. Did you mean 'start', 'status'?"),
        ("similar", "Missing argument 'TITLE...'. See `bookgraph similar --help`."),
        ("similar Dune --num 0", "--num is '0'. Use a whole number from 1 to 100."),
        ("similar Dune -n two", "--num is 'two'. Use a whole number from 1 to 100."),
        ("train --dim abc", "--dim is 'abc'. Use a whole number from 1 to 4,096."),
        ("train --dim 0", "--dim is '0'. Use a whole number from 1 to 4,096."),
        ("train --patience 0", "--patience is '0'. Use a whole number from 1 to 100,000."),
        (
            "train --learning-rate 0",
            "--learning-rate is '0'. Use a number above 0 and at most 100.",
        ),
        ("train --loss hinge", "Invalid value for '--loss': 'hinge' is not one of 'softmax', "),
        ("train --model word2vec", "'word2vec' is not one of 'dot', 'lightgcn', 'reference'. See"),
        ("train --model reference --loss softmax", "Use --loss bce, --loss mse or --model dot."),
        ("train --relations cites", "'cites' is not one of 'links', 'links,citations'."),
        ("train --checkpoint-every 0", "Use a whole number of at least 1."),
        ("train --epochs", "Option '--epochs' requires an argument."),
        ("train --nope", "No such option: --nope"),
        ("evaluate --min-recall 2", "--min-recall is '2'. Use a number from 0 to 1."),
        ("evaluate --picture a.png", "--picture is a.png. Use a file name that ends in .svg."),
        ("map --method isomap", "'isomap' is not one of 'tsne', 'umap'."),
        ("serve --port 99999", "--port is '99999'. Use a whole number from 0 to 65535."),
        ("serve --workers none", "--workers is 'none'. Use a whole number from 1 to 64."),
        ("export pdf", "Invalid value for 'FORMAT': 'pdf' is not one of 'csv', 'graphml', "),
        ("ingest", "Missing argument 'FILE...'."),
        ("ingest no-such-file", "File not found: no-such-file."),
        ("ingest {folder}", "{folder} is a folder. Pass the files in it, such as {folder}/*.bz2."),
        ("ingest {file} --cleaning extra", "'extra' is not one of 'default', 'reference'."),
        ("ingest {file} --too-common gone.txt", "Cannot read --too-common gone.txt."),
        ("bench nothing", "There is no benchmark 'nothing'. Use one of: api, "),
    ],
)
def test_a_message_says_what_is_wrong_and_what_to_use(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: str,
    expected: str,
) -> None:
    file = tmp_path / "books.ndjson"
    file.touch()
    words = [word.format(file=file, folder=tmp_path) for word in arguments.split()]
    assert expected.format(folder=tmp_path) in message(monkeypatch, capsys, *words)


def test_a_setting_that_is_not_accepted_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BOOKGRAPH_PORT", "abc")
    expected = "BOOKGRAPH_PORT is 'abc'. Use a whole number from 0 to 65535."
    assert message(monkeypatch, capsys, "config") == expected


def test_a_command_for_the_local_neo4j_refuses_a_remote_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NEO4J_URI", "bolt://db:7687")
    assert "Unset NEO4J_URI" in message(monkeypatch, capsys, "neo4j", "status")


@pytest.mark.parametrize("arguments", [(), ("neo4j",)])
def test_without_a_command_the_help_text_is_printed(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    run(monkeypatch, *arguments)
    printed = capfd.readouterr()
    assert "Usage: bookgraph" in printed.out + printed.err


def test_the_version_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--version") == 0
    assert capsys.readouterr().out.startswith("bookgraph 0.")


def test_the_completion_script_of_a_shell_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    assert run(monkeypatch, "--show-completion", "bash") == 0
    assert "_BOOKGRAPH_COMPLETE=complete_bash" in capsys.readouterr().out


def test_an_installed_package_has_no_benchmarks_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "find_checkout", lambda: None)
    assert run(monkeypatch, "bench") == 4
    assert "Benchmarks need a checkout of bookgraph" in capsys.readouterr().err


def test_an_env_file_is_named_on_stderr_and_never_in_the_output(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    (tmp_path / ".env").write_text("BOOKGRAPH_PORT=9001\nNEO4J_PASSWORD=hunter2\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NEO4J_PASSWORD", raising=False)
    assert run(monkeypatch, "config", "--json") == 0
    printed = capsys.readouterr()
    assert {"variable": "BOOKGRAPH_PORT", "value": "9001"}.items() <= next(
        row for row in json.loads(printed.out) if row["variable"] == "BOOKGRAPH_PORT"
    ).items()
    # The log goes to stderr; pytest collects it.
    assert caplog.messages == [f"Using {tmp_path / '.env'}: BOOKGRAPH_PORT, NEO4J_PASSWORD."]
    assert "hunter2" not in printed.out + caplog.text
    caplog.clear()
    for arguments in (("--version",), ("config", "--help")):
        assert run(monkeypatch, *arguments) == 0
        assert caplog.messages == []


def test_a_secret_in_a_file_is_not_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("hunter2\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    for name in ("NEO4J_PASSWORD", "BOOKGRAPH_READ_KEYS", "BOOKGRAPH_WRITE_KEYS"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(f"{name}_FILE", "secret")
    for arguments in (("config",), ("config", "--json"), ("--debug", "config")):
        assert run(monkeypatch, *arguments) == 0
        printed = capsys.readouterr()
        assert "****" in printed.out
        assert "hunter2" not in printed.out + printed.err
