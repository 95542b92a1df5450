import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { holdUntilTaken } from './hold';
import { closeClient } from './splice';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hold-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** Both ends of a unix connection; the client does not read yet. */
async function pair(): Promise<{ client: Socket; served: Socket; close(): void }> {
  const server = createServer({ pauseOnConnect: true });
  server.listen(join(dir, 's'));
  await once(server, 'listening');
  const client = connect({ path: join(dir, 's') }).pause();
  const [served] = (await once(server, 'connection')) as [Socket];
  return {
    client,
    served,
    close() {
      client.destroy();
      served.destroy();
      server.close();
    },
  };
}

test('output follows the head only when the client has read the head', async () => {
  const { client, served, close } = await pair();
  try {
    served.write('head');
    holdUntilTaken(served, 60_000);
    served.write('output');
    const reads: string[] = [];
    client.on('data', (chunk: Buffer) => reads.push(chunk.toString()));
    client.resume();
    while (reads.join('') !== 'headoutput') await once(client, 'data');
    expect(reads).toEqual(['head', 'output']);
  } finally {
    close();
  }
});

test('an end behind the output does not let it go before the client has read the head', async () => {
  const { client, served, close } = await pair();
  try {
    served.write('head');
    holdUntilTaken(served, 60_000);
    served.write('output');
    closeClient(served);
    const reads: string[] = [];
    client.on('data', (chunk: Buffer) => reads.push(chunk.toString()));
    client.resume();
    await once(client, 'end');
    expect(reads).toEqual(['head', 'output']);
  } finally {
    close();
  }
});

test('a client that does not read its answer does not keep the rest back for ever', async () => {
  const { client, served, close } = await pair();
  try {
    served.write('head');
    holdUntilTaken(served);
    await new Promise((resolve) => served.write('output', resolve));
    expect(served.writableLength).toBe(0);
    client.resume();
  } finally {
    close();
  }
});
