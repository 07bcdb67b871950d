// SPDX-License-Identifier: GPL-2.0-only
/* Hook: security_file_open, which every open that yields readable bytes passes, whatever path or
 * system call led to it: links, bind mounts, /proc/PID/root, openat2, io_uring. Not the system
 * calls: they tax every process, see user memory that changes under them, and miss io_uring. Not
 * vfs_open/do_dentry_open: before the permission checks, and O_PATH comes by. Before 6.12 fentry
 * is a third cheaper than lsm/; then lsm/ comes first, since the kernel never leaves a run of it
 * out (agent/kernel/lsm.h). kprobe costs twice as much.
 *
 * And security_file_receive: a descriptor that another process opened and passed on (SCM_RIGHTS,
 * pidfd_getfd).
 *
 * Nearly every open is of no interest, so the first tests are the cheapest that drop most: the
 * file system's magic, three loads away, and the end of the name. */
#include "bpf/lib/keyfile.h"
#include "bpf/lib/volume.h"
#include "bpf/lib/write.h"

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

static __always_inline void send(void *ctx, const struct task_struct *task,
				 const struct opened *opened, struct volume volume, __u32 flags,
				 bool sample)
{
	struct arrival arrival = event_arrive(task);
	struct file_id exe = exe_id(task);
	struct credential_event *event;

	if (sample)
		arrival.flags |= EVENT_SAMPLED;
	event_ask_quota(&arrival, EVENT_credential, pair_of(&exe, &opened->id));
	event = event_take_room(&arrival, task, EVENT_credential, sizeof(*event));
	if (!event)
		return;
	if (!sample)
		begin_alert(arrival.row, arrival.now);
	fill(&event->credential, opened, &exe, task);
	event->credential.flags = flags;
	event->credential.volume_generation = volume.generation;
	event_submit(event, EVENT_credential);
	event_add_stack(ctx, &arrival, task);
}

/* The file is readable and on a tmpfs. False if that is ordinary: the name may tell more. */
static __always_inline bool emit_open(void *ctx, const struct opened opened, __u32 received)
{
	const struct control *settings = control_of_agent();
	const struct task_struct *task = current_task();
	struct volume volume = volume_of(opened.id.device);
	struct behaviour behaviour;
	enum verdict verdict;
	__u32 flags;

	if (volume.kind == VOLUME_OTHER)
		return false;
	if (!opened.by_name || !settings)
		return true;
	flags = received | (volume.kind ? 0 : CREDENTIAL_UNKNOWN_VOLUME);
	if (is_host_mntns(settings, task))
		flags |= CREDENTIAL_HOST_MNTNS;

	behaviour_of(&behaviour, task, EVENT_credential, own_lineage());
	credential_object(&behaviour, &opened.id, volume.generation, opened.flags, flags);
	verdict = verdict_on(&behaviour, settings);
	/* What is ours is never sent, hence never judged: it is told by now only. */
	if (verdict != VERDICT_KNOWN && !from_agent())
		send(ctx, task, &opened, volume, flags, verdict == VERDICT_SAMPLE);
	return true;
}

/* All that an ordinary open costs. `typed`: the verifier knows what `file` is. */
static __always_inline int on_file(void *ctx, const struct file *file, __u32 received,
				   bool typed)
{
	if (!(READ(typed, file, f_mode) & FMODE_READ))
		return 0;
	if (READ(typed, file, f_inode, i_sb, s_magic) == TMPFS_MAGIC &&
	    emit_open(ctx, opened(file, typed), received))
		return 0;
	if (typed && !has_key_name(file))
		return 0;
	return on_key_name(ctx, file, received);
}

static __always_inline int on_open(void *ctx, const struct file *file, bool typed)
{
	if (READ(typed, file, f_mode) & FMODE_WRITE)
		on_open_to_write(file);
	return on_file(ctx, file, 0, typed);
}

SEC("?fentry/security_file_open")
int BPF_PROG(open_fentry, struct file *file)
{
	return on_open(ctx, file, true);
}

SEC("?fentry/security_file_receive")
int BPF_PROG(receive_fentry, struct file *file)
{
	return on_file(ctx, file, CREDENTIAL_RECEIVED, true);
}

SEC("?lsm/file_open")
int BPF_PROG(open_lsm, struct file *file)
{
	on_open(ctx, file, true);
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
	return on_open(ctx, file, false);
}

SEC("?kprobe/security_file_receive")
int BPF_KPROBE(receive_kprobe, struct file *file)
{
	return on_file(ctx, file, CREDENTIAL_RECEIVED, false);
}

char LICENSE[] SEC("license") = "GPL";
