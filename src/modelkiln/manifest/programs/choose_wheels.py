"""Chooses wheels with pip by their metadata, also where hashes are required.

pip reads no metadata before it has a whole file with a right hash (pip, operations/prepare.py,
`_fetch_metadata_only`), so that choosing wheels of gigabytes would download them. Here it does where
the index advertises one of the pinned sha256 for a file: from the index's metadata file, or from
the end of the wheel. What is read so is compared with the wheel itself when that was fetched. This is
a program of its own, run as `python -I choose_wheels.py OPTIONS` in pip's place, and uses modules that
pip calls internal, of the release that the tools' locks pin.
"""

import sys


def _patch(preparer):
    whole, lazy = preparer._fetch_metadata_only, preparer._fetch_metadata_using_lazy_wheel

    def fetch_metadata(self, requirement):
        link = requirement.link
        allowed = requirement.hashes(trust_internet=False)
        if not (self.require_hashes and link.is_wheel and link.has_hash and link.is_hash_allowed(allowed)):
            return whole(self, requirement)
        self.require_hashes = False
        try:
            return whole(self, requirement)
        finally:
            self.require_hashes = True

    def fetch_end(self, link):
        try:
            return lazy(self, link)
        except Exception:  # Servers have many ways to be wrong about ranges; the whole file always does.
            return None

    preparer._fetch_metadata_only, preparer._fetch_metadata_using_lazy_wheel = fetch_metadata, fetch_end


def main(arguments):
    """Run pip and return its exit code."""
    from pip._internal.cli.main import main as pip
    from pip._internal.operations.prepare import RequirementPreparer

    _patch(RequirementPreparer)
    return pip([*arguments, "--use-feature=fast-deps"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
