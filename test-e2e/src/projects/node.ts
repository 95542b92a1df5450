import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { tarOf } from '../builds/tar-of';
import { ended, until, type Engine } from '../harness';
import type { Project } from './project';

export const NODE_NAME = 'a service of Node with npm ci and a cache mount';

const PORT = 4873;
const TARBALL = `http://127.0.0.1:${PORT}/greeting-1.0.0.tgz`;

/** A package of npm, as a registry gives it. */
const packed = async (): Promise<Buffer> =>
  gzipSync(
    await tarOf({
      'package/': '',
      'package/package.json': JSON.stringify({ name: 'greeting', version: '1.0.0', main: 'index.js' }),
      'package/index.js': 'module.exports = (name) => `hello ${name}\\n`;\n',
    }),
  );

/** A service of Node whose one package comes from a registry that is there for the first build only. */
export async function nodeProject(): Promise<Project> {
  const integrity = `sha512-${createHash('sha512')
    .update(await packed())
    .digest('base64')}`;
  const about = { name: 'service', version: '1.0.0', dependencies: { greeting: '1.0.0' } };
  return {
    name: NODE_NAME,
    base: 'debian-node',
    packages: ['nodejs', 'npm'],
    files: {
      'package.json': `${JSON.stringify(about)}\n`,
      'package-lock.json': JSON.stringify({
        ...about,
        lockfileVersion: 3,
        packages: { '': about, 'node_modules/greeting': { version: '1.0.0', resolved: TARBALL, integrity } },
      }),
      'server.js': `const greeting = require('greeting');
require('node:http').createServer((asked, answer) => answer.end(greeting(asked.url.slice(1)))).listen(80);
`,
      Dockerfile: `FROM debian-node
WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm --network=host npm ci --no-audit --no-fund
COPY server.js .
CMD ["node", "server.js"]
`,
    },
    args: ['--allow', 'network.host'],
    answers: { '/there': 'hello there\n' },
  };
}

/** The registry, on the network that the engine calls its host's. */
export async function serveNpm(engine: Engine): Promise<{ stop(): Promise<void> }> {
  const folder = join(engine.folder, 'npm');
  mkdirSync(folder);
  writeFileSync(join(folder, 'greeting-1.0.0.tgz'), await packed());
  const at = ['busybox', 'httpd', '-f', '-p', `127.0.0.1:${PORT}`, '-h', folder];
  const child = spawn('nsenter', [`--net=/run/netns/${engine.netns}`, ...at], { stdio: 'ignore' });
  await until(
    'the registry to listen',
    async () => (await engine.onHost('busybox', ['nc', '-w', '1', '127.0.0.1', String(PORT)])).code === 0,
  );
  return {
    async stop() {
      child.kill();
      await ended(child);
    },
  };
}
