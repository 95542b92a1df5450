import { StatusResponse } from '@gantry/api/moby/buildkit/v1/control';
import { timestampNow } from '@gantry/api';
import { couldNotRun, execError } from '../ops/exec/failure';
import { ClassicOutput, type Removes } from './classic-output';

const vertex = (more: object) => StatusResponse.fromPartial({ vertexes: [{ digest: 'v', started: timestampNow(), ...more }] });
const log = (stream: bigint, text: string) => StatusResponse.fromPartial({ logs: [{ vertex: 'v', stream, msg: Buffer.from(text) }] });

async function told(remove: boolean, use: (output: ClassicOutput) => Promise<unknown>): Promise<string> {
  let all = '';
  await use(
    new ClassicOutput(
      (text) => ((all += text), Promise.resolve()),
      { remove, forceRemove: false },
      () => Promise.reject(new Error('not here')),
    ),
  ).catch((error: unknown) => (all += String(error)));
  return all.replace(/[0-9a-f]{12}/g, 'ID');
}

const known = () => Promise.resolve(true);
const container = () => ({ image: Promise.resolve('sha256:1'), config: Buffer.from('{}'), command: ['x'], env: [], outcome: undefined });
const wish = { vertex: 'v', shown: true, expected: false, warnings: [], container, known: () => Promise.resolve(false) };

test('output of a command stands between its first and its last line, errors in red', async () => {
  const run = (remove: boolean) =>
    told(remove, (output) =>
      output.step({
        ...wish,
        run: async () => {
          await output.take(vertex({}));
          await output.take(log(1n, 'out\n'));
          await output.take(log(2n, 'err\n'));
          await output.take(vertex({ completed: timestampNow() }));
        },
      }),
    );
  expect(await run(true)).toBe(' ---> Running in ID\nout\n\u001b[91merr\n\u001b[0m ---> Removed intermediate container ID\n');
  expect(await run(false)).toBe(' ---> Running in ID\nout\n\u001b[91merr\n\u001b[0m');
});

test('what is said of its container stands before it', async () => {
  const run = (): Promise<void> => Promise.resolve();
  const text = await told(true, (output) => output.step({ ...wish, vertex: undefined, warnings: ['Look!'], run }));
  expect(text).toBe(' ---> [Warning] Look!\n ---> Running in ID\n ---> Removed intermediate container ID\n');
  expect(await told(true, (output) => output.step({ ...wish, vertex: undefined, warnings: ['Look!'], known, run }))).toBe(
    ' ---> Using cache\n',
  );
});

test('a step from the cache has no container, and neither has one that copies', async () => {
  const step = (more: object, shown: boolean) =>
    told(true, (output) =>
      output.step({ ...wish, shown, ...(shown ? { known } : {}), run: () => output.take(vertex({ completed: timestampNow(), ...more })) }),
    );
  expect(await step({ cached: true }, true)).toBe(' ---> Using cache\n');
  expect(await step({}, false)).toBe('');
});

test('what is in the cache does not count where nothing is left of it', async () => {
  const cached = vertex({ completed: timestampNow(), cached: true });
  expect(await told(true, (output) => output.step({ ...wish, shown: false, run: () => output.take(cached) }))).toBe('');
});

test('work that was begun for another build is not told again; work that has to be done again is', async () => {
  const old = timestampNow();
  const run = (started: () => object, made: boolean) =>
    told(true, async (output) => {
      await new Promise((resolve) => setTimeout(resolve, 5)); // what is old is older than the step
      return output.step({
        ...wish,
        expected: true,
        known: () => Promise.resolve(made),
        run: async () => {
          await output.take(vertex({ started: started() }));
          await output.take(
            StatusResponse.fromPartial({ logs: [{ vertex: 'v', stream: 1n, msg: Buffer.from('out\n'), timestamp: started() }] }),
          );
          await output.take(vertex({ started: started(), completed: timestampNow() }));
        },
      });
    });
  expect(await run(() => old, true)).toBe(' ---> Using cache\n');
  expect(await run(timestampNow, false)).toBe(' ---> Running in ID\nout\n ---> Removed intermediate container ID\n');
});

test('a step that only changes the configuration runs unless that was made before', async () => {
  const step = (known: boolean) =>
    told(true, (output) => output.step({ ...wish, vertex: undefined, known: () => Promise.resolve(known), run: () => Promise.resolve() }));
  expect(await step(true)).toBe(' ---> Using cache\n');
  expect(await step(false)).toBe(' ---> Running in ID\n ---> Removed intermediate container ID\n');
});

test('what a step does that another stage has done is from the cache', async () => {
  const all = await told(true, async (output) => {
    await output.take(vertex({ completed: timestampNow() }));
    await output.step({ ...wish, known, run: () => Promise.resolve() });
  });
  expect(all).toBe(' ---> Using cache\n');
});

