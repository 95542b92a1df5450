import { invalidArgument } from '@gantry/rpc';
import type { ApiVersion } from './version';

interface Parameter {
  /** `1.42-`: read from that version on; `-1.41`: before that one. */
  readonly versions: string;
  /** What it was in versions that did not read it; absent: not given. */
  readonly otherwise?: string;
}

/** Operations that not every version of the API has, and the first that has them. */
const operations: Readonly<Record<string, string>> = { ImageAttestations: '1.55' };

/** Errors: invalidArgument in dockerd's words for an operation that the version has not. */
export function checkOperation(
  { operation, method, path }: { readonly operation: string; readonly method: string; readonly path: string },
  version: ApiVersion,
): void {
  const first = operations[operation];
  if (first !== undefined && !version.atLeast(first)) throw invalidArgument(`${method} ${path} requires minimum API version ${first}`);
}

/** Query parameters of operations that not every version of the API reads, by the operation's name in the API's description. */
const parameters: Readonly<Record<string, Readonly<Record<string, Parameter>>>> = {
  ContainerAttachWebsocket: {
    stdin: { versions: '1.42-', otherwise: '1' },
    stdout: { versions: '1.42-', otherwise: '1' },
    stderr: { versions: '1.42-', otherwise: '1' },
  },
  ContainerCreate: { platform: { versions: '1.41-' } },
  ContainerRestart: { signal: { versions: '1.42-' } },
  ContainerStats: { 'one-shot': { versions: '1.41-' } },
  ContainerStop: { signal: { versions: '1.42-' } },
  ContainerWait: { condition: { versions: '1.30-' } },
  ImageCreate: { platform: { versions: '1.32-' } },
  ImageDelete: { platforms: { versions: '1.50-' } },
  ImageGet: { platform: { versions: '1.48-' } },
  ImageGetAll: { platform: { versions: '1.48-' } },
  ImageHistory: { platform: { versions: '1.48-' } },
  ImageInspect: { manifests: { versions: '1.48-' }, platform: { versions: '1.49-' } },
  ImageList: {
    filter: { versions: '-1.41' },
    'shared-size': { versions: '1.42-' },
    manifests: { versions: '1.47-' },
    identity: { versions: '1.54-' },
  },
  ImageLoad: { platform: { versions: '1.48-' } },
  ImagePush: { platform: { versions: '1.46-' } },
  SystemDataUsage: { type: { versions: '1.42-' }, verbose: { versions: '1.52-' } },
};

/** Leaves out of a query what its version does not read, and says what that meant then. */
export function readable(operation: string, query: URLSearchParams, version: ApiVersion): URLSearchParams {
  for (const [name, { versions, otherwise }] of Object.entries(parameters[operation] ?? {})) {
    if (version.within(versions)) continue;
    if (otherwise === undefined) query.delete(name);
    else query.set(name, otherwise);
  }
  return query;
}
