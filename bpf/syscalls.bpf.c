// SPDX-License-Identifier: GPL-2.0-only
/* Hook: the sys_enter tracepoint, the one place that every system call passes. Not one hook for each:
 * that is hundreds of programs, and none for a call that a later kernel has. It taxes every call of
 * every process, so it is off unless asked for, and nearly all calls end after one look at the set of
 * their cgroup. */
#include "bpf/lib/ring.h"
#include "idtrail/syscalls.h"

struct syscall_event {
	struct event_header hdr;
	struct syscall_payload syscall;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SYSCALL_ROWS * SYSCALL_WORDS);
	__type(key, __u32);
	__type(value, __u64);
} syscall_sets SEC(".maps");

/* Whether containers are named by the unified hierarchy: a variable of the program's own, since each
 * call asks, and a look into `control` costs four times as much. Who looks closer keeps it true. */
static volatile __u32 unified;

static __always_inline volatile __u64 *word_of(__u64 serial, __u32 way, __u32 member)
{
	__u32 key = syscall_word(syscall_row(serial, way), member);

	return bpf_map_lookup_elem(&syscall_sets, &key);
}

/* Of the cgroup that names the container: see cgroup_id(). Not its id, which lies one load further. */
static __always_inline __u64 serial_of(const struct task_struct *task)
{
	const struct control *settings = control_of_agent();

	unified = !settings || settings->container_cgroup == CGROUP_UNIFIED;
	if (settings && settings->container_cgroup != CGROUP_UNIFIED) {
		const struct cgroup *cgrp = cgroup_v1(task, settings->container_cgroup);

		return BPF_CORE_READ(cgrp, self.serial_nr);
	}
	return TASK_READ(task, cgroups, dfl_cgrp, self.serial_nr);
}

/* Not by the program's code segment: the old gate is open to 64-bit programs too. */
static __always_inline bool is_32bit(const struct task_struct *task, bool typed)
{
	if (bpf_core_field_exists(task->thread_info.status))
		return READ(typed, task, thread_info.status) & TS_COMPAT;
	return READ(typed, task, thread_info.flags) & TIF_32BIT;
}

static __always_inline struct syscall_counts *counts_now(void)
{
	__u32 first = 0;

	return bpf_map_lookup_elem(&syscall_counts, &first);
}

static __always_inline void count_larger(void)
{
	struct syscall_counts *counts = counts_now();

	if (counts)
		__sync_fetch_and_add(&counts->larger, 1);
}

static __always_inline __u32 member_of(const struct task_struct *task, __u32 number)
{
	__u32 table = SYSCALLS_NATIVE;

	if (is_32bit(task, tasks_are_typed())) {
		table = SYSCALLS_32BIT;
	} else if (number & SYSCALL_X32_BIT) {
		table = SYSCALLS_X32;
		number &= ~SYSCALL_X32_BIT;
	}
	if (number >= SYSCALL_LARGER)
		count_larger();
	return syscall_member(table, number);
}

/* Where the member's flag is to stand: in a word of the cgroup's own, else in one of nobody's, else in
 * another's. SYSCALL_WAYS: it stands there already. Not static: verified once. */
__noinline __u32 way_for(__u64 serial, __u32 member)
{
	__u32 tag = syscall_tag(serial);
	__u32 own = SYSCALL_WAYS;
	__u32 none = SYSCALL_WAYS;

#pragma unroll
	for (__u32 way = 0; way < SYSCALL_WAYS; way++) {
		volatile __u64 *at = word_of(serial, way, member);
		__u64 word = at ? *at : 0;

		if (syscall_has(word, tag, member))
			return SYSCALL_WAYS;
		if (word && syscall_is_of(word, tag) && own == SYSCALL_WAYS)
			own = way;
		if (!word && none == SYSCALL_WAYS)
			none = way;
	}
	if (own < SYSCALL_WAYS)
		return own;
	return none < SYSCALL_WAYS ? none : 0;
}

/* Plain, since an atomic OR needs 5.12: of two flags that are written at once one may be lost, and its
 * call is told again. */
static __always_inline void keep(__u64 serial, __u32 way, __u32 member)
{
	volatile __u64 *at = word_of(serial, way, member);
	struct syscall_counts *counts = counts_now();
	__u32 tag = syscall_tag(serial);
	__u64 word;

	if (!at || !counts)
		return;
	word = *at;
	if (word && !syscall_is_of(word, tag))
		__sync_fetch_and_add(&counts->evicted, 1);
	*at = syscall_with(word, tag, member);
}

static __always_inline bool send(const struct task_struct *task, __u32 member, __u32 asked)
{
	struct arrival arrival = event_admit(task, EVENT_syscalls, 0);
	const struct task_struct *parent;
	struct syscall_event *event;

	event = event_take_room(&arrival, task, EVENT_syscalls, sizeof(*event));
	if (!event)
		return false;
	parent = TASK_READ(task, real_parent);
	event->syscall = (struct syscall_payload){
		.exe = exe_id(task),
		.parent_start_boot_ns = start_boot_ns(parent),
		.parent_tgid = TASK_READ(parent, tgid),
		.number = member % SYSCALL_NUMBERS,
		.asked = asked,
		.table = member / SYSCALL_NUMBERS,
	};
	event_submit(event, EVENT_syscalls);
	return true;
}

/* A call that could not be sent is on the books as lost, and no member: it is sent when it is made
 * again. Not static, so that nearly all calls need not save the registers that it uses. */
__noinline int look_closer(__u32 number)
{
	const struct task_struct *task = current_task();
	__u64 serial = serial_of(task);
	__u32 member = member_of(task, number);
	__u32 way = way_for(serial, member);

	if (way < SYSCALL_WAYS && !from_agent() && send(task, member, number))
		keep(serial, way, member);
	return 0;
}

SEC("?tp_btf/sys_enter")
int BPF_PROG(enter_tp, const struct pt_regs *registers, unsigned long number)
{
	const struct task_struct *task;
	volatile __u64 *at;
	__u64 serial;

	if (!tasks_are_typed() || number >= SYSCALL_LARGER || !unified)
		return look_closer(number);
	task = bpf_get_current_task_btf();
	if (is_32bit(task, true))
		return look_closer(number);
	serial = task->cgroups->dfl_cgrp->self.serial_nr;
	at = word_of(serial, 0, number);
	if (at && syscall_has(*at, syscall_tag(serial), number))
		return 0;
	return look_closer(number);
}

/* A cgroup's words go with it: no process of it is left to call. */
__noinline int forget(__u64 serial, __u32 way)
{
	__u32 tag = syscall_tag(serial);

	for (__u32 word = 0; word < SYSCALL_WORDS; word++) {
		volatile __u64 *at = word_of(serial, way, word * SYSCALL_FLAGS);

		if (at && syscall_is_of(*at, tag))
			*at = 0;
	}
	return 0;
}

SEC("?tp_btf/cgroup_rmdir")
int BPF_PROG(removed_tp, struct cgroup *cgrp)
{
	__u64 serial = cgrp->self.serial_nr;

	for (__u32 way = 0; way < SYSCALL_WAYS; way++)
		forget(serial, way);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
