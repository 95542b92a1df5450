import { local } from '../../../llb/write/sources';
import { parseIgnoreFile } from '../ignore/parse';
import { type Request, solveTree } from '../request';
import type { BuildContext } from './context';
import type { Entry } from './entry';
import { localSession } from './local-session';
import { readIfThere } from './read-if-there';

const NAME = '.dockerignore';

/** What of the client's folder is not part of the context: patterns of `<Dockerfile>.dockerignore`, else of `.dockerignore`. */
export async function ignorePatterns(request: Request, context: BuildContext, { ignore }: Entry): Promise<readonly string[]> {
  if (context.tree !== undefined) return [];
  if (ignore !== undefined) return parseIgnoreFile(ignore.text);
  const name = context.contextName;
  return parseIgnoreFile(await readIgnoreFile(request, name, { sharedKey: `${name}-${NAME}`, label: `[internal] load ${NAME}` }));
}

/** The text of a folder's .dockerignore; '' where it has none. */
export async function readIgnoreFile(
  request: Request,
  name: string,
  { sharedKey, label }: { readonly sharedKey: string; readonly label: string },
): Promise<string> {
  const options = { sessionId: localSession(request, name), sharedKey, followPaths: [NAME], noCompare: true };
  const { outcome } = await solveTree(request, local(name, options, { name: label }));
  return (await readIfThere(request, outcome, NAME))?.toString() ?? '';
}
