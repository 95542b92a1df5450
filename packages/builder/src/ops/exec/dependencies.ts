import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { type Mount, MountContentCache, MountType } from '@gantry/api/pb/ops';
import { invalidArgument } from '@gantry/rpc';
import type { Refs } from '../../refs/ref';
import type { CacheInput } from '../../solver/op';
import { isOutput, ROOT } from './definition';

const WITHOUT_TREES: ReadonlySet<MountType> = new Set([MountType.SECRET, MountType.SSH, MountType.TMPFS]);

/** What the step's key takes of each input: the parts that are shown, and whether their contents alone may say that nothing changed. */
export function cacheInputs(mounts: readonly Mount[], count: number, refs: Pick<Refs, 'checksum'>): CacheInput[] {
  return Array.from({ length: count }, (_, index) => {
    const shown = mounts.filter(({ input, mountType }) => input === BigInt(index) && !WITHOUT_TREES.has(mountType));
    if (shown.length === 0) return {};
    const parts = shown.map(({ selector }) => posix.resolve('/', selector));
    const selector = `sha256:${createHash('sha256').update(parts.join('\0')).digest('hex')}`;
    if (!shown.every(mayGoByContent)) return { selector };
    return { selector, contentDigest: (step, input) => checksumOf(refs, step.call, input, outermost(parts)) };
  });
}

type Checksum = NonNullable<CacheInput['contentDigest']>;

async function checksumOf(
  refs: Pick<Refs, 'checksum'>,
  call: Parameters<Checksum>[0]['call'],
  input: Parameters<Checksum>[1],
  parts: readonly string[],
): Promise<string> {
  const digests = await Promise.all(
    parts.map((path) => refs.checksum(call, input, path, { followLinks: true, wildcard: false, include: [], exclude: [] })),
  );
  return digests.length === 1 ? (digests[0] as string) : `sha256:${createHash('sha256').update(digests.join('\0')).digest('hex')}`;
}

/**
 * Contents alone may be looked at where nothing of the rest of the input gets into an outcome: the tree goes no further, or is not written to, or is shown whole. The
 * root is left out unless it is asked for: to read all of it costs more than it saves.
 */
function mayGoByContent(mount: Mount): boolean {
  const safe = !isOutput(mount) || mount.readonly || posix.resolve('/', mount.selector) === '/';
  switch (mount.contentCache) {
    case MountContentCache.OFF:
      return false;
    case MountContentCache.ON:
      if (!safe) throw invalidArgument(`invalid mount cache content of mount ${mount.dest}: a part of a tree that is an outcome`);
      return true;
    default:
      return safe && mount.dest !== ROOT;
  }
}

/** Without those that lie below others. */
function outermost(paths: readonly string[]): string[] {
  const all = [...new Set(paths)].sort();
  return all.filter((path) => !all.some((other) => other !== path && path.startsWith(other === '/' ? '/' : `${other}/`)));
}
