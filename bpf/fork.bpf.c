// SPDX-License-Identifier: GPL-2.0-only
/* Hook: the sched_process_fork tracepoint: after the child has its ids, cgroup and start time, and
 * before it runs. Not security_task_alloc: the child has no pid yet and may still fail to be made.
 * Not wake_up_new_task: it does not know the parent. */
#include "bpf/lib/known.h"
#include "bpf/lib/ring.h"

struct fork_event {
	struct event_header hdr;
	struct fork_payload fork;
};

/* The child runs its parent's program and descends from it. Where the parent was moved and has run
 * nothing since, so has the child: its exec will show whence it came. */
static __always_inline void inherit(const struct process_row *from, const struct task_struct *child,
				    __u32 unheard)
{
	struct process_row *row = process_row(free_slot(child->tgid));
	const struct file *exe = (const struct file *)from->exe;
	struct process one = process_in(from);
	__u64 start = child->start_boottime;
	__u32 tgid = child->tgid;

	if (!row || one.tgid != bpf_get_current_pid_tgid() >> 32 || from->check != CHECK_OF(&one))
		return; /* the parent has lost its row this moment */
	/* Or the compiler makes one load of the child's and the row's, which the verifier refuses. */
	barrier_var(start);
	barrier_var(tgid);
	if (one.marks & PROCESS_ROOT) {
		one.tree_start_boot_ns = start;
		one.tree_tgid = tgid;
	}
	one.start_boot_ns = start;
	one.tgid = tgid;
	one.ancestor = one.lineage;
	one.marks &= PROCESS_HOST_MNTNS;
	write_row(row, &one, exe, unheard);
}

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(fork_tp, struct task_struct *parent, struct task_struct *child)
{
	const struct control *settings = control_of_agent();
	const struct process_row *self;
	struct behaviour behaviour;
	struct fork_event *event;
	struct arrival arrival;
	enum verdict verdict;
	__u64 child_cgroup;

	if (child->pid != child->tgid || !settings || is_agent(settings))
		return 0;
	child_cgroup = cgroup_id(child);
	self = own_row_now();
	if (!self)
		return 0;
	behaviour_of(&behaviour, parent, EVENT_fork, self->lineage);
	fork_object(&behaviour, child_cgroup);
	verdict = verdict_on(&behaviour, settings);
	inherit(self, child, verdict == VERDICT_KNOWN ? unheard_by(settings) : 0);
	if (verdict == VERDICT_KNOWN)
		return 0;
	arrival = event_admit_judged(behaviour.cgroup_id, EVENT_fork, 0, verdict);
	event = event_take_room(&arrival, parent, EVENT_fork, sizeof(*event));
	if (!event)
		return 0;
	event->fork = (struct fork_payload){
		.child_start_boot_ns = child->start_boottime,
		.child_cgroup_id = child_cgroup,
		.child_tgid = child->tgid,
	};
	event_submit(event, EVENT_fork);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
