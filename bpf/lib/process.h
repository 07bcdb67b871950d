/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is kept of each process: what it runs, how that was started and whom it descends from, folded
 * into one number, its lineage. Processes of one lineage are the same subject, so that a verdict on
 * one holds for the next, and a record of a process that user space never heard of says who it is.
 *
 * A lineage begins with a process that nobody saw start: with a number of its own. A child has its
 * parent's. An exec folds the nearest ancestor's with the cgroup, the file, the name that was asked
 * for and what else tells subjects apart, under the agent's secret: nobody can aim at another's.
 *
 * The rows are a cache. Its process takes up a row that is not there, or was pushed out, with a
 * lineage that nobody has judged: what is lost is sent. No lock: a row that two wrote at once fails
 * its check, and is none.
 */
#ifndef IDTRAIL_BPF_PROCESS_H
#define IDTRAIL_BPF_PROCESS_H

#include "bpf/lib/task.h"

static __always_inline const struct file *exe_of(const struct task_struct *task)
{
	return TASK_READ(task, mm, exe_file);
}

/* What a row holds but for the file: if that is another's, its process will be found to run another. */
struct process {
	__u64 start_boot_ns;
	__u64 lineage;
	__u64 ancestor;
	__u64 cgroup_id;
	__u64 tree_start_boot_ns;
	__u32 tgid;
	__u32 tree_tgid;
	__u32 marks;
};

/* Of a struct process, or of a row as it stands: a macro, since the stack has no room for a copy. */
#define CHECK_OF(one)                                                                              \
	((one)->start_boot_ns + (one)->lineage * 3 + (one)->ancestor * 5 + (one)->cgroup_id * 7 +  \
	 (one)->tree_start_boot_ns * 13 + (one)->tgid * 17ULL +                                    \
	 (one)->tree_tgid * 0x1900000000ULL + (one)->marks * 23ULL)

/* Whether the row is one process's, and not two's. */
static __always_inline bool is_whole(const struct process_row *from)
{
	const volatile struct process_row *row = from;

	return row->check == CHECK_OF(row);
}

/* Each field is read once. */
static __always_inline struct process process_in(const struct process_row *from)
{
	const volatile struct process_row *row = from;

	return (struct process){
		.start_boot_ns = row->start_boot_ns,
		.lineage = row->lineage,
		.ancestor = row->ancestor,
		.cgroup_id = row->cgroup_id,
		.tree_start_boot_ns = row->tree_start_boot_ns,
		.tgid = row->tgid,
		.tree_tgid = row->tree_tgid,
		.marks = row->marks,
	};
}

/* The check is that of what is meant, never of what stands there: another may write at the same time. */
static __always_inline void write_row(struct process_row *to, const struct process *one,
				      const struct file *exe, __u32 unheard)
{
	volatile struct process_row *row = to;

	row->start_boot_ns = 0;
	row->lineage = one->lineage;
	row->ancestor = one->ancestor;
	row->cgroup_id = one->cgroup_id;
	to->exe = (__u64)exe;
	row->tree_start_boot_ns = one->tree_start_boot_ns;
	row->tgid = one->tgid;
	row->tree_tgid = one->tree_tgid;
	row->marks = one->marks;
	row->unheard = unheard;
	row->check = CHECK_OF(one);
	row->start_boot_ns = one->start_boot_ns;
}

static __always_inline struct process_row *process_row(__u32 slot)
{
	return bpf_map_lookup_elem(&processes, &slot);
}

/* Of the process with this number that began then, or at any time if that is 0; PROCESS_NONE, whose
 * row stays zero, where it has none. Not static, so that the verifier checks it by itself and once.
 * Such a function takes no pointer before 5.12. */
__noinline __u32 process_slot(__u32 tgid, __u64 start)
{
	__u32 slot = tgid % PROCESS_BUCKETS * PROCESS_WAYS;

#pragma unroll
	for (int way = 0; way < PROCESS_WAYS; way++, slot++) {
		const struct process_row *row = process_row(slot);

		if (row && row->tgid == tgid && row->start_boot_ns &&
		    (!start || row->start_boot_ns == start) && is_whole(row))
			return slot;
	}
	return PROCESS_NONE;
}

