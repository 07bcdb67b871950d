/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The wire contract, user -> kernel: the maps that the agent writes and the programs read.
 */
#ifndef IDTRAIL_CONTROL_H
#define IDTRAIL_CONTROL_H

#include "idtrail/events.h"

/* Map `control`, one entry. */
struct control {
	__u32 agent_tgid; /* our own acts are not reported */
	__u32 reserved;
};
IDTRAIL_ASSERT_SIZE(struct control, 8);

enum volume_kind {
	VOLUME_OTHER = 1, /* a tmpfs that user space looked at and that holds no credential: skipped */
	VOLUME_CREDENTIAL = 2, /* projected, secret or CSI volume: every read is reported */
};

/* Map `volumes`: device -> verdict. A device without an entry is unknown and its opens are sent.
 * The mount probe deletes the entry when the superblock comes or goes. */
struct volume_verdict {
	__u32 kind; /* enum volume_kind */
	__u32 generation; /* the writer's counter, handed back in credential records */
};
IDTRAIL_ASSERT_SIZE(struct volume_verdict, 8);

#endif /* IDTRAIL_CONTROL_H */
