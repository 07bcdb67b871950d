/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The wire contract, kernel -> user: every record in the ring starts with struct event_header and
 * is followed by the payload of its kind and, for some kinds, by a tail of NUL-terminated strings.
 *
 * Fixed width, naturally aligned, no holes; padding is a named `reserved` and always zero. The
 * record holds bytes that a workload controls: sizes are checked by the decoder, never trusted.
 */
#ifndef IDTRAIL_EVENTS_H
#define IDTRAIL_EVENTS_H

#ifdef __cplusplus
#include <cstdint>
// NOLINTBEGIN(bugprone-reserved-identifier): the kernel's own names, here for user space
using __u8 = std::uint8_t;
using __u16 = std::uint16_t;
using __u32 = std::uint32_t;
using __s32 = std::int32_t;
/* The uapi header says `unsigned long long`, as the kernel does. */
using __u64 = unsigned long long;
// NOLINTEND(bugprone-reserved-identifier)
#define IDTRAIL_ASSERT_SIZE(type, bytes) static_assert(sizeof(type) == (bytes), #type)
#else
#include <linux/types.h>
#define IDTRAIL_ASSERT_SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type)
#endif

/* Changes whenever a record's meaning or layout does; stored in recordings. */
#define IDTRAIL_WIRE_CONTRACT 2

enum event_kind {
#define PROBE(name, kind, summary) EVENT_##name = kind,
#include "idtrail/probes.def"
#undef PROBE
};

#define EVENT_KINDS 32 /* one more than the largest kind, rounded up: the size of per-kind arrays */

/* Limits of the tails, in bytes, NUL included; powers of two where the verifier needs a mask. */
#define EVENT_PATH_MAX 1024 /* a resolved path, cut at the front: the end tells more */
#define EVENT_NAME_MAX 64 /* one path component */
#define EVENT_ARGS_MAX 2048 /* the argument block as it lies in memory, NUL between arguments */
#define EVENT_SUN_MAX 108 /* the name in a sockaddr_un; no NUL is included, and none is needed */
#define EVENT_RAW_MAX 2048 /* bytes off the network, from which the reader takes a name */
#define EVENT_ADDRESSES_MAX 32 /* of a DNS answer */
#define EVENT_RECORD_MAX 8192 /* no record is larger */

enum event_flag {
	EVENT_SAMPLED = 1 << 0, /* user space has judged it known: sent to prove the cache honest */
	EVENT_AT_START = 1 << 1, /* not the kernel's: user space found that it stood already */
	EVENT_MOVED = 1 << 2, /* the process is in another cgroup than that in which its lineage began */
};

struct event_header {
	__u64 boot_ns; /* bpf_ktime_get_boot_ns() */
	__u64 cgroup_id; /* kernfs id of the acting task's cgroup; 0 where unknown */
	__u64 start_boot_ns; /* start of the thread group leader, CLOCK_BOOTTIME */
	__u32 tgid; /* what user space calls the pid, in the initial pid namespace */
	__u32 tid;
	__u32 seq; /* per ring and CPU, counts dropped records too: a gap is a loss */
	__u16 kind; /* enum event_kind */
	__u16 cpu;
	__u32 size; /* bytes of the whole record, header and tail included */
	__u16 ring; /* enum ring_name */
	__u16 flags; /* enum event_flag */
	__u64 lineage; /* what the process runs and whom it descends from, in one number; 0: not kept */
	__u64 tree_start_boot_ns; /* root of its tree: a child of the container's first process, or what */
	__u32 tree_tgid; /* entered the container; zero as lineage */
	__u32 reserved;
};
IDTRAIL_ASSERT_SIZE(struct event_header, 72);

/* What a file is, whatever path led to it. On overlayfs: the overlay's own device and inode. */
struct file_id {
	__u64 inode;
	__u32 device; /* s_dev as the kernel keeps it: major << 20 | minor */
	__u32 generation; /* i_generation: tells a reused inode number from its predecessor */
};
IDTRAIL_ASSERT_SIZE(struct file_id, 16);

enum cgroup_op { CGROUP_MADE = 1, CGROUP_REMOVED = 2 };

/* Tail: path below the hierarchy's root, path_size bytes (0 when removed). */
struct cgroup_payload {
	__u64 id; /* of the cgroup made or removed; header.cgroup_id is that of the task that did it */
	__u64 parent_id;
	__u32 op; /* enum cgroup_op */
	__u16 level;
	__u16 path_size;
};
IDTRAIL_ASSERT_SIZE(struct cgroup_payload, 24);

