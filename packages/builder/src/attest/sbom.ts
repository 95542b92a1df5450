import { posix } from 'node:path';
import type { Platform } from '@gantry/api/pb/ops';
import { formatReference, hostPlatform, parseReference, withDefaultTag } from '@gantry/oci';
import { type CallContext, invalidArgument } from '@gantry/rpc';
import type { Processor } from '../control/needs';
import { platformsOf } from '../exporters/image/platforms';
import { type Attestation, type FrontendBridge, type ImageWish, type Outcome, wishFor } from '../frontend/frontend';
import { exec, plainExec } from '../llb/write/exec';
import { given } from '../llb/write/given';
import type { Tree } from '../llb/write/graph';
import { marshal } from '../llb/write/marshal';
import { image } from '../llb/write/sources';
import type { AttestAttributes } from './attributes';

const SOURCE = '/run/src/core/sbom';
const OUT = '/run/out/';
const SPDX = 'https://spdx.dev/Document';

type Wanted = NonNullable<AttestAttributes['sbom']> & { readonly mode: ImageWish['mode']; readonly ignoreCache: boolean };

interface Scanner {
  readonly reference: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
}

/** Lists what is in each platform of a result, where its frontend has not done so: the scanner image is run over the tree and writes in-toto statements. */
export function sbomProcessor(wanted: Wanted): Processor {
  return async (ctx, result, job) => {
    const known = [...result.attestations.values()].flat().some(({ predicateType }) => predicateType === SPDX);
    if (known) return result;
    const scanner = await findScanner(job.bridge, ctx, wanted);
    const attestations = new Map(result.attestations);
    for (const { id, outcome } of platformsOf(result)) {
      if (outcome?.definition === undefined) continue;
      const definition = marshal(scan(scanner, { id, tree: given(outcome.definition), wanted }), { platform: hostWire() });
      const { outcomes } = await job.bridge.solve(ctx, wishFor(definition));
      const tree = outcomes.get('');
      if (tree !== undefined) attestations.set(id, [...(attestations.get(id) ?? []), statement(tree)]);
    }
    return { ...result, attestations };
  };
}

function statement(tree: Outcome): Attestation {
  const metadata = new Map([
    ['reason', Buffer.from('sbom')],
    ['sbom-core', Buffer.from('sbom')],
  ]);
  return { kind: 'bundle', metadata, path: '', predicateType: SPDX, subjects: [], tree };
}

async function findScanner(bridge: FrontendBridge, ctx: CallContext, { generator, mode }: Wanted): Promise<Scanner> {
  const name = formatReference(withDefaultTag(parseReference(generator)));
  const found = await bridge.resolveImage(ctx, name, { platform: undefined, mode, logName: `[internal] load metadata for ${name}` });
  const { config = {} } = parse(found.config, name);
  const args = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
  if (args.length === 0) throw invalidArgument(`scanner ${name} does not have cmd`);
  return { reference: found.reference, args, env: config.Env ?? [], cwd: config.WorkingDir || '/' };
}

interface ImageConfig {
  readonly config?: {
    readonly Entrypoint?: readonly string[] | null;
    readonly Cmd?: readonly string[] | null;
    readonly Env?: readonly string[] | null;
    readonly WorkingDir?: string;
  };
}

function parse(config: Buffer, name: string): ImageConfig {
  try {
    return JSON.parse(config.toString()) as ImageConfig;
  } catch (cause) {
    throw invalidArgument(`config of scanner ${name} is not JSON`, { cause });
  }
}

function scan(
  { reference, args, env, cwd }: Scanner,
  { id, tree, wanted }: { readonly id: string; readonly tree: Tree; readonly wanted: Wanted },
): Tree {
  const executed = exec(
    {
      ...plainExec,
      root: image(reference, {}),
      args,
      env: new Map([
        ...env.map((each): [string, string] =>
          each.includes('=') ? [each.slice(0, each.indexOf('=')), each.slice(each.indexOf('=') + 1)] : [each, ''],
        ),
        ['BUILDKIT_SCAN_DESTINATION', OUT],
        ['BUILDKIT_SCAN_SOURCE', SOURCE],
        ...[...wanted.parameters].map(([name, value]): [string, string] => [`BUILDKIT_SCAN_${name}`, value]),
      ]),
      cwd: posix.resolve('/', cwd),
      mounts: [
        { kind: 'tmpfs', target: '/tmp', tree: undefined },
        { kind: 'bind', target: SOURCE, tree, readonly: true },
        { kind: 'bind', target: OUT, tree: undefined },
      ],
    },
    { name: `[${id}] generating sbom using ${reference}`, ignoreCache: wanted.ignoreCache },
  );
  return executed.at(OUT);
}

/** The scanner runs here, whatever the result is for. */
function hostWire(): Platform {
  const { os, architecture, variant = '' } = hostPlatform();
  return { OS: os, Architecture: architecture, Variant: variant, OSVersion: '', OSFeatures: [] };
}
