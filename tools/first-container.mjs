// Loads busybox into an engine and runs a container, through the Docker Engine API and nothing else.
// Usage: first-container.mjs SOCKET [--remove-all]
import { createReadStream, rmSync } from 'node:fs';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';
import { makeImage } from './make-image.mjs';

const [socketPath, verb] = process.argv.slice(2);
const docker = new Docker({ socketPath });

async function ready() {
  const end = Date.now() + 60_000;
  for (;;) {
    try {
      return await docker.ping();
    } catch (error) {
      if (Date.now() > end) throw new Error(`no engine answers at ${socketPath}: ${error.message}`);
      await sleep(50);
    }
  }
}

async function removeAll() {
  for (const { Id } of await docker.listContainers({ all: true })) await docker.getContainer(Id).remove({ force: true, v: true });
  const networks = await docker.listNetworks();
  for (const { Id, Name } of networks) if (!['bridge', 'host', 'none'].includes(Name)) await docker.getNetwork(Id).remove();
}

async function firstContainer() {
  const images = await docker.listImages({ filters: { reference: ['busybox:latest'] } });
  if (images.length === 0) {
    const archive = `${socketPath}.busybox.tar`;
    await makeImage({ out: archive });
    const progress = await docker.loadImage(createReadStream(archive));
    progress.resume();
    await once(progress, 'end');
    rmSync(archive);
  }
  const output = new PassThrough();
  output.pipe(process.stdout);
  // No AutoRemove: dockerode asks for the exit code after the start, when a short container could be gone already.
  const [result, container] = await docker.run(
    'busybox',
    ['sh', '-c', 'echo "Hello from a container: $(uname -sr), pid $$, $(ip -4 -o addr show eth0 | tr -s " " | cut -d" " -f4)"'],
    output,
    {},
  );
  await container.remove({ v: true });
  if (result.StatusCode !== 0) throw new Error(`the container ended with ${result.StatusCode}`);
}

try {
  await ready();
  await (verb === '--remove-all' ? removeAll() : firstContainer());
} catch (error) {
  console.error(`tools/first-container.mjs: ${error.message}`);
  process.exitCode = 1;
}
