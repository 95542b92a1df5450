// Reading of one flat JSON object (strings, numbers, true, false) of a request, and escaping of strings for answers.
#ifndef GANTRY_JSON_H
#define GANTRY_JSON_H

#include <stdbool.h>
#include <stddef.h>

// All three look a key up in `text` (one JSON object without nesting).
// json_string copies the unescaped value to out (always terminated); false when absent, not a string or too long.
bool json_string(const char *text, const char *key, char *out, size_t cap);
// The value, or `otherwise` when the key is absent or no integer.
long json_int(const char *text, const char *key, long otherwise);
bool json_bool(const char *text, const char *key, bool otherwise);

// Writes `in` escaped, without quotes, at most cap-1 bytes, terminated; returns out.
char *json_escape(const char *in, char *out, size_t cap);

#endif
