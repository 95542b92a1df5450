import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Way } from './streams';

/** What a client of the API asks to stream. */
export interface Asked {
  readonly verb: 'exec' | 'attach' | 'portforward';
  readonly pod: string;
  readonly command: string[];
  readonly flags: { readonly tty: boolean; readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean };
}

const resources = ['pods', 'pods/exec', 'pods/attach', 'pods/portforward'].map((name) => ({
  name,
  singularName: '',
  namespaced: true,
  kind: 'Pod',
  verbs: ['get', 'create'],
}));
const answers: Readonly<Record<string, object>> = {
  '/api': { kind: 'APIVersions', versions: ['v1'] },
  '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups: [] },
  '/api/v1': { kind: 'APIResourceList', groupVersion: 'v1', resources },
};

/** As much of an API server and a kubelet as kubectl needs to stream: bytes are passed on to the address that the runtime gives. */
export async function startKubeApi(way: Way, addressOf: (asked: Asked) => Promise<string>, tty = false) {
  const open = new Set<Duplex>();
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '', 'http://x').pathname;
    const [, name] = /^\/api\/v1\/namespaces\/default\/pods\/([a-z0-9-]+)$/.exec(path) ?? [];
    const answer = name === undefined ? answers[path] : podOf(name, tty);
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 404 }));
  });
  server.on('upgrade', (request, near, head) => {
    const { pathname, searchParams: query } = new URL(request.url ?? '', 'http://x');
    const [, pod = '', verb = ''] = /pods\/([a-z0-9-]+)\/([a-z]+)$/.exec(pathname) ?? [];
    const flag = (name: string): boolean => query.get(name) === 'true';
    const flags = { tty: flag('tty'), stdin: flag('stdin'), stdout: flag('stdout'), stderr: flag('stderr') };
    near.on('error', () => near.destroy());
    addressOf({ verb: verb as Asked['verb'], pod, command: query.getAll('command'), flags }).then(
      (url) => {
        const far = way.connect();
        for (const [from, to] of [
          [near, far],
          [far, near],
        ] as const) {
          open.add(from);
          from
            .on('error', () => undefined)
            .once('close', () => {
              open.delete(from);
              to.destroy();
            });
        }
        const lines = request.rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${request.rawHeaders[at + 1]}`] : []));
        far.write(`${request.method} ${new URL(url).pathname} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
        far.write(head);
        near.pipe(far);
        far.pipe(near);
      },
      () => near.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      for (const each of open) each.destroy();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const podOf = (name: string, tty: boolean): object => ({
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: { name, namespace: 'default' },
  spec: { containers: [{ name: 'main', image: 'image', stdin: true, tty }] },
  status: { phase: 'Running', containerStatuses: [{ name: 'main', ready: true, state: { running: {} } }] },
});
