/* SPDX-License-Identifier: GPL-2.0-only */
/* Where in its program a process stands, for those whom a finding sends to look. */
#ifndef IDTRAIL_BPF_STACK_H
#define IDTRAIL_BPF_STACK_H

#include "bpf/lib/ring.h"

struct stack_event {
	struct event_header hdr;
	struct stack_payload stack;
};

/* After the record that `arrival` was of was sent. Addresses only: what they mean is found out for a
 * finding, not for every read. Without room there is none. */
static __always_inline void event_add_stack(void *ctx, const struct arrival *arrival,
					    const struct task_struct *task)
{
	const struct control *settings = control_of_agent();
	struct stack_event *event;
	long bytes;

	if (!settings || !settings->stacks)
		return;
	event = bpf_ringbuf_reserve(&urgent, sizeof(*event), 0);
	if (!event)
		return;
	fill_header(&event->hdr, arrival, task, EVENT_stack, sizeof(*event),
		    next_sequence(RING_URGENT));
	event->stack = (struct stack_payload){};
	bytes = bpf_get_stack(ctx, event->stack.addresses, sizeof(event->stack.addresses),
			      BPF_F_USER_STACK);
	if (bytes > 0)
		event->stack.frames = bytes / sizeof(event->stack.addresses[0]);
	event_submit(event, EVENT_stack);
}

#endif /* IDTRAIL_BPF_STACK_H */
