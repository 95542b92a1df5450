/* What the program may do with files, by the kernel's Landlock. */
#ifndef GANTRY_LANDLOCK_H
#define GANTRY_LANDLOCK_H

#include "init/child.h"

/* Keeps the operation for landlock_enter. */
void landlock_take(struct child *c, const struct plan_op *op);

/* From here on, for us and all that we become. Needs no_new_privs or CAP_SYS_ADMIN. Paths are those of the container at this moment. */
void landlock_enter(struct child *c);

#endif
