// SPDX-License-Identifier: GPL-2.0-only
/* Hook: the exit of security_capable, through which every check that counts goes, with the answer
 * of all security modules. Not cap_capable: one module's answer, and overcommit asks it on every
 * allocation. It is hot all the same, so only the first check of each kind leaves the kernel: what
 * is remembered here is who asked for what with which outcome. What is forgotten for want of room
 * is sent again.
 *
 * Checks without audit are left out: the kernel asks them of itself, to choose a limit, and nothing
 * is refused. */
#include "bpf/lib/privilege.h"

#define CHECKS_MAX 8192

struct check {
	__u64 cgroup_id;
	struct file_id exe;
	__u32 user_ns;
	__u16 capability;
	__u16 denied;
};
IDTRAIL_ASSERT_SIZE(struct check, 32);

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CHECKS_MAX);
	__type(key, struct check);
	__type(value, __u8);
} checks SEC(".maps");

static __always_inline int emit_capability(const struct check *check, __u32 flags, int result)
{
	struct privilege_event *event =
		privilege_reserve(EVENT_capability, CAPABILITY_CHECK, result);

	if (!event) {
		bpf_map_delete_elem(&checks, check); /* the next one is the first again */
		return 0;
	}
	event->privilege.flags = flags;
	event->privilege.args[0] = check->capability;
	event->privilege.args[1] = check->user_ns;
	event_submit(event, EVENT_capability);
	return 0;
}

SEC("?fexit/security_capable")
int BPF_PROG(check_fexit, const void *cred, struct user_namespace *ns, int capability,
	     unsigned int options, int result)
{
	const struct task_struct *task = current_task();
	const __u8 seen = 1;
	struct check check;

	if (options & CAP_OPT_NOAUDIT)
		return 0;
	check = (struct check){
		.cgroup_id = cgroup_id(task),
		.exe = exe_id(task),
		.user_ns = ns->ns.inum,
		.capability = capability,
		.denied = result != 0,
	};
	if (bpf_map_lookup_elem(&checks, &check) || from_agent())
		return 0;
	bpf_map_update_elem(&checks, &check, &seen, BPF_ANY);
	return emit_capability(&check, options, result);
}

char LICENSE[] SEC("license") = "GPL";
