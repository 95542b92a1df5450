/*
 * Mode `session`: holds the connection of a client that serves gRPC over HTTP/2, for a caller that speaks HTTP/2 with it through this program.
 *
 *   gantry-native session        descriptors: 0 the client, 3 the caller's HTTP/2, 4 records of the caller and answers to it
 *
 * Everything passes as it is, except two things. Contents of files in the streams of transfers go from the client's frames into the tree, and the caller is told
 * their digests. Stats that a call tells again, one behind the other, as a list has them (RECEIVE_COMPARE), are only counted.
 *
 * Records are those of mode `receive`, with more kinds beside them (layers/receive.h); `transfer` says whose they are. The first is RECEIVE_START, with what the
 * caller had read of the client already. The program ends with either side.
 */
#define _GNU_SOURCE
#include "layers/untar_report.h"
#include "session/client_frames.h"
#include "session/records.h"
#include "session/streams.h"
#include "session/taker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CLIENT = 0, CALLER = 3, CONTROL = 4 };
#define INPUT (256U << 10)
/* Bytes for one side at which the other is not read. */
#define HIGH (512U << 10)

/* A transfer under way. */
struct transfer {
	struct transfer *next;
	uint32_t number;
	struct taker *taker;
};

struct session {
	int wake;
	bool started, client_ended, caller_ended;
	struct records records;
	struct bytes to_client, to_caller, answers;
	struct client_frames said;
	struct streams streams;
	struct transfer *transfers;
	unsigned char input[INPUT];
	size_t size;
};

static struct transfer *transfer_of(struct session *s, uint32_t number) {
	struct transfer *t = s->transfers;
	while (t && t->number != number) t = t->next;
	return t;
}

static int begin(struct session *s, const struct receive_record *r) {
	struct transfer *t = calloc(1, sizeof *t);
	if (!t) return -1;
	t->number = r->head.transfer;
	t->taker = taker_new(t->number, r->path, s->wake);
	if (!t->taker) {
		free(t);
		return -1;
	}
	t->next = s->transfers;
	s->transfers = t;
	return streams_divert(&s->streams, r->head.slot, t->taker);
}

static int leave(struct session *s, uint32_t number) {
	struct answer left = {ANSWER_LEFT, number, 0, 0};
	for (struct transfer **at = &s->transfers; *at; at = &(*at)->next) {
		struct transfer *gone = *at;
		if (gone->number != number) continue;
		*at = gone->next;
		streams_leave(&s->streams, gone->taker);
		int rc = taker_collect(gone->taker, &s->answers);
		taker_end(gone->taker);
		free(gone);
		if (rc < 0) return -1;
		break;
	}
	return bytes_put(&s->answers, &left, sizeof left);
}

static int start(struct session *s, const struct receive_record *r) {
	if (s->started || r->head.data_length > INPUT) return -1;
	memcpy(s->input, r->data, r->head.data_length);
	s->size = r->head.data_length;
	s->started = true;
	return 0;
}

static int act(struct session *s, struct receive_record *r) {
	struct transfer *t;
	switch (r->head.kind) {
	case RECEIVE_START: return start(s, r);
	case RECEIVE_BEGIN: return begin(s, r);
	case RECEIVE_LEAVE: return leave(s, r->head.transfer);
	case RECEIVE_COMPARE: return streams_compare(&s->streams, r->head.slot, r->head.transfer, r->path);
	default:
		t = transfer_of(s, r->head.transfer);
		if (t) taker_record(t->taker, r); /* else it has been left */
		return 0;
	}
}

static int read_records(struct session *s) {
	struct receive_record r;
	int rc = records_fill(&s->records, CONTROL);
	s->caller_ended |= s->records.ended;
	while (rc == 0 && (rc = records_next(&s->records, &r)) > 0) {
		rc = act(s, &r);
		free(r.path);
		free(r.link);
		free(r.xattrs);
		free(r.data);
	}
	return rc;
}

