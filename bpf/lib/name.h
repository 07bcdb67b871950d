/* SPDX-License-Identifier: GPL-2.0-only */
/* Records that carry bytes off the network, from which the reader takes a name. */
#ifndef IDTRAIL_BPF_NAME_H
#define IDTRAIL_BPF_NAME_H

#include "bpf/lib/ring.h"

#define RAW_MASK (2 * EVENT_RAW_MAX - 1) /* a power of two above EVENT_RAW_MAX; for the verifier */

struct name_event {
	struct event_header hdr;
	struct name_payload name;
	__u8 raw[RAW_MASK + 1];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 3); /* one for each program of a way: they may interleave */
	__type(key, __u32);
	__type(value, struct name_event);
} scratch SEC(".maps");

/* Fills who acts. NULL where the quota is spent; then arrival is of no use. */
static __always_inline struct name_event *name_admit(struct arrival *arrival,
						     const struct task_struct *task, __u32 kind,
						     const struct file_id *object, __u32 slot)
{
	const struct task_struct *parent = TASK_READ(task, real_parent);
	struct file_id exe = exe_id(task);
	struct name_event *event;

	*arrival = event_admit(task, kind, object ? pair_of(&exe, object) : 0);
	event = bpf_map_lookup_elem(&scratch, &slot);
	if (!arrival->row || !event)
		return NULL;
	event->name = (struct name_payload){
		.exe = exe,
		.parent_start_boot_ns = start_boot_ns(parent),
		.parent_tgid = TASK_READ(parent, tgid),
		.flags = NAME_RAW,
	};
	return event;
}

/* How many of so many bytes go into the record. */
static __always_inline __u32 name_bounded(struct name_event *event, __u32 bytes, __u32 max)
{
	if (bytes > max) {
		event->name.flags |= NAME_CUT;
		bytes = max;
	}
	return bytes & RAW_MASK;
}

static __always_inline void name_output(struct name_event *event, const struct arrival *arrival,
					const struct task_struct *task, __u32 kind, __u32 bytes)
{
	event->name.name_size = bytes;
	event_output(&event->hdr, arrival, task, kind,
		     sizeof(event->hdr) + sizeof(event->name) + (bytes & RAW_MASK));
}

#endif /* IDTRAIL_BPF_NAME_H */
