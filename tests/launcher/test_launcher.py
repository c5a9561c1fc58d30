"""The launcher `pants`, with stand-ins for CPython, pip and Pants; test_real_install.py has the real ones."""

import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from processes import is_over, wait_until


def ran(result):
    """Return what the stand-in for Pants reported about its run."""
    assert 0 == result.returncode, result.stderr
    return json.loads(result.stdout)


def official(sandbox):
    """Put a native program by the name of the official launcher on PATH: bash, so that it can answer."""
    folder = sandbox.home / "official"
    folder.mkdir()
    (folder / "pants").symlink_to(shutil.which("bash"))
    return f"{folder}:{sandbox.bin}"


# Which Pants runs


def test_the_official_launcher_runs_where_it_is_installed(sandbox):
    """It gets the arguments, the working folder and the exit code, and nothing is installed."""
    script = 'printf "%s|" "$@"; pwd; exit 7'
    result = sandbox.run("-c", script, "x", "a b", "", cwd="deep/down", PATH=official(sandbox))
    assert (7, f"a b||{sandbox.root}/deep/down\n", "") == (result.returncode, result.stdout, result.stderr)
    assert not sandbox.cache.exists()


def test_a_script_named_pants_is_not_the_official_launcher(sandbox):
    """Neither the entry point of a virtual environment nor the launcher itself is taken for it."""
    sandbox.add_python()
    sandbox.add_program(sandbox.bin / "pants", "#!/bin/sh\necho wrong\n")
    path = f"{sandbox.root}:{sandbox.bin}"
    assert ["-V"] == ran(sandbox.run("-V", PATH=path))["argv"]


def test_one_launcher_can_be_forced(sandbox):
    """`own` passes an official launcher by; `official` fails where there is none."""
    sandbox.add_python()
    path = official(sandbox)
    assert ["-V"] == ran(sandbox.run("-V", PATH=path, MODELKILN_PANTS_LAUNCHER="own"))["argv"]
    for value, message in (("official", "no official launcher is on PATH"), ("other", "other is neither")):
        result = sandbox.run("-V", MODELKILN_PANTS_LAUNCHER=value)
        assert (1, "") == (result.returncode, result.stdout)
        assert message in result.stderr


# Which Python


def test_without_cpython_39_the_ways_to_get_it_are_named(sandbox):
    """One message, a failure, and nothing made."""
    sandbox.add_program(sandbox.bin / "python3.9", "#!/bin/sh\nexit 127\n")
    result = sandbox.run("-V")
    assert (1, "") == (result.returncode, result.stdout)
    for way in ("uv python install 3.9", "pyenv install 3.9", "apt-get install", "MODELKILN_PYTHON39="):
        assert way in result.stderr
    assert "a Python with pip, and this command gets the rest: apt-get install python3-pip" in result.stderr
    assert f"{sandbox.bin}/python3.9 does not run" in result.stderr
    assert [] == sandbox.installs()


def test_a_python_in_two_folders_that_are_one_is_asked_once(sandbox, tmp_path):
    """Where /bin is a link to /usr/bin, what it lacks is reported once."""
    answers = "pants: 3.11.9 test test\\npants: is CPython 3.11.9\\npants: 1\\n"
    text = f"#!/bin/sh\ncase $* in *probe.py) printf '{answers}' ;; *pip_settings.py*) exit 3 ;; esac\n"
    sandbox.add_program(sandbox.bin / "python3", text)
    (tmp_path / "link").symlink_to(sandbox.bin)
    result = sandbox.run("-V", PATH=f"{sandbox.bin}:{tmp_path}/link")
    assert 1 == result.stderr.count("has no pip"), result.stderr


def test_another_python_is_not_taken(sandbox):
    """A program that is not CPython 3.9 is refused by name."""
    program = sandbox.add_program(sandbox.bin / "python3.9", "#!/bin/sh\ntrue\n")
    result = sandbox.run("-V", MODELKILN_PYTHON39=str(program))
    assert 1 == result.returncode
    assert f"MODELKILN_PYTHON39: {program} does not run; name a CPython 3.9" in result.stderr