static int take_input(struct session *s) {
	long taken = streams_take(&s->streams, s->input, s->size);
	if (taken < 0) return -1;
	s->size -= (size_t)taken;
	memmove(s->input, s->input + taken, s->size);
	return 0;
}

/* Bytes; 0: nothing now; -1: over. */
static ssize_t read_some(int fd, void *into, size_t size) {
	ssize_t n = read(fd, into, size);
	if (n > 0) return n;
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static int read_client(struct session *s) {
	/* What is sent was asked for after it was told to be expected. */
	if (read_records(s) < 0) return -1;
	ssize_t n = read_some(CLIENT, s->input + s->size, INPUT - s->size);
	s->client_ended = n < 0;
	s->size += n > 0 ? (size_t)n : 0;
	return take_input(s);
}

static int read_caller(struct session *s) {
	unsigned char bytes[64 << 10];
	ssize_t n = read_some(CALLER, bytes, sizeof bytes);
	s->caller_ended = n < 0;
	if (n <= 0) return 0;
	client_frames_follow(&s->said, bytes, (size_t)n);
	return bytes_put(&s->to_client, bytes, (size_t)n);
}

static int collect(struct session *s) {
	eventfd_t count;
	eventfd_read(s->wake, &count);
	for (struct transfer *t = s->transfers; t; t = t->next)
		if (taker_collect(t->taker, &s->answers) < 0) return -1;
	return 0;
}

static int write_all(struct session *s) {
	if (client_frames_between(&s->said) && streams_give_back(&s->streams, &s->to_client) < 0) return -1;
	if (bytes_write(&s->to_client, CLIENT) < 0) s->client_ended = true;
	if (bytes_write(&s->to_caller, CALLER) < 0) s->caller_ended = true;
	return bytes_write(&s->answers, CONTROL);
}

/* poll tells of an end whether or not it is asked for. */
static int asked(int fd, short events) { return events ? fd : -1; }
static short in(bool wanted) { return wanted ? POLLIN : 0; }
static short out(const struct bytes *b) { return b->size > 0 ? POLLOUT : 0; }

static int turn(struct session *s) {
	short client = s->started && !s->client_ended ? (short)(in(s->to_caller.size < HIGH) | out(&s->to_client)) : 0;
	short caller = s->caller_ended ? 0 : (short)(in(s->to_client.size < HIGH) | out(&s->to_caller));
	struct pollfd fds[] = {
	    {s->records.ended ? -1 : CONTROL, (short)(POLLIN | out(&s->answers)), 0},
	    {s->wake, POLLIN, 0},
	    {asked(CALLER, caller), caller, 0},
	    {asked(CLIENT, client), client, 0},
	};
	if (poll(fds, sizeof fds / sizeof *fds, -1) < 0) return errno == EINTR ? 0 : -1;
	if (fds[0].revents && read_records(s) < 0) return -1;
	if (fds[1].revents && collect(s) < 0) return -1;
	if (fds[2].revents & ~POLLOUT && read_caller(s) < 0) return -1;
	if (fds[3].revents & ~POLLOUT && s->to_caller.size < HIGH && read_client(s) < 0) return -1;
	return write_all(s);
}

int mode_session(int argc, char **argv);
int mode_session(int argc, char **argv) {
	static struct session s = {.said = {.before = PREFACE}};
	(void)argv;
	if (argc != 1) {
		fprintf(stderr, "usage: gantry-native session\n");
		return 2;
	}
	umask(0);
	signal(SIGPIPE, SIG_IGN);
	s.streams.on = &s.to_caller;
	s.streams.answers = &s.answers;
	s.wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	for (int fd = CLIENT; fd <= CONTROL; fd++) {
		int flags = fd == 1 || fd == 2 ? -1 : fcntl(fd, F_GETFL);
		if (flags >= 0) fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	}
	while (!s.client_ended || s.to_caller.size > 0) {
		/* What is left for a side that is gone is for nobody. */
		if (s.caller_ended && (s.client_ended || s.to_client.size == 0)) return 0;
		if (turn(&s) < 0) return 1;
	}
	return 0;
}
