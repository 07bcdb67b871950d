# SPDX-License-Identifier: Apache-2.0
# Shared by the scripts that run in the guest: containerd, the agent and checks on what it says.
# Needs BIN (AGENT: another agent than the one there); gives $work (a tmpfs folder), start_agent, stop_agent, cli, rig, check.
: "${BIN:?folder of idtrail-agent, idtrail and idtrail-rig}"
work=$(mktemp -d /run/idtrail-test.XXXXXX)
checks=0 failures=0 agent='' helpers=''

. tests/vm/guest/containerd.sh

cleanup() {
  local status=$?
  trap '' INT TERM
  for pid in $helpers; do kill "$pid" 2>/dev/null || true; done
  stop_agent TERM || true
  containerd_stop || true
  # What was written stays readable from outside the guest.
  if [[ -d /out ]]; then cp "$work"/*.jsonl "$work"/*.json "$work"/*.log /out/ 2>/dev/null || true; fi
  if ((status)) && [[ -s $work/agent.log ]]; then tail -n 40 "$work/agent.log" >&2; fi
  exit $status
}
trap cleanup EXIT

cli() { "$BIN/idtrail" --socket "$work/agent.sock" "$@"; }
rig() { "$BIN/idtrail-rig" "$@"; }

# check WHAT COMMAND...: one named check; failures are counted and shown.
check() {
  local what=$1
  shift
  checks=$((checks + 1))
  if "$@"; then
    echo "ok    $what"
  else
    failures=$((failures + 1))
    echo "FAIL  $what: $*"
  fi
}
# holds FILE FILTER: the jq filter is true of the file.
holds() { jq -e "$2" "$1" >/dev/null; }

# until_true SECONDS COMMAND...: waits for a condition, with a deadline.
until_true() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS <= deadline)) || return 1
    sleep 0.3
  done
}

write_config() { # write_config LEARNING_WINDOW
  cat >"$work/agent.yaml" <<EOF
node: guest
cluster: test
kubelet_root: $RIG_KUBELET_ROOT
containerd_socket: $CONTAINERD_SOCKET
containerd_state: $CONTAINERD_STATE
socket: $work/agent.sock
store: $work/baselines.db
findings_file: $work/findings.jsonl
identity_deadline: 60s
baseline:
  learning_window: $1
EOF
}

agent_up() {
  kill -0 "$agent" 2>/dev/null && cli coverage -o json >/dev/null 2>&1
}
start_agent() { # start_agent ARG...: waits until it answers
  "${AGENT:-$BIN/idtrail-agent}" --config "$work/agent.yaml" "$@" >>"$work/agent.out" 2>>"$work/agent.log" &
  agent=$!
  until_true 240 agent_up || { echo "the agent did not come up" >&2; return 1; }
}
stop_agent() { # stop_agent SIGNAL
  [[ -n $agent ]] || return 0
  kill "-$1" "$agent" 2>/dev/null || true
  wait "$agent" 2>/dev/null || true
  agent=''
}
done_checking() {
  echo "$checks checks, $failures failed"
  ((failures == 0 && checks > 0))
}
