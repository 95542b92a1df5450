/*
 * plan.h - the bytes of a launch plan, version 2, and their reader.
 *
 * All integers are little-endian and unaligned.
 *
 *   header (32 bytes):  u32 magic "GPLN" | u16 version | u16 kind | u32 length of everything | u32 number of operations
 *                       u64 clone flags  | u32 preserved descriptors | u32 zero
 *   operation:          u16 code | u16 zero | u32 length of the payload | payload
 *
 * A payload is the concatenation of the fields that the operation's format
 * names, with nothing before, between or after:
 *
 *   '4' u32   '8' u64
 *   's' string: u32 length with its NUL, bytes, NUL; no other NUL inside
 *   'b' bytes:  u32 length, bytes
 *   'v' strings: u32 count, then so many 's'
 *   'w' numbers: u32 count, then so many u32
 *
 * plan_open checks all of this for the whole plan before anything runs, so
 * that the code which executes operations never meets a bad length.
 */
#ifndef GANTRY_PLAN_H
#define GANTRY_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAN_MAGIC 0x4e4c5047u
#define PLAN_VERSION 2
#define PLAN_HEADER 32
#define PLAN_FIELDS 12
#define PLAN_LIMIT (16u << 20)

enum plan_kind { PLAN_CREATE = 1, PLAN_EXEC = 2 };

/* Who runs an operation is its high byte: 1 the parent before clone, 2 the parent after it, 3 the child. */
// clang-format off
#define PLAN_OPERATIONS(X)                                                                                   \
	/* parent, before */                                                                                 \
	X(CGROUP_V1, 0x0101, "s")        /* a `tasks` file that the child writes 0 to */                     \
	X(CGROUP_V2, 0x0102, "ss")       /* directory to clone into, mount point of the hierarchy */         \
	X(JOIN, 0x0103, "4s")            /* CLONE_NEW*, path of a namespace */                               \
	X(TARGET, 0x0104, "484")         /* pid, start time, CLONE_NEW* to join (exec) */                    \
	X(CGROUP_DEVICES, 0x0105, "sb")  /* v2 directory, struct bpf_insn[] of type cgroup_device */         \
	X(AFFINITY, 0x0106, "b")         /* processors to clone on: a mask in the kernel's bit order; empty = all */ \
	X(LISTENER, 0x0107, "ssss")      /* unix socket of the seccomp agent; its message around the two pids */ \
	/* parent, after */                                                                                  \
	X(UID_MAP, 0x0201, "ss")         /* lines of the map, program that writes it (newuidmap) or "" */    \
	X(GID_MAP, 0x0202, "ss")                                                                             \
	X(OOM_SCORE_ADJ, 0x0203, "4")    /* two's complement */                                              \
	X(RLIMIT, 0x0204, "488")         /* RLIMIT_*, soft, hard */                                          \
	X(SETGROUPS, 0x0205, "s")        /* "deny": before GID_MAP, for a caller without CAP_SETGID */       \
	X(NET_DEVICE, 0x0206, "sss")     /* device of the host, its name in the container, path of the network namespace or "" for the process's own */ \
	/* child, in the order given */                                                                      \
	X(DIRECTORY, 0x0300, "s")        /* made when missing; what cannot be made is left to those who need it */ \
	X(UNSHARE, 0x0301, "4")                                                                              \
	X(TIME_OFFSETS, 0x0302, "s")     /* new time namespace, lines for timens_offsets */                  \
	X(SESSION, 0x0303, "")                                                                               \
	X(KEYRING, 0x0304, "s")                                                                              \
	X(HOSTNAME, 0x0305, "s")                                                                             \
	X(DOMAINNAME, 0x0306, "s")                                                                           \
	X(LOOPBACK, 0x0307, "")                                                                              \
	X(PROPAGATION, 0x0308, "8")      /* MS_* for / */                                                    \
	X(ROOTFS, 0x0309, "s4")          /* host directory, PLAN_ROOTFS_* */                                      \
	X(MOUNT, 0x030a, "sssv848")      /* type, source, target, options, MOUNT_ATTR_*, PLAN_MOUNT_*, MS_* propagation */ \
	X(BIND, 0x030b, "ss4888888sss")  /* source, target, PLAN_BIND_*, set, clear, recursive set, recursive clear, MS_* propagation, MS_* recursive propagation; id-mapped: uid map, gid map, or path of a user namespace */ \
	X(SYMLINK, 0x030c, "ss4")        /* target text, link path, PLAN_LINK_* */                           \
	X(DEVICE, 0x030d, "s444444")     /* path, mode with type, major, minor, uid, gid, PLAN_DEVICE_* */ \
	X(CONSOLE, 0x030e, "4")          /* 1 = also bind it at /dev/console */                              \
	X(MASK, 0x030f, "s")                                                                                 \
	X(READONLY, 0x0310, "s")                                                                             \
	X(SYSCTL, 0x0311, "ss")          /* path below /proc/sys, value */                                   \
	X(ROOT_ATTR, 0x0312, "88")       /* MOUNT_ATTR_* to set, MS_* propagation */                         \
	X(PIVOT, 0x0313, "4")            /* 1 = chroot instead */                                   \
	X(APPARMOR, 0x0314, "s")                                                                             \
	X(SELINUX, 0x0315, "s")                                                                              \
	X(PERSONALITY, 0x0316, "8")                                                                          \
	X(SCHEDULER, 0x0317, "4844888")  /* policy, flags, nice, priority, runtime, deadline, period */      \
	X(IO_PRIORITY, 0x0318, "4")                                                                          \
	X(NO_NEW_PRIVS, 0x0319, "")                                                                          \
	X(CAPS, 0x031a, "88888")         /* bounding, effective, permitted, inheritable, ambient */          \
	X(USER, 0x031b, "444w")          /* uid, gid, umask (or ~0), additional gids */                      \
	X(CWD, 0x031c, "s")                                                                                  \
	X(SECCOMP, 0x031d, "4b")         /* SECCOMP_FILTER_FLAG_*, struct sock_filter[] */                   \
	X(HOOK, 0x031e, "4svv4sss")      /* PLAN_HOOK_*, path, args, env, timeout in s, state before and after the pid, its name for errors */ \
	X(ATTR, 0x0320, "s88")           /* path of a mount, MOUNT_ATTR_* to set on it and to clear */       \
	X(REMOUNT, 0x0321, "sv88")       /* path of a mount, options of its file system, MOUNT_ATTR_* to set and to clear */ \
	X(MEMPOLICY, 0x0322, "4b")       /* MPOL_* with its flags, nodes as a mask */                        \
	X(AFFINITY_FINAL, 0x0323, "b")   /* processors of the program; empty = all */                        \
	X(LANDLOCK, 0x0324, "8vw")       /* LANDLOCK_ACCESS_FS_* that need a rule, paths, what each allows */ \
	X(EXEC_CODE, 0x031f, "vv4")           /* args, env, 1 = set HOME from /etc/passwd when missing */
