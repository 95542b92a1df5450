// Mode `publish`: gantry-native publish SOCKET [--address A] publish --topic T --namespace N
//
// What containerd's own binary does for a shim's -publish-binary: an event (the bytes of a google.protobuf.Any on stdin) goes to the socket as
// containerd.services.events.ttrpc.v1.Events/Forward. Answers 0 once the server has taken it. --address is the shim's idea of the
// server and has no use here.
#define _GNU_SOURCE
#include <endian.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define EVENT_MAX (1 << 20)
#define HEAD 10 // of a ttrpc frame

struct text {
	uint8_t *bytes;
	size_t len, cap;
};

static void add(struct text *t, const void *bytes, size_t len) {
	if (len <= t->cap - t->len) memcpy(t->bytes + t->len, bytes, len);
	t->len += len <= t->cap - t->len ? len : 0;
}

static void add_number(struct text *t, uint64_t n) {
	do {
		uint8_t byte = (uint8_t)((n & 0x7f) | (n > 0x7f ? 0x80 : 0));
		add(t, &byte, 1);
		n >>= 7;
	} while (n);
}

// One field of protobuf's length-delimited kind, or its varint kind.
static void add_bytes(struct text *t, unsigned field, const void *bytes, size_t len) {
	add_number(t, field << 3 | 2);
	add_number(t, len);
	add(t, bytes, len);
}

static void add_varint(struct text *t, unsigned field, uint64_t n) {
	add_number(t, field << 3);
	add_number(t, n);
}

static const char *flag(int argc, char **argv, const char *name) {
	size_t n = strlen(name);
	for (int i = 2; i < argc; i++) {
		const char *word = argv[i];
		while (*word == '-') word++;
		if (word == argv[i] || strncmp(word, name, n) != 0) continue;
		if (word[n] == '=') return word + n + 1;
		if (!word[n] && i + 1 < argc) return argv[i + 1];
	}
	return NULL;
}

static int fail(const char *what) {
	fprintf(stderr, "gantry-native publish: %s: %m\n", what);
	return 1;
}

static int exchange(const char *path, const struct text *request) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	uint8_t head[HEAD] = {0}, answer[HEAD + 1];
	uint32_t length = htobe32((uint32_t)request->len), stream = htobe32(1);
	struct timeval limit = {.tv_sec = 10};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || strlen(path) >= sizeof address.sun_path) return fail(path);
	strcpy(address.sun_path, path);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	memcpy(head, &length, 4);
	memcpy(head + 4, &stream, 4);
	head[8] = 1; // a request
	if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) return fail(path);
	if (send(fd, head, HEAD, MSG_NOSIGNAL) != HEAD || send(fd, request->bytes, request->len, MSG_NOSIGNAL) != (ssize_t)request->len)
		return fail("send");
	if (recv(fd, answer, HEAD, MSG_WAITALL) < HEAD) return fail("no answer");
	memcpy(&length, answer, 4);
	if (length != 0 && recv(fd, answer + HEAD, 1, MSG_WAITALL) < 1) return fail("half an answer");
	// An answer without a status (field 1) is a success; a success without content has no byte at all.
	if (length != 0 && answer[HEAD] == (1 << 3 | 2)) {
		fprintf(stderr, "gantry-native publish: the event was refused\n");
		return 1;
	}
	return 0;
}

int mode_publish(int argc, char **argv) {
	static uint8_t event[EVENT_MAX], inner[EVENT_MAX + 4096], outer[EVENT_MAX + 8192], whole[EVENT_MAX + 16384];
	static const char service[] = "containerd.services.events.ttrpc.v1.Events", method[] = "Forward";
	const char *topic = flag(argc, argv, "topic"), *namespace = flag(argc, argv, "namespace");
	struct text stamp = {.bytes = (uint8_t[32]){0}, .cap = 32}, envelope = {.bytes = inner, .cap = sizeof inner};
	struct text forward = {.bytes = outer, .cap = sizeof outer}, request = {.bytes = whole, .cap = sizeof whole};
	struct timespec now;
	size_t have = 0;
	if (argc < 2 || !topic || !namespace) {
		fprintf(stderr, "usage: gantry-native publish SOCKET [--address A] publish --topic T --namespace N < event\n");
		return 2;
	}
	for (ssize_t n; (n = read(0, event + have, sizeof event - have)) != 0; have += (size_t)n)
		if (n < 0) return fail("stdin");
	clock_gettime(CLOCK_REALTIME, &now);
	add_varint(&stamp, 1, (uint64_t)now.tv_sec);
	add_varint(&stamp, 2, (uint64_t)now.tv_nsec);
	add_bytes(&envelope, 1, stamp.bytes, stamp.len);
	add_bytes(&envelope, 2, namespace, strlen(namespace));
	add_bytes(&envelope, 3, topic, strlen(topic));
	add_bytes(&envelope, 4, event, have);
	add_bytes(&forward, 1, envelope.bytes, envelope.len);
	add_bytes(&request, 1, service, sizeof service - 1);
	add_bytes(&request, 2, method, sizeof method - 1);
	add_bytes(&request, 3, forward.bytes, forward.len);
	return exchange(argv[1], &request);
}
