#define _GNU_SOURCE
#include "session/taker.h"
#include "layers/untar_report.h"
#include "session/contents.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Bytes of content after which the caller is told how far it is. */
#define TELL (1U << 20)

struct item {
	struct item *next;
	struct receive_record record; /* kind 0: a piece of content */
	unsigned char *message;
	const unsigned char *data;
	size_t size;
	uint32_t id;
};

struct taker {
	uint32_t transfer;
	int wake;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t given;
	struct item *first, **last;
	size_t waiting;
	bool ending;
	struct bytes answers;
	/* The thread's own. */
	struct contents contents;
	bool failed;
	int unopened; /* errno of the root */
	uint32_t came;
};

static void item_free(struct item *i) {
	free(i->record.path);
	free(i->record.link);
	free(i->record.xattrs);
	free(i->record.data);
	free(i->message);
	free(i);
}

static void answer(struct taker *t, enum answer_kind kind, uint32_t id, const void *more, size_t size) {
	struct answer head = {kind, t->transfer, id, (uint32_t)size};
	pthread_mutex_lock(&t->lock);
	bool first = t->answers.size == 0;
	if (bytes_put(&t->answers, &head, sizeof head) < 0 || bytes_put(&t->answers, more, size) < 0)
		abort(); /* half an answer is worse than none */
	pthread_mutex_unlock(&t->lock);
	if (first) eventfd_write(t->wake, 1);
}

static int take(struct taker *t, const struct item *i) {
	unsigned char digest[SHA256_DIGEST_LENGTH];
	t->came += (uint32_t)i->size;
	if (t->came >= TELL) {
		answer(t, ANSWER_CAME, t->came, "", 0);
		t->came = 0;
	}
	int rc = contents_take(&t->contents, i->id, i->data, i->size, digest);
	if (rc > 0) answer(t, ANSWER_DIGEST, i->id, digest, sizeof digest);
	return rc;
}

static int settle(struct taker *t) {
	if (t->contents.count > 0) return untar_fail("archive", "%zu files are not whole", t->contents.count);
	if (receive_settle_dirs(&t->contents.tree) < 0) return -1;
	untar_tree_release(&t->contents.tree.tree);
	answer(t, ANSWER_CAME, t->came, "", 0);
	answer(t, ANSWER_DONE, 0, "", 0);
	return 0;
}

static int step(struct taker *t, struct item *i) {
	if (t->unopened) {
		errno = t->unopened;
		return untar_fail_at("open", "the tree");
	}
	if (i->record.head.kind != 0 && receive_check_names(&i->record) < 0) return -1;
	switch (i->record.head.kind) {
	case 0: return take(t, i);
	case RECEIVE_EXPECT: return contents_expect(&t->contents, &i->record);
	case RECEIVE_SETTLE: return settle(t);
	case RECEIVE_OPEN:
	case RECEIVE_CLOSE: return untar_fail("archive", "record of kind %u", i->record.head.kind);
	default: return receive_make(&t->contents.tree, &i->record);
	}
}

/* The next one; NULL at the end. */
static struct item *next(struct taker *t) {
	pthread_mutex_lock(&t->lock);
	while (!t->first && !t->ending) pthread_cond_wait(&t->given, &t->lock);
	struct item *i = t->ending ? NULL : t->first;
	if (i && !(t->first = i->next)) t->last = &t->first;
	pthread_mutex_unlock(&t->lock);
	return i;
}

static void done_with(struct taker *t, struct item *i) {
	pthread_mutex_lock(&t->lock);
	size_t before = t->waiting;
	t->waiting -= i->size;
	bool tell = before > TAKER_MOST && t->waiting <= TAKER_MOST;
	pthread_mutex_unlock(&t->lock);
	if (tell) eventfd_write(t->wake, 1);
	item_free(i);
}

static void *run(void *context) {
	struct taker *t = context;
	char *text = NULL;
	size_t size = 0;
	FILE *told = open_memstream(&text, &size);
	if (!told) abort();
	untar_tell(told);
	for (struct item *i; (i = next(t)); done_with(t, i)) {
		if (t->failed || step(t, i) >= 0) continue;
		t->failed = true;
		fflush(told);
		answer(t, ANSWER_FAILED, 0, text, size);
	}
	untar_tell(NULL);
	fclose(told);
	free(text);
	return NULL;
}

struct taker *taker_new(uint32_t transfer, const char *root, int wake) {
	struct taker *t = calloc(1, sizeof *t);
	if (!t) return NULL;
	t->transfer = transfer;
	t->wake = wake;
	t->last = &t->first;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->given, NULL);
	contents_start(&t->contents, open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	t->unopened = t->contents.tree.tree.root < 0 ? errno : 0;
	if (pthread_create(&t->thread, NULL, run, t) == 0) return t;
	untar_tree_release(&t->contents.tree.tree);
	free(t);
	return NULL;
}

static void give(struct taker *t, struct item *i) {
	pthread_mutex_lock(&t->lock);
	*t->last = i;
	t->last = &i->next;
	t->waiting += i->size;
	pthread_cond_signal(&t->given);
	pthread_mutex_unlock(&t->lock);
}

void taker_record(struct taker *t, struct receive_record *r) {
	struct item *i = calloc(1, sizeof *i);
	if (!i) abort();
	i->record = *r;
	if (r->head.kind == RECEIVE_DATA) { /* content that came another way */
		i->record.head.kind = 0;
		i->id = r->head.slot;
		i->data = r->data;
		i->size = r->head.data_length;
	}
	*r = (struct receive_record){0};
	give(t, i);
}

void taker_content(struct taker *t, uint32_t id, unsigned char *message, const unsigned char *data, size_t size) {
	struct item *i = calloc(1, sizeof *i);
	if (!i) abort();
	*i = (struct item){.id = id, .message = message, .data = data, .size = size};
	give(t, i);
}

size_t taker_waiting(struct taker *t) {
	pthread_mutex_lock(&t->lock);
	size_t waiting = t->waiting;
	pthread_mutex_unlock(&t->lock);
	return waiting;
}

int taker_collect(struct taker *t, struct bytes *answers) {
	pthread_mutex_lock(&t->lock);
	int rc = bytes_put(answers, t->answers.data + t->answers.at, t->answers.size);
	t->answers.at = t->answers.size = 0;
	pthread_mutex_unlock(&t->lock);
	return rc;
}

void taker_end(struct taker *t) {
	pthread_mutex_lock(&t->lock);
	t->ending = true;
	pthread_cond_signal(&t->given);
	pthread_mutex_unlock(&t->lock);
	pthread_join(t->thread, NULL);
	for (struct item *i = t->first, *after; i; i = after) {
		after = i->next;
		item_free(i);
	}
	contents_free(&t->contents);
	pthread_mutex_destroy(&t->lock);
	pthread_cond_destroy(&t->given);
	free(t->answers.data);
	free(t);
}
