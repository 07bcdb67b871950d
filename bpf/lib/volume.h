/* SPDX-License-Identifier: GPL-2.0-only */
/* What user space has judged a tmpfs to be. */
#ifndef IDTRAIL_BPF_VOLUME_H
#define IDTRAIL_BPF_VOLUME_H

#include "bpf/lib/maps.h"

struct volume {
	__u32 generation;
	__u32 kind; /* enum volume_kind; 0: unknown */
};

/* A verdict is that of one superblock, not of whoever has its number today: see mount.bpf.c. */
static __always_inline struct volume volume_of(__u32 device)
{
	const struct device_row *row = bpf_map_lookup_elem(&devices, &device);
	struct volume volume = {};
	union {
		struct volume_verdict verdict;
		__u64 whole;
	} judged;

	if (!row)
		return volume;
	volume.generation = row->generation;
	judged.whole = *(const volatile __u64 *)&row->verdict;
	if (judged.verdict.generation == volume.generation)
		volume.kind = judged.verdict.kind;
	return volume;
}

#endif /* IDTRAIL_BPF_VOLUME_H */
