import { invalidArgument } from '@gantry/rpc/errors';

/** Annotation of a bundle whose processes the kernel's Landlock holds to some paths. */
export const LANDLOCK_ANNOTATION = 'gantry.landlock';

/** What is allowed at a path and below it. */
export interface LandlockRule {
  readonly path: string;
  /** LANDLOCK_ACCESS_FS_* */
  readonly access: number;
}

/** The kernel's bits, in its order. */
const bits = (...numbers: readonly number[]): number => numbers.reduce((sum, number) => sum | (1 << number), 0);
const EXECUTE = bits(0);
const READ = bits(2, 3);
/** Write, remove and make of every kind, link and rename to elsewhere, truncate, ioctl of devices. */
const WRITE = bits(1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);

/** All that is denied where no rule allows it. */
export const LANDLOCK_HANDLED = EXECUTE | READ | WRITE;

const words: Readonly<Record<string, number>> = { ro: READ, rx: READ | EXECUTE, rw: READ | WRITE, rwx: READ | WRITE | EXECUTE };

/** Reads `rx:/usr,ro:/etc,rw:/data`. Throws invalidArgument that names the part. */
export function parseLandlock(text: string): LandlockRule[] {
  return text.split(',').map((part) => {
    const [, word = '', path = ''] = /^([a-z]+):(\/.*)$/s.exec(part) ?? [];
    const access = Object.hasOwn(words, word) ? words[word] : undefined;
    if (access === undefined || path.includes('\0'))
      throw invalidArgument(`invalid Landlock rule "${part}": must be ro, rx, rw or rwx, a colon and an absolute path`);
    return { path, access };
  });
}
