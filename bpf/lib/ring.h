/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one door through which records leave. It fills the header and counts what could not be sent.
 *
 * The sequence number is taken first, also for what is lost, so that a gap is a loss. It is not
 * atomic (an atomic that returns its value needs 5.12): where the kernel preempts a program between
 * load and store, a number may come twice. That is never a gap, hence never a false loss.
 */
#ifndef IDTRAIL_BPF_RING_H
#define IDTRAIL_BPF_RING_H

#include "bpf/lib/task.h"

static __always_inline __u32 next_sequence(void)
{
	__u32 first = 0;
	__u32 *next = bpf_map_lookup_elem(&sequence, &first);

	return next ? (*next)++ : 0;
}

static __always_inline void count_drop(__u32 kind)
{
	__u64 *dropped = bpf_map_lookup_elem(&drops, &kind);

	if (dropped)
		__sync_fetch_and_add(dropped, 1);
}

/* Without FORCE an urgent record behind an unread bulk record would wake nobody: the kernel's
 * adaptive rule wakes only for the record that the reader is waiting at. */
static __always_inline __u64 wakeup_of(__u32 kind)
{
	bool bulk = kind == EVENT_fork || kind == EVENT_exit;

	return bulk ? BPF_RB_NO_WAKEUP : BPF_RB_FORCE_WAKEUP;
}

static __always_inline struct event_header header_of(const struct task_struct *task, __u32 kind,
						     __u32 size)
{
	__u64 ids = bpf_get_current_pid_tgid();

	return (struct event_header){
		.boot_ns = bpf_ktime_get_boot_ns(),
		.cgroup_id = cgroup_id(task),
		.start_boot_ns = start_boot_ns(task),
		.tgid = ids >> 32, /* what user space calls the pid */
		.tid = (__u32)ids,
		.seq = next_sequence(),
		.kind = kind,
		.cpu = bpf_get_smp_processor_id(),
		.size = size,
	};
}

/* For records of constant size, which begin with a struct event_header. The caller writes all of
 * the rest: ring memory is not zeroed. */
static __always_inline void *event_reserve(const struct task_struct *task, __u32 kind, __u64 size)
{
	struct event_header header = header_of(task, kind, size);
	struct event_header *event = bpf_ringbuf_reserve(&events, size, 0);

	if (!event) {
		count_drop(kind);
		return NULL;
	}
	*event = header;
	return event;
}

static __always_inline void event_submit(void *event, __u32 kind)
{
	bpf_ringbuf_submit(event, wakeup_of(kind));
}

/* For records with a tail, built in the probe's own scratch. */
static __always_inline void event_output(struct event_header *event,
					 const struct task_struct *task, __u32 kind, __u32 size)
{
	*event = header_of(task, kind, size);
	if (bpf_ringbuf_output(&events, event, size, wakeup_of(kind)))
		count_drop(kind);
}

#endif /* IDTRAIL_BPF_RING_H */
