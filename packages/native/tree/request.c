#include "tree/request.h"

#include <stdlib.h>
#include <string.h>

int64_t tree_number(struct tree_request *r) {
	uint64_t n = 0;
	if (r->broken || r->end - r->at < 8) {
		r->broken = true;
		return 0;
	}
	for (int i = 7; i >= 0; i--) n = n << 8 | r->at[i];
	r->at += 8;
	return (int64_t)n;
}

const char *tree_text(struct tree_request *r, size_t *length) {
	int64_t n = tree_number(r);
	if (length) *length = 0;
	if (r->broken || n < 0 || n >= r->end - r->at || r->at[n] != 0) {
		r->broken = true;
		return "";
	}
	const char *text = (const char *)r->at;
	r->at += n + 1;
	if (length) *length = (size_t)n;
	return text;
}

const char **tree_texts(struct tree_request *r) {
	int64_t count = tree_number(r);
	if (r->broken || count < 0 || count > r->end - r->at) {
		r->broken = true;
		return NULL;
	}
	const char **texts = calloc((size_t)count + 1, sizeof *texts);
	for (int64_t i = 0; texts && i < count; i++) texts[i] = tree_text(r, NULL);
	if (!texts || r->broken) {
		free(texts);
		r->broken = true;
		return NULL;
	}
	return texts;
}
