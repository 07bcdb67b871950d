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
	__u32 host_mntns; /* inode of the first process's mount namespace; 0 where it cannot be seen */
};
IDTRAIL_ASSERT_SIZE(struct control, 8);

enum volume_kind {
	VOLUME_OTHER = 1, /* a tmpfs that user space looked at and that holds no credential: skipped */
	VOLUME_CREDENTIAL = 2, /* projected, secret or CSI volume: every read is reported */
};

#define VOLUMES_MAX 4096 /* devices with a verdict, and with a generation */

/* Map `generations`: device -> __u32, written by the mount probe when a tmpfs superblock comes
 * and removed when it goes. No entry is generation 0: the superblock is older than the probe.
 *
 * Map `volumes`: device -> verdict. It counts while its generation is the device's, so a verdict
 * that was found for the former owner of a reused device number never applies; a device without
 * one is unknown and its opens are sent. The mount probe deletes the entry when the superblock
 * comes or goes. Mount and credential records carry the generation; where there was neither,
 * user space reads it from `generations` before it looks at the mount. */
struct volume_verdict {
	__u32 kind; /* enum volume_kind */
	__u32 generation; /* of the superblock that it was found for */
};
IDTRAIL_ASSERT_SIZE(struct volume_verdict, 8);

#endif /* IDTRAIL_CONTROL_H */
