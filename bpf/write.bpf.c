// SPDX-License-Identifier: GPL-2.0-only
/* Hooks: the security_path_* of rename, link and symlink, which know the mount and hence the whole
 * path. Not security_inode_*: no mount, and overlayfs comes by a second time for the layer below.
 * Price: the right to rename or link is checked after them, so these three tell of attempts, and
 * they need CONFIG_SECURITY_PATH, which AppArmor and Landlock bring. Not vfs_write: once per write.
 * Twin: kprobes.
 *
 * Files that are opened to be written are seen by credential.bpf.c: see lib/write.h. */
#include "bpf/lib/write.h"

/* A new name, and what had another before or has it still. */
static __always_inline int on_name(__u32 op, const struct path *dir, const struct dentry *dentry,
				   const struct dentry *from)
{
	struct act act = { .mnt = BPF_CORE_READ(dir, mnt), .dentry = dentry, .op = op };
	__u32 place = place_of(dentry), slot;

	if (!place && from) {
		act.dentry = from;
		act.flags = WRITE_FROM;
		place = op == WRITE_LINK ? place_of_name(from) : place_of(from);
	}
	if (!place)
		return 0;
	slot = enter_walk();
	if (slot < WALKS)
		emit_write(&act, place, slot);
	else
		event_drop(EVENT_write);
	leave_walk(slot);
	return 0;
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
