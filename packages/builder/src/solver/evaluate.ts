import { internal, type Logger, newContext } from '@gantry/rpc';
import { takeLeft } from '../failure/left-trees';
import type { Vertex } from '../llb';
import type { Refs } from '../refs/ref';
import type { Sessions } from '../session/session';
import { cacheMap, contentDigest } from './describe';
import { Flights } from './flights';
import { type Found, type FoundResult, type Key, type KeyStore, nothing } from './key-store';
import { CONTENT_OUTPUT, lookUp, reach, union } from './lookup';
import type { CacheMap, Op, StepContext } from './op';
import { preferredFirst } from './preferred';
import { saveFound, saveImported, saveRun } from './save';
import { sessionGroup } from '../session/group';
import type { Slots } from './slots';
import type { Complete, Output, Ready, Step } from './step';
import { stepError } from './step-error';
import type { StoredKeys } from './store/stored-keys';

/** A cache that a client named: its results are brought when they are wanted. */
export interface ImportedKeys extends KeyStore {
  load(step: StepContext, result: FoundResult): Promise<Complete['ref'] | 'gone'>;
}

export interface Parts {
  readonly keys: StoredKeys;
  readonly refs: Pick<Refs, 'get'>;
  readonly sessions: Sessions;
  readonly slots: Slots;
  readonly logger: Logger;
  makeOp(vertex: Vertex, step: Step): Op;
}

/**
 * Works out steps. Three questions are asked of an output, each answered once and only when somebody asks: by which keys it is known going by the definition alone (`fast`),
 * by which when inputs' files are looked at (`slow`), and its tree (`complete`). An input is completed only when its tree is needed: by a step that runs, or whose key hangs
 * on the input's files.
 */
export class Evaluator {
  private readonly flights = new Flights();
  /** Outputs whose results in clients' caches are known here, too. */
  private readonly kept = new WeakSet<Output>();

  constructor(readonly parts: Parts) {}

  context(step: Step): StepContext {
    const { signal, traceparent } = step.demand;
    return {
      call: newContext({ signal, logger: this.parts.logger, ...(traceparent === undefined ? {} : { traceparent }) }),
      sessions: sessionGroup(this.parts.sessions, () => step.demand.sessionIds()),
      progress: step.track,
      hold: (held) => void step.held.push(held),
      ignoreCache: step.vertex.ignoreCache,
    };
  }

  fast(step: Step, index: number): Promise<Found> {
    return step.output(index).fast.get(() => this.findFast(step, index));
  }

  slow(step: Step, index: number): Promise<Found> {
    return step.output(index).slow.get(() => this.findSlow(step, index));
  }

  complete(step: Step, index: number): Promise<Complete> {
    const output = step.output(index);
    return output.complete.get(async () => (output.result = await this.findComplete(step, index)));
  }

  opOf(step: Step): Op {
    try {
      return (step.op ??= this.parts.makeOp(step.vertex, step));
    } catch (error) {
      throw stepError(step.vertex, error);
    }
  }

  private stores(step: Step): readonly KeyStore[] {
    return step.imports.size === 0 ? [this.parts.keys] : [this.parts.keys, ...step.imports];
  }

  private async findFast(step: Step, index: number): Promise<Found> {
    await Promise.resolve(); // keeps the stack flat, however deep the graph is
    const [inputs] = await Promise.all([
      Promise.all(step.inputs.map((input) => this.fast(input.step, input.index))),
      cacheMap(this, step, 0),
    ]);
    if (step.vertex.ignoreCache) return nothing;
    const keys = inputs.map((input) => input.keys);
    let found = nothing;
    for (let at = 0; ; at++) {
      const map = await cacheMap(this, step, at);
      if (map === undefined) break;
      found = union(found, lookUp(this.stores(step), map, index, keys));
      if (found.results.length > 0) break;
    }
    this.note(step, index, found);
    return found;
  }

  private async findSlow(step: Step, index: number): Promise<Found> {
    await Promise.resolve();
    const fast = await this.fast(step, index);
    if (fast.results.length > 0 || step.vertex.ignoreCache || step.inputs.length === 0) return fast;
    let miss: () => void = () => undefined;
    const missed = new Promise<undefined>((resolve) => (miss = () => resolve(undefined)));
    const inputs = Promise.all(step.inputs.map((_, input) => this.inputKeys(step, index, input, miss)));
    const keys = await Promise.race([inputs, missed]);
    if (keys === undefined) {
      inputs.catch(() => undefined);
      this.wantInputs(step);
      return fast;
    }
    let found = fast;
    for (const map of step.maps) found = union(found, lookUp(this.stores(step), map, index, keys));
    if (found.results.length === 0)
      for (const [at, map] of step.maps.entries()) found = union(found, await this.byContent(step, { index, at, map, keys }));
    this.note(step, index, found);
    return found;
  }

