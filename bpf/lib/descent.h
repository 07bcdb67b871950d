/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lineage that an exec begins. Into it goes what tells subjects apart: the nearest ancestor's
 * lineage, the cgroup, the file, its origin, terminal and mount namespace, and the name that was
 * asked for, which is an applet's or a script's.
 *
 * A process that came into its cgroup, or leaves the host's mount namespace as a container's
 * processes do when the runtime hands over, stands at the top of a tree. Its own lineage until then
 * takes the ancestor's place, and its arguments count, since they say what it is for (a probe's
 * command, or a person's). The first of a cgroup is never the same as one that enters later.
 */
#ifndef IDTRAIL_BPF_DESCENT_H
#define IDTRAIL_BPF_DESCENT_H

#include "bpf/lib/ledger.h"
#include "bpf/lib/process.h"
#include "bpf/lib/words.h"

#include <stddef.h>

#define DESCENT_NAME_MAX 128 /* NUL included; what is longer makes a lineage that never comes again */
#define DESCENT_ARGS_MAX 256 /* likewise */

#define DESCENT_FIRST (1ULL << 16)

struct descent {
	__u64 from;
	__u64 cgroup_id;
	__u64 exe[2];
	__u64 what; /* enum exec_flag, DESCENT_FIRST, size of args << 32 */
	__u64 alone; /* not 0: like no other */
	char name[DESCENT_NAME_MAX];
	char args[DESCENT_ARGS_MAX]; /* at the top only */
};

#define DESCENT_NAME_WORD 6
#define DESCENT_ARGS_WORD (DESCENT_NAME_WORD + DESCENT_NAME_MAX / 8)
#define DESCENT_WORDS (DESCENT_ARGS_WORD + DESCENT_ARGS_MAX / 8)
_Static_assert(offsetof(struct descent, name) == 8 * DESCENT_NAME_WORD, "words and fields agree");
_Static_assert(sizeof(struct descent) == 8 * DESCENT_WORDS, "likewise");

#define TAIL_OFFSET_MASK 4095 /* three paths at most before the last part; for the verifier */

struct exec_event {
	struct event_header hdr;
	struct exec_payload exec;
	char tail[TAIL_OFFSET_MASK + 1 + EVENT_ARGS_MAX];
};

_Static_assert(3 * EVENT_PATH_MAX <= TAIL_OFFSET_MASK, "the paths fit before the arguments");
_Static_assert(sizeof(struct exec_event) <= EVENT_RECORD_MAX, "a record fits");

union descent_words {
	struct descent of;
	__u64 words[DESCENT_WORDS];
};

struct exec_scratch {
	union descent_words descent;
	__u64 count; /* of its words in which something stands */
	__u64 filename; /* a pointer; by way of a map it is a number to the verifier */
	struct exec_event event;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct exec_scratch);
} scratch SEC(".maps");

#define DESCENT_MEMOS 64 /* a power of two */

/* Lineages that were worked out on this CPU, since that is dear and most of them come again. Those of
 * what stands at no top: its words end before the arguments. An exec is never seen amid another on
 * the same CPU, so nothing interleaves. */
struct descent_memo {
	__u64 words[DESCENT_ARGS_WORD];
	__u64 secret; /* the agent's at that time */
	__u64 count;
	__u64 lineage;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DESCENT_MEMOS);
	__type(key, __u32);
	__type(value, struct descent_memo);
} descent_memos SEC(".maps");

/* Of the first `count` words. Not static: see process_slot(). */
__noinline __u64 fold_descent(__u32 count)
{
	const struct control *settings = control_of_agent();
	__u32 first = 0;
	const struct exec_scratch *in = bpf_map_lookup_elem(&scratch, &first);
	struct sip_state state;

	if (!in || !settings)
		return 0;
	state = sip_begin(settings->secret);
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < DESCENT_WORDS; i++) {
		if (i >= count)
			break;
		sip_absorb(&state, in->descent.words[i]);
	}
	return sip_end(&state, (__u64)count << 56) | 1;
}

static __always_inline __u64 difference(const struct descent_memo *memo,
					const struct exec_scratch *in, __u64 secret)
{
	__u64 different = (memo->secret ^ secret) | (memo->count ^ in->count);

#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < DESCENT_ARGS_WORD; i++) {
		if (i >= in->count)
			break;
		different |= memo->words[i] ^ in->descent.words[i];
	}
	return different;
}

/* Of the words in which something stands, from the memo where it has them. */
__noinline __u64 recall_descent(void)
{
	const struct control *settings = control_of_agent();
	__u32 first = 0, index;
	const struct exec_scratch *in = bpf_map_lookup_elem(&scratch, &first);
	struct descent_memo *memo;

	if (!in || !settings)
		return 0;
	index = ((in->descent.of.from ^ in->descent.of.exe[0] ^ in->descent.of.what) * MIX) >> 58;
	memo = bpf_map_lookup_elem(&descent_memos, &index);
	if (!memo)
		return 0;
	if (!difference(memo, in, settings->secret[0]))
		return memo->lineage;
	__builtin_memcpy(memo->words, in->descent.words, sizeof(memo->words));
	memo->secret = settings->secret[0];
	memo->count = in->count;
	memo->lineage = fold_descent(in->count);
	return memo->lineage;
}