// clang-format on

enum plan_code {
#define X(name, code, format) PLAN_##name = code,
	PLAN_OPERATIONS(X)
#undef X
};

enum {
	PLAN_ROOTFS_PIVOT = 0, /* at its own path, to become the root by pivot_root */
	PLAN_ROOTFS_IN_PLACE = 1, /* at its own path in a mount namespace that is not ours: chroot */
	PLAN_ROOTFS_FOLLOW = 16, /* with the others: it stays a slave of the host's mount */
	PLAN_ROOTFS_ON_TOP = 2, /* on "/", to become the root by chroot; procfs and sysfs of the host leave the namespace before */

	PLAN_MOUNT_NO_SYMLINK = 1, /* proc and sysfs: the target is a real directory of the rootfs */
	PLAN_MOUNT_COPY_UP = 2, /* tmpfs: copy what the target directory holds */
	PLAN_MOUNT_OPTIONAL = 4, /* a file system that the kernel does not have is skipped */

	PLAN_BIND_RECURSIVE = 1,
	PLAN_BIND_PROC = 2, /* this target may lie in procfs */
	PLAN_BIND_IDMAP_RECURSIVE = 4, /* the id map reaches the mounts below too */

	PLAN_LINK_REPLACE = 1,
	PLAN_LINK_OPTIONAL = 2,

	PLAN_DEVICE_BIND = 1, /* bind the host's node: user namespaces cannot mknod */

	PLAN_HOOK_RUNTIME = 1, /* prestart, createRuntime: runs in the caller's namespaces */
	PLAN_HOOK_CONTAINER = 2, /* createContainer: in the container's namespaces, before pivot_root */
	PLAN_HOOK_START = 3, /* startContainer: in the container, after start was asked */
};

struct plan_field {
	uint64_t n; /* '4', '8'; bytes of 's' without NUL and 'b'; count of 'v', 'w' */
	const char *s; /* 's' */
	const uint8_t *bytes; /* 'b'; first element of 'v', 'w' */
};

struct plan_op {
	uint16_t code;
	uint32_t index;
	struct plan_field f[PLAN_FIELDS];
};

struct plan {
	const uint8_t *data;
	size_t length;
	uint16_t kind;
	uint32_t operations;
	uint64_t clone_flags;
	uint32_t preserve;
};

struct plan_cursor {
	const struct plan *plan;
	size_t at;
	uint32_t index;
};

/* Checks the whole plan. 0, or -1 with a reason. `data` must outlive the plan. */
int plan_open(const uint8_t *data, size_t length, struct plan *plan, const char **reason);

/* Operations one by one: plan_rewind, then while (plan_next(...)). */
void plan_rewind(const struct plan *plan, struct plan_cursor *cursor);
bool plan_next(struct plan_cursor *cursor, struct plan_op *op);

/* The operation's name, for messages. */
const char *plan_name(uint16_t code);

/* A NULL-terminated array over the strings of a 'v' field; malloc'ed, `extra` more slots; NULL = no memory. */
const char **plan_strings(const struct plan_field *field, size_t extra);
uint32_t plan_number(const struct plan_field *field, uint32_t i);

#endif
