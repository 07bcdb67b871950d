// SPDX-License-Identifier: GPL-2.0-only
/* Hooks: the exit of unix_stream_connect (also of sequenced packets) and unix_dgram_connect, with
 * the result. Not security_unix_stream_connect: it has no result, and datagram sockets pass by it.
 * Not the system call: see connect.bpf.c. Twin: a kprobe on security_socket_connect, which sees the
 * attempt only.
 *
 * After a success the peer tells where it is bound: the file, whatever link, bind mount or relative
 * name led to it, and its path where it was bound. So the container runtime's socket is that of the
 * node wherever a pod has mounted it. A message sent without a connection is not seen. */
#include "bpf/lib/known.h"
#include "bpf/lib/path.h"
#include "bpf/lib/ring.h"
#include "bpf/lib/words.h"

#define NAME_MASK 127 /* a power of two above EVENT_SUN_MAX; for the verifier */

struct unix_event {
	struct event_header hdr;
	struct unix_payload unix;
	char tail[NAME_MASK + 1 + EVENT_PATH_MAX] __attribute__((aligned(8)));
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
	__u16 family; /* of the sockaddr */
	bool typed; /* sock may be followed by plain loads */
};

/* Returns the bytes of the tail. */
static __always_inline __u32 add_name(struct unix_event *out, const struct attempt *tried)
{
	__u32 size = tried->to_bytes - sizeof(__u16);

	if (size > EVENT_SUN_MAX)
		size = EVENT_SUN_MAX;
	size &= NAME_MASK;
	__builtin_memset(out->tail, 0, NAME_MASK + 1);
	bpf_probe_read_kernel(out->tail, size, tried->to + sizeof(__u16));
	out->unix.name_size = size;
	return size;
}

/* A name ends at its first zero byte, unless it begins with one: then all of it counts. Not static:
 * see process_slot(). */
__noinline __u64 name_key(__u32 slot)
{
	const struct control *settings = control_of_agent();
	const struct unix_event *out = bpf_map_lookup_elem(&scratch, &slot);
	const __u64 *words;
	struct sip_state state;
	bool abstract;

	if (!out || !settings)
		return 0;
	words = (const __u64 *)out->tail;
	abstract = !out->tail[0];
	state = sip_begin(settings->secret);
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < (EVENT_SUN_MAX + 7) / 8; i++) {
		if (!abstract && ends_of(words[i])) {
			sip_absorb(&state, until_end(words[i]));
			break;
		}
		sip_absorb(&state, words[i]);
	}
	return sip_end(&state, abstract ? out->unix.name_size : 0);
}

/* bpf_skc_to_unix_sock(), which gives a socket of ours its type, came with 5.16. */
static __always_inline bool unix_is_typed(bool typed)
{
	return typed && bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_skc_to_unix_sock);
}

static __always_inline const struct unix_sock *as_unix(const struct sock *sk, bool typed)
{
	if (unix_is_typed(typed))
		return bpf_skc_to_unix_sock((void *)sk);
	return (const void *)sk;
}

/* Where the peer is bound; NULL where nothing was reached, or what has no place. `file`: which that
 * is. */
static __always_inline const struct path *bound_of(const struct attempt *tried,
						   struct file_id *file)
{
	const struct socket *sock = tried->sock;
	bool typed = unix_is_typed(tried->typed);
	const struct unix_sock *local, *peer;
	const struct dentry *dentry;

	if (tried->result || tried->flags)
		return NULL;
	local = as_unix(READ(tried->typed, sock, sk), tried->typed);
	peer = local ? as_unix(READ(typed, local, peer), tried->typed) : NULL;
	dentry = peer ? READ(typed, peer, path.dentry) : NULL;
	if (!dentry)
		return NULL;
	*file = file_id_of(READ(typed, dentry, d_inode), typed);
	return &peer->path;
}

