"""What others read of bills of materials and statements: the libraries of CycloneDX, package-url, SPDX and in-toto,
and syft."""

import json
import os
import subprocess
from pathlib import Path

from components import require_built, require_venv

__all__ = ["read_by_syft", "read_cyclonedx", "read_spdx", "read_statements"]

_LOCK = Path(__file__).resolve().parents[3] / "3rdparty/python/sbom.txt"
_CYCLONEDX = """
import json, sys
from cyclonedx.model.bom import Bom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
found = []
for path in sys.argv[1:]:
    text = open(path, encoding="utf-8").read()
    content = json.loads(text)
    version = SchemaVersion.from_version(content["specVersion"])
    problem = JsonStrictValidator(version).validate_str(text)
    bom = None if problem else Bom.from_json(content)
    purls = [one["purl"] for one in content["components"] if "purl" in one]
    found.append({
        "problems": [str(problem)] if problem else [],
        "is_valid": bool(bom and bom.validate()),
        "components": len(bom.components) if bom else 0,
        "other_purls": [purl for purl in purls if PackageURL.from_string(purl).to_string() != purl],
    })
print(json.dumps(found))
"""
_SPDX = """
import json, sys
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
found = []
for path in sys.argv[1:]:
    document = parse_file(path)
    found.append({
        "problems": [one.validation_message for one in validate_full_spdx_document(document)],
        "packages": len(document.packages),
        "relationships": len(document.relationships),
    })
print(json.dumps(found))
"""

_PROVENANCE = """
import json, sys
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
from in_toto_attestation.predicates.test_result.v0.test_result_pb2 import TestResult
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as Message
predicates = {
    "https://slsa.dev/provenance/v1": Provenance,
    "https://in-toto.io/attestation/test-result/v0.1": TestResult,
}
found = []
for path in sys.argv[1:]:
    message = json_format.Parse(open(path, encoding="utf-8").read(), Message())
    Statement.copy_from_pb(message).validate()
    stated = json_format.MessageToDict(message.predicate)
    predicate = json_format.ParseDict(stated, predicates[message.predicate_type]())
    found.append(json_format.MessageToDict(predicate))
print(json.dumps(found))
"""


def _read(program, folder, ending, documents):
    paths = [folder / f"{number}{ending}" for number, _ in enumerate(documents)]
    for path, document in zip(paths, documents):
        path.write_bytes(document)
    command = [require_venv(_LOCK), "-I", "-c", program, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def read_cyclonedx(folder, *documents):
    """Return of each document, bytes of JSON, "problems" by the strict schema of its version, "is_valid" by the
    library's own rules, its number of "components" there, and "other_purls": those that package-url writes otherwise.
    """
    return _read(_CYCLONEDX, folder, ".cdx.json", documents)


def read_spdx(folder, *documents):
    """Return of each document "problems" by spdx-tools, and its numbers of "packages" and "relationships" there."""
    return _read(_SPDX, folder, ".spdx.json", documents)


def read_statements(folder, *documents):
    """Return the predicates of statements as in-toto's own messages hold them; what those lack is refused."""
    return _read(_PROVENANCE, folder, ".intoto.json", documents)


def read_by_syft(folder):
    """What syft finds below a folder, as triples of type, name and version: in bills of materials, and by itself."""
    command = [require_built("syft"), "scan", "-q", "-o", "json", "--select-catalogers", "+sbom-cataloger"]
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "SYFT_CHECK_FOR_APP_UPDATE": "false"}
    done = subprocess.run([*command, f"dir:{folder}"], env=env, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    parts = {True: set(), False: set()}
    for one in json.loads(done.stdout)["artifacts"]:
        parts[one["foundBy"] == "sbom-cataloger"].add((one["type"], one["name"], one["version"]))
    return parts[True], parts[False]
