"""Writes the software bill of materials: `python -m bookgraph.tools.sbom FILE`.

A CycloneDX document in JSON with the jars of `graph/jars/jars.lock` and the packages of
`requirements/runtime.txt`, each with its hashes. Licences are those that installed packages
declare; the locks hold none, so jars have none. Otherwise equal locks make equal documents.
"""

from __future__ import annotations

import json
import re
import sys
import uuid
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

import bookgraph
from bookgraph.core.files import atomic_write
from bookgraph.graph.jars.lock import Jar, load_lock

ROOT = Path(__file__).resolve().parents[2]
SPEC_VERSION = "1.6"
SECTIONS = ("neo4j", "graphiql")  # of the lock
_PACKAGE = re.compile(
    r"^([a-z0-9][a-z0-9.-]*)==([^ ;\\]+)[^\n]*\\\n((?:    --hash=sha256:[0-9a-f]{64}.*\n)+)",
    re.MULTILINE,
)
_HASH = re.compile(r"sha256:([0-9a-f]{64})")


def build_bill() -> dict[str, Any]:
    """The document. Its serial number depends on its content alone."""
    # A library can be in several sections of the lock.
    by_reference = {one["bom-ref"]: one for one in (*_jars(), *_packages())}
    components = [by_reference[name] for name in sorted(by_reference)]
    content = json.dumps(components, sort_keys=True)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, content)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "bookgraph",
                "name": "bookgraph",
                "version": bookgraph.__version__,
                "licenses": [{"license": {"id": "MIT"}}],
            }
        },
        "components": components,
    }


def _jars() -> Iterator[dict[str, Any]]:
    for jar in (jar for section in SECTIONS for jar in load_lock(section=section)):
        address = _jar_address(jar)
        yield {
            "type": "library",
            "bom-ref": address,
            "group": jar.group,
            "name": jar.artifact,
            "version": jar.version,
            "purl": address,
            "hashes": [{"alg": "SHA-256", "content": jar.sha256}],
        }


def _jar_address(jar: Jar) -> str:
    classifier = f"?classifier={quote(jar.classifier)}" if jar.classifier else ""
    return f"pkg:maven/{jar.group}/{jar.artifact}@{jar.version}{classifier}"


def _packages() -> Iterator[dict[str, Any]]:
    """Each package of the lock. Its hashes are those of its wheels and of its source archive."""
    text = (ROOT / "requirements" / "runtime.txt").read_text("utf-8")
    for name, version, hashes in _PACKAGE.findall(text):
        address = f"pkg:pypi/{name}@{quote(version)}"
        yield {
            "type": "library",
            "bom-ref": address,
            "name": name,
            "version": version,
            "purl": address,
            # A component has one hash, and a locked package has one for each of its files.
            "externalReferences": [
                {
                    "type": "distribution",
                    "url": address,
                    "hashes": [{"alg": "SHA-256", "content": one}],
                }
                for one in _HASH.findall(hashes)
            ],
            **_licences(name),
        }


def _licences(name: str) -> dict[str, Any]:
    try:
        found = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return {}
    if "License-Expression" in found:
        return {"licenses": [{"expression": found["License-Expression"]}]}
    classifiers = [
        one.rpartition(" :: ")[2]
        for one in found.get_all("Classifier") or ()
        if one.startswith("License :: OSI Approved ::")
    ]
    named = [{"license": {"name": one}} for one in classifiers]
    return {"licenses": named} if named else {}


def main() -> None:
    """Write the document to the file that the argument names."""
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "sbom.json")
    bill = build_bill()
    with atomic_write(path) as file:
        json.dump(bill, file, indent=1)
        file.write("\n")
    sys.stdout.write(f"{path}: {len(bill['components'])} components\n")


if __name__ == "__main__":
    main()
