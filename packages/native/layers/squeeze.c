#define _GNU_SOURCE
#include "layers/squeeze.h"
#include "layers/sha256.h"
#include "layers/squeeze_worth.h"

#include <errno.h>
#include <libdeflate.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_WORKERS 8
/* Blocks under way beside those that are being compressed: one is filled, one written, one waits. */
#define SPARE 3
#define MOST_BLOCKS (MOST_WORKERS + SPARE)

enum stage { FREE, FILLED, TAKEN, PACKED };

struct block {
	enum stage stage;
	unsigned char *in, *out;
	size_t size, packed;
};

/* Blocks are filled, taken by workers and written in the order of a ring. */
struct squeeze {
	int fd, level, failed; /* failed: errno of the first failure */
	bool ending;
	size_t room; /* of a block's out */
	uint64_t filled, next, written; /* counts of blocks: put in, taken by workers, written */
	unsigned blocks, workers, running;
	struct block ring[MOST_BLOCKS];
	pthread_t threads[MOST_WORKERS + 1];
	pthread_mutex_t lock;
	pthread_cond_t changed;
	SHA256_CTX taken_hash, given_hash;
	uint64_t taken, given, skip;
};

static struct block *block_of(struct squeeze *z, uint64_t number) { return &z->ring[number % z->blocks]; }

static unsigned processors(void) {
	cpu_set_t set;
	int count = sched_getaffinity(0, sizeof set, &set) < 0 ? 1 : CPU_COUNT(&set);
	return count < 1 ? 1 : count > MOST_WORKERS ? MOST_WORKERS : (unsigned)count;
}

static void fail(struct squeeze *z, int error) {
	if (!z->failed) z->failed = error;
	pthread_cond_broadcast(&z->changed);
}

static void *work(void *context) {
	struct squeeze *z = context;
	struct libdeflate_compressor *pack = libdeflate_alloc_compressor(z->level), *store = libdeflate_alloc_compressor(0);
	pthread_mutex_lock(&z->lock);
	if (!pack || !store) fail(z, ENOMEM);
	for (;;) {
		while (!z->failed && z->next == z->filled && !z->ending) pthread_cond_wait(&z->changed, &z->lock);
		if (z->failed || z->next == z->filled) break;
		struct block *b = block_of(z, z->next++);
		b->stage = TAKEN;
		pthread_mutex_unlock(&z->lock);
		b->packed = libdeflate_gzip_compress(squeeze_worth(b->in, b->size) ? pack : store, b->in, b->size, b->out, z->room);
		pthread_mutex_lock(&z->lock);
		b->stage = PACKED;
		if (b->packed == 0) fail(z, EOVERFLOW);
		pthread_cond_broadcast(&z->changed);
	}
	pthread_mutex_unlock(&z->lock);
	libdeflate_free_compressor(pack);
	libdeflate_free_compressor(store);
	return NULL;
}

