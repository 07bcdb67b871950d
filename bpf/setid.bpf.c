// SPDX-License-Identifier: GPL-2.0-only
/* Hooks: the exit of security_task_fix_setuid and security_task_fix_setgid, which every system call
 * of the two families passes once it knows the new ids, 32-bit ones included. Not the system calls:
 * eight of each, whose arguments say -1 for "as it was". Not commit_creds: exec, key rings and
 * capset pass it too.
 *
 * What is refused for want of CAP_SETUID or CAP_SETGID does not come this far: that is a denied
 * capability. An exec of a set-user-id program is an exec. */
#include "bpf/lib/privilege.h"

struct ids {
	__u32 real;
	__u32 effective;
	__u32 saved;
};

static __always_inline int emit_setid(__u16 op, int flags, struct ids before, struct ids after,
				      int result)
{
	struct privilege_event *event;

	if (before.real == after.real && before.effective == after.effective &&
	    before.saved == after.saved)
		return 0;
	event = privilege_reserve(EVENT_setid, op, result);
	if (!event)
		return 0;
	event->privilege.flags = flags;
	event->privilege.args[0] = (__u64)before.real << 32 | before.effective;
	event->privilege.args[1] = (__u64)after.real << 32 | after.effective;
	event_submit(event, EVENT_setid);
	return 0;
}

static __always_inline struct ids user_ids(const struct cred *cred)
{
	return (struct ids){ cred->uid.val, cred->euid.val, cred->suid.val };
}

static __always_inline struct ids group_ids(const struct cred *cred)
{
	return (struct ids){ cred->gid.val, cred->egid.val, cred->sgid.val };
}

static __always_inline struct ids only(__u32 id)
{
	return (struct ids){ .effective = id };
}

SEC("?fexit/security_task_fix_setuid")
int BPF_PROG(user_fexit, struct cred *after, struct cred *before, int flags, int result)
{
	if (flags == LSM_SETID_FS)
		return emit_setid(SETID_FS_USER, flags, only(before->fsuid.val),
				  only(after->fsuid.val), result);
	return emit_setid(SETID_USER, flags, user_ids(before), user_ids(after), result);
}

SEC("?fexit/security_task_fix_setgid")
int BPF_PROG(group_fexit, struct cred *after, struct cred *before, int flags, int result)
{
	if (flags == LSM_SETID_FS)
		return emit_setid(SETID_FS_GROUP, flags, only(before->fsgid.val),
				  only(after->fsgid.val), result);
	return emit_setid(SETID_GROUP, flags, group_ids(before), group_ids(after), result);
}

char LICENSE[] SEC("license") = "GPL";
