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

#define PATH_STEPS_MAX 48 /* components and mount points together; bounds the verifier's work */
#define COMPONENT_MASK 255 /* no file system has longer names */

/* A path is written backwards from the end of the first part; the second is room for the verifier,
 * which knows only that a component begins in the first part. */
struct path_text {
	char text[EVENT_PATH_MAX + COMPONENT_MASK + 1];
};

struct path_span {
	__u32 begin; /* in path_text.text; the NUL is at EVENT_PATH_MAX - 1 */
	bool cut; /* at the front: too long or too deep */
};

static __always_inline __u32 prepend(struct path_text *out, __u32 begin, const struct dentry *dentry)
{
	__u32 length = BPF_CORE_READ(dentry, d_name.len) & COMPONENT_MASK;

	if (begin < length + 1)
		return 0;
	begin -= length;
	bpf_probe_read_kernel(&out->text[begin & (EVENT_PATH_MAX - 1)], length,
			      BPF_CORE_READ(dentry, d_name.name));
	begin--;
	out->text[begin & (EVENT_PATH_MAX - 1)] = '/';
	return begin;
}

static __always_inline struct path_span path_walk(struct path_text *out, const struct path *from)
{
	const struct dentry *dentry = BPF_CORE_READ(from, dentry);
	const struct mount *mount = (const void *)BPF_CORE_READ(from, mnt) -
				    bpf_core_field_offset(struct mount, mnt);
	struct path_span span = { .begin = EVENT_PATH_MAX - 1, .cut = true };

	out->text[EVENT_PATH_MAX - 1] = '\0';
	for (int step = 0; step < PATH_STEPS_MAX; step++) {
		const struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
		__u32 begin;

		if (dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
			const struct mount *above = BPF_CORE_READ(mount, mnt_parent);

			if (above == mount) {
				span.cut = false;
				break;
			}
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mount = above;
			continue;
		}
		begin = prepend(out, span.begin, dentry);
		if (!begin)
			break;
		span.begin = begin;
		if (dentry == parent) { /* a memfd or a pipe: a name without a place */
			span.cut = false;
			break;
		}
		dentry = parent;
	}
	if (span.begin == EVENT_PATH_MAX - 1 && !span.cut) {
		span.begin--;
		out->text[EVENT_PATH_MAX - 2] = '/';
	}
	return span;
}

#endif /* IDTRAIL_BPF_PATH_H */
