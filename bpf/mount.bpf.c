// SPDX-License-Identifier: GPL-2.0-only
/* A tmpfs has an anonymous device number, which the kernel hands out again as soon as it is
 * free. Each superblock therefore gets a generation, and a verdict holds for one generation
 * only: one that user space writes late, for a superblock that has just gone, never meets its
 * successor.
 *
 * Hooks: security_sb_set_mnt_opts, which vfs_get_tree() calls for a filled superblock that
 * nobody can reach yet, and generic_shutdown_super, when nobody can reach it any more and its
 * number is not free yet. Not security_sb_free: it runs from a work queue after the number is
 * free, hence after the successor. Not kill_litter_super: gone in 7.x. Not the mount system
 * calls: one superblock may have many mounts, and fsmount(2), a clone of a namespace and a lazy
 * unmount differ.
 *
 * Also for the agent's own mounts: that rule is about events, this one about verdicts. */
#include "bpf/lib/ring.h"

struct mount_event {
	struct event_header hdr;
	struct mount_payload mount;
};

static __u32 last_generation;

/* Grows; 0 is a superblock older than this program. Without an atomic that returns its value (5.12)
 * two CPUs may read the same number, but then for two devices that live at the same time. */
static __always_inline __u32 new_generation(void)
{
	__sync_fetch_and_add(&last_generation, 1);
	return *(volatile __u32 *)&last_generation;
}

/* What was judged of the former owner of the number is over. */
static __always_inline void begin_generation(__u32 device, __u32 generation)
{
	struct device_row *row = bpf_map_lookup_elem(&devices, &device);

	if (!row)
		return;
	row->verdict = 0;
	row->generation = generation;
}

static __always_inline int emit_mount(const struct super_block *sb, __u32 op)
{
	__u32 device = BPF_CORE_READ(sb, s_dev);
	__u32 magic = BPF_CORE_READ(sb, s_magic);
	struct mount_event *event;
	__u32 generation = 0;

	if (magic != TMPFS_MAGIC)
		return 0;
	if (op == MOUNT_NEW)
		generation = new_generation();
	begin_generation(device, generation);

	if (from_agent())
		return 0;
	event = event_reserve(current_task(), EVENT_mount, sizeof(*event));
	if (!event)
		return 0;
	event->mount = (struct mount_payload){
		.device = device,
		.op = op,
		.magic = magic,
		.generation = generation,
	};
	event_submit(event, EVENT_mount);
	return 0;
}

SEC("?fentry/security_sb_set_mnt_opts")
int BPF_PROG(new_fentry, struct super_block *sb)
{
	return emit_mount(sb, MOUNT_NEW);
}

SEC("?fentry/generic_shutdown_super")
int BPF_PROG(gone_fentry, struct super_block *sb)
{
	return emit_mount(sb, MOUNT_GONE);
}

SEC("?kprobe/security_sb_set_mnt_opts")
int BPF_KPROBE(new_kprobe, struct super_block *sb)
{
	return emit_mount(sb, MOUNT_NEW);
}

SEC("?kprobe/generic_shutdown_super")
int BPF_KPROBE(gone_kprobe, struct super_block *sb)
{
	return emit_mount(sb, MOUNT_GONE);
}

char LICENSE[] SEC("license") = "GPL";
