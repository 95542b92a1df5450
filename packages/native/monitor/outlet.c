#include "monitor/outlet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/loop.h"

static ssize_t out(struct outlet *o, struct iovec *iov, int count) {
	for (;;) {
		ssize_t n;
		if (o->socket) {
			struct msghdr msg = {.msg_iov = iov, .msg_iovlen = (size_t)count};
			n = sendmsg(o->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		} else {
			n = writev(o->fd, iov, count);
		}
		if (n >= 0) {
			if (n > 0) o->progress = loop_now();
			return n;
		}
		if (errno == EINTR) continue;
		return errno == EAGAIN || errno == ENOBUFS ? 0 : -1;
	}
}

static bool enqueue(struct outlet *o, const char *data, size_t len) {
	if (len == 0) return true;
	if (o->len == 0) o->progress = loop_now();
	if (o->start + o->len + len > o->cap) {
		if (o->start) memmove(o->queue, o->queue + o->start, o->len);
		o->start = 0;
		if (o->len + len > o->cap) {
			size_t cap = o->cap ? o->cap : 64 * 1024;
			while (cap < o->len + len) cap *= 2;
			char *queue = realloc(o->queue, cap);
			if (!queue) return false;
			o->queue = queue;
			o->cap = cap;
		}
	}
	memcpy(o->queue + o->start + o->len, data, len);
	o->len += len;
	return true;
}

bool outlet_push(struct outlet *o, int stream, const char *data, size_t len) {
	if (o->fd < 0) return false;
	unsigned char head[8] = {(unsigned char)stream, 0, 0, 0, (unsigned char)(len >> 24), (unsigned char)(len >> 16),
	    (unsigned char)(len >> 8), (unsigned char)len};
	size_t head_len = o->framed ? sizeof head : 0;
	size_t sent = 0;
	if (o->len == 0) {
		struct iovec iov[2] = {{head, head_len}, {(char *)data, len}};
		ssize_t n = head_len ? out(o, iov, 2) : out(o, iov + 1, 1);
		if (n < 0) return false;
		sent = (size_t)n;
	} else if (o->len + len > OUTLET_LIMIT) {
		return true; // the queue holds whole chunks, so the framing stays right
	}
	if (sent < head_len) {
		if (!enqueue(o, (char *)head + sent, head_len - sent)) return false;
		sent = head_len;
	}
	sent -= head_len;
	return enqueue(o, data + sent, len - sent);
}

bool outlet_drain(struct outlet *o) {
	while (o->len > 0) {
		struct iovec iov = {o->queue + o->start, o->len};
		ssize_t n = out(o, &iov, 1);
		if (n < 0) return false;
		if (n == 0) return true;
		o->start += (size_t)n;
		o->len -= (size_t)n;
	}
	free(o->queue);
	o->queue = NULL;
	o->start = o->cap = 0;
	return true;
}

void outlet_free(struct outlet *o) {
	free(o->queue);
	o->queue = NULL;
	o->start = o->len = o->cap = 0;
	o->fd = -1;
}
