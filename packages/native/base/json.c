#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *skip_space(const char *p) {
	while (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n') p++;
	return p;
}

static int hex4(const char *p) {
	int v = 0;
	for (int i = 0; i < 4; i++) {
		char c = p[i];
		int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
		if (d < 0) return -1;
		v = v * 16 + d;
	}
	return v;
}

// p stands on the opening quote. Copies to out (may be NULL); returns the place after the closing quote, NULL when broken
// or too long. Requests hold paths and words: a \u escape above ASCII is refused where it is wanted, and passed over elsewhere.
static const char *read_string(const char *p, char *out, size_t cap) {
	size_t n = 0;
	for (p++; *p != '"'; p++) {
		if (!*p) return NULL;
		char c = *p;
		if (c == '\\') {
			p++;
			switch (*p) {
			case 'n': c = '\n'; break;
			case 't': c = '\t'; break;
			case 'r': c = '\r'; break;
			case 'b': c = '\b'; break;
			case 'f': c = '\f'; break;
			case '"':
			case '\\':
			case '/': c = *p; break;
			case 'u': {
				int v = hex4(p + 1);
				if (v < 0 || (out && (v < 1 || v > 127))) return NULL;
				c = (char)v;
				p += 4;
				break;
			}
			default: return NULL;
			}
		}
		if (out) {
			if (n + 1 >= cap) return NULL;
			out[n++] = c;
		}
	}
	if (out) out[n] = 0;
	return p + 1;
}

static const char *find(const char *text, const char *key) {
	const char *p = skip_space(text);
	if (*p++ != '{') return NULL;
	for (;;) {
		char name[64];
		p = skip_space(p);
		if (*p != '"') return NULL;
		p = read_string(p, name, sizeof name);
		if (!p) return NULL;
		p = skip_space(p);
		if (*p++ != ':') return NULL;
		p = skip_space(p);
		if (strcmp(name, key) == 0) return p;
		if (*p == '"') {
			p = read_string(p, NULL, 0);
			if (!p) return NULL;
		} else {
			while (*p && *p != ',' && *p != '}') p++;
		}
		p = skip_space(p);
		if (*p++ != ',') return NULL;
	}
}

bool json_string(const char *text, const char *key, char *out, size_t cap) {
	out[0] = 0;
	const char *p = find(text, key);
	if (p && *p == '"' && read_string(p, out, cap)) return true;
	out[0] = 0;
	return false;
}

long json_int(const char *text, const char *key, long otherwise) {
	const char *p = find(text, key);
	if (!p) return otherwise;
	char *end;
	long v = strtol(p, &end, 10);
	return end == p ? otherwise : v;
}

bool json_bool(const char *text, const char *key, bool otherwise) {
	const char *p = find(text, key);
	if (!p) return otherwise;
	if (strncmp(p, "true", 4) == 0) return true;
	if (strncmp(p, "false", 5) == 0) return false;
	return otherwise;
}

char *json_escape(const char *in, char *out, size_t cap) {
	size_t n = 0;
	for (; *in && n + 7 < cap; in++) {
		unsigned char c = (unsigned char)*in;
		if (c == '"' || c == '\\') {
			out[n++] = '\\';
			out[n++] = (char)c;
		} else if (c < 0x20 || c == 0x7f) {
			n += (size_t)snprintf(out + n, cap - n, "\\u%04x", c);
		} else {
			out[n++] = (char)c;
		}
	}
	out[n] = 0;
	return out;
}
