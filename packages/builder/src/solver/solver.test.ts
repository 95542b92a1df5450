import { setTimeout as sleep } from 'node:timers/promises';
import { Definition } from '@gantry/api/pb/ops';
import { sha256 } from '@gantry/oci';
import { internal, newContext, notFound } from '@gantry/rpc';
import { leaving, leftBy } from '../failure/left-trees';
import type { Ref } from '../refs/ref';
import { openBuildStore } from '../store';
import { keysTables } from './store/schema';
import { StoredKeys } from './store/stored-keys';
import { define, FakeRefs, fakeSolver, type FakeStep, type Script } from './testing/fakes';

let keys: StoredKeys;
let refs: FakeRefs;
let jobs = 0;
beforeEach(() => {
  keys = new StoredKeys(openBuildStore(':memory:', [keysTables]));
  refs = new FakeRefs();
});

const solverOf = (scripts: Record<string, Script> = {}, parallelism?: number) => fakeSolver(keys, refs, scripts, parallelism);
type Fake = ReturnType<typeof solverOf>;

/** One build from its beginning to its end; the content of the tree. */
async function build(solver: Fake, definition: Definition, signal?: AbortSignal): Promise<string | undefined> {
  const job = solver.job({ id: `job${jobs++}`, sessionIds: [] });
  try {
    const { ref } = await job.solve(newContext(signal === undefined ? {} : { signal }), definition);
    const content = ref === undefined ? undefined : refs.contents.get(ref.id);
    ref?.release();
    return content;
  } finally {
    await job.close();
  }
}

const base: FakeStep = { name: 'base' };
const one: FakeStep = { name: 'one', inputs: [base] };
const two: FakeStep = { name: 'two', inputs: [one] };

test('the empty definition is scratch', async () => {
  expect(await build(solverOf(), Definition.fromPartial({}))).toBeUndefined();
});

test('a chain runs once, and afterwards comes from the cache, in another process, too; only its end is held', async () => {
  const first = solverOf();
  expect(await build(first, define(two))).toBe('two(one(base()))');
  expect(first.ran).toEqual(['base', 'one', 'two']);
  expect(refs.held).toBe(0);
  const second = solverOf();
  expect(await build(second, define(two))).toBe('two(one(base()))');
  expect(second.ran).toEqual([]);
  expect([...refs.holds.keys()]).toHaveLength(3);
  expect(refs.held).toBe(0);
});

test('a tree that is gone is made again on top of what is there; what stands on a gone tree is still found', async () => {
  await build(solverOf(), define(two));
  refs.contents.delete('ref1');
  const kept = solverOf();
  await build(kept, define(two));
  expect(kept.ran).toEqual([]);
  refs.contents.delete('ref2');
  const again = solverOf();
  expect(await build(again, define(two))).toBe('two(one(base()))');
  expect(again.ran).toEqual(['one', 'two']);
});

test('what is gone before a build takes nothing away from what is at work; keys that lead to nothing go at the next start', async () => {
  const copy: FakeStep = { name: 'copy', inputs: [one] };
  await build(solverOf(), define(copy));
  const before = keys.root('x', 0);
  for (const ref of [...refs.contents.keys()]) refs.contents.delete(ref);
  const again = solverOf();
  expect(await build(again, define(copy))).toBe('copy(one(base()))');
  const after = solverOf();
  expect(await build(after, define(copy))).toBe('copy(one(base()))');
  expect([before, again.ran, after.ran]).toEqual([undefined, ['base', 'one', 'copy'], []]);
  keys.sweep((ref) => refs.contents.has(ref));
  const swept = solverOf();
  await build(swept, define(copy));
  expect(swept.ran).toEqual([]);
  refs.contents.clear();
  keys.sweep((ref) => refs.contents.has(ref));
  expect(['base', 'one', 'copy'].map((name) => keys.knows(sha256(`map ${name}`)))).toEqual([false, false, false]);
});

test('a diamond works out its corner once', async () => {
  const left: FakeStep = { name: 'left', inputs: [base] };
  const right: FakeStep = { name: 'right', inputs: [base] };
  const solver = solverOf();
  expect(await build(solver, define({ name: 'top', inputs: [left, right] }))).toBe('top(left(base()),right(base()))');
  expect(solver.ran.filter((name) => name === 'base')).toHaveLength(1);
});

test('two builds at once do the work once; one of them may leave', async () => {
  const began = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const solver = solverOf({
    one: {
      run: async () => {
        began.resolve();
        await go.promise;
        return [refs.make('shared')];
      },
    },
  });
  const leaving = new AbortController();
  const first = build(solver, define(one), leaving.signal);
  const second = build(solver, define(two));
  await began.promise;
  leaving.abort(internal('gone'));
  await expect(first).rejects.toThrow('gone');
  go.resolve();
  expect(await second).toBe('two(shared)');
  expect(solver.ran).toEqual(['base', 'one', 'two']);
});

