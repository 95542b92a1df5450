import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { newContext } from '@gantry/rpc';
import { call } from './http';

test('a server that is not reached is told in the words of docker, without what stands behind its path', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const asked = call(newContext(), { method: 'PUT', url: new URL(`http://127.0.0.1:${port}/b/one?signature=secret`), headers: {} });
  await expect(asked).rejects.toThrow(
    new RegExp(`^PUT http://127\\.0\\.0\\.1:${port}/b/one: dial tcp 127\\.0\\.0\\.1:${port}: connect: connection refused$`),
  );
});

test('so is a name that nobody knows', async () => {
  const url = new URL('http://nobody.invalid/b');
  await expect(call(newContext(), { method: 'GET', url, headers: {} })).rejects.toThrow(/dial tcp: lookup nobody\.invalid: /);
});
