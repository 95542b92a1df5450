/* unmount-below DIR: detaches every mount at and below a directory, the last one first. For containers without a mount namespace. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

int mode_unmount_below(int argc, char **argv);

/* \040 and its like, in place. */
static void unescape(char *text) {
	char *to = text;

	for (; *text; text++) {
		if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] && text[3]) {
			*to++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0'));
			text += 3;
		} else {
			*to++ = *text;
		}
	}
	*to = 0;
}

/* The mount points in the kernel's order. */
static char **read_mounts(const char *dir, size_t *count) {
	FILE *file = fopen("/proc/self/mountinfo", "re");
	size_t length = strlen(dir), room = 0;
	char **list = NULL, *line = NULL;

	*count = 0;
	while (file && getline(&line, &room, file) > 0) {
		char point[4096], **more;

		if (sscanf(line, "%*d %*d %*s %*s %4095s", point) != 1) continue;
		unescape(point);
		if (strncmp(point, dir, length) != 0 || (point[length] && point[length] != '/')) continue;
		more = reallocarray(list, *count + 1, sizeof(*list));
		if (!more || !(more[*count] = strdup(point))) exit(125);
		list = more;
		(*count)++;
	}
	free(line);
	if (file) fclose(file);
	return list;
}

int mode_unmount_below(int argc, char **argv) {
	size_t count;
	char **list;
	int result = 0;

	if (argc != 2 || argv[1][0] != '/' || !argv[1][1]) {
		fprintf(stderr, "usage: gantry-native unmount-below DIR\n");
		return 2;
	}
	list = read_mounts(argv[1], &count);
	while (count-- > 0) {
		if (umount2(list[count], MNT_DETACH | UMOUNT_NOFOLLOW)) {
			fprintf(stderr, "unmount %s: %s\n", list[count], strerror(errno));
			result = 1;
		}
		free(list[count]);
	}
	free(list);
	return result;
}
