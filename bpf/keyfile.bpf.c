// SPDX-License-Identifier: GPL-2.0-only
/* Hook: the exit of environ_open, with its result: who looks at the environment of another process,
 * where secrets often lie. Not ptrace_may_access: every ps passes it. Not security_file_open:
 * the right to look is checked after it. Twin: a kprobe, which sees the attempt only.
 *
 * Files that are keys by their names are seen by credential.bpf.c: see lib/keyfile.h. */
#include "bpf/lib/keyfile.h"

/* In the initial pid namespace, whatever namespace the /proc is of. */
static __always_inline __u32 tgid_of(const struct inode *inode)
{
	const struct proc_inode *proc =
		(const void *)inode - bpf_core_field_offset(struct proc_inode, vfs_inode);

	return BPF_CORE_READ(proc, pid, numbers[0].nr);
}

static __always_inline int on_environ(void *ctx, const struct file *file, int result,
				      __u32 flags)
{
	struct key_read read = {
		.file = file,
		.flags = flags,
		.sort = KEY_ENVIRON,
		.result = result,
		.target_tgid = tgid_of(BPF_CORE_READ(file, f_inode)),
	};

	if (read.target_tgid == bpf_get_current_pid_tgid() >> 32 || from_agent())
		return 0;
	return emit_keyfile(ctx, &read);
}

SEC("?fexit/environ_open")
int BPF_PROG(environ_fexit, struct inode *inode, struct file *file, int result)
{
	return on_environ(ctx, file, result, 0);
}

SEC("?kprobe/environ_open")
int BPF_KPROBE(environ_kprobe, struct inode *inode, struct file *file)
{
	return on_environ(ctx, file, 0, CREDENTIAL_RESULT_UNKNOWN);
}

char LICENSE[] SEC("license") = "GPL";
