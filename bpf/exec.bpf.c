// SPDX-License-Identifier: GPL-2.0-only
/* Hook: the sched_process_exec tracepoint: the new image stands, so nothing that is read here
 * can still fail or be swapped, and a failed execve never comes by. Not security_bprm_check:
 * once per interpreter, and before the point of no return. Not bprm_committed_creds: before the
 * arguments have their place in the new memory. Price: bpf_d_path() is refused here, hence
 * lib/path.h. */
#include "bpf/lib/descent.h"
#include "bpf/lib/exec_file.h"
#include "bpf/lib/known.h"
#include "bpf/lib/path.h"
#include "bpf/lib/ring.h"

/* Returns the bytes added to the tail at `used`, NUL included. */
static __always_inline __u32 add_path(struct exec_event *out, __u32 used, const struct path *from)
{
	const struct written path = write_path(&out->tail[used & TAIL_OFFSET_MASK], 0,
					       BPF_CORE_READ(from, mnt), BPF_CORE_READ(from, dentry));

	if (path.cut)
		out->exec.flags |= EXEC_PATH_CUT;
	return path.size;
}

static __always_inline __u32 add_filename(struct exec_event *out, __u32 used,
					  const char *filename)
{
	long size = bpf_probe_read_kernel_str(&out->tail[used & TAIL_OFFSET_MASK],
					      EVENT_PATH_MAX, filename);
	char last = 0;

	if (size < 0 || size > EVENT_PATH_MAX)
		return 0;
	if (size == EVENT_PATH_MAX)
		bpf_probe_read_kernel(&last, 1, filename + EVENT_PATH_MAX - 1);
	if (last)
		out->exec.flags |= EXEC_PATH_CUT;
	return size;
}

static __always_inline __u32 add_args(struct exec_event *out, __u32 used,
				      const struct mm_struct *mm)
{
	unsigned long start = BPF_CORE_READ(mm, arg_start);
	unsigned long size = BPF_CORE_READ(mm, arg_end) - start;

	if (size > EVENT_ARGS_MAX) {
		size = EVENT_ARGS_MAX;
		out->exec.flags |= EXEC_ARGS_CUT;
	}
	if (bpf_probe_read_user(&out->tail[used & TAIL_OFFSET_MASK], size,
				(const void *)start)) {
		out->exec.flags |= EXEC_ARGS_FAULT;
		return 0;
	}
	return size;
}

static __always_inline void add_flags(__u32 *flags, const struct control *settings,
				      const struct task_struct *task,
				      const struct linux_binprm *bprm)
{
	if (bprm->interp != bprm->filename)
		*flags |= EXEC_SCRIPT;
	if (is_host_mntns(settings, task))
		*flags |= EXEC_HOST_MNTNS;
	if (TASK_READ(task, signal, tty))
		*flags |= EXEC_TTY;
}

/* What the record says beyond `out->exec`, which is filled; and sends it. */
static __always_inline void send(struct exec_event *out, const struct arrival *arrival,
				 const struct task_struct *task, const struct linux_binprm *bprm)
{
	const struct task_struct *parent = TASK_READ(task, real_parent);
	const struct mm_struct *mm = TASK_READ(task, mm);
	const struct file *exe = TASK_READ(mm, exe_file);
	__u32 used;

	out->exec.parent_start_boot_ns = start_boot_ns(parent);
	out->exec.parent_tgid = TASK_READ(parent, tgid);
	out->exec.uid = TASK_READ(task, cred, euid.val);
	used = out->exec.path_size = add_path(out, 0, &exe->f_path);
	used += out->exec.filename_size = add_filename(out, used, bprm->filename);
	used += out->exec.cwd_size = add_path(out, used, &BPF_CORE_READ(task, fs)->pwd);
	used += out->exec.args_size = add_args(out, used, mm);
	if (used > sizeof(out->tail)) /* for the verifier */
		return;
	event_output(&out->hdr, arrival, task, EVENT_exec,
		     sizeof(out->hdr) + sizeof(out->exec) + used);
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(exec_tp, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	const struct control *settings = control_of_agent();
	__u32 first = 0;
	struct exec_scratch *room = bpf_map_lookup_elem(&scratch, &first);
	struct behaviour behaviour = { .kind = EVENT_exec };
	const struct inode *inode;
	const struct file *exe;
	struct exec_event *out;
	struct arrival arrival;
	enum verdict verdict;

	if (!room || !settings || is_agent(settings))
		return 0;
	exe = TASK_READ(task, mm, exe_file);
	inode = TASK_READ(exe, f_inode);
	out = &room->event;
	out->exec = (struct exec_payload){ .exe = file_id_of(inode, tasks_are_typed()) };
	room->filename = (__u64)bprm->filename;
	room->descent.of.cgroup_id = behaviour.cgroup_id = cgroup_id(task);
	add_flags(&out->exec.flags, settings, task, bprm);
	add_file_flags(&out->exec.flags, exe, inode);
	behaviour.lineage = descend();
	verdict = verdict_on(&behaviour, settings);
	if (verdict == VERDICT_KNOWN)
		return 0;
	arrival = event_admit_judged(behaviour.cgroup_id, EVENT_exec,
				     pair_of(&out->exec.exe, &out->exec.exe), verdict);
	if (arrival.row)
		send(out, &arrival, task, bprm);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
