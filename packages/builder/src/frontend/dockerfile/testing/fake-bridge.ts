import { createHash } from 'node:crypto';
import { type Definition, Op, type OpMetadata } from '@gantry/api/pb/ops';
import { GantryError, newContext, notFound, silentLogger } from '@gantry/rpc';
import type { Warning } from '../../../progress/progress';
import { type Frontend, type FrontendBridge, type FrontendResult, notAnImage, type Outcome, type SolveWish } from '../../frontend';
import { makeDockerfileFrontend } from '../make-frontend';
import { headOf } from '../request';

/** What the client's folders hold, by the folder's name; `images` are configurations by full reference; `*` is that of any other but nosuch, `instead` what a policy puts in its place. */
export interface FakeWorld {
  readonly folders: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Folders that the client does not give: the step that wants one fails. */
  readonly refused?: readonly string[];
  readonly images?: Readonly<Record<string, object>>;
  readonly options?: Readonly<Record<string, string>>;
  readonly inputs?: Readonly<Record<string, Definition>>;
  /** Another one than BuildKit's. */
  readonly frontend?: Frontend;
  /** Told of what the builder is asked while it is asked: a build that fails gives nothing back. */
  readonly observe?: (seen: Asked) => void;
}

/** What a builder was asked and told. */
export interface Asked {
  readonly warnings: readonly Warning[];
  readonly notes: readonly string[];
  readonly solves: readonly SolveWish[];
  readonly resolved: readonly string[];
}

/** A step of a definition, decoded. */
export interface FakeStep {
  readonly digest: string;
  readonly op: Op;
  readonly name: string;
  readonly metadata: OpMetadata;
}

export interface Seen extends Asked {
  readonly result: FrontendResult;
  /** Steps of the outcome, inputs first. */
  readonly steps: readonly FakeStep[];
  readonly definition: Definition;
  readonly config: {
    readonly config: Record<string, unknown>;
    readonly history: readonly { readonly created_by: string; readonly empty_layer?: boolean }[];
    readonly [name: string]: unknown;
  };
}

export const busybox = {
  architecture: 'amd64',
  os: 'linux',
  created: '2020-01-01T00:00:00Z',
  config: { Env: ['PATH=/bin', 'BASE=1'], Cmd: ['sh'] },
  rootfs: { type: 'layers', diff_ids: [`sha256:${'a'.repeat(64)}`] },
  history: [{ created_by: 'base' }],
};
export const DIGEST = `sha256:${'d'.repeat(64)}`;

/** Builds a Dockerfile against a builder that makes nothing. */
export async function build(dockerfile: string, world: Partial<FakeWorld> = {}): Promise<Seen> {
  const seen = { warnings: [] as Warning[], notes: [] as string[], solves: [] as SolveWish[], resolved: [] as string[] };
  world.observe?.(seen);
  const folders: FakeWorld['folders'] = { dockerfile: { Dockerfile: dockerfile }, ...world.folders };
  const images: Record<string, object> = { 'docker.io/library/busybox:latest': busybox, ...world.images };
  const readFile = (outcome: Outcome, path: string): Promise<Buffer> => {
    const folder = folderOf(outcome.definition);
    if (world.refused?.includes(folder) === true) return Promise.reject(new GantryError('unknown', `no access allowed to dir "${folder}"`));
    const files = Object.entries(folders).find(([name]) => name === folder)?.[1] ?? {};
    const text = Object.entries(files).find(([name]) => name === path)?.[1];
    if (text === undefined) return Promise.reject(notFound(`open ${path}: no such file or directory`));
    return Promise.resolve(Buffer.from(text));
  };
  const bridge: FrontendBridge = {
    resolveSource: () => Promise.reject(new Error('not asked')),
    resolveImage: (_ctx, reference, wish) => {
      seen.resolved.push(`${reference} ${wish.platform?.architecture ?? ''} ${wish.mode}: ${wish.logName}`);
      const found = Object.hasOwn(images, reference) ? images[reference] : reference.includes('nosuch') ? undefined : images['*'];
      if (found === undefined) return Promise.reject(notFound(`${reference}: not found`));
      if ('instead' in found) return Promise.reject(notAnImage(reference, String(found.instead)));
      return Promise.resolve({ reference, digest: DIGEST, config: Buffer.from(JSON.stringify(found)) });
    },
    solve: (_ctx, wish) => {
      seen.solves.push(wish);
      const outcome: Outcome = { definition: wish.definition, tree: () => Promise.resolve(undefined) };
      return Promise.resolve({ outcomes: new Map([['', outcome]]), metadata: new Map(), attestations: new Map() });
    },
    readFile: (_ctx, outcome, path) => readFile(outcome, path),
    readDir: () => Promise.reject(new Error('not asked')),
    statFile: () => Promise.reject(new Error('not asked')),
    warn: (_vertex, warning) => void seen.warnings.push(warning),
    permit: () => undefined,
    note: (name) => void seen.notes.push(name),
  };
  const frontend = world.frontend ?? makeDockerfileFrontend({ platform: { os: 'linux', architecture: 'amd64' } });
  const ctx = newContext({ logger: silentLogger });
  const inputs = new Map(Object.entries(world.inputs ?? {}));
  const sessions = { ids: ['session1'], any: () => Promise.reject(new Error('not asked')) };
  const result = await frontend.solve(ctx, bridge, new Map(Object.entries(world.options ?? {})), inputs, sessions);
  const definition = [...result.outcomes.values()][0]?.definition ?? { def: [], metadata: {}, Source: undefined };
  const config = JSON.parse(result.metadata.get('containerimage.config')?.toString() ?? '{}') as Seen['config'];
  return { ...seen, result, definition, steps: stepsOf(definition), config };
}

function folderOf(definition: Definition | undefined): string {
  const head = definition === undefined ? '' : headOf(definition);
  const source = stepsOf(definition).find(({ digest }) => digest === head)?.op.source;
  return source?.identifier.replace(/^local:\/\//, '') ?? '';
}

export function stepsOf(definition: Definition | undefined): FakeStep[] {
  return (definition?.def.slice(0, -1) ?? []).map((bytes) => {
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    const metadata = definition?.metadata[digest];
    if (metadata === undefined) throw new Error(`nothing is said of ${digest}`);
    return { digest, op: Op.decode(bytes), name: metadata.description['llb.customname'] ?? '', metadata };
  });
}
