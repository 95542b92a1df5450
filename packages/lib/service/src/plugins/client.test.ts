import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PluginClient } from './client';

async function answered(text: string): Promise<unknown> {
  const server = createServer((_request, response) => response.end(text)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return await new PluginClient('p', { url }).ask('Kind.Verb', {});
  } finally {
    server.close();
  }
}

test.each([
  ['{"A": 1}\n', { A: 1 }],
  ['{\n"A": 1\n}', { A: 1 }],
  ['{"Err": "none"}\n{"A": 1}\n', { Err: 'none' }],
  ['null', {}],
  ['', {}],
])('the answer %j', async (text, answer) => {
  expect(await answered(text)).toEqual(answer);
});

test.each(['[]', 'ready', '"x"'])('%j is no answer', async (text) => {
  await expect(answered(text)).rejects.toThrow('plugin p: Kind.Verb was answered with what is no JSON object');
});
