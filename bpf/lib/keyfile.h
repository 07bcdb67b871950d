/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keys that are known by their names. Opens are seen by the programs of credential.bpf.c, since one
 * more program on the hook that every open passes costs as much as all that this tests.
 */
#ifndef IDTRAIL_BPF_KEYFILE_H
#define IDTRAIL_BPF_KEYFILE_H

#include "bpf/lib/known.h"
#include "bpf/lib/path.h"
#include "bpf/lib/stack.h"
#include "bpf/lib/volume.h"
#include "idtrail/key_name.h"

struct keyfile_event {
	struct event_header hdr;
	struct keyfile_payload keyfile;
	char path[EVENT_PATH_MAX];
};

struct keyfile_scratch {
	struct behaviour behaviour; /* here, since the stack has no room */
	__u64 file; /* a pointer; by way of a map it is a number to the verifier */
	struct keyfile_event event;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WALKS);
	__type(key, __u32);
	__type(value, struct keyfile_scratch);
} keyfile_room SEC(".maps");

/* A name that lies in the dentry itself; there it is aligned, which the type does not tell, and a word
 * would be read byte by byte. */
static __always_inline const __u64 *words_of_name(const struct dentry *dentry)
{
	const struct dentry___since_v6_14 *since = (const void *)dentry;

	if (bpf_core_field_exists(since->d_shortname))
		return __builtin_assume_aligned(since->d_shortname.string, sizeof(__u64));
	return __builtin_assume_aligned(dentry->d_iname, sizeof(__u64));
}

static __always_inline __u64 tail_of_long(const struct dentry *dentry, __u32 length)
{
	__u64 tail = 0;

	bpf_probe_read_kernel(&tail, sizeof(tail),
			      BPF_CORE_READ(dentry, d_name.name) + length - sizeof(tail));
	return tail;
}

/* Nearly always false, and all that the name of an ordinary file costs. */
static __always_inline bool has_key_name(const struct file *file)
{
	const struct dentry *dentry = file->f_path.dentry;
	const __u64 *words = words_of_name(dentry);
	__u32 length = dentry->d_name.len;
	__u64 tail;

	if (length <= 8)
		tail = key_tail(0, words[0], length);
	else if (length <= 16)
		tail = key_tail(words[0], words[1], length);
	else if (length <= 24)
		tail = key_tail(words[1], words[2], length);
	else
		tail = tail_of_long(dentry, length);
	return may_name_key(tail);
}

static __always_inline __u32 key_sort_of(const struct dentry *dentry)
{
	const unsigned char *text = BPF_CORE_READ(dentry, d_name.name);
	__u32 length = BPF_CORE_READ(dentry, d_name.len);
	struct key_name name = {};

	bpf_probe_read_kernel_str(name.text, sizeof(name.text), text);
	bpf_probe_read_kernel_str(name.dir, sizeof(name.dir),
				  BPF_CORE_READ(dentry, d_parent, d_name.name));
	if (length > sizeof(name.tail))
		text += length - sizeof(name.tail);
	bpf_probe_read_kernel(&name.tail, sizeof(name.tail), text);
	if (length < sizeof(name.tail))
		name.tail = key_tail(0, name.tail, length);
	return may_name_key(name.tail) ? key_sort(&name) : 0;
}

/* What is to be told of the file lies in the room that was entered. True if it was sent. Not static:
 * see path_step(). */
__noinline int send_keyfile(__u32 slot)
{
	const struct task_struct *task = current_task();
	const struct task_struct *parent = TASK_READ(task, real_parent);
	const struct control *settings = control_of_agent();
	enum verdict verdict = VERDICT_SEND;
	struct keyfile_payload *payload;
	struct keyfile_scratch *out;
	struct arrival arrival;
	const struct file *file;
	struct written path;

	out = bpf_map_lookup_elem(&keyfile_room, &slot);
	if (!out || !settings)
		return 0;
	file = (const void *)out->file;
	payload = &out->event.keyfile;
	payload->file = file_id(BPF_CORE_READ(file, f_inode));
	payload->open_flags = BPF_CORE_READ(file, f_flags);
	if (is_host_mntns(settings, task))
		payload->flags |= CREDENTIAL_HOST_MNTNS;
	if (payload->sort != KEY_ENVIRON) { /* its inode lasts no longer than the look */
		behaviour_of(&out->behaviour, task, EVENT_keyfile, own_lineage());
		credential_object(&out->behaviour, &payload->file, 0, payload->open_flags,
				  payload->flags);
		verdict = verdict_on(&out->behaviour, settings);
		if (verdict == VERDICT_KNOWN)
			return 0;
	}
	arrival = event_arrive(task);
	if (verdict == VERDICT_SAMPLE)
		arrival.flags |= EVENT_SAMPLED;
	payload->exe = exe_id(task);
	event_ask_quota(&arrival, EVENT_keyfile, pair_of(&payload->exe, &payload->file));
	if (!arrival.row)
		return 0;
	if (verdict != VERDICT_SAMPLE)
		begin_alert(arrival.row, arrival.now);
	payload->parent_start_boot_ns = start_boot_ns(parent);
	payload->parent_tgid = TASK_READ(parent, tgid);
	path = write_path(out->event.path, slot, BPF_CORE_READ(file, f_path.mnt),
			  BPF_CORE_READ(file, f_path.dentry));
	if (path.cut)
		payload->flags |= CREDENTIAL_PATH_CUT;
	payload->path_size = path.size;
	event_output(&out->event.hdr, &arrival, task, EVENT_keyfile,
		     sizeof(out->event.hdr) + sizeof(out->event.keyfile) + path.size);
	return 1;
}

/* What the caller knows; by itself, since a payload on the stack is too much for it. */
struct key_read {
	const struct file *file;
	__u32 flags;
	__u32 sort; /* enum key_sort */
	__s32 result;
	__u32 target_tgid;
};

static __always_inline int emit_keyfile(void *ctx, const struct key_read *read)
{
	__u32 slot = enter_walk();
	struct keyfile_scratch *out = bpf_map_lookup_elem(&keyfile_room, &slot);

	if (!out) {
		event_drop(EVENT_keyfile);
		return 0;
	}
	out->file = (__u64)read->file;
	__builtin_memset(&out->event.keyfile, 0, sizeof(out->event.keyfile));
	out->event.keyfile.flags = read->flags;
	out->event.keyfile.sort = read->sort;
	out->event.keyfile.result = read->result;
	out->event.keyfile.target_tgid = read->target_tgid;
	out->event.keyfile.target_lineage = lineage_of(read->target_tgid);
	if (send_keyfile(slot)) {
		const struct arrival arrival = {
			.now = out->event.hdr.boot_ns,
			.cgroup_id = out->event.hdr.cgroup_id,
		};

		event_add_stack(ctx, &arrival, current_task());
	}
	leave_walk(slot);
	return 0;
}

/* A file that can be read. overlayfs opens the file below once more: no act of the caller. */
static __always_inline int on_key_name(void *ctx, const struct file *file, __u32 flags)
{
	const struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	const struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct key_read read = {.file = file, .flags = flags, .sort = key_sort_of(dentry)};

	if (!read.sort || (BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFREG || from_agent() ||
	    BPF_CORE_READ(dentry, d_inode) != inode || is_internal(BPF_CORE_READ(file, f_path.mnt)))
		return 0;
	return emit_keyfile(ctx, &read);
}

#endif /* IDTRAIL_BPF_KEYFILE_H */
