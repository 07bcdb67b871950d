// SPDX-License-Identifier: GPL-2.0-only
/* Hooks, each at its exit, with the result: ksys_unshare, for unshare(2); the install function of
 * each type of namespace, for setns(2), which knows the namespace that is entered, be it by its
 * own file or by a pidfd; create_new_namespaces for clone(2), which calls it only where there is
 * one to make. Not setns(2) itself: it knows a descriptor. Not copy_namespaces: every fork pays
 * for it. Time namespaces are not entered: nothing is gained there.
 *
 * Not seen: clone(2) with CLONE_NEWUSER and no other, until its child makes or enters more. */
#include "bpf/lib/privilege.h"

#include <linux/sched.h>

#define CLONE_NEW_ANY                                                                  \
	(CLONE_NEWTIME | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | \
	 CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

static __always_inline int emit_namespace(__u16 op, __u32 flags, __u32 inode, int result)
{
	struct privilege_event *event;

	if (!(flags & CLONE_NEW_ANY))
		return 0;
	event = privilege_reserve(EVENT_namespace, op, result);
	if (!event)
		return 0;
	event->privilege.flags = flags & CLONE_NEW_ANY;
	event->privilege.args[0] = inode;
	event_submit(event, EVENT_namespace);
	return 0;
}

SEC("?fexit/ksys_unshare")
int BPF_PROG(unshare_fexit, unsigned long flags, int result)
{
	return emit_namespace(NAMESPACE_UNSHARE, flags, 0, result);
}

/* unshare(2) and setns(2) make them for the caller, clone(2) for the child. */
SEC("?fexit/create_new_namespaces")
int BPF_PROG(clone_fexit, unsigned long flags, const void *task, const void *owner, const void *fs,
	     const void *made)
{
	if ((__u64)task == bpf_get_current_task())
		return 0;
	return emit_namespace(NAMESPACE_CLONE, flags, 0, error_of(made));
}

SEC("?fexit/mntns_install")
int BPF_PROG(mnt_fexit, const void *set, struct ns_common *ns, int result)
{
	return emit_namespace(NAMESPACE_ENTER, CLONE_NEWNS, ns->inum, result);
}

SEC("?fexit/cgroupns_install")
int BPF_PROG(cgroup_fexit, const void *set, struct ns_common *ns, int result)
{
	return emit_namespace(NAMESPACE_ENTER, CLONE_NEWCGROUP, ns->inum, result);
}

SEC("?fexit/utsns_install")
int BPF_PROG(uts_fexit, const void *set, struct ns_common *ns, int result)
{
	return emit_namespace(NAMESPACE_ENTER, CLONE_NEWUTS, ns->inum, result);
}

SEC("?fexit/ipcns_install")
int BPF_PROG(ipc_fexit, const void *set, struct ns_common *ns, int result)
{
	return emit_namespace(NAMESPACE_ENTER, CLONE_NEWIPC, ns->inum, result);
}

SEC("?fexit/userns_install")
int BPF_PROG(user_fexit, const void *set, struct ns_common *ns, int result)
{
	return emit_namespace(NAMESPACE_ENTER, CLONE_NEWUSER, ns->inum, result);
}

SEC("?fexit/pidns_install")
int BPF_PROG(pid_fexit, const void *set, struct ns_common *ns, int result)
{
	return emit_namespace(NAMESPACE_ENTER, CLONE_NEWPID, ns->inum, result);
}

SEC("?fexit/netns_install")
int BPF_PROG(net_fexit, const void *set, struct ns_common *ns, int result)
{
	return emit_namespace(NAMESPACE_ENTER, CLONE_NEWNET, ns->inum, result);
}

char LICENSE[] SEC("license") = "GPL";
