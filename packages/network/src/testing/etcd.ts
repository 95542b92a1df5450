import { type ChildProcess, execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { eventually, type TestHost } from './host';

/** What networks of several engines need here: root, etcd's server, and a kernel with VXLAN. Says which is missing. */
export function whatOverlaysLack(): string | undefined {
  if (process.getuid?.() !== 0) return 'root';
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  if (!folders.some((folder) => canRun(join(folder, 'etcd')))) return "etcd's server (package etcd-server)";
  try {
    const link = ['link', 'add', 'gantry-probe', 'type', 'vxlan', 'id', '1', 'dstport', '4789'];
    execFileSync('unshare', ['-n', 'ip', ...link], { stdio: 'ignore' });
  } catch {
    return 'a kernel with VXLAN (module vxlan)';
  }
  return undefined;
}

function canRun(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** etcd on the host's side, as a process that a test may end and start again on the same data. */
export class TestEtcd {
  readonly endpoint: string;
  #process: ChildProcess | undefined;

  constructor(
    private readonly host: TestHost,
    address: string,
  ) {
    this.endpoint = `http://${address.includes(':') ? `[${address}]` : address}:2379`;
  }

  async start(): Promise<void> {
    const peers = 'http://127.0.0.1:2380';
    const data = join(this.host.directory, 'etcd');
    const urls = ['--listen-client-urls', this.endpoint, '--advertise-client-urls', this.endpoint, '--listen-peer-urls', peers];
    const member = ['--initial-advertise-peer-urls', peers, '--initial-cluster', `default=${peers}`];
    this.#process = this.host.start('etcd', '--data-dir', data, '--logger', 'zap', '--log-level', 'error', ...urls, ...member);
    await eventually(async () => {
      if (!(await (await fetch(`${this.endpoint}/health`)).text()).includes('true')) throw new Error('etcd is not ready');
    });
  }

  async kill(): Promise<void> {
    const ended = new Promise((resolve) => this.#process?.once('exit', resolve));
    this.#process?.kill('SIGKILL');
    await ended;
  }
}
