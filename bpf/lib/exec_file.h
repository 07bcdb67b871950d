/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the file that runs comes from. */
#ifndef IDTRAIL_BPF_EXEC_FILE_H
#define IDTRAIL_BPF_EXEC_FILE_H

#include "bpf/lib/task.h"
#include "idtrail/events.h"

/* overlayfs is a module, so its types are not in vmlinux BTF. struct ovl_inode has carried
 * `struct inode vfs_inode; struct dentry *__upperdentry;` next to each other since 4.13. */
static __always_inline bool on_upper_layer(const struct inode *overlay_inode)
{
	const void *upper = NULL;

	bpf_probe_read_kernel(&upper, sizeof(upper),
			      (const void *)overlay_inode + bpf_core_type_size(struct inode));
	return upper;
}

static __always_inline bool has_no_name(const struct file *exe, const struct inode *inode)
{
	return !TASK_READ(inode, i_nlink) || !TASK_READ(exe, f_path.dentry, d_hash.pprev);
}

/* `exe` was reached from a task; `inode` is its. Into memory, not a register: the verifier would follow every mix of
 * flags through what comes next. */
static __always_inline void add_file_flags(__u32 *flags, const struct file *exe,
					   const struct inode *inode)
{
	const struct super_block *sb = TASK_READ(inode, i_sb);
	unsigned long magic = TASK_READ(sb, s_magic);

	if (TASK_READ(sb, s_flags) & SB_KERNMOUNT) {
		*flags |= EXEC_MEMFD;
		return;
	}
	if (has_no_name(exe, inode))
		*flags |= EXEC_DELETED;
	if (magic == TMPFS_MAGIC)
		*flags |= EXEC_TMPFS;
	if (magic == OVERLAYFS_MAGIC)
		*flags |= on_upper_layer(inode) ? EXEC_OVERLAY | EXEC_UPPER : EXEC_OVERLAY;
}

#endif /* IDTRAIL_BPF_EXEC_FILE_H */
