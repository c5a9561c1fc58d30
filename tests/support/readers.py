"""Reads layouts with other people's programs: skopeo, umoci, crun, podman, JSON schemas.

The command lines are those that work on the project's kind of machine (Debian 12, root, no
container daemon).
"""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import jsonschema
import pytest
from components import require

__all__ = [
    "crun_run",
    "podman_load_and_run",
    "schema_errors",
    "skopeo_copy",
    "skopeo_inspect",
    "umoci_unpack",
]

# The Debian package golang-github-opencontainers-image-spec-dev.
_SCHEMAS = Path("/usr/share/gocode/src/github.com/opencontainers/image-spec/schema")


def run(command, cwd=None, env=None):
    """Run a command and return its standard output; a failure fails the test with its errors."""
    result = subprocess.run(
        [str(part) for part in command], cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, check=False
    )
    assert result.returncode == 0, f"{command}: {result.stderr.decode()}"
    return result.stdout


def skopeo_inspect(layout, tag):
    """Return the manifest's bytes as skopeo reads them from a layout."""
    return run([require("skopeo"), "inspect", "--raw", f"oci:{layout}:{tag}"])


def skopeo_copy(source, target):
    """Copy between transports (`oci:DIR:TAG`, `dir:DIR`, `oci-archive:FILE`) with digests kept.

    skopeo checks every digest on its way.
    """
    policy = ["--insecure-policy", "copy", "--preserve-digests", source, target]
    return run([require("skopeo"), *policy])


def umoci_unpack(layout, tag, bundle):
    """Unpack an image into an OCI runtime bundle and return its root file system."""
    run([require("umoci"), "unpack", "--image", f"{layout}:{tag}", bundle])
    return Path(bundle, "rootfs")


def crun_run(bundle, name):
    """Run an unpacked bundle under crun and return its standard output."""
    crun, unshare = require("crun"), require("unshare")
    config = Path(bundle, "config.json")
    content = json.loads(config.read_text())
    content["process"]["terminal"] = False
    config.write_text(json.dumps(content))
    # crun on this kind of kernel stops at the mixed cgroup mount.
    script = f"umount /sys/fs/cgroup/unified 2>/dev/null; exec {crun} --cgroup-manager=disabled run -b {bundle} {name}"
    return run([unshare, "-m", "sh", "-c", script])


def podman_env(folder):
    """Return the environment that gives podman a storage of its own below `folder`."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    engine = '[engine]\nruntime="runc"\ncgroup_manager="cgroupfs"\nevents_logger="none"\n'
    limits = '[containers]\ndefault_ulimits=["nofile=1024:4096","nproc=4096:4096"]\nnetns="none"\n'
    (folder / "containers.conf").write_text(engine + limits)
    roots = f'runroot="{folder}/run"\ngraphroot="{folder}/graph"\n'
    (folder / "storage.conf").write_text('[storage]\ndriver="overlay"\n' + roots)
    return {
        "CONTAINERS_CONF": str(folder / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
    }


def podman_load_and_run(archive, name, env, arguments=()):
    """Load an archive with podman, run the image and return its standard output."""
    podman = require("podman")
    require("runc")
    run([podman, "load", "-i", archive], env=env)
    # Neither attached nor with --rm: podman 4.3 then often waits its 20 s limit for the container's
    # monitor ("Exceeded conmon timeout" in its debug log), though the container has ended.
    run([podman, "run", "--detach", "--name", "reader", "--pull=never", name, *arguments], env=env)
    end = time.monotonic() + 120
    while run([podman, "inspect", "--format", "{{.State.ConmonPid}}", "reader"], env=env).strip() != b"0":
        assert time.monotonic() < end, f"{name} does not end under podman"
        time.sleep(0.1)
    output = run([podman, "logs", "reader"], env=env)
    run([podman, "rm", "reader"], env=env)
    return output


def podman_clean(env):
    """Remove podman's storage: its overlay mount would outlive the test's folder.

    Not `podman system reset`, which also touches what belongs to the machine.
    """
    folder = Path(env["CONTAINERS_CONF"]).parent
    run([require("podman"), "rmi", "--all", "--force"], env=env)
    for mounted in (folder / "graph/overlay", folder / "graph"):
        if os.path.ismount(mounted):
            run([require("umount"), mounted])
    shutil.rmtree(folder, ignore_errors=True)


def schema_errors(document, schema):
    """Return what the image-spec's JSON schema (`image-manifest-schema.json`, ...) finds wrong."""
    if not _SCHEMAS.is_dir():
        message = "the Debian package golang-github-opencontainers-image-spec-dev is not installed"
        (pytest.fail if os.environ.get("MODELKILN_REQUIRE_COMPONENTS") == "1" else pytest.skip)(message)
    validator = jsonschema.Draft4Validator(_load_schema(schema), format_checker=jsonschema.FormatChecker())
    return [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(document)]


def _load_schema(name):
    """Return a schema with its references put in place.

    The files refer to each other by name, while their `id` says an address: a resolver that
    follows the specification would look there, so they are resolved here.
    """
    documents = {path.name: json.loads(path.read_text()) for path in _SCHEMAS.glob("*.json")}

    def inline(value, file):
        if isinstance(value, list):
            return [inline(one, file) for one in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value:
            target, _, pointer = value["$ref"].partition("#")
            target = target or file
            found = documents[target]
            for part in filter(None, pointer.split("/")):
                found = found[part]
            return inline(found, target)
        # "properties" may have a property that is called "id".
        return {key: inline(one, file) for key, one in value.items() if key != "id" or not isinstance(one, str)}

    return inline(documents[name], name)
