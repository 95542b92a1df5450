import { posix } from 'node:path';
import { goBool } from '@gantry/dockerfile';
import { prefixed } from '@gantry/rpc';
import { file } from '../../../llb/write/file';
import { given } from '../../../llb/write/given';
import type { Tree } from '../../../llb/write/graph';
import { http } from '../../../llb/write/sources';
import { type Request, solveTree } from '../request';
import { gitTree } from './git-context';
import { inputsOf } from './inputs';
import { isArchive } from './is-archive';

/** Where the files of a build come from. */
export interface BuildContext {
  /** The context, where it is no folder of the client's. */
  readonly tree: Tree;
  /** Where the Dockerfile is, where that is no folder of the client's. */
  readonly dockerfile: Tree;
  /** Names of the client's folders. */
  readonly contextName: string;
  readonly dockerfileName: string;
  /** The Dockerfile's path. */
  readonly filename: string;
}

const DOWNLOAD = 'context';

/** A git repository, something to download, a definition that the client gave, or a folder of the client's. */
export async function findContext(request: Request): Promise<BuildContext> {
  const { options } = request;
  const key = options.get('contextkey') ?? 'context';
  const place = options.get(key) ?? '';
  const localFile = options.get('dockerfilekey');
  const plain: BuildContext = {
    tree: undefined,
    dockerfile: undefined,
    contextName: 'context',
    dockerfileName: localFile ?? 'dockerfile',
    filename: options.get('filename') ?? 'Dockerfile',
  };
  const found = (await remote(request, place)) ?? fromInputs(request);
  const scoped = found.tree === undefined ? found : { ...found, tree: subdirectory(found.tree, options.get('contextsubdir')) };
  // A Dockerfile of the client's own goes before that of the context.
  return { ...plain, ...scoped, ...(localFile === undefined ? {} : { dockerfile: undefined }) };
}

async function remote(request: Request, place: string): Promise<Partial<BuildContext> | undefined> {
  const keepGitDir = goBool(request.options.get('build-arg:BUILDKIT_CONTEXT_KEEP_GIT_DIR') ?? '') ?? false;
  const repository = gitTree(place, { name: `[internal] load git source ${place}` }, keepGitDir);
  if (repository !== undefined) return { tree: repository, dockerfile: repository };
  if (!/^https?:\/\//.test(place)) return undefined;
  const download = http(place, { filename: DOWNLOAD }, { name: '[internal] load remote build context' });
  if (!(await holdsArchive(request, download))) return { tree: download, dockerfile: download, filename: DOWNLOAD };
  const copy = { kind: 'copy', from: download, source: `/${DOWNLOAD}`, dest: '/', unpack: true, createDest: false } as const;
  const unpacked = file(undefined, [copy], {});
  return { tree: unpacked, dockerfile: unpacked };
}

async function holdsArchive(request: Request, download: Tree): Promise<boolean> {
  const { outcome } = await solveTree(request, download).catch((error: unknown) => {
    throw prefixed(error, 'failed to resolve httpcontext');
  });
  const head = await request.bridge.readFile(request.ctx, outcome, DOWNLOAD, { offset: 0, length: 1024 }).catch((error: unknown) => {
    throw prefixed(error, 'failed to read downloaded context');
  });
  return isArchive(head);
}

function fromInputs(request: Request): Partial<BuildContext> {
  const inputs = inputsOf(request);
  const tree = (name: string): Tree => {
    const definition = inputs.get(name);
    return definition === undefined ? undefined : given(definition);
  };
  return { tree: tree('context'), dockerfile: tree('dockerfile') };
}

function subdirectory(tree: Tree, path: string | undefined): Tree {
  if (path === undefined) return tree;
  const copy = { kind: 'copy', from: tree, source: posix.join('/', path), dest: '/', contentsOnly: true, createDest: false } as const;
  return file(undefined, [copy], {});
}
