import { appendFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LogForm, nanosOf } from './frames/form';
import { type LogPlace, markOf, placeOf } from './place';
import { type LogQuery, readBlocks, readLog } from './read';

let root: string;
let path: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'gantry-logs-'));
  path = join(root, 'x-json.log');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const line = (n: number): string =>
  `${JSON.stringify({ log: `${n}\n`, stream: n % 2 === 0 ? 'stdout' : 'stderr', time: `2024-05-01T10:00:${String(n % 60).padStart(2, '0')}.5Z` })}\n`;
const lines = (from: number, to: number): string => Array.from({ length: to - from }, (_, index) => line(from + index)).join('');
/** The lines' texts, as many at once as are sent. */
async function* texts(query: LogQuery, times: Pick<LogForm, 'since' | 'until'> = {}): AsyncGenerator<string[]> {
  const form = { stdout: true, stderr: true, tty: true, timestamps: false, details: false, ...times };
  for await (const frames of readLog(path, form, query)) yield frames.toString().trimEnd().split('\n');
}
const read = async ({ tail = -1, ...times }: { tail?: number; since?: bigint; until?: bigint } = {}): Promise<string[]> => {
  const result: string[] = [];
  for await (const found of texts({ tail, signal: new AbortController().signal }, times)) result.push(...found);
  return result;
};

it('reads rotated files in order', async () => {
  writeFileSync(`${path}.2`, lines(0, 2));
  writeFileSync(`${path}.1`, lines(2, 4));
  writeFileSync(path, lines(4, 6));
  expect(await read()).toEqual(['0', '1', '2', '3', '4', '5']);
  expect(await read({ tail: 3 })).toEqual(['3', '4', '5']);
  expect(await read({ tail: 2 })).toEqual(['4', '5']);
  expect(await read({ tail: 99 })).toHaveLength(6);
  expect(await read({ tail: 0 })).toEqual([]);
});

it('finds the last lines of a long file without reading it all', async () => {
  writeFileSync(path, lines(0, 20_000));
  expect(await read({ tail: 3 })).toEqual(['19997', '19998', '19999']);
  expect(await read({ tail: 5000 })).toHaveLength(5000);
});

it('keeps to since and until, and passes over torn lines', async () => {
  writeFileSync(path, `${lines(0, 3)}{"log":"torn\n${lines(3, 6)}{"log":"half`);
  expect(await read()).toEqual(['0', '1', '2', '3', '4', '5']);
  const at = (n: number): bigint => nanosOf(`2024-05-01T10:00:0${n}.5Z`);
  expect(await read({ since: at(2), until: at(4) })).toEqual(['2', '3', '4']);
});

it('reads nothing of a log that is not there', async () => {
  expect(await read()).toEqual([]);
});