  /** Keys of an input, after its files were looked at. One that leads nowhere from here will be needed whole: it is begun, and where its files do not count the step is a miss. */
  private async inputKeys(step: Step, index: number, input: number, miss: () => void): Promise<readonly Key[]> {
    const { step: from, index: output } = step.inputs[input] ?? missing(step, input);
    const { keys } = await this.slow(from, output);
    const leads = step.maps.some((map) => this.stores(step).some((store) => reach(store, map, index, input, keys).size > 0));
    if (leads) return keys;
    if (step.maps.every((map) => map.inputs[input]?.contentDigest === undefined)) miss();
    else if (step.maps.some((map) => this.stores(step).some((store) => store.knows(map.digest)))) this.want(from, output);
    return keys;
  }

  /** Keys by the digests of inputs' files; nothing where no key can be found whatever the files are. */
  private async byContent(step: Step, { index, at, map, keys }: ByContent): Promise<Found> {
    const looked = map.inputs.flatMap(({ contentDigest: digest }, input) => (digest === undefined ? [] : [input]));
    if (looked.length === 0) return nothing;
    const possible = this.stores(step).some(
      (store) =>
        store.knows(map.digest) &&
        map.inputs.every((_, input) => looked.includes(input) || reach(store, map, index, input, keys[input] ?? []).size > 0),
    );
    if (!possible) return nothing;
    const digests = await Promise.all(
      map.inputs.map((_, input) => (looked.includes(input) ? contentDigest(this, step, at, input) : undefined)),
    );
    const all = map.inputs.map((_, input) => [...(keys[input] ?? []), ...this.contentKeys(step, digests[input])]);
    const found = lookUp(this.stores(step), map, index, all);
    if (found.keys.length > 0) saveFound(this.parts.keys, step, { map, output: index, found: found.keys, inputs: keys });
    return found;
  }

  private contentKeys(step: Step, digest: string | undefined): Key[] {
    if (digest === undefined) return [];
    return this.stores(step).flatMap((store): Key[] => {
      const id = store.root(digest, CONTENT_OUTPUT);
      return id === undefined ? [] : [{ store, id, content: true }];
    });
  }

  private async findComplete(step: Step, index: number): Promise<Complete> {
    await Promise.resolve();
    if (!step.vertex.ignoreCache) {
      const known =
        (await this.load(step, index, await this.fast(step, index))) ?? (await this.load(step, index, await this.slow(step, index)));
      if (known !== undefined) return known;
    }
    const ready = await step.ready.get(() => this.makeReady(step));
    if (!step.vertex.ignoreCache) {
      // Another step may have come to the same meanwhile.
      const keys = ready.inputs.map((input) => input.keys.map((id): Key => ({ store: this.parts.keys, id })));
      let found = nothing;
      for (const [at, map] of step.maps.entries()) {
        const all = keys.map((input, i) => [...input, ...this.contentKeys(step, ready.contents[at]?.[i])]);
        found = union(found, lookUp(this.stores(step), map, index, all));
      }
      const known = found.results.length === 0 ? undefined : await this.load(step, index, found);
      if (known !== undefined) return known;
    }
    const results = await step.ran.get(() => this.run(step, ready));
    const result = results[index];
    if (result === undefined)
      throw stepError(step.vertex, internal(`invalid response from exec need ${index} index but ${results.length} results received`));
    step.output(index).keys = result.keys;
    return result;
  }

  private async makeReady(step: Step): Promise<Ready> {
    const inputs = await Promise.all(step.inputs.map(({ step: from, index }) => this.complete(from, index)));
    while ((await cacheMap(this, step, step.maps.length)) !== undefined);
    const contents = await Promise.all(
      step.maps.map((map, at) =>
        Promise.all(map.inputs.map((input, i) => (input.contentDigest === undefined ? undefined : contentDigest(this, step, at, i)))),
      ),
    );
    return { inputs, contents };
  }

  private async load(step: Step, index: number, found: Found): Promise<Complete | undefined> {
    for (const result of preferredFirst(step.vertex, found.results)) {
      const begun = !step.track.cached;
      const ref = await this.loadOne(step, result, begun);
      if (ref === 'gone') {
        result.key.store.drop(result.key.id, result);
        continue;
      }
      step.hold(ref);
      const keys =
        result.key.store === this.parts.keys
          ? localKeys(found, this.parts.keys)
          : saveImported(this.parts.keys, { step, index }, { ref, created: result.created });
      if (result.key.store !== this.parts.keys) await this.keepBelow(step);
      step.output(index).keys = keys;
      if (begun) step.track.complete({ cached: true });
      return { ref, keys };
    }
    return undefined;
  }

