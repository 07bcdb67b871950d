/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TCP connections that are open, by the address of their socket, with who opened each: the end often
 * comes in an interrupt or in another process. The probes of connect and accept write a row, that of
 * flow takes it away.
 *
 * No lock and no allocation. A place is taken by adding 1 to its claims: whoever then reads 1 has it,
 * and whoever reads more takes that back. So a row has one owner at a time, without an atomic that
 * returns its value (5.12). The row is written before the socket's address is, and belongs to that
 * connection until its end. Where a bucket is full the connection is not followed: its record is
 * dropped, and is on the books as that.
 */
#ifndef IDTRAIL_BPF_FLOW_H
#define IDTRAIL_BPF_FLOW_H

#include "bpf/lib/inet.h"
#include "bpf/lib/ring.h"

/* By the lower half of its address: the verifier lets a program do nothing else with a typed pointer
 * than compare it and keep it. */
static __always_inline __u32 flow_index(const struct sock *sk)
{
	__u32 low;

	asm volatile("%0 = %1" : "=w"(low) : "w"((__u32)(__u64)sk)); /* the compiler shifts */
	_Static_assert(FLOW_BUCKETS == 1 << 11, "the index has as many bits");
	return low * 0x9E3779B1U >> 21;
}

static __always_inline struct flow_bucket *flow_bucket(__u32 index)
{
	return bpf_map_lookup_elem(&flow_buckets, &index);
}

static __always_inline struct flow_row *flow_row(__u32 slot)
{
	return bpf_map_lookup_elem(&flow_rows, &slot);
}

static __always_inline void count_flow(bool begins)
{
	__u32 first = 0;
	struct flow_counts *counts = bpf_map_lookup_elem(&flow_counts, &first);

	if (counts)
		__sync_fetch_and_add(begins ? &counts->begun : &counts->ended, 1);
}

/* The place of this socket's connection; FLOW_NONE where none is kept. */
static __always_inline __u32 flow_slot(const struct sock *sk)
{
	__u32 index = flow_index(sk);
	const struct flow_bucket *bucket = flow_bucket(index);

	if (!bucket)
		return FLOW_NONE;
#pragma unroll
	for (int way = 0; way < FLOW_WAYS; way++) {
		if (bucket->sockets[way] == (__u64)sk)
			return index * FLOW_WAYS + way;
	}
	return FLOW_NONE;
}

/* A place in that bucket that is nobody else's from now on; FLOW_NONE where there is none. Not
 * static: see process_slot(). */
__noinline __u32 claim_slot(__u32 index)
{
	struct flow_bucket *bucket = flow_bucket(index);

	if (!bucket)
		return FLOW_NONE;
#pragma unroll
	for (int way = 0; way < FLOW_WAYS; way++) {
		volatile __u32 *claims = &bucket->claims[way];

		if (*claims)
			continue;
		__sync_fetch_and_add(&bucket->claims[way], 1);
		if (*claims == 1)
			return index * FLOW_WAYS + way;
		__sync_fetch_and_add(&bucket->claims[way], -1);
	}
	return FLOW_NONE;
}

/* The row is complete: whoever looks for the socket finds it. */
static __always_inline void publish_slot(__u32 slot, const struct sock *sk)
{
	struct flow_bucket *bucket = flow_bucket(slot / FLOW_WAYS);

	if (!bucket)
		return;
	barrier();
	*(volatile __u64 *)&bucket->sockets[slot % FLOW_WAYS] = (__u64)sk;
	count_flow(true);
}

/* Whoever had it reads the row no more. Not static, or the verifier would follow all that comes after
 * a search once for each way. */
__noinline int release_slot(__u32 slot)
{
	struct flow_bucket *bucket = flow_bucket(slot / FLOW_WAYS);

	if (!bucket)
		return 0;
	*(volatile __u64 *)&bucket->sockets[slot % FLOW_WAYS] = 0;
	barrier();
	__sync_fetch_and_add(&bucket->claims[slot % FLOW_WAYS], -1);
	count_flow(false);
	return 0;
}

/* With the current process, which has that place among the processes and stands in that cgroup. False
 * where there is no such row. Not static: see process_slot(). */
__noinline int fill_flow_row(__u32 slot, __u32 process, __u64 cgroup_id, __u64 now, __u32 flags)
{
	const struct task_struct *task = current_task();
	const struct task_struct *parent = TASK_READ(task, real_parent);
	const struct process_row *self = process_row(process);
	struct flow_row *row = flow_row(slot);

	if (!self || !row)
		return false;
	row->boot_ns = now;
	row->told_bytes = 0;
	row->cgroup_id = cgroup_id;
	row->start_boot_ns = self->start_boot_ns;
	row->lineage = self->lineage;
	row->tree_start_boot_ns = self->tree_start_boot_ns;
	row->parent_start_boot_ns = start_boot_ns(parent);
	row->exe = exe_id(task);
	row->tgid = self->tgid;
	row->tid = (__u32)bpf_get_current_pid_tgid();
	row->tree_tgid = self->tree_tgid;
	row->parent_tgid = TASK_READ(parent, tgid);
	row->flags = flags;
	row->event_flags = EVENT_MOVED * is_not_zero(self->cgroup_id ^ cgroup_id);
	return true;
}

/* The current process has made this connection, or taken it. A socket that connects anew without
 * its former end having been seen begins anew. */
static __always_inline void flow_begins(const struct sock *sk, __u32 process, __u64 cgroup_id,
					__u64 now, __u32 flags)
{
	__u32 slot = flow_slot(sk);

	if (slot != FLOW_NONE) {
		fill_flow_row(slot, process, cgroup_id, now, flags);
		return;
	}
	slot = claim_slot(flow_index(sk));
	if (fill_flow_row(slot, process, cgroup_id, now, flags))
		publish_slot(slot, sk);
	else
		event_drop(EVENT_flow);
}

#endif /* IDTRAIL_BPF_FLOW_H */
