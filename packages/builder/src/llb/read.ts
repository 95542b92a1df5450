import { type Definition, Op, type OpMetadata, type Platform as WirePlatform } from '@gantry/api/pb/ops';
import { hostPlatform, normalizePlatform, sha256 } from '@gantry/oci';
import { errorText, invalidArgument } from '@gantry/rpc';
import { checkCaps } from './caps';
import { nameOf } from './name';
import { validateOp } from './validate';
import type { Edge, Vertex } from './vertex';

/** Changes a source op in place by the policies of the solve, or throws because it is denied. Tells whether it changed anything. */
export type SourcePolicy = (source: NonNullable<Op['source']>) => boolean | Promise<boolean>;

export interface ReadOptions {
  readonly policy?: SourcePolicy | undefined;
  /** Refuses what the solve has no entitlement for. */
  readonly permit?: (op: Op) => void;
}

interface Raw {
  readonly op: Op;
  readonly origin: string;
}

/**
 * Reads and checks a definition; undefined is scratch, the definition without ops. Whatever a client sends ends in a vertex or in invalidArgument. Takes time and memory in
 * proportion to the definition, however deep it is.
 */
export async function readDefinition(definition: Definition | undefined, options: ReadOptions = {}): Promise<Edge | undefined> {
  if (definition === undefined || definition.def.length === 0) return undefined;
  const { ops, last } = await readOps(definition, options.policy);
  const terminal = ops.get(last)?.op.inputs[0];
  if (ops.size < 2) throw invalidArgument(`invalid LLB with ${ops.size} vertexes`);
  if (terminal === undefined) throw invalidArgument('invalid LLB with no inputs on last vertex');
  if (terminal.index < 0n || terminal.index > 0xffffn)
    throw invalidArgument(`invalid output index ${terminal.index} of ${terminal.digest}`);
  const vertices = new Map<string, Vertex>();
  for (const digest of inputsFirst(ops, terminal.digest)) {
    const raw = ops.get(digest);
    if (raw !== undefined) vertices.set(digest, makeVertex(raw, { digest, vertices, metadata: definition.metadata[raw.origin], options }));
  }
  const vertex = vertices.get(terminal.digest);
  if (vertex === undefined) throw invalidArgument(`invalid missing input digest ${terminal.digest}`);
  return { vertex, index: Number(terminal.index) };
}

/** The ops by the digest of their bytes. Where a policy changed a source, everything that stands on it has a new digest. */
async function readOps(definition: Definition, policy: SourcePolicy | undefined): Promise<{ ops: Map<string, Raw>; last: string }> {
  const ops = new Map<string, Raw>();
  const changed = new Set<string>();
  let last = '';
  for (const bytes of definition.def) {
    const digest = sha256(bytes);
    last = digest;
    const op = decodeOp(bytes);
    ops.set(digest, { op, origin: digest });
    if (op.source !== undefined && policy !== undefined && (await policy(op.source))) changed.add(digest);
  }
  if (changed.size === 0) return { ops, last };
  const moved = new Map<string, string>();
  const renamed = new Map<string, Raw>();
  for (const digest of inputsFirst(ops, last)) {
    const raw = ops.get(digest);
    if (raw === undefined) continue;
    for (const input of raw.op.inputs) {
      const there = moved.get(input.digest);
      if (there === undefined || there === input.digest) continue;
      input.digest = there;
      changed.add(digest);
    }
    const now = changed.has(digest) ? sha256(Op.encode(raw.op).finish()) : digest;
    moved.set(digest, now);
    renamed.set(now, raw);
  }
  return { ops: renamed, last: moved.get(last) ?? last };
}

function decodeOp(bytes: Buffer): Op {
  try {
    return Op.decode(bytes);
  } catch (error) {
    throw invalidArgument(`failed to parse llb proto op: ${errorText(error)}`, { cause: error });
  }
}

/** Digests of all that a step stands on, inputs before their users. Digests are of the bytes, so there are no cycles. */
function inputsFirst(ops: ReadonlyMap<string, Raw>, from: string): string[] {
  const seen = new Set<string>([from]);
  const order: string[] = [];
  const stack: { readonly digest: string; readonly inputs: Op['inputs']; next: number }[] = [];
  const enter = (digest: string): void => {
    const raw = ops.get(digest);
    if (raw === undefined) throw invalidArgument(`invalid missing input digest ${digest}`);
    stack.push({ digest, inputs: raw.op.inputs, next: 0 });
  };
  enter(from);
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const input = top.inputs[top.next++];
    if (input === undefined) {
      order.push(top.digest);
      stack.pop();
    } else if (!seen.has(input.digest)) {
      seen.add(input.digest);
      enter(input.digest);
    }
  }
  return order;
}

interface Place {
  readonly digest: string;
  readonly vertices: ReadonlyMap<string, Vertex>;
  readonly metadata: OpMetadata | undefined;
  readonly options: ReadOptions;
}

function makeVertex({ op, origin }: Raw, { digest, vertices, metadata, options }: Place): Vertex {
  validateOp(op);
  if (metadata !== undefined) checkCaps(metadata.caps);
  op.platform = normalized(op.platform);
  options.permit?.(op);
  const inputs = op.inputs.map((input): Edge => {
    const vertex = vertices.get(input.digest);
    if (vertex === undefined) throw invalidArgument(`invalid missing input digest ${input.digest}`);
    return { vertex, index: Number(input.index) };
  });
  const description = metadata?.description ?? {};
  return {
    digest,
    origin,
    name:
      description['llb.customname'] ??
      nameOf(
        op,
        inputs.map(({ vertex }) => vertex.name),
      ),
    op,
    inputs,
    ignoreCache: metadata?.ignoreCache ?? false,
    exportCache: metadata?.exportCache?.Value,
    description,
    progressGroup: metadata?.progressGroup,
    metadata,
  };
}

function normalized(platform: WirePlatform | undefined): WirePlatform {
  const {
    os,
    architecture,
    variant = '',
  } = platform === undefined
    ? hostPlatform()
    : normalizePlatform({ os: platform.OS, architecture: platform.Architecture, variant: platform.Variant });
  return {
    OS: os,
    Architecture: architecture,
    Variant: variant,
    OSVersion: platform?.OSVersion ?? '',
    OSFeatures: platform?.OSFeatures ?? [],
  };
}
