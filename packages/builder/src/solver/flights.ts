import { shared } from './lookup';
import type { CacheMap } from './op';
import type { Ready, Step } from './step';

/** Steps that run just now, by what they would be known by afterwards: two that would have the same key do the work once. */
export class Flights {
  private readonly steps = new Map<string, Set<Step>>();

  /** A running step whose outcome is that of this one. */
  find(step: Step, ready: Ready): Step | undefined {
    for (const [at, map] of step.maps.entries()) {
      let common: Set<Step> | undefined;
      for (const names of namesOf(map, ready, at)) {
        const running = new Set<Step>(names.flatMap((name) => [...(this.steps.get(name) ?? [])]));
        common = common === undefined ? running : shared(common, running);
      }
      for (const found of common ?? []) if (found !== step && !found.demand.signal.aborted) return found;
    }
    return undefined;
  }

  /** From now on others find the step; until the function given back is called. */
  add(step: Step, ready: Ready): () => void {
    const names = step.maps.flatMap((map, at) => namesOf(map, ready, at).flat());
    for (const name of names) {
      const steps = this.steps.get(name);
      if (steps === undefined) this.steps.set(name, new Set([step]));
      else steps.add(step);
    }
    return () => {
      for (const name of names) {
        const steps = this.steps.get(name);
        if (steps?.delete(step) === true && steps.size === 0) this.steps.delete(name);
      }
    };
  }
}

/** By input, what leads to the step. */
function namesOf(map: CacheMap, { inputs, contents }: Ready, at: number): string[][] {
  if (map.inputs.length === 0) return [[map.digest]];
  return map.inputs.map(({ selector = '' }, input) => {
    const place = `${map.digest} ${input}`;
    const content = contents[at]?.[input];
    return [
      ...(inputs[input]?.keys ?? []).map((key) => `${place} ${key} ${selector}`),
      ...(content === undefined ? [] : [`${place} ${content}`]),
    ];
  });
}
