import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** What a client of the API asks to stream. */
export interface Asked {
  readonly verb: 'exec' | 'attach' | 'portforward';
  readonly pod: string;
  readonly command: string[];
  readonly flags: { readonly tty: boolean; readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean };
}

export interface ApiServerOptions {
  /** The address at which a request's streams are served, as a kubelet asks its runtime for it. */
  readonly addressOf: (asked: Asked) => string | Promise<string>;
  /** The way to that address; by default it is on this host. */
  readonly reach?: (address: URL) => Socket;
  /** The containers of its pods have a terminal. */
  readonly tty?: boolean;
}

const resources = ['pods', 'pods/exec', 'pods/attach', 'pods/portforward'].map((name) => ({
  name,
  singularName: '',
  namespaced: true,
  kind: 'Pod',
  verbs: ['get', 'create'],
}));

/** What kubectl asks before it streams. */
const answers: Readonly<Record<string, object>> = {
  '/api': { kind: 'APIVersions', versions: ['v1'] },
  '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups: [] },
  '/api/v1': { kind: 'APIResourceList', groupVersion: 'v1', resources },
};

const onThisHost = ({ port, hostname }: URL): Socket => connect(Number(port), hostname);

/**
 * As much of a Kubernetes API server as kubectl needs for exec, attach and port-forward: every pod is there and has one container, and a
 * request to stream is passed on, byte for byte, to the address that is given for it.
 */
export async function startApiServer({ addressOf, reach = onThisHost, tty = false }: ApiServerOptions) {
  const open = new Set<Duplex>();
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '', 'http://x').pathname;
    const [, pod] = /^\/api\/v1\/namespaces\/default\/pods\/([a-z0-9-]+)$/.exec(path) ?? [];
    const answer = pod === undefined ? answers[path] : podOf(pod, tty);
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 404 }));
  });
  const join = (request: IncomingMessage, near: Duplex, { head, address }: { readonly head: Buffer; readonly address: string }): void => {
    const target = new URL(address);
    const far = reach(target);
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
    far.write(`${request.method} ${target.pathname} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
    far.write(head);
    near.pipe(far);
    far.pipe(near);
  };
  server.on('upgrade', (request, near, head) => {
    near.on('error', () => near.destroy());
    Promise.resolve(askedBy(request))
      .then(addressOf)
      .then(
        (address) => join(request, near, { head, address }),
        () => near.destroy(),
      );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      for (const each of open) each.destroy();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function askedBy(request: IncomingMessage): Asked {
  const { pathname, searchParams: query } = new URL(request.url ?? '', 'http://x');
  const [, pod = '', verb = ''] = /pods\/([a-z0-9-]+)\/([a-z]+)$/.exec(pathname) ?? [];
  const flag = (name: string): boolean => query.get(name) === 'true';
  const flags = { tty: flag('tty'), stdin: flag('stdin'), stdout: flag('stdout'), stderr: flag('stderr') };
  return { verb: verb as Asked['verb'], pod, command: query.getAll('command'), flags };
}

const podOf = (name: string, tty: boolean): object => ({
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: { name, namespace: 'default' },
  spec: { containers: [{ name: 'main', image: 'image', stdin: true, tty }] },
  status: { phase: 'Running', containerStatuses: [{ name: 'main', ready: true, state: { running: {} } }] },
});