it('follows over a rotation, to the end', async () => {
  writeFileSync(path, lines(0, 2));
  const over = Promise.withResolvers<void>();
  const seen: string[] = [];
  const reading = (async () => {
    for await (const lines of texts({ tail: 1, follow: over.promise, signal: new AbortController().signal })) seen.push(...lines);
  })();
  const until = async (count: number): Promise<void> => {
    for (let i = 0; i < 1000 && seen.length < count; i++) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  await until(1);
  appendFileSync(path, lines(2, 3));
  await until(2);
  appendFileSync(path, lines(3, 4));
  renameSync(path, `${path}.1`);
  writeFileSync(path, lines(4, 5));
  await until(4);
  appendFileSync(path, lines(5, 6));
  over.resolve();
  await reading;
  expect(seen).toEqual(['1', '2', '3', '4', '5']);
});

it('follows over several rotations between two looks, while its reader is slow, and loses nothing that is kept', async () => {
  writeFileSync(path, lines(0, 2));
  const over = Promise.withResolvers<void>();
  const seen: string[] = [];
  for await (const batch of texts({ tail: -1, follow: over.promise, signal: new AbortController().signal })) {
    seen.push(...batch);
    if (seen.length > 2) continue;
    // The reader holds the first file; what it becomes is found by what it is, not by its name.
    appendFileSync(path, lines(2, 3));
    renameSync(path, `${path}.1`);
    for (let n = 3; n < 6; n++) {
      renameSync(`${path}.1`, `${path}.2`);
      writeFileSync(path, lines(n, n + 1));
      renameSync(path, `${path}.1`);
    }
    writeFileSync(path, lines(6, 7));
    over.resolve();
  }
  expect(seen).toEqual(['0', '1', '2', '4', '5', '6']); // 3 was taken away before anybody could look
});

it('goes on with the new file when the one that it reads is taken away', async () => {
  writeFileSync(path, lines(0, 1));
  const over = Promise.withResolvers<void>();
  const seen: string[] = [];
  for await (const batch of texts({ tail: 1, follow: over.promise, signal: new AbortController().signal })) {
    seen.push(...batch);
    if (seen.length > 1) continue;
    appendFileSync(path, lines(1, 2));
    rmSync(path);
    writeFileSync(path, lines(2, 3));
    over.resolve();
  }
  expect(seen).toEqual(['0', '1', '2']);
});

it('waits for a log that is not there yet', async () => {
  const over = Promise.withResolvers<void>();
  const seen: string[] = [];
  const reading = (async () => {
    for await (const batch of texts({ tail: 0, follow: over.promise, signal: new AbortController().signal })) seen.push(...batch);
  })();
  await new Promise((resolve) => setTimeout(resolve, 50));
  writeFileSync(`${path}.1`, lines(0, 1));
  writeFileSync(path, lines(1, 2));
  over.resolve();
  await reading;
  expect(seen).toEqual(['0', '1']);
});

it('stops following when the reader goes', async () => {
  writeFileSync(path, lines(0, 1));
  const gone = new AbortController();
  const reading = (async () => {
    for await (const _lines of texts({ tail: -1, follow: new Promise(() => undefined), signal: gone.signal })) gone.abort();
  })();
  await reading;
});

it('follows a file that was compressed before its rotation was seen, and reads each line once', async () => {
  writeFileSync(path, lines(0, 3));
  const over = Promise.withResolvers<void>();
  const seen: string[] = [];
  const reading = (async () => {
    const query = { tail: -1, follow: over.promise, signal: new AbortController().signal };
    for await (const found of texts(query)) {
      seen.push(...found);
      if (seen.length > 3) continue;
      writeFileSync(`${path}.1.gz`, gzipSync(readFileSync(path)));
      rmSync(path);
      writeFileSync(path, lines(3, 5));
    }
  })();
  while (seen.length < 5) await new Promise((resolve) => setTimeout(resolve, 10));
  over.resolve();
  await reading;
  expect(seen).toEqual(['0', '1', '2', '3', '4']);
  expect(await read({ tail: 4 })).toEqual(['1', '2', '3', '4']);
});

describe('a reader that was cut off', () => {
  const form = { stdout: true, stderr: true, tty: true, timestamps: false, details: false };
  const signal = new AbortController().signal;
  /** Reads from a place on; answers the lines, and the place at the beginning and behind them. */
  async function readFrom(query: Partial<LogQuery>): Promise<{ lines: string[]; begin: LogPlace | undefined; end: LogPlace | undefined }> {
    const lines: string[] = [];
    let begin: LogPlace | undefined;
    let end: LogPlace | undefined;
    const begins = (place: LogPlace | undefined): void => void (begin = end = place);
    for await (const { frames, place } of readBlocks(path, form, { tail: -1, signal, begins, ...query })) {
      lines.push(...Buffer.concat(frames).toString().split('\n').slice(0, -1));
      end = place;
    }
    return { lines, begin, end };
  }
  const again = (place: LogPlace | undefined): LogPlace | undefined => placeOf(markOf(place));

  it('goes on behind its last line, wherever that is meanwhile', async () => {
    writeFileSync(path, lines(0, 3));
    const first = await readFrom({});
    expect(first.lines).toEqual(['0', '1', '2']);
    appendFileSync(path, lines(3, 4));
    expect((await readFrom({ behind: again(first.end) })).lines).toEqual(['3']);
    writeFileSync(`${path}.1.gz`, gzipSync(readFileSync(path)));
    writeFileSync(path, lines(4, 6));
    const third = await readFrom({ behind: again(first.end), tail: 1 });
    expect(third.lines).toEqual(['3', '4', '5']);
    expect((await readFrom({ behind: again(third.end) })).lines).toEqual([]);
    rmSync(`${path}.1.gz`);
    expect((await readFrom({ behind: again(first.end) })).lines).toEqual(['4', '5']); // 3 was taken away
  });

  it('knows where it began before a line came', async () => {
    const none = await readFrom({ tail: 0 });
    writeFileSync(path, lines(0, 2));
    expect((await readFrom({ behind: again(none.begin) })).lines).toEqual(['0', '1']);
    const last = await readFrom({ tail: 1 });
    const end = await readFrom({ tail: 0 });
    renameSync(path, `${path}.1`);
    writeFileSync(path, ''); // a file that has no line yet
    const empty = await readFrom({ tail: 0 });
    appendFileSync(path, lines(2, 3));
    expect((await readFrom({ behind: again(last.begin) })).lines).toEqual(['1', '2']);
    for (const { begin } of [end, empty]) expect((await readFrom({ behind: again(begin) })).lines).toEqual(['2']);
  });

  it('is told of a mark that is none', () => {
    for (const text of ['x', '[]', '["a",-1]', '[1,2]']) expect(() => placeOf(Buffer.from(text))).toThrow('is no mark of a log');
  });
});
