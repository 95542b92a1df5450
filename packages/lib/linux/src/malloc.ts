import { declare } from './libc';

const trim = declare('malloc_trim', 'int', ['size_t']);

/** Gives memory that malloc keeps for later back to the system: it returns by itself only what lies at the end of its heaps. */
export function trimMalloc(): void {
  trim(undefined, 0);
}
