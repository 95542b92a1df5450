import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publishSocket, retractSocket } from '@gantry/rpc';
import { listenEarly } from './early-hosts';

let folder = '';
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'early-'))));
afterAll(() => rmSync(folder, { recursive: true }));

test('whoever calls before the server is there waits, and is answered by it', async () => {
  const path = join(folder, 'a.sock');
  await listenEarly([`unix://${path}`]);
  const answer = new Promise<string>((resolve, reject) => {
    const early = connect(path);
    early.once('data', (bytes) => resolve(String(bytes))).once('error', reject);
  });
  const server = createServer((socket) => socket.end('here'));
  await publishSocket(path, 0o660, (place) => new Promise((resolve) => void server.listen({ ...place }, resolve)));
  expect(await answer).toBe('here');
  await retractSocket(path);
  expect(existsSync(path)).toBe(false);
  await new Promise((resolve) => server.close(resolve));
});

test('a start that fails leaves no name, and what cannot be known ahead waits', async () => {
  const path = join(folder, 'b.sock');
  const unlisten = await listenEarly(['fd://', 'tcp://localhost:0', `unix://${path}`]);
  expect(existsSync(path)).toBe(true);
  await unlisten();
  expect(existsSync(path)).toBe(false);
});
