// SPDX-License-Identifier: GPL-2.0-only
/* Hooks: the io_uring_create tracepoint, which has entries and flags as the kernel took them, and
 * the exit of io_uring_setup for what failed. Not the system call: there the flags are still the
 * caller's to change. What kernel.io_uring_disabled forbids does not come this far. */
#include "bpf/lib/privilege.h"

static __always_inline int emit_io_uring(__u32 submissions, __u32 completions, __u32 flags,
					 int result)
{
	struct privilege_event *event =
		privilege_reserve(EVENT_io_uring, IO_URING_SETUP, result);

	if (!event)
		return 0;
	event->privilege.flags = flags;
	event->privilege.args[0] = submissions;
	event->privilege.args[1] = completions;
	event_submit(event, EVENT_io_uring);
	return 0;
}

SEC("?tp_btf/io_uring_create")
int BPF_PROG(made_fexit, int fd, const void *ring, __u32 submissions, __u32 completions,
	     __u32 flags)
{
	return emit_io_uring(submissions, completions, flags, 0);
}

SEC("?fexit/io_uring_setup")
int BPF_PROG(failed_fexit, __u32 entries, const void *parameters, long result)
{
	return result < 0 ? emit_io_uring(entries, 0, 0, result) : 0;
}

char LICENSE[] SEC("license") = "GPL";
