#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Tests of tests/vm/run itself, on one kernel: exit codes, streaming, deadlines, a damaged cache, a
# version that is gone, no network, nothing left behind. Uses the cache, never damages it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
kernel=${KERNEL:-6.1}
work=$(mktemp -d)
cache=${IDTRAIL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/idtrail}
failures=0
trap 'rm -rf "$work"' EXIT

vm() { tests/vm/run --kernel "$kernel" --out "$work/out" "$@"; }
start_vm() { # start_vm COMMAND: in the background; its own process, not a shell's child, is $pid
  tests/vm/run --kernel "$kernel" --out "$work/out" -- "$1" >"$work/said" 2>"$work/error" &
  pid=$!
}
status_of() { # status_of COMMAND…: its exit code in $status, its words in $work/said
  status=0
  "$@" >"$work/said" 2>"$work/error" || status=$?
}
check() { # check WHAT COMMAND…
  local what=$1
  shift
  if "$@"; then
    echo "ok    $what"
  else
    failures=$((failures + 1))
    echo "FAIL  $what"
    tail -n 20 "$work/said" "$work/error" 2>/dev/null || true
  fi
}
# Ours are told by the folder that their command line names; the reading is done by this shell.
nothing_runs() {
  local pid line
  for pid in /proc/[0-9]*; do
    mapfile -d '' line 2>/dev/null <"$pid/cmdline" || continue
    if [[ ${line[*]} == *"$work/out"* ]]; then return 1; fi
  done
}
one_error() { (($(grep -c '^vm: error:' "$work/error") == 1)); }
# A cache of links to the real one: what a test damages or adds is its own.
linked_cache() { # linked_cache DIR WITHOUT
  mkdir -p "$1"
  for folder in apt debs kernels qemu rootfs; do
    if [[ $folder != "$2" ]]; then ln -s "$cache/$folder" "$1/$folder"; fi
  done
}

# Exit codes and output.
status_of vm -- "echo out; echo err >&2; exit 255"
check "exit code 255 is the command's" test "$status" = 255
check "output of both streams comes out" test "$(<"$work/said")" = $'out\nerr'
check "the booted version is recorded" grep -q '^[0-9.]*.*Debian' "$work/out/kernel-version"
status_of vm -- printf '%s|' 'two words' "a'quote" '$HOME'
check "exit code 0 is the command's" test "$status" = 0
check "several arguments arrive as they are" test "$(<"$work/said")" = "two words|a'quote|\$HOME|"

# Streaming: the first line is here while the command still waits for our answer.
start_vm 'echo first; until [[ -e /out/answer ]]; do sleep 0.2; done; echo second; exit 7'
streamed=no
for _ in {1..600}; do
  if grep -q first "$work/said"; then streamed=yes && break; fi
  sleep 0.2
done
: >"$work/out/answer"
status=0
wait "$pid" || status=$?
check "output streams" test "$streamed $(tail -n 1 "$work/said")" = 'yes second'
check "exit code 7 is the command's" test "$status" = 7

# Deadline and interruption.
status_of vm --timeout 25 -- 'echo begun; sleep 1000'
check "a timeout ends with 124" test "$status" = 124
check "a timeout says so" grep -q 'timeout: no result after 25 seconds' "$work/error"
check "nothing runs after a timeout" nothing_runs
start_vm 'echo begun; sleep 1000'
for _ in {1..600}; do
  if grep -q begun "$work/said"; then break; fi
  sleep 0.2
done
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
check "an interrupted run ends with 143" test "$status" = 143
check "nothing runs after an interruption" nothing_runs

# A damaged cache: one byte of the kernel flipped in a copy.
linked_cache "$work/damaged" kernels
mkdir -p "$work/damaged/kernels"
folder=$(basename "$(find "$cache/kernels" -maxdepth 1 -name "$kernel-*" -type d | sort -V | tail -n 1)")
cp -r "$cache/kernels/$folder" "$work/damaged/kernels/"
printf 'X' | dd of="$work/damaged/kernels/$folder/vmlinux" bs=1 seek=5000000 conv=notrunc status=none
status_of env IDTRAIL_CACHE="$work/damaged" tests/vm/run --kernel "$kernel" --out "$work/out" -- true
check "a damaged kernel is noticed and made again" grep -q "cached kernels/$folder is damaged" "$work/error"
check "… and boots" test "$status" = 0

# A version that the mirror no longer has.
linked_cache "$work/gone" kernels
mkdir -p "$work/gone/kernels"
version=$(awk -v k="$kernel" '$1 == k { print $4; exit }' tests/vm/kernels.lock)
sed "s/^\($kernel .*\) $version /\1 $version.gone /" tests/vm/kernels.lock >"$work/lock"
rm "$work/gone/debs"
mkdir "$work/gone/debs"
status_of env IDTRAIL_CACHE="$work/gone" IDTRAIL_KERNELS_LOCK="$work/lock" \
  tests/vm/run --kernel "$kernel" --out "$work/out" -- true
check "a version that is gone is replaced, with a warning" grep -q "no longer has .* $version.gone; using" "$work/error"
check "… and boots" test "$status" = 0

# No network, and nothing cached.
status_of env IDTRAIL_CACHE="$work/empty" http_proxy=http://127.0.0.1:1 https_proxy=http://127.0.0.1:1 \
  tests/vm/run --kernel "$kernel" --out "$work/out" -- true
check "without network it ends with 125" test "$status" = 125
check "… with one error that says what to do" one_error
check "… and names the package" grep -q 'cannot fetch linux-image' "$work/error"

# Wrong use.
status_of tests/vm/run --kernel 4.19 -- true
check "an unknown kernel is refused with the list of known ones" grep -q '5.10 6.1 6.12 7.x' "$work/error"
status_of tests/vm/run --kernel "$kernel"
check "a missing command is refused" test "$status" = 125
check "nothing runs at the end" nothing_runs

echo "$failures failed"
((failures == 0))
