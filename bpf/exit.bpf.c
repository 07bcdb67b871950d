// SPDX-License-Identifier: GPL-2.0-only
/* Hook: disassociate_ctty(1), which do_exit() calls once per process, for its last thread. Not
 * sched_process_exit: it fires per thread, and two threads leaving together can both read
 * signal->live == 0, so one process would end twice. It is the twin for kernels without
 * CONFIG_TTY. */
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

static __always_inline int emit_exit(void)
{
	const struct task_struct *task = current_task();
	struct exit_event *event;

	if (from_agent())
		return 0;
	event = event_reserve(task, EVENT_exit, sizeof(*event));
	if (!event)
		return 0;
	event->exit = (struct exit_payload){ .exit_code = exit_code_of(task) };
	event_submit(event, EVENT_exit);
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
