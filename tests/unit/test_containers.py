"""The containers' files by the rules of their own tools, and by rules of this project.

Nothing here needs a container engine. `tests/integration/test_image_steps.py` runs the steps.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from bookgraph.core.settings import Settings, environment_name, secret_fields

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
COMPOSE = (ROOT / "docker-compose.yml").read_text("utf-8")
DIGEST = "name@sha256:" + "0" * 64
OURS = ("api", "trainer", "trainer-gpu")


def compose() -> dict[str, Any]:
    """The file after interpolation and merges, as Docker Compose sees it."""
    text = re.sub(r"\$\{\w+:\?[^}]*\}", DIGEST, COMPOSE)
    found: dict[str, Any] = yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text))
    return found


def manifests() -> list[dict[str, Any]]:
    text = (ROOT / "examples" / "kubernetes" / "bookgraph.yaml").read_text("utf-8")
    return list(yaml.safe_load_all(text))


def pod_of(manifest: dict[str, Any]) -> dict[str, Any]:
    spec = manifest["spec"]
    pod: dict[str, Any] = spec.get("jobTemplate", {}).get("spec", spec)["template"]["spec"]
    return pod


def test_hadolint_finds_nothing() -> None:
    program = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which(
        "hadolint"
    )
    if not program:
        pytest.skip("hadolint is not installed")
    done = subprocess.run(
        [program, "--no-color", str(ROOT / "Dockerfile")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_every_base_image_comes_with_a_digest_from_outside() -> None:
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["${PYTHON_IMAGE}"] * 2
    # Without a default: a build without a pinned image fails.
    assert "\nARG PYTHON_IMAGE\n" in DOCKERFILE
    for name in ("PYTHON_IMAGE", "NEO4J_IMAGE"):
        assert f"${{{name}:?" in COMPOSE
        assert f"{name}=" in (ROOT / "Makefile").read_text("utf-8")


def test_pinning_without_a_registry_says_so_and_changes_nothing(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "docker").write_text("#!/bin/sh\nexit 1\n", "utf-8")
    (tmp_path / "docker").chmod(0o755)
    (tmp_path / "images.env").write_text("before\n", "utf-8")
    done = subprocess.run(
        ["make", "-s", "pin-images"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
    )
    assert done.returncode != 0
    assert "Cannot learn the digest of python:3.12-slim" in done.stderr
    assert (tmp_path / "images.env").read_text("utf-8") == "before\n"
    assert not (tmp_path / "images.env.part").exists()


def test_pinning_writes_the_digests(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    digest = "sha256:" + "a" * 64
    (tmp_path / "docker").write_text(f"#!/bin/sh\necho {digest}\n", "utf-8")
    (tmp_path / "docker").chmod(0o755)
    subprocess.run(
        ["make", "-s", "pin-images"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
    )
    lines = (tmp_path / "images.env").read_text("utf-8").splitlines()
    assert lines[0] == f"PYTHON_IMAGE=python:3.12-slim@{digest}"
    assert lines[1].startswith("NEO4J_IMAGE=neo4j:")


def test_secrets_are_random_and_closed_to_other_users(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    run = ["make", "-s", "secrets", f"PYTHON={sys.executable}"]
    subprocess.run(run, cwd=tmp_path, check=True, capture_output=True)
    folder = tmp_path / "secrets"
    assert folder.stat().st_mode & 0o777 == 0o700
    found = {path.name: path.read_text("utf-8").strip() for path in folder.iterdir()}
    assert len(found["neo4j_password"]) == len(found["write_keys"]) == 32
    assert found["neo4j_auth"] == f"neo4j/{found['neo4j_password']}"
    assert found["neo4j_password"] != found["write_keys"]
    again = subprocess.run(run, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert again.returncode != 0
    assert (folder / "write_keys").read_text("utf-8").strip() == found["write_keys"]


def test_the_image_runs_as_a_number_and_owns_no_code() -> None:
    final = DOCKERFILE.rpartition("FROM ")[2]
    (user,) = re.findall(r"^USER (.+)$", final, re.MULTILINE)
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    (copied,) = re.findall(r"^COPY (.+)$", final, re.MULTILINE)
    assert "--chown" not in copied
    (folder,) = re.findall(r"^WORKDIR (.+)$", final, re.MULTILINE)
    # A `.env` in the current folder is read, so that must not be the folder of data.
    assert folder != "/data"
    assert "STOPSIGNAL SIGTERM" in final


def test_the_packages_come_from_the_lock_with_hashes() -> None:
    install = (ROOT / "requirements" / "install").read_text("utf-8")
    assert "--require-hashes" in install
    runs = re.findall(r"^RUN ((?:.*\\\n)*.*)$", DOCKERFILE, re.MULTILINE)
    for run in runs:
        if "pip install" in run:
            assert "--no-index" in run
    assert any("requirements/runtime.txt" in run for run in runs)
    assert "://" not in re.sub(r"#.*", "", DOCKERFILE)


def is_copied(path: str) -> bool:
    """Whether `COPY . .` copies a file: the last pattern that matches it or its folder decides."""
    copied = True
    parts = path.split("/")
    names = ["/".join(parts[: i + 1]) for i in range(len(parts))]
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        is_exception = pattern.startswith("!")
        pattern = pattern.removeprefix("!")
        deep = pattern.removeprefix("**/")
        if any(
            fnmatch(name, pattern)
            or (deep != pattern and any(fnmatch(part, deep) for part in name.split("/")))
            for name in names
        ):
            copied = is_exception
    return copied


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        ".env.local",
        "bookgraph/.env",
        "core/.env.production",
        ".git/config",
        ".venv/bin/python",
        "secrets/neo4j_password",
        "images.env",
        "api/tls.key",
        "graph/server.pem",
        "data/neo4j/store",
        "home/models/a.npz",
        "dumps/enwiki.bz2",
        "node_modules/x",
        "core/__pycache__/settings.pyc",
        ".mypy_cache/x",
        "core/.ruff_cache/x",
        "build/lib/x",
        "bookgraph.egg-info/PKG-INFO",
        "tests/conftest.py",
        "export/books.csv",
        "id_rsa",
    ],
)
def test_no_secret_and_no_data_get_into_the_image(path: str) -> None:
    assert not is_copied(path)


def test_all_that_the_wheel_needs_gets_into_the_image() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "bookgraph", "core", "graph", "ingest", "embed", "api", "requirements"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()
    for path in [*listed, "pyproject.toml", "README.md", "LICENSE", "samples/classics.ndjson"]:
        assert is_copied(path), path


def test_compose_accepts_its_file_and_no_other() -> None:
    compose_spec = pytest.importorskip("compose_spec")
    text = yaml.safe_dump(compose())
    compose_spec.PyCompose.from_yaml(text)
    for before, after in (("read_only: true", "read_only: [1]"), ("cap_drop:", "cap_dorp:")):
        assert before in text
        with pytest.raises(ValueError, match=r".+"):
            compose_spec.PyCompose.from_yaml(text.replace(before, after))


@pytest.mark.parametrize("name", OURS)
def test_the_containers_have_no_rights_that_they_do_not_need(name: str) -> None:
    service = compose()["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"] == "10001:10001"
    assert service["init"] is True
    assert service["stop_signal"] == "SIGTERM"
    assert service["stop_grace_period"] == "30s"
    assert service["tmpfs"]
    assert not service.get("privileged")


@pytest.mark.parametrize("name", ["neo4j", *OURS])
def test_every_container_has_limits_and_ports_on_loopback_alone(name: str) -> None:
    service = compose()["services"][name]
    assert {"mem_limit", "cpus", "pids_limit"} <= service.keys()
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_training_has_a_profile_for_each_device() -> None:
    services = compose()["services"]
    assert services["trainer"]["profiles"] == ["train"]
    assert services["trainer-gpu"]["profiles"] == ["train-gpu"]
    assert "deploy" not in services["trainer"]
    assert "profiles" not in services["api"]


def test_no_secret_is_in_a_variable_or_a_command() -> None:
    names = {environment_name(field) for field in secret_fields()} | {"NEO4J_AUTH"}
    for service in compose()["services"].values():
        assert not names & service["environment"].keys()
        for name, path in service["environment"].items():
            if name.endswith("_FILE"):
                assert path.removeprefix("/run/secrets/") in service["secrets"]
        check = " ".join(service.get("healthcheck", {}).get("test", ()))
        assert "assword" not in check
    known = {environment_name(field) for field in Settings.model_fields}
    for name in OURS:
        assert {
            key.removesuffix("_FILE") for key in compose()["services"][name]["environment"]
        } <= known


def test_kubernetes_accepts_the_example() -> None:
    validator = pytest.importorskip("kubernetes_validate")
    for manifest in manifests():
        validator.validate(manifest, "1.33", strict=True)
    broken = {**manifests()[1], "spec": {**manifests()[1]["spec"], "replica": 2}}
    with pytest.raises(validator.ValidationError):
        validator.validate(broken, "1.33", strict=True)


def test_the_pods_meet_the_restricted_standard() -> None:
    pods = [pod_of(one) for one in manifests() if one["kind"] in {"Deployment", "CronJob"}]
    assert len(pods) == 2
    for pod in pods:
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["runAsUser"] == security["runAsGroup"] == 10001
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"cpu", "memory"} <= container["resources"]["limits"].keys()
        mounts = {one["mountPath"] for one in container["volumeMounts"]}
        assert {"/data", "/tmp"} <= mounts


def test_the_example_of_kubernetes_is_whole() -> None:
    by_kind = {one["kind"]: one for one in manifests()}
    (container,) = pod_of(by_kind["Deployment"])["containers"]
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    config = by_kind["ConfigMap"]["data"]
    known = {environment_name(field) for field in Settings.model_fields}
    assert {name.removesuffix("_FILE") for name in config} <= known
    assert not {environment_name(field) for field in secret_fields()} & config.keys()
    labels = by_kind["Deployment"]["spec"]["template"]["metadata"]["labels"]
    for selector in (
        by_kind["Service"]["spec"]["selector"],
        by_kind["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        by_kind["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
        by_kind["Deployment"]["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()