test('what fails is told behind the output, also where it is something that the step stands on', async () => {
  const failing = (status: StatusResponse) =>
    told(true, (output) =>
      output.step({
        ...wish,
        run: async () => {
          void Promise.resolve().then(() => output.take(status));
          throw new Error('it failed');
        },
      }),
    );
  expect(await failing(vertex({ completed: timestampNow(), error: 'x' }))).toBe(' ---> Running in ID\nError: it failed');
  expect(await failing(vertex({ digest: 'w', completed: timestampNow(), error: 'x' }))).toBe('Error: it failed');
}, 2000);

test('a text that is still to come holds up what is told after it, and nothing that is done', async () => {
  const image = Promise.withResolvers<string>();
  let ran = false;
  const all = told(true, async (output) => {
    void output.text(image.promise);
    void output.text('Step 2\n');
    await output.step({
      ...wish,
      run: () => {
        ran = true;
        void output.take(vertex({ completed: timestampNow() }));
        setTimeout(() => image.resolve(' ---> 1\n'), 10);
        return Promise.resolve();
      },
    });
  });
  await Promise.resolve();
  expect(ran).toBe(true);
  expect(await all).toBe(' ---> 1\nStep 2\n ---> Running in ID\n ---> Removed intermediate container ID\n');
});

test('a text that never comes is left out', async () => {
  const all = await told(true, async (output) => {
    await expect(output.text(Promise.reject(new Error('no image')))).rejects.toThrow('no image');
    await output.text('Step 2\n');
  });
  expect(all).toBe('Step 2\n');
});

describe('containers of steps', () => {
  async function changes(
    removes: Removes,
    run: (output: ClassicOutput) => Promise<void>,
    known = wish.known,
  ): Promise<{ readonly events: readonly unknown[]; readonly kept: readonly unknown[]; readonly text: string }> {
    const events: unknown[] = [];
    const kept: unknown[] = [];
    const ids = new Set<string>();
    let text = '';
    const output = new ClassicOutput(
      (said) => ((text += said), Promise.resolve()),
      removes,
      () => Promise.resolve(),
      (id, action, exitCode) => {
        ids.add(id);
        events.push([id.length === 64, action, exitCode]);
        return Promise.reject(new Error('nobody there'));
      },
      () => undefined,
      (step) => {
        ids.add(step.id);
        kept.push([step.ran !== undefined, step.exitCode, step.container.command]);
        return Promise.reject(new Error('nobody there'));
      },
    );
    await output.step({ ...wish, known, run: () => run(output) }).catch(() => undefined);
    await output.settled();
    await new Promise((resolve) => setImmediate(resolve));
    for (const id of ids) expect(text).toContain(`in ${id.slice(0, 12)}\n`);
    expect(ids.size).toBe(Math.min(events.length, 1));
    return { events, kept, text: text.replace(/[0-9a-f]{12}/g, 'ID') };
  }
  const [kept, removed, always] = [
    { remove: false, forceRemove: false },
    { remove: true, forceRemove: false },
    { remove: true, forceRemove: true },
  ];
  const done = (output: ClassicOutput) => output.take(vertex({ completed: timestampNow() }));
  const failed = async (output: ClassicOutput, error: Error) => {
    await output.take(vertex({})); // it began
    await output.take(vertex({ completed: timestampNow(), error: 'x' }));
    throw error;
  };
  const code = (exitCode: number) => execError(['false'], exitCode);
  const begun = ['create', 'start', 'die'].map((action) => [true, action, 0]);
  const gone = ' ---> Removed intermediate container ID\n';

  test('begin and end, and are gone where they are removed', async () => {
    expect(await changes(kept, done)).toEqual({ events: begun, kept: [[true, 0, ['x']]], text: ' ---> Running in ID\n' });
    for (const removes of [removed, { ...always, remove: false }])
      expect(await changes(removes, done)).toEqual({
        events: [...begun, [true, 'destroy', 0]],
        kept: [],
        text: ` ---> Running in ID\n${gone}`,
      });
    const cached = (output: ClassicOutput) => output.take(vertex({ completed: timestampNow(), cached: true }));
    expect(await changes(kept, cached, known)).toEqual({ events: [], kept: [], text: ' ---> Using cache\n' });
  });

  test('die with the code of the command, and stay unless they are removed by force', async () => {
    for (const removes of [kept, removed]) {
      const { events, kept: left, text } = await changes(removes, (output) => failed(output, code(3)));
      expect([events.at(-1), left, text]).toEqual([[true, 'die', 3], [[true, 3, ['x']]], ' ---> Running in ID\n']);
    }
    const { events, kept: left, text } = await changes(always, (output) => failed(output, code(3)));
    expect([events.at(-1), left, text]).toEqual([[true, 'destroy', 3], [], ` ---> Running in ID\n${gone}`]);
  });

  test('stay also where their command could not be run, and go where the build was cut off', async () => {
    const unrun = couldNotRun(['x'], new Error('no such file'));
    expect((await changes(removed, (output) => failed(output, unrun))).kept).toEqual([[false, 127, ['x']]]);
    const cut = await changes(kept, (output) => failed(output, new Error('cut off')));
    expect([cut.events.at(-1), cut.kept]).toEqual([[true, 'destroy', 137], []]);
  });
});
