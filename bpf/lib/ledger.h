/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The books: what a hook saw is delivered, known, limited or dropped, per cgroup and kind, so that
 * nothing is lost without its owner knowing. And the quota: what one cgroup may send in a window, so
 * that nobody's flood takes the room of others.
 */
#ifndef IDTRAIL_BPF_LEDGER_H
#define IDTRAIL_BPF_LEDGER_H

#include "bpf/lib/task.h"

/* Null never, but for the verifier: the loader makes the row of key 0. */
static __always_inline struct cgroup_row *row_of(__u64 cgroup_id)
{
	struct cgroup_row *row = bpf_map_lookup_elem(&cgroups, &cgroup_id);
	__u64 rest = 0;

	return row ? row : bpf_map_lookup_elem(&cgroups, &rest);
}

static __always_inline void count(struct cgroup_row *row, __u32 kind, enum outcome outcome)
{
	__sync_fetch_and_add(&row->counts[kind][outcome], 1);
}

static __always_inline void count_loss(struct cgroup_row *row, __u32 kind, enum outcome outcome)
{
	__u32 key = kind; /* the verifier forgets what is passed by address */
	struct losses *lost = bpf_map_lookup_elem(&losses, &key);

	count(row, kind, outcome);
	if (lost)
		__sync_fetch_and_add(outcome == OUTCOME_LIMITED ? &lost->limited : &lost->dropped,
				     1);
}

/* Without an atomic that returns its value (5.12) two CPUs may both take the last unit: a quota is
 * kept to within a record a CPU. */
static __always_inline bool take(struct bucket *bucket, __u64 now, __u32 quota)
{
	__u64 window = now >> WINDOW_SHIFT;

	if (bucket->window != window) {
		bucket->window = window;
		bucket->spent = 0;
	}
	if (bucket->spent >= quota)
		return false;
	bucket->spent++;
	return true;
}

/* So that a flood does not hide a theft behind it: what this cgroup has not done since the pair was
 * last forgotten gets through while the reserve lasts. */
static __always_inline bool take_reserve(struct cgroup_row *row, __u64 now, __u64 pair, __u32 quota)
{
	__u8 seen = 1;

	if (!pair || bpf_map_lookup_elem(&firsts, &pair) ||
	    !take(&row->reserved_bucket, now, quota))
		return false;
	bpf_map_update_elem(&firsts, &pair, &seen, BPF_ANY);
	return true;
}

/* Before anything that costs. `pair` is a hash of cgroup, subject and object for urgent kinds, and 0
 * for those that have no reserve. What is refused is counted. */
static __always_inline bool admitted(struct cgroup_row *row, __u32 kind, enum ring_name ring,
				     __u64 now, __u64 pair)
{
	const struct control *settings = control_of_agent();

	if (!settings || take(&row->buckets[ring], now, settings->quota[ring]))
		return true;
	if (take_reserve(row, now, pair, settings->reserved_quota))
		return true;
	count_loss(row, kind, OUTCOME_LIMITED);
	return false;
}

/* A credential read is sent. */
static __always_inline void begin_alert(struct cgroup_row *row, __u64 now)
{
	__u32 first = 0;
	__u64 *until = bpf_map_lookup_elem(&alert, &first);

	row->alert_until = now + ALERT_NS;
	if (until)
		*until = now + ALERT_NS;
}

/* Nearly always there is no alert at all, so that is asked first. */
static __always_inline bool on_alert(__u64 cgroup_id, __u64 now)
{
	__u32 first = 0;
	const __u64 *until = bpf_map_lookup_elem(&alert, &first);
	const struct cgroup_row *row;

	if (!until || *until <= now)
		return false;
	row = row_of(cgroup_id);
	return row && row->alert_until > now;
}

#endif /* IDTRAIL_BPF_LEDGER_H */
