import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command, ended, until } from '../../../test-e2e/src/harness/command';

/** Debian's docker-registry on the loopback of one engine's network. */
export interface BenchRegistry {
  empty(): void;
  stop(): Promise<void>;
}

/** Several may serve one folder, each to the engine on its own network. */
export async function startRegistry(netns: string, port: number, data: string): Promise<BenchRegistry> {
  mkdirSync(data, { recursive: true });
  const config = join(data, '..', `registry-${netns}-${port}.yml`);
  writeFileSync(
    config,
    `version: 0.1\nstorage: {filesystem: {rootdirectory: ${data}}, delete: {enabled: true}}\nhttp: {addr: '127.0.0.1:${port}'}\nlog: {level: error}\n`,
  );
  const child: ChildProcess = spawn('nsenter', [`--net=/run/netns/${netns}`, 'docker-registry', 'serve', config], { stdio: 'ignore' });
  await until(
    'docker-registry to listen',
    async () => (await command('nsenter', [`--net=/run/netns/${netns}`, 'bash', '-c', `exec 3<>/dev/tcp/127.0.0.1/${port}`])).code === 0,
  );
  return {
    empty: () => rmSync(join(data, 'docker'), { recursive: true, force: true }),
    async stop() {
      child.kill();
      await ended(child);
    },
  };
}
