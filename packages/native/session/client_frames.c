#include "session/client_frames.h"

void client_frames_follow(struct client_frames *f, const unsigned char *p, size_t size) {
	while (size > 0) {
		if (f->before > 0) {
			size_t n = f->before < size ? f->before : size;
			f->before -= n;
			p += n;
			size -= n;
			continue;
		}
		f->head[f->got++] = *p++;
		size--;
		if (f->got < FRAME_HEAD) continue;
		f->got = 0;
		f->before = (size_t)f->head[0] << 16 | (size_t)f->head[1] << 8 | f->head[2];
	}
}

bool client_frames_between(const struct client_frames *f) { return f->before == 0 && f->got == 0; }