/* Of one that lives, whoever it is; 0 where none is kept. */
static __always_inline __u64 lineage_of(__u32 tgid)
{
	const struct process_row *row = process_row(process_slot(tgid, 0));

	return row ? row->lineage : 0;
}

/* NULL where there is none. */
static __always_inline struct process_row *own_row(const struct task_struct *task)
{
	__u32 slot = process_slot(bpf_get_current_pid_tgid() >> 32, start_boot_ns(task));

	return slot < PROCESS_NONE ? process_row(slot) : NULL;
}

/* Free, or of a process that goes without from now on. */
__noinline __u32 free_slot(__u32 tgid)
{
	__u32 slot = tgid % PROCESS_BUCKETS * PROCESS_WAYS;
	const struct process_row *one = process_row(slot);
	const struct process_row *other = process_row(slot + 1);

	if (!one || !other || !one->start_boot_ns)
		return slot;
	return !other->start_boot_ns || (tgid / PROCESS_BUCKETS) & 1 ? slot + 1 : slot;
}

/* Of the first process of a PID namespace of its own, as that of a container is. */
static __always_inline bool is_namespace_init(const struct task_struct *task)
{
	const struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level);
	int number = 0;

	if (!level)
		return false;
	bpf_probe_read_kernel(&number, sizeof(number),
			      (const void *)pid + bpf_core_field_offset(struct pid, numbers) +
				      level * bpf_core_type_size(struct upid));
	return number == 1;
}

/* Unlike any other: of this process at this moment. No array of the words: the stack has no room. */
static __always_inline __u64 lineage_alone(__u64 start, __u32 tgid, const __u64 secret[2])
{
	struct sip_state state = sip_begin(secret);

	sip_absorb(&state, start);
	sip_absorb(&state, tgid);
	sip_absorb(&state, bpf_ktime_get_boot_ns());
	return sip_end(&state, 3ULL << 56) | 1;
}

/* Another agent's says nothing: the one that lives may know the process from its start. */
static __always_inline __u32 unheard_by(const struct control *settings)
{
	return (__u32)settings->secret[0] | 1;
}

/* The current process has no row, or none of what it runs: makes it one. User space knows the process
 * from the start, or is about to hear of it. */
static __always_inline void adopt(struct process_row *row, const struct task_struct *task,
				  const struct control *settings)
{
	__u64 start = start_boot_ns(task);
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	__u64 lineage = lineage_alone(start, tgid, settings->secret);
	struct process one = {
		.start_boot_ns = start,
		.lineage = lineage,
		.ancestor = lineage,
		.cgroup_id = cgroup_id(task),
		.tree_start_boot_ns = start,
		.tgid = tgid,
		.tree_tgid = tgid,
	};

	if (is_host_mntns(settings, task))
		one.marks |= PROCESS_HOST_MNTNS;
	if (is_namespace_init(task))
		one.marks |= PROCESS_ROOT;
	write_row(row, &one, exe_of(task), 0);
}

/* Of the current process, which has a row from then on. */
static __always_inline __u32 own_slot_now(void)
{
	const struct control *settings = control_of_agent();
	const struct task_struct *task = current_task();
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	__u32 slot = process_slot(tgid, start_boot_ns(task));
	bool is_new = slot == PROCESS_NONE;
	struct process_row *row;

	if (is_new)
		slot = free_slot(tgid);
	row = process_row(slot);
	if (row && settings && (is_new || (const struct file *)row->exe != exe_of(task)))
		adopt(row, task, settings);
	return slot;
}

/* Null never, but for the verifier. */
static __always_inline struct process_row *own_row_now(void)
{
	return process_row(own_slot_now());
}

/* Its lineage. Not static: see process_slot(). */
__noinline __u64 own_lineage(void)
{
	const struct process_row *row = own_row_now();

	return row ? row->lineage : 0;
}

#endif /* IDTRAIL_BPF_PROCESS_H */
