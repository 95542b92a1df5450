import { posix } from 'node:path';
import type { SourceInfo } from '@gantry/api/pb/ops';
import { prefixed } from '@gantry/rpc';
import { local } from '../../../llb/write/sources';
import type { Outcome } from '../../frontend';
import { headOf, type Request, solveTree } from '../request';
import type { BuildContext } from './context';
import { localSession } from './local-session';
import { readIfThere } from './read-if-there';

/** The Dockerfile, read. */
export interface Entry {
  readonly source: SourceInfo;
  readonly text: string;
  /** The step that brought it, which warnings are told of. */
  readonly vertex: string;
  /** What `<Dockerfile>.dockerignore` says, where there is one. */
  readonly ignore: { readonly name: string; readonly text: string } | undefined;
}

const DEFAULT_NAME = 'Dockerfile';
const UNREAD = 'failed to read dockerfile';

export async function readEntry(request: Request, context: BuildContext): Promise<Entry> {
  const { filename } = context;
  // Also in lower case, as people on file systems without cases write it.
  const isDefault = posix.basename(filename) === DEFAULT_NAME;
  const lower = posix.join(posix.dirname(filename), DEFAULT_NAME.toLowerCase());
  const options = {
    sessionId: localSession(request, context.dockerfileName),
    sharedKey: context.dockerfileName,
    followPaths: [filename, `${filename}.dockerignore`, ...(isDefault ? [lower] : [])],
    noCompare: true,
  };
  const tree = context.dockerfile ?? local(context.dockerfileName, options, { name: `[internal] load build definition from ${filename}` });
  const { outcome, definition } = await solveTree(request, tree).catch((error: unknown) => {
    throw prefixed(error, 'failed to resolve dockerfile');
  });
  // Brought once: a source that cannot be had is not asked again for each name that a file may have.
  const held = await outcome.tree(request.ctx).catch((error: unknown) => {
    throw prefixed(error, UNREAD);
  });
  const [data, ignore] = await Promise.all([
    read(request, outcome, filename, isDefault ? lower : undefined),
    readIfThere(request, outcome, `${filename}.dockerignore`),
  ]).finally(() => held?.release());
  return {
    source: { filename, language: 'Dockerfile', data, definition },
    text: data.toString(),
    vertex: headOf(definition),
    ignore: ignore === undefined ? undefined : { name: `${filename}.dockerignore`, text: ignore.toString() },
  };
}

async function read(request: Request, outcome: Outcome, filename: string, second: string | undefined): Promise<Buffer> {
  try {
    return await request.bridge.readFile(request.ctx, outcome, filename);
  } catch (error) {
    const other = second === undefined ? undefined : await readIfThere(request, outcome, second);
    if (other !== undefined) return other;
    throw prefixed(error, UNREAD);
  }
}
