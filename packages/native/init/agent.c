/*
 * The agent behind SCMP_ACT_NOTIFY. The socket is connected before anything else (its path is the host's); once the filter is loaded its
 * descriptor must leave through it, but a filtered process may be allowed no call at all. So a thread that is not filtered waits for the
 * descriptor in memory and sends it; the filtered one only looks at memory until that is done.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "init/child.h"

#define STACK (64 * 1024)
#define MESSAGE (64 * 1024)

static void relax(void) {
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* Between the two threads. */
static struct {
	int socket;
	char *message;
	size_t length;
	_Atomic int descriptor; /* -1 = not there yet, -2 = there is none: leave */
	_Atomic int result; /* -1 = under way, else an errno */
} hand;

static int send_descriptor(int descriptor) {
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec part = {hand.message, hand.length};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &descriptor, sizeof(int));
	return syscall(SYS_sendmsg, hand.socket, &message, MSG_NOSIGNAL) < 0 ? errno : 0;
}

/* Shares everything with the main thread, which touches nothing that we touch meanwhile; ends without returning. */
static int sender(void *unused) {
	struct timespec pause = {0, 50000};
	int descriptor;

	(void)unused;
	while ((descriptor = atomic_load(&hand.descriptor)) == -1) syscall(SYS_nanosleep, &pause, NULL);
	atomic_store(&hand.result, descriptor < 0 ? 0 : send_descriptor(descriptor));
	syscall(SYS_exit, 0);
	return 0;
}

void agent_prepare(struct child *c) {
	struct plan_cursor cursor;
	struct plan_op op;
	char *stack;

	plan_rewind(c->plan, &cursor);
	while (plan_next(&cursor, &op)) {
		int n;

		if (op.code != PLAN_LISTENER) continue;
		hand.message = malloc(MESSAGE);
		if (!hand.message) child_fail(c, ENOMEM, "tell the seccomp agent");
		n = snprintf(
		    hand.message, MESSAGE, "%s%d%s%d%s", op.f[1].s, c->self, op.f[2].s, c->target_pid ? c->target_pid : c->self, op.f[3].s);
		if (n < 0 || n >= MESSAGE) child_die(c, LAUNCH_INVALID, 0, "the seccomp agent's message is too long");
		hand.length = (size_t)n;
	}
	hand.socket = c->agent;
	atomic_store(&hand.descriptor, -1);
	atomic_store(&hand.result, -1);
	stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (stack == MAP_FAILED ||
	    clone(sender, stack + STACK, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, NULL) < 0)
		child_fail(c, errno, "start the seccomp agent's sender");
}

void agent_send(struct child *c, int descriptor) {
	int result;

	atomic_store(&hand.descriptor, descriptor);
	while ((result = atomic_load(&hand.result)) == -1) relax();
	if (result) child_fail(c, result, "send the seccomp descriptor to its agent");
}
