/* SPDX-License-Identifier: GPL-2.0-only */
/* Sensitive places: what a name or an inode says, the cheapest first. */
#ifndef IDTRAIL_BPF_PLACE_H
#define IDTRAIL_BPF_PLACE_H

#include "bpf/lib/exec_file.h"
#include "bpf/lib/volume.h"

/* The first bytes of a component, NUL included; longer ones are cut. */
struct component {
	char text[16];
};

static __always_inline struct component component_of(const struct dentry *dentry)
{
	struct component name = {};

	bpf_probe_read_kernel_str(name.text, sizeof(name.text), BPF_CORE_READ(dentry, d_name.name));
	return name;
}

#define IS(name, word) (!__builtin_memcmp((name).text, word, sizeof(word)))
#define BEGINS(name, word) (!__builtin_memcmp((name).text, word, sizeof(word) - 1))

/* cron.d, cron.daily and so on; /var/spool/cron with crontabs below it, or without. */
static __always_inline bool is_cron(struct component dir, struct component above)
{
	if (BEGINS(dir, "cron."))
		return IS(above, "etc");
	if (IS(dir, "crontabs"))
		return IS(above, "cron") || IS(above, "etc");
	return IS(dir, "cron") && IS(above, "spool");
}

static __always_inline __u32 place_of_name(const struct dentry *dentry)
{
	const struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
	struct component name = component_of(dentry);
	struct component dir = component_of(parent);

	if (IS(name, "containerd.sock") || IS(name, "docker.sock") || IS(name, "crio.sock"))
		return PLACE_RUNTIME_SOCKET;
	if (BEGINS(name, "authorized_keys"))
		return PLACE_SSH_KEYS;
	if (IS(dir, "etc") && IS(name, "ld.so.preload"))
		return PLACE_PRELOAD;
	if (IS(dir, "etc") && IS(name, "crontab"))
		return PLACE_CRON;
	if (!BEGINS(dir, "cron"))
		return 0;
	return is_cron(dir, component_of(BPF_CORE_READ(parent, d_parent))) ? PLACE_CRON : 0;
}

static __always_inline bool in_credential_volume(const struct super_block *sb)
{
	return volume_of(BPF_CORE_READ(sb, s_dev)).kind == VOLUME_CREDENTIAL;
}

/* Not what lies on the upper layer: that was written after the image. */
static __always_inline bool is_program_of_image(const struct inode *inode)
{
	__u32 mode = BPF_CORE_READ(inode, i_mode);

	return inode && (mode & S_IFMT) == S_IFREG && mode & S_IXUGO && !on_upper_layer(inode);
}

/* 0 where nothing is sensitive. */
static __always_inline __u32 place_of(const struct dentry *dentry)
{
	const struct super_block *sb = BPF_CORE_READ(dentry, d_sb);
	unsigned long magic = BPF_CORE_READ(sb, s_magic);

	if (magic == TMPFS_MAGIC && in_credential_volume(sb))
		return PLACE_VOLUME;
	if (magic == OVERLAYFS_MAGIC && is_program_of_image(BPF_CORE_READ(dentry, d_inode)))
		return PLACE_IMAGE;
	return place_of_name(dentry);
}

#endif /* IDTRAIL_BPF_PLACE_H */
