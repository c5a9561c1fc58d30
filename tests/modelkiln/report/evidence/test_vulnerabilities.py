"""What scanners report, in the forms that they write, and which of it a package has."""

import json

import pytest
from samples.packages.described import Described, two_environments
from schemas import schema_problems

from modelkiln.cli.main import main
from modelkiln.errors import ModelkilnError
from modelkiln.report.evidence.scanners import Affected, affected
from modelkiln.report.evidence.vulnerabilities import read_scans, vulnerabilities

# As `grype sbom:FILE -o json` writes it, without what is not read.
_GRYPE = {
    "matches": [
        {
            "vulnerability": {
                "id": "GHSA-1", "severity": "High", "fix": {"versions": ["1.0"], "state": "fixed"},
            },
            "artifact": {"name": "Fast_Math", "version": "0.9", "type": "python", "purl": "pkg:pypi/fastmath@0.9"},
        },
        {
            "vulnerability": {"id": "CVE-2", "severity": "Unknown", "fix": {"versions": [], "state": "unknown"}},
            "artifact": {"name": "libbase6", "version": "2.0", "type": "deb"},
        },
        {
            "vulnerability": {"id": "CVE-3", "severity": "Low", "fix": {"versions": []}},
            "artifact": {"name": "express", "version": "4", "type": "npm"},
        },
    ],
    "descriptor": {"name": "grype"},
}  # fmt: skip
# `trivy sbom FILE --format json`.
_TRIVY = {
    "SchemaVersion": 2,
    "ArtifactName": "rain.cdx.json",
    "Results": [
        {"Target": "Python", "Class": "lang-pkgs", "Type": "python-pkg"},
        {
            "Target": "Python",
            "Type": "python-pkg",
            "Vulnerabilities": [
                {
                    "VulnerabilityID": "CVE-1", "PkgName": "fast-math", "InstalledVersion": "0.9",
                    "FixedVersion": "1.0", "Severity": "CRITICAL", "PkgIdentifier": {"PURL": "pkg:pypi/fast-math@0.9"},
                }
            ],
        },
        {
            "Target": "debian 12",
            "Type": "debian",
            "Vulnerabilities": [
                {"VulnerabilityID": "CVE-2", "PkgName": "libbase6", "InstalledVersion": "2.0", "Severity": "LOW"}
            ],
        },
    ],
}  # fmt: skip
# `osv-scanner scan --sbom FILE --format json`.
_OSV = {
    "results": [
        {
            "source": {"path": "rain.cdx.json", "type": "sbom"},
            "packages": [
                {
                    "package": {"name": "fast-math", "version": "0.9", "ecosystem": "PyPI"},
                    "vulnerabilities": [
                        {
                            "id": "PYSEC-1",
                            "database_specific": {"severity": "MODERATE"},
                            "affected": [
                                {
                                    "package": {"name": "fast-math", "ecosystem": "PyPI"},
                                    "ranges": [
                                        {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.0"}]},
                                        {"type": "GIT", "events": [{"introduced": "0"}, {"fixed": "abcdef"}]},
                                    ],
                                }
                            ],
                        }
                    ],
                },
                {
                    "package": {"name": "libbase6", "version": "2.0", "ecosystem": "Debian:12"},
                    "vulnerabilities": [{"id": "DEBIAN-2"}],
                },
            ],
        }
    ]
}
# CycloneDX: a bill with its vulnerabilities, and a VEX about another document.
_BILL = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "components": [{"bom-ref": "a", "purl": "pkg:pypi/fast-math@0.9", "name": "fast-math", "version": "0.9"}],
    "vulnerabilities": [
        {"id": "CVE-1", "ratings": [{"method": "CVSSv31"}, {"severity": "high"}], "affects": [{"ref": "a"}]},
        {"id": "CVE-2", "analysis": {"state": "not_affected"}, "affects": [{"ref": "a"}]},
    ],
}
_VEX = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "vulnerabilities": [
        {
            "id": "CVE-9",
            "analysis": {"state": "exploitable"},
            "affects": [
                {"ref": "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#pkg:deb/debian/libbase6@2.0%2Bx?arch=amd64"},
                {"ref": "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#file:weights.bin"},
            ],
        }
    ],
}


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (
            _GRYPE,
            [
                Affected("GHSA-1", "wheel", "Fast_Math", "0.9", "high", "1.0"),
                Affected("CVE-2", "debian", "libbase6", "2.0", "unknown"),
            ],
        ),
        (
            _TRIVY,
            [
                Affected("CVE-1", "wheel", "fast-math", "0.9", "critical", "1.0"),
                Affected("CVE-2", "debian", "libbase6", "2.0", "low"),
            ],
        ),
        (
            _OSV,
            [
                Affected("PYSEC-1", "wheel", "fast-math", "0.9", "medium", "1.0"),
                Affected("DEBIAN-2", "debian", "libbase6", "2.0"),
            ],
        ),
        (_BILL, [Affected("CVE-1", "wheel", "fast-math", "0.9", "high")]),
        (_VEX, [Affected("CVE-9", "debian", "libbase6", "2.0+x")]),
    ],
    ids=["grype", "trivy", "osv-scanner", "bill", "vex"],
)
def test_a_report_is_read(report, expected):
    """Wheels and Debian packages, their versions, how bad it is and what has a fix; nothing else."""
    assert expected == list(affected(report))


