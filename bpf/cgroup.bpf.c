// SPDX-License-Identifier: GPL-2.0-only
/* Hook: the cgroup_mkdir and cgroup_rmdir tracepoints, which hand over the path below the
 * hierarchy's root. A directory made is seen before any process can be moved into it. Not
 * cgroup_attach_task: it comes once per moved process, and too late for one cloned into its
 * cgroup. */
#include "bpf/lib/ring.h"

struct cgroup_event {
	struct event_header hdr;
	struct cgroup_payload cgroup;
	char path[EVENT_PATH_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2); /* one for each program: rmdir may come while mkdir is at work */
	__type(key, __u32);
	__type(value, struct cgroup_event);
} scratch SEC(".maps");

/* Beside the unified hierarchy each v1 controller has one of its own: see cgroup_id(). */
static __always_inline bool names_containers(const struct cgroup *cgrp)
{
	const struct control *settings = control_of_agent();

	return settings && (__u32)cgrp->root->hierarchy_id == settings->hierarchy;
}

static const struct cgroup_row empty_row;

/* Before a process can enter, so that none of its events is on another's books. */
static __always_inline void open_row(__u64 id)
{
	bpf_map_update_elem(&cgroups, &id, &empty_row, BPF_NOEXIST);
}

static __always_inline void mark_removed(__u64 id)
{
	struct cgroup_row *row = bpf_map_lookup_elem(&cgroups, &id);

	if (row)
		row->removed = 1;
}

static __always_inline int emit_cgroup(const struct cgroup *cgrp, const char *path, __u32 op)
{
	__u32 slot = op == CGROUP_MADE ? 0 : 1;
	struct cgroup_event *event;
	struct arrival arrival;
	long size = 0;

	if (!names_containers(cgrp))
		return 0;
	if (op == CGROUP_MADE)
		open_row(cgrp->kn->id);
	else
		mark_removed(cgrp->kn->id);
	event = bpf_map_lookup_elem(&scratch, &slot);
	if (from_agent() || !event)
		return 0;
	arrival = event_admit(current_task(), EVENT_cgroup, cgrp->kn->id);
	if (!arrival.row)
		return 0;
	if (op == CGROUP_MADE)
		size = bpf_probe_read_kernel_str(event->path, sizeof(event->path), path);
	if (size < 0 || size > EVENT_PATH_MAX) /* for the verifier */
		size = 0;
	event->cgroup = (struct cgroup_payload){
		.id = cgrp->kn->id,
		.parent_id = BPF_CORE_READ(cgrp, self.parent, cgroup, kn, id),
		.op = op,
		.level = cgrp->level,
		.path_size = size,
	};
	event_output(&event->hdr, &arrival, current_task(), EVENT_cgroup,
		     sizeof(event->hdr) + sizeof(event->cgroup) + size);
	return 0;
}

SEC("?tp_btf/cgroup_mkdir")
int BPF_PROG(mkdir_tp, struct cgroup *cgrp, const char *path)
{
	return emit_cgroup(cgrp, path, CGROUP_MADE);
}

SEC("?tp_btf/cgroup_rmdir")
int BPF_PROG(rmdir_tp, struct cgroup *cgrp)
{
	return emit_cgroup(cgrp, NULL, CGROUP_REMOVED);
}

char LICENSE[] SEC("license") = "GPL";