/* 0, or errno. */
static int write_out(struct squeeze *z, const unsigned char *p, size_t size) {
	SHA256_Update(&z->given_hash, p, size);
	z->given += size;
	size_t passed = z->skip < size ? (size_t)z->skip : size;
	z->skip -= passed;
	p += passed;
	size -= passed;
	while (size > 0) {
		ssize_t n = write(z->fd, p, size);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return errno;
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

static void *write_blocks(void *context) {
	struct squeeze *z = context;
	pthread_mutex_lock(&z->lock);
	for (;;) {
		struct block *b = block_of(z, z->written);
		while (!z->failed && b->stage != PACKED && !(z->ending && z->written == z->filled)) pthread_cond_wait(&z->changed, &z->lock);
		if (z->failed || b->stage != PACKED) break;
		pthread_mutex_unlock(&z->lock);
		int error = write_out(z, z->level < 0 ? b->in : b->out, b->packed);
		pthread_mutex_lock(&z->lock);
		b->stage = FREE;
		b->size = 0;
		z->written++;
		if (error) fail(z, error);
		pthread_cond_broadcast(&z->changed);
	}
	pthread_mutex_unlock(&z->lock);
	return NULL;
}

static void stop(struct squeeze *z) {
	pthread_mutex_lock(&z->lock);
	z->ending = true;
	pthread_cond_broadcast(&z->changed);
	pthread_mutex_unlock(&z->lock);
	while (z->running > 0) pthread_join(z->threads[--z->running], NULL);
}

static void release(struct squeeze *z) {
	for (unsigned i = 0; i < z->blocks; i++) {
		free(z->ring[i].in);
		free(z->ring[i].out);
	}
	free(z);
}

static bool start(struct squeeze *z, void *(*run)(void *)) {
	if (pthread_create(&z->threads[z->running], NULL, run, z) != 0) return false;
	z->running++;
	return true;
}

struct squeeze *squeeze_new(int fd, int level, uint64_t skip) {
	struct squeeze *z = calloc(1, sizeof *z);
	if (!z) return NULL;
	z->fd = fd;
	z->level = level;
	z->skip = skip;
	z->workers = level < 0 ? 0 : processors();
	z->blocks = z->workers + SPARE;
	z->room = level < 0 ? 0 : libdeflate_gzip_compress_bound(NULL, SQUEEZE_BLOCK);
	pthread_mutex_init(&z->lock, NULL);
	pthread_cond_init(&z->changed, NULL);
	SHA256_Init(&z->taken_hash);
	SHA256_Init(&z->given_hash);
	bool well = true;
	for (unsigned i = 0; well && i < z->blocks; i++) {
		well = (z->ring[i].in = malloc(SQUEEZE_BLOCK)) != NULL;
		if (well && z->room > 0) well = (z->ring[i].out = malloc(z->room)) != NULL;
	}
	well = well && start(z, write_blocks);
	for (unsigned i = 0; well && i < z->workers; i++) well = start(z, work);
	if (well) return z;
	stop(z);
	release(z);
	return NULL;
}

/* The block that is being filled goes on its way. */
static void pass_on(struct squeeze *z, struct block *b) {
	pthread_mutex_lock(&z->lock);
	b->packed = b->size; /* of a plain one */
	b->stage = z->level < 0 ? PACKED : FILLED;
	z->filled++;
	pthread_cond_broadcast(&z->changed);
	pthread_mutex_unlock(&z->lock);
}

static int await_room(struct squeeze *z, struct block *b) {
	pthread_mutex_lock(&z->lock);
	while (!z->failed && b->stage != FREE) pthread_cond_wait(&z->changed, &z->lock);
	errno = z->failed;
	pthread_mutex_unlock(&z->lock);
	return errno ? -1 : 0;
}

int squeeze_put(struct squeeze *z, const void *bytes, size_t size) {
	SHA256_Update(&z->taken_hash, bytes, size);
	z->taken += size;
	for (const unsigned char *p = bytes; size > 0;) {
		struct block *b = block_of(z, z->filled);
		if (await_room(z, b) < 0) return -1;
		size_t n = SQUEEZE_BLOCK - b->size < size ? SQUEEZE_BLOCK - b->size : size;
		memcpy(b->in + b->size, p, n);
		b->size += n;
		p += n;
		size -= n;
		if (b->size == SQUEEZE_BLOCK) pass_on(z, b);
	}
	return 0;
}

int squeeze_end(struct squeeze *z, struct squeeze_outcome *outcome) {
	struct block *b = block_of(z, z->filled);
	int error = await_room(z, b) < 0 ? errno : 0;
	/* Nothing at all is one empty member. */
	if (!error && (b->size > 0 || (z->taken == 0 && z->level >= 0))) pass_on(z, b);
	stop(z);
	sha256_hex(&z->taken_hash, outcome->taken_digest);
	sha256_hex(&z->given_hash, outcome->given_digest);
	outcome->taken = z->taken;
	outcome->given = z->given;
	errno = z->failed ? z->failed : error;
	error = errno;
	release(z);
	errno = error;
	return error ? -1 : 0;
}

void squeeze_report(const struct squeeze_outcome *outcome) {
	printf("{\"digest\":\"sha256:%s\",\"size\":%llu,\"diffId\":\"sha256:%s\"}\n", outcome->given_digest, (unsigned long long)outcome->given,
	    outcome->taken_digest);
	fflush(stdout);
}
