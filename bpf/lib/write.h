/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes to sensitive places. Opens are seen by the program of credential.bpf.c, since one more
 * program on the hook that every open passes costs more than all that an ordinary open is asked.
 */
#ifndef IDTRAIL_BPF_WRITE_H
#define IDTRAIL_BPF_WRITE_H

#include "bpf/lib/path.h"
#include "bpf/lib/place.h"
#include "bpf/lib/ring.h"

struct write_event {
	struct event_header hdr;
	struct write_payload write;
	char path[EVENT_PATH_MAX];
};

struct write_scratch {
	__u64 file; /* of an open: a pointer; by way of a map it is a number to the verifier */
	struct write_event event;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WALKS);
	__type(key, __u32);
	__type(value, struct write_scratch);
} write_room SEC(".maps");

/* What is done to which name. */
struct act {
	const struct vfsmount *mnt;
	const struct dentry *dentry;
	__u32 op; /* enum write_op */
	__u32 flags;
	__u32 open_flags;
};

/* `slot`: of a walk that was entered. */
static __always_inline int emit_write(const struct act *act, __u32 place, __u32 slot)
{
	const struct dentry *dentry = act->dentry;
	const struct inode *inode = BPF_CORE_READ(dentry, d_inode);
	const struct task_struct *task = current_task();
	const struct task_struct *parent = TASK_READ(task, real_parent);
	struct write_scratch *out;
	struct arrival arrival;
	struct written path;

	if (from_agent())
		return 0;
	out = bpf_map_lookup_elem(&write_room, &slot);
	if (!out)
		return 0;
	arrival = event_admit(task, EVENT_write, 0);
	if (!arrival.row)
		return 0;
	out->event.write = (struct write_payload){
		.exe = exe_id(task),
		.parent_start_boot_ns = start_boot_ns(parent),
		.parent_tgid = TASK_READ(parent, tgid),
		.open_flags = act->open_flags,
		.flags = act->flags,
		.op = act->op,
		.place = place,
	};
	if (inode)
		out->event.write.file = file_id(inode);
	path = write_path(out->event.path, slot, act->mnt, dentry);
	if (path.cut)
		out->event.write.flags |= WRITE_PATH_CUT;
	out->event.write.path_size = path.size;
	event_output(&out->event.hdr, &arrival, task, EVENT_write,
		     sizeof(out->event.hdr) + sizeof(out->event.write) + path.size);
	return 0;
}

/* The file lies in the room that was entered. Verified once and not for each way that leads here. overlayfs opens the
 * file below once more: no act of the caller. */
__noinline int open_to_write(__u32 slot)
{
	__u32 place;
	const struct dentry *dentry; /* CO-RE would look for `act` in the kernel */
	struct act act = { .op = WRITE_OPEN };
	struct write_scratch *room;
	const struct file *file;

	room = bpf_map_lookup_elem(&write_room, &slot);
	if (!room)
		return 0;
	file = (const void *)room->file;
	dentry = BPF_CORE_READ(file, f_path.dentry);
	place = place_of(dentry);
	if (!place || BPF_CORE_READ(dentry, d_inode) != BPF_CORE_READ(file, f_inode))
		return 0;
	act.dentry = dentry;
	act.mnt = BPF_CORE_READ(file, f_path.mnt);
	if (is_internal(act.mnt))
		return 0;
	act.open_flags = BPF_CORE_READ(file, f_flags);
	return emit_write(&act, place, slot);
}

/* The file may be written to. Whether that matters is asked in the room only, so what finds none counts
 * as lost. */
static __always_inline void on_open_to_write(const struct file *file)
{
	__u32 slot = enter_walk();
	struct write_scratch *room = bpf_map_lookup_elem(&write_room, &slot);

	if (!room) {
		event_drop(EVENT_write);
		return;
	}
	room->file = (__u64)file;
	open_to_write(slot);
	leave_walk(slot);
}

#endif /* IDTRAIL_BPF_WRITE_H */
