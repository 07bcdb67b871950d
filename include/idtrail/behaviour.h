/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A behaviour as the cache of verdicts knows it, and that cache.
 *
 * The subject is one process that runs one executable in one cgroup: whatever else tells subjects
 * apart (lineage, script, exec session) is settled for a process by then, so the same program in
 * another process, from an exec session above all, is another key and never finds this one's
 * verdict, nor does a process that was moved into another container. Short-lived processes are
 * therefore always sent.
 *
 * The key is a keyed hash with a secret of this boot of the agent: what collides with a known key
 * cannot be computed by a workload. Whatever is not found is sent, so eviction hides nothing.
 */
#ifndef IDTRAIL_BEHAVIOUR_H
#define IDTRAIL_BEHAVIOUR_H

#include "idtrail/siphash.h"

struct behaviour {
	__u64 cgroup_id;
	__u64 start_boot_ns; /* of the process, with its tgid */
	struct file_id exe;
	__u64 object[3];
	__u32 tgid;
	__u8 kind; /* enum event_kind */
	__u8 reserved[3];
};
IDTRAIL_ASSERT_SIZE(struct behaviour, 64);

/* What the key is made of: with the length it fills the hash's last block. */
#define BEHAVIOUR_BYTES 61

/* A read of one credential file, by access mode (of f_flags) and mount namespace. */
IDTRAIL_INLINE void credential_object(struct behaviour *out, const struct file_id *file,
				      __u32 volume_generation, __u32 open_flags, __u32 flags)
{
	out->object[0] = file->inode;
	out->object[1] = (__u64)file->device << 32 | file->generation;
	out->object[2] = (__u64)volume_generation << 32 | (open_flags & 3) << 16 |
			 (flags & 0xffff);
}

/* A connect to one destination with one result. The source port is none of it. */
IDTRAIL_INLINE void connect_object(struct behaviour *out, const __u64 dst[2], __u16 dst_port,
				   __u16 family, __u16 protocol, __s32 result)
{
	out->object[0] = dst[0];
	out->object[1] = dst[1];
	out->object[2] = (__u64)dst_port << 48 | (__u64)(protocol & 0xff) << 40 |
			 (__u64)(family & 0xff) << 32 | (__u32)result;
}

/* Never 0, which marks an empty place. */
IDTRAIL_INLINE __u64 behaviour_key(const struct behaviour *one, const __u64 secret[2])
{
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
};
IDTRAIL_ASSERT_SIZE(struct known_bucket, 128);

#endif /* IDTRAIL_BEHAVIOUR_H */
