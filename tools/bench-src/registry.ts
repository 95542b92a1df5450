import { spawn, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Engine } from '../../test-e2e/src/harness/engine';

/** A registry at 127.0.0.1:5000 of the engine's host. */
export async function startRegistry(engine: Engine): Promise<ChildProcess> {
  const config = join(engine.folder, 'registry.yml');
  writeFileSync(
    config,
    `version: 0.1\nstorage: {filesystem: {rootdirectory: ${join(engine.folder, 'registry')}}, delete: {enabled: true}}\nhttp: {addr: '127.0.0.1:5000'}\nlog: {level: error}\n`,
  );
  const child = spawn('nsenter', [`--net=/run/netns/${engine.netns}`, 'docker-registry', 'serve', config], { stdio: 'ignore' });
  for (let i = 0; i < 200; i++) {
    if ((await engine.onHost('bash', ['-c', 'exec 3<>/dev/tcp/127.0.0.1/5000'])).code === 0) return child;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('docker-registry does not listen');
}
