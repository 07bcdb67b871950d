// SPDX-License-Identifier: GPL-2.0-only
/* Hook: security_file_open, which every open that yields readable bytes passes, whatever path or
 * system call led to it: links, bind mounts, /proc/PID/root, openat2, io_uring. Not the system
 * calls: they tax every process, see user memory that changes under them, and miss io_uring. Not
 * vfs_open/do_dentry_open: before the permission checks, and O_PATH comes by. fentry first: a
 * third cheaper than lsm/, which also needs `bpf` in the list of LSMs; kprobe costs twice as
 * much.
 *
 * Nearly every open is of no interest, so the first test is the cheapest that drops most: the
 * file system's magic, three loads away. */
#include "bpf/lib/ring.h"

struct credential_event {
	struct event_header hdr;
	struct credential_payload credential;
};

/* A verdict is that of one superblock, not of whoever has its number today: see mount.bpf.c. */
static __always_inline __u32 flags_of_volume(const struct volume_verdict *verdict, __u32 generation)
{
	bool known = verdict && verdict->generation == generation;

	return known ? 0 : CREDENTIAL_UNKNOWN_VOLUME;
}

static __always_inline void read_name(char *name, const struct dentry *dentry)
{
	bpf_probe_read_kernel_str(name, EVENT_NAME_MAX, BPF_CORE_READ(dentry, d_name.name));
}

static __always_inline void fill(struct credential_payload *out, const struct file *file,
				 const struct file_id *object, const struct file_id *exe,
				 const struct task_struct *task)
{
	const struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	const struct dentry *dir = BPF_CORE_READ(dentry, d_parent);
	const struct task_struct *parent = TASK_READ(task, real_parent);

	*out = (struct credential_payload){
		.file = *object,
		.exe = *exe,
		.parent_start_boot_ns = start_boot_ns(parent),
		.parent_tgid = TASK_READ(parent, tgid),
		.open_flags = BPF_CORE_READ(file, f_flags),
	};
	read_name(out->name, dentry);
	if (BPF_CORE_READ(dir, d_parent) != dir)
		read_name(out->dir, dir);
}

/* The file is readable and on a tmpfs. */
static __always_inline int emit_open(const struct file *file)
{
	const struct inode *inode = BPF_CORE_READ(file, f_inode);
	const struct super_block *sb = BPF_CORE_READ(inode, i_sb);
	__u32 device = BPF_CORE_READ(sb, s_dev);
	const struct task_struct *task = current_task();
	const struct volume_verdict *verdict;
	struct credential_event *event;
	struct behaviour behaviour;
	struct file_id object, exe;
	struct arrival arrival;
	const __u32 *born;
	__u32 generation, unknown, flags;

	if (from_agent() || (BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFREG)
		return 0;
	if (BPF_CORE_READ(sb, s_flags) & SB_KERNMOUNT) /* memfd, System V and anonymous shared memory */
		return 0;
	born = bpf_map_lookup_elem(&generations, &device);
	generation = born ? *born : 0;
	verdict = bpf_map_lookup_elem(&volumes, &device);
	unknown = flags_of_volume(verdict, generation);
	if (!unknown && verdict && verdict->kind == VOLUME_OTHER)
		return 0;

	object = file_id(inode);
	exe = exe_id(task);
	flags = unknown | (in_host_mntns(task) ? CREDENTIAL_HOST_MNTNS : 0);
	behaviour_of(&behaviour, task, EVENT_credential, &exe);
	credential_object(&behaviour, &object, generation, BPF_CORE_READ(file, f_flags), flags);
	arrival = event_arrive(task);
	event = event_reserve_unknown(&arrival, task, EVENT_credential, &behaviour, sizeof(*event),
				      pair_of(&exe, &object));
	if (!event)
		return 0;
	arrival.row->alert_until = arrival.now + ALERT_NS;
	fill(&event->credential, file, &object, &exe, task);
	event->credential.flags = flags;
	event->credential.volume_generation = generation;
	event_submit(event, EVENT_credential);
	return 0;
}

/* By plain loads, which the verifier lets fentry and lsm do: five times cheaper than helpers. */
#define READS_TMPFS(file) \
	((file)->f_mode & FMODE_READ && (file)->f_inode->i_sb->s_magic == TMPFS_MAGIC)

SEC("?fentry/security_file_open")
int BPF_PROG(open_fentry, struct file *file)
{
	return READS_TMPFS(file) ? emit_open(file) : 0;
}

SEC("?lsm/file_open")
int BPF_PROG(open_lsm, struct file *file)
{
	if (READS_TMPFS(file))
		emit_open(file);
	return 0;
}

SEC("?kprobe/security_file_open")
int BPF_KPROBE(open_kprobe, struct file *file)
{
	if (!(BPF_CORE_READ(file, f_mode) & FMODE_READ) ||
	    BPF_CORE_READ(file, f_inode, i_sb, s_magic) != TMPFS_MAGIC)
		return 0;
	return emit_open(file);
}

char LICENSE[] SEC("license") = "GPL";
