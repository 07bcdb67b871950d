/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything of the kernel that the programs depend on, and nothing else: only the fields that are
 * read. CO-RE relocates them by name, so neither order nor size here is the kernel's.
 */
#ifndef IDTRAIL_BPF_KERNEL_H
#define IDTRAIL_BPF_KERNEL_H

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ptrace.h>
#include <linux/types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include <stdbool.h>

/* BPF_CORE_READ, but by plain loads where the pointer is `typed`: one that the verifier lets the program
 * follow, as are a tracepoint's, a function's and its result's, but not a kprobe's. A load costs one
 * instruction or a few, a helper eighty. */
#define READ(typed, from, ...) ((typed) ? ___arrow(from, __VA_ARGS__) : BPF_CORE_READ(from, __VA_ARGS__))

/* Not in any uapi header, or only in one that clashes with the declarations below. */
#define AF_INET 2
#define AF_INET6 10
#define CAP_OPT_NOAUDIT 2
#define AF_UNIX 1
#define EAGAIN 11
#define EALREADY 114
#define EINPROGRESS 115
#define EINTR 4
#define EISCONN 106
#define ERESTARTSYS 512
#define FMODE_READ 0x1
#define LSM_SETID_FS 8
#define FMODE_WRITE 0x2
#define OVERLAYFS_MAGIC 0x794c7630
#define PTRACE_MODE_ATTACH 0x2
#define PTRACE_MODE_NOAUDIT 0x4
#define SB_KERNMOUNT (1UL << 22)
#define SOCK_DONE 1 /* of enum sock_flags: the peer has sent its last */
#define TS_COMPAT 0x2 /* x86: in a 32-bit system call */
#define TIF_32BIT (1UL << 22) /* arm64: a 32-bit program */
#define SIGNAL_GROUP_EXIT 0x4
#define TASK_COMM_LEN 16
#define S_IFMT 00170000
#define S_IFREG 0100000
#define S_IXUGO 00111
#define TCP_CLOSE 7
#define TCP_CLOSE_WAIT 8
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TMPFS_MAGIC 0x01021994

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct hlist_bl_node {
	void *pprev;
};

struct qstr {
	__u32 len;
	const unsigned char *name;
};

struct file_system_type {
	const char *name;
};

struct super_block {
	__u32 s_dev;
	struct file_system_type *s_type;
	unsigned long s_flags;
	unsigned long s_magic;
};

struct inode {
	__u16 i_mode;
	struct super_block *i_sb;
	unsigned long i_ino;
	unsigned int i_nlink;
	__u32 i_generation;
};

struct dentry {
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	struct super_block *d_sb;
	unsigned char d_iname[32]; /* a name that is shorter lies here, and d_name points to it */
};

/* Since 6.14 it has another name. */
struct dentry___since_v6_14 {
	struct {
		unsigned char string[32];
	} d_shortname;
};

struct vfsmount {
	struct dentry *mnt_root;
	struct super_block *mnt_sb;
};

struct mnt_namespace;

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	struct mnt_namespace *mnt_ns;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	unsigned int f_mode;
	unsigned int f_flags;
	struct path f_path;
	struct inode *f_inode;
};

struct ns_common {
	unsigned int inum;
};

struct user_namespace {
	struct ns_common ns;
};

struct mnt_namespace {
	struct ns_common ns;
};

struct nsproxy {
	struct mnt_namespace *mnt_ns;
};

struct fs_struct {
	struct path pwd;
};

struct kernfs_node {
	__u64 id;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	__u64 serial_nr; /* of all hierarchies, and never of another */
	struct cgroup_subsys_state *parent;
};

struct cgroup_root {
	int hierarchy_id;
};

struct cgroup {
	struct cgroup_subsys_state self;
	int level;
	struct kernfs_node *kn;
	struct cgroup_root *root;
};

/* What each controller's number is depends on how the kernel was built. */
enum cgroup_subsys_id { memory_cgrp_id, pids_cgrp_id };

struct css_set {
	struct cgroup_subsys_state *subsys[1]; /* by enum cgroup_subsys_id */
	struct cgroup *dfl_cgrp;
};

typedef struct {
	int counter;
} atomic_t;

struct tty_struct;

struct signal_struct {
	atomic_t live;
	int group_exit_code;
	unsigned int flags;
	struct tty_struct *tty;
};

typedef struct {
	unsigned int val;
} kuid_t;

typedef struct {
	unsigned int val;
} kgid_t;

struct cred {
	kuid_t uid;
	kgid_t gid;
	kuid_t suid;
	kgid_t sgid;
	kuid_t euid;
	kgid_t egid;
	kuid_t fsuid;
	kgid_t fsgid;
};

struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
	struct file *exe_file;
};

struct upid {
	int nr;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct thread_info {
	unsigned long flags;
	__u32 status; /* x86 */
};

struct task_struct {
	struct thread_info thread_info;
	struct mm_struct *mm;
	int exit_code;
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	__u64 start_boottime;
	const struct cred *cred;
	struct fs_struct *fs;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct css_set *cgroups;
	char comm[TASK_COMM_LEN];
};

/* Before the inode that it belongs to. */
struct proc_inode {
	struct pid *pid;
	struct inode vfs_inode;
};

struct linux_binprm {
	const char *filename;
	const char *interp;
};

struct module {
	char name[64 - sizeof(unsigned long)];
};

struct sockaddr {
	__u16 sa_family;
};

struct sock_common {
	__u16 skc_family;
	__u32 skc_daddr;
	__u32 skc_rcv_saddr;
	__u16 skc_dport;
	__u16 skc_num;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	__u8 skc_state;
	unsigned long skc_flags;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
	__u32 sk_max_ack_backlog;
};

struct inet_sock {
	__be16 inet_sport;
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u64 bytes_received;
	__u64 bytes_sent;
	__u64 bytes_acked; /* from the handshake of a connect on */
	__u64 bytes_retrans;
	__u32 snd_una;
	__u32 write_seq;
};

struct sk_buff {
	__u32 len;
	__u32 data_len;
	__u16 transport_header;
	__u16 network_header;
	unsigned char *head;
	unsigned char *data;
};

enum iter_type { ITER_IOVEC, ITER_UBUF };

struct iovec {
	void *iov_base;
	unsigned long iov_len;
};

struct iov_iter {
	__u8 iter_type;
	unsigned long iov_offset;
	unsigned long count;
	const struct iovec *__iov;
	void *ubuf;
};

struct iov_iter___before_v5_14 {
	unsigned int type; /* with the direction in its lowest bit */
};

struct iov_iter___before_v6_4 {
	const struct iovec *iov;
};

struct msghdr {
	struct iov_iter msg_iter;
};

struct bpf_iter__bpf_map_elem {
	void *key;
	void *value;
};

struct proto_accept_arg {
	int err;
};

struct socket {
	short type;
	struct sock *sk;
};

struct unix_sock {
	struct path path;
	struct sock *peer;
};

#pragma clang attribute pop

#endif /* IDTRAIL_BPF_KERNEL_H */
