/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Which of several sets of programs reports, and for how long without an agent. Sets of other
 * builds read and write it as well, so this layout never changes: new fields take reserved ones.
 */
#ifndef IDTRAIL_OWNER_H
#define IDTRAIL_OWNER_H

#include "idtrail/events.h"

/* Map `owner`, one entry, shared memory. Written by the agent, but for `unattended`. */
struct owner {
	__u64 epoch; /* of the set that reports (struct control); the others are silent */
	__u64 alive_boot_ns; /* when an agent last lived */
	__u64 patience_ns; /* so long after it the set falls silent; 0: never */
	__u64 unattended; /* events since then: of no use to anybody, hence only counted */
	__u64 losses; /* limited and dropped, when the agent last lived */
	__u64 raised; /* findings of the agent that lives, since it began */
	__u64 delivered; /* of those, what every sink was offered */
	__u64 reserved;
};
IDTRAIL_ASSERT_SIZE(struct owner, 64);

#endif /* IDTRAIL_OWNER_H */