def test_a_python_that_lacks_modules_does_not_end_the_search(sandbox):
    """The next candidate is taken; without one, each is named with what it lacks."""
    first = sandbox.add_python(problem="lacks the modules ssl")
    second = sandbox.add_python(sandbox.home / ".pyenv/versions/3.9.1/bin/python3.9")
    assert ["-V"] == ran(sandbox.run("-V"))["argv"]
    shutil.rmtree(sandbox.cache)
    sandbox.add_python(second, problem="has 32 bit")
    result = sandbox.run("-V")
    assert 1 == result.returncode
    assert f"    {first} lacks the modules ssl\n    {second} has 32 bit\n" in result.stderr


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("", ""),
        ("sys.version_info = (3, 12, 1)", "is cpython "),
        ("struct.calcsize = lambda _: 4", "has 32 bit"),
        ("os.confstr = lambda _: 'glibc 2.12'", "runs on glibc 2.12, and Pants needs 2.17"),
        ("os.confstr = lambda _: None", "runs on another C library than glibc, which Pants needs"),
        ("sys.modules['ssl'] = sys.modules['zlib'] = None", "lacks the modules ssl, zlib"),
        ("print('noise')", ""),
    ],
)
def test_what_a_python_lacks_is_found_out(sandbox, change, problem):
    """By what it answers itself, whatever it prints at start."""
    probe = (sandbox.root / "launcher/probe.py").read_text()
    program = f"import os, struct, sys\nsys.version_info = (3, 9, 18)\n{change}\n{probe}"
    # Other releases lack what 3.9 has.
    program = f"import sys\nsys.modules['distutils.command.install'] = sys\n{program}"
    done = subprocess.run([sys.executable, "-I", "-c", program], stdout=subprocess.PIPE, check=True)
    lines = [line[7:] for line in done.stdout.decode().splitlines() if line.startswith("pants: ")]
    _, found, may_fetch = lines
    assert problem == found[: len(problem) or None]
    assert may_fetch == ("0" if "32" in problem else "1")


def test_a_python_that_hangs_does_not_end_the_search(sandbox):
    """It is given ten seconds, and does not outlive them."""
    hanging = sandbox.add_program(sandbox.bin / "python3.9", "#!/bin/sh\necho $$ >${0%/*}/pid\nexec sleep 1000\n")
    sandbox.add_python(sandbox.home / ".pyenv/versions/3.9.1/bin/python3.9")
    assert ["-V"] == ran(sandbox.run("-V"))["argv"]
    wait_until(lambda: is_over(int((hanging.parent / "pid").read_text())))


@pytest.mark.parametrize("where", ["pyenv", "PYENV_ROOT", "uv", "MODELKILN_PYTHON39"])
def test_cpython_39_is_found_behind_a_shim_that_fails(sandbox, where):
    """Where python3.9 on PATH does not run, pyenv's folders and uv are asked."""
    sandbox.add_program(sandbox.bin / "python3.9", "#!/bin/sh\necho not found >&2\nexit 127\n")
    root = sandbox.home / (".pyenv" if where == "pyenv" else "other")
    python = sandbox.add_python(root / "versions/3.9.18/bin/python3.9")
    sandbox.add_python(root / "versions/3.9.9/bin/python3.9", hook="false")
    env = {}
    if where == "uv":
        sandbox.add_program(sandbox.bin / "uv", f'#!/bin/sh\n[ "$*" = "python find 3.9" ] && echo {python}\n')
    elif where != "pyenv":
        env[where] = str(root if where == "PYENV_ROOT" else python)
    assert ["-V"] == ran(sandbox.run("-V", **env))["argv"]


def test_another_choice_of_python_counts_at_once(sandbox):
    """A choice is not overruled by what an earlier run has recorded; the same Python needs no new install."""
    chosen = str(sandbox.add_python())
    for env in ({}, {"MODELKILN_PYTHON39": chosen}, {}):
        assert ["-V"] == ran(sandbox.run("-V", **env))["argv"]
    assert 1 == sandbox.times_installed()
    assert 1 == sandbox.run("-V", MODELKILN_PYTHON39="/none").returncode


# Running


