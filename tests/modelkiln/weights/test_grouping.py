"""Which files share a layer."""

import random

from hypothesis import strategies as st
from properties import given

from modelkiln.weights.grouping import ALONE_BYTES, group_files

MIB = 1 << 20
FILES = st.dictionaries(st.text("abc/", min_size=1, max_size=6), st.integers(1, 200 * MIB), max_size=40)


@given(FILES, st.randoms())
def test_groups_do_not_depend_on_the_order_of_files(files, order):
    """However a source lists them, the layers are the same, and hold each file once."""
    listed = list(files.items())
    order.shuffle(listed)
    groups = group_files(listed)
    assert group_files(sorted(files.items())) == groups
    assert sorted(files) == sorted(path for group in groups for path in group)


@given(FILES)
def test_large_files_are_alone(files):
    """A file of 64 MiB and more shares its layer with none."""
    for group in group_files(files.items()):
        assert len(group) == 1 or all(files[path] < ALONE_BYTES for path in group)


def test_a_changed_file_changes_its_own_layer():
    """Of thousands of files one gets a few bytes more: one layer changes, seldom its neighbour."""
    files = {f"shard/{number:05}": 2 * MIB + number for number in range(1000)}
    before = {tuple(group) for group in group_files(files.items())}
    assert 10 < len(before) < 30
    numbers = random.Random(0)
    for _ in range(20):
        path = numbers.choice(sorted(files))
        after = {tuple(group) for group in group_files({**files, path: files[path] + 100}.items())}
        assert 2 >= len(before - after)


def test_an_added_file_changes_few_layers():
    """The cuts behind it stay where they were."""
    files = {f"shard/{number:05}": 2 * MIB for number in range(1000)}
    before = {tuple(group) for group in group_files(files.items())}
    after = {tuple(group) for group in group_files({**files, "shard/00500a": 5}.items())}
    assert 3 >= len(before - after)


def test_there_are_never_too_many_layers():
    """Hundreds of large shards share layers, because no engine takes as many."""
    groups = group_files((f"shard{number:04}", 70 * MIB) for number in range(1000))
    assert 40 < len(groups) <= 96