enum mount_op { MOUNT_NEW = 1, MOUNT_GONE = 2 };

struct mount_payload {
	__u32 device;
	__u32 op; /* enum mount_op */
	__u32 magic; /* s_magic */
	__u32 generation; /* of the device, from now on: control.h; 0 when gone */
};
IDTRAIL_ASSERT_SIZE(struct mount_payload, 16);

enum exec_flag {
	EXEC_SCRIPT = 1 << 0, /* filename is a script; exe is its interpreter */
	EXEC_MEMFD = 1 << 1, /* exe never had a name: memfd_create; then none of the next four */
	EXEC_UPPER = 1 << 2, /* exe lies on the upper layer of an overlay: written after the image */
	EXEC_OVERLAY = 1 << 3, /* exe lies on an overlay */
	EXEC_DELETED = 1 << 4, /* exe has no name left */
	EXEC_TMPFS = 1 << 5, /* exe lies on a tmpfs (/dev/shm, an in-memory emptyDir) */
	EXEC_HOST_MNTNS = 1 << 6, /* the process is in the first process's mount namespace */
	EXEC_TTY = 1 << 7, /* the process has a controlling terminal */
	EXEC_ARGS_CUT = 1 << 8, /* more arguments than EVENT_ARGS_MAX */
	EXEC_PATH_CUT = 1 << 9, /* the path or cwd was longer than its bound */
	EXEC_ARGS_FAULT = 1 << 10, /* the argument memory could not be read */
	EXEC_FROM_OWN = 1 << 11, /* `ancestor` is what the process was itself: it heads a tree */
	EXEC_TOP = 1 << 12, /* it came into this cgroup, or has left the host's mounts, with this exec */
};

/* Tail, in this order: path of exe, filename as it was asked for (cut at its end), cwd, args. Paths
 * are those below the root of the mount namespace, whatever chroot says. */
struct exec_payload {
	struct file_id exe;
	__u64 ancestor; /* lineage of the nearest ancestor; EXEC_FROM_OWN: the process's own until now */
	__u64 parent_start_boot_ns;
	__u32 parent_tgid;
	__u32 uid; /* effective, initial user namespace */
	__u32 flags; /* enum exec_flag */
	__u16 path_size;
	__u16 filename_size;
	__u16 cwd_size;
	__u16 args_size;
	__u32 reserved;
};
IDTRAIL_ASSERT_SIZE(struct exec_payload, 56);

/* header is the parent; threads are not reported. */
struct fork_payload {
	__u64 child_start_boot_ns;
	__u64 child_cgroup_id; /* differs from the header's under CLONE_INTO_CGROUP */
	__u32 child_tgid;
	__u32 reserved;
};
IDTRAIL_ASSERT_SIZE(struct fork_payload, 24);

/* header is the process that ends: its last thread. */
struct exit_payload {
	__s32 exit_code; /* as wait(2) reports it */
	__u32 reserved;
};
IDTRAIL_ASSERT_SIZE(struct exit_payload, 8);

enum credential_flag {
	CREDENTIAL_UNKNOWN_VOLUME = 1 << 0, /* no verdict for this device yet: sent, never skipped */
	CREDENTIAL_HOST_MNTNS = 1 << 1, /* as EXEC_HOST_MNTNS */
	CREDENTIAL_RECEIVED = 1 << 2, /* not opened here: a descriptor that another process passed */
	CREDENTIAL_PATH_CUT = 1 << 3, /* of keyfile: the path was longer than its bound */
	CREDENTIAL_RESULT_UNKNOWN = 1 << 4, /* of keyfile: a twin that sees only the attempt */
};

/* An open for reading that every permission check before the LSM let through. */
struct credential_payload {
	struct file_id file;
	struct file_id exe; /* the executable of the process that reads */
	__u64 parent_start_boot_ns;
	__u32 parent_tgid;
	__u32 open_flags; /* f_flags */
	__u32 flags; /* enum credential_flag */
	__u32 volume_generation; /* of the device: a verdict for it must carry it (control.h) */
	char name[EVENT_NAME_MAX]; /* last component, cut and NUL-terminated */
	char dir[EVENT_NAME_MAX]; /* the component before it; empty at the volume's root */
};
IDTRAIL_ASSERT_SIZE(struct credential_payload, 184);

