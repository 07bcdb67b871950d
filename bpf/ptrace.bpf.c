// SPDX-License-Identifier: GPL-2.0-only
/* Hooks: the exit of __ptrace_may_access, the one place that decides whether a process may reach
 * into another, with the result; and of security_ptrace_traceme. Not security_ptrace_access_check:
 * the former calls it only when ids and capabilities agree, so most refusals pass it by. Not the
 * system calls: they are many, and /proc/PID/mem is a plain open.
 *
 * Of the modes only ATTACH: ptrace(ATTACH, SEIZE), process_vm_readv/writev, pidfd_getfd and
 * /proc/PID/mem ask for it. READ is what ps, top and every look at /proc/PID/{exe,fd,maps,ns} ask
 * for, many times a second. A process on itself is not even asked. */
#include "bpf/lib/privilege.h"

static __always_inline int emit_ptrace(__u16 op, struct task_struct *target, __u32 mode,
				       int result)
{
	struct privilege_event *event;

	if ((__u32)target->tgid == (__u32)(bpf_get_current_pid_tgid() >> 32))
		return 0;
	event = privilege_reserve(EVENT_ptrace, op, result);
	if (!event)
		return 0;
	event->privilege.flags = mode;
	event->privilege.target_tgid = target->tgid;
	event->privilege.args[0] = start_boot_ns(target);
	event->privilege.args[1] = cgroup_id(target);
	bpf_probe_read_kernel_str(event->privilege.name, TASK_COMM_LEN,
				  target->group_leader->comm);
	event_submit(event, EVENT_ptrace);
	return 0;
}

SEC("?fexit/__ptrace_may_access")
int BPF_PROG(access_fexit, struct task_struct *target, unsigned int mode, int result)
{
	if (!(mode & PTRACE_MODE_ATTACH) || mode & PTRACE_MODE_NOAUDIT)
		return 0;
	return emit_ptrace(PTRACE_ACCESS, target, mode, result);
}

SEC("?fexit/security_ptrace_traceme")
int BPF_PROG(offer_fexit, struct task_struct *parent, int result)
{
	return emit_ptrace(PTRACE_OFFER, parent, 0, result);
}

char LICENSE[] SEC("license") = "GPL";