/* Whether nobody else ran a program of its own in the cgroup before. */
static __always_inline bool take_first(__u64 cgroup_id)
{
	struct cgroup_row *row = row_of(cgroup_id);

	if (!row || row->has_first)
		return false;
	row->has_first = 1;
	return true;
}

/* The name as it lies in memory, by words. What stands behind it is of no account. The count goes by
 * memory, since the verifier would follow each. */
static __always_inline void add_name(struct exec_scratch *to, const char *filename)
{
	struct descent *of = &to->descent.of;

	if (bpf_probe_read_kernel(of->name, sizeof(of->name), filename)) {
		/* It lies at the end of the memory that can be read. */
		__builtin_memset(of->name, 0, sizeof(of->name));
		bpf_probe_read_kernel_str(of->name, sizeof(of->name), filename);
	}
	to->count = 0;
#pragma clang loop unroll(disable)
	for (__u32 i = DESCENT_NAME_WORD; i < DESCENT_ARGS_WORD; i++) {
		__u64 word = to->descent.words[i];

		if (ends_of(word)) {
			to->descent.words[i] = until_end(word);
			to->count = i + 1;
			break;
		}
	}
	barrier();
	if (to->count)
		return;
	to->count = DESCENT_NAME_WORD;
	of->alone = 1;
}

/* All words count from now on: zero where nothing stands. */
__noinline int take_all_words(void)
{
	__u32 first = 0;
	struct exec_scratch *to = bpf_map_lookup_elem(&scratch, &first);
	__u64 count;

	if (!to)
		return 0;
	count = to->count;
#pragma clang loop unroll(disable)
	for (__u32 i = DESCENT_NAME_WORD; i < DESCENT_WORDS; i++)
		to->descent.words[i] &= (__s64)(i - count) >> 63; /* no branch, as in is_not_zero() */
	to->count = DESCENT_WORDS;
	return 0;
}

static __always_inline void add_args_of_top(struct descent *to, const struct task_struct *task)
{
	const struct mm_struct *mm = TASK_READ(task, mm);
	unsigned long start = BPF_CORE_READ(mm, arg_start);
	unsigned long size = BPF_CORE_READ(mm, arg_end) - start;

	if (size > DESCENT_ARGS_MAX || bpf_probe_read_user(to->args, size, (const void *)start))
		to->alone = 1;
	to->what |= size << 32;
}

/* `one` is what the process was until now. */
static __always_inline void begin_lineage(struct process *one, const struct descent *of,
					  __u32 exec_flags, __u64 lineage)
{
	__u32 outside = exec_flags & EXEC_HOST_MNTNS ? PROCESS_HOST_MNTNS : 0;
	bool is_root = outside || of->what & DESCENT_FIRST;

	one->lineage = lineage;
	one->cgroup_id = of->cgroup_id;
	if (exec_flags & EXEC_TOP) {
		one->tree_start_boot_ns = one->start_boot_ns;
		one->tree_tgid = one->tgid;
		one->marks = PROCESS_TOP | (is_root ? PROCESS_ROOT : 0);
	}
	one->marks = (one->marks & ~PROCESS_HOST_MNTNS) | outside;
}

static __always_inline bool comes_to_top(const struct process *one, const struct descent *of,
					 __u32 exec_flags)
{
	return one->cgroup_id != of->cgroup_id ||
	       (one->marks & PROCESS_HOST_MNTNS && !(exec_flags & EXEC_HOST_MNTNS));
}

/* The current process runs what is told of the exec so far, in the cgroup that is told: gives it the
 * lineage that it has from now on, and adds what there is to say of that. Returns the lineage. Not
 * static: see process_slot(). */
__noinline __u64 descend(void)
{
	const struct task_struct *task = current_task();
	__u32 first = 0;
	struct exec_scratch *room = bpf_map_lookup_elem(&scratch, &first);
	struct process_row *row = own_row(task); /* what it ran until now is no matter */
	struct exec_payload *exec;
	struct descent *of;
	struct process one;

	if (!row)
		row = own_row_now();
	if (!room || !row)
		return 0;
	one = process_in(row);
	of = &room->descent.of;
	exec = &room->event.exec;
	of->what = of->alone = 0;
	of->exe[0] = exec->exe.inode;
	of->exe[1] = (__u64)exec->exe.device << 32 | exec->exe.generation;
	if (comes_to_top(&one, of, exec->flags))
		exec->flags |= EXEC_TOP;
	if (exec->flags & EXEC_TOP || one.marks & PROCESS_TOP)
		exec->flags |= EXEC_FROM_OWN;
	of->from = exec->ancestor = exec->flags & EXEC_FROM_OWN ? one.lineage : one.ancestor;
	of->what = exec->flags;
	add_name(room, (const void *)room->filename);
	if (exec->flags & EXEC_TOP) {
		take_all_words();
		add_args_of_top(of, task);
		if (!(exec->flags & EXEC_HOST_MNTNS) && take_first(of->cgroup_id))
			of->what |= DESCENT_FIRST;
	}
	if (of->alone)
		of->alone = bpf_ktime_get_boot_ns();
	begin_lineage(&one, of, exec->flags,
		      exec->flags & EXEC_TOP ? fold_descent(DESCENT_WORDS) : recall_descent());
	if (one.tgid != bpf_get_current_pid_tgid() >> 32)
		return 0; /* the row was another's already */
	write_row(row, &one, exe_of(task), row->unheard);
	return one.lineage;
}

#endif /* IDTRAIL_BPF_DESCENT_H */
