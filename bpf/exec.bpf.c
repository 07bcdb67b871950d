// SPDX-License-Identifier: GPL-2.0-only
/* Hook: the sched_process_exec tracepoint: the new image stands, so nothing that is read here
 * can still fail or be swapped, and a failed execve never comes by. Not security_bprm_check:
 * once per interpreter, and before the point of no return. Not bprm_committed_creds: before the
 * arguments have their place in the new memory. Price: bpf_d_path() is refused here, hence
 * lib/path.h. */
#include "bpf/lib/exec_file.h"
#include "bpf/lib/path.h"
#include "bpf/lib/ring.h"

#define TAIL_OFFSET_MASK 4095 /* three paths at most before the last part; for the verifier */

struct exec_event {
	struct event_header hdr;
	struct exec_payload exec;
	char tail[TAIL_OFFSET_MASK + 1 + EVENT_ARGS_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct exec_event);
} scratch SEC(".maps");

_Static_assert(3 * EVENT_PATH_MAX <= TAIL_OFFSET_MASK, "the paths fit before the arguments");
_Static_assert(sizeof(struct exec_event) <= EVENT_RECORD_MAX, "a record fits");

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

static __always_inline void add_flags(__u32 *flags, const struct task_struct *task,
				      const struct linux_binprm *bprm)
{
	if (BPF_CORE_READ(bprm, interp) != BPF_CORE_READ(bprm, filename))
		*flags |= EXEC_SCRIPT;
	if (in_host_mntns(task))
		*flags |= EXEC_HOST_MNTNS;
	if (TASK_READ(task, signal, tty))
		*flags |= EXEC_TTY;
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(exec_tp, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	const struct task_struct *parent = TASK_READ(task, real_parent);
	const struct mm_struct *mm = TASK_READ(task, mm);
	const struct file *exe = TASK_READ(mm, exe_file);
	struct file_id exe_file = exe_id(task);
	struct exec_event *out;
	struct arrival arrival;
	__u32 first = 0, used;

	if (from_agent())
		return 0;
	out = bpf_map_lookup_elem(&scratch, &first);
	if (!out)
		return 0;
	arrival = event_admit(task, EVENT_exec, pair_of(&exe_file, &exe_file));
	if (!arrival.row)
		return 0;
	out->exec = (struct exec_payload){
		.exe = exe_file,
		.parent_start_boot_ns = start_boot_ns(parent),
		.parent_tgid = TASK_READ(parent, tgid),
		.uid = TASK_READ(task, cred, euid.val),
	};
	add_flags(&out->exec.flags, task, bprm);
	add_file_flags(&out->exec.flags, exe);
	used = out->exec.path_size = add_path(out, 0, &exe->f_path);
	used += out->exec.filename_size = add_filename(out, used, BPF_CORE_READ(bprm, filename));
	used += out->exec.cwd_size = add_path(out, used, &BPF_CORE_READ(task, fs)->pwd);
	used += out->exec.args_size = add_args(out, used, mm);
	if (used > sizeof(out->tail)) /* for the verifier */
		return 0;
	event_output(&out->hdr, &arrival, task, EVENT_exec,
		     sizeof(out->hdr) + sizeof(out->exec) + used);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
