import { posix } from 'node:path';
import { type ImageConfig, parseJson } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';
import { exec, plainExec, type TreeMount } from '../../../llb/write/exec';
import type { Tree } from '../../../llb/write/graph';
import { image, type ResolveMode } from '../../../llb/write/sources';
import type { Attestation, Outcome } from '../../frontend';
import { splitEnv } from '../convert/image';
import type { StageState } from '../convert/state';
import { reachable } from '../convert/states';
import { toWish } from '../platform';
import { type Request, solveTree } from '../request';
import type { Build } from './build';

const SOURCE = '/run/src/';
const OUT = '/run/out/';
const SPDX = 'https://spdx.dev/Document';

interface Scanner {
  readonly reference: string;
  readonly config: NonNullable<ImageConfig['config']>;
  readonly args: readonly string[];
}

/** Lists what is in each result by the scanner that was asked for. */
export async function scanResults(
  { request, options }: Build,
  built: readonly { readonly id: string; readonly target: StageState }[],
): Promise<ReadonlyMap<string, readonly Attestation[]>> {
  const { sbom } = options;
  if (sbom === undefined) return new Map();
  const scanner = await findScanner(request, sbom.generator, options.resolveMode);
  const found = await Promise.all(
    built.map(async ({ id, target }) => {
      const { outcome } = await solveTree(request, scan(scanner, { id, target, parameters: sbom.parameters }));
      return [id, [statement(outcome)]] as const;
    }),
  );
  return new Map(found);
}

function statement(tree: Outcome): Attestation {
  const metadata = new Map([
    ['reason', Buffer.from('sbom')],
    ['sbom-core', Buffer.from('sbom')],
  ]);
  return { kind: 'bundle', metadata, path: '', predicateType: SPDX, subjects: [], tree };
}

async function findScanner({ bridge, ctx, platform }: Request, generator: string, mode: ResolveMode): Promise<Scanner> {
  const logName = `[internal] load metadata for ${generator}`;
  const found = await bridge.resolveImage(ctx, generator, { platform: toWish(platform), mode, logName });
  const { config = {} } = parseJson(found.config.toString()) as ImageConfig;
  const args = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
  if (args.length === 0) throw invalidArgument(`scanner ${found.reference} does not have cmd`);
  return { reference: found.reference, config, args };
}

interface Scan {
  readonly id: string;
  readonly target: StageState;
  readonly parameters: ReadonlyMap<string, string>;
}

/** Runs the scanner over the result, and over the stages and the context that asked for it. */
function scan({ reference, config, args }: Scanner, { id, target, parameters }: Scan): Tree {
  const stages = [...reachable(target)].filter((state) => state !== target && state.scanStage);
  const extras: (readonly [string, Tree])[] = [
    ...(target.scanContext ? [['context', target.context] as const] : []),
    ...stages.map((state) => [state.shownName, state.tree] as const),
  ];
  const env = new Map([
    ...(config.Env ?? []).map(splitEnv),
    ['BUILDKIT_SCAN_DESTINATION', OUT] as const,
    ['BUILDKIT_SCAN_SOURCE', posix.join(SOURCE, 'core', 'sbom')] as const,
    ...(extras.length === 0 ? [] : [['BUILDKIT_SCAN_SOURCE_EXTRAS', posix.join(SOURCE, 'extras/')] as const]),
    ...[...parameters].map(([name, value]) => [`BUILDKIT_SCAN_${name}`, value] as const),
  ]);
  const read = (target: string, tree: Tree): TreeMount => ({ kind: 'bind', target, tree, readonly: true });
  const executed = exec(
    {
      ...plainExec,
      root: image(reference, {}),
      args,
      env,
      cwd: (config.WorkingDir ?? '') === '' ? '/' : (config.WorkingDir ?? '/'),
      mounts: [
        { kind: 'tmpfs', target: '/tmp', tree: undefined },
        read(posix.join(SOURCE, 'core', 'sbom'), target.tree),
        ...extras.map(([name, tree]) => read(posix.join(SOURCE, 'extras', `sbom-${name}`), tree)),
        { kind: 'bind', target: OUT, tree: undefined },
      ],
    },
    { name: `[${id}] generating sbom using ${reference}`, ignoreCache: [target, ...stages].some(({ ignoreCache }) => ignoreCache) },
  );
  return executed.at(OUT);
}
