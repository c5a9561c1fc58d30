#!/usr/bin/env bash
# pip 26.3, `pip config list`: a key that several files set is listed once for each file, in the order of the files'
# paths and not of their precedence. Which value counts cannot be read from the list: here the system-wide file's is
# last, and the user's is in force (`pip config get` names it). pip 23.0 listed the one value in force.
#
# Expected by a reader of the documentation ("later sections win"): one line a key, or the winning one last.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/a-home/.config/pip" "$work/b-system/pip"
printf '[global]\ntimeout = 22\n' >"$work/a-home/.config/pip/pip.conf"
printf '[global]\ntimeout = 11\n' >"$work/b-system/pip/pip.conf"

# Prints what the pip of version $1 lists of the timeout, in one line, and then the value in force.
ask() {
  python3 -m venv "$work/$1"
  "$work/$1/bin/python" -m pip install -q --disable-pip-version-check "pip==$1"
  local pip=(env -i HOME="$work/a-home" XDG_CONFIG_DIRS="$work/b-system" PATH="$PATH" "$work/$1/bin/python" -m pip)
  echo "$("${pip[@]}" config list | grep timeout | tr '\n' ' ')in force: $("${pip[@]}" config get global.timeout)"
}

old=$(ask 23.0)
new=$(ask 26.3)
printf 'pip 23.0: %s\npip 26.3: %s\n' "$old" "$new"
[[ $old == "global.timeout='22' in force: 22" ]]
[[ $new == "global.timeout='22' global.timeout='11' in force: 22" ]]
echo "as described"
