"""Asks a project's build backend what its wheel is built with (PEP 517), and runs nothing else of it.

pip-tools builds the project for its metadata before it asks, in the same environment, and backends
that then find what they asked for (meson-python and ninja) do not ask again. This is a program of its
own, run as `python -I ask_backend.py FOLDER ANSWER [REQUIREMENT...]` where PyPA's build is installed, which
pip-tools brings; ANSWER is the file for the requirements, one a line. Each REQUIREMENT is needed besides.
"""

import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import sandboxed_hooks


def main(folder, answer, *more):
    """Write the requirements, and return the exit code."""
    from build import BuildBackendException, ProjectBuilder
    from build.env import DefaultIsolatedEnv

    temporary = sandboxed_hooks.use_private_folder()
    try:
        with DefaultIsolatedEnv() as env:
            builder = ProjectBuilder.from_isolated_env(env, folder, sandboxed_hooks.run_hook)
            sandboxed_hooks.install(env.python_executable, sorted({*builder.build_system_requires, *more}))
            requires = sorted({*builder.build_system_requires, *more, *builder.get_requires_for_build("wheel")})
    except subprocess.CalledProcessError as error:
        for output in (error.stdout, error.stderr):
            sys.stderr.write(output.decode("utf-8", "replace") if isinstance(output, bytes) else output or "")
        return 1
    except BuildBackendException as error:
        # Of a backend that cannot be imported, the reason is in there alone.
        sys.stderr.write(f"{getattr(error.exception, 'traceback', '')}\n{error}\n")
        return 1
    except sandboxed_hooks.NoSandbox as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    with open(answer, "w", encoding="utf-8") as stream:
        stream.writelines(f"{line}\n" for line in requires)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
