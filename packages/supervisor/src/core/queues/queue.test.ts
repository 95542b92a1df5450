import { ContainerQueues } from './queue';

/** Work that begins and ends as told: what has begun and ended is written down. */
function work(queues: ContainerQueues, told: string[]) {
  const gates = new Map<string, PromiseWithResolvers<void>>();
  return {
    ask(how: 'run' | 'behind' | 'past', name: string): Promise<void> {
      const gate = Promise.withResolvers<void>();
      gates.set(name, gate);
      return queues[how]('c', async () => {
        told.push(name);
        await gate.promise;
      });
    },
    async end(name: string, error?: Error): Promise<void> {
      if (error === undefined) gates.get(name)?.resolve();
      else gates.get(name)?.reject(error);
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

let told: string[];
let queues: ContainerQueues;
beforeEach(() => {
  told = [];
  queues = new ContainerQueues();
});
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('does one thing after the other, whatever fails', async () => {
  const { ask, end } = work(queues, told);
  const first = ask('run', 'first');
  const all = Promise.allSettled([first, ask('behind', 'second'), ask('run', 'third')]);
  await turn();
  expect(told).toEqual(['first']);
  await end('first', new Error('broken'));
  expect(told).toEqual(['first', 'second']);
  await end('second');
  expect(told).toEqual(['first', 'second', 'third']);
  await end('third');
  expect((await all).map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
});

it('lets a removal past what only tidies up, and nothing past either of them', async () => {
  const { ask, end } = work(queues, told);
  const all = [ask('run', 'end'), ask('behind', 'tidy'), ask('past', 'removal'), ask('run', 'rest')];
  await turn();
  expect(told).toEqual(['end']);
  await end('end');
  const beside = told.splice(1);
  expect(beside.toSorted()).toEqual(['removal', 'tidy']);
  await end('removal');
  expect(told).toEqual(['end']);
  await end('tidy');
  expect(told).toEqual(['end', 'rest']);
  await end('rest');
  await Promise.all(all);
});

it('lets nothing past what came behind the tidying', async () => {
  const { ask, end } = work(queues, told);
  const all = [ask('behind', 'tidy'), ask('run', 'start'), ask('past', 'removal')];
  await turn();
  expect(told).toEqual(['tidy']);
  await end('tidy');
  expect(told).toEqual(['tidy', 'start']);
  await end('start');
  expect(told).toEqual(['tidy', 'start', 'removal']);
  await end('removal');
  await Promise.all(all);
  await queues.drain();
});
