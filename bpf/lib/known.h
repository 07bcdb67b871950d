/* SPDX-License-Identifier: GPL-2.0-only */
/* Known behaviour never leaves the kernel: it is counted with its verdict, and not sent. */
#ifndef IDTRAIL_BPF_KNOWN_H
#define IDTRAIL_BPF_KNOWN_H

#include "bpf/lib/process.h"
#include "bpf/lib/ring.h"
#include "idtrail/behaviour.h"

enum verdict { VERDICT_SEND, VERDICT_SAMPLE, VERDICT_KNOWN };

/* Of the current task, whose lineage it is; the object is still to come. */
static __always_inline void behaviour_of(struct behaviour *out, const struct task_struct *task,
					 __u32 kind, __u64 lineage)
{
	*out = (struct behaviour){
		.cgroup_id = cgroup_id(task),
		.lineage = lineage,
		.kind = kind,
	};
}

#define MEMOS 256 /* a power of two */

/* Keys that were worked out on this CPU, since the hash is the dearest part of a known event and most of
 * them come again and again. Programs of one CPU may interleave: `version` is odd while one writes. */
struct memo {
	struct behaviour of;
	__u64 secret; /* the agent's at that time */
	__u64 key;
	__u64 version;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MEMOS);
	__type(key, __u32);
	__type(value, struct memo);
} memos SEC(".maps");

static __always_inline bool is_same(const struct behaviour *one, const struct behaviour *other)
{
	const __u64 *a = (const __u64 *)one, *b = (const __u64 *)other;

	__u64 different = 0;

	/* Without a branch for each word, which the verifier would follow each by itself. */
#pragma unroll
	for (unsigned int i = 0; i < sizeof(*one) / sizeof(*a); i++)
		different |= a[i] ^ b[i];
	return !different;
}

/* 0 where it is not there, or was overwritten meanwhile. */
static __always_inline __u64 recall(const struct memo *memo, const struct behaviour *one,
				    __u64 secret)
{
	const volatile __u64 *version = &memo->version;
	__u64 before = *version, key;

	barrier();
	if (before & 1 || memo->secret != secret || !is_same(&memo->of, one))
		return 0;
	key = memo->key;
	barrier();
	return *version == before ? key : 0;
}

/* Not static: see process_slot(). */
__noinline __u64 hash_memo(__u32 index)
{
	const struct control *settings = control_of_agent();
	struct memo *memo = bpf_map_lookup_elem(&memos, &index);

	if (!memo || !settings)
		return 0;
	memo->key = behaviour_key(&memo->of, settings->secret);
	return memo->key;
}

static __always_inline __u64 remember_key(struct memo *memo, __u32 index,
					  const struct behaviour *one, __u64 secret)
{
	volatile __u64 *version = &memo->version;
	__u64 before = *version, key;

	if (before & 1)
		return 0; /* no key: what came in between is sent */
	*version = before + 1;
	barrier();
	memo->of = *one;
	memo->secret = secret;
	key = hash_memo(index);
	barrier();
	*version = before + 2;
	return key;
}

static __always_inline __u64 key_of(const struct behaviour *one, const struct control *settings)
{
	__u32 index = ((one->lineage ^ one->object[0] ^ one->object[2] ^ one->kind) * MIX) >> 56;
	struct memo *memo;
	__u64 key;

	if (is_of_lineage(one->kind))
		return lineage_key(one);
	memo = bpf_map_lookup_elem(&memos, &index);
	if (!memo)
		return 0;
	key = recall(memo, one, settings->secret[0]);
	return key ? key : remember_key(memo, index, one, settings->secret[0]);
}

/* One in KNOWN_SAMPLE hits is sent all the same, and is on the books as what became of it. */
static __always_inline enum verdict use(__u64 *hits)
{
	__u64 all = (*hits & KNOWN_PENDING) + (*hits >> KNOWN_PENDING_BITS);
	bool sample = all % KNOWN_SAMPLE == KNOWN_SAMPLE - 1;

	__sync_fetch_and_add(hits, sample ? KNOWN_ACCOUNTED : 1);
	return sample ? VERDICT_SAMPLE : VERDICT_KNOWN;
}

/* Of what is only counted, so are its bytes: a connection's. Not static: see process_slot(). */
__noinline int verdict_of(__u64 key, __u64 sent, __u64 received)
{
	__u32 index = (key >> 1) % KNOWN_BUCKETS;
	struct known_bucket *bucket = bpf_map_lookup_elem(&known, &index);
	enum verdict verdict;

	if (!bucket || !key) /* 0 marks the places that are free */
		return VERDICT_SEND;
#pragma unroll
	for (int way = 0; way < KNOWN_WAYS; way++) {
		if (bucket->keys[way] != key)
			continue;
		verdict = use(&bucket->uses[way]);
		if (verdict == VERDICT_KNOWN && sent | received) {
			__sync_fetch_and_add(&bucket->bytes_sent[way], sent);
			__sync_fetch_and_add(&bucket->bytes_received[way], received);
		}
		return verdict;
	}
	return VERDICT_SEND;
}

static __always_inline enum verdict verdict_on(const struct behaviour *behaviour,
					       const struct control *settings)
{
	return verdict_of(key_of(behaviour, settings), 0, 0);
}

/* What is not known comes to the door. `pair` as event_ask_quota() wants it. Reads of credentials say the
 * same by themselves: on 5.10 their programs have no stack left for it. */
static __always_inline struct arrival event_admit_judged(__u64 cgroup_id, __u32 kind, __u64 pair,
							 enum verdict verdict)
{
	struct arrival arrival = event_arrive_in(cgroup_id);

	if (verdict == VERDICT_SAMPLE)
		arrival.flags |= EVENT_SAMPLED;
	event_ask_quota(&arrival, kind, pair);
	return arrival;
}

#endif /* IDTRAIL_BPF_KNOWN_H */
