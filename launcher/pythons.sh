# Pythons of this machine: one that Pants runs under, one that has pip, and how the first is had without any.

# What is downloaded where no CPython 3.9 is found; the uv of uv.txt knows its digest.
readonly python_release=3.9.25

# Sets `answer` to what a Python says of itself within ten seconds: three lines, or none and `problem`, why. The bash 3.2
# of macOS does not say which process it reads from, nor whether `read` ended for time.
ask() {
  local line process= start=$SECONDS
  answer=() problem='does not run'
  while IFS= read -r -t 10 line; do
    case $line in
      'pants: '*) answer+=("${line#pants: }") ;;
      'process: '*) process=${process:-${line#process: }} ;;
    esac
  done < <(exec /bin/sh -c 'echo "process: $$"; exec "$0" -I "$1"' "$1" "$programs/probe.py" </dev/null 2>/dev/null 9>&-)
  if ((${#answer[@]} != 3 && SECONDS - start >= 10)); then
    problem='did not answer within ten seconds'
    kill "$process" 2>/dev/null || true
    answer=()
  fi
  [[ ${#answer[@]} == 3 ]]
}

# Prints candidates for CPython 3.9, one a line, best first. Not all of them run: a pyenv shim may be there and fail.
list_pythons() {
  local found=
  type -aP python3.9 || true
  printf '%s\n' "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.9.*/bin/python3.9
  printf '%s\n' "${UV_PYTHON_INSTALL_DIR:-${XDG_DATA_HOME:-$HOME/.local/share}/uv/python}"/cpython-3.9.*/bin/python3.9
  # In the root folder no project's settings have a say.
  IFS= read -r -t 10 found < <(cd / && UV_PYTHON_DOWNLOADS=never exec uv python find 3.9 2>/dev/null </dev/null) || true
  printf '%s\n' "$found" "$cache"/python/cpython-3.9.*/bin/python3.9
}

# Prints candidates for the Python that fetches uv.
list_fetchers() {
  type -aP python3 python3.{14..8} python || true
  printf '%s\n' "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.*/bin/python3
}

# Sets `python` to a CPython 3.9 that Pants can run under and `python_is` to its description, or both to nothing, and
# adds to `tried` what every other candidate lacks.
find_python() {
  local candidate seen=:
  tried=
  while IFS= read -r candidate; do
    [[ -x $candidate && $seen != *":$candidate:"* ]] || continue
    seen+=$candidate:
    if ask "$candidate"; then problem=${answer[1]}; fi
    if [[ ! $problem ]]; then
      python=$candidate python_is=${answer[0]}
      return
    fi
    tried+="
    $candidate $problem"
  done < <(if [[ ${MODELKILN_PYTHON39-} ]]; then printf '%s\n' "$MODELKILN_PYTHON39"; else list_pythons; fi)
  python= python_is=
}

# Runs pip with those of the machine's settings that say how an index is reached, or `uv` with the same. pip finds no
# file that says what to choose or where it goes: that the locks decide.
fetch() { "$fetcher" -I "$root/src/modelkiln/manifest/pip_settings.py" "$@" </dev/null >&2; }

# Sets `fetcher` to a Python that has pip, with which it puts uv and the Pex tool's code into $scratch.
get_uv() {
  local code program seen=:
  [[ ! $fetcher ]] || return 0
  rm -rf "$scratch"
  mkdir "$scratch"
  while IFS= read -r fetcher; do
    [[ -x $fetcher ]] || continue
    program=$(cd -P -- "${fetcher%/*}" >/dev/null && pwd)/${fetcher##*/} # Often /bin is a link to /usr/bin.
    [[ $seen != *":$program:"* ]] || continue
    seen+=$program:
    ask "$fetcher" && [[ ${answer[2]} == 1 ]] || continue
    code=0
    TMPDIR=$scratch fetch pip --disable-pip-version-check --no-input -qq download --no-cache-dir --no-deps \
      --require-hashes --only-binary :all: -d "$scratch/wheels" -r "$uv_lock" -r "$pex_lock" || code=$?
    if [[ $code == 0 ]]; then
      "$fetcher" -I "$programs/unpack.py" "$scratch" </dev/null >&2 || die "uv could not be unpacked; the reason is above."
      return
    fi
    [[ $code == 3 ]] || die "uv, which installs Pants $wanted, could not be downloaded; the reason is above."
    tried+="
    $fetcher has no pip, with which uv could be downloaded"
  done < <(printf '%s\n' "$python"; list_fetchers)
  return 1
}

# Sets `python` and `python_is` to the CPython 3.9 that uv downloads: the locked uv, or else one that is on PATH.
download_python() {
  local before=$tried
  say "no CPython 3.9 was found; downloading $python_release into $cache/python, once."
  export UV_HTTP_RETRIES=${UV_HTTP_RETRIES-1}
  if get_uv; then
    fetch uv "$scratch/uv" python install --no-bin -i "$cache/python" "$python_release" ||
      before+="
    uv could not download CPython $python_release; what it said is above"
  elif type -P uv >/dev/null; then
    UV_NO_CONFIG=1 uv python install --no-bin -i "$cache/python" "$python_release" </dev/null >&2 ||
      before+="
    $(type -P uv) could not download CPython $python_release; what it said is above"
  else
    before=$tried"
    uv could not be had, for which a Python with pip is wanted"
  fi
  find_python
  tried=$before
  [[ ! $python ]] || return 0
  local first="where GitHub is out of reach, say from where to download it: UV_PYTHON_INSTALL_MIRROR=https://..."
  [[ $fetcher ]] || type -P uv >/dev/null || first="a Python with pip, and this command gets the rest: apt-get install python3-pip, or
    dnf install python3-pip"
  die "Pants $wanted runs under CPython 3.9 only, and there is none. Tried:$tried
  Get it in one of these ways, then run this command again:
    $first
    uv python install 3.9
    pyenv install 3.9
    your system's packages, if they have it: apt-get install python3.9-venv, dnf install python3.9, or
    brew install python@3.9
  If it is somewhere else, say where: MODELKILN_PYTHON39=/path/to/python3.9"
}
