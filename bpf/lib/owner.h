/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether this set of programs is the one that reports. */
#ifndef IDTRAIL_BPF_OWNER_H
#define IDTRAIL_BPF_OWNER_H

#include "bpf/lib/task.h"
#include "idtrail/owner.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* the agent's sign of life costs no system call */
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct owner);
} owner SEC(".maps");

static __always_inline bool reports(__u64 now)
{
	const struct control *settings = control_of_agent();
	__u32 first = 0;
	struct owner *set = bpf_map_lookup_elem(&owner, &first);

	if (!settings || !set || set->epoch != settings->epoch)
		return false;
	/* Signed: the agent may have written it after `now` was taken. */
	if (!set->patience_ns || (__s64)(now - set->alive_boot_ns) <= (__s64)set->patience_ns)
		return true;
	__sync_fetch_and_add(&set->unattended, 1);
	return false;
}

#endif /* IDTRAIL_BPF_OWNER_H */
