# SPDX-License-Identifier: Apache-2.0
# Messages, the cache folder and its locks. Sourced; expects `set -euo pipefail`.

readonly cache="${IDTRAIL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/idtrail}"

say() { printf 'vm: %s\n' "$*" >&2; }
warn() { printf 'vm: warning: %s\n' "$*" >&2; }

# 125 is this program's own failure; 124 is the timeout; everything else is the guest command's.
die() {
  printf 'vm: error: %s\n' "$*" >&2
  exit 125
}

need() {
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || die "'$tool' is not installed; \`make setup\` installs what is needed"
  done
}

# locked NAME COMMAND…: runs COMMAND while no other run prepares the same NAME.
# The lock is this shell's, not the command's, so that the command can set variables.
locked() {
  local name=$1 fd
  shift
  mkdir -p "$cache/locks"
  exec {fd}>"$cache/locks/$name"
  if ! flock --timeout 5 "$fd"; then
    say "waiting for another run that prepares $name"
    flock "$fd"
  fi
  "$@"
  exec {fd}>&-
}

# seal DIR FILE…: records the checksums of what a run relies on; sealed DIR: do they still hold?
# CRC-32 notices damage at 2 GB/s; against tampering there are the SHA-256 of the packages themselves.
seal() { (cd "$1" && shift && cksum -- "$@" >CHECKSUMS); }
sealed() {
  [[ -s $1/CHECKSUMS ]] && (cd "$1" && cut -d' ' -f3- CHECKSUMS | xargs -d '\n' cksum -- | cmp -s - CHECKSUMS) 2>/dev/null
}

# Removes DIR with a word if it exists: it was checked and found damaged or unfinished.
discard() {
  if [[ -e $1 ]]; then
    warn "the cached ${1#"$cache"/} is damaged; making it again"
    rm -rf "$1"
  fi
}
