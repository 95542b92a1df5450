/* Whether a block is worth a try: noise (packed or encrypted already) costs the most time and gives nothing. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

bool squeeze_worth(const unsigned char *bytes, size_t size);
