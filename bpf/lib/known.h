/* SPDX-License-Identifier: GPL-2.0-only */
/* Known behaviour never leaves the kernel: it is counted, and not sent. */
#ifndef IDTRAIL_BPF_KNOWN_H
#define IDTRAIL_BPF_KNOWN_H

#include "bpf/lib/ledger.h"
#include "idtrail/behaviour.h"

enum verdict { VERDICT_SEND, VERDICT_SAMPLE, VERDICT_KNOWN };

static __always_inline void behaviour_of(struct behaviour *out, const struct task_struct *task,
					 __u32 kind, const struct file_id *exe)
{
	*out = (struct behaviour){
		.start_boot_ns = start_boot_ns(task),
		.tgid = bpf_get_current_pid_tgid() >> 32,
		.kind = kind,
		.exe = *exe,
	};
}

/* One in KNOWN_SAMPLE hits is sent all the same. */
static __always_inline enum verdict use(struct known_use *use, __u64 now)
{
	use->last = now >> WINDOW_SHIFT;
	__sync_fetch_and_add(&use->count, 1);
	return bpf_get_prandom_u32() % KNOWN_SAMPLE ? VERDICT_KNOWN : VERDICT_SAMPLE;
}

static __always_inline enum verdict verdict_on(const struct behaviour *behaviour, __u64 now)
{
	const struct control *settings = control_of_agent();
	struct known_bucket *bucket;
	__u32 index;
	__u64 key;

	if (!settings)
		return VERDICT_SEND;
	key = behaviour_key(behaviour, settings->secret);
	index = (key >> 1) % KNOWN_BUCKETS;
	bucket = bpf_map_lookup_elem(&known, &index);
	if (!bucket)
		return VERDICT_SEND;
#pragma unroll
	for (int way = 0; way < KNOWN_WAYS; way++) {
		if (bucket->keys[way] == key)
			return use(&bucket->uses[way], now);
	}
	return VERDICT_SEND;
}

#endif /* IDTRAIL_BPF_KNOWN_H */