@pytest.mark.parametrize(
    "text",
    [
        "[]", "{}", '{"matches": [{}]}', '{"matches": 1}', '{"results": [{"packages": [{"package": {}}]}]}', "\x00",
        '{"bomFormat": "CycloneDX"}',
        '{"bomFormat": "CycloneDX", "vulnerabilities": [{"id": 1, "affects": [{"ref": 1}]}]}',
        '{"matches": [{"vulnerability": {"id": 1}, "artifact": {"type": "deb", "name": "a", "version": "1"}}]}',
    ],
)  # fmt: skip
def test_what_is_not_a_report_is_refused(text, tmp_path):
    """With what can be given."""
    (tmp_path / "scan.json").write_text(text)
    with pytest.raises(ModelkilnError, match=r"scan.json: is not a report of vulnerabilities .*Give a report of Grype"):
        read_scans([tmp_path / "scan.json"])


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """Two versions, of which the second has another wheel."""
    folder = tmp_path_factory.mktemp("packages")
    return Described(folder / "a"), Described(folder / "b", versions={"fastmath": "1.0"}, version="1.0.1")


@pytest.fixture
def scans(tmp_path):
    """Reports of scans before and after, as options."""
    matches = [
        {"vulnerability": {"id": name, "severity": level}, "artifact": {"name": what, "version": version, "type": kind}}
        for name, level, what, version, kind in (
            ("CVE-1", "High", "fastmath", "0.9", "python"),
            ("CVE-5", "Low", "libbase6", "2.0", "deb"),
        )
    ]
    new = {"vulnerability": {"id": "CVE-7", "severity": "Critical", "fix": {"versions": ["1.1"]}}}
    new["artifact"] = {"name": "Fastmath", "version": "1.0", "type": "python"}
    for name, listed in (("before", matches), ("after", [*matches[1:], new])):
        (tmp_path / f"{name}.json").write_text(json.dumps({"matches": listed}))
    return [f"--vulnerabilities={tmp_path / name}.json" for name in ("before", "after")]


def test_vulnerabilities_come_and_go_with_versions(packages, scans, capsys):
    """What the old version had is gone, what the new one has is new, and what neither changed has stayed."""
    layouts = [str(package.layout) for package in packages]
    assert 0 == main(["diff", *layouts, *scans, "--json"])
    found = json.loads(capsys.readouterr().out)
    assert [] == schema_problems("difference", found)
    (variant,) = found["variants"]
    assert {"came": ["CVE-7"], "went": ["CVE-1"], "stayed": ["CVE-5"]} == {
        side: [one["id"] for one in listed] for side, listed in variant["vulnerabilities"].items()
    }
    assert 0 == main(["diff", *layouts, *scans])
    lines = capsys.readouterr().out.splitlines()
    start = lines.index("vulnerabilities: 1 came, 1 went, 1 stayed")
    assert ["  + CVE-7  critical, in fastmath 1.0, fixed in 1.1", "  - CVE-1  high, in fastmath 0.9"] == lines[
        start + 1 : start + 3
    ]


def test_all_environments_of_an_ensemble_are_looked_through(tmp_path):
    """Each version of a wheel that is affected is listed, in whichever environment it is."""
    record = two_environments(tmp_path).record
    scans = [Affected("CVE-1", "wheel", "Cloudlib", version) for version in ("1.4", "0.9", "0.8")]
    scans.append(Affected("CVE-2", "wheel", "tinylib", ""))
    found = [(one.identifier, one.name, one.version) for one in vulnerabilities(record, scans)]
    expected = [("CVE-1", "cloudlib", "0.9"), ("CVE-1", "cloudlib", "1.4")]
    assert [*expected, ("CVE-2", "tinylib", "0.1"), ("CVE-2", "tinylib", "1.0")] == found


def test_without_a_report_nothing_is_said(packages, capsys):
    """Silence would look like safety."""
    assert 0 == main(["diff", *(str(package.layout) for package in packages), "--json"])
    assert json.loads(capsys.readouterr().out)["variants"][0]["vulnerabilities"] is None


def test_the_page_has_them(packages, scans, tmp_path):
    """Of each package those that it has, the worst first, and between two which came and went."""
    output = tmp_path / "report.html"
    assert 0 == main(["report", *(str(package.layout) for package in packages), *scans, "-o", str(output)])
    page = output.read_text("utf-8")
    for part in ("came: CVE-7", "went: CVE-1", "1 came, 1 went, and 1 stayed.", ">fastmath 1.0</td>"):
        assert part in page, part
    first = page.partition('id="package1"')[0]
    assert 0 < first.index("CVE-1<") < first.index("CVE-5<") and "CVE-7" not in first