def test_the_first_run_reports_its_steps_and_the_next_is_silent(sandbox):
    """What it reports goes to standard error; later runs report nothing and install nothing."""
    sandbox.add_python()
    first = sandbox.run("exit", "0")
    assert ["1/3", "2/3", "3/3"] == re.findall(r"\d/3", first.stderr)
    assert "starting Pants" in first.stderr
    second = sandbox.run("exit", "3", cwd="deep/down")
    assert (3, "") == (second.returncode, second.stderr)
    assert f"{sandbox.root}/deep/down" == json.loads(second.stdout)["cwd"]
    assert 1 == sandbox.times_installed()


def test_the_install_takes_nothing_from_pants(sandbox):
    """Pants finds standard input as it was, no lock in its hands, and always the same file mode mask."""
    sandbox.add_python()
    sandbox.stdin = subprocess.PIPE
    before = os.umask(0o027)
    try:
        process = sandbox.start()
    finally:
        os.umask(before)
    run = json.loads(process.communicate("for Pants")[0])
    assert ("for Pants", 0o022, False) == (run["stdin"], run["umask"], run["holds_lock"])


def test_arguments_pass_unchanged(sandbox):
    """Empty ones, blanks, patterns and line ends too."""
    sandbox.add_python()
    args = ["list", "", "a b", "*", "$HOME", "x\ny", "--", "-V"]
    assert args == ran(sandbox.run(*args))["argv"]


def test_signals_reach_pants(sandbox):
    """The launcher becomes Pants, so it has no process of its own that could keep a signal."""
    sandbox.add_python()
    process = sandbox.start("wait")
    assert process.pid == json.loads(process.stdout.readline())["pid"]
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert 43 == process.returncode


def test_pants_gets_the_pex_tool_and_the_certificates(sandbox):
    """By options in the environment; what the user has set stays."""
    sandbox.add_python()
    env = ran(sandbox.run(SSL_CERT_FILE="/certs.pem", PYTHONPATH="/elsewhere", PYTHONHOME="/elsewhere"))["env"]
    (home,) = sandbox.installs()
    assert f"file://{home}/pex-tool/pex" == env["PANTS_PEX_CLI_URL_TEMPLATE"]
    versions = json.loads(env["PANTS_PEX_CLI_KNOWN_VERSIONS"].replace("'", '"').replace(",]", "]"))
    assert ["linux_x86_64", "linux_arm64", "macos_x86_64", "macos_arm64"] == [v.split("|")[1] for v in versions]
    assert {env["PANTS_PEX_CLI_VERSION"]} == {v.split("|")[0] for v in versions}
    assert ("/certs.pem", f"{home}/bin/start") == (env["PANTS_CA_CERTS_PATH"], env["_PANTS_SERVER_EXE"])
    assert not {"PYTHONPATH", "PYTHONHOME"} & set(env)
    mine = {"PANTS_PEX_CLI_URL_TEMPLATE": "https://mine/pex", "PANTS_CA_CERTS_PATH": "/mine.pem"}
    env = ran(sandbox.run(SSL_CERT_FILE="/certs.pem", **mine))["env"]
    assert mine == {name: env[name] for name in mine}
    assert "PANTS_PEX_CLI_VERSION" not in env


def test_pants_runs_one_process_more_than_there_are_processors(sandbox):
    """Of this process, where neither the environment nor a file of options has a number; then that counts."""
    sandbox.add_python()
    name = "PANTS_PROCESS_EXECUTION_LOCAL_PARALLELISM"
    assert str(len(os.sched_getaffinity(0)) + 1) == ran(sandbox.run())["env"][name]
    assert "1" == ran(sandbox.run(**{name: "1"}))["env"][name]
    (sandbox.home / ".pants.rc").write_text("[GLOBAL]\nprocess_execution_local_parallelism = 4\n")
    assert name not in ran(sandbox.run())["env"]


def test_a_link_to_the_launcher_works(sandbox):
    """The locks are found next to the launcher, not next to the link, be it relative or not."""
    sandbox.add_python()
    (sandbox.root / "deep/link").symlink_to("../pants")
    (sandbox.bin / "kiln").symlink_to(sandbox.root / "deep/link")
    for program in (sandbox.root / "deep/link", sandbox.bin / "kiln"):
        env = {"PATH": str(sandbox.bin), "HOME": str(sandbox.home)}
        assert 0 == subprocess.run([program, "-V"], env=env, stdout=subprocess.DEVNULL).returncode
    assert 1 == sandbox.times_installed()


