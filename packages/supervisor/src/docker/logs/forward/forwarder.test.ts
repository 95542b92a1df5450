import { appendFileSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { silentLogger, unavailable } from '@gantry/rpc';
import type { Forwarding, LogMessage } from '../drivers/driver';
import { until } from '../testing/peers';
import { target } from '../testing/targets';
import { Forwarder } from './forwarder';
import { numbersPath } from './line-numbers';
import { positionPath, readPosition } from './position';

let folder: string;
let log: string;
const running = new Set<Forwarder>();
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gantry-forward-'));
  log = join(folder, 'x-json.log');
});
afterEach(async () => {
  jest.restoreAllMocks();
  for (const forwarder of running) await forwarder.stop();
  running.clear();
  rmSync(folder, { recursive: true, force: true });
});

/** A remote whose every connection may fail. */
class Remote {
  readonly heard: LogMessage[] = [];
  dropped = 0;
  /** Sends that are not through. */
  sending = 0;
  /** Sends that are taken before a connection breaks. */
  breaksAfter = Infinity;
  dead = false;
  /** Holds what is sent until it settles. */
  gate: Promise<void> = Promise.resolve();

  lines = (): string[] => this.heard.map(({ line }) => line);

  forwarding(doubtMs = 0, tries = Infinity): Forwarding {
    return {
      doubtMs: () => doubtMs,
      dialsAtStart: () => true,
      patience: () => ({ waitMs: 10, longestMs: 20, tries }),
      connect: () => {
        if (this.dead) return Promise.reject(unavailable('nobody there'));
        let sends = 0;
        return Promise.resolve({
          lost: new Promise<never>(() => undefined),
          close: () => Promise.resolve(),
          send: async (messages, signal) => {
            if (++sends > this.breaksAfter) throw unavailable('broken');
            this.sending++;
            await Promise.race([
              this.gate,
              new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
            ]).finally(() => this.sending--);
            this.heard.push(...messages);
            return 0;
          },
        });
      },
    };
  }

  forward(options: Record<string, string> = {}, doubtMs = 0, tries = Infinity): Forwarder {
    const needs = { log, target: target('fake', options), forwarding: this.forwarding(doubtMs, tries), logger: silentLogger };
    const forwarder = new Forwarder({ ...needs, dropped: (count) => (this.dropped += count) });
    running.add(forwarder);
    return forwarder;
  }
}

const line = (text: string, time = new Date().toISOString(), stream = 'stdout'): string =>
  `${JSON.stringify({ log: text, stream, time })}\n`;
const numbered = (from: number, to: number): string => Array.from({ length: to - from }, (_, index) => line(`${from + index}\n`)).join('');
const offset = (): number =>
  existsSync(positionPath(log)) ? Number(/"offset":(\d+)/.exec(readFileSync(positionPath(log), 'utf8'))?.[1]) : 0;
const numbers = (to: number): string[] => Array.from({ length: to }, (_, index) => String(index));

/** A remote that takes lines in its own time: its sends settle before it has anything. */
class Slow {
  readonly heard: string[] = [];
  /** Sends that are through, of the connection that lives. */
  through = 0;
  closes: 'takes all' | 'fails' = 'takes all';
  waiting: LogMessage[] = [];

  readonly forwarding: Forwarding = {
    doubtMs: () => 0,
    dialsAtStart: () => false,
    patience: () => ({ waitMs: 10, longestMs: 20, tries: Infinity }),
    connect: () => {
      let sends = 0;
      [this.waiting, this.through] = [[], 0];
      return Promise.resolve({
        lost: new Promise<never>(() => undefined),
        progress: () => ({ sends: this.through, refused: this.through === 0 ? 0 : 1 }),
        send: (messages) => {
          sends++;
          this.waiting.push(...messages);
          return Promise.resolve(0);
        },
        close: () => {
          if (this.closes === 'takes all') {
            this.heard.push(...this.waiting.map(({ line: text }) => text));
            this.through = sends;
          }
          this.closes = 'takes all';
          return Promise.resolve();
        },
      });
    },
  };

  forward(dropped: (count: number) => void = () => undefined): Forwarder {
    const forwarder = new Forwarder({ log, target: target('slow'), forwarding: this.forwarding, logger: silentLogger, dropped });
    running.add(forwarder);
    return forwarder;
  }
}

