// SPDX-License-Identifier: GPL-2.0-only
/* Hook: security_file_open, which every open that yields readable bytes passes, whatever path or
 * system call led to it: links, bind mounts, /proc/PID/root, openat2, io_uring. Not the system
 * calls: they tax every process, see user memory that changes under them, and miss io_uring. Not
 * vfs_open/do_dentry_open: before the permission checks, and O_PATH comes by. fentry first: a
 * third cheaper than lsm/, which also needs `bpf` in the list of LSMs; kprobe costs twice as
 * much.
 *
 * And security_file_receive: a descriptor that another process opened and passed on (SCM_RIGHTS,
 * pidfd_getfd).
 *
 * Nearly every open is of no interest, so the first tests are the cheapest that drop most: the
 * file system's magic, three loads away, and the end of the name. */
#include "bpf/lib/keyfile.h"

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

/* What is read of each open of a tmpfs. */
struct opened {
	const struct file *file;
	struct file_id id;
	__u32 flags; /* f_flags */
	bool by_name; /* a regular file that a path leads to */
};

static __always_inline struct opened opened(const struct file *file, bool typed)
{
	return (struct opened){
		.file = file,
		.id =
			{
				.inode = FILE_READ(typed, file, f_inode, i_ino),
				.device = FILE_READ(typed, file, f_inode, i_sb, s_dev),
				.generation = FILE_READ(typed, file, f_inode, i_generation),
			},
		.flags = FILE_READ(typed, file, f_flags),
		/* Not memfd, System V and anonymous shared memory. */
		.by_name = (FILE_READ(typed, file, f_inode, i_mode) & S_IFMT) == S_IFREG &&
			   !(FILE_READ(typed, file, f_inode, i_sb, s_flags) & SB_KERNMOUNT),
	};
}

static __always_inline void fill(struct credential_payload *out, const struct opened *opened,
				 const struct file_id *exe, const struct task_struct *task)
{
	const struct file *file = opened->file; /* CO-RE would look for `opened` in the kernel */
	const struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	const struct dentry *dir = BPF_CORE_READ(dentry, d_parent);
	const struct task_struct *parent = TASK_READ(task, real_parent);

	*out = (struct credential_payload){
		.file = opened->id,
		.exe = *exe,
		.parent_start_boot_ns = start_boot_ns(parent),
		.parent_tgid = TASK_READ(parent, tgid),
		.open_flags = opened->flags,
	};
	read_name(out->name, dentry);
	if (BPF_CORE_READ(dir, d_parent) != dir)
		read_name(out->dir, dir);
}

/* The file is readable and on a tmpfs. False if that is ordinary: the name may tell more. */
static __always_inline bool emit_open(void *ctx, const struct opened opened, __u32 received)
{
	const struct task_struct *task = current_task();
	__u32 device = opened.id.device;
	const struct volume_verdict *verdict;
	struct credential_event *event;
	struct behaviour behaviour;
	struct arrival arrival;
	struct file_id exe;
	const __u32 *born;
	__u32 generation, flags;

	if (!opened.by_name || from_agent())
		return true;
	born = bpf_map_lookup_elem(&generations, &device);
	generation = born ? *born : 0;
	verdict = bpf_map_lookup_elem(&volumes, &device);
	flags = flags_of_volume(verdict, generation);
	if (!flags && verdict && verdict->kind == VOLUME_OTHER)
		return false;
	flags |= received;
	if (in_host_mntns(task))
		flags |= CREDENTIAL_HOST_MNTNS;

	exe = exe_id(task);
	behaviour_of(&behaviour, task, EVENT_credential, &exe);
	credential_object(&behaviour, &opened.id, generation, opened.flags, flags);
	arrival = event_arrive(task);
	event = event_reserve_unknown(&arrival, task, EVENT_credential, &behaviour, sizeof(*event),
				      pair_of(&exe, &opened.id));
	if (!event)
		return true;
	if (!(arrival.flags & EVENT_SAMPLED))
		arrival.row->alert_until = arrival.now + ALERT_NS;
	fill(&event->credential, &opened, &exe, task);
	event->credential.flags = flags;
	event->credential.volume_generation = generation;
	event_submit(event, EVENT_credential);
	event_add_stack(ctx, &arrival, task);
	return true;
}

/* All that an ordinary open costs. `typed`: the verifier knows what `file` is. */
static __always_inline int on_file(void *ctx, const struct file *file, __u32 received,
				   bool typed)
{
	if (!(FILE_READ(typed, file, f_mode) & FMODE_READ))
		return 0;
	if (FILE_READ(typed, file, f_inode, i_sb, s_magic) == TMPFS_MAGIC &&
	    emit_open(ctx, opened(file, typed), received))
		return 0;
	if (typed && !has_key_name(file))
		return 0;
	return on_key_name(ctx, file, received);
}

SEC("?fentry/security_file_open")
int BPF_PROG(open_fentry, struct file *file)
{
	return on_file(ctx, file, 0, true);
}

SEC("?fentry/security_file_receive")
int BPF_PROG(receive_fentry, struct file *file)
{
	return on_file(ctx, file, CREDENTIAL_RECEIVED, true);
}

SEC("?lsm/file_open")
int BPF_PROG(open_lsm, struct file *file)
{
	on_file(ctx, file, 0, true);
	return 0;
}

SEC("?lsm/file_receive")
int BPF_PROG(receive_lsm, struct file *file)
{
	on_file(ctx, file, CREDENTIAL_RECEIVED, true);
	return 0;
}

SEC("?kprobe/security_file_open")
int BPF_KPROBE(open_kprobe, struct file *file)
{
	return on_file(ctx, file, 0, false);
}

SEC("?kprobe/security_file_receive")
int BPF_KPROBE(receive_kprobe, struct file *file)
{
	return on_file(ctx, file, CREDENTIAL_RECEIVED, false);
}

char LICENSE[] SEC("license") = "GPL";
