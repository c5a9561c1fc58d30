# What a signal ends whole: a process group, which also says how far it is.

# Runs a function in a process group of its own and waits for it. A signal to this shell, or a failure, ends all of that
# group: $! says which it is from its start, where a variable would be set one command later, and no command is in the
# foreground, where a trap would wait for its end.
run_group() {
  local last
  find_last
  before=$last
  holder="$$ $RANDOM $RANDOM $RANDOM ${HOSTNAME-}" # Of the lock, when the group has taken it. Containers have equal $$.
  trap discard EXIT
  trap 'leave 129' HUP
  trap 'leave 130' INT
  trap 'leave 131' QUIT
  trap 'leave 143' TERM
  set -m
  "$@" </dev/null &
  set +m
  wait "$!"
  trap - EXIT HUP QUIT TERM
  trap 'exit 130' INT
}

# Sets `last` to $!, or to nothing. For the bash 3.2 of macOS, `${!-}` is an error where there was no such process.
find_last() {
  set +u
  last=$!
  set -u
}

# A second signal must not cut the removal short.
leave() {
  trap '' HUP INT QUIT TERM
  exit "$1"
}

# Ends the group and, where that has the lock, removes what is not whole: then nobody else is making it.
discard() {
  local folder found= group= last moment
  trap '' HUP INT QUIT TERM
  find_last
  group=$last
  if [[ $group != "$before" ]]; then
    { kill -KILL -- "-$group" && wait "$group"; } 2>/dev/null || true
    # The leader is gone; the others are as soon as they have a processor. Nobody may ask for their exit codes.
    for moment in 0.01 0.05 0.2 0.5; do kill -0 -- "-$group" 2>/dev/null && sleep "$moment" || true; done
  fi
  IFS= read -r found <"$cache/lock" || true
  [[ $found == "$holder" ]] || return 0
  for folder in "$cache"/*; do
    [[ ! $folder =~ /[0-9a-f]{32}$ || -s $folder/installed ]] || rm -rf "$folder" 2>/dev/null || true
  done
  rm -rf "$scratch" 2>/dev/null || true
  say "the install did not finish; nothing of it will be used."
}

# Says how large folders have become, every second in a terminal and every ten elsewhere, for as long as a process lives.
# What is in several of them by a hard link counts once.
watch() {
  local process=$1 total=$2 what=$3 size sum second=0
  exec 9>&-
  while kill -0 "$process" 2>/dev/null; do
    sleep 1 >/dev/null 2>&1 # It may outlive this shell for as long, so it holds nothing of the launcher's.
    second=$((second + 1))
    [[ -t 2 ]] || ((second % 10 == 2)) || continue
    sum=0
    while read -r size _; do sum=$((sum + size)); done < <(du -sk "${@:4}" 2>/dev/null)
    sum=$((sum / 1024 < total ? sum / 1024 : total))
    if [[ -t 2 ]]; then
      printf '\rpants:     %s of %s MB %s ' "$sum" "$total" "$what" >&2
    else
      say "    $sum of $total MB $what"
    fi
  done
}

begin_watch() {
  local process=${BASHPID-$$} # Of this shell, not of the one that watches.
  watch "$process" "$@" &
  watching=$!
}

end_watch() {
  { kill -KILL "$watching" && wait "$watching"; } 2>/dev/null || true
  [[ ! -t 2 ]] || printf '\r%60s\r' '' >&2
}
