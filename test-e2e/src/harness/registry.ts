import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ended, until } from './command';
import type { Engine } from './engine';

/** Debian's docker-registry on the loopback of the engine's host. */
export interface Registry {
  /** host:port */
  readonly name: string;
  stop(): Promise<void>;
}

export interface RegistryOptions {
  /** Lines of an htpasswd file (bcrypt): only these users may come in. */
  htpasswd?: string;
}

/** Starts a registry; every call needs a port of its own within one engine. */
export async function startRegistry(
  engine: Pick<Engine, 'folder' | 'netns' | 'onHost'>,
  port = 5000,
  options: RegistryOptions = {},
): Promise<Registry> {
  const folder = join(engine.folder, `registry-${port}`);
  mkdirSync(folder);
  const config = join(folder, 'config.yml');
  if (options.htpasswd !== undefined) writeFileSync(join(folder, 'htpasswd'), options.htpasswd);
  const auth = options.htpasswd === undefined ? '' : `auth: {htpasswd: {realm: test, path: ${folder}/htpasswd}}\n`;
  writeFileSync(
    config,
    `${auth}version: 0.1\nstorage: {filesystem: {rootdirectory: ${folder}/data}, delete: {enabled: true}}\nhttp: {addr: '127.0.0.1:${port}'}\nlog: {level: error}\n`,
  );
  const child: ChildProcess = spawn('nsenter', [`--net=/run/netns/${engine.netns}`, 'docker-registry', 'serve', config], {
    stdio: 'ignore',
  });
  await until('the registry to listen', async () =>
    (
      await engine.onHost('busybox', ['nc', '-w', '1', '127.0.0.1', String(port)], { input: 'GET /v2/ HTTP/1.0\r\n\r\n' })
    ).stdout.startsWith('HTTP/1.'),
  );
  return {
    name: `127.0.0.1:${port}`,
    async stop() {
      child.kill();
      await ended(child);
    },
  };
}
