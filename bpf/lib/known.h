/* SPDX-License-Identifier: GPL-2.0-only */
/* Known behaviour never leaves the kernel: it is counted with its verdict, and not sent. */
#ifndef IDTRAIL_BPF_KNOWN_H
#define IDTRAIL_BPF_KNOWN_H

#include "bpf/lib/task.h"
#include "idtrail/behaviour.h"

enum verdict { VERDICT_SEND, VERDICT_SAMPLE, VERDICT_KNOWN };

static __always_inline void behaviour_of(struct behaviour *out, const struct task_struct *task,
					 __u32 kind, const struct file_id *exe)
{
	*out = (struct behaviour){
		.cgroup_id = cgroup_id(task),
		.start_boot_ns = start_boot_ns(task),
		.exe = *exe,
		.tgid = bpf_get_current_pid_tgid() >> 32,
		.kind = kind,
	};
}

/* One in KNOWN_SAMPLE hits is sent all the same, and is on the books as what became of it. */
static __always_inline enum verdict use(__u64 *hits)
{
	__u64 all = (*hits & KNOWN_PENDING) + (*hits >> KNOWN_PENDING_BITS);
	bool sample = all % KNOWN_SAMPLE == KNOWN_SAMPLE - 1;

	__sync_fetch_and_add(hits, sample ? KNOWN_ACCOUNTED : 1);
	return sample ? VERDICT_SAMPLE : VERDICT_KNOWN;
}

static __always_inline enum verdict verdict_on(const struct behaviour *behaviour,
					       const struct control *settings)
{
	__u64 key = behaviour_key(behaviour, settings->secret);
	__u32 index = (key >> 1) % KNOWN_BUCKETS;
	struct known_bucket *bucket = bpf_map_lookup_elem(&known, &index);

	if (!bucket)
		return VERDICT_SEND;
#pragma unroll
	for (int way = 0; way < KNOWN_WAYS; way++) {
		if (bucket->keys[way] == key)
			return use(&bucket->uses[way]);
	}
	return VERDICT_SEND;
}

#endif /* IDTRAIL_BPF_KNOWN_H */
