import { blockHead, internal, notFound, outOfRange, type StreamBroker, unavailable } from '@gantry/rpc';
import type { FakeAnswers } from '../testing/fake-engine';
import { type GatewayFixture, startGateway } from '../testing/gateway';

let gateway: GatewayFixture;
afterEach(() => gateway.close());

const start = async (answers: FakeAnswers | ((broker: StreamBroker) => FakeAnswers)): Promise<void> => {
  gateway = await startGateway(answers);
};
const never = (): Promise<never> => new Promise(() => undefined);
const begin = (position: bigint) => ({ event: undefined, subscribed: true, position });
const told = (position: bigint, Action: string) => ({
  subscribed: false,
  position,
  event: { Type: 'container', Action, Actor: undefined, scope: 'local', time: 1n, timeNano: 1n },
});

test('events go on behind the last one that was told when the engine comes back', async () => {
  const asked: unknown[] = [];
  const broken = Promise.withResolvers<void>();
  const filters = { type: { values: ['container'] } };
  await start({
    system: {
      async *events(_ctx, request) {
        asked.push(request);
        yield begin(6n);
        yield told(7n, 'create');
        yield told(0n, 'unwritten');
        broken.resolve();
        await never();
      },
    },
  });
  const answer = gateway.ask('GET', `/events?since=1.5&filters=${encodeURIComponent(JSON.stringify({ type: ['container'] }))}`);
  await broken.promise;
  await gateway.restartEngine({
    system: {
      async *events(_ctx, request) {
        asked.push(request);
        yield begin(7n);
        yield told(9n, 'start');
      },
    },
  });
  const lines = (await answer).text.trim().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as { Action: string }).Action)).toEqual(['create', 'unwritten', 'start']);
  expect(asked).toEqual([
    { since: '1.5', until: '', after: undefined, filters },
    { since: '', until: '', after: 7n, filters },
  ]);
});

test('events that are no longer in the journal cut the stream: it must not look whole', async () => {
  const broken = Promise.withResolvers<void>();
  await start({
    system: {
      async *events() {
        yield begin(6n);
        broken.resolve();
        await never();
      },
    },
  });
  const cut = expect(gateway.ask('GET', '/events')).rejects.toThrow('aborted');
  await broken.promise;
  await gateway.restartEngine({
    system: {
      events: () => {
        throw outOfRange('events behind position 6 are not in the journal');
      },
    },
  });
  await cut;
});

test('stats go on from the last sample, and end with the container', async () => {
  const previous: string[] = [];
  const broken = Promise.withResolvers<void>();
  const sampled = (sample: string, then: () => Promise<void>): FakeAnswers => ({
    containers: {
      async *stats(_ctx, request) {
        previous.push(Buffer.from(request.previous).toString());
        if (sample === '') throw notFound('No such container: box');
        yield { statsJson: Buffer.from(sample) };
        await then();
      },
    },
  });
  const breaks = (): Promise<never> => {
    broken.resolve();
    return never();
  };
  await start(sampled('{"read":"1"}', breaks));
  const answer = gateway.ask('GET', '/containers/box/stats');
  await broken.promise;
  await gateway.restartEngine(sampled('', never));
  expect((await answer).text).toBe('{"os_type":"linux","read":"1"}\n');
  expect(previous).toEqual(['', '{"read":"1"}']);
});

describe('logs', () => {
  const block = (mark: string, text: string): Buffer => Buffer.concat([blockHead(Buffer.from(mark), text.length), Buffer.from(text)]);
  /** Each answer is the bytes of one supervisor, and how it ends. */
  const told =
    (asked: string[], answers: readonly { readonly bytes: readonly Buffer[]; readonly fails?: Error }[]) => (broker: StreamBroker) => ({
      containers: {
        logs: async (_ctx: unknown, { behind, tail }: { readonly behind: Uint8Array; readonly tail: bigint }) => {
          asked.push(`${tail} ${Buffer.from(behind)}`);
          const answer = answers[asked.length - 1];
          if (answer === undefined) throw notFound('No such container: box');
          const ticket = broker.offer(async (socket) => {
            for (const bytes of answer.bytes) socket.write(bytes);
            await new Promise((resolve) => setTimeout(resolve, 20)); // what was written is on its way
            if (answer.fails !== undefined) throw answer.fails;
          });
          return { ticket, tty: true, marked: true };
        },
      },
    });
  const gone = unavailable('the process is gone');
  const follow = () => gateway.ask('GET', '/containers/box/logs?stdout=1&follow=1&tail=0');

  test('go on behind the last whole block when the engine comes back, and end with their container', async () => {
    const asked: string[] = [];
    await start(
      told(asked, [
        { bytes: [block('m0', ''), block('m1', 'one\n'), block('m2', 'two\n').subarray(0, -1)], fails: gone },
        { bytes: [block('m1', '')], fails: gone },
        { bytes: [block('m1', ''), block('m2', 'two\n')], fails: gone },
      ]),
    );
    const { status, text } = await follow();
    expect([status, text]).toEqual([200, 'one\ntwo\n']);
    expect(asked).toEqual(['0 ', '0 m1', '0 m1', '0 m2']);
  });

  test.each([
    ['their reader fails', 'm1', internal('the disk broke')],
    ['nobody can say where they are', '', gone],
  ])('are cut when %s: they must not look whole', async (_why, mark, fails) => {
    const asked: string[] = [];
    await start(told(asked, [{ bytes: [block('m0', ''), block(mark, 'one\n')], fails }]));
    await expect(follow()).rejects.toThrow('aborted');
    expect(asked).toEqual(['0 ']);
  });
});