def test_the_cache_folder_can_be_chosen(sandbox, tmp_path):
    """XDG_CACHE_HOME counts when it is absolute; a path that Pants cannot read in a URL is refused."""
    sandbox.add_python()
    ran(sandbox.run(XDG_CACHE_HOME=str(tmp_path / "xdg")))
    assert (tmp_path / "xdg/modelkiln/pants").is_dir()
    ran(sandbox.run(XDG_CACHE_HOME="relative"))
    assert 1 == len(sandbox.installs())
    result = sandbox.run(XDG_CACHE_HOME=str(tmp_path / "a b"))
    assert 1 == result.returncode
    assert "set XDG_CACHE_HOME" in result.stderr


def test_a_home_that_cannot_be_written_is_named_at_once(sandbox):
    """The message says what to set; nothing is tried."""
    sandbox.add_python()
    (sandbox.root / "file").touch()
    result = sandbox.run("-V", HOME=f"{sandbox.root}/file")
    assert (1, "") == (result.returncode, result.stdout)
    assert f"the cache folder {sandbox.root}/file/.cache/modelkiln/pants cannot be written; set XDG_CACHE_HOME" in (
        result.stderr
    )
    assert 1 == result.stderr.count("pants: ")


def test_without_a_home_that_of_the_user_counts(sandbox):
    """HOME is the one that the system knows, for Pants as well; caches can be anywhere."""
    sandbox.add_python()
    env = {"PATH": str(sandbox.bin), "XDG_CACHE_HOME": str(sandbox.home / ".cache")}
    done = subprocess.run(
        [sandbox.root / "pants"], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True
    )
    assert pwd.getpwuid(os.getuid()).pw_dir == json.loads(done.stdout)["env"]["HOME"]


def test_a_checkout_with_blanks_in_its_path_works(sandbox, tmp_path):
    """The cache is elsewhere, and the working folder too."""
    sandbox = type(sandbox)(tmp_path / "a b (c)")
    sandbox.add_python()
    run = ran(sandbox.run("-V", cwd="deep", XDG_CACHE_HOME=str(tmp_path / "cache")))
    assert f"{sandbox.root}/deep" == run["cwd"]


# Installing


def test_two_first_runs_at_once_install_once(sandbox, tmp_path):
    """The second says that it waits, and both run."""
    gate = tmp_path / "gate"
    sandbox.add_python(hook=f"while [[ ! -e {gate} ]]; do sleep 0.05; done")
    processes = [sandbox.start("-V") for _ in range(3)]

    def waits(process):
        return any("waiting for it" in line for line in process.stderr)

    with ThreadPoolExecutor(3) as pool:
        said = [pool.submit(waits, process) for process in processes]
        try:
            wait_until(lambda: 2 == sum(one.done() for one in said))
        finally:
            gate.touch()
    assert [False, True, True] == sorted(one.result() for one in said)
    assert [0, 0, 0] == [process.wait(timeout=600) for process in processes]
    assert 1 == sandbox.times_installed()


def test_a_failed_download_leaves_nothing(sandbox):
    """The run fails, the next one starts over."""
    sandbox.add_python(hook="mkdir ${0%/*}/half; exit 1")
    result = sandbox.run("-V")
    assert (1, "") == (result.returncode, result.stdout)
    assert "could not be installed" in result.stderr
    assert [] == sandbox.installs()
    sandbox.add_python()
    ran(sandbox.run("-V"))


def test_another_pex_tool_is_refused(sandbox):
    """A Pex tool with other bytes than the launcher's digest stops the install."""
    sandbox.add_python()
    launcher = sandbox.root / "pants"
    launcher.write_text(re.sub(r"pex_sha256=\w+", "pex_sha256=" + "0" * 64, launcher.read_text(), count=1))
    result = sandbox.run("-V")
    assert 1 == result.returncode
    assert "want " + "0" * 64 in result.stderr
    assert [] == sandbox.installs()


@pytest.mark.parametrize("lost", ["installed", "bin/python"])
def test_an_install_that_is_not_whole_is_made_anew(sandbox, lost):
    """Without its mark, or when its interpreter is gone, an install counts for nothing."""
    sandbox.add_python()
    ran(sandbox.run("-V"))
    (home,) = sandbox.installs()
    (home / lost).unlink()
    (home / "stray").touch()
    ran(sandbox.run("-V"))
    assert 2 == sandbox.times_installed()
    assert not (home / "stray").exists()


