# SPDX-License-Identifier: Apache-2.0
# A real containerd with its CRI, runc and a CNI bridge. Source it, then:
#   containerd_start          returns when it serves; containerd_stop ends it and what it left behind
#   containerd_load_images    imports localhost/pause:1 and localhost/app:1 from $RIG_IMAGES
#   containerd_ctr ARG…       ctr on its socket
# In the test guest it has the usual places. On any other node everything is its own: folders,
# socket, network namespace, cgroups. Each setting below may be set beforehand.
: "${BIN:=build/release/bin}"
if grep -q 'idtrail\.run=' /proc/cmdline; then
  containerd_own=no
  : "${CONTAINERD_STATE:=/run/containerd}"
  : "${CONTAINERD_ROOT:=/var/lib/containerd}"
  : "${RIG_KUBELET_ROOT:=/var/lib/kubelet}"
  : "${RIG_CGROUP_PARENT:=/}"
else
  containerd_own=yes
  : "${RIG_HOME:=/run/idtrail-rig-$$}"
  : "${CONTAINERD_STATE:=$RIG_HOME/containerd}"
  : "${CONTAINERD_ROOT:=$RIG_HOME/root}"
  : "${RIG_KUBELET_ROOT:=$RIG_HOME/kubelet}"
  : "${RIG_CGROUP_PARENT:=/idtrail-rig-$$}"
fi
: "${CONTAINERD_SOCKET:=$CONTAINERD_STATE/containerd.sock}"
: "${CONTAINERD_ROOT_SIZE:=512m}" # of the tmpfs: an overlay snapshot cannot lie on an overlay root
: "${CONTAINERD_LOG:=$CONTAINERD_STATE/containerd.log}"
: "${CONTAINERD_DEADLINE:=120}" # seconds to come up; it takes 5 under emulation on a quiet machine
: "${RIG_CGROUP_DRIVER:=cgroupfs}"  # or systemd, where that is process 1
: "${CNI_BIN:=/usr/lib/cni}"
: "${CNI_SUBNET:=10.88.0.0/16}"
: "${RIG_IMAGES:=$BIN/../images}"
export CONTAINERD_SOCKET RIG_KUBELET_ROOT RIG_CGROUP_PARENT RIG_CGROUP_DRIVER # idtrail-rig reads these
containerd_pid=''

containerd_ctr() { ctr --address "$CONTAINERD_SOCKET" "$@"; }

containerd_configure() {
  mkdir -p "$CONTAINERD_STATE/cni" "$CONTAINERD_ROOT" "$RIG_KUBELET_ROOT"
  if [[ $(stat -f -c %T "$CONTAINERD_ROOT") != tmpfs || $containerd_own == yes ]]; then
    mount -t tmpfs -o "size=$CONTAINERD_ROOT_SIZE,mode=711" tmpfs "$CONTAINERD_ROOT" || return
  fi
  cat >"$CONTAINERD_STATE/cni/10-idtrail.conflist" <<JSON
{"cniVersion": "0.4.0", "name": "idtrail", "plugins": [{
  "type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false,
  "ipam": {"type": "host-local", "dataDir": "$CONTAINERD_STATE/networks",
           "ranges": [[{"subnet": "$CNI_SUBNET"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
JSON
  cat >"$CONTAINERD_STATE/config.toml" <<TOML
version = 2
root = "$CONTAINERD_ROOT"
state = "$CONTAINERD_STATE"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
]
[grpc]
address = "$CONTAINERD_SOCKET"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "localhost/pause:1"
disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "$CNI_BIN"
conf_dir = "$CONTAINERD_STATE/cni"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
Root = "$CONTAINERD_STATE/runc"
SystemdCgroup = $([[ $RIG_CGROUP_DRIVER == systemd ]] && echo true || echo false)
TOML
}

containerd_start() {
  local deadline=$((SECONDS + CONTAINERD_DEADLINE)) isolate=()
  if [[ $containerd_own == yes ]]; then isolate=(unshare --net -- sh -c 'ip link set lo up; exec "$@"' sh); fi
  modprobe -qa bridge veth overlay || true # built in, where there is no such module; if missing, CNI says so
  containerd_configure || return
  "${isolate[@]}" containerd --config "$CONTAINERD_STATE/config.toml" >"$CONTAINERD_LOG" 2>&1 &
  containerd_pid=$!
  until [[ -S $CONTAINERD_SOCKET ]] && grep -q 'containerd successfully booted' "$CONTAINERD_LOG"; do
    if ! kill -0 "$containerd_pid" 2>/dev/null || ((SECONDS > deadline)); then
      echo "containerd did not come up; its log ($CONTAINERD_LOG) ends:" >&2
      tail -n 20 "$CONTAINERD_LOG" >&2
      return 1
    fi
    sleep 0.1
  done
}

containerd_load_images() {
  local image
  for image in pause app; do
    if [[ ! -s $RIG_IMAGES/$image.tar ]]; then
      echo "no $RIG_IMAGES/$image.tar; build the target idtrail_images, or run tests/rig/images/build" >&2
      return 1
    fi
    containerd_ctr -n k8s.io images import "$RIG_IMAGES/$image.tar" >/dev/null || return
  done
  # Where plain containers run.
  containerd_ctr -n default images import "$RIG_IMAGES/app.tar" >/dev/null
}

# What outlives containerd: shims, their containers, mounts, cgroups. Only ours: by our socket.
containerd_sweep() {
  local pid mountpoint
  for pid in $(pgrep -f -- "containerd-shim.* -address $CONTAINERD_SOCKET" || true); do
    pkill -KILL -P "$pid" || true
    kill -KILL "$pid" 2>/dev/null || true
  done
  awk '{ print $2 }' /proc/mounts | sort -r | while read -r mountpoint; do
    case $mountpoint in
      "$CONTAINERD_STATE"/* | "$CONTAINERD_ROOT" | "$CONTAINERD_ROOT"/* | "$RIG_KUBELET_ROOT"/*)
        umount -l "$mountpoint" 2>/dev/null || true ;;
    esac
  done
  if [[ $RIG_CGROUP_PARENT == */idtrail-rig-* ]]; then
    find "/sys/fs/cgroup$RIG_CGROUP_PARENT" -depth -type d -exec rmdir {} + 2>/dev/null || true
  fi
  if [[ -n ${RIG_HOME:-} && $RIG_HOME == /run/idtrail-rig-* ]]; then rm -rf "$RIG_HOME"; fi
}

containerd_stop() {
  [[ -n $containerd_pid ]] || return 0
  kill "$containerd_pid" 2>/dev/null || true
  wait "$containerd_pid" 2>/dev/null || true
  containerd_pid=''
  if [[ $containerd_own == yes ]]; then containerd_sweep; fi # the guest is thrown away as a whole
}