test('the position waits for what the remote tells to have', async () => {
  const slow = new Slow();
  writeFileSync(log, numbered(0, 3));
  const forwarder = slow.forward();
  await new Promise((resolve) => setTimeout(resolve, 400));
  expect(offset()).toBe(0);
  slow.through = 1;
  await until('the position', () => offset() > 0);
  slow.closes = 'fails';
  appendFileSync(log, numbered(3, 5));
  forwarder.end();
  await forwarder.done;
  expect(slow.heard).toEqual(['3', '4']); // once more, as the first close did not bring them through
});

test('lines that wait in a batch are not taken: a removal does not wait for them for ever', async () => {
  const slow = new Slow();
  const forwarder = slow.forward();
  const { lastTaken } = forwarder;
  writeFileSync(log, numbered(0, 3));
  await until('the lines in the batch', () => slow.waiting.length === 3);
  expect(forwarder.lastTaken).toBe(lastTaken);
  slow.through = 1;
  await until('the position', () => offset() > 0);
  expect(forwarder.lastTaken).toBeGreaterThan(lastTaken);
});

test('what the remote refuses for good is counted', async () => {
  const slow = new Slow();
  let count = 0;
  writeFileSync(log, numbered(0, 3));
  const forwarder = slow.forward((dropped) => (count += dropped));
  forwarder.end();
  await forwarder.done;
  expect([count, (await readPosition(log)).dropped]).toEqual([1, 1]);
});

test('goes over rotations to the end of the output, and then is done', async () => {
  const remote = new Remote();
  writeFileSync(`${log}.2.gz`, gzipSync(numbered(0, 3)));
  writeFileSync(`${log}.1`, numbered(3, 6));
  writeFileSync(log, numbered(6, 8));
  const forwarder = remote.forward();
  await until('what is there', () => remote.heard.length === 8);
  appendFileSync(log, numbered(8, 10));
  renameSync(log, `${log}.1`);
  writeFileSync(log, numbered(10, 12));
  forwarder.end();
  await forwarder.done;
  expect(remote.lines()).toEqual(numbers(12));
});

test('a forwarder that was killed loses no line, and one that was stopped repeats none', async () => {
  const remote = new Remote();
  writeFileSync(log, numbered(0, 3));
  const first = remote.forward();
  await until('the first lines', () => offset() > 0);
  await first.stop();
  appendFileSync(log, numbered(3, 6));
  const killed = remote.forward({}, 60_000);
  await until('the next lines', () => remote.heard.length === 6);
  expect(remote.lines()).toEqual(numbers(6));
  const position = readFileSync(positionPath(log));
  await killed.stop();
  writeFileSync(positionPath(log), position); // what a killed process leaves: what it sent last is in doubt
  appendFileSync(log, numbered(6, 7));
  const last = remote.forward();
  last.end();
  await last.done;
  expect(remote.lines().slice(6)).toEqual(['3', '4', '5', '6']);
});

test('is found again though its file was compressed or taken away', async () => {
  const remote = new Remote();
  writeFileSync(log, numbered(0, 3));
  const first = remote.forward();
  first.end();
  await first.done;
  writeFileSync(`${log}.1.gz`, gzipSync(readFileSync(log)));
  writeFileSync(log, numbered(3, 5));
  const second = remote.forward();
  second.end();
  await second.done;
  rmSync(`${log}.1.gz`);
  writeFileSync(log, numbered(5, 6));
  const third = remote.forward();
  third.end();
  await third.done;
  expect(remote.lines()).toEqual(numbers(6));
});