test('what nobody waits for any more is cancelled, not remembered, and waited for at the end', async () => {
  let ended = false;
  const began = Promise.withResolvers<void>();
  const solver = solverOf({
    one: {
      run: async ({ call }) => {
        began.resolve();
        await new Promise<void>((resolve) => call.signal.addEventListener('abort', () => resolve()));
        await sleep(20);
        ended = true;
        throw call.signal.reason;
      },
    },
  });
  const leaving = new AbortController();
  const first = build(solver, define(two), leaving.signal);
  await began.promise;
  leaving.abort(internal('gone'));
  await expect(first).rejects.toThrow('gone');
  expect(ended).toBe(true);
  const later = solverOf();
  expect(await build(later, define(two))).toBe('two(one(base()))');
  expect(later.ran).toEqual(['one', 'two']);
});

test('a failure is told to all who wait, with the vertex, and tried again by the next build', async () => {
  let attempts = 0;
  const solver = solverOf({
    one: {
      run: () => {
        attempts++;
        return Promise.reject(internal('no'));
      },
    },
  });
  const results = await Promise.allSettled([build(solver, define(one)), build(solver, define(two))]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(attempts).toBe(1);
  await expect(build(solver, define(one))).rejects.toThrow('no');
  expect(attempts).toBe(2);
});

test('by content: the same files made in another way are the same; the step that looks at them is found without running', async () => {
  const copy = (from: FakeStep): FakeStep => ({ name: 'copy', inputs: [base, from] });
  const scripts = (content: string): Record<string, Script> => ({
    copy: { content: [1] },
    made: { run: () => Promise.resolve([refs.make(content)]) },
    'made again': { run: () => Promise.resolve([refs.make(content)]) },
  });
  const first = solverOf(scripts('files'));
  await build(first, define({ name: 'end', inputs: [copy({ name: 'made' })] }));
  expect(first.ran).toContain('copy');
  const second = solverOf(scripts('files'));
  await build(second, define({ name: 'end', inputs: [copy({ name: 'made again' })] }));
  expect(second.ran).toEqual(['made again']);
  const third = solverOf(scripts('other files'));
  await build(third, define({ name: 'end', inputs: [copy({ name: 'made', inputs: [base], ignoreCache: true })] }));
  expect(third.ran).toEqual(['made', 'copy', 'end']);
});

test('where another input differs already nothing is looked at before the inputs are all begun', async () => {
  const copy: FakeStep = { name: 'copy', inputs: [{ name: 'slow base' }, { name: 'files' }] };
  await build(solverOf({ copy: { content: [1] } }), define(copy));
  let both = 0;
  const together = Promise.withResolvers<void>();
  const meet = async (): Promise<readonly Ref[]> => {
    if (++both === 2) together.resolve();
    await together.promise;
    return [refs.make('x')];
  };
  const solver = solverOf({ copy: { content: [1] }, 'new base': { run: meet }, 'new files': { run: meet } });
  await build(solver, define({ name: 'copy', inputs: [{ name: 'new base' }, { name: 'new files' }] }));
  expect(both).toBe(2);
});

test('without cache: everything marked runs once a build; what stands on it follows; the next build takes the newest', async () => {
  await build(solverOf(), define(two));
  const anew = solverOf({ one: { run: () => Promise.resolve([refs.make('new one')]) } });
  expect(await build(anew, define({ name: 'two', inputs: [{ name: 'one', inputs: [base], ignoreCache: true }] }))).toBe('two(new one)');
  expect(anew.ran).toEqual(['one', 'two']);
  const after = solverOf();
  expect(await build(after, define(two))).toBe('two(new one)');
  expect(after.ran).toEqual([]);
});

test('several maps: a later one is looked up when the earlier ones found nothing, and all of them lead to the result', async () => {
  const maps = (...digests: string[]): Script => ({ maps: digests.map((digest) => ({ digest })) });
  await build(solverOf({ base: maps('cheap 1', 'exact') }), define(one));
  const second = solverOf({ base: maps('cheap 2', 'exact') });
  await build(second, define(one));
  expect(second.ran).toEqual([]);
  const third = solverOf({ base: maps('cheap 1', 'other') });
  await build(third, define(one));
  expect(third.ran).toEqual([]);
});

test('two steps that come to the same key at once do the work once', async () => {
  const maps = [{ digest: 'same' }];
  const scripts: Record<string, Script> = Object.fromEntries(
    ['a', 'b'].map((name) => [name, { maps, run: async () => (await sleep(20), [refs.make('same')]) }]),
  );
  const solver = solverOf(scripts);
  expect(await build(solver, define({ name: 'end', inputs: [{ name: 'a' }, { name: 'b' }] }))).toBe('end(same,same)');
  expect(solver.ran.filter((name) => name !== 'end')).toHaveLength(1);
  expect(refs.held).toBe(0);
});

test('a tag that moved is another step; a scratch result is a result', async () => {
  await build(solverOf({ base: { maps: [{ digest: 'tag 1' }], run: () => Promise.resolve([undefined]) } }), define(one));
  const same = solverOf({ base: { maps: [{ digest: 'tag 1' }] } });
  expect(await build(same, define(base))).toBeUndefined();
  expect(same.ran).toEqual([]);
  const moved = solverOf({ base: { maps: [{ digest: 'tag 2' }] } });
  await build(moved, define(one));
  expect(moved.ran).toEqual(['base', 'one']);
});

const contentsOf = (held: readonly (Ref | undefined)[] | undefined) => held?.map((ref) => ref && refs.contents.get(ref.id));

test('what a failed step left is held by every build that has the step or follows it, until that build ends', async () => {
  const run = async (_step: unknown, inputs: readonly (Ref | undefined)[]): Promise<never> => {
    await sleep(20);
    throw leaving(internal('no'), { inputs: inputs.map((ref) => ref?.clone()), mounts: [refs.make('half')] });
  };
  const maps = [{ digest: 'same' }];
  const solver = solverOf({ one: { maps, run }, other: { maps, run } });
  const definitions = [define(one), define(one), define({ name: 'other', inputs: [base] })];
  const builds = definitions.map((definition) => ({ definition, job: solver.job({ id: `job${jobs++}`, sessionIds: [] }) }));
  const failures = await Promise.all(
    builds.map(({ definition, job }) => job.solve(newContext(), definition).catch((error: unknown) => error)),
  );
  expect(failures.map((error) => [contentsOf(leftBy(error)?.inputs), contentsOf(leftBy(error)?.mounts)])).toEqual(
    Array(3).fill([['base()'], ['half']]),
  );
  expect(solver.ran).toHaveLength(2);
  const half = leftBy(failures[0])?.mounts[0]?.id ?? '';
  const holds: (number | undefined)[] = [];
  for (const { job } of builds) {
    await job.close();
    holds.push(refs.holds.get(half));
  }
  expect([holds.slice(0, 2).every((count) => (count ?? 0) > 0), holds[2], refs.held]).toEqual([true, 0, 0]);
});

test('where the files of an input cannot be looked at, that input is left', async () => {
  const contentDigest = (): Promise<never> => Promise.reject(notFound('/x: not found'));
  const solver = solverOf({ two: { maps: [{ inputs: [{}, { contentDigest }] }] } });
  const job = solver.job({ id: `job${jobs++}`, sessionIds: [] });
  const failure: unknown = await job
    .solve(newContext(), define({ name: 'two', inputs: [one, { name: 'files' }] }))
    .catch((error: unknown) => error);
  expect(String(failure)).toBe('GantryError: failed to compute cache key: /x: not found');
  const left = leftBy(failure);
  expect([contentsOf(left?.inputs), left?.mounts, left?.subject]).toEqual([['files()'], [], { cache: { index: 1n } }]);
  await job.close();
  expect([solver.ran.includes('two'), refs.held]).toEqual([false, 0]);
});

test('no more than so many steps run at once', async () => {
  let now = 0;
  let most = 0;
  const run = async (): Promise<readonly Ref[]> => {
    most = Math.max(most, ++now);
    await sleep(5);
    now--;
    return [refs.make('x')];
  };
  const names = Array.from({ length: 8 }, (_, i) => `s${i}`);
  const solver = solverOf(Object.fromEntries(names.map((name) => [name, { run }])), 3);
  await build(solver, define({ name: 'end', inputs: names.map((name) => ({ name })) }));
  expect(most).toBe(3);
});

test('a step that solves within itself shares the steps of others', async () => {
  const solver = solverOf({ one: { weight: 0 } });
  expect(await build(solver, define(two))).toBe('two(one(base()))');
});

test('ten thousand steps in a chain: no stack overflows, and the cached chain is quick', async () => {
  let step: FakeStep = base;
  for (let i = 0; i < 10_000; i++) step = { name: `s${i}`, inputs: [step] };
  const definition = define(step);
  const script: Script = { run: () => Promise.resolve([refs.make('x')]) };
  const scripts = new Proxy<Record<string, Script>>({}, { get: () => script });
  const first = solverOf(scripts);
  await build(first, definition);
  expect(first.ran).toHaveLength(10_001);
  const second = solverOf(scripts);
  const began = performance.now();
  await build(second, definition);
  expect(second.ran).toHaveLength(0);
  expect(performance.now() - began).toBeLessThan(10_000);
});
