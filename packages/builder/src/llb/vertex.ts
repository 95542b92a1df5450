import type { Op, OpMetadata, ProgressGroup } from '@gantry/api/pb/ops';

/** One node of a definition, checked: what is to be done, with the outputs of others that it stands on. */
export interface Vertex {
  /** Digest of the op's bytes; the same step in two definitions has the same. */
  readonly digest: string;
  /** Digest that the client knows the step by, where a source policy changed the op: its metadata and source locations hang on it. */
  readonly origin: string;
  /** As the progress shows it. */
  readonly name: string;
  /** The platform is always set and normalised. */
  readonly op: Op;
  readonly inputs: readonly Edge[];
  readonly ignoreCache: boolean;
  /** Whether the step goes into an exported cache, where the client said so. */
  readonly exportCache: boolean | undefined;
  readonly description: Readonly<Record<string, string>>;
  readonly progressGroup: ProgressGroup | undefined;
  readonly metadata: OpMetadata | undefined;
}

/** One output of a vertex. */
export interface Edge {
  readonly vertex: Vertex;
  readonly index: number;
}

/** All vertices that an edge stands on, itself among them, inputs before those that use them. */
export function verticesOf(...edges: readonly (Edge | undefined)[]): Vertex[] {
  const seen = new Set<string>();
  const order: Vertex[] = [];
  const stack: { readonly vertex: Vertex; next: number }[] = [];
  const enter = (vertex: Vertex): void => {
    if (seen.has(vertex.digest)) return;
    seen.add(vertex.digest);
    stack.push({ vertex, next: 0 });
  };
  for (const edge of edges) {
    if (edge !== undefined) enter(edge.vertex);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const input = top.vertex.inputs[top.next++];
      if (input !== undefined) enter(input.vertex);
      else order.push(stack.pop()?.vertex ?? top.vertex);
    }
  }
  return order;
}
