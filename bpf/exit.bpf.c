// SPDX-License-Identifier: GPL-2.0-only
/* Hook: disassociate_ctty(1), which do_exit() calls once per process, for its last thread. Not
 * sched_process_exit: it fires per thread, and two threads leaving together can both read
 * signal->live == 0, so one process would end twice. It is the twin for kernels without
 * CONFIG_TTY. */
#include "bpf/lib/known.h"
#include "bpf/lib/ring.h"

struct exit_event {
	struct event_header hdr;
	struct exit_payload exit;
};

/* As wait(2) takes it: one code for the group once a thread has ended all, else the leader's. */
static __always_inline int exit_code_of(const struct task_struct *task)
{
	const struct signal_struct *signal = TASK_READ(task, signal);

	if (TASK_READ(signal, flags) & SIGNAL_GROUP_EXIT)
		return TASK_READ(signal, group_exit_code);
	return TASK_READ(task, group_leader, exit_code);
}

/* By what became of its lineage. An end that user space waits for, having heard of the process, is
 * known to nobody. */
static __always_inline enum verdict verdict_on_end(const struct task_struct *task,
						   const struct process_row *self,
						   const struct control *settings)
{
	struct behaviour behaviour;

	if (!self || self->unheard != unheard_by(settings))
		return VERDICT_SEND;
	behaviour_of(&behaviour, task, EVENT_exit, self->lineage);
	return verdict_on(&behaviour, settings);
}

static __always_inline int emit_exit(void)
{
	const struct control *settings = control_of_agent();
	const struct task_struct *task = current_task();
	struct process_row *self;
	struct exit_event *event;
	struct arrival arrival;
	enum verdict verdict;

	if (!settings || is_agent(settings))
		return 0;
	self = own_row(task);
	verdict = verdict_on_end(task, self, settings);
	if (verdict != VERDICT_KNOWN) {
		arrival = event_admit_judged(cgroup_id(task), EVENT_exit, 0, verdict);
		event = event_take_room(&arrival, task, EVENT_exit, sizeof(*event));
		if (event) {
			event->exit = (struct exit_payload){ .exit_code = exit_code_of(task) };
			event_submit(event, EVENT_exit);
		}
	}
	if (self)
		self->start_boot_ns = 0;
	return 0;
}

SEC("?fentry/disassociate_ctty")
int BPF_PROG(exit_fentry, int on_exit)
{
	return on_exit ? emit_exit() : 0;
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(exit_tp, struct task_struct *task)
{
	return task->signal->live.counter ? 0 : emit_exit();
}

char LICENSE[] SEC("license") = "GPL";
