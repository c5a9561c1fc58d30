"""Results of tests as statements."""

from attested.readers import read_statements

from modelkiln.attestation.smoke_result import passed_tests
from modelkiln.attestation.statement import Subject


def test_in_toto_reads_the_result(tmp_path):
    """Its own message holds every field; names and files are sorted, each once."""
    image = Subject("rain", "sha256:" + "aa" * 32)
    files = [Subject("rain/response.json", "sha256:" + "cc" * 32), Subject("rain/request.json", "sha256:" + "bb" * 32)]
    statement = passed_tests([image], ["rain:smoke", "rain:other"], [*files, *files])
    (found,) = read_statements(tmp_path, statement.to_bytes())
    assert statement.is_about(image.digest)
    assert {
        "result": "PASSED",
        "configuration": [
            {"name": "rain/request.json", "digest": {"sha256": "bb" * 32}},
            {"name": "rain/response.json", "digest": {"sha256": "cc" * 32}},
        ],
        "passedTests": ["rain:other", "rain:smoke"],
    } == found
