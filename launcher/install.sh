# Installs Pants and its Pex tool. `pants` reads this file where they are not installed.

. "$programs/pythons.sh"
. "$programs/group.sh"

# Pants takes the Pex tool from a file:// URL and does not decode what is encoded there.
check_cache_path() {
  local LC_ALL=C
  [[ $cache != *[!A-Za-z0-9/._+@,:=~-]* ]] ||
    die "the cache folder $cache has a character in its path that Pants cannot read in a URL; set XDG_CACHE_HOME."
}

# Makes a whole install unless there is one, records that it answers this request, and sets `home`.
#
# A virtual environment holds absolute paths, so it is made where it stays, under a lock, and counts for nothing until
# the file `installed` says that it is whole. What a killed install leaves is removed by the next.
install() {
  scratch=$cache/scratch # Not in /tmp, from where a machine may refuse to run programs.
  grep -qF "pantsbuild-pants==$wanted " "$pants_lock" ||
    die "$pants_lock does not lock Pants $wanted, which pants.toml wants; compile it again from pants.in."
  check_cache_path
  { mkdir -p "$cache" && [[ -w $cache ]]; } 2>/dev/null ||
    die "the cache folder $cache cannot be written; set XDG_CACHE_HOME to a folder that can."
  exec 9>>"$cache/lock"
  run_group make_install
  read_record || die "$home was removed meanwhile; run this command again."
  exec 9>&-
}

# In a process of its own; it leaves the record.
make_install() {
  local before=$request key
  fetcher= python= python_is= tried=
  trap '' TTOU # A terminal may stop what writes to it from outside of its own group.
  find_python
  [[ $python || ! ${MODELKILN_PYTHON39-} ]] ||
    die "MODELKILN_PYTHON39: $MODELKILN_PYTHON39 ${problem:-is not a program}; name a CPython 3.9 that serves."
  take_lock
  [[ $python ]] || find_python # The one that was waited for may have downloaded it.
  if [[ ! $python ]]; then
    download_python
    take_lock # With the first Python on this machine, maybe.
  fi
  key=$(sha256 <<<"$request $python_is")
  home=$cache/${key:0:32} # Half of the digest, since the system limits the length of a script's first line.
  if ! is_installed; then
    build
    read_request
    [[ $request == "$before" ]] || die "a lock changed meanwhile; run this command again."
    sync -f "$home" 2>/dev/null || sync # So that not even a power cut leaves a mark on files that are not whole.
    printf '%s\n' "$python_is" >"$home/installed.part"
    mv "$home/installed.part" "$home/installed"
    say "installed."
    say "starting Pants, which reads its rules for some seconds"
    begin_tool
  fi
  rm -rf "$scratch" "$cache/downloads"
  printf '%s\n' "$home" "${MODELKILN_PYTHON39-}" >"$home.part"
  mv "$home.part" "$record"
}

# Starts what the first package needs next, while Pants reads its rules: the tool of the packaging engine. A process of
# Pants waits for it, or makes it itself where this one fails, and says why.
begin_tool() {
  local folder=$root/rules/pants_modelkiln store=${PANTS_NAMED_CACHES_DIR:-${cache%/modelkiln/pants}/pants/named_caches}
  [[ -r $folder/engine/programs/tool_environment.py ]] || return 0
  set -m # In a group of its own: it goes on while Pants starts.
  "$python" -I "$folder/engine/programs/tool_environment.py" "$folder/tool.txt" "$root/src" "$store/modelkiln" \
    </dev/null >/dev/null 2>&1 9>&- &
  set +m
}

# Takes the lock on descriptor 9. The lock belongs to the open file, which every process below shares: when this one
# is killed, the lock lasts until the last writer is gone. flock(1) would do the same, but macOS lacks it.
# Whatever Python there is will do. Without any, there is nothing to install with either.
take_lock() {
  local candidate
  while IFS= read -r candidate; do
    [[ -x $candidate ]] || continue
    if "$candidate" -I "$programs/take_lock.py" >&2; then
      printf '%s\n' "$holder" >"$cache/lock"
      return
    fi
  done < <(printf '%s\n' "$python"; list_fetchers)
}

# Fills $home with everything but the mark `installed`.
build() {
  local building watching
  say "installing Pants $wanted under CPython ${python_is%% *} into $home, once."
  rm -f "$home/installed"
  rm -rf "$home"
  umask 022 # The modes of installed files get into the Pex tool.
  say "1/3 downloading what installs, about 21 MB"
  begin_watch 21 downloaded "$scratch"
  get_uv || die "no Python with pip is there to download uv with. Tried:$tried"
  end_watch
  say "2/3 downloading and installing Pants, about 54 MB, and building its Pex tool"
  build_pex_tool &
  building=$!
  begin_watch 250 unpacked "$home" "$cache/downloads"
  install_pants
  end_watch
  wait "$building" || die "the Pex tool could not be built."
  mkdir "$home/pex-tool"
  mv "$scratch/pex-tool" "$home/pex-tool/pex"
  [[ $fetcher == "$python" ]] || printf '%s\n' "$fetcher" >"$home/fetcher" # Whose pip knows the machine's settings.
  say "3/3 checking that Pants loads"
  "$home/bin/python" -I -c 'import pants.engine.internals.native_engine' >&2 || die "it does not load."
}

# Versions and hashes come from the lock. Isolation of builds is off because it would fetch build tools that no lock
# pins; what has no wheel for a platform is built with the lock's own.
install_pants() {
  local packages=$home/lib/python3.9/site-packages
  "$python" -I -m venv --without-pip "$home" </dev/null >&2
  if [[ $(uname -sm) != 'Linux x86_64' ]]; then
    sed -n -e '/^setuptools==/,/^ *#/p' -e '/^wheel==/,/^ *#/p' "$pants_lock" >"$scratch/builders.txt"
    uv_by_lock "$scratch/builders.txt"
  fi
  uv_by_lock "$pants_lock"
  chmod +x "$packages/pants/bin/native_client" # The wheel lacks the bit.
  { printf '#!%s\n' "$home/bin/python"; cat "$programs/start.py"; } >"$home/bin/start"
  chmod +x "$home/bin/start"
  # The first command would do it, with one core.
  "$home/bin/python" -I -m compileall -q -j 0 "$packages/pants" >/dev/null 2>&1 </dev/null || true
}

uv_by_lock() {
  UV_CACHE_DIR=${UV_CACHE_DIR:-$cache/downloads} fetch uv "$scratch/uv" pip install -q --no-progress \
    --python "$home/bin/python" --no-deps --require-hashes --no-build-isolation -r "$1" ||
    die "Pants $wanted could not be installed; what uv said is above."
}

# Builds the Pex tool, which Pants would download from GitHub. It is built even where GitHub is in reach: its digest is
# part of the cache key of every process that runs Pex, so all machines should have the same tool, and only this one
# can be had everywhere.
build_pex_tool() {
  local tool=$scratch/pex-tool got
  # In an empty environment no PEX_* variable and no ~/.pexrc has a say.
  env -i PATH="$PATH" HOME="$scratch" TMPDIR="$scratch" PEX_ROOT="$scratch/pex-root" PEX_EMIT_WARNINGS=false \
    "$python" -I "$programs/make_pex.py" "$scratch" "$tool" </dev/null >&2
  got=$(sha256 <"$tool")
  [[ $got == "$pex_sha256 "* ]] || die "the Pex tool came out with the sha256 ${got%% *}, want $pex_sha256."
}
