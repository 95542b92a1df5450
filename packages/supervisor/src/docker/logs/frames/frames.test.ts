import { parseLine } from '../json-file';
import { encodeLine, type LogForm, nanosOf, verdictOn } from './form';
import { LogFrames } from './frames';

/** What is sent of these lines, one after the other, each parsed. */
function slowly(data: Buffer, form: LogForm): Buffer {
  const sent: Buffer[] = [];
  for (let from = 0, to = data.indexOf('\n'); to >= 0; from = to + 1, to = data.indexOf('\n', from)) {
    const line = parseLine(data.subarray(from, to));
    if (line === undefined) continue;
    const verdict = verdictOn(line.time, form);
    if (verdict === 'late') break;
    if (verdict === 'wanted' && form[line.stream]) sent.push(encodeLine(line, form));
  }
  return Buffer.concat(sent);
}

/** The same lines in chunks, as a file is read. */
function quickly(lines: readonly Buffer[], form: LogForm, atOnce: number): Buffer {
  const frames = new LogFrames(form);
  const sent: Buffer[] = [];
  for (let at = 0; at < lines.length && !frames.over; at += atOnce) sent.push(...frames.of(Buffer.concat(lines.slice(at, at + atOnce))));
  return Buffer.concat(sent);
}

const forms = (since: bigint, until: bigint): LogForm[] =>
  [true, false].flatMap((tty) =>
    [true, false].flatMap((timestamps) =>
      [true, false].flatMap((details) =>
        [{}, { since }, { until }, { since, until }].flatMap((times) =>
          (
            [
              { stdout: true, stderr: true },
              { stdout: true, stderr: false },
              { stdout: false, stderr: true },
            ] as const
          ).map((streams) => ({
            tty,
            timestamps,
            details,
            ...times,
            ...streams,
          })),
        ),
      ),
    ),
  );

/** Park and Miller's generator: the same lines in every run with one seed. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => (state = (state * 48271) % 2147483647) % below;
}

const TEXTS = [
  '',
  'plain',
  'a longer line of words that goes on and on',
  '"quoted" \\ <b>&</b>',
  'tab\tand\rreturn',
  'bell\u0007 and \u001b[1mbold\u001b[0m',
  'žluťoučký kůň',
  '日本語 😀 \u2028',
  '\u00a0\u07ff\u0800\uffff',
  'x'.repeat(300),
  '\ufffd',
];
const ATTRS = [
  '',
  '"attrs":{"tag":"web","a b":"ž=1"},',
  '"attrs":{},',
  '"attrs":{"time":"x","log":"y"},',
  '"attrs":{"\\"time\\":\\"":"z"},',
  '"attrs":{"long":"' + 'v'.repeat(500) + '"},',
];
const FRACTIONS = ['', '.5', '.123456789', '.100', '.000000001', '.1234567891'];

/** A line as json-file's writers write it, or nearly: `odd` says how often it is otherwise. */
function lineOf(next: (below: number) => number, odd: number): Buffer {
  const pick = <T>(list: readonly T[]): T => list[next(list.length)] as T;
  const escaped = JSON.stringify(pick(TEXTS) + (next(4) === 0 ? '' : '\n')).replace(
    /[<>&\u2028\u0007]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  const time = `2024-05-01T10:00:0${next(10)}${pick(FRACTIONS)}${next(9) === 0 ? '+02:00' : 'Z'}`;
  const text = `{"log":${escaped},"stream":"${pick(['stdout', 'stderr'])}",${next(3) === 0 ? pick(ATTRS) : ''}"time":"${time}"}`;
  if (next(100) >= odd) return Buffer.from(`${text}\n`);
  switch (next(9)) {
    case 0:
      return Buffer.from(`${text.slice(0, next(text.length))}\n`); // torn
    case 1:
      return Buffer.from(`${JSON.stringify({ time, stream: 'stderr', log: 'in another order\n' })}\n`);
    case 2:
      return Buffer.from(`${text.slice(0, -1)},"log":"over"}\n`);
    case 3:
      return Buffer.from(`${text.replace('"log":"', '"log":"\\ud83d\\ude00\\u00e9\\/\\b\\f\\ud800')}\n`);
    case 4:
      return Buffer.from(`${text.replace(',"time"', ',"log":"","stream":"stderr","time"')}\n`);
    case 5:
      return Buffer.from(` ${text.replaceAll(':', ' : ')}\r\n`);
    case 6:
      return Buffer.from(`${text.replace('"}', '","time":"2024-05-01T10:00:03\\u005a"}')}\n`);
    default: {
      // One byte is another one, which may make it no line, two lines, or no UTF-8.
      const bytes = Buffer.from(`${text}\n`);
      bytes[next(bytes.length - 1)] = pick([next(256), 0x22, 0x5c, 0xff, 0x0a, 0x1f, 0xc3]);
      return bytes;
    }
  }
}

it.each([0, 3, 30, 90])('sends of lines, %i in 100 of them odd, what they say when they are parsed', (odd) => {
  const next = random(odd + 7);
  const [since, until] = [nanosOf('2024-05-01T10:00:02.5Z'), nanosOf('2024-05-01T10:00:08Z')];
  for (let round = 0; round < 12; round++) {
    const lines = Array.from({ length: 60 }, () => lineOf(next, odd));
    const all = Buffer.concat(lines);
    for (const form of forms(since, until)) {
      const [quick, slow] = [quickly(lines, form, 1 + next(lines.length)), slowly(all, form)];
      if (!quick.equals(slow)) expect([form, quick.toString('latin1')]).toEqual([form, slow.toString('latin1')]);
    }
  }
});

it('holds long lines, and details that are longer than their line', () => {
  const long = Buffer.from(
    `${JSON.stringify({ log: `${'ž\u0001'.repeat(200_000)}\n`, stream: 'stdout', time: '2024-05-01T10:00:00Z' })}\n`,
  );
  const detailed = Buffer.from(`{"log":"","stream":"stdout","attrs":{"a":"${'ž'.repeat(3000)}"},"time":"2024-05-01T10:00:00Z"}\n`);
  const [form] = forms(0n, 0n).filter(({ tty, timestamps, details, since, until }) => !tty && timestamps && details && since === until);
  if (form === undefined) throw new Error('no form');
  const lines = [long, ...Array.from({ length: 40 }, () => detailed), long];
  expect(quickly(lines, form, 100).equals(slowly(Buffer.concat(lines), form))).toBe(true);
});

it('makes no object for a line: 20 MB of them in one buffer each time', () => {
  const lines = Buffer.from(`{"log":"${'x'.repeat(99)}\\n","stream":"stdout","time":"2024-05-01T10:00:00.123456789Z"}\n`.repeat(1000));
  const form = { stdout: true, stderr: true, tty: false, timestamps: false, details: false };
  const parse = jest.spyOn(JSON, 'parse');
  try {
    const frames = new LogFrames(form);
    for (let i = 0; i < 100; i++) expect(frames.of(lines)).toHaveLength(1);
    expect(parse).toHaveBeenCalledTimes(1); // what is the same in all of them
  } finally {
    parse.mockRestore();
  }
});
