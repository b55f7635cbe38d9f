"""The package as a user installs it: one name in site-packages, which nobody's folder shadows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("api", "core", "embed", "graph", "ingest", "samples")
DATA_FILES = {
    "bookgraph/api/explorer/css/base.css",
    "bookgraph/api/explorer/index.html",
    "bookgraph/api/explorer/main.js",
    "bookgraph/api/explorer/neo4j/guide.html",
    "bookgraph/api/pictures/standalone.html",
    "bookgraph/api/schema.graphql",
    "bookgraph/graph/jars/jars.lock",
    "bookgraph/ingest/clean/too_common.txt",
    "bookgraph/py.typed",
    "bookgraph/samples/classics.ndjson",
}

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("package")]


def build(source: Path, *, kind: str, into: Path) -> Path:
    """Build a wheel or an sdist with what is installed here, without a network."""
    command = ["-m", "build", "--no-isolation", f"--{kind}", f"--outdir={into}", str(source)]
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = into.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return built


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source. Building writes into the folder that it builds from."""
    copy = tmp_path_factory.mktemp("checkout") / "bookgraph"
    copy.mkdir()
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("bookgraph", *FOLDERS):
        shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    return copy


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(checkout, kind="wheel", into=tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment that holds the wheel, and sees the dependencies installed here."""
    folder = tmp_path_factory.mktemp("environment")
    create = ["-m", "venv", "--without-pip", str(folder)]
    subprocess.run([sys.executable, *create], check=True, timeout=120)
    python = python_of(folder)
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    found = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    site_packages = Path(found.stdout.strip())
    # A path alone: the .pth files of that folder, such as an editable bookgraph's, have no effect.
    (site_packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n", "utf-8")
    install = ["-m", "pip", "--disable-pip-version-check", "--python", str(python), "install"]
    subprocess.run(
        [sys.executable, *install, "--no-deps", "--no-index", wheel],
        check=True,
        timeout=240,
        capture_output=True,
    )
    return folder


def python_of(environment: Path) -> Path:
    folder = environment / ("Scripts" if sys.platform == "win32" else "bin")
    return folder / "python"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder whose modules have the names of bookgraph's folders."""
    folder = tmp_path_factory.mktemp("hostile")
    for name in ("core/__init__.py", "graph.py", "api/__init__.py", "embed.py", "ingest.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(f"raise RuntimeError({name!r})\n", "utf-8")
    return folder


def run(environment: Path, folder: Path, *command: str) -> str:
    """Run a program of the environment in a folder, as a user without a checkout does."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    program, *arguments = command
    done = subprocess.run(
        [python_of(environment).with_name(program), *arguments],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_has_one_name_and_all_its_data_files(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"bookgraph"}
    assert set(names) >= DATA_FILES
    assert len(names) == len(set(names))
    assert not [name for name in names if name.startswith(("bookgraph/testing", "bookgraph/tools"))]
    modules = {
        f"bookgraph/{path.relative_to(ROOT).as_posix()}"
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
    }
    assert modules <= set(names)


def test_the_source_archive_builds_the_same_wheel(
    checkout: Path, wheel: Path, tmp_path: Path
) -> None:
    archive = build(checkout, kind="sdist", into=tmp_path)
    with tarfile.open(archive) as file:
        file.extractall(tmp_path, filter="data")
    rebuilt = build(tmp_path / archive.name.removesuffix(".tar.gz"), kind="wheel", into=tmp_path)
    with zipfile.ZipFile(wheel) as first, zipfile.ZipFile(rebuilt) as second:
        assert {item.filename: item.CRC for item in first.infolist()} == {
            item.filename: item.CRC for item in second.infolist()
        }


@pytest.mark.parametrize(
    "command",
    [
        ("bookgraph", "--help"),
        ("bookgraph", "--version"),
        ("python", "-m", "bookgraph", "--help"),
        ("python", "-c", "import bookgraph"),
        ("python", "-c", "from bookgraph.embed import fit; fit.__doc__"),
        ("python", "-c", "import bookgraph.api, bookgraph.graph, bookgraph.ingest"),
    ],
    ids=" ".join,
)
def test_modules_of_the_same_names_do_no_harm(
    environment: Path, hostile: Path, command: tuple[str, ...]
) -> None:
    run(environment, hostile, *command)


def test_the_installed_package_is_the_one_that_ran(environment: Path, hostile: Path) -> None:
    code = "import bookgraph, sys; print(bookgraph.__file__, bookgraph.__version__)"
    file, version = run(environment, hostile, "python", "-c", code).split()
    assert Path(file).is_relative_to(environment)
    assert run(environment, hostile, "bookgraph", "--version").strip() == f"bookgraph {version}"


def test_the_sample_of_the_demo_is_in_the_package(environment: Path, hostile: Path) -> None:
    code = "from bookgraph.cli.demo import SAMPLE; print(SAMPLE, SAMPLE.stat().st_size)"
    path, size = run(environment, hostile, "python", "-c", code).split()
    assert Path(path).is_relative_to(environment)
    assert int(size) == (ROOT / "samples" / "classics.ndjson").stat().st_size


def test_benchmarks_need_a_checkout_and_say_so(environment: Path, hostile: Path) -> None:
    done = subprocess.run(
        [python_of(environment).with_name("bookgraph"), "bench"],
        cwd=hostile,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 4
    assert "Benchmarks need a checkout of bookgraph" in done.stderr


def test_the_links_of_a_checkout_lead_to_real_folders() -> None:
    for name in FOLDERS:
        link = ROOT / "bookgraph" / name
        assert link.is_symlink()
        assert link.resolve() == ROOT / name
        assert not (ROOT / name).is_symlink()


def test_an_editable_install_imports_the_checkout(checkout: Path, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True, timeout=120
    )
    python = python_of(tmp_path / "venv")
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    found = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    (Path(found.stdout.strip()) / "dependencies.pth").write_text(
        f"{sysconfig.get_path('purelib')}\n", "utf-8"
    )
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--editable"]
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", *options, checkout],
        check=True,
        timeout=240,
        capture_output=True,
    )
    code = "import bookgraph.graph.schema as m; print(m.__file__)"
    file = run(tmp_path / "venv", tmp_path, "python", "-c", code).strip()
    assert Path(file).resolve() == checkout / "graph" / "schema.py"


def python_files() -> list[str]:
    """The modules of a checkout by the paths that imports use."""
    folders = [ROOT / "bookgraph" / name for name in ("cli", "testing", "tools", *FOLDERS)]
    files = [path for folder in folders for path in folder.rglob("*.py")]
    return sorted(
        path.relative_to(ROOT).as_posix()
        for path in [*files, *(ROOT / "bookgraph").glob("*.py")]
        if "samples" not in path.parts
    )


@pytest.mark.timeout(600)  # pyright checks the whole package
def test_pyright_sees_each_module_once_and_with_its_types(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("basedpyright")
    common = ["--pythonpath", sys.executable, "--outputjson"]
    done = subprocess.run(
        [str(program), *common, "--project", str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert json.loads(done.stdout)["summary"]["filesAnalyzed"] == len(python_files())
    (tmp_path / "probe.py").write_text(
        "from bookgraph.graph.store import Store\nreveal_type(Store.read)\n", "utf-8"
    )
    config = {"include": ["probe.py"], "extraPaths": [str(ROOT)]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(config), "utf-8")
    done = subprocess.run(
        [str(program), *common, "--project", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    (revealed,) = json.loads(done.stdout)["generalDiagnostics"]
    assert "LiteralString" in revealed["message"]


def test_coverage_reports_each_module_once(tmp_path: Path) -> None:
    variables = {**os.environ, "COVERAGE_FILE": str(tmp_path / "data"), "PYTHONPATH": str(ROOT)}
    probe, report = tmp_path / "probe.py", tmp_path / "report.json"
    probe.write_text("import bookgraph.core.errors\n", "utf-8")
    for arguments in (["run", str(probe)], ["json", "-o", str(report)]):
        subprocess.run(
            [sys.executable, "-m", "coverage", *arguments],
            check=True,
            cwd=ROOT,
            env=variables,
            capture_output=True,
        )
    files = json.loads(report.read_text("utf-8"))["files"]
    assert files["core/errors.py"]["summary"]["covered_lines"] > 0
    assert not [name for name in files if name.startswith("bookgraph/core")]
