/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Our own way from a dentry up to the root of its mount namespace, since bpf_d_path() is refused in
 * tracepoints. The root of the namespace, not of the process: a chroot would rename everything, and
 * in a container that was entered by pivot_root the two are the same.
 */
#ifndef IDTRAIL_BPF_PATH_H
#define IDTRAIL_BPF_PATH_H

#include "bpf/lib/kernel.h"
#include "idtrail/events.h"

#define PATH_STEPS_MAX 44 /* components and mount points together; bounds the verifier's work */
#define COMPONENT_MASK 255 /* no file system has longer names */

/* What a step asks of a dentry, in the order that it lies there. */
struct component_link {
	const struct dentry *parent;
	__u32 hash;
	__u32 length;
	const unsigned char *name;
};

/* A path is written backwards, so that it ends, NUL included, at EVENT_PATH_MAX; what follows is
 * room for the verifier, which knows only that a component begins before. Where we are lies here
 * too: the verifier knows nothing of it, whereas it would follow registers through every mix of
 * steps. */
struct path_walk {
	char text[EVENT_PATH_MAX + COMPONENT_MASK + 1];
	const struct dentry *dentry;
	const struct dentry *root; /* of the mount */
	const struct mount *mount;
	struct component_link link; /* of the dentry, while it is looked at */
	__u32 begin; /* of what is written of the path */
	__u32 users; /* see enter_walk() */
};

/* By one read, since a helper costs eighty instructions and this comes once for each component. */
static __always_inline void read_link(struct component_link *link, const struct dentry *dentry)
{
	const __u32 begin = bpf_core_field_offset(struct dentry, d_parent);

	if (bpf_core_field_offset(struct dentry, d_name) == begin + sizeof(link->parent)) {
		bpf_probe_read_kernel(link, sizeof(*link), (const void *)dentry + begin);
	} else {
		link->parent = BPF_CORE_READ(dentry, d_parent);
		link->length = BPF_CORE_READ(dentry, d_name.len);
		link->name = BPF_CORE_READ(dentry, d_name.name);
	}
}

/* False if there is no room for it. */
static __always_inline bool prepend(struct path_walk *walk)
{
	__u32 length = walk->link.length & COMPONENT_MASK;
	__u32 begin = walk->begin;

	if (begin < length + 1)
		return false;
	begin -= length;
	bpf_probe_read_kernel(&walk->text[begin & (EVENT_PATH_MAX - 1)], length, walk->link.name);
	begin--;
	walk->text[begin & (EVENT_PATH_MAX - 1)] = '/';
	walk->begin = begin;
	return true;
}

enum path_step { PATH_GO_ON, PATH_DONE, PATH_FULL };

static __always_inline void enter_mount(struct path_walk *walk, const struct mount *mount)
{
	walk->mount = mount;
	walk->root = BPF_CORE_READ(mount, mnt.mnt_root);
}

static __always_inline void path_start(struct path_walk *walk, const struct vfsmount *mnt,
				       const struct dentry *dentry)
{
	walk->dentry = dentry;
	enter_mount(walk, (const void *)mnt - bpf_core_field_offset(struct mount, mnt));
	walk->begin = EVENT_PATH_MAX - 1;
	walk->text[EVENT_PATH_MAX - 1] = '\0';
}

#define WALKS 4

/* By number: two programs of an object may interleave, so each has its own or enters one. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WALKS);
	__type(key, __u32);
	__type(value, struct path_walk);
} walks SEC(".maps");

/* Returns enum path_step. Not static, so that the verifier checks it by itself and once, not for every
 * place and state that it is called from. Such a function takes no pointer before 5.12, hence the
 * number. */
__noinline int path_step(__u32 slot)
{
	struct path_walk *walk = bpf_map_lookup_elem(&walks, &slot);
	const struct dentry *dentry;
	const struct mount *mount;

	if (!walk)
		return PATH_FULL;
	dentry = walk->dentry;
	mount = walk->mount;
	if (dentry == walk->root) {
		walk->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
		enter_mount(walk, BPF_CORE_READ(mount, mnt_parent));
		return walk->mount == mount ? PATH_DONE : PATH_GO_ON;
	}
	read_link(&walk->link, dentry);
	if (!prepend(walk))
		return PATH_FULL;
	walk->dentry = walk->link.parent;
	/* A memfd or a pipe is its own parent: a name without a place. */
	return walk->dentry == dentry ? PATH_DONE : PATH_GO_ON;
}

/* False if the path was cut, at the front: too long or too deep. Not static: see path_step(). */
__noinline int climb(__u32 slot)
{
	struct path_walk *walk = bpf_map_lookup_elem(&walks, &slot);
	int step = PATH_GO_ON;

	if (!walk)
		return 0;
	for (int i = 0; i < PATH_STEPS_MAX && step == PATH_GO_ON; i++)
		step = path_step(slot);
	if (walk->begin == EVENT_PATH_MAX - 1) { /* the root itself */
		walk->begin--;
		walk->text[EVENT_PATH_MAX - 2] = '/';
	}
	return step == PATH_DONE;
}

/* For programs that may preempt themselves, as LSM programs do on a preemptible kernel: the number of a
 * walk that nobody else on this CPU is at, to be left by leave_walk(), and of whatever room of the
 * caller's goes with it. WALKS where there is none. Not static: see path_step(). */
__noinline int enter_walk(void)
{
#pragma unroll
	for (__u32 number = 0; number < WALKS; number++) {
		__u32 slot = number;
		struct path_walk *walk = bpf_map_lookup_elem(&walks, &slot);

		if (!walk)
			break;
		/* An atomic that returns its value needs 5.12: two that come at once may both leave. */
		__sync_fetch_and_add(&walk->users, 1);
		if (*(volatile __u32 *)&walk->users == 1)
			return number;
		__sync_fetch_and_add(&walk->users, -1);
	}
	return WALKS;
}

static __always_inline void leave_walk(__u32 slot)
{
	struct path_walk *walk = bpf_map_lookup_elem(&walks, &slot);

	if (walk)
		__sync_fetch_and_add(&walk->users, -1);
}

struct written {
	__u32 size; /* NUL included; 0: nothing, which does not happen */
	bool cut;
};

/* Writes the path to `to`, which has room for EVENT_PATH_MAX. */
static __always_inline struct written write_path(char *to, __u32 slot, const struct vfsmount *mnt,
						 const struct dentry *dentry)
{
	struct path_walk *walk = bpf_map_lookup_elem(&walks, &slot);
	struct written path = {};
	__u32 begin;

	if (!walk)
		return path;
	path_start(walk, mnt, dentry);
	path.cut = !climb(slot);
	begin = walk->begin & (EVENT_PATH_MAX - 1); /* for the verifier */
	path.size = EVENT_PATH_MAX - begin;
	bpf_probe_read_kernel(to, path.size, &walk->text[begin]);
	return path;
}

/* A mount of the kernel's own, as the layers of an overlay are: in no namespace, or in one that is
 * an error number. */
static __always_inline bool is_internal(const struct vfsmount *mnt)
{
	const struct mount *mount = (const void *)mnt - bpf_core_field_offset(struct mount, mnt);
	unsigned long ns = (unsigned long)BPF_CORE_READ(mount, mnt_ns);

	return !ns || ns > -4096UL;
}

#endif /* IDTRAIL_BPF_PATH_H */
