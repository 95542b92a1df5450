import type { Definition } from '@gantry/api/pb/ops';
import type { CallContext } from '@gantry/rpc';
import { readDefinition } from '../llb';
import type { Ref } from '../refs/ref';
import { type JobParts, whileWanted } from './job';
import type { Step } from './step';

/** Solves for a step that runs (a build within a build). */
export interface SubSolver {
  /** A hold of the tree, given to the caller. The definition is held to what the build is held to. */
  solve(ctx: CallContext, definition: Definition): Promise<Ref | undefined>;
}

/** The steps solved belong to all builds that have the parent. */
export function subSolver(parts: JobParts, parent: Step): SubSolver {
  return {
    async solve(ctx, definition) {
      const edge = await readDefinition(definition, parent.reading);
      if (edge === undefined) return undefined;
      const loaded = parts.load(edge, []);
      const root = loaded.get(edge.vertex.digest);
      if (root === undefined) return undefined;
      for (const step of loaded.values()) {
        parent.children.add(step);
        step.reading = parent.reading;
        for (const adopt of parent.jobs.values()) adopt(step);
      }
      const waiter = {
        get sessionIds() {
          return parent.demand.sessionIds();
        },
        traceparent: ctx.traceparent,
      };
      const { ref } = await whileWanted(ctx, [...loaded.values()], waiter, () => parts.evaluator.complete(root, edge.index));
      return ref?.clone();
    },
  };
}
