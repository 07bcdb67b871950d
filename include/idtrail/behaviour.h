/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A behaviour as the cache of verdicts knows it, and that cache.
 *
 * The subject is a lineage (bpf/lib/process.h): what a process runs, how it was started and whom it
 * descends from, within one cgroup. Two processes of one lineage are the same subject; the same
 * program in an exec session is another. With it goes the cgroup at that moment, so that a process that
 * was moved leaves its verdicts behind.
 *
 * The key is a keyed hash with a secret of this boot of the agent: what collides with a known key
 * cannot be computed by a workload. Whatever is not found is sent, so eviction hides nothing.
 */
#ifndef IDTRAIL_BEHAVIOUR_H
#define IDTRAIL_BEHAVIOUR_H

#include "idtrail/siphash.h"

struct behaviour {
	__u64 cgroup_id;
	__u64 lineage;
	__u64 object[3]; /* zero for an exec or exit: the lineage says it all */
	__u8 kind; /* enum event_kind */
	__u8 reserved[7];
};
IDTRAIL_ASSERT_SIZE(struct behaviour, 48);

/* What the key is made of: with the length it fills the hash's last block. */
#define BEHAVIOUR_BYTES 41

/* A fork into the same cgroup, or into another. */
IDTRAIL_INLINE void fork_object(struct behaviour *out, __u64 child_cgroup_id)
{
	out->object[0] = child_cgroup_id ^ out->cgroup_id;
}

/* A read of one credential file, by access mode (of f_flags) and mount namespace. */
IDTRAIL_INLINE void credential_object(struct behaviour *out, const struct file_id *file,
				      __u32 volume_generation, __u32 open_flags, __u32 flags)
{
	out->object[0] = file->inode;
	out->object[1] = (__u64)file->device << 32 | file->generation;
	out->object[2] = (__u64)volume_generation << 32 | (open_flags & 3) << 16 |
			 (flags & 0xffff);
}

/* A connect to one destination with one result. The source port is none of it. So is an accept: from
 * one peer, whatever its port, on one local port. */
IDTRAIL_INLINE void connect_object(struct behaviour *out, const __u64 dst[2], __u16 dst_port,
				   __u16 family, __u16 protocol, __s32 result)
{
	out->object[0] = dst[0];
	out->object[1] = dst[1];
	out->object[2] = (__u64)dst_port << 48 | (__u64)(protocol & 0xff) << 40 |
			 (__u64)(family & 0xff) << 32 | (__u32)result;
}

/* A connect to one Unix socket, by the name that was asked for and the file that was reached. */
IDTRAIL_INLINE void unix_object(struct behaviour *out, __u64 name_key, const struct file_id *file,
				__u16 type, __s32 result, __u32 flags)
{
	out->object[0] = name_key;
	out->object[1] = file->inode ^ (__u64)file->generation << 32;
	out->object[2] = (__u64)file->device << 32 | (__u64)(type & 0xf) << 28 |
			 (__u64)(flags & 1) << 27 | ((__u32)result & 0xffff);
}

/* A connection that has ended: with one peer, on its port or, if it was accepted, on the local one.
 * Sixteen times more sent than by those that are known is another. */
IDTRAIL_INLINE void flow_object(struct behaviour *out, const __u64 peer[2], __u16 port,
				__u16 family, __u32 flow_flags, __u64 bytes_sent)
{
	__u32 size = (bytes_sent >> 12 != 0) + (bytes_sent >> 16 != 0) + (bytes_sent >> 20 != 0) +
		     (bytes_sent >> 24 != 0) + (bytes_sent >> 28 != 0) + (bytes_sent >> 32 != 0) +
		     (bytes_sent >> 36 != 0);

	out->object[0] = peer[0];
	out->object[1] = peer[1];
	out->object[2] = (__u64)port << 48 | (__u64)(family & 0xff) << 32 | (flow_flags & 0xff) << 8 |
			 size;
}

/* What starts and ends processes: its object is nothing that a workload chooses. */
IDTRAIL_INLINE int is_of_lineage(__u8 kind)
{
	return kind == EVENT_exec || kind == EVENT_fork || kind == EVENT_exit;
}

/* Of such a behaviour. A lineage is made under the secret and told to no workload, so a good mix of it
 * with the rest will do. */
IDTRAIL_INLINE __u64 lineage_key(const struct behaviour *one)
{
	__u64 key = (one->lineage ^ one->kind) * 0x9E3779B97F4A7C15ULL;

	key = (key ^ key >> 32 ^ one->cgroup_id) * 0xC2B2AE3D27D4EB4FULL;
	key = (key ^ key >> 29 ^ one->object[0]) * 0x9E3779B97F4A7C15ULL;
	return (key ^ key >> 32) | 1;
}

/* Never 0, which marks an empty place. */
IDTRAIL_INLINE __u64 behaviour_key(const struct behaviour *one, const __u64 secret[2])
{
	if (is_of_lineage(one->kind))
		return lineage_key(one);
	return siphash13((const __u64 *)one, BEHAVIOUR_BYTES, secret) | 1;
}

#define KNOWN_WAYS 8
#define KNOWN_BUCKETS 8192 /* times the ways: verdicts that fit */
#define KNOWN_SAMPLE 1024 /* one hit in so many is sent all the same: proves the cache honest */

/* A verdict's hits: in the low bits those that were only counted and are still to be harvested; above
 * them, modulo 2^24, those that are accounted for: harvested, or sent as a sample. */
#define KNOWN_PENDING_BITS 40
#define KNOWN_PENDING ((1ULL << KNOWN_PENDING_BITS) - 1)
#define KNOWN_ACCOUNTED (1ULL << KNOWN_PENDING_BITS) /* one hit of those */

/* Map `known`, shared memory: bucket key >> 1 modulo KNOWN_BUCKETS. User space writes the keys, the
 * programs the uses. */
struct known_bucket {
	__u64 keys[KNOWN_WAYS];
	__u64 uses[KNOWN_WAYS];
	/* Of connections that were only counted: what is still to be harvested. */
	__u64 bytes_sent[KNOWN_WAYS];
	__u64 bytes_received[KNOWN_WAYS];
};
IDTRAIL_ASSERT_SIZE(struct known_bucket, 256);

#endif /* IDTRAIL_BEHAVIOUR_H */
