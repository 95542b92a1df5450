import { randomBytes } from 'node:crypto';
import type { ChildProcess } from 'node:child_process';
import type { ConnectRequest, Endpoint, PortRequest } from '@gantry/api/gantry/network/v1/network';
import type { NetworkConfig } from '../config';
import { TestHost, runProgram, type TestSandbox } from './host';
import { connectRequest, context, startTestService, type TestService } from './service';

/** A host in a namespace of its own with the service on it, both new for each test; and what tests ask of them. */
export class World {
  host!: TestHost;
  service!: TestService;

  async start(change: Partial<NetworkConfig> = {}): Promise<void> {
    this.service = await startTestService(this.host.directory, change);
  }

  /** The service's death and its next life, with the same configuration. */
  async restart(): Promise<void> {
    await this.service.stop();
    await this.start(this.service.config);
  }

  /** Connects a sandbox, under an id of its own and to the default bridge where nothing else is said. */
  readonly join = async (sandbox: TestSandbox, change: Partial<ConnectRequest> = {}): Promise<Endpoint> => {
    const request = connectRequest({ sandboxId: newId(), netnsPath: sandbox.path, ...change });
    const { endpoint } = await this.service.client.connect(context(), request);
    if (endpoint === undefined) throw new Error('no endpoint');
    return endpoint;
  };
}

/** To be called by a suite: its tests have a world each, prepared by what it gives. */
export function newWorlds(prepare: (host: TestHost) => Promise<Partial<NetworkConfig>> = () => Promise.resolve({})): World {
  const world = new World();
  beforeEach(async () => {
    world.host = new TestHost();
    await world.start(await prepare(world.host));
  });
  afterEach(async () => {
    await world.service.stop();
    await world.host.close();
  });
  return world;
}

/** Port 80 of a container, published. */
export const tcp = (hostPort: number, change: Partial<PortRequest> = {}): PortRequest => ({
  protocol: 'tcp',
  containerPort: 80,
  hostIp: '',
  hostPort,
  hostPortEnd: 0,
  ...change,
});

/** An id as containers have. */
export const newId = (): string => randomBytes(32).toString('hex');

/** Answers each connection to a port with a word. */
export const serve = (sandbox: TestSandbox, port: number, word: string, family: '' | '6' = ''): ChildProcess =>
  sandbox.start('socat', `TCP${family}-LISTEN:${port},fork,reuseaddr${family === '' ? '' : ',ipv6only'}`, `SYSTEM:echo ${word}`);

/** What a server says, to the host or to a sandbox. */
export async function ask(from: TestSandbox | undefined, address: string, port: number): Promise<string> {
  const peer = `TCP:${address.includes(':') ? `[${address}]` : address}:${port},connect-timeout=1`;
  return (await (from === undefined ? runProgram('socat', '-u', peer, '-') : from.run('socat', '-u', peer, '-'))).trim();
}

export const ping = (from: TestSandbox, address: string): Promise<string> => from.run('busybox', 'ping', '-c1', '-W1', address);
