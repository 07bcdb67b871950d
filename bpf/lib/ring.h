/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one door through which records leave. It admits, fills the header, and keeps the books: an
 * event that came to the door is delivered, limited or dropped.
 *
 * The sequence number is taken first, also for what is dropped, so that a gap is a loss. It is not
 * atomic (an atomic that returns its value needs 5.12): where the kernel preempts a program between
 * load and store, a number may come twice. That is never a gap, hence never a false loss.
 */
#ifndef IDTRAIL_BPF_RING_H
#define IDTRAIL_BPF_RING_H

#include "bpf/lib/ledger.h"
#include "bpf/lib/owner.h"
#include "bpf/lib/process.h"

/* What a person must hear of at once, or what says where later events belong. */
static __always_inline bool is_urgent(__u32 kind)
{
	switch (kind) {
	case EVENT_cgroup:
	case EVENT_mount:
	case EVENT_exec:
	case EVENT_credential:
	case EVENT_setid:
	case EVENT_capability:
	case EVENT_namespace:
	case EVENT_ptrace:
	case EVENT_mounting:
	case EVENT_bpf:
	case EVENT_module:
	case EVENT_memfd:
	case EVENT_io_uring:
	case EVENT_write:
	case EVENT_http: /* of metadata addresses: it asks for credentials */
	case EVENT_keyfile:
	case EVENT_stack:
		return true;
	default:
		return false;
	}
}

static __always_inline enum ring_name ring_of(__u32 kind)
{
	return is_urgent(kind) ? RING_URGENT : RING_BULK;
}

static __always_inline __u32 next_sequence(enum ring_name ring)
{
	__u32 key = ring;
	__u32 *next = bpf_map_lookup_elem(&sequence, &key);

	return next ? (*next)++ : 0;
}

/* An event at the door. */
struct arrival {
	struct cgroup_row *row; /* null: refused, and counted; or for another set to report */
	__u64 now;
	__u64 cgroup_id;
	__u16 flags; /* enum event_flag */
};

static __always_inline struct arrival event_arrive_in(__u64 cgroup_id)
{
	__u64 now = bpf_ktime_get_boot_ns();

	return (struct arrival){
		.row = reports(now) ? row_of(cgroup_id) : NULL,
		.now = now,
		.cgroup_id = cgroup_id,
	};
}

static __always_inline struct arrival event_arrive(const struct task_struct *task)
{
	return event_arrive_in(cgroup_id(task));
}

static __always_inline void event_ask_quota(struct arrival *arrival, __u32 kind, __u64 pair)
{
	if (pair)
		pair ^= arrival->cgroup_id * MIX;
	if (arrival->row && !admitted(arrival->row, kind, ring_of(kind), arrival->now, pair))
		arrival->row = NULL;
}

/* For kinds whose records cost work to build: ask first. */
static __always_inline struct arrival event_admit(const struct task_struct *task, __u32 kind,
						  __u64 pair)
{
	struct arrival arrival = event_arrive(task);

	event_ask_quota(&arrival, kind, pair);
	return arrival;
}

/* Where it will lie: on the stack there is no room for it. `seq` was taken before there was room. */
static __always_inline void fill_header(struct event_header *to, const struct arrival *arrival,
					const struct task_struct *task, __u32 kind, __u32 size,
					__u32 seq)
{
	__u64 ids = bpf_get_current_pid_tgid();

	*to = (struct event_header){
		.boot_ns = arrival->now,
		.cgroup_id = arrival->cgroup_id,
		.start_boot_ns = start_boot_ns(task),
		.tgid = ids >> 32, /* what user space calls the pid */
		.tid = (__u32)ids,
		.seq = seq,
		.kind = kind,
		.cpu = bpf_get_smp_processor_id(),
		.size = size,
		.ring = ring_of(kind),
		.flags = arrival->flags,
	};
}

/* 1 or 0, without a branch that the verifier would follow each way. */
static __always_inline __u64 is_not_zero(__u64 value)
{
	return (value | -value) >> 63;
}

/* Whose record it is beyond his number. Nobody's row says nothing. */
static __always_inline void tell_process(struct event_header *to)
{
	struct process_row *self = process_row(process_slot(to->tgid, to->start_boot_ns));

	if (!self)
		return;
	self->unheard = 0;
	to->lineage = self->lineage;
	to->tree_start_boot_ns = self->tree_start_boot_ns;
	to->tree_tgid = self->tree_tgid;
	to->flags |= EVENT_MOVED * (is_not_zero(self->cgroup_id ^ to->cgroup_id) &
				    is_not_zero(self->lineage));
}

/* For what another than the current process did: the caller says who. Otherwise as
 * event_take_room(). */
static __always_inline void *event_take_room_of_other(const struct arrival *arrival,
						      const struct task_struct *task, __u32 kind,
						      __u64 size)
{
	struct event_header *event;
	__u32 seq;

	if (!arrival->row)
		return NULL;
	seq = next_sequence(ring_of(kind));
	event = is_urgent(kind) ? bpf_ringbuf_reserve(&urgent, size, 0) :
				  bpf_ringbuf_reserve(&bulk, size, 0);
	if (!event) {
		count_loss(arrival->row, kind, OUTCOME_DROPPED);
		return NULL;
	}
	count(arrival->row, kind, OUTCOME_DELIVERED);
	fill_header(event, arrival, task, kind, size, seq);
	return event;
}

/* For records of constant size, which begin with a struct event_header. The caller writes all of
 * the rest: ring memory is not zeroed. */
static __always_inline void *event_take_room(const struct arrival *arrival,
					     const struct task_struct *task, __u32 kind, __u64 size)
{
	struct event_header *event = event_take_room_of_other(arrival, task, kind, size);

	if (event)
		tell_process(event);
	return event;
}

static __always_inline void *event_reserve(const struct task_struct *task, __u32 kind, __u64 size)
{
	struct arrival arrival = event_admit(task, kind, 0);

	return event_take_room(&arrival, task, kind, size);
}

/* By the kernel's adaptive rule a record wakes the reader if that has read all before it: the first one
 * of a batch. A reader that has not sleeps on neither ring: what is left in one makes poll(2) return. */
static __always_inline void event_submit(void *event, __u32 kind)
{
	bpf_ringbuf_submit(event, 0);
}

/* There is no room to build the record in. Not static: it is rare, and verified once. */
__noinline int event_drop(__u32 kind)
{
	const struct arrival arrival = event_arrive(current_task());

	if (arrival.row && kind < EVENT_KINDS)
		count_loss(arrival.row, kind, OUTCOME_DROPPED);
	return 0;
}

/* For records with a tail, built in the probe's own scratch after event_admit(). */
static __always_inline void event_output(struct event_header *event, const struct arrival *arrival,
					 const struct task_struct *task, __u32 kind, __u32 size)
{
	long failed;

	fill_header(event, arrival, task, kind, size, next_sequence(ring_of(kind)));
	tell_process(event);
	failed = is_urgent(kind) ? bpf_ringbuf_output(&urgent, event, size, 0) :
				   bpf_ringbuf_output(&bulk, event, size, 0);
	if (failed)
		count_loss(arrival->row, kind, OUTCOME_DROPPED);
	else
		count(arrival->row, kind, OUTCOME_DELIVERED);
}

#endif /* IDTRAIL_BPF_RING_H */
