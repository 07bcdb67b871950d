// SPDX-License-Identifier: GPL-2.0-only
/* Hooks: security_bpf, which has the kernel's copy of what is asked for, and the exit of __sys_bpf,
 * which knows how it ended. 5.10 has no such function, and before 6.1 no program may look at one
 * whose arguments are structs: then the attempt alone. Not the system call: its argument is the
 * caller's to change.
 *
 * Of the commands those that make a program or map, attach or detach, or get hold of somebody
 * else's. Look-ups and updates of maps are by the thousand and need a descriptor that one of these
 * gave. What is refused before (5.10, unprivileged) is a denied capability. */
#include "bpf/lib/pending.h"

#define BIT(command) (1ULL << (command))
#define REPORTED                                                                        \
	(BIT(BPF_MAP_CREATE) | BIT(BPF_PROG_LOAD) | BIT(BPF_OBJ_PIN) | BIT(BPF_OBJ_GET) | \
	 BIT(BPF_PROG_ATTACH) | BIT(BPF_PROG_DETACH) | BIT(BPF_PROG_GET_FD_BY_ID) |     \
	 BIT(BPF_MAP_GET_FD_BY_ID) | BIT(BPF_RAW_TRACEPOINT_OPEN) | BIT(BPF_LINK_CREATE) | \
	 BIT(BPF_LINK_UPDATE) | BIT(BPF_LINK_GET_FD_BY_ID) | BIT(BPF_LINK_DETACH))

static __always_inline bool is_reported(unsigned int command)
{
	return command < 64 && REPORTED >> command & 1;
}

static __always_inline __u32 word(const __u32 *field)
{
	__u32 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), field);
	return value;
}

static __always_inline void describe(struct pending_use *use, unsigned int command,
				     const union bpf_attr *attr)
{
	use->op = command + 1;
	if (command == BPF_MAP_CREATE) {
		use->args[0] = word(&attr->map_type);
		use->args[1] = word(&attr->max_entries);
		bpf_probe_read_kernel_str(use->name, sizeof(attr->map_name), attr->map_name);
	} else if (command == BPF_PROG_LOAD) {
		use->args[0] = word(&attr->prog_type);
		use->args[1] = word(&attr->insn_cnt);
		bpf_probe_read_kernel_str(use->name, sizeof(attr->prog_name), attr->prog_name);
	} else if (command == BPF_PROG_ATTACH || command == BPF_PROG_DETACH) {
		use->args[0] = word(&attr->attach_type);
	} else if (command == BPF_LINK_CREATE) {
		use->args[0] = word(&attr->link_create.attach_type);
	}
}

static __always_inline int emit_bpf(const struct pending_use *use, long result, __u32 marks)
{
	struct privilege_event *event =
		privilege_reserve(EVENT_bpf, use->op, result < 0 ? result : 0);

	if (!event)
		return 0;
	event->privilege.marks = marks;
	event->privilege.args[0] = use->args[0];
	event->privilege.args[1] = use->args[1];
	__builtin_memcpy(event->privilege.name, use->name, EVENT_NAME_MAX);
	event_submit(event, EVENT_bpf);
	return 0;
}

SEC("?fentry/security_bpf")
int BPF_PROG(asked_fexit, unsigned int command, union bpf_attr *attr)
{
	struct pending_use use = {};

	if (!is_reported(command) || from_agent())
		return 0;
	describe(&use, command, attr);
	pending_keep(&use);
	return 0;
}

/* How many arguments lie before the result differs by kernel. */
SEC("?fexit/__sys_bpf")
int ended_fexit(__u64 *context)
{
	const struct pending_use *use = pending_find();
	__u64 result = 0;

	if (!use)
		return 0;
	bpf_get_func_ret(context, &result);
	emit_bpf(use, (int)result, 0);
	pending_drop();
	return 0;
}

SEC("?fentry/security_bpf")
int BPF_PROG(asked_fentry, unsigned int command, union bpf_attr *attr)
{
	struct pending_use use = {};

	if (!is_reported(command))
		return 0;
	describe(&use, command, attr);
	return emit_bpf(&use, 0, PRIVILEGE_RESULT_UNKNOWN);
}

char LICENSE[] SEC("license") = "GPL";