enum key_sort {
	KEY_AWS = 1, /* .aws/credentials */
	KEY_KUBECONFIG = 2, /* .kube/config, kubernetes/NAME.conf, kubeconfig */
	KEY_REGISTRY = 3, /* .docker/config.json, containers/auth.json, .dockercfg, .dockerconfigjson */
	KEY_GCP = 4, /* application_default_credentials.json */
	KEY_SSH = 5, /* id_rsa and its like, ssh_host_*_key */
	KEY_TLS = 6, /* *.key, *key.pem, private/NAME.pem, *.p12, *.pfx */
	KEY_VAULT = 7, /* .vault-token */
	KEY_ENVIRON = 8, /* /proc/PID/environ of another process */
};

/* A read of what its name tells to be a key (idtrail/key_name.h), where no volume does. As
 * credential_payload otherwise. Tail: the path below the root of the mount namespace. */
struct keyfile_payload {
	struct file_id file;
	struct file_id exe;
	__u64 parent_start_boot_ns;
	__u32 parent_tgid;
	__u32 open_flags; /* f_flags */
	__u32 flags; /* enum credential_flag */
	__s32 result; /* 0, or of KEY_ENVIRON a negative errno */
	__u32 target_tgid; /* of KEY_ENVIRON: whose environment */
	__u16 sort; /* enum key_sort */
	__u16 path_size;
	__u64 target_lineage; /* likewise; 0 where none is kept */
};
IDTRAIL_ASSERT_SIZE(struct keyfile_payload, 72);

enum connect_flag {
	CONNECT_RESULT_UNKNOWN = 1 << 0, /* a twin that sees only the attempt */
};

/* Addresses in network order, IPv4 in the first four bytes; ports in host order. After a success dst
 * is the peer that the socket has, else the address that was asked for; src is zero where a failed
 * call left none. Calls on a connected or connecting socket are not reported. */
struct connect_payload {
	struct file_id exe;
	__u64 parent_start_boot_ns;
	__u32 parent_tgid;
	__s32 result; /* 0, or a negative errno; -EINPROGRESS for a non-blocking socket */
	__u8 dst[16];
	__u8 src[16];
	__u16 dst_port;
	__u16 src_port;
	__u16 family; /* AF_INET or AF_INET6 */
	__u16 protocol; /* IPPROTO_TCP or IPPROTO_UDP */
	__u32 flags; /* enum connect_flag */
	__u32 reserved;
};
IDTRAIL_ASSERT_SIZE(struct connect_payload, 80);

enum privilege_mark {
	PRIVILEGE_RESULT_UNKNOWN = 1 << 0, /* nobody objected so far; how it ended is not known */
};

/* One payload for everything that gains or uses a privilege. What op, flags and args mean is said
 * per kind below; what is not named there is zero. */
struct privilege_payload {
	struct file_id exe;
	__u64 parent_start_boot_ns;
	__u64 args[2];
	__u32 parent_tgid;
	__s32 result; /* 0, or a negative errno */
	__u32 flags;
	__u32 uid; /* effective, initial user namespace */
	__u32 target_tgid; /* the process that it is done to, where that is another */
	__u16 op;
	__u16 marks; /* enum privilege_mark */
	char name[EVENT_NAME_MAX]; /* cut and NUL-terminated, the rest zero */
};
IDTRAIL_ASSERT_SIZE(struct privilege_payload, 128);

/* EVENT_setid: ids that change. args: before and after, real << 32 | effective, of the initial user
 * namespace; for the file system's id just that. Equal args: only the saved id changes. flags: how,
 * as the kernel's LSM_SETID_*. */
enum setid_op { SETID_USER = 1, SETID_GROUP, SETID_FS_USER, SETID_FS_GROUP };

/* EVENT_capability: the first time that this outcome is seen for this cgroup, executable,
 * capability and user namespace, or the first after the kernel forgot it. args: the capability's
 * number, inode of the user namespace in which it is asked for. flags: CAP_OPT_*. */
enum capability_op { CAPABILITY_CHECK = 1 };

/* EVENT_namespace. flags: CLONE_NEW*. args[0], when entered: inode of the namespace. */
enum namespace_op { NAMESPACE_UNSHARE = 1, NAMESPACE_ENTER, NAMESPACE_CLONE };

/* EVENT_ptrace. target_tgid, args: the other process, its start (boot ns), its cgroup; name: its
 * comm. PTRACE_ACCESS: it may be read and written as a debugger does; flags: PTRACE_MODE_*.
 * PTRACE_OFFER: PTRACE_TRACEME, the other is the parent that shall trace. */
