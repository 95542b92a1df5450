import { posix } from 'node:path';
import { createHash } from 'node:crypto';
import type { ChownOpt, FileAction, FileActionCopy } from '@gantry/api/pb/ops';
import type { CacheInput, StepContext } from '../../solver/op';
import type { ChecksumOptions, Ref, Refs } from '../../refs/ref';

/** A part of an input that an action looks at. */
interface Selector {
  readonly path: string;
  readonly options: ChecksumOptions;
}

/** What the key of the op takes of each of its inputs. One that an action changes counts as a whole, by how it was made; of one that is only read the parts read count. */
export function inputKeys(refs: Pick<Refs, 'checksum'>, actions: readonly FileAction[], inputs: number): CacheInput[] {
  const changed = new Set<number>();
  const read = new Map<number, Selector[]>();
  const add = (input: number, selector: Selector): void => {
    if (input >= 0 && input < inputs) read.set(input, [...(read.get(input) ?? []), selector]);
  };
  for (const action of actions) {
    changed.add(Number(action.input));
    for (const { input, path } of databases((action.copy ?? action.mkfile ?? action.mkdir ?? action.symlink)?.owner))
      add(input, database(path));
    if (action.copy !== undefined) add(Number(action.secondaryInput), sourceOf(action.copy));
  }
  return Array.from({ length: inputs }, (_, input): CacheInput => {
    const selectors = read.get(input);
    if (selectors === undefined || changed.has(input)) return {};
    const chosen = distinct(selectors);
    return {
      selector: digest(
        selectors
          .map(({ path }) => path)
          .sort()
          .reverse()
          .join('\0'),
      ),
      contentDigest: (step, tree) => contents(refs, step, tree, chosen),
    };
  });
}

function databases(owner: ChownOpt | undefined): { readonly input: number; readonly path: string }[] {
  const [user, group] = [owner?.user?.byName, owner?.group?.byName];
  return [
    ...(user === undefined ? [] : [{ input: Number(user.input), path: '/etc/passwd' }]),
    ...(group === undefined ? [] : [{ input: Number(group.input), path: '/etc/group' }]),
  ];
}

const database = (path: string): Selector => ({ path, options: { followLinks: true, wildcard: false, include: [], exclude: [] } });

function sourceOf({ src, allowWildcard, followSymlink, includePatterns, excludePatterns }: FileActionCopy): Selector {
  const wildcard = allowWildcard && isPattern(src);
  return {
    path: posix.join('/', src),
    options: { followLinks: followSymlink, wildcard, include: includePatterns, exclude: excludePatterns },
  };
}

/** A backslash takes the meaning of the next character away. */
function isPattern(path: string): boolean {
  return /[*?[]/.test(path.replace(/\\./gs, ''));
}

/** Of plain paths only those that lie in no other. */
function distinct(selectors: readonly Selector[]): Selector[] {
  const plain = (selector: Selector): boolean =>
    !selector.options.wildcard && selector.options.include.length === 0 && selector.options.exclude.length === 0;
  const covers = (outer: Selector, inner: Selector): boolean =>
    outer.options.followLinks === inner.options.followLinks &&
    (inner.path === outer.path || inner.path.startsWith(outer.path.replace(/\/?$/, '/')));
  const kept: Selector[] = [];
  for (const selector of [...selectors].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))) {
    if (!plain(selector) || !kept.some((other) => plain(other) && covers(other, selector))) kept.push(selector);
  }
  return kept;
}

async function contents(
  refs: Pick<Refs, 'checksum'>,
  step: StepContext,
  tree: Ref | undefined,
  selectors: readonly Selector[],
): Promise<string> {
  const digests = await Promise.all(selectors.map(({ path, options }) => refs.checksum(step.call, tree, path, options)));
  return digest(digests.join('\0'));
}

export function digest(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
