#define _GNU_SOURCE
#include "session/streams.h"
#include "session/known.h"
#include "session/packet.h"

#include <stdlib.h>
#include <string.h>

#define END_STREAM 1U
#define PADDED 8U
/* A gRPC message's own: whether it is compressed, and its length. */
#define MESSAGE_HEAD 5U
/* Of a content in one message. */
#define MESSAGE_MOST (16U << 20)
/* Room is given back in pieces of this size at least. */
#define CREDIT_LEAST (32U << 10)

/* One call: where its messages begin has to be known before it is diverted. */
struct stream {
	struct stream *next;
	uint32_t id;
	struct taker *taker;
	struct known *known;
	bool begun; /* a message has */
	unsigned char head[MESSAGE_HEAD + PACKET_GLANCE];
	size_t got; /* of the head and the first bytes of a message */
	size_t passing; /* bytes of a message that go on */
	unsigned char *message; /* a content, or what is to be compared */
	bool compared;
	size_t length, have;
	size_t credit;
};

/* The DATA frame that is being written for the other side; begun when there is something to say. */
struct letter {
	struct bytes *on;
	uint32_t id;
	size_t start, size; /* start: bytes behind which its head lies; size 0: none is begun */
};

static void put_head(unsigned char *p, size_t length, unsigned type, unsigned flags, uint32_t id) {
	p[0] = (unsigned char)(length >> 16);
	p[1] = (unsigned char)(length >> 8);
	p[2] = (unsigned char)length;
	p[3] = (unsigned char)type;
	p[4] = (unsigned char)flags;
	for (int i = 0; i < 4; i++) p[5 + i] = (unsigned char)(id >> (24 - 8 * i));
}

static uint32_t read32(const unsigned char *p) { return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]; }

static int pass(struct letter *l, const unsigned char *p, size_t size) {
	while (size > 0) {
		unsigned char head[FRAME_HEAD];
		if (l->size == 0) {
			l->start = l->on->size;
			put_head(head, 0, FRAME_DATA, 0, l->id);
			if (bytes_put(l->on, head, sizeof head) < 0) return -1;
		}
		size_t n = FRAME_MOST - l->size < size ? FRAME_MOST - l->size : size;
		if (bytes_put(l->on, p, n) < 0) return -1;
		l->size += n;
		put_head(l->on->data + l->on->at + l->start, l->size, FRAME_DATA, 0, l->id);
		if (l->size == FRAME_MOST) l->size = 0;
		p += n;
		size -= n;
	}
	return 0;
}

static struct stream *find(struct streams *s, uint32_t id, bool make) {
	struct stream *found = s->first;
	while (found && found->id != id) found = found->next;
	if (found || !make || !(found = calloc(1, sizeof *found))) return found;
	found->id = id;
	found->next = s->first;
	s->first = found;
	return found;
}

static void forget(struct streams *s, uint32_t id) {
	for (struct stream **at = &s->first; *at; at = &(*at)->next) {
		struct stream *gone = *at;
		if (gone->id != id) continue;
		*at = gone->next;
		known_close(gone->known);
		free(gone->message);
		free(gone);
		return;
	}
}

static int tell_same(struct streams *s, uint32_t number, const struct known *k) {
	uint64_t much[2] = {k ? k->at : 0, k ? k->came : 0};
	struct answer same = {ANSWER_SAME, number, k ? k->count : 0, sizeof much};
	return !s->answers || (bytes_put(s->answers, &same, sizeof same) == 0 && bytes_put(s->answers, much, sizeof much) == 0) ? 0 : -1;
}

/* Something else than the last time: from here on everything passes. */
static int end_comparison(struct streams *s, struct stream *st) {
	struct known *k = st->known;
	st->known = NULL;
	int rc = k ? tell_same(s, k->number, k) : 0;
	known_close(k);
	return rc;
}

/* What is to be compared is whole. */
static int compare(struct streams *s, struct stream *st, struct letter *l) {
	unsigned char *message = st->message;
	int rc = 0;
	st->message = NULL;
	st->compared = false;
	st->got = 0;
	if (st->known && known_take(st->known, message, st->length)) {
		s->credit += MESSAGE_HEAD + st->length;
		st->credit += MESSAGE_HEAD + st->length;
	} else if (end_comparison(s, st) < 0 || pass(l, st->head, MESSAGE_HEAD) < 0 || pass(l, message, st->length) < 0) rc = -1;
	free(message);
	return rc;
}

/* A content is whole. */
static int deliver(struct stream *st) {
	struct packet packet;
	unsigned char *message = st->message;
	st->message = NULL;
	st->got = 0;
	bool readable = packet_read(message, st->length, &packet);
	if (st->taker && readable) taker_content(st->taker, packet.id, message, packet.data, packet.size);
	else free(message);
	return readable ? 0 : -1;
}

