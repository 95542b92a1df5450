import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { JsonLines } from './lines';

let close = async (): Promise<void> => undefined;
afterEach(() => close());

/** One request over a real connection, whose client reads nothing until it is told. */
async function exchange(): Promise<{ response: ServerResponse; reader: IncomingMessage }> {
  const folder = mkdtempSync(join(tmpdir(), 'lines-'));
  const path = join(folder, 's');
  const served = Promise.withResolvers<ServerResponse>();
  const server = createServer((_request, response) => served.resolve(response));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const answered = new Promise<IncomingMessage>((resolve) => get({ socketPath: path, agent: false }, resolve));
  const response = await served.promise;
  new JsonLines({ response }).open();
  close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  };
  return { response, reader: await answered };
}

const listeners = (response: ServerResponse): Record<string, number> =>
  Object.fromEntries(response.eventNames().map((name) => [String(name), response.listenerCount(name)]));

test('a client that reads slowly costs no listener a line', async () => {
  const { response, reader } = await exchange();
  const lines = new JsonLines({ response });
  const before = listeners(response);
  const text = 'x'.repeat(1024 * 1024);
  let waited = 0;
  for (let i = 0; i < 60; i++) {
    const written = lines.write({ text });
    if (response.writableNeedDrain) waited++;
    setImmediate(() => reader.resume());
    await written;
    reader.pause();
  }
  expect(waited).toBeGreaterThan(20);
  expect(listeners(response)).toEqual(before);
});

test('a client that goes away ends the waiting', async () => {
  const { response, reader } = await exchange();
  const lines = new JsonLines({ response });
  reader.on('error', () => undefined);
  setImmediate(() => reader.destroy());
  await expect(
    (async () => {
      for (;;) await lines.write({ text: 'x'.repeat(1024 * 1024) });
    })(),
  ).rejects.toMatchObject({ kind: 'cancelled' });
});