enum ptrace_op { PTRACE_ACCESS = 1, PTRACE_OFFER };

/* EVENT_mounting. name: last component of the place; args: the file system's type as text of at
 * most 15 bytes, where the kernel knows it; flags: MS_* or those of umount(2). */
enum mounting_op { MOUNTING_MOUNT = 1, MOUNTING_MOVE, MOUNTING_UNMOUNT };

/* EVENT_bpf. op: enum bpf_cmd + 1. name: of the program or map. args: its type and, for a program,
 * its instructions, for a map, its entries; for an attachment, how. */
#define BPF_OP_MAX 64

/* EVENT_module. MODULE_LOAD: name is the module's, or its file's where it was refused before the
 * kernel knew; MODULE_REQUEST: what this process does needs the module of that alias. */
enum module_op { MODULE_LOAD = 1, MODULE_REQUEST };

/* EVENT_memfd. name: as given; args: inode and device, which a later exec has too. */
enum memfd_op { MEMFD_CREATE = 1 };

/* EVENT_io_uring. args: submission and completion entries, those asked for where it failed;
 * flags: IORING_SETUP_*. */
enum io_uring_use { IO_URING_SETUP = 1 };

enum socket_flag {
	SOCKET_RESULT_UNKNOWN = 1 << 0, /* a twin that sees only the attempt */
};

/* Of listen and accept. Addresses and ports as in connect_payload. There is a peer only after an
 * accept that succeeded; where it failed, local is the listener's. */
struct socket_payload {
	struct file_id exe;
	__u64 parent_start_boot_ns;
	__u32 parent_tgid;
	__s32 result; /* 0, or a negative errno */
	__u8 local[16];
	__u8 peer[16];
	__u16 local_port;
	__u16 peer_port;
	__u16 family; /* AF_INET or AF_INET6 */
	__u16 protocol; /* IPPROTO_TCP */
	__u32 backlog; /* of listen, as the kernel limited it */
	__u32 flags; /* enum socket_flag */
};
IDTRAIL_ASSERT_SIZE(struct socket_payload, 80);

enum unix_flag {
	UNIX_RESULT_UNKNOWN = 1 << 0, /* a twin that sees only the attempt */
	UNIX_PATH_CUT = 1 << 1, /* the path was longer than its bound */
};

/* Tail, in this order: the name as it was asked for, name_size bytes as they lay in memory (an
 * abstract name begins with NUL, any other ends at its first); the path where the peer is bound,
 * below the root of the peer's mount namespace, 0 bytes where it is abstract or was not reached. */
struct unix_payload {
	struct file_id exe;
	struct file_id file; /* of the peer's socket; zero where there is no path */
	__u64 parent_start_boot_ns;
	__u32 parent_tgid;
	__s32 result; /* 0, or a negative errno */
	__u32 flags; /* enum unix_flag */
	__u16 type; /* SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET */
	__u16 name_size;
	__u16 path_size;
	__u16 reserved[3];
	__u64 name_key; /* of the name, under the agent's secret: its place in behaviour.h */
};
IDTRAIL_ASSERT_SIZE(struct unix_payload, 72);

enum flow_flag {
	FLOW_ACCEPTED = 1 << 0, /* the header's process took the connection; else it made it */
	FLOW_OPEN = 1 << 1, /* it goes on: the totals so far, which the next record of it replaces */
};

/* header is the process that opened the connection, which may have ended since; boot_ns is the
 * connection's end, or when it was looked at while open. Payload bytes: what was sent again and what only opens and closes does not
 * count. */
struct flow_payload {
	struct file_id exe; /* of the opener, when it opened */
	__u64 parent_start_boot_ns;
	__u32 parent_tgid;
	__u32 flags; /* enum flow_flag */
	__u64 bytes_sent;
	__u64 bytes_received;
	__u64 duration_ns; /* since it was asked for or taken */
	__u8 local[16]; /* as in connect_payload */
	__u8 peer[16];
	__u16 local_port;
	__u16 peer_port;
	__u16 family; /* AF_INET or AF_INET6 */
	__u16 protocol; /* IPPROTO_TCP */
};
IDTRAIL_ASSERT_SIZE(struct flow_payload, 96);

enum write_op { WRITE_OPEN = 1, WRITE_RENAME = 2, WRITE_LINK = 3, WRITE_SYMLINK = 4 };