static __always_inline __u32 add_path(struct unix_event *out, __u32 slot, __u32 used,
				      const struct path *bound)
{
	const struct written path =
		write_path(&out->tail[used & NAME_MASK], slot, BPF_CORE_READ(bound, mnt),
			   BPF_CORE_READ(bound, dentry));

	if (path.cut)
		out->unix.flags |= UNIX_PATH_CUT;
	out->unix.path_size = path.size;
	return path.size;
}

static __always_inline enum verdict verdict_on_connect(struct unix_event *out,
						       const struct task_struct *task,
						       const struct control *settings, __u32 slot)
{
	struct behaviour behaviour;

	out->unix.name_key = name_key(slot);
	behaviour_of(&behaviour, task, EVENT_unix, own_lineage());
	unix_object(&behaviour, out->unix.name_key, &out->unix.file, out->unix.type,
		    out->unix.result, out->unix.flags);
	return verdict_on(&behaviour, settings);
}

static __always_inline int emit_unix(const struct attempt *tried, __u32 slot)
{
	const struct control *settings = control_of_agent();
	const struct task_struct *task = current_task();
	const struct socket *sock = tried->sock;
	const struct task_struct *parent;
	const struct path *bound;
	struct unix_event *out;
	struct arrival arrival;
	enum verdict verdict;
	__u32 used;

	if (!settings || is_agent(settings) || tried->result == -EISCONN || tried->family != AF_UNIX ||
	    tried->to_bytes <= (int)sizeof(tried->family))
		return 0;
	out = bpf_map_lookup_elem(&scratch, &slot);
	if (!out)
		return 0;
	out->unix = (struct unix_payload){
		.result = tried->result,
		.flags = tried->flags,
		.type = READ(tried->typed, sock, type),
	};
	used = add_name(out, tried);
	bound = bound_of(tried, &out->unix.file);
	verdict = verdict_on_connect(out, task, settings, slot);
	if (verdict == VERDICT_KNOWN)
		return 0;
	arrival = event_admit_judged(cgroup_id(task), EVENT_unix, 0, verdict);
	if (!arrival.row)
		return 0;
	parent = TASK_READ(task, real_parent);
	out->unix.exe = exe_id(task);
	out->unix.parent_start_boot_ns = start_boot_ns(parent);
	out->unix.parent_tgid = TASK_READ(parent, tgid);
	if (bound)
		used += add_path(out, slot, used, bound);
	if (used > sizeof(out->tail)) /* for the verifier */
		return 0;
	event_output(&out->hdr, &arrival, task, EVENT_unix,
		     sizeof(out->hdr) + sizeof(out->unix) + used);
	return 0;
}

static __always_inline int on_exit(const struct socket *sock, const void *to, int to_bytes,
				   int result, __u32 slot)
{
	const struct attempt tried = {
		.sock = sock,
		.to = to,
		.to_bytes = to_bytes,
		.result = result,
		.family = ((const struct sockaddr *)to)->sa_family, /* as in connect.bpf.c */
		.typed = true,
	};

	return emit_unix(&tried, slot);
}

SEC("?fexit/unix_stream_connect")
int BPF_PROG(stream_fexit, struct socket *sock, void *to, int to_bytes, int flags, int result)
{
	return on_exit(sock, to, to_bytes, result, 0);
}

SEC("?fexit/unix_dgram_connect")
int BPF_PROG(dgram_fexit, struct socket *sock, void *to, int to_bytes, int flags, int result)
{
	return on_exit(sock, to, to_bytes, result, 1);
}

SEC("?kprobe/security_socket_connect")
int BPF_KPROBE(any_kprobe, struct socket *sock, void *to, int to_bytes)
{
	struct attempt tried = {
		.sock = sock,
		.to = to,
		.to_bytes = to_bytes,
		.flags = UNIX_RESULT_UNKNOWN,
	};

	bpf_probe_read_kernel(&tried.family, sizeof(tried.family), to);
	return BPF_CORE_READ(sock, sk, __sk_common.skc_family) == AF_UNIX ? emit_unix(&tried, 0) : 0;
}

char LICENSE[] SEC("license") = "GPL";