/* The head of a message, and as much of it as tells what it is. 1: more is needed. */
static int begin(struct stream *st, struct letter *l, const unsigned char **p, size_t *size, struct streams *s) {
	size_t length = 0, want = MESSAGE_HEAD;
	for (;;) {
		if (st->got >= MESSAGE_HEAD) {
			length = read32(st->head + 1);
			want = MESSAGE_HEAD + (length < PACKET_GLANCE ? length : PACKET_GLANCE);
		}
		if (st->got >= MESSAGE_HEAD && st->got == want) break;
		if (*size == 0) return 1;
		st->head[st->got++] = *(*p)++;
		--*size;
	}
	size_t rest = length - (want - MESSAGE_HEAD);
	st->begun = true;
	if (st->known && st->head[0] == 0 && length <= KNOWN_MOST && known_may_be(st->head + MESSAGE_HEAD, want - MESSAGE_HEAD)) {
		if (!(st->message = malloc(length))) return -1;
		st->compared = true;
		st->length = length;
		st->have = want - MESSAGE_HEAD;
		memcpy(st->message, st->head + MESSAGE_HEAD, st->have);
		return rest == 0 ? compare(s, st, l) : 0;
	}
	if (end_comparison(s, st) < 0) return -1;
	bool content = st->head[0] == 0 && length <= MESSAGE_MOST && packet_has_content(st->head + MESSAGE_HEAD, want - MESSAGE_HEAD);
	if (!st->taker || !content) {
		st->passing = rest;
		size_t got = st->got;
		st->got = 0;
		return l ? pass(l, st->head, got) : 0;
	}
	if (!(st->message = malloc(length))) return -1;
	st->length = length;
	st->have = want - MESSAGE_HEAD;
	memcpy(st->message, st->head + MESSAGE_HEAD, st->have);
	s->credit += want;
	st->credit += want;
	return rest == 0 ? deliver(st) : 0;
}

static int walk(struct streams *s, struct stream *st, const unsigned char *p, size_t size, struct letter *l) {
	while (size > 0) {
		size_t n;
		if (st->message) {
			n = st->length - st->have < size ? st->length - st->have : size;
			memcpy(st->message + st->have, p, n);
			st->have += n;
			if (!st->compared) {
				s->credit += n;
				st->credit += n;
			}
			if (st->have == st->length && (st->compared ? compare(s, st, l) : deliver(st)) < 0) return -1;
		} else if (st->passing > 0) {
			n = st->passing < size ? st->passing : size;
			if (l && pass(l, p, n) < 0) return -1;
			st->passing -= n;
		} else {
			if (begin(st, l, &p, &size, s) < 0) return -1;
			continue;
		}
		p += n;
		size -= n;
	}
	return 0;
}

static int take_data(struct streams *s, const unsigned char *frame, size_t length, unsigned flags, uint32_t id) {
	const unsigned char *p = frame + FRAME_HEAD;
	size_t size = length, padding = 0;
	struct stream *st = find(s, id, true);
	if (!st) return -1;
	if (flags & PADDED) {
		if (size == 0 || p[0] >= size) return -1;
		padding = (size_t)p[0] + 1;
		size -= padding;
		p++;
	}
	if (!st->taker && !st->known && !st->message) return walk(s, st, p, size, NULL) < 0 ? -1 : bytes_put(s->on, frame, FRAME_HEAD + length);
	struct letter letter = {.on = s->on, .id = id};
	s->credit += padding;
	st->credit += padding;
	if (walk(s, st, p, size, &letter) < 0) return -1;
	if (!(flags & END_STREAM)) return 0;
	unsigned char head[FRAME_HEAD];
	put_head(head, 0, FRAME_DATA, END_STREAM, id);
	return bytes_put(s->on, head, sizeof head);
}

long streams_take(struct streams *s, const unsigned char *p, size_t size) {
	const unsigned char *from = p;
	while (size >= FRAME_HEAD) {
		size_t length = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];
		uint32_t id = read32(p + 5) & 0x7fffffff;
		if (length > FRAME_MOST) return -1;
		if (size < FRAME_HEAD + length) break;
		int rc = p[3] == FRAME_DATA ? take_data(s, p, length, p[4], id) : bytes_put(s->on, p, FRAME_HEAD + length);
		if (rc < 0) return -1;
		bool last = p[3] == FRAME_RST_STREAM || ((p[3] == FRAME_DATA || p[3] == FRAME_HEADERS) && (p[4] & END_STREAM));
		if (last) forget(s, id);
		p += FRAME_HEAD + length;
		size -= FRAME_HEAD + length;
	}
	return p - from;
}

int streams_divert(struct streams *s, uint32_t id, struct taker *taker) {
	struct stream *st = find(s, id, true);
	if (!st) return -1;
	st->taker = taker;
	return 0;
}

int streams_compare(struct streams *s, uint32_t id, uint32_t number, const char *list) {
	struct stream *st = find(s, id, true);
	if (!st) return -1;
	if (!st->begun && st->got == 0 && !st->known) st->known = known_open(number, list);
	return st->known ? 0 : tell_same(s, number, NULL);
}

void streams_leave(struct streams *s, const struct taker *taker) {
	for (struct stream *st = s->first; st; st = st->next)
		if (st->taker == taker) st->taker = NULL;
}

static int give(struct bytes *to, uint32_t id, size_t *credit) {
	unsigned char frame[FRAME_HEAD + 4];
	if (*credit < CREDIT_LEAST) return 0;
	put_head(frame, 4, FRAME_WINDOW_UPDATE, 0, id);
	for (int i = 0; i < 4; i++) frame[FRAME_HEAD + i] = (unsigned char)(*credit >> (24 - 8 * i));
	*credit = 0;
	return bytes_put(to, frame, sizeof frame);
}

int streams_give_back(struct streams *s, struct bytes *to_client) {
	if (give(to_client, 0, &s->credit) < 0) return -1;
	for (struct stream *st = s->first; st; st = st->next)
		if ((!st->taker || taker_waiting(st->taker) <= TAKER_MOST) && give(to_client, st->id, &st->credit) < 0) return -1;
	return 0;
}

void streams_free(struct streams *s) {
	while (s->first) forget(s, s->first->id);
}