test('connections that break again and again repeat lines and lose none', async () => {
  const remote = new Remote();
  remote.breaksAfter = 1;
  const forwarder = remote.forward({}, 30);
  for (let count = 0; count < 20; count++) {
    appendFileSync(log, numbered(count, count + 1));
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
  forwarder.end();
  remote.breaksAfter = Infinity;
  await forwarder.done;
  expect([...new Set(remote.lines())]).toEqual(numbers(20));
});

test('parts of a line are one line to the remote, before and after a restart', async () => {
  const remote = new Remote();
  const [long, time] = ['x'.repeat(16_384), '2026-01-02T03:04:05Z'];
  writeFileSync(log, line(long, time) + line('other\n', time, 'stderr'));
  const first = remote.forward();
  first.end();
  await first.done;
  appendFileSync(log, line(long, '2026-01-02T03:04:06Z') + line('end\n') + line('cut off') + line('new\n'));
  const second = remote.forward();
  second.end();
  await second.done;
  const [a, other, b, c, cut, next] = remote.heard;
  expect(a).toMatchObject({ time, partial: { ordinal: 1, last: false } });
  expect([other?.partial, next?.partial]).toEqual([undefined, undefined]);
  expect(b).toMatchObject({ time, partial: { id: a?.partial?.id, ordinal: 2, last: false } });
  expect(c).toMatchObject({ line: 'end', time, partial: { id: a?.partial?.id, ordinal: 3, last: true } });
  expect(cut).toMatchObject({ line: 'cut off', partial: { ordinal: 1, last: false } });
});

test('non-blocking drops what waited behind its buffer, counts it, and goes on', async () => {
  const remote = new Remote();
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const late = new Date(Date.now() - 5000).toISOString();
  writeFileSync(log, line('before\n', late));
  const forwarder = remote.forward({ mode: 'non-blocking', 'max-buffer-size': '20' });
  await until('the line of an earlier life', () => remote.heard.length === 1);
  remote.gate = gate;
  appendFileSync(log, line('held\n'));
  await until('the held line to be on its way', () => remote.sending === 1);
  const behind = new Date(Date.now() + 50).toISOString(); // another millisecond than that in which the held line was looked at
  for (let count = 0; count < 10; count++) appendFileSync(log, line(`0123456789\n`, behind));
  const now = Date.now();
  const clock = jest.spyOn(Date, 'now').mockReturnValue(now + 1200);
  open();
  await until('what the buffer holds', () => remote.heard.length === 4);
  clock.mockRestore();
  appendFileSync(log, line('fresh\n'));
  await until('the fresh line', () => remote.lines().at(-1) === 'fresh');
  await forwarder.stop();
  expect(remote.lines()).toEqual(['before', 'held', '0123456789', '0123456789', 'fresh']);
  expect([remote.dropped, (await readPosition(log)).dropped]).toEqual([8, 8]);
});

test('gives up after as many tries as it is told, and counts', async () => {
  const remote = new Remote();
  remote.dead = true;
  writeFileSync(log, numbered(0, 4));
  const forwarder = remote.forward({}, 0, 2);
  await until('the lines to be given up', () => remote.dropped === 4);
  remote.dead = false;
  appendFileSync(log, numbered(4, 5));
  forwarder.end();
  await forwarder.done;
  expect(remote.lines()).toEqual(['4']);
});

test('the end of the output is tried at once, however long the next try was to wait', async () => {
  const remote = new Remote();
  remote.dead = true;
  writeFileSync(log, numbered(0, 1));
  const patience = () => ({ waitMs: 60_000, longestMs: 60_000, tries: Infinity });
  const needs = {
    log,
    target: target('fake'),
    forwarding: { ...remote.forwarding(), patience },
    logger: silentLogger,
    dropped: () => undefined,
  };
  const forwarder = new Forwarder(needs);
  running.add(forwarder);
  await new Promise((resolve) => setTimeout(resolve, 50));
  remote.dead = false;
  forwarder.end();
  await forwarder.done;
  expect(remote.lines()).toEqual(['0']);
});

test('lines that were taken away before anybody read them are counted, once, whoever comes to see it', async () => {
  const remote = new Remote();
  const of = (minute: number, from: number, to: number): string =>
    Array.from({ length: to - from }, (_, index) =>
      line(`${from + index}\n`, `2026-01-02T03:0${minute}:${String(index).padStart(2, '0')}Z`),
    ).join('');
  writeFileSync(log, of(0, 0, 4));
  const first = remote.forward();
  await until('the first lines', () => offset() > 0);
  await first.stop();
  // The rest of the first file, and the second whole, are gone.
  writeFileSync(`${log}.1`, of(2, 9, 11));
  writeFileSync(log, of(3, 11, 12));
  writeFileSync(numbersPath(log), '2026-01-02T03:01:00Z 6\n2026-01-02T03:02:00Z 9\n2026-01-02T03:03:00Z 11\n');
  remote.dead = true;
  const second = remote.forward();
  await new Promise((resolve) => setTimeout(resolve, 50));
  await second.stop();
  expect(remote.dropped).toBe(0);
  remote.dead = false;
  for (let rounds = 0; rounds < 2; rounds++) {
    const next = remote.forward();
    next.end();
    await next.done;
    expect([remote.dropped, (await readPosition(log)).dropped]).toEqual([5, 5]);
  }
  expect(remote.lines()).toEqual(['0', '1', '2', '3', '9', '10', '11']);
  expect((await readPosition(log)).lines).toBe(12);
});

test('what a container takes with it is counted', async () => {
  const remote = new Remote();
  remote.dead = true;
  writeFileSync(log, numbered(0, 4));
  const forwarder = remote.forward();
  await forwarder.stop();
  expect(await forwarder.giveUp()).toBe(4);
  expect(remote.dropped).toBe(4);
});
