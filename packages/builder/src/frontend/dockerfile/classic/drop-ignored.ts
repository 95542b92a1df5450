import { posix } from 'node:path';
import { file } from '../../../llb/write/file';
import { parseIgnoreFile } from '../ignore/parse';
import { IgnoreMatcher } from '../../../fsutil/ignore-matcher';
import { type Request, solveTree } from '../request';
import type { BuildContext } from '../ui/context';
import { readIfThere } from '../ui/read-if-there';

const NAME = '.dockerignore';

/** A client sends the Dockerfile and .dockerignore although the latter leaves them out, since they are read here: then they are no part of the context. */
export async function dropIgnored(request: Request, context: BuildContext): Promise<BuildContext> {
  const { outcome } = await solveTree(request, context.tree);
  const text = await readIfThere(request, outcome, NAME);
  if (text === undefined) return context;
  const ignored = new IgnoreMatcher(parseIgnoreFile(text.toString()));
  const paths = [NAME, context.filename].filter((path) => ignored.matches(path));
  const actions = paths.map((path) => ({ kind: 'rm', path: posix.join('/', path) }) as const);
  return paths.length === 0
    ? context
    : { ...context, tree: file(context.tree, actions, { name: `[internal] leave out ${paths.join(', ')}` }) };
}
