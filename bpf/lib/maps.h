/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The maps that all probes share. bpf/shared.bpf.c creates them, before and whatever probe loads;
 * the loader hands them to every other object by name.
 */
#ifndef IDTRAIL_BPF_MAPS_H
#define IDTRAIL_BPF_MAPS_H

#include "bpf/lib/kernel.h"
#include "idtrail/behaviour.h"
#include "idtrail/control.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20); /* bytes; the loader sets it */
} urgent SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20); /* bytes; the loader sets it */
} bulk SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* read every second: without a system call */
	__uint(max_entries, EVENT_KINDS);
	__type(key, __u32);
	__type(value, struct losses);
} losses SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow_counts);
} flow_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct syscall_counts);
} syscall_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RINGS);
	__type(key, __u32);
	__type(value, __u32);
} sequence SEC(".maps");

/* Preallocated: a kprobe twin must not allocate. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CGROUPS_MAX);
	__type(key, __u64);
	__type(value, struct cgroup_row);
} cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, KNOWN_BUCKETS);
	__type(key, __u32);
	__type(value, struct known_bucket);
} known SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FIRSTS_MAX);
	__type(key, __u64);
	__type(value, __u8);
} firsts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct control);
} control SEC(".maps");

/* boot_ns: until then some cgroup is on the alert. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} alert SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, DEVICES_MAX);
	__type(key, __u32);
	__type(value, struct device_row);
} devices SEC(".maps");

/* See process.h. */
#define PROCESS_BUCKETS 16384 /* a power of two; by tgid, which the kernel hands out in order */
#define PROCESS_WAYS 2
#define PROCESS_NONE (PROCESS_BUCKETS * PROCESS_WAYS)

enum process_mark {
	PROCESS_HOST_MNTNS = 1 << 0, /* it was in the host's mount namespace when it began this lineage */
	PROCESS_ROOT = 1 << 1, /* each of its children begins a tree */
	PROCESS_TOP = 1 << 2, /* it came from elsewhere, and heads what descends from it here */
};

struct process_row {
	__u64 start_boot_ns; /* 0: free */
	__u64 lineage;
	__u64 ancestor; /* the parent's lineage when this process was forked */
	__u64 cgroup_id; /* in which the lineage began */
	__u64 exe; /* address of the open file that it runs; that of the next never is the same */
	__u64 tree_start_boot_ns;
	__u32 tgid;
	__u32 tree_tgid;
	__u32 marks; /* enum process_mark */
	__u32 unheard; /* unheard_by() while no record of the process was sent; else its end must be too */
	__u64 check; /* over the rest but exe and unheard */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PROCESS_NONE + 1); /* the ways of a bucket side by side, and nobody */
	__type(key, __u32);
	__type(value, struct process_row);
} processes SEC(".maps");

/* See flow.h. */
#define FLOW_BUCKETS 2048 /* a power of two */
#define FLOW_WAYS 8
#define FLOW_NONE (FLOW_BUCKETS * FLOW_WAYS)

struct flow_bucket {
	__u64 sockets[FLOW_WAYS]; /* their addresses; 0: none stands there yet, or any more */
	__u32 claims[FLOW_WAYS]; /* 1: the place is somebody's */
};

/* A connection, as far as it is known from its beginning. */
struct flow_row {
	__u64 boot_ns;
	__u64 told_bytes; /* of both directions, when it was last said to go on */
	__u64 cgroup_id;
	__u64 start_boot_ns; /* of the process that opened it, as what follows */
	__u64 lineage;
	__u64 tree_start_boot_ns;
	__u64 parent_start_boot_ns;
	struct file_id exe;
	__u32 tgid;
	__u32 tid;
	__u32 tree_tgid;
	__u32 parent_tgid;
	__u32 flags; /* enum flow_flag */
	__u32 event_flags; /* enum event_flag */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FLOW_BUCKETS);
	__type(key, __u32);
	__type(value, struct flow_bucket);
} flow_buckets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FLOW_BUCKETS * FLOW_WAYS);
	__type(key, __u32);
	__type(value, struct flow_row);
} flow_rows SEC(".maps");

#endif /* IDTRAIL_BPF_MAPS_H */
