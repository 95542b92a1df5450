import type { ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { NetworkServiceService, type ConnectRequest, type Endpoint, type Network } from '@gantry/api/gantry/network/v1/network';
import { connect, type Connection, type ServiceClient } from '@gantry/rpc';
import { TestEtcd } from './etcd';
import { TestHost, type TestSandbox } from './host';
import { type OwnProcess, ownProcess } from './own-process';
import { connectRequest, context } from './service';
import { newId } from './world';

/** A network service on a host of its own. */
export class TestEngine {
  readonly #connection: Connection;
  readonly client: ServiceClient<NetworkServiceService>;
  #process: ChildProcess | undefined;

  constructor(
    readonly host: TestSandbox,
    private readonly service: OwnProcess,
  ) {
    this.#connection = connect(service.socketPath);
    this.client = this.#connection.client(NetworkServiceService);
  }

  async start(): Promise<void> {
    this.#process = this.service.start(this.host.pid);
    await this.#connection.ready(60_000);
  }

  async kill(): Promise<void> {
    const { pid, exitCode, signalCode } = this.#process ?? {};
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    const ended = new Promise((resolve) => this.#process?.once('exit', resolve));
    this.#process?.kill('SIGKILL');
    await ended;
    await this.#connection.lost(30_000);
  }

  async network(ref: string): Promise<Network> {
    const { network } = await this.client.getNetwork(context(), { ref });
    if (network === undefined) throw new Error('no network');
    return network;
  }

  async join(sandbox: TestSandbox, change: Partial<ConnectRequest>): Promise<Endpoint> {
    const request = connectRequest({ networkRef: 'n', sandboxId: newId(), netnsPath: sandbox.path, ...change });
    const { endpoint } = await this.client.connect(context(), request);
    if (endpoint === undefined) throw new Error('no endpoint');
    return endpoint;
  }

  /** Links of networks of several engines on its host. */
  async links(): Promise<string> {
    const lines = (await this.host.run('ip', '-br', 'link')).split('\n');
    return lines.filter((line) => /^(?:ov|vx)-/.test(line)).join('\n');
  }

  async close(): Promise<void> {
    await this.kill();
    this.#connection.close();
  }
}

/** Two hosts on one wire, each with an engine, and etcd beside them. */
export class TwoEngines {
  readonly wire = new TestHost();
  readonly engines: TestEngine[] = [];
  readonly etcd: TestEtcd;

  /** `build`: puts the service's program at a path. `prefix`: what addresses of the wire begin with, of either family. */
  constructor(
    private readonly build: (bundle: string) => void,
    private readonly prefix = '192.0.2.',
  ) {
    this.etcd = new TestEtcd(this.wire, this.#address(254));
  }

  /** `config`: further lines of the overlay part of both network.yaml. */
  async start(config: string): Promise<void> {
    const { wire, etcd } = this;
    wire.ip('link', 'add', 'wire0', 'type', 'bridge');
    wire.ip('addr', 'add', this.#block(254), 'dev', 'wire0', ...this.#flags);
    wire.ip('link', 'set', 'wire0', 'up');
    await etcd.start();
    const bundle = join(wire.directory, 'service.cjs');
    this.build(bundle);
    for (const number of [1, 2]) {
      const host = await wire.sandbox();
      wire.ip('link', 'add', `host${number}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(host.pid));
      wire.ip('link', 'set', `host${number}`, 'up', 'master', 'wire0');
      await host.run('ip', 'link', 'set', 'lo', 'up');
      await host.run('ip', 'addr', 'add', this.#block(number), 'dev', 'eth0', ...this.#flags);
      await host.run('ip', 'link', 'set', 'eth0', 'up');
      const directory = join(wire.directory, `engine${number}`);
      mkdirSync(directory);
      const yaml = `overlay:\n  endpoints: ["${etcd.endpoint}"]\n  name: engine${number}\n${config}`;
      const engine = new TestEngine(host, ownProcess(bundle, directory, yaml));
      this.engines.push(engine);
      await engine.start();
    }
  }

  get #flags(): string[] {
    return this.prefix.includes(':') ? ['nodad'] : [];
  }

  #address(number: number): string {
    return `${this.prefix}${number}`;
  }

  #block(number: number): string {
    return `${this.#address(number)}/${this.prefix.includes(':') ? 64 : 24}`;
  }

  async close(): Promise<void> {
    for (const engine of this.engines) await engine.close();
    await this.wire.close();
  }
}
