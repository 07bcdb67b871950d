/* SPDX-License-Identifier: GPL-2.0-only */
/* What we tell of the process that acts. */
#ifndef IDTRAIL_BPF_TASK_H
#define IDTRAIL_BPF_TASK_H

#include "bpf/lib/maps.h"

/* bpf_get_current_task_btf(), whose pointer the verifier lets programs follow by plain loads, came
 * with 5.11. */
static __always_inline bool tasks_are_typed(void)
{
	return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf);
}

static __always_inline const struct task_struct *current_task(void)
{
	if (tasks_are_typed())
		return bpf_get_current_task_btf();
	return (const struct task_struct *)bpf_get_current_task();
}

/* For what is reached from a task. */
#define TASK_READ(from, ...) READ(tasks_are_typed(), from, __VA_ARGS__)

static __always_inline const struct control *control_of_agent(void)
{
	__u32 first = 0;

	return bpf_map_lookup_elem(&control, &first);
}

static __always_inline bool is_agent(const struct control *settings)
{
	return settings->agent_tgid == (__u32)(bpf_get_current_pid_tgid() >> 32);
}

static __always_inline bool from_agent(void)
{
	const struct control *settings = control_of_agent();

	return settings && is_agent(settings);
}

static __always_inline __u64 start_boot_ns(const struct task_struct *task)
{
	return TASK_READ(task, group_leader, start_boottime);
}

/* Of the version 1 hierarchy that has the controller. */
static __always_inline const struct cgroup *cgroup_v1(const struct task_struct *task,
						      __u32 controller)
{
	const struct css_set *set = TASK_READ(task, cgroups);
	const struct cgroup_subsys_state *const *place = (const void *)&set->subsys;
	const struct cgroup_subsys_state *state = NULL;
	__u32 index = controller == CGROUP_OF_MEMORY ?
			      bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id) :
			      bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id);

	bpf_probe_read_kernel(&state, sizeof(state), place + index);
	return BPF_CORE_READ(state, cgroup);
}

/* The one place that knows which hierarchy names a container. */
static __always_inline __u64 cgroup_id(const struct task_struct *task)
{
	const struct control *settings = control_of_agent();

	if (settings && settings->container_cgroup != CGROUP_UNIFIED) {
		const struct cgroup *cgrp = cgroup_v1(task, settings->container_cgroup);

		return BPF_CORE_READ(cgrp, kn, id);
	}
	return TASK_READ(task, cgroups, dfl_cgrp, kn, id);
}

static __always_inline bool is_host_mntns(const struct control *settings,
					  const struct task_struct *task)
{
	__u32 host = settings->host_mntns;

	return host && TASK_READ(task, nsproxy, mnt_ns, ns.inum) == host;
}

/* `typed` says of the inode what READ() wants to know. */
static __always_inline struct file_id file_id_of(const struct inode *inode, bool typed)
{
	return (struct file_id){
		.inode = READ(typed, inode, i_ino),
		.device = READ(typed, inode, i_sb, s_dev),
		.generation = READ(typed, inode, i_generation),
	};
}

static __always_inline struct file_id file_id(const struct inode *inode)
{
	return file_id_of(inode, false);
}

static __always_inline struct file_id exe_id(const struct task_struct *task)
{
	return file_id_of(TASK_READ(task, mm, exe_file, f_inode), tasks_are_typed());
}

#define MIX 0x9E3779B97F4A7C15ULL

/* A subject and an object in one number, never 0. No verdict hangs on it, only whether a first one
 * of a kind gets through a spent quota. */
static __always_inline __u64 pair_of(const struct file_id *exe, const struct file_id *object)
{
	__u64 subject = exe->inode * MIX ^ exe->device;

	return ((subject ^ object->inode) * MIX ^ object->device) | 1;
}

#endif /* IDTRAIL_BPF_TASK_H */
