import { createHash } from 'node:crypto';
import { type Definition, type Location, Op, type OpMetadata, type Platform, type Source, type SourceInfo } from '@gantry/api/pb/ops';
import { type About, type Output, settled, type Tree, type Vertex } from './graph';

/**
 * Writes a tree down as a definition: every vertex once, inputs before those that need them, and a last op that names the tree itself. The
 * same graph gives the same bytes. Scratch is a definition without ops.
 */
export function marshal(tree: Tree, defaults: { readonly platform: Platform }): Definition {
  const top = settled(tree);
  if (top === undefined) return { def: [], metadata: {}, Source: undefined };
  const writer = new Writer(defaults.platform);
  writer.write(top.vertex);
  return writer.finish(top);
}

class Writer {
  private readonly digests = new Map<Vertex, string>();
  private readonly seen = new Set<string>();
  private readonly definition: { def: Buffer[]; metadata: Record<string, OpMetadata> } = { def: [], metadata: {} };
  private readonly sources: SourceInfo[] = [];
  private readonly locations = new Map<string, Location[]>();

  constructor(private readonly platform: Platform) {}

  /** Writes a vertex after all that it needs; no recursion, for graphs that are deep. */
  write(first: Vertex): void {
    const waiting: { readonly vertex: Vertex; ready: boolean }[] = [{ vertex: first, ready: false }];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (this.digests.has(next.vertex)) continue;
      if (next.ready) {
        this.put(next.vertex);
        continue;
      }
      waiting.push({ vertex: next.vertex, ready: true });
      for (const input of next.vertex.inputs.toReversed()) {
        const output = settled(input);
        if (output !== undefined) waiting.push({ vertex: output.vertex, ready: false });
      }
    }
  }

  private put(vertex: Vertex): void {
    const bytes = vertex.given?.bytes ?? this.encode(vertex);
    const digest = digestOf(bytes);
    this.digests.set(vertex, digest);
    this.definition.metadata[digest] = merged(this.definition.metadata[digest], metadataOf(vertex.about));
    this.locate(digest, vertex.about);
    if (this.seen.has(digest)) return;
    this.seen.add(digest);
    this.definition.def.push(bytes);
  }

  private encode(vertex: Vertex): Buffer {
    const inputs: { digest: string; index: bigint }[] = [];
    const index = (tree: Tree): bigint => {
      const output = settled(tree);
      if (output === undefined) return -1n;
      const input = this.input(output);
      const at = inputs.findIndex(({ digest, index: number }) => digest === input.digest && number === input.index);
      return BigInt(at < 0 ? inputs.push(input) - 1 : at);
    };
    for (const input of vertex.inputs) index(input);
    const own = vertex.op(index);
    const platform = own.exec !== undefined || isImage(own.source?.identifier) ? (vertex.about.platform ?? this.platform) : undefined;
    return Buffer.from(Op.encode({ ...own, inputs, platform, constraints: { filter: [] } }).finish());
  }

  private input({ vertex, index }: Output): { digest: string; index: bigint } {
    return { digest: this.digests.get(vertex) ?? '', index: BigInt(index) };
  }

  private locate(digest: string, { locations = [] }: About): void {
    for (const { source, ranges } of locations) {
      const same = this.sources.findIndex((known) => known === source || sameSource(known, source));
      const sourceIndex = same < 0 ? this.sources.push(source) - 1 : same;
      this.locations.set(digest, [...(this.locations.get(digest) ?? []), { sourceIndex, ranges: [...ranges] }]);
    }
  }

  finish(top: Output): Definition {
    const bytes = Buffer.from(Op.encode({ inputs: [this.input(top)], platform: undefined, constraints: undefined }).finish());
    const all = Object.values(this.definition.metadata);
    const caps = {
      constraints: true,
      platform: true,
      ...(all.some(({ ignoreCache }) => ignoreCache) ? { 'meta.ignorecache': true } : {}),
      ...(all.some(({ description }) => Object.keys(description).length > 0) ? { 'meta.description': true } : {}),
    };
    const Source: Source = {
      infos: this.sources,
      locations: Object.fromEntries([...this.locations].map(([digest, locations]) => [digest, { locations }])),
    };
    const metadata = { ...this.definition.metadata, [digestOf(bytes)]: { ...metadataOf({}), caps } };
    return { def: [...this.definition.def, bytes], metadata, Source };
  }
}

const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

const isImage = (identifier = ''): boolean => /^(docker-image|oci-layout):\/\//.test(identifier);

function sameSource(a: SourceInfo, b: SourceInfo): boolean {
  return a.filename === b.filename && a.language === b.language && a.data.equals(b.data);
}

function metadataOf({ name, description = {}, ignoreCache = false, group, caps = [] }: About): OpMetadata {
  return {
    ignoreCache,
    description: { ...description, ...(name === undefined ? {} : { 'llb.customname': name }) },
    exportCache: undefined,
    caps: Object.fromEntries(caps.toSorted().map((cap) => [cap, true])),
    progressGroup: group === undefined ? undefined : { ...group },
    linuxResources: undefined,
  };
}

/** Two ways to the same op: what either says holds. */
function merged(first: OpMetadata | undefined, second: OpMetadata): OpMetadata {
  if (first === undefined) return second;
  return {
    ...second,
    ignoreCache: first.ignoreCache || second.ignoreCache,
    description: { ...first.description, ...second.description },
    caps: { ...first.caps, ...second.caps },
    exportCache: second.exportCache ?? first.exportCache,
    progressGroup: second.progressGroup ?? first.progressGroup,
  };
}
