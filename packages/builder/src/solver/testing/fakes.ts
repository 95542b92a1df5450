import { Definition, MountType, Op as WireOp, OpMetadata } from '@gantry/api/pb/ops';
import { sha256 } from '@gantry/oci';
import { notFound, silentLogger } from '@gantry/rpc';
import type { Vertex } from '../../llb';
import type { Ref } from '../../refs/ref';
import type { Sessions } from '../../session/session';
import type { CacheMap, Op, StepContext } from '../op';
import { makeSolver, type Solver } from '../solver';
import type { StoredKeys } from '../store/stored-keys';
import type { SubSolver } from '../sub-solve';

/** Trees that are words; holds are counted. */
export class FakeRefs {
  readonly holds = new Map<string, number>();
  readonly contents = new Map<string, string>();
  private next = 0;

  make(content: string): Ref {
    const id = `ref${this.next++}`;
    this.contents.set(id, content);
    return this.hold(id);
  }

  get(id: string): Ref | undefined {
    return this.contents.has(id) ? this.hold(id) : undefined;
  }

  get held(): number {
    return [...this.holds.values()].reduce((sum, count) => sum + count, 0);
  }

  private hold(id: string): Ref {
    this.holds.set(id, (this.holds.get(id) ?? 0) + 1);
    let released = false;
    return {
      id,
      clone: () => this.hold(id),
      release: () => {
        if (released) return;
        released = true;
        this.holds.set(id, (this.holds.get(id) ?? 0) - 1);
      },
    };
  }
}

/** What a step does in a test; told by the source identifier of its definition. */
export interface Script {
  readonly maps?: readonly Partial<CacheMap>[];
  /** Inputs whose content counts. */
  readonly content?: readonly number[];
  readonly run?: (step: StepContext, inputs: readonly (Ref | undefined)[], sub: SubSolver) => Promise<readonly (Ref | undefined)[]>;
  readonly weight?: number;
  readonly pin?: string;
}

export interface FakeStep {
  readonly name: string;
  readonly inputs?: readonly (FakeStep | readonly [FakeStep, number])[];
  readonly ignoreCache?: boolean;
  /** Ids of its cache mounts. */
  readonly caches?: readonly string[];
}

/** A definition of named steps: sources where there are no inputs, else execs. */
export function define(...steps: readonly FakeStep[]): Definition {
  const digests = new Map<FakeStep, string>();
  const def: Buffer[] = [];
  const metadata: Record<string, OpMetadata> = {};
  const add = (first: FakeStep): string => {
    const stack = [first];
    for (let step = stack.at(-1); step !== undefined; step = stack.at(-1)) {
      const inputs = (step.inputs ?? []).map((input) => ('name' in input ? ([input, 0] as const) : input));
      const open = inputs.filter(([input]) => !digests.has(input));
      if (open.length > 0) {
        stack.push(...open.map(([input]) => input));
        continue;
      }
      stack.pop();
      if (digests.has(step)) continue;
      const op = WireOp.fromPartial({
        inputs: inputs.map(([input, index]) => ({ digest: digests.get(input) ?? '', index: BigInt(index) })),
        ...(inputs.length === 0
          ? { source: { identifier: step.name, attrs: {} } }
          : {
              exec: {
                meta: { args: [step.name] },
                mounts: [
                  { dest: '/', input: 0n },
                  ...(step.caches ?? []).map((id) => ({
                    dest: `/caches/${id}`,
                    input: -1n,
                    output: -1n,
                    mountType: MountType.CACHE,
                    cacheOpt: { ID: id },
                  })),
                ],
              },
            }),
      });
      const bytes = Buffer.from(WireOp.encode(op).finish());
      def.push(bytes);
      digests.set(step, sha256(bytes));
      if (step.ignoreCache === true) metadata[sha256(bytes)] = OpMetadata.fromPartial({ ignoreCache: true });
    }
    return digests.get(first) ?? '';
  };
  const inputs = steps.map((step) => ({ digest: add(step), index: 0n }));
  def.push(Buffer.from(WireOp.encode(WireOp.fromPartial({ inputs })).finish()));
  return Definition.fromPartial({ def, metadata });
}

export const nameOfVertex = ({ op }: Vertex): string => op.source?.identifier ?? op.exec?.meta?.args[0] ?? '';

/** A solver whose steps follow scripts; `ran` tells in which order they ran. */
export function fakeSolver(
  keys: StoredKeys,
  refs: FakeRefs,
  scripts: Readonly<Record<string, Script>> = {},
  parallelism = 4,
): Solver & { readonly ran: string[]; readonly mapped: string[] } {
  const ran: string[] = [];
  const mapped: string[] = [];
  const sessions: Sessions = { find: (id) => Promise.reject(notFound(`no session ${id}`)) };
  const makeOp = (vertex: Vertex, sub: SubSolver): Op => {
    const name = nameOfVertex(vertex);
    const script = scripts[name] ?? {};
    return {
      weight: script.weight ?? 1,
      pin: () => script.pin,
      async *cacheMaps() {
        mapped.push(name);
        await Promise.resolve();
        for (const map of script.maps ?? [{}])
          yield {
            digest: sha256(`map ${name}`),
            inputs: vertex.inputs.map((_, at) =>
              script.content?.includes(at) === true
                ? {
                    contentDigest: (_step, ref) => Promise.resolve(sha256(`content ${ref === undefined ? '' : refs.contents.get(ref.id)}`)),
                  }
                : {},
            ),
            ...map,
          };
      },
      async run(step, inputs) {
        ran.push(name);
        if (script.run !== undefined) return script.run(step, inputs, sub);
        await Promise.resolve();
        return [refs.make(`${name}(${inputs.map((ref) => (ref === undefined ? '' : refs.contents.get(ref.id))).join()})`)];
      },
    };
  };
  return Object.assign(makeSolver({ keys, refs, sessions, logger: silentLogger, parallelism, makeOp }), { ran, mapped });
}
