/* SPDX-License-Identifier: GPL-2.0-only */
/* What one hook saw of a system call, kept for the hook that knows how it ended. One entry per
 * thread, in a map of each probe's own; an entry that nobody fetches is the first to go. */
#ifndef IDTRAIL_BPF_PENDING_H
#define IDTRAIL_BPF_PENDING_H

#include "bpf/lib/privilege.h"

#define PENDING_MAX 512

struct pending_use {
	__u64 args[2];
	__u32 op;
	__u32 reserved;
	char name[EVENT_NAME_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, PENDING_MAX);
	__type(key, __u64);
	__type(value, struct pending_use);
} pending SEC(".maps");

static __always_inline void pending_keep(const struct pending_use *use)
{
	__u64 thread = bpf_get_current_pid_tgid();

	bpf_map_update_elem(&pending, &thread, use, BPF_ANY);
}

/* NULL where nothing is pending; valid until pending_drop(). */
static __always_inline const struct pending_use *pending_find(void)
{
	__u64 thread = bpf_get_current_pid_tgid();

	return bpf_map_lookup_elem(&pending, &thread);
}

static __always_inline void pending_drop(void)
{
	__u64 thread = bpf_get_current_pid_tgid();

	bpf_map_delete_elem(&pending, &thread);
}

#endif /* IDTRAIL_BPF_PENDING_H */
