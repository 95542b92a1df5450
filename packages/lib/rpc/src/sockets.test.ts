import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publishSocket } from './private-socket';
import { checkSocketPath, shortSocketPath } from './short-socket';

let dir: string;
const servers: Server[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sock-'));
});
afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
  rmSync(dir, { recursive: true });
});

function listenAt(path: string, mode = 0o600): Promise<void> {
  const server = createServer();
  servers.push(server);
  return publishSocket(path, mode, (place) => new Promise((resolve) => server.listen(place, resolve)));
}

test('a path longer than the kernel takes is refused, not cut', () => {
  expect(checkSocketPath(`/${'x'.repeat(106)}`)).toHaveLength(107);
  expect(() => checkSocketPath(`/${'x'.repeat(107)}`)).toThrow(/108 bytes/);
  expect(() => checkSocketPath(`/${'ü'.repeat(60)}`)).toThrow(/121 bytes/);
  expect(() => checkSocketPath('relative')).toThrow(/not absolute/);
});

test('short names are stable and differ', () => {
  expect(shortSocketPath('/run/gantry', 'a'.repeat(64))).toMatch(/^\/run\/gantry\/s\/[0-9a-f]{16}$/);
  expect(shortSocketPath('/r', 'a')).toBe(shortSocketPath('/r', 'a'));
  expect(shortSocketPath('/r', 'a')).not.toBe(shortSocketPath('/r', 'b'));
});

test('the socket appears with its mode and nothing stays beside it', async () => {
  const path = join(dir, 'x.sock');
  const seen: number[] = [];
  const watcher = setInterval(() => existsSync(path) && seen.push(statSync(path).mode & 0o777), 0);
  await listenAt(path, 0o640);
  clearInterval(watcher);
  expect(statSync(path).mode & 0o777).toBe(0o640);
  expect(seen.every((mode) => mode === 0o640)).toBe(true);
  expect(readdirSync(dir)).toEqual(['x.sock']);
  await new Promise<void>((resolve, reject) =>
    connect(path)
      .once('connect', function (this: ReturnType<typeof connect>) {
        this.destroy();
        resolve();
      })
      .once('error', reject),
  );
});

test('a dead socket is replaced, a live one and a file are not', async () => {
  const path = join(dir, 'x.sock');
  await listenAt(path);
  await expect(listenAt(path)).rejects.toMatchObject({ kind: 'conflict' });
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
  expect(existsSync(path)).toBe(true); // nobody removed the name: it is dead now
  await listenAt(path);
  writeFileSync(join(dir, 'file'), 'precious');
  await expect(listenAt(join(dir, 'file'))).rejects.toMatchObject({ kind: 'failedPrecondition' });
  mkdirSync(join(dir, 'd'));
  await expect(listenAt(join(dir, 'missing/x.sock'))).rejects.toMatchObject({ code: 'ENOENT' });
});

test('what a process left that died before its socket had its place is taken away, and what somebody is making is not', async () => {
  const [dead, alive, empty] = ['.00dead', '.00a11e', '.000000'].map((name) => join(dir, name)) as [string, string, string];
  for (const path of [dead, alive, empty]) mkdirSync(path);
  // bound by a process that is no more
  const gone = spawnSync(process.execPath, [
    '-e',
    "require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 9))",
    join(dead, 's'),
  ]);
  expect([gone.signal, existsSync(join(dead, 's'))]).toEqual(['SIGKILL', true]);
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(join(alive, 's'), resolve));
  await listenAt(join(dir, 'x.sock'));
  for (const end = Date.now() + 10_000; existsSync(dead) && Date.now() < end;) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(readdirSync(dir).sort()).toEqual(['.000000', '.00a11e', 'x.sock']);
});
