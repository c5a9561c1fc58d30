"""Which model artifacts are checked together."""

from types import SimpleNamespace

from pants.engine.addresses import Address
from pants.engine.fs import Digest

from modelkiln.checks.allowed import NOTHING, Allowed
from modelkiln.pinned_file import PinnedFile
from pants_modelkiln.goals.package import gather_checks
from pants_modelkiln.inputs.check_batch import FEWEST, make_batches
from pants_modelkiln.inputs.checks import ArtifactCheckRequest, is_checked, remember


def request(number, has_onnx=False, digest="a", allowed=NOTHING, pointers=()):
    address = Address("m", target_name=f"w{number:03d}")
    return ArtifactCheckRequest(address, Digest(digest * 64, 80), allowed, pointers, has_onnx)


def test_each_artifact_is_in_one_batch_with_others_of_its_tool():
    """Those with ONNX models apart; whatever the order in which they come, the batches are the same."""
    requests = [request(number, has_onnx=number % 3 == 0) for number in range(200)]
    batches = make_batches(requests)
    assert set(batches) == set(make_batches(requests[::-1]))
    assert sorted(map(str, requests)) == sorted(str(one) for batch in batches for one in batch.requests)
    assert all(1 == len({one.has_onnx for one in batch.requests}) for batch in batches)
    assert 64 >= max(len(batch.requests) for batch in batches)
    assert 20 >= len(batches)


def test_most_batches_stay_when_one_artifact_is_added():
    """What Pants has in its cache is keyed by a batch."""
    before = make_batches([request(number) for number in range(400)])
    after = make_batches([request(number) for number in range(401)])
    assert 2 >= len(set(after) - set(before))


def test_a_few_packages_make_no_batch():
    """Nor do other targets, however many."""
    assert gather_checks([]) is None
    assert gather_checks([SimpleNamespace(artifacts=())] * FEWEST) is None


def test_what_was_found_is_known_of_the_same_files_with_the_same_permissions():
    """Of no other files, of none that allow other code, and of none with files that only pointers pin."""
    remember(request(1, digest="c"), [{"path": "x", "format": "pickle", "facts": {}, "code": []}])
    assert is_checked(request(2, digest="c"))
    assert not is_checked(request(1, digest="d"))
    assert not is_checked(request(1, digest="c", allowed=Allowed(())))
    assert not is_checked(request(1, digest="c", pointers=(PinnedFile("y", "e" * 64, 1),)))
