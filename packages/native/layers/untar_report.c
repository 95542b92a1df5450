#define _GNU_SOURCE
#include "layers/untar_report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void put_string(FILE *out, const char *text) {
	fputc('"', out);
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == '"' || *p == '\\') fprintf(out, "\\%c", *p);
		else if (*p < 0x20 || *p >= 0x7f) fprintf(out, "\\u%04x", *p);
		else fputc(*p, out);
	}
	fputc('"', out);
}

/* Where failures of this thread go; NULL: stderr. */
static _Thread_local FILE *teller;

void untar_tell(FILE *out) { teller = out; }

int untar_fail(const char *code, const char *format, ...) {
	char text[8192];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	FILE *out = teller ? teller : stderr;
	fprintf(out, "{\"code\":\"%s\",\"error\":", code);
	put_string(out, text);
	fputs("}\n", out);
	fflush(out);
	return -1;
}

int untar_fail_at(const char *what, const char *path) { return untar_fail("io", "%s %s: %s", what, path, strerror(errno)); }

void untar_report(const struct untar_state *st, FILE *out) {
	const struct untar_tree *tree = &st->tree;
	fprintf(
	    out, "{\"entries\":%lld,\"bytes\":%lld,\"warnings\":%lld,", (long long)st->entries, (long long)st->bytes, (long long)st->warnings);
	if (*st->digest) fprintf(out, "\"digest\":\"sha256:%s\",", st->digest);
	fputs("\"implicit\":[", out);
	bool first = true;
	for (size_t i = 0; i < tree->implicit.cap; i++) {
		const char *path = tree->implicit.slots[i];
		if (!path || untar_set_has(&tree->listed, path)) continue;
		if (!first) fputc(',', out);
		put_string(out, path);
		first = false;
	}
	fputs("]}\n", out);
	fflush(out);
}
