"""What refers to a manifest, as registries list it."""

import json

import pytest

from modelkiln.conventions import RECORD_TYPE
from modelkiln.descriptor import INDEX, MANIFEST, Descriptor
from modelkiln.errors import ModelkilnError
from modelkiln.registry.referrers import artifact_manifest, attach, find_records

SUBJECT = Descriptor.of(MANIFEST, b"subject")


def page(*entries):
    """A page of referrers."""
    return json.dumps({"schemaVersion": 2, "manifests": entries}).encode()


@pytest.mark.parametrize("link", ["{path}?page=2", "?page=2", "{url}{path}?page=2"])
def test_a_record_on_the_second_page(serve, client_of, link):
    """Pages link to the next one, relative or not (distribution-spec, "Listing Referrers"; RFC 8288)."""
    stub = serve()
    one, two = (Descriptor.of(MANIFEST, data).to_json() for data in (b"one", b"two"))

    def answer(method, path, headers, body):
        if "page=2" in path:
            return 200, {"Content-Type": INDEX}, page({**two, "artifactType": RECORD_TYPE})
        following = link.format(path=path, url=stub.url)
        return 200, {"Content-Type": INDEX, "Link": f'<{following}>; rel="next"'}, page({**one, "artifactType": "x/y"})

    stub.answer = answer
    assert [found.digest for found in find_records(client_of(stub.host), SUBJECT.digest)] == [two["digest"]]


def test_pages_without_end_are_refused(serve, client_of):
    """A page that links to itself is not an endless loop."""
    stub = serve(
        lambda method, path, headers, body: (
            200,
            {"Content-Type": INDEX, "Link": f'<{path}>; rel="next"'},
            page(),
        )
    )
    with pytest.raises(ModelkilnError, match="more than 100 pages"):
        find_records(client_of(stub.host), SUBJECT.digest)


def test_referrers_that_are_null(serve, client_of):
    """Go writes null for a list without entries: there are no referrers, and the record is attached."""

    def answer(method, path, headers, body):
        if method == "PUT":
            return 201, {"OCI-Subject": SUBJECT.digest}, b""
        return 200, {"Content-Type": INDEX}, b'{"schemaVersion":2,"manifests":null}'

    client = client_of(serve(answer).host)
    assert find_records(client, SUBJECT.digest) == []
    assert attach(client, *artifact_manifest(b"{}", RECORD_TYPE, "package.json", SUBJECT, {}))