def test_another_lock_is_another_install(sandbox):
    """The key covers the locks, and an earlier install serves again when its locks are back."""
    sandbox.add_python()
    lock = sandbox.locks / "pex-cli.txt"
    before = lock.read_text()
    for text in (before, before + "# changed\n", before):
        lock.write_text(text)
        ran(sandbox.run("-V"))
    assert 2 == sandbox.times_installed() == len(sandbox.installs())


def test_a_lock_that_changes_meanwhile_is_not_recorded(sandbox):
    """What was installed from a lock under change may be neither the old nor the new."""
    sandbox.add_python(hook=f"echo '# changed' >>{sandbox.locks}/pants.txt")
    result = sandbox.run("-V")
    assert 1 == result.returncode
    assert "a lock changed meanwhile" in result.stderr
    assert [] == sandbox.installs()


def test_the_lock_must_hold_the_pants_of_the_configuration(sandbox):
    """A pants.toml that moves on without its lock gets an error, also when an install is there."""
    sandbox.add_python()
    ran(sandbox.run("-V"))
    (sandbox.root / "pants.toml").write_text("[GLOBAL]\npants_version = '2.18.0'\n")
    result = sandbox.run("-V")
    assert 1 == result.returncode
    assert "pants.txt does not lock Pants 2.18.0, which pants.toml wants" in result.stderr


# What is committed


def test_the_locks_are_those_of_the_launcher_and_pants_toml(sandbox):
    """The versions in pants.toml, the launcher and both locks are the same."""
    pants = re.search(r'^pants_version = "(.*)"', (sandbox.repository / "pants.toml").read_text(), re.M)
    pex = re.search(r"^readonly pex_version=(.*)", (sandbox.repository / "pants").read_text(), re.M)
    assert pants and f"pantsbuild-pants=={pants[1]} " in (sandbox.locks / "pants.txt").read_text()
    assert pex and f"pex=={pex[1]} " in (sandbox.locks / "pex-cli.txt").read_text()


@pytest.mark.parametrize("name", ["pants.txt", "pex-cli.txt", "uv.txt"])
def test_the_locks_hold_hashes_and_no_address(sandbox, name):
    """Every requirement has hashes; index, mirror and folders are the machine's own matter."""
    text = (sandbox.locks / name).read_text()
    assert not re.search(r"(?m)://|^-|[ =@]/", text)
    for requirement in re.split(r"\n(?=\S)", re.sub(r"(?m)^\s*#.*\n?", "", text).strip()):
        assert re.match(r"[\w.-]+==\S+ \\\n +--hash=sha256:[0-9a-f]{64}", requirement), requirement


# What the bash 3.2 of macOS lacks, or does not do under `set -u`; COMPAT and NEWS of bash say since when there is what.
_YOUNGER = (
    r"\$\{!-\}",
    r"\b(mapfile|readarray|coproc)\b",
    r"\b(declare|local|typeset|readonly) -[a-z]*[Ang]\b",
    r"&>>|\|&|;;?&",
    r"\$\{\w+(\[[^]]*\])?(\^|,|@[A-Za-z]\})",
    r"\bwait -[np]",
    r"\bread (-\w+ )*-[a-zA-Z]*[iN]\b|\bread .*-t \d*\.",
    r"\[\[ -v |\bprintf '?%\(|shopt -s (globstar|lastpipe)",
    r"\$\{?(BASHPID|EPOCH\w+|SRANDOM)\b(?!-)",
    r"(?<![$\w}])\{\w+\}[<>]",
)


@pytest.mark.parametrize("name", ["pants", "launcher/install.sh", "launcher/pythons.sh", "launcher/group.sh"])
def test_nothing_is_younger_than_the_bash_of_macos(sandbox, name):
    """Which is 3.2, of 2006: these tests pass with one, too, where it comes first on PATH."""
    code = re.sub(r"(?m)(^|\s)#.*", "", (sandbox.repository / name).read_text())
    assert [] == [found[0] for pattern in _YOUNGER for found in re.finditer(pattern, code)]
