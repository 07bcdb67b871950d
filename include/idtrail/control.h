/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The wire contract, user -> kernel: the maps that the agent writes and the programs read.
 */
#ifndef IDTRAIL_CONTROL_H
#define IDTRAIL_CONTROL_H

#include "idtrail/events.h"

/* The urgent ring holds the records of classes that cannot wait: its first one wakes the reader at
 * once, that of the bulk ring lets more gather. A flood of the one takes no room from the other. */
enum ring_name { RING_URGENT, RING_BULK, RINGS };

/* Which cgroup of a process names its container: that of the unified hierarchy, or, where version 1
 * has the controllers, that of one of them. */
enum container_cgroup { CGROUP_UNIFIED, CGROUP_OF_MEMORY, CGROUP_OF_PIDS };

/* Map `control`, one entry. */
struct control {
	__u32 agent_tgid; /* our own acts are not reported */
	__u32 host_mntns; /* inode of the first process's mount namespace; 0 where it cannot be seen */
	__u32 quota[RINGS]; /* records that one cgroup may send in one window */
	__u32 reserved_quota; /* urgent records beyond it: each the first of its (subject, object) */
	__u32 container_cgroup; /* enum container_cgroup */
	__u32 hierarchy; /* the kernel's number of its hierarchy, 0 for the unified one */
	__u32 stacks; /* not 0: a stack follows each read that is sent */
	__u32 epoch; /* of this set of programs: owner.h */
	__u32 follows_flows; /* not 0: somebody waits for the end of connections */
	__u64 secret[2]; /* of the keys of known behaviour; random at each start */
};
IDTRAIL_ASSERT_SIZE(struct control, 56);

#define WINDOW_SHIFT 30 /* of boot_ns: a window is about 1.07 s */

/* What became of an event that a hook saw: exactly one of these, or it is known and counted with its
 * verdict (behaviour.h). */
enum outcome {
	OUTCOME_DELIVERED, /* it is in a ring */
	OUTCOME_LIMITED, /* the cgroup's quota was spent */
	OUTCOME_DROPPED, /* the ring was full */
	OUTCOMES
};

struct bucket {
	__u64 window; /* boot_ns >> WINDOW_SHIFT that `spent` is of */
	__u32 spent;
	__u32 reserved;
};
IDTRAIL_ASSERT_SIZE(struct bucket, 16);

#define CGROUPS_MAX 8192 /* cgroups with a row of their own; the others share that of key 0 */

/* Map `cgroups`: cgroup id -> its books. Opened by the cgroup probe before a process can enter, by
 * user space for cgroups that stood already; closed by user space once `removed` is set and the
 * counts are read. Only ever added to, so that it can be read at any time. */
struct cgroup_row {
	__u64 counts[EVENT_KINDS][OUTCOMES];
	struct bucket buckets[RINGS];
	struct bucket reserved_bucket;
	__u64 alert_until; /* boot_ns; until then known connects are sent too */
	__u32 removed;
	__u32 has_first; /* a process came in and ran a program of its own: those after it enter */
};
IDTRAIL_ASSERT_SIZE(struct cgroup_row, 832);

/* After a credential read was sent, what follows it in its cgroup is sent too, until user space has
 * judged the read and, if it is new, has withdrawn the verdicts on the cgroup's connects. */
#define ALERT_NS 5000000000ULL

#define FIRSTS_MAX 16384 /* (subject, object) pairs that were let through a spent quota */

/* Map `losses`, by kind: whether the books are worth reading. */
struct losses {
	__u64 limited;
	__u64 dropped;
};
IDTRAIL_ASSERT_SIZE(struct losses, 16);

/* Map `flow_counts`: connections that were remembered, and those of them that were let go. Where
 * the two are equal none is open, and the table of them, which is dear to look through, is empty. */
struct flow_counts {
	__u64 begun;
	__u64 ended;
};
IDTRAIL_ASSERT_SIZE(struct flow_counts, 16);

/* Map `syscall_counts`: what the sets of system calls could not tell apart, or keep. */
struct syscall_counts {
	__u64 larger; /* calls by a number that the table does not have: only the first is sent */
	__u64 evicted; /* words that were pushed out: their calls are sent again */
};
IDTRAIL_ASSERT_SIZE(struct syscall_counts, 16);

enum volume_kind {
	VOLUME_OTHER = 1, /* a tmpfs that user space looked at and that holds no credential: skipped */
	VOLUME_CREDENTIAL = 2, /* projected, secret or CSI volume: every read is reported */
};

struct volume_verdict {
	__u32 kind; /* enum volume_kind; 0: none */
	__u32 generation; /* of the superblock that it was found for */
};
IDTRAIL_ASSERT_SIZE(struct volume_verdict, 8);

/* Map `devices`, shared memory, by device number: a tmpfs has an anonymous one (major 0), and the
 * kernel hands out the lowest that is free. One that is larger has no entry: it is unknown, and its
 * opens are sent.
 *
 * The mount probe writes the generation when a tmpfs superblock comes, 0 when it goes, and takes the
 * verdict away both times; generation 0 is a superblock that is older than the probe. User space
 * writes the verdict, which counts while its generation is the device's: one that was found for the
 * former owner of a reused number never applies. Mount and credential records carry the generation;
 * where there was neither, user space reads it here before it looks at the mount. */
#define DEVICES_MAX 65536

struct device_row {
	__u64 verdict; /* struct volume_verdict: written and read in one piece */
	__u32 generation;
	__u32 reserved;
};
IDTRAIL_ASSERT_SIZE(struct device_row, 16);

#endif /* IDTRAIL_CONTROL_H */
