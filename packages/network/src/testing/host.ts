import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CLONE, syscalls } from '@gantry/linux';

const execute = promisify(execFile);

/** A process that holds a network namespace open. */
export interface TestSandbox {
  readonly pid: number;
  readonly path: string;
  /** Runs a program inside; its standard output. Throws when it fails. */
  run(...command: string[]): Promise<string>;
  start(...command: string[]): ChildProcess;
  end(): Promise<void>;
}

/**
 * A fresh network namespace that plays the host: the test's thread moves into it, so nothing on the machine changes. Processes started
 * meanwhile are in it too.
 */
export class TestHost {
  readonly #home = openSync('/proc/self/ns/net', 'r');
  readonly #children = new Set<ChildProcess>();
  readonly directory = mkdtempSync(join(tmpdir(), 'gantry-network-'));

  constructor() {
    syscalls.unshare(CLONE.NEWNET);
    for (const file of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding']) writeFileSync(`/proc/sys/net/${file}`, '0'); // a new namespace has the machine's values
    this.ip('link', 'set', 'lo', 'up');
  }

  ip(...args: string[]): string {
    return execFileSync('ip', args, { encoding: 'utf8' });
  }

  nft(...args: string[]): string {
    return execFileSync('nft', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  sysctl(name: string): string {
    return readFileSync(`/proc/sys/${name}`, 'utf8').trim();
  }

  start(...command: string[]): ChildProcess {
    const [program = '', ...args] = command;
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    this.#children.add(child);
    return child;
  }

  async sandbox(): Promise<TestSandbox> {
    const child = this.start('unshare', '-n', 'sleep', '1000');
    const pid = child.pid ?? 0;
    const own = readlinkSync('/proc/self/ns/net');
    while (readlinkSync(`/proc/${pid}/ns/net`) === own || !readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('sleep')) await delay(2);
    const enter = ['-t', String(pid), '-n'];
    return {
      pid,
      path: `/proc/${pid}/ns/net`,
      run: (...command) => runProgram('nsenter', ...enter, ...command),
      start: (...command) => this.start('nsenter', ...enter, ...command),
      end: async () => {
        child.kill('SIGKILL');
        if (child.exitCode === null && child.signalCode === null) await new Promise((resolve) => child.once('exit', resolve));
      },
    };
  }

  /** A machine next to the host: its namespace has `address` and reaches the host through `gateway`, which the host gets. */
  async neighbour(name: string, address: string, gateway: string): Promise<TestSandbox> {
    const sandbox = await this.sandbox();
    this.ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(sandbox.pid));
    this.ip('addr', 'add', `${gateway}/24`, 'dev', name);
    this.ip('link', 'set', name, 'up');
    await sandbox.run('ip', 'link', 'set', 'lo', 'up');
    await sandbox.run('ip', 'addr', 'add', `${address}/24`, 'dev', 'eth0');
    await sandbox.run('ip', 'link', 'set', 'eth0', 'up');
    await sandbox.run('ip', 'route', 'add', 'default', 'via', gateway);
    return sandbox;
  }

  /** Ends all children and goes home. */
  async close(): Promise<void> {
    for (const child of this.#children) {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await new Promise((resolve) => child.once('exit', resolve));
    }
    syscalls.setns(this.#home, CLONE.NEWNET);
    closeSync(this.#home);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** The service lives in this process too: whoever waits for a program must not block it. */
export async function runProgram(program: string, ...args: string[]): Promise<string> {
  const running = execute(program, args, { encoding: 'utf8' });
  running.child.stdin?.end();
  return (await running).stdout;
}

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Tries until it does not throw. */
export async function eventually<T>(task: () => T | Promise<T>, limitMs = 20_000): Promise<T> {
  const end = Date.now() + limitMs;
  for (;;) {
    try {
      return await task();
    } catch (error) {
      if (Date.now() > end) throw error;
      await delay(20);
    }
  }
}
