import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { StreamingServer } from '../index';

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

/**
 * As much of a Kubernetes API server as kubectl needs for exec, attach and port-forward: every pod is there and has one container, and a
 * request to stream is passed on, byte for byte, to the address that the streaming server gives for it.
 */
export async function startApiServer(streaming: StreamingServer, { tty = false } = {}) {
  const sockets = new Set<Duplex>();
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '', 'http://x').pathname;
    const [, pod] = /^\/api\/v1\/namespaces\/default\/pods\/([a-z0-9]+)$/.exec(path) ?? [];
    const answer = pod === undefined ? answers[path] : podOf(pod, tty);
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 404 }));
  });
  server.on('upgrade', (request, socket, head) => {
    const target = new URL(addressFor(streaming, request));
    const far: Socket = connect(Number(target.port), target.hostname);
    for (const [from, to] of [
      [socket, far],
      [far, socket],
    ] as const) {
      sockets.add(from);
      from
        .on('error', () => undefined)
        .once('close', () => {
          sockets.delete(from);
          to.destroy();
        });
    }
    const lines = request.rawHeaders.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${request.rawHeaders[index + 1]}`] : []));
    far.write(`${request.method} ${target.pathname} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
    far.write(head);
    socket.pipe(far);
    far.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** The address at which a request's streams are served, as a kubelet asks its runtime for it. */
function addressFor(streaming: StreamingServer, request: IncomingMessage): string {
  const { pathname, searchParams: query } = new URL(request.url ?? '', 'http://x');
  const [, pod = '', verb] = /pods\/([a-z0-9]+)\/([a-z]+)$/.exec(pathname) ?? [];
  const flag = (name: string): boolean => query.get(name) === 'true';
  const wishes = { containerId: pod, tty: flag('tty'), stdin: flag('stdin'), stdout: flag('stdout'), stderr: flag('stderr') };
  if (verb === 'exec') return streaming.exec({ ...wishes, command: query.getAll('command') });
  return verb === 'attach' ? streaming.attach(wishes) : streaming.portForward({ podSandboxId: pod, ports: [] });
}

const podOf = (name: string, tty: boolean): object => ({
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: { name, namespace: 'default' },
  spec: { containers: [{ name: 'main', image: 'image', stdin: true, tty }] },
  status: { phase: 'Running', containerStatuses: [{ name: 'main', ready: true, state: { running: {} } }] },
});
