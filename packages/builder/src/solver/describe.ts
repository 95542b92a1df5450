import { asGantryError, internal } from '@gantry/rpc';
import { leaving, type LeftTrees, takeLeft } from '../failure/left-trees';
import type { Ref } from '../refs/ref';
import type { Evaluator } from './evaluate';
import { Memo } from './memo';
import type { CacheMap } from './op';
import type { Step } from './step';
import { stepError } from './step-error';

/** The map of a step at a place; undefined when the op has told all of its maps. */
export function cacheMap(evaluator: Evaluator, step: Step, at: number): Promise<CacheMap | undefined> {
  const memo = (step.mapMemos[at] ??= new Memo());
  return memo.get(() => nextMap(evaluator, step, at));
}

async function nextMap(evaluator: Evaluator, step: Step, at: number): Promise<CacheMap | undefined> {
  if (at > 0 && (await cacheMap(evaluator, step, at - 1)) === undefined) return undefined;
  // Looking a source up takes time (a registry, a repository): it is shown.
  const shown = step.inputs.length === 0 && at === 0;
  if (shown) step.track.start();
  try {
    step.mapIterator ??= evaluator.opOf(step).cacheMaps(evaluator.context(step))[Symbol.asyncIterator]();
    const next = await step.mapIterator.next();
    if (next.done === true) {
      step.mapsDone = true;
      return undefined;
    }
    const map: CacheMap = next.value;
    if (map.inputs.length !== step.inputs.length)
      throw internal(`the key of ${step.digest} has ${map.inputs.length} inputs, the step ${step.inputs.length}`);
    step.maps.push(map);
    if (shown) step.track.complete();
    return map;
  } catch (error) {
    const failure = stepError(step.vertex, error, 'failed to load cache key');
    if (!shown) step.track.start();
    step.track.complete({ error: bare(error) });
    throw failure;
  }
}

/** The input whose files could not be looked at; the step had not begun. */
const filesOf = (ref: Ref | undefined, input: number): LeftTrees => ({
  inputs: [ref?.clone()],
  mounts: [],
  subject: { cache: { index: BigInt(input) } },
});

/** What the step itself is told to have failed of; what was to come of it is said where the build ends. */
const bare = (error: unknown): string => asGantryError(error).message;

/** Digest of what a step looks at in an input, by the map at a place; the input is completed for it. */
export function contentDigest(evaluator: Evaluator, step: Step, at: number, input: number): Promise<string | undefined> {
  const name = `${at} ${input}`;
  let memo = step.contents.get(name);
  if (memo === undefined) step.contents.set(name, (memo = new Memo()));
  return memo.get(async () => {
    const from = step.inputs[input];
    if (from === undefined) throw internal(`step ${step.digest} has no input ${input}`);
    const { ref } = await evaluator.complete(from.step, from.index);
    const context = evaluator.context(step);
    try {
      return await step.maps[at]?.inputs[input]?.contentDigest?.(context, ref);
    } catch (error) {
      const told = context.call.signal.aborted ? error : leaving(error, filesOf(ref, input));
      const failure = stepError(step.vertex, told, 'failed to compute cache key');
      step.holdAll(takeLeft(failure));
      step.track.start();
      step.track.complete({ error: bare(error) });
      throw failure;
    }
  });
}
