/*
 * An id-mapped bind whose source is one of the container's own mounts. In a user namespace the child may not map a file system of the host's;
 * its parent may, but clones only what lies in the mount namespace that it is in. So a short-lived process of the parent's goes there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/idmap.h"
#include "launch/setup.h"

/* As child_send, for whoever is no child. 0, or -1 with errno. */
static int send_right(int socket, const void *data, size_t n, int fd) {
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec part = {(void *)data, n};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &fd, sizeof(int));
	return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

static int copy_there(int space, int place, const struct plan_op *bind, int map, pid_t pid, int sync) {
	char go[5] = {SYNC_GO};
	int tree;

	memcpy(go + 1, &pid, 4);
	if (setns(space, CLONE_NEWNS)) return -1;
	tree = clone_tree(place, bind->f[2].n & PLAN_BIND_RECURSIVE);
	if (tree < 0 || map_ids(tree, bind->f[2].n & PLAN_BIND_IDMAP_RECURSIVE, map)) return -1;
	return send_right(sync, go, sizeof(go), tree);
}

int map_inside(struct setup *s, uint32_t index, int place, pid_t pid, int sync) {
	struct plan_cursor cursor;
	struct plan_op op = {0};
	char path[48];
	int space, status = 0, err;
	pid_t worker;

	plan_rewind(&s->plan, &cursor);
	while (plan_next(&cursor, &op) && op.index != index)
		;
	if (place < 0 || op.index != index || !is_mapped(&op)) {
		close_fd(&place);
		return launch_failed(s->error, LAUNCH_INTERNAL, 0, "the process asked for a tree that is not there");
	}
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
	space = open(path, O_RDONLY | O_CLOEXEC);
	worker = space < 0 ? -1 : fork();
	if (worker == 0) _exit(copy_there(space, place, &op, s->child.maps[index], pid, sync) ? errno & 0xff : 0);
	err = errno;
	close_fd(&space);
	close_fd(&place);
	if (worker > 0) {
		while (waitpid(worker, &status, 0) < 0 && errno == EINTR)
			;
		err = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
	}
	return err && (worker < 0 || status)
	           ? launch_failed(s->error, LAUNCH_INVALID, err, "error mounting \"%s\" at \"%s\": map its ids", op.f[0].s, op.f[1].s)
	           : 0;
}
