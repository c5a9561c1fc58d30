"""`pants lock`: pinning what images are built on."""

import json

BASE = "3rdparty/debian:python311"
LOCK = "3rdparty/debian/python311.lock.json"


def test_a_lock_is_made_from_its_package_list(repository):
    """Without its lock a base is locked anew; versions may be those of a later point release."""
    committed = json.loads(repository.read(LOCK))
    (repository.root / LOCK).write_text("{}\n")
    differs = repository.pants("lock", "--check", BASE, code=1)
    assert f"{LOCK}: differs" in differs.out.decode()
    assert "{}\n" == repository.read(LOCK)
    assert f"{LOCK}: written" in repository.pants("lock", BASE).out.decode()
    written = json.loads(repository.read(LOCK))
    names = [package["name"] for package in committed["packages"]]
    assert names == [package["name"] for package in written["packages"]]
    assert f"{LOCK}: unchanged" in repository.pants("lock", "--check", BASE).out.decode()
