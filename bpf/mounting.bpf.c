// SPDX-License-Identifier: GPL-2.0-only
/* What processes do to the tree of mounts; mount.bpf.c follows tmpfs superblocks for their numbers.
 *
 * Hooks: the exit of path_mount, which mount(2) calls with the kernel's copies and which knows how
 * it ended; security_move_mount, through which what fsmount(2) and open_tree(2) made becomes
 * visible; security_sb_umount. Not security_sb_mount: it comes before the check of the right. Not
 * do_move_mount: inlined in 7.x. Not path_umount at its exit: a mount that has gone has no place
 * any more. So of the last two the attempt, after the right was checked: without CAP_SYS_ADMIN it
 * is a denied capability. */
#include "bpf/lib/privilege.h"

#include <linux/mount.h>

#define TYPE_BYTES 16 /* those of privilege_payload.args */
/* mount(2) does something else than a new mount and does not look at the type. */
#define MS_NO_TYPE                                                                \
	(MS_REMOUNT | MS_BIND | MS_MOVE | MS_UNBINDABLE | MS_PRIVATE | MS_SLAVE | \
	 MS_SHARED)

static __always_inline const struct dentry *place_of(const struct vfsmount *mnt)
{
	const struct mount *mount = (const void *)mnt - bpf_core_field_offset(struct mount, mnt);

	return BPF_CORE_READ(mount, mnt_mountpoint);
}

static __always_inline const struct dentry *place_at(const struct path *path)
{
	const struct dentry *dentry = BPF_CORE_READ(path, dentry);
	const struct vfsmount *mnt = BPF_CORE_READ(path, mnt);

	return dentry == BPF_CORE_READ(mnt, mnt_root) ? place_of(mnt) : dentry;
}

static __always_inline int emit_mounting(__u16 op, const struct dentry *place, const char *type,
					 __u32 flags, int result)
{
	struct privilege_event *event = privilege_reserve(EVENT_mounting, op, result);

	if (!event)
		return 0;
	event->privilege.flags = flags;
	if (op != MOUNTING_MOUNT && !result)
		event->privilege.marks = PRIVILEGE_RESULT_UNKNOWN;
	bpf_probe_read_kernel_str(event->privilege.name, EVENT_NAME_MAX,
				  BPF_CORE_READ(place, d_name.name));
	if (type)
		bpf_probe_read_kernel_str(event->privilege.args, TYPE_BYTES, type);
	event_submit(event, EVENT_mounting);
	return 0;
}

static __always_inline const char *type_of(const struct vfsmount *mnt)
{
	return BPF_CORE_READ(mnt, mnt_sb, s_type, name);
}

/* The type is any text of the caller's until a mount of it has succeeded. */
SEC("?fexit/path_mount")
int BPF_PROG(mount_fexit, const char *source, struct path *path, const char *type,
	     unsigned long flags, const void *options, int result)
{
	return emit_mounting(MOUNTING_MOUNT, place_at(path),
			     result || flags & MS_NO_TYPE ? NULL : type, flags, result);
}

SEC("?fexit/security_move_mount")
int BPF_PROG(move_fexit, struct path *from, struct path *to, int result)
{
	return emit_mounting(MOUNTING_MOVE, place_at(to), type_of(BPF_CORE_READ(from, mnt)), 0,
			     result);
}

SEC("?fexit/security_sb_umount")
int BPF_PROG(umount_fexit, struct vfsmount *mnt, int flags, int result)
{
	return emit_mounting(MOUNTING_UNMOUNT, place_of(mnt), type_of(mnt), flags, result);
}

char LICENSE[] SEC("license") = "GPL";
