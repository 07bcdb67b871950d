/* SPDX-License-Identifier: GPL-2.0-only */
/* The record that all privilege classes share: who acts, and how it ended. */
#ifndef IDTRAIL_BPF_PRIVILEGE_H
#define IDTRAIL_BPF_PRIVILEGE_H

#include "bpf/lib/ring.h"

struct privilege_event {
	struct event_header hdr;
	struct privilege_payload privilege;
};

/* NULL for the agent's own acts and where there is no room. The caller adds what its kind names and
 * submits it. */
static __always_inline struct privilege_event *privilege_reserve(__u32 kind, __u16 op, int result)
{
	const struct task_struct *task = current_task();
	const struct task_struct *parent;
	struct privilege_event *event;

	if (from_agent())
		return NULL;
	event = event_reserve(task, kind, sizeof(*event));
	if (!event)
		return NULL;
	parent = TASK_READ(task, real_parent);
	event->privilege = (struct privilege_payload){
		.exe = exe_id(task),
		.parent_start_boot_ns = start_boot_ns(parent),
		.parent_tgid = TASK_READ(parent, tgid),
		.result = result,
		.uid = TASK_READ(task, cred, euid.val),
		.op = op,
	};
	return event;
}

/* Of a pointer that the kernel may have made an error of. By a copy: the verifier allows no
 * arithmetic on a typed pointer. */
static __always_inline int error_of(const void *pointer)
{
	long value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), &pointer);
	return value < 0 && value >= -4095 ? value : 0;
}

#endif /* IDTRAIL_BPF_PRIVILEGE_H */
