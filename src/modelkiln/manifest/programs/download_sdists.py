"""Downloads sdists with pip, without running what is in them.

`pip download` runs an sdist's build backend to learn its name and requirements, with the network
at hand. Here pip only finds the files, as its configuration says, and checks their hashes. This is
a program of its own, run as `python -I download_sdists.py OPTIONS` where pip is installed; OPTIONS are those of `pip
download`. Each file goes to a folder of its requirement's name in `--dest`, and what was not found
is recorded in `failures.json` there; the exit code is 1 then. It uses modules that pip calls internal,
of the release that the tools' locks pin.
"""

import json
import os
import shutil
import sys


def _fetch(command, options, args):
    from pip._internal.exceptions import DistributionNotFound, HashMismatch
    from pip._internal.utils.temp_dir import TempDirectory

    options.editables = []  # Looked for, and no option of `download`.
    session = command.get_default_session(options)
    finder = command._build_package_finder(options=options, session=session, ignore_requires_python=True)
    os.makedirs(options.download_dir, exist_ok=True)
    failures = {}
    for requirement in command.get_requirements(args, options, finder, session):
        try:
            with TempDirectory(kind="sdist") as folder:
                path, name = _download(session, _links(finder, requirement), requirement, folder.path)
                target = os.path.join(options.download_dir, requirement.name)
                os.mkdir(target)
                shutil.copy(path, os.path.join(target, name))
        except (DistributionNotFound, HashMismatch) as error:
            failures[requirement.name] = " ".join(str(error).split())
    with open(os.path.join(options.download_dir, "failures.json"), "w", encoding="utf-8") as stream:
        json.dump(failures, stream)
    return 1 if failures else 0


def _links(finder, requirement):
    """Where files of a pinned version lie, those with an allowed hash first."""
    from pip._internal.exceptions import DistributionNotFound

    candidates = finder.find_all_candidates(requirement.name)
    found = [one.link for one in candidates if requirement.specifier.contains(one.version, prereleases=True)]
    if not found:
        raise DistributionNotFound(f"No matching distribution found for {requirement.req}")
    hashes = requirement.hashes(trust_internet=False)
    # An index advertises the hashes of its files; those of a folder are read, one after the other.
    return [link for link in found if link.is_hash_allowed(hashes) or not link.has_hash] or found[:1]


def _download(session, links, requirement, folder):
    from pip._internal.exceptions import HashMismatch
    from pip._internal.network.download import Downloader
    from pip._internal.operations.prepare import get_file_url, get_http_url

    hashes = requirement.hashes(trust_internet=False)
    for number, link in enumerate(links, 1):
        try:
            if link.is_file:
                file = get_file_url(link, folder, hashes=hashes)
            else:
                file = get_http_url(link, Downloader(session, "off"), folder, hashes=hashes)
            return file.path, link.filename
        except HashMismatch as error:
            error.req = requirement
            if number == len(links):
                raise
    raise AssertionError("there are no links")


def main(arguments):
    """Run pip with one command exchanged, and return its exit code."""
    from pip._internal.cli.req_command import with_cleanup
    from pip._internal.commands.download import DownloadCommand

    class FetchCommand(DownloadCommand):
        run = with_cleanup(_fetch)

    return FetchCommand("download", "Download sdists, and run nothing of them.").main(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
