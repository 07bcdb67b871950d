// SPDX-License-Identifier: GPL-2.0-only
/* Hook: the sched_process_fork tracepoint: after the child has its ids, cgroup and start time, and
 * before it runs. Not security_task_alloc: the child has no pid yet and may still fail to be made.
 * Not wake_up_new_task: it does not know the parent. */
#include "bpf/lib/ring.h"

struct fork_event {
	struct event_header hdr;
	struct fork_payload fork;
};

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(fork_tp, struct task_struct *parent, struct task_struct *child)
{
	struct fork_event *event;

	if (child->pid != child->tgid || from_agent())
		return 0;
	event = event_reserve(parent, EVENT_fork, sizeof(*event));
	if (!event)
		return 0;
	event->fork = (struct fork_payload){
		.child_start_boot_ns = child->start_boottime,
		.child_cgroup_id = cgroup_id(child),
		.child_tgid = child->tgid,
	};
	event_submit(event, EVENT_fork);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