  /** What a client's cache holds of the steps below is kept, too: nobody asks for it now, and a cache that is written next would be without it. */
  private async keepBelow(top: Step): Promise<void> {
    const { keys } = this.parts;
    const stack = [...top.inputs];
    for (let input = stack.pop(); input !== undefined; input = stack.pop()) {
      const { step, index } = input;
      const output = step.output(index);
      if (this.kept.has(output) || output.result !== undefined) continue;
      this.kept.add(output);
      stack.push(...step.inputs);
      const found = [output.fast.value, output.slow.value].flatMap((each) => each?.results ?? []);
      const result = found.find(({ key }) => key.store !== keys);
      if (result === undefined || output.keys.length === 0) continue;
      const ref = await this.loadOne(step, result, false);
      if (ref === 'gone') continue;
      keys.transaction(() => {
        for (const id of output.keys) keys.addResult(id, ref?.id ?? '', result.created);
      });
      ref?.release();
    }
  }

  private async loadOne(step: Step, result: FoundResult, begin: boolean): Promise<Complete['ref'] | 'gone'> {
    if (result.key.store === this.parts.keys) {
      const ref = result.id === '' ? undefined : (this.parts.refs.get(result.id) ?? 'gone');
      if (ref !== 'gone' && begin) step.track.start(true);
      return ref;
    }
    const store = [...step.imports].find((imported): imported is ImportedKeys => imported === result.key.store);
    if (begin) step.track.start(true);
    return store === undefined ? 'gone' : store.load(this.context(step), result);
  }

  private async run(step: Step, ready: Ready): Promise<readonly Complete[]> {
    const leader = step.vertex.ignoreCache ? undefined : this.flights.find(step, ready);
    if (leader !== undefined) return this.followed(step, leader);
    const landed = this.flights.add(step, ready);
    const work = this.runOp(step, ready).finally(landed);
    step.work.add(work);
    try {
      return await work;
    } finally {
      step.work.delete(work);
    }
  }

  private async followed(step: Step, leader: Step): Promise<readonly Complete[]> {
    const unfollow = step.demand.follow(leader.demand);
    step.track.start(true);
    try {
      const results = await leader.ran.get(() => Promise.reject(internal(`step ${leader.digest} has ended`)));
      step.track.complete({ cached: true });
      return results.map(({ ref, keys }) => ({ ref: step.hold(ref?.clone()), keys }));
    } catch (error) {
      step.holdAll(takeLeft(error));
      step.track.complete({ error: stepError(step.vertex, error).message });
      throw error;
    } finally {
      unfollow();
    }
  }

  private async runOp(step: Step, ready: Ready): Promise<readonly Complete[]> {
    const op = this.opOf(step);
    const { signal } = step.demand;
    const free = await this.parts.slots.acquire(op.weight ?? 1, signal);
    step.track.start();
    try {
      const refs = await op.run(
        this.context(step),
        ready.inputs.map(({ ref }) => ref),
      );
      for (const ref of refs) step.hold(ref);
      const results = saveRun(this.parts.keys, step, ready, refs);
      step.track.complete();
      return results;
    } catch (error) {
      step.holdAll(takeLeft(error));
      const failure = stepError(step.vertex, error);
      step.track.complete({ error: failure.message });
      throw failure;
    } finally {
      free();
    }
  }

  private note(step: Step, index: number, found: Found): void {
    const output = step.output(index);
    if (output.keys.length === 0) output.keys = localKeys(found, this.parts.keys);
  }

  private wantInputs(step: Step): void {
    for (const { step: from, index } of step.inputs) this.want(from, index);
  }

  /** Begins what will be asked for anyhow; its failure is told to who asks. */
  private want(step: Step, index: number): void {
    this.complete(step, index).catch(() => undefined);
  }
}

interface ByContent {
  readonly index: number;
  readonly at: number;
  readonly map: CacheMap;
  readonly keys: readonly (readonly Key[])[];
}

function localKeys(found: Found, keys: KeyStore): number[] {
  return found.keys.flatMap(({ store, id }) => (store === keys ? [id] : []));
}

function missing(step: Step, input: number): never {
  throw internal(`step ${step.digest} has no input ${input}`);
}
