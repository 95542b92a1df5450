import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unavailable } from '@gantry/rpc';
import { waitOut } from './wait-out';

let folder: string;
let server: Server | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gantry-wait-'));
});
afterEach(async () => {
  if (server !== undefined) await new Promise((resolve) => server?.close(resolve));
  server = undefined;
  rmSync(folder, { recursive: true });
});

/** A connection to a service that answers when it is asked for the second time. */
function late() {
  const waits: number[] = [];
  const ready = async (ms: number): Promise<void> => {
    waits.push(ms);
    if (waits.length === 1) throw unavailable('nobody answers');
  };
  return { connection: { socketPath: join(folder, 's.sock'), ready }, waits };
}

test('a service whose socket is held is waited for longer', async () => {
  const { connection, waits } = late();
  const held = createServer((socket) => socket.destroy());
  server = held;
  await new Promise<void>((resolve) => held.listen(connection.socketPath, resolve));
  await waitOut(connection, { gone: 10, held: 70 });
  expect(waits).toEqual([10, 60]);
});

test('one whose socket is gone is not', async () => {
  const { connection, waits } = late();
  await expect(waitOut(connection, { gone: 10, held: 70 })).rejects.toMatchObject({ kind: 'unavailable' });
  expect(waits).toEqual([10]);
});
