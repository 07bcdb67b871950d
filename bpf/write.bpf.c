// SPDX-License-Identifier: GPL-2.0-only
/* Hooks: security_file_open for files that may be written to or were made, and the
 * security_path_* of rename, link and symlink, which know the mount and hence the whole path. Not
 * security_inode_*: no mount, and overlayfs comes by a second time for the layer below. Price: the
 * right to rename or link is checked after them, so these three tell of attempts, and they need
 * CONFIG_SECURITY_PATH, which AppArmor and Landlock bring. Not vfs_write: once per write.
 * Twin: kprobes.
 *
 * An ordinary open costs a test of its mode, or the names of a file and of its directory. */
#include "bpf/lib/path.h"
#include "bpf/lib/place.h"
#include "bpf/lib/ring.h"

struct write_event {
	struct event_header hdr;
	struct write_payload write;
	char path[EVENT_PATH_MAX];
};

struct write_scratch {
	struct write_event event;
	struct path_walk walk;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WRITE_SYMLINK + 1); /* one for each program: they may interleave */
	__type(key, __u32);
	__type(value, struct write_scratch);
} scratch SEC(".maps");

/* What is done to which name. */
struct act {
	const struct vfsmount *mnt;
	const struct dentry *dentry;
	__u32 op; /* enum write_op, and the number of the scratch */
	__u32 flags;
	__u32 open_flags;
};

/* Not static, and by number: see exec.bpf.c. */
__noinline int climb(__u32 slot)
{
	struct write_scratch *out = bpf_map_lookup_elem(&scratch, &slot);

	return out && path_climb(&out->walk);
}

static __always_inline int emit_write(const struct act *act, __u32 place)
{
	const struct dentry *dentry = act->dentry;
	const struct inode *inode = BPF_CORE_READ(dentry, d_inode);
	const struct task_struct *task = current_task();
	const struct task_struct *parent = TASK_READ(task, real_parent);
	__u32 slot = act->op, begin, size;
	struct write_scratch *out;
	struct arrival arrival;

	if (from_agent())
		return 0;
	out = bpf_map_lookup_elem(&scratch, &slot);
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
	path_start_at(&out->walk, act->mnt, dentry);
	if (!climb(slot))
		out->event.write.flags |= WRITE_PATH_CUT;
	begin = out->walk.begin & (EVENT_PATH_MAX - 1); /* for the verifier */
	size = EVENT_PATH_MAX - begin;
	bpf_probe_read_kernel(out->event.path, size, &out->walk.text[begin]);
	out->event.write.path_size = size;
	event_output(&out->event.hdr, &arrival, task, EVENT_write,
		     sizeof(out->event.hdr) + sizeof(out->event.write) + size);
	return 0;
}

/* The file may be written to. overlayfs opens the file below once more: no act of the caller. */
static __always_inline int on_open(const struct file *file)
{
	const struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	struct act act = { .dentry = dentry, .op = WRITE_OPEN };
	__u32 place = place_of(dentry);

	if (!place || BPF_CORE_READ(dentry, d_inode) != BPF_CORE_READ(file, f_inode))
		return 0;
	act.mnt = BPF_CORE_READ(file, f_path.mnt);
	if (is_internal(act.mnt))
		return 0;
	act.open_flags = BPF_CORE_READ(file, f_flags);
	return emit_write(&act, place);
}

/* A new name, and what had another before or has it still. */
static __always_inline int on_name(__u32 op, const struct path *dir, const struct dentry *dentry,
				   const struct dentry *from)
{
	struct act act = { .mnt = BPF_CORE_READ(dir, mnt), .dentry = dentry, .op = op };
	__u32 place = place_of(dentry);

	if (!place && from) {
		act.dentry = from;
		act.flags = WRITE_FROM;
		place = op == WRITE_LINK ? place_of_name(from) : place_of(from);
	}
	return place ? emit_write(&act, place) : 0;
}

#define MAY_WRITE(mode) ((mode) & FMODE_WRITE)

SEC("?fentry/security_file_open")
int BPF_PROG(open_fentry, struct file *file)
{
	return MAY_WRITE(file->f_mode) ? on_open(file) : 0;
}

SEC("?fentry/security_path_rename")
int BPF_PROG(rename_fentry, struct path *from_dir, struct dentry *from, struct path *dir,
	     struct dentry *dentry)
{
	return on_name(WRITE_RENAME, dir, dentry, from);
}

SEC("?fentry/security_path_link")
int BPF_PROG(link_fentry, struct dentry *from, struct path *dir, struct dentry *dentry)
{
	return on_name(WRITE_LINK, dir, dentry, from);
}

SEC("?fentry/security_path_symlink")
int BPF_PROG(symlink_fentry, struct path *dir, struct dentry *dentry)
{
	return on_name(WRITE_SYMLINK, dir, dentry, NULL);
}

SEC("?kprobe/security_file_open")
int BPF_KPROBE(open_kprobe, struct file *file)
{
	return MAY_WRITE(BPF_CORE_READ(file, f_mode)) ? on_open(file) : 0;
}

SEC("?kprobe/security_path_rename")
int BPF_KPROBE(rename_kprobe, struct path *from_dir, struct dentry *from, struct path *dir,
	       struct dentry *dentry)
{
	return on_name(WRITE_RENAME, dir, dentry, from);
}

SEC("?kprobe/security_path_link")
int BPF_KPROBE(link_kprobe, struct dentry *from, struct path *dir, struct dentry *dentry)
{
	return on_name(WRITE_LINK, dir, dentry, from);
}

SEC("?kprobe/security_path_symlink")
int BPF_KPROBE(symlink_kprobe, struct path *dir, struct dentry *dentry)
{
	return on_name(WRITE_SYMLINK, dir, dentry, NULL);
}

char LICENSE[] SEC("license") = "GPL";
