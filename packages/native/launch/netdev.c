/*
 * Network devices of the host that a container gets (linux.netDevices): the device is moved to the container's network namespace under its
 * new name, gets back the global addresses that it loses on the way, and is set up. netlink(7), rtnetlink(7).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/setup.h"

#define ADDRESSES 32

struct request {
	struct nlmsghdr head;
	union {
		struct ifinfomsg link;
		struct ifaddrmsg address;
	} of;
	char attributes[256];
};

struct addresses {
	int count;
	struct {
		struct ifaddrmsg head;
		uint8_t local[16], peer[16];
		uint16_t local_size, peer_size;
	} each[ADDRESSES];
};

static void put(struct request *r, uint16_t type, const void *value, uint16_t size) {
	struct rtattr *attribute = (struct rtattr *)((char *)r + NLMSG_ALIGN(r->head.nlmsg_len));

	if (NLMSG_ALIGN(r->head.nlmsg_len) + RTA_SPACE(size) > sizeof(*r)) return; /* what we put in is far smaller */
	attribute->rta_type = type;
	attribute->rta_len = (uint16_t)RTA_LENGTH(size);
	memcpy(RTA_DATA(attribute), value, size);
	r->head.nlmsg_len = NLMSG_ALIGN(r->head.nlmsg_len) + RTA_SPACE(size);
}

/* Sends one request and waits for the kernel's word on it. 0, or -1 with errno. */
static int ask(int fd, struct request *r) {
	char buffer[8192];
	const struct nlmsghdr *head = (const struct nlmsghdr *)buffer;
	const struct nlmsgerr *error = NLMSG_DATA(head);
	ssize_t n;

	r->head.nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	if (send(fd, r, r->head.nlmsg_len, 0) < 0 || (n = recv(fd, buffer, sizeof(buffer), 0)) < 0) return -1;
	if (n < (ssize_t)NLMSG_LENGTH(sizeof(*error)) || head->nlmsg_type != NLMSG_ERROR) return errno = EBADMSG, -1;
	errno = -error->error;
	return error->error ? -1 : 0;
}

static void keep_address(struct addresses *list, const struct nlmsghdr *head, unsigned index) {
	const struct ifaddrmsg *address = NLMSG_DATA(head);
	int left = (int)IFA_PAYLOAD(head), at = list->count;

	if (head->nlmsg_type != RTM_NEWADDR || head->nlmsg_len < NLMSG_LENGTH(sizeof(*address)) || address->ifa_index != index ||
	    address->ifa_scope != RT_SCOPE_UNIVERSE || !(address->ifa_flags & IFA_F_PERMANENT) || at == ADDRESSES)
		return;
	memset(&list->each[at], 0, sizeof(list->each[at]));
	list->each[at].head = *address;
	for (const struct rtattr *a = IFA_RTA(address); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (RTA_PAYLOAD(a) > 16) continue;
		if (a->rta_type == IFA_LOCAL) {
			memcpy(list->each[at].local, RTA_DATA(a), RTA_PAYLOAD(a));
			list->each[at].local_size = (uint16_t)RTA_PAYLOAD(a);
		} else if (a->rta_type == IFA_ADDRESS) {
			memcpy(list->each[at].peer, RTA_DATA(a), RTA_PAYLOAD(a));
			list->each[at].peer_size = (uint16_t)RTA_PAYLOAD(a);
		}
	}
	list->count++;
}

static int read_addresses(int fd, unsigned index, struct addresses *list) {
	struct request r = {
	    .head = {
	        .nlmsg_len = NLMSG_LENGTH(sizeof(struct ifaddrmsg)), .nlmsg_type = RTM_GETADDR, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};
	static char buffer[65536];
	ssize_t n;

	list->count = 0;
	if (send(fd, &r, r.head.nlmsg_len, 0) < 0) return -1;
	while ((n = recv(fd, buffer, sizeof(buffer), 0)) > 0) {
		int left = (int)n;

		for (const struct nlmsghdr *head = (const struct nlmsghdr *)buffer; NLMSG_OK(head, left); head = NLMSG_NEXT(head, left)) {
			if (head->nlmsg_type == NLMSG_DONE) return 0;
			if (head->nlmsg_type == NLMSG_ERROR) return errno = EBADMSG, -1;
			keep_address(list, head, index);
		}
	}
	return -1;
}

static int move(int fd, unsigned index, int space, const char *name) {
	struct request r = {
	    .head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)), .nlmsg_type = RTM_NEWLINK}, .of.link = {.ifi_index = (int)index}};

	put(&r, IFLA_NET_NS_FD, &space, sizeof(space));
	put(&r, IFLA_IFNAME, name, (uint16_t)(strlen(name) + 1));
	return ask(fd, &r);
}

/* In a process of its own, which may leave its network namespace. Exits with 0 or an errno. */
static int settle(int space, const char *name, const struct addresses *list) {
	struct request up = {.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)), .nlmsg_type = RTM_NEWLINK},
	    .of.link = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP}};
	unsigned index;
	int fd;

	if (setns(space, CLONE_NEWNET) || (fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)) < 0 ||
	    !(index = if_nametoindex(name)))
		return errno;
	for (int i = 0; i < list->count; i++) {
		struct request r = {.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifaddrmsg)),
		                        .nlmsg_type = RTM_NEWADDR,
		                        .nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE},
		    .of.address = list->each[i].head};

		r.of.address.ifa_index = index;
		if (list->each[i].local_size) put(&r, IFA_LOCAL, list->each[i].local, list->each[i].local_size);
		if (list->each[i].peer_size) put(&r, IFA_ADDRESS, list->each[i].peer, list->each[i].peer_size);
		if (ask(fd, &r)) return errno;
	}
	up.of.link.ifi_index = (int)index;
	return ask(fd, &up) ? errno : 0;
}

static int in_child(int space, const char *name, const struct addresses *list) {
	pid_t pid = fork();
	int status;

	if (pid == 0) _exit(settle(space, name, list) & 0xff);
	if (pid < 0) return -1;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR) return -1;
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
	return errno ? -1 : 0;
}

int move_device(struct setup *s, struct plan_op *op, pid_t pid) {
	const char *name = op->f[0].s, *new_name = op->f[1].s;
	static struct addresses list;
	char path[64];
	unsigned index = if_nametoindex(name);
	int fd = -1, space = -1, result = -1;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	if (!index) return launch_failed(s->error, LAUNCH_INVALID, errno, "network device \"%s\"", name);
	space = open(op->f[2].n ? op->f[2].s : path, O_RDONLY | O_CLOEXEC);
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (space < 0 || fd < 0 || read_addresses(fd, index, &list))
		launch_failed(s->error, LAUNCH_INTERNAL, errno, "look at network device \"%s\"", name);
	else if (move(fd, index, space, new_name))
		launch_failed(s->error, LAUNCH_INVALID, errno, "move network device \"%s\" to the container as \"%s\"", name, new_name);
	else if (in_child(space, new_name, &list))
		launch_failed(s->error, LAUNCH_INTERNAL, errno, "set network device \"%s\" of the container up", new_name);
	else result = 0;
	close_fd(&fd);
	close_fd(&space);
	return result;
}
