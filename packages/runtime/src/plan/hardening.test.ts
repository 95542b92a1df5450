/** The C program from outside: bytes of any kind, the sanitizers, valgrind, and how it was linked. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { constants, gzipSync } from 'node:zlib';
import { compileCreate } from '../compile/create';
import { compileExec } from '../compile/exec';
import { dockerLikeSpec, missingForContainers, nativeBinary } from '../testing/container';
import { Box } from '../testing/harness';

jest.setTimeout(180_000);
const has = (tool: string) => spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0;
const sanitizers =
  spawnSync('sh', ['-c', "echo 'int main(void){return 0;}' | cc -x c -fsanitize=address,undefined -o /dev/null -"]).status === 0;
const work = join(tmpdir(), `gantry-hardening-${process.pid}`);
beforeAll(() => mkdirSync(work));
const seconds = process.env['GANTRY_FUZZ_SECONDS'] ?? (process.env['GANTRY_TEST_ALL'] ? '30' : '2');
afterAll(() => {
  rmSync(work, { recursive: true, force: true });
});

const spec = dockerLikeSpec(['sh', '-c', 'true']);
const exec = { pid: 1, startTime: 1n, spec };
const plans = (): string[] => {
  const list = [
    compileCreate(spec, { id: 'x', bundle: '/b' }).plan,
    compileExec({ user: { uid: 0, gid: 0 }, cwd: '/', args: ['true'] }, exec, { id: 'x' }).plan,
  ];
  return list.map((plan, i) => {
    const path = join(work, `plan-${i}`);
    writeFileSync(path, plan);
    return path;
  });
};
const requests = (): string[] =>
  [
    '{"op":"resize","width":80,"height":24}',
    '{"op":"attach","stdin":true,"stdout":true}',
    '{"op":"signal","signal":15}',
    '{"op":"\\u0073tart"}',
    '{"op":"ended","exit_code":1,"exited_at":"2020-01-01T00:00:00Z","oom":true}',
    '0:100000:65536,65536:7:1',
    '\x04argv\x08\0\0\0ls\0-l\0a\0\0',
  ].map((text, i) => {
    const path = join(work, `request-${i}`);
    writeFileSync(path, text);
    return path;
  });

const streams = (): string[] =>
  [{ level: 0 }, { level: 1 }, { level: 9 }, { strategy: constants.Z_FIXED }, { strategy: constants.Z_HUFFMAN_ONLY }].map((options, i) => {
    const path = join(work, `stream-${i}`);
    const text = Array.from({ length: 3000 }, (_, at) => `line ${(at * 2654435761) % 997}\n`).join('');
    writeFileSync(path, Buffer.concat([gzipSync(text, options), gzipSync(text.slice(0, 99), options)]));
    return path;
  });

/** Frames of a client that sends contents of files (packages/native/session). */
const sessions = (): string[] => {
  const frame = (stream: number, payload: Buffer, flags = 0): Buffer => {
    const head = Buffer.from([0, 0, payload.length, 0, flags, 0, 0, 0, stream]);
    return Buffer.concat([head, payload]);
  };
  const message = (...bytes: number[]): Buffer => Buffer.from([0, 0, 0, 0, bytes.length, ...bytes]);
  const content = (id: number, size: number): Buffer =>
    message(8, 2, 0x18, id, ...(size > 0 ? [0x22, size, ...Buffer.alloc(size, 7)] : []));
  const path = join(work, 'session-0');
  const padded = Buffer.concat([Buffer.from([3]), content(2, 100), Buffer.alloc(3)]);
  const frames = [
    frame(3, Buffer.concat([content(1, 20), message(0x12, 2, 1, 2), content(1, 0)])),
    frame(3, padded, 8),
    frame(5, content(1, 3)),
    frame(3, content(2, 0).subarray(0, 4)),
    frame(3, content(2, 0).subarray(4), 1),
  ];
  writeFileSync(path, Buffer.concat(frames));
  return [path];
};

(sanitizers ? describe : describe.skip)(`under the sanitizers${sanitizers ? '' : ' [needs a C compiler with them]'}`, () => {
  beforeAll(() => {
    const { status, stderr } = spawnSync('make', ['-s', '-C', join(__dirname, '../../../native/fuzz'), `OUT=${work}`], {
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
  });

  test.each([
    ['plan', plans],
    ['request', requests],
    ['inflate', streams],
    ['session', sessions],
  ] as const)('%ss of any bytes are read or refused', (name, seeds) => {
    const { status, stdout, stderr } = spawnSync(join(work, `fuzz-${name}`), [seconds, '20261', ...seeds()], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
    expect(Number(stdout.split(' ')[0])).toBeGreaterThanOrEqual(1000);
  });

  (missingForContainers() === undefined ? test : test.skip)('containers live and end', async () => {
    const program = join(work, 'gantry-native');
    const { status, stderr } = spawnSync(
      'make',
      ['-s', '-C', join(__dirname, '../../../native'), '-j2', 'SANITIZE=1', `OUT=${program}`, `OBJ=${work}/objects`],
      { encoding: 'utf8' },
    );
    expect([status, stderr]).toEqual([0, '']);
    const box = new Box();
    try {
      const outcome = await box.run(dockerLikeSpec(['sh', '-c', 'hostname; id -u; exit 7']), { native: program });
      expect([outcome.stdout, outcome.stderr, outcome.code]).toEqual(['box\n0\n', '', 7]);
      const failed = await box.run(dockerLikeSpec(['/nope']), { native: program });
      expect([failed.stderr, failed.code]).toEqual(['', 127]);
    } finally {
      await box.close();
    }
  });
});

(has('valgrind') ? test : test.skip)(`valgrind sees no wrong access in the readers${has('valgrind') ? '' : ' [needs valgrind]'}`, () => {
  const out = join(work, 'plain');
  expect(
    spawnSync('make', ['-s', '-C', join(__dirname, '../../../native/fuzz'), 'PLAIN=1', `OUT=${out}`], { encoding: 'utf8' }).stderr,
  ).toBe('');
  for (const [name, seeds] of [
    ['plan', plans],
    ['request', requests],
    ['inflate', streams],
    ['session', sessions],
  ] as const) {
    const { status, stderr } = spawnSync(
      'valgrind',
      ['-q', '--error-exitcode=99', '--leak-check=full', join(out, `fuzz-${name}`), '0', '7', ...seeds()],
      { encoding: 'utf8' },
    );
    expect([status, stderr]).toEqual([0, '']);
  }
});

(existsSync(nativeBinary) && has('readelf') ? test : test.skip)('is linked with what hardens it', () => {
  const { stdout } = spawnSync('readelf', ['-lhdW', nativeBinary], { encoding: 'utf8' });
  expect(stdout).toMatch(/Type:\s+DYN/); /* position independent */
  expect(stdout).toMatch(/GNU_RELRO/);
  expect(stdout).toMatch(/GNU_STACK.*RW /);
  expect(stdout).not.toMatch(/INTERP|NEEDED/); /* static */
  expect(stdout).toMatch(/BIND_NOW|FLAGS_1.*NOW/);
});
