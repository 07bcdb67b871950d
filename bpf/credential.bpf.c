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
#include "bpf/lib/known.h"
#include "bpf/lib/ring.h"
#include "bpf/lib/volume.h"

struct credential_event {
	struct event_header hdr;
	struct credential_payload credential;
};

static __always_inline void read_name(char *name, const struct dentry *dentry, bool typed)
{
	bpf_probe_read_kernel_str(name, EVENT_NAME_MAX, READ(typed, dentry, d_name.name));
}

/* What is read of each open of a tmpfs. */
struct opened {
	const struct file *file;
	struct file_id id;
	__u32 flags; /* f_flags */
	bool by_name; /* a regular file that a path leads to */
	bool typed; /* see READ() */
};

static __always_inline struct opened opened(const struct file *file, bool typed)
{
	return (struct opened){
		.file = file,
		.id = {
			.inode = READ(typed, file, f_inode, i_ino),
			.device = READ(typed, file, f_inode, i_sb, s_dev),
			.generation = READ(typed, file, f_inode, i_generation),
		},
		.flags = READ(typed, file, f_flags),
		/* Not memfd, System V and anonymous shared memory. */
		.by_name = (READ(typed, file, f_inode, i_mode) & S_IFMT) == S_IFREG &&
			   !(READ(typed, file, f_inode, i_sb, s_flags) & SB_KERNMOUNT),
		.typed = typed,
	};
}

static __always_inline void fill(struct credential_payload *out, const struct opened *opened,
				 const struct file_id *exe, const struct task_struct *task)
{
	const struct file *file = opened->file; /* CO-RE would look for `opened` in the kernel */
	const struct dentry *dentry = READ(opened->typed, file, f_path.dentry);
	const struct dentry *dir = READ(opened->typed, dentry, d_parent);
	const struct task_struct *parent = TASK_READ(task, real_parent);

	*out = (struct credential_payload){
		.file = opened->id,
		.exe = *exe,
		.parent_start_boot_ns = start_boot_ns(parent),
		.parent_tgid = TASK_READ(parent, tgid),
		.open_flags = opened->flags,
	};
	read_name(out->name, dentry, opened->typed);
	if (READ(opened->typed, dir, d_parent) != dir)
		read_name(out->dir, dir, opened->typed);
}

static __always_inline int send(const struct task_struct *task, const struct opened *opened,
				const struct file_id *exe, struct volume volume, __u32 flags,
				bool sample)
{
	struct arrival arrival = event_arrive(task);
	struct credential_event *event;

	if (sample)
		arrival.flags |= EVENT_SAMPLED;
	event_ask_quota(&arrival, EVENT_credential, pair_of(exe, &opened->id));
	event = event_take_room(&arrival, task, EVENT_credential, sizeof(*event));
	if (!event)
		return 0;
	if (!sample)
		begin_alert(arrival.row, arrival.now);
	fill(&event->credential, opened, exe, task);
	event->credential.flags = flags;
	event->credential.volume_generation = volume.generation;
	event_submit(event, EVENT_credential);
	return 0;
}

/* The file is readable and on a tmpfs. */
static __always_inline int emit_open(const struct opened opened)
{
	const struct control *settings = control_of_agent();
	const struct task_struct *task = current_task();
	struct volume volume = volume_of(opened.id.device);
	struct behaviour behaviour;
	enum verdict verdict;
	struct file_id exe;
	__u32 flags;

	if (volume.kind == VOLUME_OTHER || !opened.by_name || !settings)
		return 0;
	flags = volume.kind ? 0 : CREDENTIAL_UNKNOWN_VOLUME;
	if (is_host_mntns(settings, task))
		flags |= CREDENTIAL_HOST_MNTNS;

	exe = exe_id(task);
	behaviour_of(&behaviour, task, EVENT_credential, &exe);
	credential_object(&behaviour, &opened.id, volume.generation, opened.flags, flags);
	verdict = verdict_on(&behaviour, settings);
	/* What is ours is never sent, hence never judged: it is told by now only. */
	if (verdict == VERDICT_KNOWN || from_agent())
		return 0;
	return send(task, &opened, &exe, volume, flags, verdict == VERDICT_SAMPLE);
}

/* Nearly always false, and all that an ordinary open costs. */
static __always_inline bool reads_tmpfs(const struct file *file, bool typed)
{
	return READ(typed, file, f_mode) & FMODE_READ &&
	       READ(typed, file, f_inode, i_sb, s_magic) == TMPFS_MAGIC;
}

SEC("?fentry/security_file_open")
int BPF_PROG(open_fentry, struct file *file)
{
	return reads_tmpfs(file, true) ? emit_open(opened(file, true)) : 0;
}

SEC("?lsm/file_open")
int BPF_PROG(open_lsm, struct file *file)
{
	if (reads_tmpfs(file, true))
		emit_open(opened(file, true));
	return 0;
}

SEC("?kprobe/security_file_open")
int BPF_KPROBE(open_kprobe, struct file *file)
{
	return reads_tmpfs(file, false) ? emit_open(opened(file, false)) : 0;
}

char LICENSE[] SEC("license") = "GPL";
