// SPDX-License-Identifier: GPL-2.0-only
/* Hooks: the exit of unix_stream_connect (also of sequenced packets) and unix_dgram_connect, with
 * the result. Not security_unix_stream_connect: it has no result, and datagram sockets pass by it.
 * Not the system call: see connect.bpf.c. Twin: a kprobe on security_socket_connect, which sees the
 * attempt only.
 *
 * After a success the peer tells where it is bound: the file, whatever link, bind mount or relative
 * name led to it, and its path where it was bound. So the container runtime's socket is that of the
 * node wherever a pod has mounted it. A message sent without a connection is not seen. */
#include "bpf/lib/path.h"
#include "bpf/lib/ring.h"

#define NAME_MASK 127 /* a power of two above EVENT_SUN_MAX; for the verifier */

struct unix_event {
	struct event_header hdr;
	struct unix_payload unix;
	char tail[NAME_MASK + 1 + EVENT_PATH_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2); /* one for each program of a way: they may interleave */
	__type(key, __u32);
	__type(value, struct unix_event);
} scratch SEC(".maps");

struct attempt {
	const struct socket *sock;
	const void *to; /* kernel copy of the sockaddr */
	int to_bytes;
	int result;
	__u32 flags;
};

/* Returns the bytes of the tail. */
static __always_inline __u32 add_name(struct unix_event *out, const struct attempt *tried)
{
	__u32 size = tried->to_bytes - sizeof(__u16);

	if (size > EVENT_SUN_MAX)
		size = EVENT_SUN_MAX;
	size &= NAME_MASK;
	bpf_probe_read_kernel(out->tail, size, tried->to + sizeof(__u16));
	out->unix.name_size = size;
	return size;
}

static __always_inline __u32 add_path(struct unix_event *out, __u32 slot, __u32 used,
				      const struct sock *peer)
{
	const struct path *bound = &((const struct unix_sock *)peer)->path;
	const struct dentry *dentry = BPF_CORE_READ(bound, dentry);
	struct written path;

	if (!dentry) /* abstract, or without a name */
		return 0;
	out->unix.file = file_id(BPF_CORE_READ(dentry, d_inode));
	path = write_path(&out->tail[used & NAME_MASK], slot, BPF_CORE_READ(bound, mnt), dentry);
	if (path.cut)
		out->unix.flags |= UNIX_PATH_CUT;
	out->unix.path_size = path.size;
	return path.size;
}

static __always_inline int emit_unix(const struct attempt *tried, __u32 slot)
{
	const struct task_struct *task = current_task();
	const struct socket *sock = tried->sock;
	const struct unix_sock *local;
	const struct task_struct *parent;
	struct unix_event *out;
	struct arrival arrival;
	__u16 family = 0;
	__u32 used;

	bpf_probe_read_kernel(&family, sizeof(family), tried->to);
	if (from_agent() || tried->result == -EISCONN || family != AF_UNIX ||
	    tried->to_bytes <= (int)sizeof(family))
		return 0;
	out = bpf_map_lookup_elem(&scratch, &slot);
	if (!out)
		return 0;
	arrival = event_admit(task, EVENT_unix, 0);
	if (!arrival.row)
		return 0;
	parent = TASK_READ(task, real_parent);
	out->unix = (struct unix_payload){
		.exe = exe_id(task),
		.parent_start_boot_ns = start_boot_ns(parent),
		.parent_tgid = TASK_READ(parent, tgid),
		.result = tried->result,
		.flags = tried->flags,
		.type = BPF_CORE_READ(sock, type),
	};
	used = add_name(out, tried);
	local = (const void *)BPF_CORE_READ(sock, sk);
	if (!tried->result && !tried->flags)
		used += add_path(out, slot, used, BPF_CORE_READ(local, peer));
	if (used > sizeof(out->tail)) /* for the verifier */
		return 0;
	event_output(&out->hdr, &arrival, task, EVENT_unix,
		     sizeof(out->hdr) + sizeof(out->unix) + used);
	return 0;
}

SEC("?fexit/unix_stream_connect")
int BPF_PROG(stream_fexit, struct socket *sock, void *to, int to_bytes, int flags, int result)
{
	struct attempt tried = { sock, to, to_bytes, result, 0 };

	return emit_unix(&tried, 0);
}

SEC("?fexit/unix_dgram_connect")
int BPF_PROG(dgram_fexit, struct socket *sock, void *to, int to_bytes, int flags, int result)
{
	struct attempt tried = { sock, to, to_bytes, result, 0 };

	return emit_unix(&tried, 1);
}

SEC("?kprobe/security_socket_connect")
int BPF_KPROBE(any_kprobe, struct socket *sock, void *to, int to_bytes)
{
	struct attempt tried = { sock, to, to_bytes, 0, UNIX_RESULT_UNKNOWN };

	return BPF_CORE_READ(sock, sk, __sk_common.skc_family) == AF_UNIX ? emit_unix(&tried, 0) : 0;
}

char LICENSE[] SEC("license") = "GPL";
