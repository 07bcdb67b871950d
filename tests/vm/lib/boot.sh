# SPDX-License-Identifier: Apache-2.0
# One boot: QEMU in the background, the guest's output as it comes, a deadline, an exit code.

readonly boot_seconds=${IDTRAIL_VM_BOOT_SECONDS:-180} # a busy machine needs 40; no report by then is no boot

qemu_pid= tail_pid= timer_pid=

# stop PID: ends a process that this run started, and waits for it.
stop() {
  local pid=$1
  if [[ -z $pid ]]; then return 0; fi # a bare return in a trap is the status before it
  kill "$pid" 2>/dev/null || true
  for _ in {1..20}; do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
}

stop_all() {
  stop "$qemu_pid"
  stop "$timer_pid"
  stop "$tail_pid"
  qemu_pid='' tail_pid='' timer_pid=''
}

# Sets qemu: the command line. Documented in DESIGN by what each group is for.
qemu_command() {
  local run=$1 cpu=max cmdline
  local lib=$qemu_dir/usr/lib/x86_64-linux-gnu
  cmdline="console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off nokaslr audit=0 random.trust_cpu=on"
  cmdline+=" rcupdate.rcu_expedited=1 nowatchdog tsc=reliable no_timer_check"
  cmdline+=" lsm=landlock,lockdown,yama,integrity,bpf" # 5.10 has bpf only when asked
  cmdline+=" idtrail.run=${run##*/} idtrail.cgroup=$cgroup idtrail.init=$init"
  if [[ $cgroup == unified ]]; then cmdline+=" cgroup_no_v1=all"; fi
  if ((icount)); then cpu=max,-erms,-fsrm; fi # else each step of a REP instruction counts
  qemu=(
    "$qemu_dir/lib64/ld-linux-x86-64.so.2" --library-path "$lib" "$qemu_dir/usr/bin/qemu-system-x86_64"
    -L "$qemu_dir/usr/share/qemu" -L "$qemu_dir/usr/share/seabios"
    -M q35 -accel tcg,thread=single,tb-size=512 -cpu "$cpu" -smp 1 -m "$memory"
    -nodefaults -no-user-config -display none -no-reboot
    -serial "file:$run/console" -device isa-debug-exit,iobase=0xf4,iosize=0x04
    -kernel "$kernel_dir/vmlinux" -initrd "$run/initrd" -append "$cmdline"
    -drive "file=${rootfs//,/,,},if=none,id=root,format=raw,readonly=on,file.locking=off"
    -device virtio-blk-pci,drive=root
  )
  share repo "$repo" ,readonly=on
  share modules "$kernel_dir/modules" ,readonly=on
  share out "$out" ''
  if ((icount)); then
    # One guest nanosecond is one guest instruction, so the guest's clock counts them.
    qemu+=(-icount "shift=0,sleep=off" -seed 1 -rtc "base=2026-01-01T00:00:00,clock=vm")
  fi
}

share() { # TAG DIR OPTIONS
  qemu+=(-fsdev "local,id=$1,path=${2//,/,,},security_model=none,multidevs=remap$3"
    -device "virtio-9p-pci,fsdev=$1,mount_tag=$1")
}

# wait_for_qemu SECONDS: true if QEMU ended within SECONDS.
wait_for_qemu() {
  local ended
  sleep "$1" &
  timer_pid=$!
  wait -n -p ended "$qemu_pid" "$timer_pid" || true
  if [[ $ended == "$timer_pid" ]]; then
    timer_pid=
    return 1
  fi
  stop "$timer_pid"
  timer_pid=
  qemu_pid=
}

# boot RUN: boots once and waits for the end. Results are the files of RUN: started, out, rc, console.
# Returns 0 when QEMU ended, 1 when the guest never reported, 2 at the deadline.
boot() {
  local run=$1 left qemu=() status=0
  : >"$run/out"
  # The guest's first program travels beside the cached modules, so that an edit needs no new cache.
  { cat "$kernel_dir/initrd" && (cd "$here/guest" && echo init | cpio -o -H newc --quiet -R 0:0); } >"$run/initrd"
  qemu_command "$run"
  # The kernel ends QEMU with us, even where no trap runs.
  setpriv --pdeathsig KILL "${qemu[@]}" </dev/null >"$run/qemu" 2>&1 &
  qemu_pid=$!
  tail -s 0.2 -n +1 -f --pid="$qemu_pid" "$run/out" 2>/dev/null &
  tail_pid=$!
  left=$((deadline - SECONDS))
  if ! wait_for_qemu "$((left < boot_seconds ? left : boot_seconds))"; then
    left=$((deadline - SECONDS))
    if [[ ! -e $run/started ]]; then
      status=$((left > 0 ? 1 : 2))
    elif ((left <= 0)) || ! wait_for_qemu "$left"; then
      status=2
    fi
    stop "$qemu_pid"
    qemu_pid=
  fi
  wait "$tail_pid" || true # it ends with QEMU, after the last line
  tail_pid=
  if ((status == 0)) && [[ ! -e $run/started ]]; then status=1; fi
  return "$status"
}