enum write_place {
	PLACE_PRELOAD = 1, /* /etc/ld.so.preload */
	PLACE_CRON = 2, /* /etc/crontab, /etc/cron.*, /var/spool/cron, /etc/crontabs */
	PLACE_SSH_KEYS = 3, /* authorized_keys */
	PLACE_RUNTIME_SOCKET = 4, /* containerd.sock, docker.sock, crio.sock */
	PLACE_VOLUME = 5, /* a volume that was judged VOLUME_CREDENTIAL (control.h) */
	PLACE_IMAGE = 6, /* an executable of the image: on an overlay, not on its upper layer */
};

enum write_flag {
	WRITE_PATH_CUT = 1 << 0, /* the path was longer than its bound */
	WRITE_FROM = 1 << 1, /* path and file are what is renamed or linked, not the new name */
};

/* An open for writing that every permission check before the LSM let through, or an attempt to
 * rename, link or symlink. The names of the places are those of the last components, wherever the
 * file system is mounted. Tail: the path below the root of the mount namespace. */
struct write_payload {
	struct file_id exe;
	struct file_id file; /* zero where the name is new */
	__u64 parent_start_boot_ns;
	__u32 parent_tgid;
	__u32 open_flags; /* f_flags; 0 unless opened */
	__u32 flags; /* enum write_flag */
	__u16 op; /* enum write_op */
	__u16 place; /* enum write_place */
	__u16 path_size;
	__u16 reserved[3];
};
IDTRAIL_ASSERT_SIZE(struct write_payload, 64);

enum name_flag {
	NAME_RAW = 1 << 0, /* as the kernel half writes it; no decoder takes it */
	NAME_CUT = 1 << 1, /* there was more than could be read, or than there is room for */
	NAME_NONE = 1 << 2, /* no name was found in it */
};

/* Of dns, tls and http. The kernel half sends the first bytes off the network as tail (name_size
 * of them, NAME_RAW). The reader puts the name that they hold in their place before anything else
 * sees the record (agent/decode/network_name.h), so no payload goes further. Tail from then on: the
 * name, lower-case for dns and tls, "METHOD path" for http, name_size bytes; then, for dns,
 * address_count addresses of 4 (question_type A) or 16 bytes (AAAA).
 *
 * The peer is the server; the header is the process that receives the answer or sends. */
struct name_payload {
	struct file_id exe;
	__u64 parent_start_boot_ns;
	__u32 parent_tgid;
	__u32 flags; /* enum name_flag */
	__u8 local[16]; /* as in connect_payload */
	__u8 peer[16];
	__u16 local_port;
	__u16 peer_port;
	__u16 family; /* AF_INET or AF_INET6 */
	__u16 protocol; /* IPPROTO_UDP for dns, else IPPROTO_TCP */
	__u16 name_size;
	__u16 address_count; /* of dns, as what follows */
	__u16 question_type; /* as DNS numbers it: 1 is A, 28 is AAAA */
	__u16 answer_code; /* as DNS numbers it: 0 is well, 3 is no such name */
};
IDTRAIL_ASSERT_SIZE(struct name_payload, 80);

/* Numbers of system calls mean something in their table alone. */
enum syscall_table {
	SYSCALLS_NATIVE,
	SYSCALLS_32BIT, /* by a 32-bit program, or through the old gate of x86 */
	SYSCALLS_X32,
	SYSCALL_TABLES
};

#define SYSCALL_NUMBERS 576 /* of a table; the last stands for itself and all that are larger */
#define SYSCALL_LARGER (SYSCALL_NUMBERS - 1)

/* The first time that the cgroup makes this system call, or the first after the kernel forgot. What a
 * seccomp filter refused is not made. */
struct syscall_payload {
	struct file_id exe;
	__u64 parent_start_boot_ns;
	__u32 parent_tgid;
	__u32 number; /* below SYSCALL_NUMBERS */
	__u32 asked; /* the number as the process gave it */
	__u16 table; /* enum syscall_table */
	__u16 reserved;
};
IDTRAIL_ASSERT_SIZE(struct syscall_payload, 40);

/* No probe's kind: where in its program the process stood. Follows the record of a read, with its
 * boot_ns, tgid and tid. On nobody's books: no more than a remark on that record. */
#define EVENT_stack 30
#define STACK_FRAMES_MAX 32

struct stack_payload {
	__u32 frames; /* that are told, the innermost first */
	__u32 reserved;
	__u64 addresses[STACK_FRAMES_MAX];
};
IDTRAIL_ASSERT_SIZE(struct stack_payload, 264);

#endif /* IDTRAIL_EVENTS_H */
